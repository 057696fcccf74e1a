//! A span as it goes over the wire: written once, when it ends, as bytes of OTLP.
//!
//! Nothing is kept of a span while it is open but its [`SpanIds`](super::SpanIds); whoever ends it
//! knows everything else. The bytes are one `spans` entry of `ScopeSpans`, so that any number of
//! them in a row is valid there.

use model::names::attribute;

use super::ids::SpanIds;
use super::wire::{LENGTH_DELIMITED, close, field_bytes, open, put_bytes, put_head};

/// Which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Server = 2,
    Client = 3,
}

/// One attribute: its key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attr<'a> {
    Text(&'static str, &'a str),
    Int(&'static str, i64),
    Bool(&'static str, bool),
    /// Leaves nothing, so that what a span may have can stand in a plain array.
    Absent,
}

impl Attr<'_> {
    pub(crate) fn status(status: Option<u16>) -> Self {
        let known = |status| Self::Int(attribute::HTTP_STATUS, i64::from(status));
        status.map_or(Self::Absent, known)
    }
}

/// A span that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanRecord<'a> {
    pub(crate) ids: SpanIds,
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) start_unix_ns: u64,
    pub(crate) end_unix_ns: u64,
    pub(crate) attributes: &'a [Attr<'a>],
    /// Why it is an error; the words are for people.
    pub(crate) error: Option<&'a str>,
    pub(crate) tracestate: Option<&'a str>,
    /// The parent is a span of another process.
    pub(crate) remote_parent: bool,
}

/// Flags above W3C's: it is known whether the parent is remote, and it is.
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;
/// A length up to here is one byte.
const SHORT_MAX: usize = 0x7f;

const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const SPANS: u8 = tag(2, LENGTH_DELIMITED);
const TRACE_ID: u8 = tag(1, LENGTH_DELIMITED);
const SPAN_ID: u8 = tag(2, LENGTH_DELIMITED);
const TRACE_STATE: u8 = tag(3, LENGTH_DELIMITED);
const PARENT_SPAN_ID: u8 = tag(4, LENGTH_DELIMITED);
const NAME: u8 = tag(5, LENGTH_DELIMITED);
const KIND: u8 = tag(6, VARINT);
const START: u8 = tag(7, FIXED64);
const END: u8 = tag(8, FIXED64);
const ATTRIBUTES: u8 = tag(9, LENGTH_DELIMITED);
const STATUS: u8 = tag(15, LENGTH_DELIMITED);
/// Field 16 with four fixed bytes: its tag takes two bytes.
const FLAGS: [u8; 2] = [0x85, 0x01];
const STATUS_MESSAGE: u8 = tag(2, LENGTH_DELIMITED);
const STATUS_CODE_ERROR: [u8; 2] = [tag(3, VARINT), 2];
const KEY: u8 = tag(1, LENGTH_DELIMITED);
const VALUE: u8 = tag(2, LENGTH_DELIMITED);
const STRING: u8 = tag(1, LENGTH_DELIMITED);
const BOOL: u8 = tag(2, VARINT);
const INT: u8 = tag(3, VARINT);

/// Appends one span.
pub(super) fn encode(record: &SpanRecord<'_>, out: &mut Vec<u8>) {
    let from = open(SPANS, out);
    put_ids(&record.ids, out);
    if let Some(tracestate) = record.tracestate {
        put_bytes(TRACE_STATE, tracestate.as_bytes(), out);
    }
    put_bytes(NAME, record.name.as_bytes(), out);
    put_numbers(record, out);
    for attribute in record.attributes {
        put_attribute(attribute, out);
    }
    if let Some(error) = record.error {
        let message = if error.is_empty() { 0 } else { field_bytes(error.len()) };
        put_head(STATUS, message + STATUS_CODE_ERROR.len(), out);
        if message > 0 {
            put_bytes(STATUS_MESSAGE, error.as_bytes(), out);
        }
        out.extend_from_slice(&STATUS_CODE_ERROR);
    }
    close(from, out);
}

fn put_ids(ids: &SpanIds, out: &mut Vec<u8>) {
    let mut fields = [0; 2 + 16 + 2 + 8 + 2 + 8];
    fields[..2].copy_from_slice(&[TRACE_ID, 16]);
    fields[2..18].copy_from_slice(&ids.trace_id);
    fields[18..20].copy_from_slice(&[SPAN_ID, 8]);
    fields[20..28].copy_from_slice(&ids.span_id);
    fields[28..30].copy_from_slice(&[PARENT_SPAN_ID, 8]);
    fields[30..].copy_from_slice(&ids.parent.unwrap_or_default());
    let length = if ids.parent.is_some() { fields.len() } else { 28 };
    out.extend_from_slice(&fields[..length]);
}

/// Everything of a fixed size.
fn put_numbers(record: &SpanRecord<'_>, out: &mut Vec<u8>) {
    let remote = if record.remote_parent { REMOTE } else { 0 };
    let flags = u32::from(record.ids.flags) | REMOTE_KNOWN | remote;
    let mut fields = [0; 2 + 9 + 9 + 6];
    fields[..2].copy_from_slice(&[KIND, record.kind as u8]);
    fields[2] = START;
    fields[3..11].copy_from_slice(&record.start_unix_ns.to_le_bytes());
    fields[11] = END;
    fields[12..20].copy_from_slice(&record.end_unix_ns.to_le_bytes());
    fields[20..22].copy_from_slice(&FLAGS);
    fields[22..].copy_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&fields);
}

fn put_attribute(attribute: &Attr<'_>, out: &mut Vec<u8>) {
    match *attribute {
        Attr::Text(key, text) => put_text(key, text.as_bytes(), out),
        Attr::Int(key, number) => {
            let mut value = Scalar::new(INT);
            value.put_varint(number.cast_unsigned());
            put_scalar(key, value, out);
        },
        Attr::Bool(key, truth) => {
            let mut value = Scalar::new(BOOL);
            value.put_varint(u64::from(truth));
            put_scalar(key, value, out);
        },
        Attr::Absent => {},
    }
}

fn put_text(key: &str, text: &[u8], out: &mut Vec<u8>) {
    let value = field_bytes(text.len());
    let pair = field_bytes(key.len()) + field_bytes(value);
    if pair <= SHORT_MAX {
        // Every length within is one byte as well: two pieces instead of six.
        out.extend_from_slice(&[ATTRIBUTES, pair as u8, KEY, key.len() as u8]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[VALUE, value as u8, STRING, text.len() as u8]);
        out.extend_from_slice(text);
        return;
    }
    put_head(ATTRIBUTES, pair, out);
    put_bytes(KEY, key.as_bytes(), out);
    put_head(VALUE, value, out);
    put_bytes(STRING, text, out);
}

/// A value of at most eleven bytes: its tag and a varint.
struct Scalar {
    bytes: [u8; 11],
    length: usize,
}

impl Scalar {
    fn new(tag: u8) -> Self {
        let mut bytes = [0; 11];
        bytes[0] = tag;
        Self { bytes, length: 1 }
    }

    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(value as u8 | 0x80);
            value >>= 7;
        }
        self.put(value as u8);
    }

    fn put(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }
}

fn put_scalar(key: &str, value: Scalar, out: &mut Vec<u8>) {
    let value = &value.bytes[..value.length];
    put_head(ATTRIBUTES, field_bytes(key.len()) + field_bytes(value.len()), out);
    put_bytes(KEY, key.as_bytes(), out);
    put_bytes(VALUE, value, out);
}

#[cfg(test)]
mod tests;
