//! Log records and events. An invalid trace id only means that the record belongs to no trace.

use std::sync::Arc;

use super::any::{AnyView, AttributeWriter, write_any};
use super::{Flaw, envelope, owned, span_id, trace_id};
use crate::record::{Batch, Known, LogRecord, Origin};
use crate::wire::{Fields, Value, WireError};

pub(super) fn decode(request: &[u8], received_unix_ns: u64) -> Result<Batch, WireError> {
    let mut batch = Batch::default();
    envelope::walk(request, |origin, item| {
        let decoded =
            origin.map_err(Flaw::Item).and_then(|origin| record(origin, item, received_unix_ns));
        match decoded {
            Ok(record) => batch.logs.push(Arc::new(record)),
            Err(Flaw::Item(reason)) => batch.rejected.add(reason, 1),
            Err(Flaw::Wire(error)) => return Err(error),
        }
        Ok(())
    })?;
    Ok(batch)
}

fn record(origin: &Origin, message: &[u8], received_unix_ns: u64) -> Result<LogRecord, Flaw> {
    let mut log = blank(origin);
    let mut attributes = AttributeWriter::default();
    for field in Fields::of(message) {
        match field? {
            (1, Value::Fixed64(ns)) => log.unix_ns = ns,
            (2, Value::Varint(raw)) => log.severity = raw as i32,
            (3, Value::Bytes(bytes)) => log.severity_text = owned(bytes)?,
            (5, Value::Bytes(bytes)) => log.body = body(bytes)?,
            (6, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (8, Value::Fixed32(flags)) => log.flags = flags,
            (9, Value::Bytes(bytes)) => log.trace_id = trace_id(bytes),
            (10, Value::Bytes(bytes)) => log.span_id = span_id(bytes),
            (11, Value::Fixed64(ns)) => log.observed_unix_ns = ns,
            (12, Value::Bytes(bytes)) => log.event = owned(bytes)?,
            _ => {},
        }
    }
    if log.observed_unix_ns == 0 {
        log.observed_unix_ns = received_unix_ns;
    }
    if log.unix_ns == 0 {
        log.unix_ns = log.observed_unix_ns;
    }
    if log.trace_id.is_none() {
        log.span_id = None;
    }
    (log.attributes, log.known) = attributes.finish();
    Ok(log)
}

fn blank(origin: &Origin) -> LogRecord {
    LogRecord {
        origin: origin.clone(),
        unix_ns: 0,
        observed_unix_ns: 0,
        severity: 0,
        severity_text: String::new(),
        body: String::new(),
        event: String::new(),
        trace_id: None,
        span_id: None,
        flags: 0,
        attributes: String::new(),
        known: Known::default(),
    }
}

fn body(message: &[u8]) -> Result<String, Flaw> {
    match AnyView::read(message)? {
        AnyView::Text(text) => Ok(text.to_owned()),
        AnyView::Empty => Ok(String::new()),
        other => {
            let mut json = String::new();
            write_any(other, 0, &mut json)?;
            Ok(json)
        },
    }
}
