//! Lists of traces.
//!
//! A sealed file has a table of traces and indexes; which of them answers depends on what is rare.
//! A file that is not sealed is scanned.

use model::frame::TraceHead;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::{Conditions, ns, trace_id, unsigned};
use crate::query::{TraceLine, TraceOrder, TraceQuery, fault_names};

/// Spans that are looked up one by one; when there are more, traces are walked in their order until
/// there are enough.
const RARE_SPANS: u32 = 20_000;

/// What of a whole trace stands in one line; the names of its columns are those of the table.
const WHOLE: &str = "SELECT s.trace_id, max(s.correlation_id) AS correlation_id,
        min(s.start_ns) AS start_ns, max(max(s.end_ns) - min(s.start_ns), 0) AS duration_ns,
        count(*) AS spans, sum(s.error) AS errors, group_concat(DISTINCT s.fault) AS faults,
        max(CASE WHEN s.parent_id IS NULL THEN r.service END) AS root_service,
        max(CASE WHEN s.parent_id IS NULL THEN s.name END) AS root_name
    FROM span s JOIN resource r USING (resource_id) GROUP BY s.trace_id";

pub(super) fn lines(
    connection: &Connection,
    query: &TraceQuery,
) -> rusqlite::Result<Vec<TraceLine>> {
    let is_sealed =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM trace)", [], |row| row.get(0))?;
    let (sql, conditions) = match &query.edge {
        Some(_) => of_requests(query),
        None => of_traces(connection, query, is_sealed)?,
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(conditions.parameters().as_slice(), line)?;
    let mut lines: Vec<TraceLine> =
        rows.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    if query.edge.is_some() && is_sealed {
        add_wholes(connection, &mut lines)?;
    }
    Ok(query.page(lines))
}

fn line(row: &Row<'_>) -> rusqlite::Result<Option<TraceLine>> {
    let Some(trace_id) = trace_id(row, 0)? else { return Ok(None) };
    let errors = unsigned(row, 5)?;
    Ok(Some(TraceLine {
        head: TraceHead {
            trace_id,
            correlation_id: row.get::<_, Option<String>>(1)?.and_then(|id| id.parse().ok()),
            start_unix_ns: unsigned(row, 2)?,
            duration_ns: row.get::<_, i64>(3)?.max(0).cast_unsigned(),
            error: errors > 0,
            fault: fault_names(row.get::<_, Option<String>>(6)?),
        },
        service: row.get(7)?,
        name: row.get(8)?,
        spans: unsigned(row, 4)?,
        errors,
    }))
}

fn of_traces(
    connection: &Connection,
    query: &TraceQuery,
    is_sealed: bool,
) -> rusqlite::Result<(String, Conditions)> {
    let mut conditions = Conditions::default();
    about_head(query, "t.start_ns", "t.duration_ns", &mut conditions);
    match query.error {
        // As the partial index has it.
        Some(true) => conditions.texts.push("t.errors > 0".to_owned()),
        Some(false) => conditions.texts.push("t.errors = 0".to_owned()),
        None => {},
    }
    let span = about_span(query, "s", "r");
    if !span.texts.is_empty() {
        let is_rare = is_sealed && is_rare(connection, &span)?;
        let from = format!("SELECT s.trace_id FROM {}", spans(query, "s", "r"));
        conditions.texts.push(if is_rare || !is_sealed {
            format!("t.trace_id IN ({from} WHERE {})", span.sql())
        } else {
            format!("EXISTS ({from} WHERE s.trace_id = t.trace_id AND {})", span.sql())
        });
        conditions.values.extend(span.values);
    }
    let table = if is_sealed { "trace".to_owned() } else { format!("({WHOLE})") };
    let sql = format!(
        "SELECT t.trace_id, t.correlation_id, t.start_ns, t.duration_ns, t.spans, t.errors,
                t.faults, t.root_service, t.root_name
         FROM {table} t WHERE {} ORDER BY {} LIMIT {}",
        conditions.sql(),
        order(query, "t"),
        query.limit()
    );
    Ok((sql, conditions))
}

/// The spans of a condition, with their resource only where it is needed.
fn spans(query: &TraceQuery, span: &str, resource: &str) -> String {
    if query.service.is_some() {
        format!("span {span} JOIN resource {resource} USING (resource_id)")
    } else {
        format!("span {span}")
    }
}

fn is_rare(connection: &Connection, span: &Conditions) -> rusqlite::Result<bool> {
    // Only these have an index of their own.
    let indexed = |text: &&String| {
        ["s.correlation_id = ?", "s.name = ?", "s.fault IS NOT NULL"].contains(&text.as_str())
    };
    let Some(first) = span.texts.iter().find(indexed) else { return Ok(false) };
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM span s WHERE {first} LIMIT {})",
        RARE_SPANS + 1
    );
    let place = span.texts.iter().take_while(|text| *text != first);
    let place: usize = place.map(|text| text.matches('?').count()).sum();
    let value = span.values.get(place).filter(|_| first.contains('?'));
    let count: u32 = connection
        .prepare_cached(&sql)?
        .query_row(rusqlite::params_from_iter(value), |row| row.get(0))?;
    Ok(count <= RARE_SPANS)
}

