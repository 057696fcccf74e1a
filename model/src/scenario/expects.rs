//! `[[expect]]`: what must hold, and when.

use crate::expect::{Expectation, Known};
use crate::phase::Phase;
use crate::reading::nearest::hint;
use crate::reading::reader::{Table, Value, not_yet, shorten};

const PHASES: [Phase; 4] = [Phase::Before, Phase::During, Phase::After, Phase::End];

pub(super) fn read(root: &mut Table<'_>, known: &Known<'_>) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for mut table in root.tables("expect") {
        let phase = table.require("phase").and_then(|value| read_phase(&value, known));
        let that = table.get("that");
        let sometimes = table.get("sometimes");
        if that.is_none() && sometimes.is_none() {
            table.wrong("[[expect]] needs `that` (must hold) or `sometimes` (must happen)");
        }
        table.finish(&[]);
        let Some(phase) = phase else { continue };
        for (value, sometimes) in [(that, false), (sometimes, true)] {
            for item in value.iter().flat_map(Value::items) {
                expectations.extend(read_one(&item, phase, sometimes, known));
            }
        }
    }
    expectations
}

fn read_phase(value: &Value<'_>, known: &Known<'_>) -> Option<Phase> {
    let name = value.text("a phase")?;
    if name == "always" {
        value.wrong(not_yet("the phase \"always\""));
        return None;
    }
    let Some(phase) = PHASES.into_iter().find(|phase| phase.as_str() == name) else {
        let hint = hint(name, PHASES.map(Phase::as_str));
        value.wrong(format!("unknown phase \"{}\"{hint}", shorten(name)));
        return None;
    };
    if let Some(timeline) = known.timeline {
        let (start_ms, end_ms) = timeline.window_ms(phase);
        if phase != Phase::End && start_ms == end_ms {
            let remedy = match phase {
                Phase::During => {
                    "there is no [[fault]] and `during` in [run] is not given".to_owned()
                },
                _ => format!("`{phase}` in [run] is zero"),
            };
            value.wrong(format!("this run has no phase \"{phase}\": {remedy}"));
            return None;
        }
    }
    Some(phase)
}

fn read_one(
    value: &Value<'_>,
    phase: Phase,
    sometimes: bool,
    known: &Known<'_>,
) -> Option<Expectation> {
    let text = value.text("an expectation like \"p95(checkout) < 500ms\"")?;
    match Expectation::parse(text, phase, sometimes, known) {
        Ok(expectation) => Some(expectation),
        Err(message) => {
            value.wrong(message);
            None
        },
    }
}
