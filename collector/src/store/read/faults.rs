//! What faults and breakers did.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Reader, trace_id, unsigned};
use crate::query::{BreakerChange, FaultChange, FaultRow};
use crate::store::StoreError;

/// Most changes of one answer; the newest are kept.
const CHANGES_MAX: u32 = 10_000;

impl Reader {
    /// By name.
    pub(crate) fn faults(&self) -> Result<Vec<FaultRow>, StoreError> {
        self.with(faults)
    }

    /// Only when each fault was armed, by its name: the counts of a live run are in its memory.
    pub(crate) fn fault_changes(&self) -> Result<BTreeMap<String, Vec<FaultChange>>, StoreError> {
        self.with(changes)
    }

    /// By time.
    pub(crate) fn breakers(&self) -> Result<Vec<BreakerChange>, StoreError> {
        self.with(breakers)
    }
}

fn faults(connection: &Connection) -> rusqlite::Result<Vec<FaultRow>> {
    let mut faults: BTreeMap<String, FaultRow> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT fault, edge, sum(outcome = 'hit'), sum(outcome <> 'hit') FROM fault_hit
         GROUP BY fault, edge ORDER BY fault, edge",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let fault = faults.entry(row.get(0)?).or_default();
        fault.edges.push(row.get(1)?);
        fault.hits += unsigned(row, 2)?;
        fault.skipped += unsigned(row, 3)?;
    }
    for (name, changes) in changes(connection)? {
        faults.entry(name).or_default().transitions = changes;
    }
    Ok(faults.into_iter().map(|(name, row)| FaultRow { fault: name, ..row }).collect())
}

fn changes(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<FaultChange>>> {
    let mut changes: BTreeMap<String, Vec<FaultChange>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (SELECT fault, unix_ns, state, cause FROM fault_transition
                        ORDER BY unix_ns DESC LIMIT ?1) ORDER BY unix_ns",
    )?;
    let mut rows = statement.query([CHANGES_MAX])?;
    while let Some(row) = rows.next()? {
        changes.entry(row.get(0)?).or_default().push(FaultChange {
            unix_ns: unsigned(row, 1)?,
            state: row.get(2)?,
            cause: row.get(3)?,
        });
    }
    Ok(changes)
}

fn breakers(connection: &Connection) -> rusqlite::Result<Vec<BreakerChange>> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (SELECT unix_ns, edge, from_state, to_state, reason, open_ms, trace_id
                        FROM breaker_transition ORDER BY unix_ns DESC LIMIT ?1) ORDER BY unix_ns",
    )?;
    let rows = statement.query_map([CHANGES_MAX], |row| {
        let Ok(edge) = row.get_ref(1)?.as_str()?.parse() else { return Ok(None) };
        Ok(Some(BreakerChange {
            unix_ns: unsigned(row, 0)?,
            edge,
            from: row.get(2)?,
            to: row.get(3)?,
            reason: row.get(4)?,
            open_ms: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
            trace_id: trace_id(row, 6)?,
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}
