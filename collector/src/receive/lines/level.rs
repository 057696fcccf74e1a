//! Levels of loggers as severity numbers of OTLP.

use serde_json::Value;

use crate::record::{severity_name, severity_number};

/// The severity number and its text; `None` when the value is no level. Numbers are those of
/// bunyan and pino (10 to 60) or those of OTLP (1 to 24); where both have one, it is the former.
pub(super) fn severity(value: &Value) -> Option<(i32, String)> {
    match value {
        Value::String(name) => severity_number(name).map(|number| (number, name.trim().to_owned())),
        Value::Number(number) => {
            let number = number.as_i64()?;
            let severity = match number {
                // Both go up by a level, in steps of ten and of four.
                10 | 20 | 30 | 40 | 50 | 60 => (number / 10 - 1) as i32 * 4 + 1,
                1..=24 => number as i32,
                _ => return None,
            };
            Some((severity, severity_name(severity).to_owned()))
        },
        _ => None,
    }
}
