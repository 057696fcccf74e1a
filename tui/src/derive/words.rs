//! Numbers and texts inside sentences; [`crate::format`] writes those of fixed columns.

use std::collections::BTreeMap;

use model::frame::Verdict;

use crate::format::clean;

/// Longest text from outside that is passed on, in characters: nobody reads more on a screen.
const TEXT_MAX: usize = 2_000;

/// Attributes of one line.
const PAIRS_MAX: usize = 200;

/// `340 ns`, `85 us`, `4.21 ms`, `230.1 ms`, `1.52 s`, `12 min`.
pub fn duration(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0 => "0 ms".to_owned(),
        _ if ns < 1_000 => format!("{ns} ns"),
        _ if value < 999_500.0 => format!("{:.0} us", value / 1e3),
        _ if value < 9_995_000.0 => format!("{:.2} ms", value / 1e6),
        _ if value < 999_950_000.0 => format!("{:.1} ms", value / 1e6),
        _ if value < 99.995e9 => format!("{:.2} s", value / 1e9),
        _ if value < 600e9 => format!("{:.0} s", value / 1e9),
        _ => format!("{:.0} min", value / 60e9),
    }
}

/// As [`duration`], with its sign: `+1.40 ms`, `-0 ms` is `+0 ms`.
pub fn signed_duration(ns: i64) -> String {
    let sign = if ns < 0 { '-' } else { '+' };
    format!("{sign}{}", duration(ns.unsigned_abs()))
}

/// `1 span`, `12 spans`.
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// A text from outside, without control characters and of bounded length.
pub fn safe(text: &str) -> String {
    // It cannot have more characters than bytes.
    if text.len() <= TEXT_MAX {
        return clean(text);
    }
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{} (cut)", clean(&text[..end])),
        None => clean(text),
    }
}

/// A value of an attribute: a text as it is, anything else as JSON.
pub fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => safe(text),
        other => safe(&other.to_string()),
    }
}

/// Attributes of a thing that has one line: `name=value name=value`.
pub fn pairs(attributes: &BTreeMap<String, serde_json::Value>) -> String {
    let pair = |(name, of): (&String, &serde_json::Value)| format!("{}={}", safe(name), value(of));
    attributes.iter().take(PAIRS_MAX).map(pair).collect::<Vec<String>>().join(" ")
}

/// That a run is over, if it has this verdict.
pub fn over(verdict: Option<Verdict>) -> Option<String> {
    let verdict = verdict.filter(|verdict| *verdict != Verdict::Waiting)?;
    Some(format!("the run is over: {}", verdict.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_grow_units_instead_of_digits() {
        for (ns, text) in [
            (0, "0 ms"),
            (340, "340 ns"),
            (85_400, "85 us"),
            (999_900, "1.00 ms"),
            (4_210_000, "4.21 ms"),
            (230_100_000, "230.1 ms"),
            (999_960_000, "1.00 s"),
            (1_520_000_000, "1.52 s"),
            (120_000_000_000, "120 s"),
            (u64::MAX, "307445735 min"),
        ] {
            assert_eq!(duration(ns), text, "{ns}");
        }
        assert_eq!(signed_duration(-1_400_000), "-1.40 ms");
        assert_eq!(signed_duration(0), "+0 ms");
        assert_eq!(counted(1, "span"), "1 span");
        assert_eq!(counted(0, "span"), "0 spans");
    }

    #[test]
    fn texts_from_outside_are_clean_and_short() {
        assert_eq!(safe("a\u{1b}[31m\nb"), "a?[31m?b");
        assert_eq!(safe(&"é".repeat(5_000)).chars().count(), TEXT_MAX + 6);
        assert_eq!(value(&serde_json::json!("x\ty")), "x?y");
        assert_eq!(value(&serde_json::json!([1, true])), "[1,true]");
        let two = serde_json::json!({ "b": 1, "a": "x y" });
        assert_eq!(pairs(&serde_json::from_value(two).unwrap()), "a=x y b=1");
    }
}
