//! Levels of loggers as severity numbers of OTLP.

use serde_json::Value;

const TRACE: i32 = 1;
const DEBUG: i32 = 5;
const INFO: i32 = 9;
const WARN: i32 = 13;
const ERROR: i32 = 17;
const FATAL: i32 = 21;

/// Names in lower case, from `log`, `logging`, `slog`, zap, logrus, log4j, syslog and others.
const NAMES: [(&str, i32); 24] = [
    ("trace", TRACE),
    ("trc", TRACE),
    ("finest", TRACE),
    ("verbose", TRACE),
    ("debug", DEBUG),
    ("dbg", DEBUG),
    ("fine", DEBUG),
    ("info", INFO),
    ("inf", INFO),
    ("information", INFO),
    ("informational", INFO),
    ("notice", INFO + 1),
    ("warn", WARN),
    ("wrn", WARN),
    ("warning", WARN),
    ("error", ERROR),
    ("err", ERROR),
    ("severe", ERROR),
    ("critical", FATAL),
    ("crit", FATAL),
    ("fatal", FATAL),
    ("panic", FATAL),
    ("alert", FATAL),
    ("emergency", FATAL),
];

/// The severity number and its text; `None` when the value is no level. Numbers are those of
/// bunyan and pino (10 to 60) or those of OTLP (1 to 24); where both have one, it is the former.
pub(super) fn severity(value: &Value) -> Option<(i32, String)> {
    match value {
        Value::String(name) => {
            let lower = name.trim().to_ascii_lowercase();
            let found = NAMES.iter().find(|(name, _)| *name == lower);
            found.map(|(_, number)| (*number, name.trim().to_owned()))
        },
        Value::Number(number) => {
            let number = number.as_i64()?;
            let severity = match number {
                10 => TRACE,
                20 => DEBUG,
                30 => INFO,
                40 => WARN,
                50 => ERROR,
                60 => FATAL,
                1..=24 => number as i32,
                _ => return None,
            };
            Some((severity, crate::record::severity_name(severity).to_owned()))
        },
        _ => None,
    }
}
