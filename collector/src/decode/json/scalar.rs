//! Text, bytes and numbers as OTLP/JSON writes them, and as others do.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::schema::Kind;

const LIBERAL: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LIBERAL);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LIBERAL);

/// A value of JSON that is no array and no object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
    Text(&'a str),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Unsigned(number) => number.fmt(formatter),
            Self::Signed(number) => number.fmt(formatter),
            Self::Double(number) => number.fmt(formatter),
            Self::Text(text) => write!(formatter, "{text:?}"),
        }
    }
}

impl<'a> Scalar<'a> {
    /// No field takes more bytes than its text.
    pub(super) fn bytes_max(self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }

    /// `null` is the empty text.
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null => Some(""),
            _ => None,
        }
    }

    fn unsigned(self) -> Option<u64> {
        match self {
            Self::Null => Some(0),
            Self::Unsigned(number) => Some(number),
            Self::Double(number) => whole(number),
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) | Self::Signed(_) => None,
        }
    }

    fn signed(self) -> Option<i64> {
        match self {
            Self::Null => Some(0),
            Self::Unsigned(number) => i64::try_from(number).ok(),
            Self::Signed(number) => Some(number),
            Self::Double(number) => {
                let size = whole(number.abs()).and_then(|size| i64::try_from(size).ok())?;
                Some(if number < 0.0 { -size } else { size })
            },
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) => None,
        }
    }

    fn double(self) -> Option<f64> {
        match self {
            Self::Null => Some(0.0),
            Self::Unsigned(number) => Some(number as f64),
            Self::Signed(number) => Some(number as f64),
            Self::Double(number) => Some(number),
            Self::Text("NaN") => Some(f64::NAN),
            Self::Text("Infinity") => Some(f64::INFINITY),
            Self::Text("-Infinity") => Some(f64::NEG_INFINITY),
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) => None,
        }
    }

    fn boolean(self) -> Option<bool> {
        match self {
            Self::Null | Self::Text("false") => Some(false),
            Self::Bool(value) => Some(value),
            Self::Text("true") => Some(true),
            _ => None,
        }
    }
}

/// The bits of a number as its wire type holds them; `None` when the value is no such number.
pub(super) fn number(kind: Kind, value: Scalar<'_>) -> Option<u64> {
    match kind {
        Kind::Bool => value.boolean().map(u64::from),
        Kind::Unsigned | Kind::Fixed64 => value.unsigned(),
        Kind::Fixed32 => value.unsigned().filter(|number| u32::try_from(*number).is_ok()),
        Kind::Signed | Kind::SignedFixed64 => value.signed().map(i64::cast_unsigned),
        Kind::Zigzag => {
            let number = value.signed()?;
            Some(((number << 1) ^ (number >> 63)).cast_unsigned())
        },
        Kind::Double => value.double().map(f64::to_bits),
        Kind::Enum(number_of) => match value {
            Scalar::Text(name) if name.parse::<i64>().is_err() => {
                Some(i64::from(number_of(name)).cast_unsigned())
            },
            other => other.signed().map(i64::cast_unsigned),
        },
        Kind::Message(_) | Kind::Text | Kind::Hex | Kind::Base64 => None,
    }
}

/// A double like `1e9` that is a whole number of at most 53 bits.
fn whole(value: f64) -> Option<u64> {
    let is_exact = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
    is_exact.then_some(value as u64)
}

/// `None` when the text is no hex.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

/// Either alphabet, padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_other_alphabet| URL_SAFE.decode(text)).ok()
}
