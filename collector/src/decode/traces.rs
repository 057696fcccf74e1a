//! Spans. One whose ids are invalid is rejected alone.

use model::id::SpanId;

use super::any::{KeyValue, write_attributes as write_fields, write_list, write_text};
use super::known::Learner;
use super::{Flaw, alike, check_text, checked_part, envelope, span_id, text, trace_id};
use crate::record::{Batch, EventView, Known, Part, SpanRecord};
use crate::wire::{Fields, Value, WireError};

pub(super) const INVALID_TRACE_ID: &str = "the trace id is not 16 bytes, or all zero";
pub(super) const INVALID_SPAN_ID: &str = "the span id is not 8 bytes, or all zero";
pub(super) const INVALID_PARENT: &str = "the parent span id is not 8 bytes";

const ATTRIBUTES: u32 = 9;
const EVENTS: u32 = 11;
const LINKS: u32 = 13;
const STATUS: u32 = 15;
const EVENT_ATTRIBUTES: u32 = 3;
const LINK_ATTRIBUTES: u32 = 4;

pub(super) fn decode(batch: &mut Batch, request: &[u8]) -> Result<(), WireError> {
    let (spans, rejected) = (&mut batch.spans, &mut batch.rejected);
    batch.origins = envelope::walk(request, |origin, item| {
        match origin.map_err(Flaw::Item).and_then(|origin| span(request, origin, item)) {
            Ok(span) => {
                if spans.is_empty() {
                    spans.reserve(alike(request, item));
                }
                spans.push(span);
            },
            Err(Flaw::Item(reason)) => rejected.add(reason, 1),
            Err(Flaw::Wire(error)) => return Err(error),
        }
        Ok(())
    })?;
    Ok(())
}

/// The ids as they came: they are checked once all fields are read.
#[derive(Default)]
struct Ids<'a> {
    trace: &'a [u8],
    span: &'a [u8],
    parent: &'a [u8],
}

fn span(payload: &[u8], origin: u32, message: &[u8]) -> Result<SpanRecord, Flaw> {
    let (mut ids, mut attributes) = (Ids::default(), Learner::of(payload));
    let (mut name, mut trace_state) = (Part::default(), Part::default());
    let (mut kind, mut status, mut flags) = (0, 0, 0);
    let (mut start_unix_ns, mut end_unix_ns) = (0, 0);
    for field in Fields::of(message) {
        match field? {
            (ATTRIBUTES, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (1, Value::Bytes(bytes)) => ids.trace = bytes,
            (2, Value::Bytes(bytes)) => ids.span = bytes,
            (3, Value::Bytes(bytes)) => trace_state = checked_part(payload, bytes)?,
            (4, Value::Bytes(bytes)) => ids.parent = bytes,
            (5, Value::Bytes(bytes)) => name = checked_part(payload, bytes)?,
            (6, Value::Varint(raw)) => kind = raw as i32,
            (7, Value::Fixed64(ns)) => start_unix_ns = ns,
            (8, Value::Fixed64(ns)) => end_unix_ns = ns,
            (EVENTS, Value::Bytes(bytes)) => check_event(bytes)?,
            (LINKS, Value::Bytes(bytes)) => check_link(bytes)?,
            (STATUS, Value::Bytes(bytes)) => status = self::status(bytes)?.0,
            (16, Value::Fixed32(bits)) => flags = bits,
            _ => {},
        }
    }
    Ok(SpanRecord {
        trace_id: trace_id(ids.trace).ok_or(Flaw::Item(INVALID_TRACE_ID))?,
        span_id: span_id(ids.span).ok_or(Flaw::Item(INVALID_SPAN_ID))?,
        parent: parent(ids.parent)?,
        origin,
        kind,
        status,
        flags,
        start_unix_ns,
        end_unix_ns,
        message: Part::of(payload, message),
        name,
        trace_state,
        known: Known { ..attributes.known() },
    })
}

/// Empty and all zero both mean that the span is a root.
fn parent(bytes: &[u8]) -> Result<Option<SpanId>, Flaw> {
    match bytes.len() {
        0 | 8 => Ok(span_id(bytes)),
        _ => Err(Flaw::Item(INVALID_PARENT)),
    }
}

fn status(message: &[u8]) -> Result<(i32, &str), Flaw> {
    let (mut code, mut explanation) = (0, "");
    for field in Fields::of(message) {
        match field? {
            (2, Value::Bytes(bytes)) => explanation = text(bytes)?,
            (3, Value::Varint(raw)) => code = raw as i32,
            _ => {},
        }
    }
    Ok((code, explanation))
}

fn check_event(message: &[u8]) -> Result<(), Flaw> {
    for field in Fields::of(message) {
        match field? {
            (2, Value::Bytes(bytes)) => check_text(bytes)?,
            (EVENT_ATTRIBUTES, Value::Bytes(bytes)) => drop(KeyValue::checked(bytes)?),
            _ => {},
        }
    }
    Ok(())
}

fn check_link(message: &[u8]) -> Result<(), Flaw> {
    for field in Fields::of(message) {
        match field? {
            (3, Value::Bytes(bytes)) => check_text(bytes)?,
            (LINK_ATTRIBUTES, Value::Bytes(bytes)) => drop(KeyValue::checked(bytes)?),
            _ => {},
        }
    }
    Ok(())
}

/// What the status of a span that was taken says for people.
pub(crate) fn status_message(span: &[u8]) -> &str {
    let statuses = Fields::of(span).filter_map(|field| match field {
        Ok((STATUS, Value::Bytes(bytes))) => status(bytes).ok(),
        _ => None,
    });
    statuses.last().map_or("", |(_, explanation)| explanation)
}

/// Appends the attributes of a span that was taken as a JSON object.
pub(crate) fn write_attributes(span: &[u8], out: &mut String) {
    write_fields(span, ATTRIBUTES, out);
}

/// The events of a span that was taken.
pub(crate) fn events(span: &[u8]) -> impl Iterator<Item = EventView<'_>> {
    Fields::of(span).filter_map(|field| match field {
        Ok((EVENTS, Value::Bytes(message))) => Some(event(message)),
        _ => None,
    })
}