/// Conditions of one span of the trace, under the names that span and resource have in the
/// question.
fn about_span(query: &TraceQuery, s: &str, r: &str) -> Conditions {
    let mut span = Conditions::default();
    let id = query.correlation_id.as_ref().map(|id| id.as_str().to_owned());
    span.add_some(&format!("{s}.correlation_id = ?"), id);
    if let Some(fault) = &query.fault {
        span.texts.push(format!("{s}.fault IS NOT NULL"));
        // A span that several faults hit has all their names.
        span.add(
            format!("instr(',' || replace({s}.fault, ' ', '') || ',', ',' || replace(?, ' ', '') || ',') > 0"),
            fault.clone(),
        );
    }
    span.add_some(&format!("{s}.name = ?"), query.name.clone());
    span.add_some(&format!("{s}.http_route = ?"), query.route.clone());
    span.add_some(&format!("{r}.service = ?"), query.service.clone());
    span
}

fn about_head(query: &TraceQuery, start: &str, duration: &str, conditions: &mut Conditions) {
    let ms = |ms: f64| Value::from(ms * 1e6);
    conditions.add_some(&format!("{duration} >= ?"), query.min_ms.map(ms));
    conditions.add_some(&format!("{duration} <= ?"), query.max_ms.map(ms));
    conditions.add_some(&format!("{start} >= ?"), query.from_unix_ms.map(ns));
    conditions.add_some(&format!("{start} < ?"), query.to_unix_ms.map(ns));
    if let Some(cursor) = query.cursor {
        let key = match query.order {
            TraceOrder::Newest => start,
            TraceOrder::Slowest => duration,
        };
        let table = start.split('.').next().unwrap_or_default();
        conditions.add(format!("{key} <= ?"), cursor.key_ns.cast_signed());
        conditions.add(format!("({key} < ? OR {table}.trace_id < ?)"), cursor.key_ns.cast_signed());
        conditions.values.push(cursor.trace_id.as_bytes().to_vec().into());
    }
}

fn order(query: &TraceQuery, table: &str) -> String {
    match query.order {
        TraceOrder::Newest => format!("{table}.start_ns DESC, {table}.trace_id DESC"),
        TraceOrder::Slowest => format!("duration_ns DESC, {table}.trace_id DESC"),
    }
}

/// One line for each request on an edge.
fn of_requests(query: &TraceQuery) -> (String, Conditions) {
    let mut conditions = Conditions::default();
    let edge = query.edge.as_ref().map(ToString::to_string);
    conditions.add_some("s.kind = 'server' AND s.edge = ?", edge);
    about_head(query, "s.start_ns", "max(s.end_ns - s.start_ns, 0)", &mut conditions);
    let id = query.correlation_id.as_ref().map(|id| id.as_str().to_owned());
    conditions.add_some("s.correlation_id = ?", id);
    conditions.add_some("s.error = ?", query.error.map(i64::from));
    let other = about_span(&TraceQuery { correlation_id: None, ..query.clone() }, "o", "r");
    if !other.texts.is_empty() {
        conditions.texts.push(format!(
            "EXISTS (SELECT 1 FROM {} WHERE o.trace_id = s.trace_id AND {})",
            spans(query, "o", "r"),
            other.sql()
        ));
        conditions.values.extend(other.values);
    }
    let sql = format!(
        "SELECT s.trace_id, s.correlation_id, s.start_ns, max(s.end_ns - s.start_ns, 0)
                AS duration_ns, 1, s.error, s.fault, NULL, NULL
         FROM span s WHERE {} ORDER BY {} LIMIT {}",
        conditions.sql(),
        order(query, "s"),
        query.limit()
    );
    (sql, conditions)
}

/// Adds to lines about requests what is said of their traces.
fn add_wholes(connection: &Connection, lines: &mut [TraceLine]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*), sum(s.error), max(CASE WHEN s.parent_id IS NULL THEN r.service END),
                max(CASE WHEN s.parent_id IS NULL THEN s.name END)
         FROM span s JOIN resource r USING (resource_id) WHERE s.trace_id = ?1",
    )?;
    for line in lines {
        let whole = |row: &Row<'_>| {
            line.spans = unsigned(row, 0)?;
            line.errors = unsigned(row, 1)?;
            (line.service, line.name) = (row.get(2)?, row.get(3)?);
            Ok(())
        };
        statement.query_row([line.head.trace_id.as_bytes()], whole)?;
    }
    Ok(())
}
