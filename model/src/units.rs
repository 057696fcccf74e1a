//! Durations, shares and bytes as people write them: `1500ms`, `1m30s`, `0.5%`, `64KiB`, `10MB/s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod bytes;
mod stamp;

pub use bytes::{format_bytes, parse_bytes, parse_bytes_per_s, parse_signed_bytes};
pub use stamp::{utc_stamp, utc_time};

/// Why a text is not what its unit says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("a duration needs a number and a unit (us, ms, s, m, h), like \"1500ms\"; got {0:?}")]
    Duration(String),
    #[error("a share is written in percent, from \"0%\" to \"100%\"; got {0:?}")]
    Share(String),
    #[error(
        "bytes need a number and a unit (B, KB, MB, GB, KiB, MiB, GiB), like \"64KiB\"; got {0:?}"
    )]
    Bytes(String),
    #[error("a difference of bytes is written \"+10B\" or \"-1KiB\"; got {0:?}")]
    SignedBytes(String),
    #[error("a rate of bytes is written \"10MB/s\", \"64KiB/s\" or \"8Mbit/s\"; got {0:?}")]
    BytesPerSecond(String),
}

/// Reads `250us`, `1500ms`, `1.5s`, `2m`, `1h`, or several of them together: `1m30s`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let wrong = || UnitError::Duration(text.chars().take(64).collect());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters =
            tail.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds_per_unit = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_not_a_number| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds_per_unit)
            .map_err(|_out_of_range| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = tail.trim_start();
    }
    Ok(total)
}

/// `1.5s`, `250ms`, `40us`, `2m`, `1m30s`: the shortest form that reads back to the same value,
/// to the microsecond.
pub fn format_duration(duration: Duration) -> String {
    let us = duration.as_micros();
    match us {
        0 => "0s".to_owned(),
        _ if us < 1_000 => format!("{us}us"),
        _ if us < 1_000_000 => with_fraction(us, 1_000, "ms"),
        _ if us < 60_000_000 => with_fraction(us, 1_000_000, "s"),
        _ => {
            let (minutes, rest) = (us / 60_000_000, us % 60_000_000);
            if rest == 0 {
                format!("{minutes}m")
            } else {
                format!("{minutes}m{}", with_fraction(rest, 1_000_000, "s"))
            }
        },
    }
}

fn with_fraction(us: u128, unit_us: u128, unit: &str) -> String {
    let (whole, fraction) = (us / unit_us, us % unit_us);
    if fraction == 0 {
        return format!("{whole}{unit}");
    }
    let width = unit_us.ilog10() as usize;
    let fraction = format!("{fraction:0width$}");
    format!("{whole}.{}{unit}", fraction.trim_end_matches('0'))
}

/// A part of a whole, in parts per million.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Share(u32);

impl Share {
    pub const WHOLE_PPM: u32 = 1_000_000;
    pub const ZERO: Self = Self(0);
    pub const WHOLE: Self = Self(Self::WHOLE_PPM);

    /// Anything above the whole is the whole.
    pub fn from_ppm(ppm: u32) -> Self {
        Self(ppm.min(Self::WHOLE_PPM))
    }

    /// Anything above 100 is the whole.
    pub const fn from_percent(percent: u32) -> Self {
        Self(if percent < 100 { percent * 10_000 } else { Self::WHOLE_PPM })
    }

    pub fn ppm(self) -> u32 {
        self.0
    }

    /// In [0, 1].
    pub fn as_fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE_PPM)
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Share(text.chars().take(64).collect());
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim();
        let percent: f64 = number.parse().map_err(|_not_a_number| wrong())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(wrong());
        }
        Ok(Self((percent * 10_000.0).round() as u32))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, self.0 % 10_000);
        if fraction == 0 {
            return write!(formatter, "{whole}%");
        }
        let fraction = format!("{fraction:04}");
        write!(formatter, "{whole}.{}%", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, us) in [
            ("250us", 250),
            ("1500ms", 1_500_000),
            ("1.5s", 1_500_000),
            ("2m", 120_000_000),
            ("1m30s", 90_000_000),
            ("1h", 3_600_000_000),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration.as_micros(), us, "{text}");
            assert_eq!(parse_duration(&format_duration(duration)).unwrap(), duration);
        }
        assert_eq!(format_duration(Duration::from_millis(1_500)), "1.5s");
        assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn a_duration_without_unit_or_with_a_foreign_one_is_refused() {
        for text in ["", "5", "5 parsecs", "ms", "1.2.3s", "-5s", "5%"] {
            assert!(parse_duration(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn shares_read_and_print() {
        for (text, ppm) in [("0%", 0), ("0.5%", 5_000), ("15%", 150_000), ("100%", 1_000_000)] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.ppm(), ppm);
            assert_eq!(share.to_string(), text);
        }
        for text in ["15", "101%", "-1%", "a%", "0.5"] {
            assert!(text.parse::<Share>().is_err(), "{text} was accepted");
        }
    }
}
