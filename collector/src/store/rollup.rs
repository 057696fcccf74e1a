//! Requests per edge and spans per operation, counted by second and by minute.
//!
//! Seconds of edges come from the frames, where they were counted before any span was left out.
//! What the frames do not have, after a crash, is counted from the spans of the file. Minutes are
//! merged from the seconds, so that the RED of an hour is read from a few thousand rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::frame::{EdgeFrame, Frame};
use model::hist::Histogram;
use rusqlite::{Connection, Row, params};

use super::insert::integer;

/// Most operations that one file counts apart; the rest is counted as [`OTHERS`].
const OPERATIONS_MAX: usize = 20_000;
const OTHERS: &str = "(others)";
const MINUTE_S: i64 = 60;

/// One row of a rollup, whatever it is of.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Rollup {
    pub(crate) errors: u64,
    pub(crate) attempts: u64,
    /// Failed requests by blame.
    pub(crate) blames: BTreeMap<String, u64>,
    pub(crate) duration: Histogram,
    /// What is left of the weights of sampled spans beside the whole spans that were counted.
    owed: f64,
}

impl Rollup {
    pub(crate) fn of(edge: &EdgeFrame) -> Self {
        Self {
            errors: edge.error_count(),
            attempts: edge.attempts,
            blames: edge.errors.clone(),
            duration: edge.duration.clone(),
            owed: 0.0,
        }
    }

    /// How many spans one of this weight stands for. Over many spans the fractions are not lost.
    fn times(&mut self, weight: f64) -> u64 {
        self.owed += weight;
        let times = self.owed.floor().max(0.0);
        self.owed -= times;
        times as u64
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.errors += other.errors;
        self.attempts += other.attempts;
        for (blame, count) in &other.blames {
            *self.blames.entry(blame.clone()).or_default() += count;
        }
        self.duration.merge(&other.duration);
    }
}

fn quantile_ns(duration: &Histogram, fraction: f64) -> Option<i64> {
    duration.quantile(fraction).map(|value| integer(value.as_nanos() as u64))
}

/// Writes the edges of each frame; a second that is there already is replaced.
pub(super) fn frames(to: &Connection, frames: &[Arc<Frame>]) -> rusqlite::Result<()> {
    for frame in frames {
        for edge in frame.edges.iter().filter(|edge| edge.requests > 0 || edge.attempts > 0) {
            let place = (1, integer(frame.unix_s), edge.edge.to_string());
            insert_edge(to, "REPLACE", &place, &Rollup::of(edge))?;
        }
    }
    Ok(())
}

fn insert_edge(
    to: &Connection,
    or: &str,
    (step_s, unix_s, edge): &(i64, i64, String),
    rollup: &Rollup,
) -> rusqlite::Result<()> {
    let Rollup { errors, attempts, blames, duration, .. } = rollup;
    to.prepare_cached(&format!(
        "INSERT OR {or} INTO edge_rollup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
         ?13)"
    ))?
    .execute(params![
        step_s,
        unix_s,
        edge,
        integer(duration.count()),
        integer(*errors),
        integer(*attempts),
        integer(duration.sum().as_nanos() as u64),
        quantile_ns(duration, 0.5),
        quantile_ns(duration, 0.9),
        quantile_ns(duration, 0.99),
        quantile_ns(duration, 1.0),
        serde_json::to_string(blames).unwrap_or_default(),
        duration.packed(),
    ])?;
    Ok(())
}

type Edges = BTreeMap<(i64, i64, String), Rollup>;
type Operations = BTreeMap<(i64, String, String, String), Rollup>;

/// Counts what the file lacks, from its spans, and merges the minutes.
pub(super) fn complete(connection: &Connection) -> rusqlite::Result<()> {
    let (edges, operations) = count_spans(connection)?;
    for (place, rollup) in &edges {
        insert_edge(connection, "IGNORE", place, rollup)?;
    }
    for (place, rollup) in &operations {
        insert_operation(connection, place, rollup)?;
    }
    for (place, rollup) in &minutes(connection)? {
        insert_edge(connection, "REPLACE", place, rollup)?;
    }
    Ok(())
}

