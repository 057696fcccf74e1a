//! The rows of a run in the order of time.
//!
//! A run's file has no index by time, so SQLite sorts each table once. Events of spans are found by
//! an index that is made for the replay and lives beside the file.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span};
use rusqlite::{Connection, OptionalExtension as _, Row, Rows};
use serde_json::Value as Json;

use super::build::{self, Item, Origin, attributes, attributes_of};
use super::{RecordingSummary, Request};
use crate::record::{Signal, kind};

mod point;

/// Items in one request, at most.
const REQUEST_ITEMS_MAX: usize = 1_000;

const SPANS: &str = "SELECT s.end_ns, r.attributes, s.scope, s.trace_id, s.span_id, s.parent_id,
        s.name, s.kind, s.start_ns, s.status, s.status_message, s.flags, s.trace_state,
        s.attributes, s.links,
        (SELECT json_group_array(json_array(e.unix_ns, e.name, e.attributes)) FROM replay_event e
         WHERE e.trace_id = s.trace_id AND e.span_id = s.span_id)
    FROM span s JOIN resource r USING (resource_id) ORDER BY s.end_ns, s.start_ns, s.span_id";
const LOGS: &str = "SELECT l.unix_ns, r.attributes, l.scope, l.observed_ns, l.severity,
        l.severity_text, l.body, l.event, l.trace_id, l.span_id, l.flags, l.attributes
    FROM log l JOIN resource r USING (resource_id) ORDER BY l.unix_ns";

pub(super) fn summary(connection: &Connection) -> rusqlite::Result<Option<RecordingSummary>> {
    let run_id: Option<String> =
        connection.query_row("SELECT run_id FROM run", [], |row| row.get(0)).optional()?;
    let of = |table: &str, time: &str| {
        let sql = format!("SELECT count(*), min({time}), max({time}) FROM {table}");
        connection.query_row(&sql, [], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, Option<i64>>(1)?,
                row.get::<_, Option<i64>>(2)?,
            ))
        })
    };
    let all = [of("span", "end_ns")?, of("log", "unix_ns")?, of("point", "unix_ns")?];
    let first = all.iter().filter_map(|(_, first, _)| *first).min();
    let last = all.iter().filter_map(|(.., last)| *last).max();
    let [spans, logs, points] = all.map(|(count, ..)| count.cast_unsigned());
    Ok(first.zip(last).map(|(first, last)| RecordingSummary {
        run_id: run_id.unwrap_or_default(),
        spans,
        logs,
        points,
        first_unix_ns: first.cast_unsigned(),
        last_unix_ns: last.cast_unsigned(),
    }))
}

/// One table, with its next item at hand.
struct Source<'a> {
    signal: Signal,
    rows: Rows<'a>,
    build: fn(&Row<'_>, i64) -> rusqlite::Result<Item>,
    next: Option<(u64, Origin, Item)>,
    shift_ns: i64,
}

impl Source<'_> {
    fn advance(&mut self) -> rusqlite::Result<()> {
        self.next = match self.rows.next()? {
            None => None,
            Some(row) => {
                let origin = Origin { resource: row.get(1)?, scope: row.get(2)? };
                Some((unsigned(row, 0)?, origin, (self.build)(row, self.shift_ns)?))
            },
        };
        Ok(())
    }

    /// The items that come before `end_unix_ns`, as many as go into one request.
    fn take_until(&mut self, end_unix_ns: u64) -> rusqlite::Result<Option<Request>> {
        let mut items = Vec::new();
        let mut first_unix_ns = None;
        while items.len() < REQUEST_ITEMS_MAX
            && let Some((unix_ns, origin, item)) =
                self.next.take_if(|(unix_ns, ..)| *unix_ns < end_unix_ns)
        {
            first_unix_ns.get_or_insert(unix_ns);
            items.push((origin, item));
            self.advance()?;
        }
        let (signal, count) = (self.signal, items.len() as u64);
        Ok(first_unix_ns.map(|unix_ns| Request {
            signal,
            unix_ns,
            bytes: build::request(items),
            items: count,
        }))
    }
}

