//! Lists of logs.

use model::frame::LogLine;
use rusqlite::{Connection, Row};

use super::{Conditions, ns, span_id, trace_id, unsigned};
use crate::decode::read_attributes;
use crate::query::{LogQuery, severity};

/// The newest up to the limit, in order of time.
pub(super) fn lines(connection: &Connection, query: &LogQuery) -> rusqlite::Result<Vec<LogLine>> {
    let conditions = conditions(query);
    let sql = format!(
        "SELECT l.unix_ns, r.service, l.severity, l.severity_text, l.body, l.event, l.trace_id,
                l.span_id, l.correlation_id, l.attributes
         FROM log l JOIN resource r USING (resource_id)
         WHERE {} ORDER BY l.unix_ns DESC, l.rowid DESC LIMIT {}",
        conditions.sql(),
        query.lookup()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(conditions.parameters().as_slice(), |row| log_line(row, 0))?;
    let mut lines: Vec<LogLine> = rows.collect::<rusqlite::Result<_>>()?;
    lines.reverse();
    Ok(query.page(lines))
}

/// A line from ten columns, of which `first` is the first.
pub(super) fn log_line(row: &Row<'_>, first: usize) -> rusqlite::Result<LogLine> {
    Ok(LogLine {
        unix_ns: unsigned(row, first)?,
        service: row.get(first + 1)?,
        severity: severity(row.get(first + 2)?, &row.get::<_, String>(first + 3)?),
        body: row.get(first + 4)?,
        event: row.get(first + 5)?,
        trace_id: trace_id(row, first + 6)?,
        span_id: span_id(row, first + 7)?,
        correlation_id: row.get::<_, Option<String>>(first + 8)?.and_then(|id| id.parse().ok()),
        attributes: read_attributes(&row.get::<_, String>(first + 9)?),
    })
}

fn conditions(query: &LogQuery) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add_some("l.trace_id = ?", query.trace_id.map(|id| id.as_bytes().to_vec()));
    let id = query.correlation_id.as_ref().map(|id| id.as_str().to_owned());
    conditions.add_some("l.correlation_id = ?", id);
    conditions.add_some("r.service = ?", query.service.clone());
    conditions.add_some("l.severity >= ?", query.severity_min.map(i64::from));
    conditions.add_some("l.unix_ns >= ?", query.from_unix_ms.map(ns));
    conditions.add_some("l.unix_ns < ?", query.to_unix_ms.map(ns));
    conditions.add_some("l.unix_ns <= ?", query.cursor.map(|cursor| cursor.unix_ns.cast_signed()));
    if let Some(text) = &query.contains {
        conditions.add("(instr(lower(l.body), ?) > 0", text.to_ascii_lowercase());
        let last = conditions.texts.pop().unwrap_or_default();
        conditions
            .add(format!("{last} OR instr(lower(l.event), ?) > 0)"), text.to_ascii_lowercase());
    }
    conditions
}
