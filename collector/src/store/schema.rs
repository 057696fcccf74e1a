//! Creating the file, and refusing one that is not ours to write.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::StoreError;
use crate::runs::is_held;

/// Version of the tables; files of other versions are refused.
pub(crate) const VERSION: i64 = 2;

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

/// Opens a file of a run to seal it.
pub(super) fn open_to_recover(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Read { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    check_version(&connection, path)?;
    Ok(connection)
}

/// Opens a file of a run without ever changing it or its folder.
///
/// A file that nobody writes and that has no log of SQLite beside it is opened as one that cannot
/// change: then SQLite makes no files of its own, which a read-only folder would not take.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Read { path: path.to_owned(), source };
    std::fs::metadata(path)
        .map_err(|source| StoreError::Missing { path: path.to_owned(), source })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let is_still = !beside(path, "-wal").exists() && !is_held(path);
    let connection = if is_still {
        let uri = format!("file:{}?immutable=1", as_uri(path));
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
    } else {
        Connection::open_with_flags(path, flags)
    };
    let connection = connection.map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    check_version(&connection, path)?;
    Ok(connection)
}

/// A file that SQLite keeps beside a database.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The path inside a `file:` URI.
fn as_uri(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Read { path: path.to_owned(), source };
    match version_of(connection).map_err(failed)? {
        VERSION => Ok(()),
        0 => Err(StoreError::Foreign { path: path.to_owned() }),
        found => Err(StoreError::Version { path: path.to_owned(), found }),
    }
}