fn event(message: &[u8]) -> EventView<'_> {
    let mut event = EventView { unix_ns: 0, name: "", message };
    for field in Fields::of(message) {
        match field {
            Ok((1, Value::Fixed64(ns))) => event.unix_ns = ns,
            Ok((2, Value::Bytes(bytes))) => event.name = text(bytes).unwrap_or_default(),
            _ => {},
        }
    }
    event
}

/// Appends the attributes of an event as a JSON object.
pub(crate) fn write_event_attributes(event: &[u8], out: &mut String) {
    write_fields(event, EVENT_ATTRIBUTES, out);
}

/// Appends the links of a span that was taken as a JSON array; nothing when it has none.
pub(crate) fn write_links(span: &[u8], out: &mut String) {
    let is_link = |field| matches!(field, Ok((LINKS, Value::Bytes(_))));
    if Fields::of(span).any(is_link) {
        write_list('[', span, LINKS, out, write_link);
        out.push(']');
    }
}

/// A link with invalid ids is kept with empty ones: it harms nobody.
fn write_link(message: &[u8], out: &mut String) {
    let (mut trace, mut span, mut state) = (String::new(), String::new(), "");
    for field in Fields::of(message) {
        match field {
            Ok((1, Value::Bytes(bytes))) => {
                trace = trace_id(bytes).map(|id| id.to_string()).unwrap_or_default();
            },
            Ok((2, Value::Bytes(bytes))) => {
                span = span_id(bytes).map(|id| id.to_string()).unwrap_or_default();
            },
            Ok((3, Value::Bytes(bytes))) => state = text(bytes).unwrap_or_default(),
            _ => {},
        }
    }
    for (key, value) in [("trace_id", trace.as_str()), ("span_id", &span), ("trace_state", state)] {
        out.push(if key == "trace_id" { '{' } else { ',' });
        write_text(key, out);
        out.push(':');
        write_text(value, out);
    }
    out.push_str(",\"attributes\":");
    write_fields(message, LINK_ATTRIBUTES, out);
    out.push('}');
}
