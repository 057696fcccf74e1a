//! Spans. A span needs a trace id of 16 bytes and a span id of 8, neither all zero.

use std::sync::Arc;

use model::id::SpanId;

use super::any::AttributeWriter;
use super::{Flaw, envelope, owned, span_id, text, trace_id, write_text};
use crate::record::{Batch, Known, Origin, SpanEventRecord, SpanRecord};
use crate::wire::{Fields, Value, WireError};

pub(super) const INVALID_TRACE_ID: &str = "the trace id is not 16 bytes, or all zero";
pub(super) const INVALID_SPAN_ID: &str = "the span id is not 8 bytes, or all zero";
pub(super) const INVALID_PARENT: &str = "the parent span id is not 8 bytes";

pub(super) fn decode(request: &[u8]) -> Result<Batch, WireError> {
    let mut batch = Batch::default();
    envelope::walk(request, |origin, item| {
        match origin.map_err(Flaw::Item).and_then(|origin| span(origin, item)) {
            Ok(span) => batch.spans.push(Arc::new(span)),
            Err(Flaw::Item(reason)) => batch.rejected.add(reason, 1),
            Err(Flaw::Wire(error)) => return Err(error),
        }
        Ok(())
    })?;
    Ok(batch)
}

/// The parts of a span that need to be checked or put together once all fields are read.
#[derive(Default)]
struct Parts<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent: &'a [u8],
    attributes: AttributeWriter,
    links: String,
}

fn span(origin: &Origin, message: &[u8]) -> Result<SpanRecord, Flaw> {
    let mut parts = Parts::default();
    let mut span = blank(origin)?;
    for field in Fields::of(message) {
        match field? {
            (1, Value::Bytes(bytes)) => parts.trace_id = bytes,
            (2, Value::Bytes(bytes)) => parts.span_id = bytes,
            (3, Value::Bytes(bytes)) => span.trace_state = owned(bytes)?,
            (4, Value::Bytes(bytes)) => parts.parent = bytes,
            (5, Value::Bytes(bytes)) => span.name = owned(bytes)?,
            (6, Value::Varint(raw)) => span.kind = raw as i32,
            (7, Value::Fixed64(ns)) => span.start_unix_ns = ns,
            (8, Value::Fixed64(ns)) => span.end_unix_ns = ns,
            (9, Value::Bytes(bytes)) => parts.attributes.add(bytes)?,
            (11, Value::Bytes(bytes)) => span.events.push(event(bytes)?),
            (13, Value::Bytes(bytes)) => link(bytes, &mut parts.links)?,
            (15, Value::Bytes(bytes)) => {
                (span.status, span.status_message) = status(bytes)?;
            },
            (16, Value::Fixed32(flags)) => span.flags = flags,
            _ => {},
        }
    }
    span.trace_id = trace_id(parts.trace_id).ok_or(Flaw::Item(INVALID_TRACE_ID))?;
    span.span_id = span_id(parts.span_id).ok_or(Flaw::Item(INVALID_SPAN_ID))?;
    span.parent = parent(parts.parent)?;
    (span.attributes, span.known) = parts.attributes.finish();
    if !parts.links.is_empty() {
        parts.links.push(']');
    }
    span.links = parts.links;
    Ok(span)
}

/// A span before its fields are read; its ids are placeholders that are always replaced.
fn blank(origin: &Origin) -> Result<SpanRecord, Flaw> {
    Ok(SpanRecord {
        origin: origin.clone(),
        trace_id: trace_id(&[1; 16]).ok_or(Flaw::Item(INVALID_TRACE_ID))?,
        span_id: span_id(&[1; 8]).ok_or(Flaw::Item(INVALID_SPAN_ID))?,
        parent: None,
        name: String::new(),
        kind: 0,
        start_unix_ns: 0,
        end_unix_ns: 0,
        status: 0,
        status_message: String::new(),
        trace_state: String::new(),
        flags: 0,
        attributes: String::new(),
        known: Known::default(),
        events: Vec::new(),
        links: String::new(),
    })
}

/// Empty and all zero both mean that the span is a root.
fn parent(bytes: &[u8]) -> Result<Option<SpanId>, Flaw> {
    match bytes.len() {
        0 | 8 => Ok(span_id(bytes)),
        _ => Err(Flaw::Item(INVALID_PARENT)),
    }
}

fn status(message: &[u8]) -> Result<(i32, String), Flaw> {
    let (mut code, mut explanation) = (0, String::new());
    for field in Fields::of(message) {
        match field? {
            (2, Value::Bytes(bytes)) => explanation = owned(bytes)?,
            (3, Value::Varint(raw)) => code = raw as i32,
            _ => {},
        }
    }
    Ok((code, explanation))
}

fn event(message: &[u8]) -> Result<SpanEventRecord, Flaw> {
    let (mut unix_ns, mut name) = (0, String::new());
    let mut attributes = AttributeWriter::default();
    for field in Fields::of(message) {
        match field? {
            (1, Value::Fixed64(ns)) => unix_ns = ns,
            (2, Value::Bytes(bytes)) => name = owned(bytes)?,
            (3, Value::Bytes(bytes)) => attributes.add(bytes)?,
            _ => {},
        }
    }
    Ok(SpanEventRecord { unix_ns, name, attributes: attributes.finish().0 })
}

/// Appends a link to an unfinished JSON array. A link with invalid ids is kept with empty ones: it
/// harms nobody.
fn link(message: &[u8], out: &mut String) -> Result<(), Flaw> {
    let (mut trace, mut span, mut state) = (String::new(), String::new(), "");
    let mut attributes = AttributeWriter::default();
    for field in Fields::of(message) {
        match field? {
            (1, Value::Bytes(bytes)) => {
                trace = trace_id(bytes).map(|id| id.to_string()).unwrap_or_default();
            },
            (2, Value::Bytes(bytes)) => {
                span = span_id(bytes).map(|id| id.to_string()).unwrap_or_default();
            },
            (3, Value::Bytes(bytes)) => state = text(bytes)?,
            (4, Value::Bytes(bytes)) => attributes.add(bytes)?,
            _ => {},
        }
    }
    out.push(if out.is_empty() { '[' } else { ',' });
    for (key, value) in [("trace_id", trace.as_str()), ("span_id", &span), ("trace_state", state)] {
        out.push(if key == "trace_id" { '{' } else { ',' });
        write_text(key, out);
        out.push(':');
        write_text(value, out);
    }
    out.push_str(",\"attributes\":");
    out.push_str(&attributes.finish().0);
    out.push('}');
    Ok(())
}
