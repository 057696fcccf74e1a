//! Reading a run file: old runs, and what the live state of a running one no longer holds.
//!
//! While a run is live there are no indexes, so these questions scan; they are only asked when the
//! bounded live state had to forget something.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::frame::{LogLine, Span, SpanEvent, Trace, TraceHead};
use model::id::{SpanId, TraceId};
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, Row};

use super::{StoreError, schema};
use crate::decode::read_attributes;
use crate::query::{LogQuery, TraceQuery, severity};

/// One connection that only reads, opened at the first question.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Reader {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), connection: Mutex::new(None) }
    }

    fn with<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match kept.take() {
            Some(connection) => connection,
            None => schema::open_read_only(&self.path)?,
        };
        let answer = ask(kept.insert(connection));
        answer.map_err(|source| StoreError::Read { path: self.path.clone(), source })
    }

    pub(crate) fn trace(&self, trace_id: TraceId) -> Result<Option<Trace>, StoreError> {
        self.with(|connection| {
            let mut spans = spans_of(connection, trace_id)?;
            if spans.is_empty() {
                return Ok(None);
            }
            for (span_id, event) in events_of(connection, trace_id)? {
                if let Some(span) = spans.iter_mut().find(|span| span.span_id == span_id) {
                    span.events.push(event);
                }
            }
            let query = LogQuery {
                trace_id: Some(trace_id),
                limit: Some(crate::query::LIMIT_MAX),
                ..LogQuery::default()
            };
            Ok(Some(Trace { trace_id, spans, logs: logs_of(connection, &query)? }))
        })
    }

    pub(crate) fn traces(&self, query: &TraceQuery) -> Result<Vec<TraceHead>, StoreError> {
        self.with(|connection| heads_of(connection, query))
    }

    pub(crate) fn logs(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError> {
        self.with(|connection| logs_of(connection, query))
    }
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn trace_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<TraceId>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| TraceId::from_bytes(bytes.try_into().ok()?)))
}

fn span_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<SpanId>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| SpanId::from_bytes(bytes.try_into().ok()?)))
}

fn spans_of(connection: &Connection, trace_id: TraceId) -> rusqlite::Result<Vec<Span>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.span_id, s.parent_id, r.service, s.name, s.kind, s.start_ns, s.end_ns, s.error,
                s.status_message, s.attributes
         FROM span s JOIN resource r USING (resource_id)
         WHERE s.trace_id = ?1 ORDER BY s.start_ns, s.span_id",
    )?;
    let rows = statement.query_map([trace_id.as_bytes()], |row| {
        let Some(span_id) = span_id(row, 0)? else { return Ok(None) };
        Ok(Some(Span {
            span_id,
            parent: self::span_id(row, 1)?,
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
        Ok(span_id(row, 0)?.map(|id| (id, event)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// A condition of a question, and its value.
struct Condition(&'static str, Value);

fn parameters(conditions: &[Condition]) -> Vec<&dyn ToSql> {
    conditions.iter().map(|Condition(_, value)| value as &dyn ToSql).collect()
}

fn joined(conditions: &[Condition]) -> String {
    let texts: Vec<&str> = conditions.iter().map(|Condition(text, _)| *text).collect();
    if texts.is_empty() { "1".to_owned() } else { texts.join(" AND ") }
}

fn heads_of(connection: &Connection, query: &TraceQuery) -> rusqlite::Result<Vec<TraceHead>> {
    let mut inner = Vec::new();
    if let Some(edge) = &query.edge {
        inner.push(Condition("kind = 'server' AND edge = ?", edge.to_string().into()));
    }
    let mut outer = Vec::new();
    if let Some(id) = &query.correlation_id {
        outer.push(Condition("correlation_id = ?", id.as_str().to_owned().into()));
    }
    if let Some(ms) = query.min_ms {
        outer.push(Condition("duration_ns >= ?", (ms * 1e6).into()));
    }
    if let Some(ms) = query.max_ms {
        outer.push(Condition("duration_ns <= ?", (ms * 1e6).into()));
    }
    if let Some(error) = query.error {
        outer.push(Condition("error = ?", i64::from(error).into()));
    }
    let sql = format!(
        "SELECT * FROM (
            SELECT trace_id, max(correlation_id) AS correlation_id, min(start_ns) AS start_ns,
                   max(end_ns) - min(start_ns) AS duration_ns, max(error) AS error,
                   group_concat(DISTINCT fault) AS fault
            FROM span WHERE {} GROUP BY trace_id
         ) WHERE {} ORDER BY start_ns DESC LIMIT {}",
        joined(&inner),
        joined(&outer),
        query.limit()
    );
    inner.append(&mut outer);
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(parameters(&inner).as_slice(), |row| {
        let Some(trace_id) = trace_id(row, 0)? else { return Ok(None) };
        Ok(Some(TraceHead {
            trace_id,
            correlation_id: row.get::<_, Option<String>>(1)?.and_then(|id| id.parse().ok()),
            start_unix_ns: unsigned(row, 2)?,
            duration_ns: row.get::<_, i64>(3)?.max(0).cast_unsigned(),
            error: row.get(4)?,
            fault: row.get(5)?,
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn logs_of(connection: &Connection, query: &LogQuery) -> rusqlite::Result<Vec<LogLine>> {
    let mut conditions = Vec::new();
    if let Some(id) = query.trace_id {
        conditions.push(Condition("l.trace_id = ?", id.as_bytes().to_vec().into()));
    }
    if let Some(id) = &query.correlation_id {
        conditions.push(Condition("l.correlation_id = ?", id.as_str().to_owned().into()));
    }
    if let Some(service) = &query.service {
        conditions.push(Condition("r.service = ?", service.clone().into()));
    }
    if let Some(least) = query.severity_min {
        conditions.push(Condition("l.severity >= ?", i64::from(least).into()));
    }
    let sql = format!(
        "SELECT l.unix_ns, r.service, l.severity, l.severity_text, l.body, l.event, l.trace_id,
                l.span_id, l.correlation_id, l.attributes
         FROM log l JOIN resource r USING (resource_id)
         WHERE {} ORDER BY l.unix_ns DESC LIMIT {}",
        joined(&conditions),
        query.limit()
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(parameters(&conditions).as_slice(), |row| {
        Ok(LogLine {
            unix_ns: unsigned(row, 0)?,
            service: row.get(1)?,
            severity: severity(row.get(2)?, &row.get::<_, String>(3)?),
            body: row.get(4)?,
            event: row.get(5)?,
            trace_id: trace_id(row, 6)?,
            span_id: span_id(row, 7)?,
            correlation_id: row.get::<_, Option<String>>(8)?.and_then(|id| id.parse().ok()),
            attributes: read_attributes(&row.get::<_, String>(9)?),
        })
    })?;
    let mut lines: Vec<LogLine> = rows.collect::<rusqlite::Result<_>>()?;
    lines.reverse();
    Ok(lines)
}
