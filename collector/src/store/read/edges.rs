//! Counts of edges by second and by minute.

use model::edge::Edge;
use rusqlite::{Connection, OptionalExtension as _};

use super::Reader;
use crate::query::{EdgeCounts, EdgeQuery, Window};
use crate::store::{StoreError, rollup};

const MINUTE_S: u64 = 60;

impl Reader {
    /// The seconds that the file knows of.
    pub(crate) fn window(&self) -> Result<Option<Window>, StoreError> {
        self.with(window)
    }

    /// Counts by step within the window.
    pub(crate) fn edges(
        &self,
        query: &EdgeQuery,
        window: Window,
    ) -> Result<EdgeCounts, StoreError> {
        self.with(|connection| counts(connection, query, window))
    }
}

fn window(connection: &Connection) -> rusqlite::Result<Option<Window>> {
    let mut end = connection.prepare_cached(
        "SELECT (SELECT unix_s FROM edge_rollup WHERE step_s = 1 ORDER BY unix_s LIMIT 1),
                (SELECT unix_s FROM edge_rollup WHERE step_s = 1 ORDER BY unix_s DESC LIMIT 1)",
    )?;
    let ends = end.query_row([], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(first.zip(last))
    });
    Ok(ends.optional()?.flatten().map(|(first, last)| Window {
        from_s: first.cast_unsigned(),
        to_s: last.cast_unsigned() + 1,
    }))
}

/// Whole minutes are read as minutes, where the step allows it and the run is sealed.
fn counts(
    connection: &Connection,
    query: &EdgeQuery,
    window: Window,
) -> rusqlite::Result<EdgeCounts> {
    let mut counts = EdgeCounts::new();
    let by_minutes = query.step_s.is_none_or(|step_s| u64::from(step_s).is_multiple_of(MINUTE_S));
    let first = window.from_s.next_multiple_of(MINUTE_S);
    let last = window.to_s - window.to_s % MINUTE_S;
    if !by_minutes || first >= last || !has_minutes(connection)? {
        add(connection, query, (1, window, window), &mut counts)?;
        return Ok(counts);
    }
    for (step_s, from_s, to_s) in
        [(1, window.from_s, first), (MINUTE_S, first, last), (1, last, window.to_s)]
    {
        add(connection, query, (step_s, window, Window { from_s, to_s }), &mut counts)?;
    }
    Ok(counts)
}

fn has_minutes(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM edge_rollup WHERE step_s = 60)", [], |row| {
        row.get(0)
    })
}

fn add(
    connection: &Connection,
    query: &EdgeQuery,
    (step_s, window, part): (u64, Window, Window),
    counts: &mut EdgeCounts,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT unix_s, edge, errors, attempts, blames, histogram FROM edge_rollup
         WHERE step_s = ?1 AND unix_s >= ?2 AND unix_s < ?3 AND (?4 IS NULL OR edge = ?4)",
    )?;
    let edge = query.edge.as_ref().map(ToString::to_string);
    let ends = [step_s, part.from_s, part.to_s].map(u64::cast_signed);
    let mut rows = statement.query((ends[0], ends[1], ends[2], edge))?;
    while let Some(row) = rows.next()? {
        let Ok(edge) = row.get_ref(1)?.as_str()?.parse::<Edge>() else { continue };
        if query.accepts(&edge) {
            let unix_s = row.get::<_, i64>(0)?.cast_unsigned();
            let place = (query.step_of(window, unix_s), edge);
            counts.entry(place).or_default().merge(&rollup::read(row, 2)?);
        }
    }
    Ok(())
}
