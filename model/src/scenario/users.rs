//! `model = "closed"` of a `[[load]]`: users who are there instead of a rate of arrivals.

mod levels;

use std::ops::Range;

use crate::distribution::Distribution;
use crate::load::{Load, LoadModel, UserStep};
use crate::reading::delay;
use crate::reading::nearest::hint;
use crate::reading::reader::{Table, shorten};

const MODELS: [&str; 2] = ["open", "closed"];
/// Keys that only one of the models has.
const OF_OPEN: [&str; 3] = ["rate", "spacing", "arrivals"];
const OF_CLOSED: [&str; 2] = ["ramp_up", "think"];
/// Most users: their keys are six hexadecimal digits.
const USERS_MAX: u64 = 0x00ff_ffff;

/// What a load says about its users.
#[derive(Debug, Default)]
pub(super) struct Users {
    pub(super) model: LoadModel,
    /// At most, if the load says it.
    pub(super) most: Option<u64>,
    pub(super) levels: Vec<UserStep>,
    pub(super) think: Option<Distribution>,
}

pub(super) fn read(table: &mut Table<'_>) -> Users {
    let model = table.get("model").and_then(|value| {
        let name = value.text("\"open\" or \"closed\"")?;
        let known = [LoadModel::Open, LoadModel::Closed].into_iter().find(|m| m.as_str() == name);
        if known.is_none() {
            let hint = hint(name, MODELS);
            value.wrong(format!("unknown model \"{}\"{hint}", shorten(name)));
        }
        known
    });
    if model.unwrap_or_default() == LoadModel::Open {
        for key in OF_CLOSED {
            // Asked for all the same: it is a key of this table.
            let _refused = table.get(key);
            table.refuse(key, "only a load with `model = \"closed\"` has users who ramp and think");
        }
        let users = table.get("users").and_then(|value| {
            if value.is_list() || value.is_text() {
                value.wrong("only a load with `model = \"closed\"` has users who come and go");
                return None;
            }
            value.integer(1..=USERS_MAX)
        });
        return Users { most: users, ..Users::default() };
    }
    for key in OF_OPEN {
        table.refuse(key, "a closed load has users and no rate: each goes on when it is answered");
    }
    let (most, levels) = read_levels(table);
    let think = table
        .get("think")
        .and_then(|value| value.parsed("a time like \"2s\" or \"1s..3s\"", delay::parse_think));
    Users { model: LoadModel::Closed, most, levels, think }
}

/// How many there are, all the time or step by step.
fn read_levels(table: &mut Table<'_>) -> (Option<u64>, Vec<UserStep>) {
    let value = table.get("users");
    let ramp_up_ms = table.get("ramp_up").and_then(|value| value.time_ms());
    if let Some(value) = value.as_ref().filter(|value| value.is_list() || value.is_text()) {
        table.refuse("ramp_up", "`users` says step by step how many there are");
        let levels = levels::read(value, USERS_MAX);
        let most = levels.iter().map(|step| step.from.max(step.to)).max();
        return (most, levels);
    }
    let users = value.and_then(|value| value.integer(1..=USERS_MAX));
    let all = users.unwrap_or(super::loads::USERS_DEFAULT);
    let rising = ramp_up_ms.map(|ms| UserStep { from: 0, to: all, for_ms: Some(ms) });
    let levels = rising.map_or_else(Vec::new, |step| vec![step, UserStep::level(all, None)]);
    (users, levels)
}

/// Durations of different models are never judged together.
pub(super) fn check(root: &Table<'_>, spans: &[Range<usize>], loads: &[Load]) {
    let mixed = |(_, load): &(_, &Load)| load.model != loads[0].model;
    if let Some((span, _)) = spans.iter().zip(loads).find(mixed) {
        root.report.add(
            span.clone(),
            "the loads of a file are all open, all closed, or all `rate = \"max\"`: the durations \
             of those who wait for answers say something else than those of arrivals that do not; \
             use a file for each model",
        );
    }
}
