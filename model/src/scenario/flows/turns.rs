//! `repeat`, `until`, `within`, `pause` and `think`: how often a step is done, and what lies
//! between.

use std::time::Duration;

use crate::distribution::Distribution;
use crate::flow::{Condition, Turns};
use crate::limits::TURNS_MAX;
use crate::reading::delay::parse_think;
use crate::reading::reader::{Table, Value};

const PAUSE_DEFAULT: Duration = Duration::from_millis(500);

pub(super) fn read_think(value: &Value<'_>) -> Option<Distribution> {
    value.parsed("a time like \"2s\", \"1s..3s\" or \"exponential 2s\"", parse_think)
}

/// `until` has been read, because its holes are known only to the reader of steps.
pub(super) fn read(table: &mut Table<'_>, until: Vec<Condition>, asked: bool) -> Turns {
    let repeat = table.get("repeat");
    let most = repeat.as_ref().and_then(|value| value.integer(1..=u64::from(TURNS_MAX)));
    let (within, pause) = (table.get("within"), table.get("pause"));
    if !asked {
        for value in [&within, &pause].into_iter().flatten() {
            value.wrong(format!("{} belongs to a step with `until`", value.name));
        }
        return Turns { max: most.unwrap_or(1) as u32, ..Turns::default() };
    }
    if repeat.is_none() && within.is_none() {
        table.wrong("`until` needs a bound: `repeat = 10` turns, or `within = \"5s\"`");
    }
    let pause = pause.as_ref().map_or_else(
        || Some(Distribution::Fixed { value_us: PAUSE_DEFAULT.as_micros() as u64 }),
        read_think,
    );
    Turns {
        max: most.map_or(TURNS_MAX, |most| most as u32),
        until,
        within_ms: within.and_then(|value| value.time_ms()),
        pause,
    }
}
