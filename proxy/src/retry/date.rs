//! Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 §5.6.7).
//!
//! The two older forms are not read: nothing that answers `retry-after` has written them for
//! decades, and what cannot be read counts as absent.

const DAY_NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTH_NAMES: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Days of the year before each month.
const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const EPOCH_YEAR: u64 = 1970;
const DAY_S: u64 = 86_400;

/// Seconds since the Unix epoch of such a date; dates before it are not read. The name of the day
/// must be a name, but need not be the right one.
pub(super) fn imf_fixdate(text: &str) -> Option<u64> {
    let (day_name, rest) = text.split_once(", ")?;
    DAY_NAMES.contains(&day_name).then_some(())?;
    let mut parts = rest.split(' ');
    let day = number(parts.next()?, 2)?;
    let month =
        parts.next().and_then(|name| MONTH_NAMES.iter().position(|month| *month == name))?;
    let year = number(parts.next()?, 4)?;
    let second_of_day = time_of_day(parts.next()?)?;
    (parts.next() == Some("GMT") && parts.next().is_none()).then_some(())?;
    let known = year >= EPOCH_YEAR && (1..=days_of(month, year)).contains(&day);
    known.then(|| (days_since_epoch(year, month) + day - 1) * DAY_S + second_of_day)
}

/// `08:49:37`. A leap second is the first second of the next minute.
fn time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let second = number(parts.next()?, 2)?;
    let known = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    known.then_some(hour * 3_600 + minute * 60 + second)
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// `month` from 0.
fn days_of(month: usize, year: u64) -> u64 {
    let next = DAYS_BEFORE.get(month + 1).copied().unwrap_or(365);
    next - DAYS_BEFORE[month] + u64::from(month == 1 && is_leap(year))
}

/// Of the first day of a month.
fn days_since_epoch(year: u64, month: usize) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let before = (year - EPOCH_YEAR) * 365 + leap_days(year - 1) - leap_days(EPOCH_YEAR - 1);
    before + DAYS_BEFORE[month] + u64::from(month > 1 && is_leap(year))
}

#[cfg(test)]
mod tests;
