//! `[[load]]`: which flows arrive, how often, or which users walk them.

use super::{flows, rate, recorded, users};
use crate::flow::Flow;
use crate::load::{Load, LoadModel, RateStep, Spacing, WEIGHT_MAX, Weighted};
use crate::reading::names;
use crate::reading::nearest::hint;
use crate::reading::outside::Outside;
use crate::reading::reader::{Table, Value, shorten};

pub(super) const USERS_DEFAULT: u64 = 500;
const TIMEOUT_DEFAULT_MS: u64 = 5_000;

pub(crate) fn read(root: &mut Table<'_>, flows: &[Flow], outside: &dyn Outside) -> Vec<Load> {
    let tables = root.tables("load");
    if tables.is_empty() {
        root.wrong("the file needs at least one [[load]], or nothing would happen");
    }
    let mut seen = Vec::new();
    let of = |table: Table<'_>| {
        let span = table.span.clone();
        read_load(table, (flows, outside), &mut seen).map(|load| (span, load))
    };
    let (spans, loads): (Vec<_>, Vec<_>) = tables.into_iter().filter_map(of).unzip();
    users::check(root, &spans, &loads);
    loads
}

fn read_load(
    mut table: Table<'_>,
    (flows, outside): (&[Flow], &dyn Outside),
    seen: &mut Vec<String>,
) -> Option<Load> {
    let name = table.require("name").and_then(|value| {
        let name = names::read(&value, "")?;
        names::unique(&value, &name, seen).then_some(name)
    });
    let flow = table.require("flow").map(|value| read_mix(&value, flows));
    let kept = users::read(&mut table);
    let arrivals = match kept.model {
        LoadModel::Closed => None,
        LoadModel::Open | LoadModel::Max => table.get("arrivals"),
    };
    let recorded_ns = arrivals.as_ref().and_then(|value| recorded::read(value, outside));
    let (rate, spacing) = match kept.model {
        LoadModel::Open | LoadModel::Max if arrivals.is_none() => read_pace(&mut table),
        LoadModel::Open | LoadModel::Max => {
            for key in ["rate", "spacing"] {
                table.refuse(key, "`arrivals` says when each one comes, so there is no rate");
            }
            (Some(Pace::Rate(Vec::new())), None)
        },
        LoadModel::Closed => (Some(Pace::Rate(Vec::new())), None),
    };
    let timeout_ms = table.get("timeout").and_then(|value| value.time_ms());
    let client = flows::read_client(&mut table);
    table.finish(&[]);
    let (model, rate) = match rate? {
        Pace::AsFast => (LoadModel::Max, Vec::new()),
        Pace::Rate(steps) => (kept.model, steps),
    };
    Some(Load {
        name: name?,
        flows: flow.filter(|mix| !mix.is_empty())?,
        rate,
        spacing: spacing.unwrap_or(Spacing::Constant),
        model,
        recorded_ns: recorded_ns.unwrap_or_default(),
        users: kept.most.unwrap_or(USERS_DEFAULT),
        levels: kept.levels,
        think: kept.think,
        timeout_ms: timeout_ms.unwrap_or(TIMEOUT_DEFAULT_MS),
        client,
    })
}

/// What `rate` says.
enum Pace {
    Rate(Vec<RateStep>),
    /// `"max"`: the next journey begins when one is over.
    AsFast,
}

fn read_pace(table: &mut Table<'_>) -> (Option<Pace>, Option<Spacing>) {
    let rate = table.get("rate");
    if rate.is_none() {
        let has_users = table.has("users") && !table.has("model");
        let or =
            if has_users { ", or `model = \"closed\"` for users instead of a rate" } else { "" };
        table.wrong(format!("{} needs the key \"rate\"{or}", table.name));
    }
    let spacing = table.get("spacing").and_then(|value| read_spacing(&value));
    if rate.as_ref().is_some_and(|value| value.is("max")) {
        table.refuse("spacing", "a load that is as fast as it goes has no arrivals to space");
        return (Some(Pace::AsFast), None);
    }
    (rate.map(|value| Pace::Rate(read_rate(&value))), spacing)
}

/// `"checkout"`, or `{ checkout = 3, browse = 7 }`.
fn read_mix(value: &Value<'_>, flows: &[Flow]) -> Vec<Weighted> {
    if !value.is_table() {
        let flow = known_flow(value, flows);
        return flow.into_iter().map(|flow| Weighted { flow, weight: 1 }).collect();
    }
    let Some(table) = value.inner_table() else { return Vec::new() };
    let named = table.named();
    if named.is_empty() {
        value.wrong(format!("{} must name at least one flow", value.name));
    }
    let weighted = named.into_iter().filter_map(|(name, span, weight)| {
        let flow = find_flow(name, flows).map_err(|said| table.report.add(span, said)).ok();
        let weight = weight.integer(1..=u64::from(WEIGHT_MAX))?;
        Some(Weighted { flow: flow?, weight: weight as u32 })
    });
    weighted.collect()
}

fn find_flow(name: &str, flows: &[Flow]) -> Result<String, String> {
    if flows.iter().any(|flow| flow.name == name) {
        return Ok(name.to_owned());
    }
    let hint = hint(name, flows.iter().map(|flow| flow.name.as_str()));
    Err(format!("unknown flow \"{}\"{hint}", shorten(name)))
}

fn known_flow(value: &Value<'_>, flows: &[Flow]) -> Option<String> {
    let name = value.text("the name of a flow, or a table of flows and weights")?;
    find_flow(name, flows).map_err(|said| value.wrong(said)).ok()
}

/// The last step always holds until load ends, so a last step with a time is followed by its end.
fn read_rate(value: &Value<'_>) -> Vec<RateStep> {
    let items = value.items();
    let mut steps = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(step) = item.parsed("a rate like \"40/s\", or a list of them", rate::parse) else {
            continue;
        };
        if step.for_ms.is_none() && index + 1 < items.len() {
            item.wrong("only the last step of a rate may last until load ends; add \"for 20s\"");
        }
        steps.push(step);
    }
    if steps.iter().all(|step| step.from_per_s + step.to_per_s <= 0.0) && steps.len() == items.len()
    {
        value.wrong(format!("{} must be above 0/s at some time", value.name));
    }
    if let Some(last) = steps.last().copied().filter(|last| last.for_ms.is_some()) {
        steps.push(RateStep::ramp(last.to_per_s, last.to_per_s, None));
    }
    steps
}

fn read_spacing(value: &Value<'_>) -> Option<Spacing> {
    match value.text("\"constant\" or \"poisson\"")? {
        "constant" => Some(Spacing::Constant),
        "poisson" => Some(Spacing::Poisson),
        other => {
            let hint = hint(other, ["constant", "poisson"]);
            value.wrong(format!("unknown spacing \"{}\"{hint}", shorten(other)));
            None
        },
    }
}
