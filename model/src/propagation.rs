//! W3C Trace Context, level 2: reading and writing `traceparent`.
//!
//! A header that breaks the rules is as good as none: the receiver starts a new trace and must not
//! look at `tracestate`. A later version than 00 is read for the four known fields and written
//! again as version 00.

use std::fmt;
use std::str::FromStr;

use crate::id::{SpanId, TraceId};

/// Flag: the caller may have recorded this trace.
pub const FLAG_SAMPLED: u8 = 0x01;
/// Flag: the trace id is random enough to sample by.
pub const FLAG_RANDOM: u8 = 0x02;

/// The `traceparent` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub flags: u8,
}

/// The text is no `traceparent` of any version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct TraceParentError;

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let mut parts = text.splitn(5, '-');
        let mut next = || parts.next().ok_or(TraceParentError);
        let (version, trace_id, span_id, flags) = (next()?, next()?, next()?, next()?);
        let version = hex_byte(version).ok_or(TraceParentError)?;
        let rest = parts.next();
        if version == 0xff || (version == 0 && rest.is_some()) {
            return Err(TraceParentError);
        }
        Ok(Self {
            trace_id: trace_id.parse().map_err(|_wrong| TraceParentError)?,
            span_id: span_id.parse().map_err(|_wrong| TraceParentError)?,
            flags: hex_byte(flags).ok_or(TraceParentError)? & (FLAG_SAMPLED | FLAG_RANDOM),
        })
    }
}

impl TraceParent {
    /// Length of the text of version 00.
    pub const LENGTH: usize = 55;

    /// The text, without an allocation.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex_into(&mut text[3..35], self.trace_id.as_bytes());
        hex_into(&mut text[36..52], self.span_id.as_bytes());
        hex_into(&mut text[53..], &[self.flags]);
        text
    }
}

fn hex_into(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn hex_byte(text: &str) -> Option<u8> {
    let lower =
        text.len() == 2 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    lower.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.encode()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

    #[test]
    fn a_traceparent_prints_as_it_was_read() {
        assert_eq!(GOOD.parse::<TraceParent>().unwrap().to_string(), GOOD);
    }

    #[test]
    fn a_later_version_is_read_and_written_as_version_00() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-holds";
        assert_eq!(
            later.parse::<TraceParent>().unwrap().to_string(),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        );
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
        ] {
            assert!(text.parse::<TraceParent>().is_err(), "{text} was accepted");
        }
    }
}