pub(super) fn requests(
    connection: &Connection,
    slice_ns: u64,
    shift_ns: i64,
    mut take: impl FnMut(Request) -> bool,
) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS replay_event AS SELECT * FROM span_event ORDER BY unix_ns;
         CREATE INDEX IF NOT EXISTS temp.replay_event_of ON replay_event (trace_id, span_id);",
    )?;
    let mut spans = connection.prepare(SPANS)?;
    let mut points = connection.prepare(point::POINTS)?;
    let mut logs = connection.prepare(LOGS)?;
    let source = |signal, rows, build| Source { signal, rows, build, next: None, shift_ns };
    let mut sources = [
        source(Signal::Traces, spans.query([])?, span),
        source(Signal::Metrics, points.query([])?, point::point),
        source(Signal::Logs, logs.query([])?, log),
    ];
    for source in &mut sources {
        source.advance()?;
    }
    loop {
        let next = sources.iter().filter_map(|source| Some(source.next.as_ref()?.0)).min();
        let Some(begin_unix_ns) = next else { return Ok(()) };
        let end_unix_ns = begin_unix_ns.saturating_add(slice_ns.max(1));
        for source in &mut sources {
            while let Some(request) = source.take_until(end_unix_ns)? {
                if !take(request) {
                    return Ok(());
                }
            }
        }
    }
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// A time moved by `shift_ns`; zero means that there is none.
fn time(row: &Row<'_>, column: usize, shift_ns: i64) -> rusqlite::Result<u64> {
    Ok(moved(unsigned(row, column)?, shift_ns))
}

fn moved(unix_ns: u64, shift_ns: i64) -> u64 {
    if unix_ns == 0 { 0 } else { unix_ns.saturating_add_signed(shift_ns) }
}

fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get::<_, Option<Vec<u8>>>(column)?.unwrap_or_default())
}

fn span(row: &Row<'_>, shift_ns: i64) -> rusqlite::Result<Item> {
    let status = Status { code: row.get(9)?, message: row.get(10)? };
    Ok(Item::Span(Span {
        end_time_unix_nano: time(row, 0, shift_ns)?,
        trace_id: bytes(row, 3)?,
        span_id: bytes(row, 4)?,
        parent_span_id: bytes(row, 5)?,
        name: row.get(6)?,
        kind: kind_of(&row.get::<_, String>(7)?),
        start_time_unix_nano: time(row, 8, shift_ns)?,
        status: (status != Status::default()).then_some(status),
        flags: row.get(11)?,
        trace_state: row.get(12)?,
        attributes: attributes(&row.get::<_, String>(13)?),
        links: links(&row.get::<_, String>(14)?),
        events: events(&row.get::<_, String>(15)?, shift_ns),
        ..Span::default()
    }))
}

fn kind_of(name: &str) -> i32 {
    (1..=5).find(|number| kind::name(*number) == name).unwrap_or(1)
}

fn events(json: &str, shift_ns: i64) -> Vec<span::Event> {
    let events: Vec<(u64, String, String)> = serde_json::from_str(json).unwrap_or_default();
    let event = |(unix_ns, name, json): (u64, String, String)| span::Event {
        time_unix_nano: moved(unix_ns, shift_ns),
        name,
        attributes: attributes(&json),
        ..span::Event::default()
    };
    events.into_iter().map(event).collect()
}

fn links(json: &str) -> Vec<span::Link> {
    let links: Vec<Json> = serde_json::from_str(json).unwrap_or_default();
    let link = |link: &Json| span::Link {
        trace_id: build::id(&link["trace_id"]),
        span_id: build::id(&link["span_id"]),
        trace_state: link["trace_state"].as_str().unwrap_or_default().to_owned(),
        attributes: attributes_of(&link["attributes"]),
        ..span::Link::default()
    };
    links.iter().map(link).collect()
}

fn log(row: &Row<'_>, shift_ns: i64) -> rusqlite::Result<Item> {
    let body: String = row.get(6)?;
    Ok(Item::Log(LogRecord {
        time_unix_nano: time(row, 0, shift_ns)?,
        observed_time_unix_nano: time(row, 3, shift_ns)?,
        severity_number: row.get(4)?,
        severity_text: row.get(5)?,
        body: (!body.is_empty()).then(|| build::text(body)),
        event_name: row.get(7)?,
        trace_id: bytes(row, 8)?,
        span_id: bytes(row, 9)?,
        flags: row.get(10)?,
        attributes: attributes(&row.get::<_, String>(11)?),
        ..LogRecord::default()
    }))
}
