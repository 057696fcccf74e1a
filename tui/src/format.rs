//! Numbers as people read them, in widths that do not change.
//!
//! Every function takes plain numbers and keeps to the width that its name states, whatever comes
//! in: a counter gone wild may not push the columns behind it off their places. What is not known
//! is written `--`.

/// What stands where no value is known.
pub const UNKNOWN: &str = "--";

/// A duration in milliseconds in at most 5 characters: `0.42`, `2.3`, `236`, `12346`, `120s`.
pub fn milliseconds(value: Option<f64>) -> String {
    match value {
        Some(ms) if !ms.is_finite() || ms < 0.0 => UNKNOWN.to_owned(),
        None => UNKNOWN.to_owned(),
        Some(ms) if ms < 0.995 => format!("{ms:.2}"),
        Some(ms) if ms < 9.95 => format!("{ms:.1}"),
        Some(ms) if ms < 99_999.5 => format!("{ms:.0}"),
        Some(ms) if ms < 9_999_500.0 => format!("{:.0}s", ms / 1_000.0),
        Some(_) => ">9999".to_owned(),
    }
}

/// A count per second in at most 5 characters: `0.0`, `182.4`, `1823`, `18.2k`, `1.8M`.
pub fn rate(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return UNKNOWN.to_owned();
    }
    if value < 999.95 {
        return format!("{value:.1}");
    }
    magnitude(value)
}

/// A count in at most 5 characters: `739`, `9999`, `12.9k`, `1.8M`.
pub fn count(value: u64) -> String {
    magnitude(value as f64)
}

fn magnitude(value: f64) -> String {
    if value < 9_999.5 {
        return format!("{value:.0}");
    }
    for (unit, letter) in [(1e3, 'k'), (1e6, 'M'), (1e9, 'G'), (1e12, 'T')] {
        let scaled = value / unit;
        if scaled < 999.5 {
            let digits = usize::from(scaled < 99.95);
            return format!("{scaled:.digits$}{letter}");
        }
    }
    ">999T".to_owned()
}

/// A share in percent, without the sign, in at most 5 characters: `0.02`, `14.20`, `100.0`.
pub fn percent(value: Option<f64>) -> String {
    match value {
        Some(share) if !share.is_finite() || share < 0.0 => UNKNOWN.to_owned(),
        None => UNKNOWN.to_owned(),
        Some(share) if share < 99.995 => format!("{share:.2}"),
        Some(share) if share < 999.95 => format!("{share:.1}"),
        Some(_) => ">999".to_owned(),
    }
}

/// A share in percent with the sign, which an unknown one does not have: `14.20%`, `--`.
pub fn share(value: Option<f64>) -> String {
    match percent(value).as_str() {
        UNKNOWN => UNKNOWN.to_owned(),
        known => format!("{known}%"),
    }
}

/// A point in a run: `02:44`, `1:02:44`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{rest:02}"),
        1..1_000 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => ">999h".to_owned(),
    }
}

/// What [`parse_clock`] reads, for people.
pub const CLOCK_WANTED: &str = "minutes and seconds like 02:41, or hours too like 1:02:41";

/// `02:41` or `1:02:41` as seconds; without hours, there may be more than 59 minutes.
pub fn parse_clock(text: &str) -> Option<u64> {
    let number = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| plain).map(u64::from)
    };
    let parts: Vec<u64> = text.split(':').map(number).collect::<Option<_>>()?;
    match parts[..] {
        [minutes, seconds @ 0..60] => Some(minutes * 60 + seconds),
        [hours, minutes @ 0..60, seconds @ 0..60] => Some((hours * 60 + minutes) * 60 + seconds),
        _ => None,
    }
}

/// A number as short as it can be: `4`, `0.25`.
pub fn plain(value: f64) -> String {
    format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time for labels: `7 s`, `2:24`, `1:02:24`.
pub fn length(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => clock(seconds),
    }
}

