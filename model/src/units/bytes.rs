//! Amounts of bytes and their rates as people write them: `64KiB`, `10MB`, `1.5MB/s`, `8Mbit/s`.

use super::UnitError;

/// Units of an amount and how many bytes they are. `kB` and `KB` are the same.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Units of a rate in bits, as links are sold, and how many bits they are.
const BIT_UNITS: [(&str, u64); 4] =
    [("bit", 1), ("kbit", 1_000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];

/// Reads `16B`, `64KiB`, `1.5MB`. Parts of a byte are rounded.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    amount(text.trim(), &UNITS).ok_or_else(|| UnitError::Bytes(text.chars().take(64).collect()))
}

/// Reads `+10B` or `-1KiB`; without a sign it is above zero.
pub fn parse_signed_bytes(text: &str) -> Result<i64, UnitError> {
    let wrong = || UnitError::SignedBytes(text.chars().take(64).collect());
    let trimmed = text.trim();
    let (sign, rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let bytes = amount(rest, &UNITS).ok_or_else(wrong)?;
    i64::try_from(bytes).map(|bytes| sign * bytes).map_err(|_too_large| wrong())
}

/// Reads `10MB/s`, `64KiB/s` or, in bits, `8Mbit/s`, as bytes per second.
pub fn parse_bytes_per_s(text: &str) -> Result<u64, UnitError> {
    let rate = || {
        let (number, unit) = text.trim().split_once('/')?;
        let number = (unit.trim() == "s").then(|| number.trim_end())?;
        amount(number, &UNITS).or_else(|| amount(number, &BIT_UNITS).map(|bits| bits / 8))
    };
    rate().ok_or_else(|| UnitError::BytesPerSecond(text.chars().take(64).collect()))
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, size) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*size);
    }
    let bytes = (number.parse::<f64>().ok()? * *size as f64).round();
    // Above 2^53 a double no longer holds every number of bytes.
    (bytes < 9.0e15).then_some(bytes as u64)
}

/// `64KiB`, `10MB`, `17B`: the largest unit of which it is a whole number.
pub fn format_bytes(bytes: u64) -> String {
    let fits = |(_, size): &&(&str, u64)| bytes.is_multiple_of(*size);
    let of = |units: &'static [(&'static str, u64)]| units.iter().rev().find(fits);
    // Powers of two are written as such, everything else by thousands.
    let best = of(&UNITS[5..]).or_else(|| of(&UNITS[..5])).filter(|_| bytes > 0);
    let (unit, size) = best.copied().unwrap_or(("B", 1));
    format!("{}{unit}", bytes / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_print() {
        for (text, bytes, printed) in [
            ("0B", 0, "0B"),
            ("16B", 16, "16B"),
            ("64KiB", 65_536, "64KiB"),
            ("10MB", 10_000_000, "10MB"),
            ("1.5kB", 1_500, "1500B"),
            ("1.5 MiB", 1_572_864, "1536KiB"),
            ("1000B", 1_000, "1KB"),
            ("2TiB", 2_199_023_255_552, "2TiB"),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
            assert_eq!(format_bytes(bytes), printed);
            assert_eq!(parse_bytes(printed), Ok(bytes));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "16", "B", "-1B", "1.2.3B", "1 parsec", "64kib", "99999999TiB", "1e3B"] {
            assert!(parse_bytes(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn rates_are_of_bytes_or_bits() {
        for (text, bytes_per_s) in
            [("10MB/s", 10_000_000), ("64KiB/s", 65_536), ("8Mbit/s", 1_000_000), ("9bit/s", 1)]
        {
            assert_eq!(parse_bytes_per_s(text), Ok(bytes_per_s), "{text}");
        }
        for text in ["10MB", "10/s", "10MB/m", "8Mbit", "-1B/s"] {
            assert!(parse_bytes_per_s(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn a_difference_has_a_sign() {
        for (text, bytes) in [("+10B", 10), ("-1KiB", -1_024), ("7B", 7)] {
            assert_eq!(parse_signed_bytes(text), Ok(bytes));
        }
        assert!(parse_signed_bytes("--1B").is_err() && parse_signed_bytes("-1").is_err());
    }
}
