//! `[[fault]]`: what is broken, where, for whom and when.

use super::delay;
use super::gateway::known_edge;
use super::language;
use super::names;
use super::reader::{Table, Value, not_yet, shorten};
use super::schedule::{self, Timing};
use crate::edge::Edge;
use crate::fault::{FaultKind, FaultSpec, Match, Window};
use crate::limits;
use crate::scenario::nearest::{hint, nearest};
use crate::shop;
use crate::units::Share;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
const STATUS_DEFAULT: u16 = 503;

/// What was read of one fault; parts that were wrong are missing.
#[derive(Debug)]
struct Draft<'r> {
    table_span: std::ops::Range<usize>,
    name: Option<String>,
    edges: Vec<Edge>,
    effect: Option<FaultKind>,
    matching: Match,
    share: Share,
    timing: Timing<'r>,
}

/// All faults that could be read, and the names of all that are in the file, so that a fault with a
/// mistake elsewhere is still known to those who speak of it.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) specs: Vec<FaultSpec>,
    pub(super) names: Vec<String>,
}

/// `limit_ms` is the longest that a run may take.
pub(super) fn read(root: &mut Table<'_>, edges: &[Edge], limit_ms: u64) -> Faults {
    let mut seen = Vec::new();
    let mut tables = root.tables("fault");
    if let Some(first_too_many) = tables.get(limits::FAULTS_MAX) {
        first_too_many.wrong(format!("a scenario has at most {} faults", limits::FAULTS_MAX));
        tables.truncate(limits::FAULTS_MAX);
    }
    let drafts: Vec<Draft<'_>> =
        tables.into_iter().map(|table| read_draft(table, edges, &mut seen)).collect();
    let timings: Vec<(Option<&str>, &Timing<'_>)> =
        drafts.iter().map(|draft| (draft.name.as_deref(), &draft.timing)).collect();
    let schedules = schedule::resolve(&timings, limit_ms);
    let specs = drafts
        .into_iter()
        .zip(schedules)
        .filter_map(|(draft, schedule)| finish(root, draft, schedule.unwrap_or_default()));
    Faults { specs: specs.collect(), names: seen }
}

fn finish(root: &Table<'_>, draft: Draft<'_>, schedule: Vec<Window>) -> Option<FaultSpec> {
    let (Some(name), Some(effect)) = (draft.name, draft.effect) else {
        return None;
    };
    if schedule.is_empty() && root.report.is_empty() {
        root.report.add(draft.table_span, format!("the fault \"{name}\" never acts"));
    }
    let (matching, share) = (draft.matching, draft.share);
    Some(FaultSpec { matching, share, schedule, ..FaultSpec::new(name, draft.edges, effect) })
}

fn read_draft<'r>(mut table: Table<'r>, edges: &[Edge], seen: &mut Vec<String>) -> Draft<'r> {
    let name = table.require("name").and_then(|value| {
        let name = names::read(&value, "(),\"")?;
        names::unique(&value, &name, seen).then_some(name)
    });
    let on = table.require("on").map(|value| read_on(&value, edges)).unwrap_or_default();
    let effect = read_effect(&mut table);
    let share = table.get("share").map_or(Some(Share::WHOLE), |value| read_share(&value));
    let matching = table.get("match").map(|value| read_match(&value)).unwrap_or_default();
    let timing = Timing::read(&mut table);
    let table_span = table.span.clone();
    table.finish(&language::FAULT_KEYS);
    let share = share.unwrap_or(Share::WHOLE);
    Draft { table_span, name, edges: on, effect, matching, share, timing }
}

fn read_share(value: &Value<'_>) -> Option<Share> {
    if value.text("a share like \"15%\"")?.contains("->") {
        value.wrong(not_yet("a share that changes over time"));
        return None;
    }
    let share = value.share()?;
    if share == Share::ZERO {
        value.wrong("a fault with a share of 0% hits nothing");
    }
    Some(share)
}

fn read_on(value: &Value<'_>, edges: &[Edge]) -> Vec<Edge> {
    let mut targets = Vec::new();
    for item in value.items() {
        let Some(text) = item.text("an edge like \"orders -> payments\", or a list of them") else {
            continue;
        };
        match resolve(text, edges) {
            Ok(found) => targets.extend(found),
            Err(message) => item.wrong(message),
        }
    }
    if value.is_list() && value.items().is_empty() {
        value.wrong("a fault needs at least one edge");
    }
    targets.sort();
    targets.dedup();
    targets
}

