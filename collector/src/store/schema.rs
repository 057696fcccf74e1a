//! Creating the file, and refusing one that is not ours to write.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::StoreError;

/// Version of the tables; files of other versions are refused.
pub(crate) const VERSION: i64 = 1;

const TABLES: &str = include_str!("schema.sql");

/// Opens a new file, or one that the same run has left unsealed.
pub(super) fn create(
    path: &Path,
    run_id: &str,
    started_unix_ns: u64,
) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Create { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(failed)?;
    // Also the first read of the file: fails when it is no database.
    let version = version_of(&connection).map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    match (version, tables) {
        (0, 0) => {},
        (VERSION, _) => {
            refuse_other_run(&connection, path, run_id)?;
            pragmas(&connection).map_err(failed)?;
            return Ok(connection);
        },
        (0, _) => return Err(StoreError::Foreign { path: path.to_owned() }),
        (found, _) => return Err(StoreError::Version { path: path.to_owned(), found }),
    }
    connection.pragma_update(None, "page_size", 8192).map_err(failed)?;
    pragmas(&connection).map_err(failed)?;
    connection.execute_batch(TABLES).map_err(failed)?;
    connection
        .execute(
            "INSERT INTO run (run_id, schema_version, started_ns) VALUES (?1, ?2, ?3)",
            params![run_id, VERSION, started_unix_ns.cast_signed()],
        )
        .map_err(failed)?;
    connection.pragma_update(None, "user_version", VERSION).map_err(failed)?;
    Ok(connection)
}

fn pragmas(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn version_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn refuse_other_run(connection: &Connection, path: &Path, run_id: &str) -> Result<(), StoreError> {
    let row: Option<(String, bool)> = connection
        .query_row("SELECT run_id, clean FROM run", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
    match row {
        Some((found, clean)) if found != run_id || clean => {
            Err(StoreError::Taken { path: path.to_owned(), found })
        },
        _ => Ok(()),
    }
}

/// Opens a file of a run without ever changing it.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Read { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    match version_of(&connection).map_err(failed)? {
        VERSION => Ok(connection),
        found => Err(StoreError::Version { path: path.to_owned(), found }),
    }
}