fn insert_operation(
    to: &Connection,
    (unix_s, service, operation, kind): &(i64, String, String, String),
    Rollup { errors, duration, .. }: &Rollup,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT OR REPLACE INTO op_rollup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
         ?12, ?13)",
    )?
    .execute(params![
        MINUTE_S,
        unix_s,
        service,
        operation,
        kind,
        integer(duration.count()),
        integer(*errors),
        integer(duration.sum().as_nanos() as u64),
        quantile_ns(duration, 0.5),
        quantile_ns(duration, 0.9),
        quantile_ns(duration, 0.99),
        quantile_ns(duration, 1.0),
        duration.packed(),
    ])?;
    Ok(())
}

/// One pass over the spans, in the order in which they came in. Each counts for as many as its
/// trace stands for.
fn count_spans(connection: &Connection) -> rusqlite::Result<(Edges, Operations)> {
    let (mut edges, mut operations) = (Edges::new(), Operations::new());
    let mut statement = connection.prepare(
        "SELECT s.start_ns, s.end_ns, r.service, coalesce(s.http_route, s.name), s.kind, s.error,
                s.edge, s.blame, coalesce(w.weight, 1.0)
         FROM span s JOIN resource r USING (resource_id) LEFT JOIN trace_weight w USING (trace_id)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (start_ns, end_ns): (i64, i64) = (row.get(0)?, row.get(1)?);
        let duration_ns = end_ns.saturating_sub(start_ns).max(0).cast_unsigned();
        let second = end_ns / 1_000_000_000;
        let kind = row.get_ref(4)?.as_str()?;
        count_edge(row, (kind, second, duration_ns), &mut edges)?;
        let minute = second - second.rem_euclid(MINUTE_S);
        let place = (minute, row.get(2)?, row.get_ref(3)?.as_str()?.to_owned(), kind.to_owned());
        let full = operations.len() >= OPERATIONS_MAX && !operations.contains_key(&place);
        let place = if full { (place.0, place.1, OTHERS.to_owned(), place.3) } else { place };
        let counts = operations.entry(place).or_default();
        let times = counts.times(row.get(8)?);
        counts.errors += u64::from(row.get::<_, bool>(5)?) * times;
        counts.duration.record_ns(duration_ns, times);
    }
    Ok((edges, operations))
}

fn count_edge(
    row: &Row<'_>,
    (kind, second, duration_ns): (&str, i64, u64),
    edges: &mut Edges,
) -> rusqlite::Result<()> {
    let Some(edge) = row.get::<_, Option<String>>(6)? else { return Ok(()) };
    if !matches!(kind, "server" | "client") {
        return Ok(());
    }
    let counts = edges.entry((1, second, edge)).or_default();
    let weight = row.get(8)?;
    if kind == "client" {
        // Whole attempts: what is owed belongs to the requests.
        counts.attempts += f64::round(weight) as u64;
        return Ok(());
    }
    let times = counts.times(weight);
    counts.duration.record_ns(duration_ns, times);
    if let Some(blame) = row.get::<_, Option<String>>(7)? {
        counts.errors += times;
        *counts.blames.entry(blame).or_default() += times;
    }
    Ok(())
}

fn minutes(connection: &Connection) -> rusqlite::Result<Edges> {
    let mut minutes = Edges::new();
    let mut statement = connection.prepare(
        "SELECT unix_s, edge, errors, attempts, blames, histogram FROM edge_rollup
         WHERE step_s = 1",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let unix_s: i64 = row.get(0)?;
        let place = (MINUTE_S, unix_s - unix_s.rem_euclid(MINUTE_S), row.get(1)?);
        minutes.entry(place).or_default().merge(&read(row, 2)?);
    }
    Ok(minutes)
}

/// Reads errors, attempts, blames and histogram from four columns.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Rollup> {
    let blames = row.get_ref(first + 2)?.as_str()?;
    let blames = if blames == "{}" { BTreeMap::new() } else { parsed(blames) };
    Ok(Rollup {
        errors: row.get::<_, i64>(first)?.max(0).cast_unsigned(),
        attempts: row.get::<_, i64>(first + 1)?.max(0).cast_unsigned(),
        blames,
        duration: Histogram::unpacked(row.get_ref(first + 3)?.as_blob()?).unwrap_or_default(),
        owed: 0.0,
    })
}

fn parsed(blames: &str) -> BTreeMap<String, u64> {
    serde_json::from_str(blames).unwrap_or_default()
}