/// A mark on an axis of milliseconds that are a power of ten: `10 us`, `1 ms`, `100 ms`, `10 s`.
pub fn axis_mark(ms: f64) -> String {
    if ms < 0.999 {
        format!("{:.0} us", ms * 1_000.0)
    } else if ms < 999.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.0} s", ms / 1_000.0)
    }
}

/// A text from outside for an output without a screen: control characters would act on the
/// terminal or break the line.
pub fn clean(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return text.to_owned();
    }
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// A clean text in exactly `width` characters.
pub fn column(text: &str, width: usize) -> String {
    let clean = clean(text);
    if clean.chars().count() <= width {
        return format!("{clean:<width$}");
    }
    let mut short: String = clean.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('~');
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_keep_three_digits_and_five_characters() {
        for (ms, text) in [
            (0.0, "0.00"),
            (0.42, "0.42"),
            (0.996, "1.0"),
            (2.31, "2.3"),
            (9.96, "10"),
            (236.2, "236"),
            (12_345.6, "12346"),
            (120_000.0, "120s"),
            (f64::INFINITY, "--"),
            (f64::NAN, "--"),
            (1e12, ">9999"),
        ] {
            assert_eq!(milliseconds(Some(ms)), text, "{ms}");
        }
        assert_eq!(milliseconds(None), "--");
    }

    #[test]
    fn an_unknown_share_has_no_sign_of_percent() {
        assert_eq!([share(None), share(Some(14.2))], ["--", "14.20%"]);
    }

    #[test]
    fn rates_and_counts_grow_units_instead_of_digits() {
        for (value, text) in [
            (0.0, "0.0"),
            (182.44, "182.4"),
            (999.96, "1000"),
            (9_999.4, "9999"),
            (18_240.0, "18.2k"),
            (182_400.0, "182k"),
            (999_960.0, "1.0M"),
            (1e18, ">999T"),
            (f64::NAN, "--"),
        ] {
            assert_eq!(rate(value), text, "{value}");
        }
        assert_eq!(count(12_904), "12.9k");
    }

    #[test]
    fn times_are_written_as_on_a_clock() {
        assert_eq!(clock(164), "02:44");
        assert_eq!(clock(3_764), "1:02:44");
        assert_eq!(length(7), "7 s");
        assert_eq!(length(144), "2:24");
        assert_eq!(axis_mark(0.01), "10 us");
        assert_eq!(axis_mark(100.0), "100 ms");
        assert_eq!(axis_mark(10_000.0), "10 s");
    }

    #[test]
    fn a_moment_with_more_than_59_seconds_is_none() {
        let read = [("02:41", 161), ("120:00", 7_200), ("1:02:41", 3_761), ("0:0", 0)];
        for (text, seconds) in read {
            assert_eq!(parse_clock(text), Some(seconds), "{text}");
        }
        for text in ["", "41", "1:75", "1:60:00", "99:99", "-1:00", "+1:00", "1:2:3:4", "a:b", ":"]
        {
            assert_eq!(parse_clock(text), None, "{text}");
        }
    }

    #[test]
    fn texts_from_outside_lose_their_control_characters() {
        assert_eq!(clean("a\u{1b}[31mb\nc"), "a?[31mb?c");
        assert_eq!(column("orders", 8), "orders  ");
        assert_eq!(column("orders>payments", 8), "orders>~");
        assert_eq!(column("orders", 0), "");
    }

    proptest! {
        #[test]
        fn no_number_is_wider_than_its_column(value in any::<f64>(), counted in any::<u64>()) {
            prop_assert!(milliseconds(Some(value)).len() <= 5);
            prop_assert!(percent(Some(value)).len() <= 5);
            prop_assert!(rate(value).len() <= 5);
            prop_assert!(count(counted).len() <= 5);
            prop_assert!(clock(counted).len() <= 9);
        }
    }
}
