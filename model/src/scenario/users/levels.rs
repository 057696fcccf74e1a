//! `users` of a closed load as a list: `50`, `50 for 20s`, `0 -> 50 over 10s`.

use crate::load::UserStep;
use crate::reading::reader::{Value, shorten};
use crate::scenario::rate::time_ms;

/// The last step always holds until load ends, so a last step with a time is followed by its end.
pub(super) fn read(value: &Value<'_>, users_max: u64) -> Vec<UserStep> {
    let items = value.items();
    let mut steps = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let step = if item.is_text() {
            item.parsed("users like \"50 for 20s\"", |text| parse(text, users_max))
        } else {
            item.integer(0..=users_max).map(|users| UserStep::level(users, None))
        };
        let Some(step) = step else { continue };
        if step.for_ms.is_none() && index + 1 < items.len() {
            item.wrong("only the last step of `users` may last until load ends; add \"for 20s\"");
        }
        steps.push(step);
    }
    if steps.len() == items.len() && steps.iter().all(|step| step.from + step.to == 0) {
        value.wrong(format!("{} must be above 0 at some time", value.name));
    }
    if let Some(last) = steps.last().copied().filter(|last| last.for_ms.is_some()) {
        steps.push(UserStep::level(last.to, None));
    }
    steps
}

fn parse(text: &str, users_max: u64) -> Result<UserStep, String> {
    let wrong = || {
        format!(
            "users are written 50, \"50 for 20s\" or \"0 -> 50 over 10s\"; got \"{}\"",
            shorten(text)
        )
    };
    let users = |text: &str| {
        let number = text.trim().parse::<u64>().map_err(|_no_number| wrong())?;
        if number > users_max { Err(format!("at most {users_max} users")) } else { Ok(number) }
    };
    if let Some((from, rest)) = text.split_once("->") {
        let (to, over) = rest.split_once(" over ").ok_or_else(wrong)?;
        return Ok(UserStep { from: users(from)?, to: users(to)?, for_ms: Some(time_ms(over)?) });
    }
    match text.split_once(" for ") {
        Some((level, time)) => Ok(UserStep::level(users(level)?, Some(time_ms(time)?))),
        None => Ok(UserStep::level(users(text)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_read_as_written() {
        for (text, from, to, for_ms) in [
            ("50", 50, 50, None),
            ("50 for 20s", 50, 50, Some(20_000)),
            ("0 -> 50 over 10s", 0, 50, Some(10_000)),
            ("50->5 over 500ms", 50, 5, Some(500)),
        ] {
            assert_eq!(parse(text, 100), Ok(UserStep { from, to, for_ms }), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_users_is_refused() {
        for text in ["", "many", "-1", "5.5", "101", "1 -> 2", "1 for 0s", "1 for ever", "5/s"] {
            assert!(parse(text, 100).is_err(), "{text} was accepted");
        }
    }
}