/// One edge, or all edges that a pattern with `*` as caller or callee fits.
fn resolve(text: &str, edges: &[Edge]) -> Result<Vec<Edge>, String> {
    let Some((caller, callee)) = text.split_once("->") else {
        let name = text.trim();
        if shop::SERVICES.contains(&name) || name.starts_with("any service") {
            return Err(not_yet(&format!("a fault on the service \"{}\"", shorten(name))));
        }
        return known_edge(text, edges).map(|edge| vec![edge]);
    };
    let (caller, callee) = (caller.trim(), callee.trim());
    if caller != "*" && callee != "*" {
        return known_edge(text, edges).map(|edge| vec![edge]);
    }
    let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    let found: Vec<Edge> = edges
        .iter()
        .filter(|edge| fits(caller, &edge.caller) && fits(callee, &edge.callee))
        .cloned()
        .collect();
    if found.is_empty() {
        let sides = edges.iter().flat_map(|edge| [edge.caller.as_str(), edge.callee.as_str()]);
        let named = if caller == "*" { callee } else { caller };
        let near = nearest(named, sides).filter(|near| *near != named);
        let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        return Err(format!("\"{}\" fits no edge of the system{near}", shorten(text)));
    }
    Ok(found)
}

fn read_effect(table: &mut Table<'_>) -> Option<FaultKind> {
    let kind_value = table.require("kind");
    let add = table.get("add");
    let status = table.get("status");
    let body = table.get("body");
    let kind_value = kind_value?;
    if kind_value.is_list() {
        kind_value.wrong(not_yet("a list of fault kinds"));
        return None;
    }
    let kind = kind_value.text("the kind of the fault")?;
    for (value, owner) in [(&add, "latency"), (&status, "errors"), (&body, "errors")] {
        if let Some(value) = value.as_ref().filter(|_| kind != owner) {
            value.wrong(format!(
                "{} belongs to the kind \"{owner}\", not to \"{}\"",
                value.name,
                shorten(kind)
            ));
        }
    }
    match kind {
        "latency" => {
            if add.is_none() {
                table.wrong("a fault of kind \"latency\" needs `add`, like add = \"1500ms\"");
            }
            let delay = add?.parsed("a delay like \"1500ms +- 300ms\"", delay::parse)?;
            Some(FaultKind::Latency { delay })
        },
        "errors" => {
            let status =
                status.map_or(Some(u64::from(STATUS_DEFAULT)), |value| value.integer(400..=599));
            let body = body.and_then(|value| value.text("a string")).map(str::to_owned);
            Some(FaultKind::Errors { status: status? as u16, body, headers: Vec::new() })
        },
        "blackhole" => Some(FaultKind::Blackhole),
        "reset" => Some(FaultKind::Reset { after_bytes: 0 }),
        "lost-reply" => Some(FaultKind::LostReply),
        later if language::FAULT_KINDS.contains(&later) => {
            kind_value.wrong(not_yet(&format!("the fault kind \"{later}\"")));
            None
        },
        other => {
            let hint = hint(other, language::KINDS_READ);
            kind_value.wrong(format!("unknown fault kind \"{}\"{hint}", shorten(other)));
            None
        },
    }
}

fn read_match(value: &Value<'_>) -> Match {
    let Some(mut table) = value.table("match of [[fault]]") else { return Match::default() };
    let method = table.get("method").and_then(|value| {
        let method = value.text("a method like \"POST\"")?;
        if !METHODS.contains(&method) {
            let hint = hint(method, METHODS);
            value.wrong(format!("unknown method \"{}\"{hint}", shorten(method)));
        }
        Some(method.to_owned())
    });
    let path = table.get("path").and_then(|value| {
        let path = value.text("a path like \"/charges\" or \"/charges/*\"")?;
        let stem = path.strip_suffix('*').unwrap_or(path);
        if !path.starts_with('/') || stem.contains(['*', '?', ' ']) {
            value.wrong(format!(
                "a path is written \"/charges\", or \"/charges/*\" for all below it, got \"{}\"",
                shorten(path)
            ));
        }
        Some(path.to_owned())
    });
    table.finish(&[]);
    Match { method, path, ..Match::default() }
}
