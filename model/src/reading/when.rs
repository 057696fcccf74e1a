//! `when` of a fault: which of the matching requests it takes, and how that changes over time.

use std::time::Duration;

use super::effect::is_field_name;
use super::nearest::nearest;
use super::reader::{Value, not_yet, shorten};
use crate::fault::{Flapping, Per, REGIME_STEPS_MAX, Regime, When};
use crate::units::parse_duration;

/// Step of a regime when the file does not say.
const STEP_DEFAULT: Duration = Duration::from_millis(100);

const PER: [&str; 5] = ["edge", "user", "correlation-id", "path", "header NAME"];

/// Everything but `ramp_to`, which is written as the share itself.
pub(crate) fn read(value: &Value<'_>) -> When {
    if value.is_text() {
        value.wrong(not_yet("a condition on the trace in `when`"));
        return When::default();
    }
    let Some(mut table) = value.inner_table() else { return When::default() };
    let counts = table.has("first") || table.has("every");
    let first = table.get("first").and_then(|value| value.integer(1..=u64::from(u32::MAX)));
    let every = table.get("every").and_then(|value| value.integer(2..=u64::from(u32::MAX)));
    let per_value = table.get("per");
    let per = per_value.as_ref().and_then(read_per);
    let max_active = table.get("max_active").and_then(|value| value.integer(1..=1_000_000));
    let flapping = table.get("flapping").as_ref().and_then(read_flapping);
    let regime = table.get("regime").as_ref().and_then(read_regime);
    let span = table.span.clone();
    table.finish(&[]);
    if let (Some(first), Some(every)) = (first, every)
        && every > first
    {
        let message = format!("`every` {every} is above `first` {first}, so no request is taken");
        value.report.add(span, message);
    }
    if let (Some(value), false) = (&per_value, counts) {
        value.wrong("`per` says what `first` and `every` count by, and neither is there");
    }
    let max_active = max_active.map(|most| most as u32);
    let per = per.unwrap_or_default();
    When { first, every, per, max_active, ramp_to: None, flapping, regime }
}

/// `"edge"`, `"user"`, `"correlation-id"`, `"path"` or `"header x-tenant"`.
pub(crate) fn read_per(value: &Value<'_>) -> Option<Per> {
    let text = value.text("what is counted together, like \"user\" or \"header x-tenant\"")?;
    match text.split_once(' ') {
        None => match text {
            "edge" => return Some(Per::Edge),
            "user" => return Some(Per::User),
            "correlation-id" => return Some(Per::CorrelationId),
            "path" => return Some(Per::Path),
            _ => {},
        },
        Some(("header", name)) if is_field_name(name.trim()) => {
            return Some(Per::Header(name.trim().to_ascii_lowercase()));
        },
        Some(_) => {},
    }
    let near = nearest(text, PER).map(|near| format!("; did you mean \"{near}\"?"));
    let near = near.unwrap_or_else(|| format!("; known: {}", PER.join(", ")));
    value.wrong(format!("nothing is counted per \"{}\"{near}", shorten(text)));
    None
}

/// `on 2s off 8s`.
fn read_flapping(value: &Value<'_>) -> Option<Flapping> {
    value.parsed("turns like \"on 2s off 8s\"", |text| {
        let wrong =
            || format!("turns are written \"on 2s off 8s\", on first, got \"{}\"", shorten(text));
        let [on, off] = after_words(text, ["on", "off"]).ok_or_else(wrong)?;
        Ok::<_, String>(Flapping { on_ms: above_zero_ms(on)?, off_ms: above_zero_ms(off)? })
    })
}

/// `good 8s bad 2s`, or `good 8s bad 2s step 500ms`.
fn read_regime(value: &Value<'_>) -> Option<Regime> {
    value.parsed("spells like \"good 8s bad 2s\"", |text| {
        let wrong = || {
            format!(
                "spells of random length are written \"good 8s bad 2s\" by their means, or \
                 \"good 8s bad 2s step 500ms\", got \"{}\"",
                shorten(text)
            )
        };
        let (spells, step_ms) = match text.split_once(" step ") {
            Some((spells, step)) => (spells, above_zero_ms(step)?),
            None => (text, STEP_DEFAULT.as_millis() as u64),
        };
        let [good, bad] = after_words(spells, ["good", "bad"]).ok_or_else(wrong)?;
        let steps = |time: &str| {
            let steps = above_zero_ms(time)? / step_ms;
            let fitting = u32::try_from(steps).ok();
            fitting.filter(|steps| (1..=REGIME_STEPS_MAX).contains(steps)).ok_or_else(|| {
                let time = time.trim();
                format!("a spell of {time} must be 1 to {REGIME_STEPS_MAX} steps of {step_ms}ms")
            })
        };
        Ok::<_, String>(Regime { step_ms, good_steps: steps(good)?, bad_steps: steps(bad)? })
    })
}

/// What stands after each of two words that follow each other.
fn after_words<'t>(text: &'t str, [first, second]: [&str; 2]) -> Option<[&'t str; 2]> {
    let rest = text.trim().strip_prefix(first)?.strip_prefix(' ')?;
    let (left, right) = rest.split_once(&format!(" {second} "))?;
    Some([left, right])
}

fn above_zero_ms(text: &str) -> Result<u64, String> {
    let time = parse_duration(text).map_err(|error| error.to_string())?;
    match u64::try_from(time.as_millis()) {
        Ok(ms) if ms > 0 => Ok(ms),
        _ => Err(format!("a time is at least 1ms here, got \"{}\"", shorten(text.trim()))),
    }
}
