//! Times as loggers write them.

use serde_json::Value;

const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds since 1970, from RFC 3339 text or from a number of seconds, milliseconds,
/// microseconds or nanoseconds, told apart by its size. `None` when the value is no time.
pub(super) fn unix_ns(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => rfc_3339(text.trim()).or_else(|| number(text.trim())),
        Value::Number(number_text) => number(&number_text.to_string()),
        _ => None,
    }
}

/// Each unit is a thousand times the next, so the ranges meet in the years 1973 and 5138.
fn number(text: &str) -> Option<u64> {
    if let Ok(whole) = text.parse::<u64>() {
        return match whole {
            0 => None,
            1..100_000_000_000 => whole.checked_mul(NS_PER_S),
            100_000_000_000..100_000_000_000_000 => whole.checked_mul(1_000_000),
            100_000_000_000_000..100_000_000_000_000_000 => whole.checked_mul(1_000),
            _ => Some(whole),
        };
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0)?;
    // A double has room for microseconds of a time in seconds.
    match value {
        ..1e11 => ((value * 1e6).round() as u64).checked_mul(1_000),
        ..1e14 => ((value * 1e3).round() as u64).checked_mul(1_000),
        _ => None,
    }
}

/// `2026-11-25T19:22:45.5Z`; also with a blank for the T, a comma in the seconds, any offset, or
/// none for UTC.
fn rfc_3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, zone) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest.trim_end(), "Z"),
    };
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock.trim_end(), ':')?;
    let is_sound = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        - offset_s(zone)?;
    let ns = u64::try_from(seconds).ok()?.checked_mul(NS_PER_S)?;
    let ns = ns.checked_add(fraction_ns(fraction)?)?;
    is_sound.then_some(ns)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(digits);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn fraction_ns(text: &str) -> Option<u64> {
    let kept = text.get(..9).unwrap_or(text);
    if kept.is_empty() {
        return Some(0);
    }
    digits(kept).map(|digits| digits.cast_unsigned() * 10_u64.pow(9 - kept.len() as u32))
}

/// Seconds east of UTC.
fn offset_s(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let rest = rest.replace(':', "");
    let (hours, minutes) = (digits(rest.get(..2)?)?, digits(rest.get(2..4).unwrap_or("00"))?);
    (rest.len() <= 4 && hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// By the Gregorian calendar, with years that begin in March, so that leap days come last
/// (Howard Hinnant, `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::unix_ns;

    #[test]
    fn a_fraction_of_a_number_too_large_for_a_time_is_no_time() {
        assert_eq!(unix_ns(&json!(1.5)), Some(1_500_000_000));
        assert_eq!(unix_ns(&json!(99_999_999_999.5)), None);
        assert_eq!(unix_ns(&json!(99_999_999_999_999.5)), None);
    }
}
