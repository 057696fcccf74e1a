//! `model = "closed"` of a `[[load]]`: users who are always there instead of a rate of arrivals.

use crate::distribution::Distribution;
use crate::load::{Load, LoadModel};
use crate::reading::delay;
use crate::reading::nearest::hint;
use crate::reading::reader::{Table, shorten};

const MODELS: [&str; 2] = ["open", "closed"];
/// Keys that only one of the models has.
const OF_OPEN: [&str; 3] = ["rate", "spacing", "arrivals"];
const OF_CLOSED: [&str; 2] = ["ramp_up", "think"];

/// What a load says about its users.
#[derive(Debug, Default)]
pub(super) struct Users {
    pub(super) model: LoadModel,
    pub(super) ramp_up_ms: u64,
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
        return Users::default();
    }
    for key in OF_OPEN {
        table.refuse(key, "a closed load has users and no rate: each goes on when it is answered");
    }
    let ramp_up_ms = table.get("ramp_up").and_then(|value| value.time_ms());
    let think = table
        .get("think")
        .and_then(|value| value.parsed("a time like \"2s\" or \"1s..3s\"", delay::parse_think));
    Users { model: LoadModel::Closed, ramp_up_ms: ramp_up_ms.unwrap_or_default(), think }
}

/// Durations of different models are never judged together.
pub(super) fn check(root: &Table<'_>, loads: &[Load]) {
    let closed = loads.iter().filter(|load| load.model == LoadModel::Closed).count();
    if closed > 0 && closed < loads.len() {
        root.wrong(
            "the loads of a file are all open or all closed: the durations of users who wait for \
             answers say something else than those of arrivals that do not",
        );
    }
}
