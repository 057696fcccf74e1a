//! Identifiers of runs, traces, spans and user actions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the identifier that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A hexadecimal identifier of the wrong length, with a wrong digit, or all zero.
    #[error("{what} must be {digits} lower-case hex digits and not all zero, got {got:?}")]
    Hex { what: &'static str, digits: usize, got: String },
    /// A correlation id that is empty, too long, or holds something other than visible ASCII.
    #[error(
        "a correlation id must be 1 to {max} visible ASCII characters, got {got:?}",
        max = CorrelationId::LENGTH_MAX
    )]
    Correlation { got: String },
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// `None` when all bytes are zero, which W3C Trace Context forbids.
            pub fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
            }

            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong =
                    || IdError::Hex { what: $what, digits: $bytes * 2, got: shorten(text) };
                let mut bytes = [0; $bytes];
                decode_hex(text, &mut bytes).ok_or_else(wrong)?;
                Self::from_bytes(bytes).ok_or_else(wrong)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

hex_id! {
    /// A W3C trace id: 16 bytes, not all zero, printed as 32 lower-case hex digits.
    TraceId, 16, "a trace id"
}
hex_id! {
    /// A W3C span id: 8 bytes, not all zero, printed as 16 lower-case hex digits.
    SpanId, 8, "a span id"
}

fn decode_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let digits = text.as_bytes();
    if digits.len() != bytes.len() * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
    }
    Some(())
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Keeps hostile input out of messages: at most 64 characters of it are shown.
fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The id of one user action, carried in `x-correlation-id` and in every span and log line.
///
/// The load generator writes ids as `<user>-<number>`, for example `u00000f-000083`. The part
/// before the last `-` is the *user key*: the control group is drawn over users, not over
/// requests, so that one user is never hit in one request and spared in the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CorrelationId(String);

impl CorrelationId {
    /// Longest accepted id in bytes; longer ones are replaced by the gateway.
    pub const LENGTH_MAX: usize = 128;

    /// The id of action `number` of user `user`.
    pub fn of_user(user: u64, number: u64) -> Self {
        // By hand: one is made for every request of a load.
        let mut text = String::with_capacity(24);
        text.push('u');
        push_digits::<16>(&mut text, user);
        text.push('-');
        push_digits::<10>(&mut text, number);
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is this text a correlation id?
    pub fn accepts(text: &str) -> bool {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        !text.is_empty() && text.len() <= Self::LENGTH_MAX && visible
    }

    /// The part before the last `-`, or the whole id when there is none.
    pub fn user_key(&self) -> &str {
        self.0.rsplit_once('-').map_or(self.0.as_str(), |(user, _)| user)
    }
}

/// A number in that base, with at least six digits.
fn push_digits<const BASE: u64>(text: &mut String, mut number: u64) {
    const LEAST: usize = 6;
    let mut digits = [b'0'; 20];
    let mut begin = digits.len();
    while number > 0 {
        begin -= 1;
        digits[begin] = b"0123456789abcdef"[(number % BASE) as usize];
        number /= BASE;
    }
    let begin = begin.min(digits.len() - LEAST);
    text.extend(digits[begin..].iter().map(|digit| char::from(*digit)));
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for CorrelationId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for CorrelationId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if !Self::accepts(&text) {
            return Err(IdError::Correlation { got: shorten(&text) });
        }
        Ok(Self(text))
    }
}

impl From<CorrelationId> for String {
    fn from(id: CorrelationId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_prints_as_it_was_read() {
        let text = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(text.parse::<TraceId>().unwrap().to_string(), text);
    }

    #[test]
    fn zero_short_and_upper_case_ids_are_refused() {
        for text in ["00000000000000000000000000000000", "0af7", "0AF7651916CD43DD8448EB211C80319C"]
        {
            assert!(text.parse::<TraceId>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn an_id_has_six_digits_of_each_number_or_more() {
        for (user, number) in [(0, 0), (15, 83), (0xff_ffff, 999_999), (1 << 24, 1_000_000)] {
            let expected = format!("u{user:06x}-{number:06}");
            assert_eq!(CorrelationId::of_user(user, number).as_str(), expected);
        }
        let most = CorrelationId::of_user(u64::MAX, u64::MAX);
        assert_eq!(most.as_str(), "uffffffffffffffff-18446744073709551615");
    }

    #[test]
    fn the_user_key_is_what_stands_before_the_last_dash() {
        assert_eq!(CorrelationId::of_user(15, 83).as_str(), "u00000f-000083");
        assert_eq!(CorrelationId::of_user(15, 83).user_key(), "u00000f");
        assert_eq!("plain".parse::<CorrelationId>().unwrap().user_key(), "plain");
    }

    #[test]
    fn a_correlation_id_is_visible_ascii_of_bounded_length() {
        assert!("a b".parse::<CorrelationId>().is_err());
        assert!("".parse::<CorrelationId>().is_err());
        assert!("x".repeat(129).parse::<CorrelationId>().is_err());
        assert!("x".repeat(128).parse::<CorrelationId>().is_ok());
    }
}
