//! Whole traces: their spans with events, and their logs. Many are read at once, because a file
//! without indexes, like that of a live run, is then read once for all of them.

use std::collections::{BTreeMap, BTreeSet};

use model::frame::{Span, SpanEvent, Trace};
use model::id::{SpanId, TraceId};
use rusqlite::{Connection, Row};

use super::logs::log_line;
use super::{Reader, unsigned};
use crate::decode::read_attributes;
use crate::query::{LIMIT_MAX, span_links};
use crate::store::StoreError;

/// The ids as a JSON array of hex texts are the only parameter.
const OF_THESE: &str = "trace_id IN (SELECT unhex(value) FROM json_each(?1))";

impl Reader {
    /// Those of these traces that have a span in the file. Of more than [`LIMIT_MAX`] log lines of
    /// one trace the newest are read.
    pub(crate) fn wholes(&self, ids: &BTreeSet<TraceId>) -> Result<Vec<Trace>, StoreError> {
        self.with(|connection| wholes(connection, ids))
    }
}

fn wholes(connection: &Connection, ids: &BTreeSet<TraceId>) -> rusqlite::Result<Vec<Trace>> {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let wanted = format!("[\"{}\"]", texts.join("\",\""));
    let mut traces: BTreeMap<TraceId, Trace> = BTreeMap::new();
    each(
        connection,
        &format!(
            "SELECT s.trace_id, s.span_id, s.parent_id, r.service, s.name, s.kind, s.start_ns,
                    s.end_ns, s.error, s.status_message, s.attributes, s.links
             FROM span s JOIN resource r USING (resource_id) WHERE s.{OF_THESE}"
        ),
        &wanted,
        |trace_id, row| {
            let empty = || Trace { trace_id, spans: Vec::new(), logs: Vec::new() };
            traces.entry(trace_id).or_insert_with(empty).spans.extend(span_of(row)?);
            Ok(())
        },
    )?;
    for trace in traces.values_mut() {
        trace.spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
    }
    add_events(connection, &wanted, &mut traces)?;
    add_logs(connection, &wanted, &mut traces)?;
    Ok(traces.into_values().filter(|trace| !trace.spans.is_empty()).collect())
}

/// Calls `take` with every row and the trace id in its first column.
fn each(
    connection: &Connection,
    sql: &str,
    wanted: &str,
    mut take: impl FnMut(TraceId, &Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([wanted])?;
    while let Some(row) = rows.next()? {
        if let Some(trace_id) = super::trace_id(row, 0)? {
            take(trace_id, row)?;
        }
    }
    Ok(())
}

fn span_of(row: &Row<'_>) -> rusqlite::Result<Option<Span>> {
    let Some(span_id) = super::span_id(row, 1)? else { return Ok(None) };
    Ok(Some(Span {
        span_id,
        parent: super::span_id(row, 2)?,
        service: row.get(3)?,
        name: row.get(4)?,
        kind: row.get(5)?,
        start_unix_ns: unsigned(row, 6)?,
        duration_ns: unsigned(row, 7)?.saturating_sub(unsigned(row, 6)?),
        error: row.get(8)?,
        status_message: row.get(9)?,
        attributes: read_attributes(&row.get::<_, String>(10)?),
        events: Vec::new(),
        links: span_links(&row.get::<_, String>(11)?),
    }))
}

/// Events go to the first span of their id.
fn add_events(
    connection: &Connection,
    wanted: &str,
    traces: &mut BTreeMap<TraceId, Trace>,
) -> rusqlite::Result<()> {
    let mut places: BTreeMap<(TraceId, SpanId), usize> = BTreeMap::new();
    for (trace_id, trace) in &*traces {
        for (place, span) in trace.spans.iter().enumerate() {
            places.entry((*trace_id, span.span_id)).or_insert(place);
        }
    }
    let sql = format!(
        "SELECT trace_id, span_id, unix_ns, name, attributes FROM span_event
         WHERE {OF_THESE} ORDER BY unix_ns"
    );
    each(connection, &sql, wanted, |trace_id, row| {
        let place = super::span_id(row, 1)?.and_then(|id| places.get(&(trace_id, id)));
        if let (Some(place), Some(trace)) = (place, traces.get_mut(&trace_id)) {
            trace.spans[*place].events.push(SpanEvent {
                unix_ns: unsigned(row, 2)?,
                name: row.get(3)?,
                attributes: read_attributes(&row.get::<_, String>(4)?),
            });
        }
        Ok(())
    })
}

fn add_logs(
    connection: &Connection,
    wanted: &str,
    traces: &mut BTreeMap<TraceId, Trace>,
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT l.trace_id, l.unix_ns, r.service, l.severity, l.severity_text, l.body, l.event,
                l.trace_id, l.span_id, l.correlation_id, l.attributes
         FROM log l JOIN resource r USING (resource_id)
         WHERE l.{OF_THESE} ORDER BY l.unix_ns DESC"
    );
    each(connection, &sql, wanted, |trace_id, row| {
        if let Some(trace) = traces.get_mut(&trace_id)
            && trace.logs.len() < LIMIT_MAX
        {
            trace.logs.push(log_line(row, 1)?);
        }
        Ok(())
    })?;
    for trace in traces.values_mut() {
        trace.logs.reverse();
    }
    Ok(())
}
