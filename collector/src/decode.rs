//! OTLP requests become records.
//!
//! A request whose bytes are no protobuf (or no JSON) is refused as a whole. Inside a sound request
//! each item stands for itself: one with invalid ids, invalid UTF-8 or a senseless metric point is
//! rejected and counted, and the rest is taken. Unknown fields and enum numbers are ignored.
//!
//! Everything is checked here, in one pass, and nothing is copied: what a record does not hold
//! itself is read again from the bytes when somebody asks, by the functions that stand beside those
//! that decode.
//!
//! JSON goes through [`json`] into protobuf bytes first, so both encodings obey one set of rules
//! and the exporter can send on what came in either.

mod any;
mod envelope;
pub(crate) mod json;
mod known;
pub(crate) mod logs;
mod metrics;
pub(crate) mod points;
pub(crate) mod traces;

use bytes::Bytes;

use crate::record::{Batch, Part, Signal};
use crate::wire::{Value, WireError};

pub(crate) use any::{AnyView, read_attributes, write_text};

/// Why a whole request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the body is not a protobuf message")]
    Wire(#[from] WireError),
    #[error("the body is not JSON")]
    Syntax(#[from] serde_json::Error),
    #[error("{path}: expected {expected}, got {got}")]
    Json { path: String, expected: &'static str, got: String },
}

/// Why something inside a request cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The framing is broken: the whole request is refused.
    Wire(WireError),
    /// Only this item is refused, for this reason.
    Item(&'static str),
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// Room for so many items at most is taken for what a first item promises.
const ALIKE_MAX: usize = 16 * 1024;

const INVALID_UTF8: &str = "text is not UTF-8";

/// Decodes the protobuf bytes of one export request.
pub(crate) fn decode(
    signal: Signal,
    payload: &Bytes,
    received_unix_ns: u64,
) -> Result<Batch, DecodeError> {
    let mut batch = Batch::of(payload.clone());
    match signal {
        Signal::Traces => traces::decode(&mut batch, payload),
        Signal::Metrics => metrics::decode(&mut batch, payload),
        Signal::Logs => logs::decode(&mut batch, payload, received_unix_ns),
    }?;
    Ok(batch)
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str, Flaw> {
    str::from_utf8(bytes).map_err(|_invalid| Flaw::Item(INVALID_UTF8))
}

/// Most texts are ASCII, and that is told sooner.
#[inline]
fn check_text(bytes: &[u8]) -> Result<(), Flaw> {
    if bytes.is_ascii() { Ok(()) } else { text(bytes).map(|_sound| ()) }
}

fn owned(bytes: &[u8]) -> Result<String, Flaw> {
    text(bytes).map(str::to_owned)
}

/// A piece of the payload that is text.
fn checked_part(payload: &[u8], bytes: &[u8]) -> Result<Part, Flaw> {
    check_text(bytes).map(|()| Part::of(payload, bytes))
}

/// How many items a request holds if they all are about as long as this one, its first.
fn alike(request: &[u8], item: &[u8]) -> usize {
    // A tag and a length stand before each.
    (request.len() / (item.len() + 2)).min(ALIKE_MAX) + 1
}

/// An id of the right length that is not all zero.
fn trace_id(bytes: &[u8]) -> Option<model::id::TraceId> {
    model::id::TraceId::from_bytes(bytes.try_into().ok()?)
}

fn span_id(bytes: &[u8]) -> Option<model::id::SpanId> {
    model::id::SpanId::from_bytes(bytes.try_into().ok()?)
}

fn double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Fixed64(bits) => Some(f64::from_bits(bits)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
