//! `[[load]]`: which flows arrive, how often.

use super::rate;
use crate::flow::Flow;
use crate::load::{Load, LoadModel, RateStep, Spacing};
use crate::reading::names;
use crate::reading::nearest::hint;
use crate::reading::reader::{Table, Value, shorten};

const USERS_DEFAULT: u64 = 500;
/// Most users: their keys are six hexadecimal digits.
const USERS_MAX: u64 = 0x00ff_ffff;
const TIMEOUT_DEFAULT_MS: u64 = 5_000;

pub(super) fn read(root: &mut Table<'_>, flows: &[Flow]) -> Vec<Load> {
    let tables = root.tables("load");
    if tables.is_empty() {
        root.wrong("a scenario needs at least one [[load]], or nothing would happen");
    }
    let mut seen = Vec::new();
    tables.into_iter().filter_map(|table| read_load(table, flows, &mut seen)).collect()
}

fn read_load(mut table: Table<'_>, flows: &[Flow], seen: &mut Vec<String>) -> Option<Load> {
    let name = table.require("name").and_then(|value| {
        let name = names::read(&value, "")?;
        names::unique(&value, &name, seen).then_some(name)
    });
    let flow = table.require("flow").and_then(|value| known_flow(&value, flows));
    let rate = table.require("rate").map(|value| read_rate(&value));
    let spacing = table.get("spacing").and_then(|value| read_spacing(&value));
    let users = table.get("users").and_then(|value| value.integer(1..=USERS_MAX));
    let timeout_ms = table.get("timeout").and_then(|value| value.time_ms());
    table.finish(&[]);
    Some(Load {
        name: name?,
        flow: flow?,
        rate: rate?,
        spacing: spacing.unwrap_or(Spacing::Constant),
        model: LoadModel::Open,
        recorded_ns: Vec::new(),
        users: users.unwrap_or(USERS_DEFAULT),
        timeout_ms: timeout_ms.unwrap_or(TIMEOUT_DEFAULT_MS),
    })
}

fn known_flow(value: &Value<'_>, flows: &[Flow]) -> Option<String> {
    let name = value.text("the name of a flow")?;
    if !flows.iter().any(|flow| flow.name == name) {
        let hint = hint(name, flows.iter().map(|flow| flow.name.as_str()));
        value.wrong(format!("unknown flow \"{}\"{hint}", shorten(name)));
        return None;
    }
    Some(name.to_owned())
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
