//! The end of a run file: what is built from its rows, and what makes it a plain file again.
//!
//! A run that ended in order is sealed by its writer. One that ended by a crash is sealed by
//! [`recover`], at the next start or when somebody asks for it; it stays marked as unclean, so that
//! nobody takes its counts for complete.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::{StoreError, rollup, schema};
use crate::runs::RunLock;

const SEAL: &str = include_str!("seal.sql");

/// What was found in the file of a run that had not been sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    pub path: PathBuf,
    pub run_id: String,
    pub spans: u64,
    pub logs: u64,
    pub points: u64,
}

/// Builds tables and indexes for questions. Step by step, because one transaction over all of it
/// would write a large file twice; after a crash in between it is done again.
pub(super) fn build(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    rollup::complete(&transaction)?;
    transaction.commit()?;
    connection.execute_batch(SEAL)
}

/// Moves the log of SQLite into the file, and makes it one that opens from a read-only folder, too.
/// A reader that is open right now prevents the latter, and is no reason to fail.
pub(super) fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?;
    let settled =
        connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
    match settled {
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.code == rusqlite::ErrorCode::DatabaseBusy
                || error.code == rusqlite::ErrorCode::DatabaseLocked =>
        {
            Ok(())
        },
        settled => settled.map(|_mode| ()),
    }
}

/// Seals a run that its collector could not seal. `None` when it is sealed already.
///
/// Fails when the run is still being written, and when the file is not ours.
pub fn recover(path: &Path) -> Result<Option<Recovered>, StoreError> {
    let _lock = RunLock::take(path, "recovery")?;
    let connection = schema::open_to_recover(path)?;
    let failed = |source| StoreError::Seal { path: path.to_owned(), source };
    let sealed: Option<i64> =
        connection.query_row("SELECT sealed_ns FROM run", [], |row| row.get(0)).map_err(failed)?;
    if sealed.is_some() {
        settle(&connection).map_err(failed)?;
        return Ok(None);
    }
    build(&connection).map_err(failed)?;
    let recovered = close_account(&connection, path).map_err(failed)?;
    settle(&connection).map_err(failed)?;
    Ok(Some(recovered))
}

/// The time of the seal is that of the last thing that is known of the run.
fn close_account(connection: &Connection, path: &Path) -> rusqlite::Result<Recovered> {
    let count = |table: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get::<_, i64>(0).map(i64::cast_unsigned)
        })
    };
    let [spans, logs, points] = [count("span")?, count("log")?, count("point")?];
    connection.execute(
        "UPDATE run SET clean = 0, spans = ?1, logs = ?2, points = ?3,
         sealed_ns = max(started_ns,
             coalesce((SELECT max(start_ns + duration_ns) FROM trace), 0),
             coalesce((SELECT max(unix_ns) FROM log), 0))",
        params![spans.cast_signed(), logs.cast_signed(), points.cast_signed()],
    )?;
    let run_id = connection.query_row("SELECT run_id FROM run", [], |row| row.get(0))?;
    Ok(Recovered { path: path.to_owned(), run_id, spans, logs, points })
}
