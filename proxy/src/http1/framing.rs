//! Where a body ends, as its head says it.
//!
//! Two statements about one length are how requests are smuggled, so there must be one at most.
//! `chunked` is the only coding that this hop can read; since transfer codings end at each hop, a
//! message with another one could not be passed on either.

use super::Refusal;
use super::fields::{Fields, list};
use super::known::Known;
use super::scan::is_token;

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The head says nothing about a body and there is none.
    None,
    Length(u64),
    Chunked,
    /// Only in responses.
    UntilClose,
}

impl Framing {
    /// Of the body, where the head says it.
    pub(crate) fn length(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Length(length) => Some(length),
            Self::Chunked | Self::UntilClose => None,
        }
    }

    /// No byte of a body follows the head.
    pub(crate) fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What the framing fields of a head say; `None` when there is none.
pub(super) fn stated(fields: &Fields, is_http10: bool) -> Result<Option<Framing>, Refusal> {
    let length = fields.known(Known::ContentLength);
    let coding = fields.known(Known::TransferEncoding);
    match (length, coding) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Refusal::LengthAndCoding),
        (Some(_), None) => content_length(fields).map(|length| Some(Framing::Length(length))),
        (None, Some(_)) if is_http10 => Err(Refusal::CodingInOldVersion),
        (None, Some(_)) => chunked(fields).map(|()| Some(Framing::Chunked)),
    }
}

/// The one length; the same one twice is one.
fn content_length(fields: &Fields) -> Result<u64, Refusal> {
    let only =
        fields.known(Known::ContentLength).filter(|_| !fields.is_repeated(Known::ContentLength));
    if let Some(length) = only.and_then(decimal) {
        return Ok(length);
    }
    let mut lengths = fields.known_values(Known::ContentLength).flat_map(list);
    let first = lengths.next().and_then(decimal).ok_or(Refusal::Length)?;
    for other in lengths {
        if decimal(other).ok_or(Refusal::Length)? != first {
            return Err(Refusal::Lengths);
        }
    }
    Ok(first)
}

/// Digits and nothing else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Exactly `chunked`, once.
fn chunked(fields: &Fields) -> Result<(), Refusal> {
    let (mut times, mut others, mut is_last) = (0, 0, false);
    for coding in fields.known_values(Known::TransferEncoding).flat_map(list) {
        // A parameter, an empty element and a quoted name are not tokens.
        if !is_token(coding) {
            return Err(Refusal::CodingNotChunked);
        }
        is_last = coding.eq_ignore_ascii_case(b"chunked");
        if is_last {
            times += 1;
        } else {
            others += 1;
        }
    }
    match (is_last, times, others) {
        (true, 1, 0) => Ok(()),
        (true, 1, _) => Err(Refusal::OtherCoding),
        _ => Err(Refusal::CodingNotChunked),
    }
}
