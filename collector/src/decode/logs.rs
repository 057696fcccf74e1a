//! Log records and events. An invalid trace id only means that the record belongs to no trace.

use std::borrow::Cow;

use super::any::{AnyView, write_any, write_attributes as write_fields};
use super::known::Learner;
use super::{Flaw, alike, check_text, checked_part, envelope, span_id, text, trace_id};
use crate::record::{Batch, LogRecord, Part, severity_number};
use crate::wire::{Fields, Value, WireError};

const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;

pub(super) fn decode(
    batch: &mut Batch,
    request: &[u8],
    received_unix_ns: u64,
) -> Result<(), WireError> {
    let (logs, rejected) = (&mut batch.logs, &mut batch.rejected);
    batch.origins = envelope::walk(request, |origin, item| {
        match origin.map_err(Flaw::Item).and_then(|origin| record(request, origin, item)) {
            Ok(record) => {
                if logs.is_empty() {
                    logs.reserve(alike(request, item));
                }
                logs.push(timed(record, received_unix_ns));
            },
            Err(Flaw::Item(reason)) => rejected.add(reason, 1),
            Err(Flaw::Wire(error)) => return Err(error),
        }
        Ok(())
    })?;
    Ok(())
}

fn record(payload: &[u8], origin: u32, message: &[u8]) -> Result<LogRecord, Flaw> {
    let mut attributes = Learner::of(payload);
    let (mut trace, mut span, mut event) = (None, None, Part::default());
    let (mut severity, mut flags, mut unix_ns, mut observed_unix_ns) = (0, 0, 0, 0);
    let mut said: &[u8] = &[];
    for field in Fields::of(message) {
        match field? {
            (ATTRIBUTES, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (1, Value::Fixed64(ns)) => unix_ns = ns,
            (2, Value::Varint(raw)) => severity = raw as i32,
            (SEVERITY_TEXT, Value::Bytes(bytes)) => {
                check_text(bytes)?;
                said = bytes;
            },
            (BODY, Value::Bytes(bytes)) => AnyView::read(bytes)?.check()?,
            (8, Value::Fixed32(bits)) => flags = bits,
            (9, Value::Bytes(bytes)) => trace = trace_id(bytes),
            (10, Value::Bytes(bytes)) => span = span_id(bytes),
            (11, Value::Fixed64(ns)) => observed_unix_ns = ns,
            (12, Value::Bytes(bytes)) => event = checked_part(payload, bytes)?,
            _ => {},
        }
    }
    if severity == 0 && !said.is_empty() {
        // Without a number it would be below every level that is asked for.
        severity = severity_number(text(said)?).unwrap_or(0);
    }
    let known = attributes.known();
    Ok(LogRecord {
        trace_id: trace,
        span_id: span.filter(|_| trace.is_some()),
        origin,
        severity,
        flags,
        unix_ns,
        observed_unix_ns,
        message: Part::of(payload, message),
        event,
        correlation_id: known.correlation_id,
        edge: known.edge,
    })
}

/// A time that is missing is the next best one.
fn timed(mut record: LogRecord, received_unix_ns: u64) -> LogRecord {
    if record.observed_unix_ns == 0 {
        record.observed_unix_ns = received_unix_ns;
    }
    if record.unix_ns == 0 {
        record.unix_ns = record.observed_unix_ns;
    }
    record
}

/// The sender's own word for the severity of a record that was taken.
pub(crate) fn severity_text(record: &[u8]) -> &str {
    last(record, SEVERITY_TEXT).map_or("", |bytes| text(bytes).unwrap_or_default())
}

/// The body of a record that was taken: text, or JSON when it is no text.
pub(crate) fn body(record: &[u8]) -> Cow<'_, str> {
    let view = last(record, BODY).and_then(|bytes| AnyView::read(bytes).ok());
    match view.unwrap_or(AnyView::Empty) {
        AnyView::Text(text) => text.into(),
        AnyView::Empty => "".into(),
        other => {
            let mut json = String::new();
            write_any(other, &mut json);
            json.into()
        },
    }
}

/// Appends the attributes of a record that was taken as a JSON object.
pub(crate) fn write_attributes(record: &[u8], out: &mut String) {
    write_fields(record, ATTRIBUTES, out);
}

fn last(message: &[u8], number: u32) -> Option<&[u8]> {
    let found = Fields::of(message).filter_map(|field| match field {
        Ok((found, Value::Bytes(bytes))) if found == number => Some(bytes),
        _ => None,
    });
    found.last()
}
