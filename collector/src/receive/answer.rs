//! The export responses. All three have the same shape, so they are written by hand in both
//! encodings.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use serde_json::json;

use crate::record::{Rejected, Signal};
use crate::wire::{put_bytes, put_varint};

/// Longest text of a partial success.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// Bytes that the lengths of a longer text may add to a response.
const LENGTHS_BYTES_MAX: usize = 8;

/// One piece of data, then perhaps trailers.
#[derive(Debug, Default)]
pub(crate) struct ReplyBody {
    pub(super) data: Option<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// What was not taken, and what the sender should know. Empty when everything is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) rejected: u64,
    /// With nothing rejected this is a warning.
    pub(super) message: String,
}

impl From<Rejected> for Outcome {
    fn from(rejected: Rejected) -> Self {
        let message = shortened(&rejected.to_string(), MESSAGE_BYTES_MAX).to_owned();
        Self { rejected: rejected.count(), message }
    }
}

impl Outcome {
    fn is_full_success(&self) -> bool {
        self.rejected == 0 && self.message.is_empty()
    }

    /// The export response of at most `bytes_max` bytes; empty when everything was taken.
    pub(super) fn to_protobuf(&self, bytes_max: usize) -> Vec<u8> {
        fit(bytes_max, &self.message, |message| {
            let mut response = Vec::new();
            if self.is_full_success() {
                return response;
            }
            let mut partial = Vec::new();
            if self.rejected > 0 {
                put_varint(1 << 3, &mut partial);
                put_varint(self.rejected, &mut partial);
            }
            if !message.is_empty() {
                put_bytes(2, message.as_bytes(), &mut partial);
            }
            put_bytes(1, &partial, &mut response);
            response
        })
    }

    /// The export response in JSON: 64-bit numbers are strings, full success is `{}`.
    pub(super) fn to_json(&self, signal: Signal, bytes_max: usize) -> Vec<u8> {
        let count_name = match signal {
            Signal::Traces => "rejectedSpans",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
        };
        fit(bytes_max, &self.message, |message| {
            if self.is_full_success() {
                return b"{}".to_vec();
            }
            let count = self.rejected.to_string();
            json!({ "partialSuccess": { count_name: count, "errorMessage": message } })
                .to_string()
                .into_bytes()
        })
    }
}

/// Shortens the message until the response fits, and drops it when that is not enough. The rest of
/// a response always fits.
fn fit(bytes_max: usize, message: &str, build: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let whole = build(message);
    if whole.len() <= bytes_max {
        return whole;
    }
    let bare = build("");
    let room = bytes_max.saturating_sub(bare.len() + LENGTHS_BYTES_MAX);
    let short = build(shortened(message, room));
    if short.len() <= bytes_max { short } else { bare }
}

/// The beginning of a text, at most so many bytes.
pub(super) fn shortened(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SV3.
    #[test]
    fn a_response_that_does_not_fit_loses_its_text_before_its_count() {
        let message = "the trace id is not 16 bytes \u{2013} or \"all zero\" ".repeat(20);
        let outcome = Outcome { rejected: 123_456_789, message };
        for bytes_max in 128..1_200 {
            let protobuf = outcome.to_protobuf(bytes_max);
            assert!(protobuf.len() <= bytes_max);
            let partial = super::super::tests::partial(&protobuf).unwrap();
            assert_eq!(partial.rejected_spans, 123_456_789);
            assert!(outcome.message.starts_with(&partial.error_message));
            assert!(!partial.error_message.is_empty(), "{bytes_max}");
            let json = outcome.to_json(Signal::Metrics, bytes_max);
            assert!(json.len() <= bytes_max);
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(json["partialSuccess"]["rejectedDataPoints"], "123456789");
        }
    }

    /// SV7.
    #[test]
    fn a_warning_has_no_count_but_a_text() {
        let warning = Outcome { rejected: 0, message: "two lines were cut".to_owned() };
        let partial = super::super::tests::partial(&warning.to_protobuf(1_000)).unwrap();
        assert_eq!((partial.rejected_spans, &*partial.error_message), (0, "two lines were cut"));
        let json: serde_json::Value =
            serde_json::from_slice(&warning.to_json(Signal::Logs, 1_000)).unwrap();
        assert_eq!(json["partialSuccess"]["rejectedLogRecords"], "0");
        assert_eq!(json["partialSuccess"]["errorMessage"], "two lines were cut");
    }
}
