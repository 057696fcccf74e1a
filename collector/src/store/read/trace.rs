//! One trace with its events and logs.

use model::frame::{Span, SpanEvent, Trace};
use model::id::{SpanId, TraceId};
use rusqlite::Connection;

use super::{logs, unsigned};
use crate::decode::read_attributes;
use crate::query::{LIMIT_MAX, LogQuery};

pub(super) fn whole(connection: &Connection, trace_id: TraceId) -> rusqlite::Result<Option<Trace>> {
    let mut spans = spans_of(connection, trace_id)?;
    if spans.is_empty() {
        return Ok(None);
    }
    for (span_id, event) in events_of(connection, trace_id)? {
        if let Some(span) = spans.iter_mut().find(|span| span.span_id == span_id) {
            span.events.push(event);
        }
    }
    let query =
        LogQuery { trace_id: Some(trace_id), limit: Some(LIMIT_MAX), ..LogQuery::default() };
    Ok(Some(Trace { trace_id, spans, logs: logs::lines(connection, &query)? }))
}

fn spans_of(connection: &Connection, trace_id: TraceId) -> rusqlite::Result<Vec<Span>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.span_id, s.parent_id, r.service, s.name, s.kind, s.start_ns, s.end_ns, s.error,
                s.status_message, s.attributes
         FROM span s JOIN resource r USING (resource_id)
         WHERE s.trace_id = ?1 ORDER BY s.start_ns, s.span_id",
    )?;
    let rows = statement.query_map([trace_id.as_bytes()], |row| {
        let Some(span_id) = super::span_id(row, 0)? else { return Ok(None) };
        Ok(Some(Span {
            span_id,
            parent: super::span_id(row, 1)?,
            service: row.get(2)?,
            name: row.get(3)?,
            kind: row.get(4)?,
            start_unix_ns: unsigned(row, 5)?,
            duration_ns: unsigned(row, 6)?.saturating_sub(unsigned(row, 5)?),
            error: row.get(7)?,
            status_message: row.get(8)?,
            attributes: read_attributes(&row.get::<_, String>(9)?),
            events: Vec::new(),
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn events_of(
    connection: &Connection,
    trace_id: TraceId,
) -> rusqlite::Result<Vec<(SpanId, SpanEvent)>> {
    let mut statement = connection.prepare_cached(
        "SELECT span_id, unix_ns, name, attributes FROM span_event
         WHERE trace_id = ?1 ORDER BY unix_ns",
    )?;
    let rows = statement.query_map([trace_id.as_bytes()], |row| {
        let event = SpanEvent {
            unix_ns: unsigned(row, 1)?,
            name: row.get(2)?,
            attributes: read_attributes(&row.get::<_, String>(3)?),
        };
        Ok(super::span_id(row, 0)?.map(|id| (id, event)))
    })?;
    rows.filter_map(Result::transpose).collect()
}
