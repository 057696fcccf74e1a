//! What a file says about its run.

use rusqlite::Connection;

use super::{Reader, unsigned};
use crate::store::StoreError;

/// The row of the run; counts are known once it is sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunRow {
    pub(crate) run_id: String,
    pub(crate) title: String,
    pub(crate) started_unix_ns: u64,
    pub(crate) sealed_unix_ns: Option<u64>,
    pub(crate) clean: bool,
    pub(crate) spans: Option<u64>,
    pub(crate) logs: Option<u64>,
    pub(crate) points: Option<u64>,
    pub(crate) dropped: Option<u64>,
}

impl Reader {
    pub(crate) fn run(&self) -> Result<RunRow, StoreError> {
        self.with(run)
    }
}

fn run(connection: &Connection) -> rusqlite::Result<RunRow> {
    connection.query_row(
        "SELECT run_id, title, started_ns, sealed_ns, clean, spans, logs, points, dropped FROM run",
        [],
        |row| {
            let count = |column| {
                row.get::<_, Option<i64>>(column).map(|count| count.map(i64::cast_unsigned))
            };
            Ok(RunRow {
                run_id: row.get(0)?,
                title: row.get(1)?,
                started_unix_ns: unsigned(row, 2)?,
                sealed_unix_ns: count(3)?,
                clean: row.get(4)?,
                spans: count(5)?,
                logs: count(6)?,
                points: count(7)?,
                dropped: count(8)?,
            })
        },
    )
}
