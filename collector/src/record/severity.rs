//! Severities: OTLP's numbers, its names, and the names that loggers have.

const TRACE: i32 = 1;
const DEBUG: i32 = 5;
const INFO: i32 = 9;
const WARN: i32 = 13;
const ERROR: i32 = 17;
const FATAL: i32 = 21;

/// OTLP's short names of the first number of each range.
const RANGES: [(&str, i32); 6] = [
    ("trace", TRACE),
    ("debug", DEBUG),
    ("info", INFO),
    ("warn", WARN),
    ("error", ERROR),
    ("fatal", FATAL),
];

/// Further names in lower case, from `log`, `logging`, `slog`, zap, logrus, log4j, syslog and
/// others.
const LOGGERS: [(&str, i32); 18] = [
    ("trc", TRACE),
    ("finest", TRACE),
    ("verbose", TRACE),
    ("dbg", DEBUG),
    ("fine", DEBUG),
    ("inf", INFO),
    ("information", INFO),
    ("informational", INFO),
    ("notice", INFO + 1),
    ("wrn", WARN),
    ("warning", WARN),
    ("err", ERROR),
    ("severe", ERROR),
    ("critical", FATAL),
    ("crit", FATAL),
    ("panic", FATAL),
    ("alert", FATAL),
    ("emergency", FATAL),
];

/// The number of a name in any case: `ERROR`, `error`, OTLP's `ERROR2`, or a logger's `warning`.
pub(crate) fn severity_number(text: &str) -> Option<i32> {
    let text = text.trim();
    let is = |name: &str| name.eq_ignore_ascii_case(text);
    let known = RANGES.iter().chain(&LOGGERS).find(|(name, _)| is(name));
    known.map(|(_, number)| *number).or_else(|| {
        // The second to the fourth of a range.
        let step = text.chars().last().filter(|last| matches!(last, '2'..='4'))?.to_digit(10)?;
        let range = &text[..text.len() - 1];
        let found = RANGES.iter().find(|(name, _)| name.eq_ignore_ascii_case(range));
        found.map(|(_, number)| number + step.cast_signed() - 1)
    })
}

/// The name of a severity number's range; empty when the number is none.
pub(crate) fn severity_name(number: i32) -> &'static str {
    match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_otlp_has_its_number_in_any_case() {
        for (range, first) in RANGES {
            for step in 0..4 {
                let name =
                    if step == 0 { range.to_owned() } else { format!("{range}{}", step + 1) };
                let number = Some(first + step);
                assert_eq!(severity_number(&name), number, "{name}");
                assert_eq!(severity_number(&name.to_uppercase()), number, "{name}");
                assert!(severity_name(first + step).eq_ignore_ascii_case(range));
            }
        }
    }

    #[test]
    fn other_texts_are_a_loggers_name_or_none() {
        for (text, number) in [
            (" Warning ", Some(13)),
            ("notice", Some(10)),
            ("CRITICAL", Some(21)),
            ("", None),
            ("error1", None),
            ("error5", None),
            ("warning2", None),
            ("2", None),
            ("支2", None),
            ("loud", None),
        ] {
            assert_eq!(severity_number(text), number, "{text:?}");
        }
    }
}
