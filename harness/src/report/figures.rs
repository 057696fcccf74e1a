//! Numbers for people: always with a unit, never with more digits than they deserve.

use model::frame::Verdict;
use model::load::{Attempts, CheckCount};
use model::phase::{Phase, Timeline};

/// `0.42 ms`, `12.3 ms`, `121 ms`, `1.21 s`: three significant digits.
pub(crate) fn duration(ms: f64) -> String {
    match ms {
        _ if !ms.is_finite() => "–".to_owned(),
        _ if ms < 1.0 => format!("{ms:.2} ms"),
        _ if ms < 9.995 => format!("{ms:.2} ms"),
        _ if ms < 99.95 => format!("{ms:.1} ms"),
        _ if ms < 999.5 => format!("{ms:.0} ms"),
        _ if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        _ if ms < 99_950.0 => format!("{:.1} s", ms / 1e3),
        _ => format!("{:.0} s", ms / 1e3),
    }
}

pub(super) fn duration_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), duration)
}

/// `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 hit`, `2 hits`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// `1,200 held, 3 failed`; what never failed is only said to have held.
pub(crate) fn held(checks: CheckCount) -> String {
    let CheckCount { passed, failed } = checks;
    match failed {
        0 => format!("{} held", count(passed)),
        failed => format!("{} held, {} failed", count(passed), count(failed)),
    }
}

/// `1,240 requests sent: 38 repeats, 2 second copies; 5 refused by the budget`, or only how many
/// when clients did nothing else.
pub(crate) fn sent(attempts: Attempts) -> String {
    let Attempts { sent, retries, hedges, denied } = attempts;
    let sent = format!("{} sent", counted(sent, "request"));
    if retries + hedges + denied == 0 {
        return sent;
    }
    let copies = if hedges == 1 { "second copy" } else { "second copies" };
    let (repeats, hedges, denied) = (counted(retries, "repeat"), count(hedges), count(denied));
    format!("{sent}: {repeats}, {hedges} {copies}; {denied} refused by the budget")
}

/// Part of a whole as `3.1 %`; a dash when there is no whole.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    match percent {
        _ if part == 0 => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        _ if percent < 0.1 => "<0.1 %".to_owned(),
        _ if percent < 10.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// Seconds after the end of the baseline, like `-4.0 s` and `+12.5 s`.
pub(super) fn offset(ms: i64) -> String {
    format!("{:+.1} s", ms as f64 / 1e3)
}

/// `2026-11-21T01:42:07Z`.
pub(super) fn utc(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let (year, month, day) = civil_date(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days after 1970-01-01, in the Gregorian calendar. Years are
/// counted from March, so that the leap day is the last one.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    let since_year_0 = days + 719_468;
    let (era, of_era) = (since_year_0 / DAYS_PER_ERA, since_year_0 % DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The sign that carries a verdict where colour cannot.
pub(super) fn verdict_sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Unclear => "?",
        Verdict::NotExercised => "○",
        Verdict::Waiting => "…",
    }
}

/// The colour role of a verdict in the style sheet.
pub(super) fn verdict_role(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Fail => "error",
        Verdict::Unclear | Verdict::NotExercised => "warn",
        Verdict::Waiting => "dim",
    }
}

pub(super) fn phase_length_ms(timeline: &Timeline, phase: Phase) -> u64 {
    let (start, end) = timeline.window_ms(phase);
    end.saturating_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (ms, text) in [
            (0.0, "0.00 ms"),
            (0.421, "0.42 ms"),
            (9.994, "9.99 ms"),
            (9.996, "10.0 ms"),
            (121.4, "121 ms"),
            (999.6, "1.00 s"),
            (1_214.0, "1.21 s"),
            (61_000.0, "61.0 s"),
            (600_000.0, "600 s"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
    }

    #[test]
    fn counts_and_shares_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(1, 3), "33 %");
        assert_eq!(percent(1, 10_000), "<0.1 %");
        assert_eq!(percent(31, 1_000), "3.1 %");
    }

    #[test]
    fn instants_are_written_in_utc() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00Z"),
            (4_102_444_799_000, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(unix_ms), text);
        }
    }
}
