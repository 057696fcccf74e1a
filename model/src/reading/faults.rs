//! `[[fault]]`: what is broken, where, for whom and when, in scenarios and in gateway files.

use std::collections::BTreeMap;
use std::ops::Range;

use super::names;
use super::outside::Outside;
use super::reader::{Table, Value, not_yet, shorten};
use super::schedule::{self, Horizon, Timing};
use super::{effect, matching, secret, when};
use crate::edge::Edge;
use crate::fault::{
    Direction, FOREVER_MS, FaultKind, FaultSpec, Live, Match, Placement, When, Window,
};
use crate::limits;
use crate::plan::Protocol;
use crate::units::Share;

mod place;
mod targets;

use place::Place;
use targets::Targets;
pub(crate) use targets::known_edge;

/// What faults of a file may be about.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    /// Every edge of the system and what it carries, where that is known.
    pub(crate) edges: &'a BTreeMap<Edge, Option<Protocol>>,
    pub(crate) outside: &'a dyn Outside,
    pub(crate) horizon: Horizon,
    /// What messages call the file, like "a scenario".
    pub(crate) file: &'static str,
    /// Keys that are part of the language and not supported.
    pub(crate) later_keys: &'static [&'static str],
    /// Why a kind cannot be asked for in this file.
    pub(crate) refused_kind: fn(&str) -> Option<String>,
    /// Why an `on` that is no edge cannot be asked for.
    pub(crate) refused_target: fn(&str) -> Option<String>,
}

/// All faults that could be read, and the names of all that are in the file, so that a fault with a
/// mistake elsewhere is still known to those who speak of it.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) specs: Vec<FaultSpec>,
    pub(crate) names: Vec<String>,
}

/// What was read of one fault; parts that were wrong are missing.
#[derive(Debug)]
struct Draft<'r> {
    table_span: Range<usize>,
    name: Option<String>,
    edges: Vec<Edge>,
    effect: Option<FaultKind>,
    placement: Option<Placement>,
    direction: Direction,
    matching: Match,
    share: Share,
    when: When,
    live: Live,
    timing: Timing<'r>,
}

pub(crate) fn read(root: &mut Table<'_>, rules: &Rules<'_>) -> Faults {
    let mut tables = root.tables("fault");
    if let Some(first_too_many) = tables.get(limits::FAULTS_MAX) {
        first_too_many.wrong(format!("{} has at most {} faults", rules.file, limits::FAULTS_MAX));
        tables.truncate(limits::FAULTS_MAX);
    }
    read_tables(tables, rules)
}

pub(crate) fn read_tables(tables: Vec<Table<'_>>, rules: &Rules<'_>) -> Faults {
    let mut seen = Vec::new();
    let Some(report) = tables.first().map(|table| table.report) else {
        return Faults { specs: Vec::new(), names: seen };
    };
    let drafts: Vec<Draft<'_>> =
        tables.into_iter().map(|table| read_draft(table, rules, &mut seen)).collect();
    let timings: Vec<(Option<&str>, &Timing<'_>)> =
        drafts.iter().map(|draft| (draft.name.as_deref(), &draft.timing)).collect();
    let schedules = schedule::resolve(&timings, rules.horizon);
    let mut specs = Vec::new();
    for (draft, schedule) in drafts.into_iter().zip(schedules) {
        let schedule = schedule.unwrap_or_default();
        if let (true, true, Some(name)) = (schedule.is_empty(), report.is_empty(), &draft.name) {
            report.add(draft.table_span.clone(), format!("the fault \"{name}\" never acts"));
        }
        let endless = schedule.iter().any(|window| window.end_ms == FOREVER_MS);
        if endless && draft.when.ramp_to.is_some() {
            let message = "a share that changes needs `for`, the time that it takes to get there";
            report.add(draft.table_span.clone(), message);
        }
        specs.extend(finish(draft, schedule));
    }
    Faults { specs, names: seen }
}

fn finish(draft: Draft<'_>, schedule: Vec<Window>) -> Option<FaultSpec> {
    let effect = draft.effect?;
    Some(FaultSpec {
        placement: draft.placement.unwrap_or_else(|| effect.placement()),
        direction: draft.direction,
        matching: draft.matching,
        share: draft.share,
        when: draft.when,
        live: draft.live,
        schedule,
        ..FaultSpec::new(draft.name?, draft.edges, effect)
    })
}

fn read_draft<'r>(mut table: Table<'r>, rules: &Rules<'_>, seen: &mut Vec<String>) -> Draft<'r> {
    let name = table.require("name").and_then(|value| {
        let name = names::read(&value, "(),\"")?;
        names::unique(&value, &name, seen).then_some(name)
    });
    let on = table.require("on");
    secret::refuse_inline(&mut table, "token", "token_file");
    let effect = effect::read(&mut table, rules.outside, &rules.refused_kind);
    let match_value = table.get("match");
    let targets = on.map(|value| Targets::read(&value, rules)).unwrap_or_default();
    let matching = match_value
        .as_ref()
        .map(|value| matching::read(value, &targets.callers()))
        .unwrap_or_default();
    let (edges, carried) = targets.fitting(effect.as_ref(), &matching, match_value.as_ref());
    let place = Place::read(&mut table);
    let share = table.get("share").map(|value| read_share(&value));
    let (share, ramp_to) = share.flatten().unwrap_or((Share::WHOLE, None));
    let when_value = table.get("when");
    let when = when_value.as_ref().map(when::read).unwrap_or_default();
    let (placement, direction) = effect.as_ref().map_or((None, Direction::default()), |effect| {
        let (placement, direction) = place.resolve(effect, carried, &table);
        let matching = (&matching, match_value.as_ref());
        place::check(placement, carried, matching, (&when, when_value.as_ref()));
        (Some(placement), direction)
    });
    let live = table.get("live").and_then(|value| {
        let word = value.one_of("treatment of open connections", Live::ALL.map(Live::as_str))?;
        Live::ALL.into_iter().find(|live| live.as_str() == word)
    });
    let timing = Timing::read(&mut table, rules.horizon);
    let table_span = table.span.clone();
    table.finish(rules.later_keys);
    Draft {
        table_span,
        name,
        edges,
        effect,
        placement,
        direction,
        matching,
        share,
        when: When { ramp_to, ..when },
        live: live.unwrap_or_default(),
        timing,
    }
}

/// `15%`, or `0% -> 50%` in a straight line over each window.
fn read_share(value: &Value<'_>) -> Option<(Share, Option<Share>)> {
    let text = value.text("a share like \"15%\"")?;
    let Some((from, to)) = text.split_once("->") else {
        let share = value.share()?;
        if share == Share::ZERO {
            value.wrong("a fault with a share of 0% hits nothing");
        }
        return Some((share, None));
    };
    if to.contains(" over ") {
        value.wrong(
            "a share changes over all of the time that the fault acts: write \"0% -> 50%\", and \
             the time as `for`",
        );
        return None;
    }
    value.parsed("a share like \"0% -> 50%\"", |_| {
        let (from, to): (Share, Share) = (from.parse()?, to.parse()?);
        Ok::<_, crate::units::UnitError>((from, Some(to)))
    })
}

/// What a language has and a file of this kind does not act on.
pub(crate) fn later(what: &str, word: &str) -> String {
    not_yet(&format!("{what} \"{}\"", shorten(word)))
}
