//! Reading a run file: old runs, and what the live state of a running one no longer holds.
//!
//! While a run is live there are no indexes, so these questions scan; they are only asked when the
//! bounded live state had to forget something. In a sealed file they are answered from indexes and
//! from the tables that were built at the seal.

mod account;
mod edges;
mod exemplars;
mod faults;
mod find;
mod frames;
mod logs;
mod operations;
mod run;
mod wholes;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::frame::{LogLine, Trace};
use model::id::{SpanId, TraceId};
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, Row};

use super::{StoreError, schema};
use crate::query::{LogQuery, TraceLine, TraceQuery};

pub(crate) use run::RunRow;

/// One connection that only reads, opened at the first question.
#[derive(Debug)]
pub(crate) struct Reader {
    /// `None` answers that there is nothing.
    path: Option<PathBuf>,
    connection: Mutex<Option<Connection>>,
}

impl Reader {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        Self { path: path.map(Path::to_owned), connection: Mutex::new(None) }
    }

    /// Lets go of the file until the next question.
    pub(crate) fn close(&self) {
        drop(self.connection.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn with<T: Default>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let Some(path) = &self.path else { return Ok(T::default()) };
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match kept.take() {
            Some(connection) => connection,
            None => schema::open_read_only(path)?,
        };
        let answer = ask(kept.insert(connection));
        answer.map_err(|source| StoreError::Read { path: path.clone(), source })
    }

    pub(crate) fn trace(&self, trace_id: TraceId) -> Result<Option<Trace>, StoreError> {
        Ok(self.wholes(&BTreeSet::from([trace_id]))?.pop())
    }

    pub(crate) fn traces(&self, query: &TraceQuery) -> Result<Vec<TraceLine>, StoreError> {
        self.with(|connection| find::lines(connection, query))
    }

    pub(crate) fn logs(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError> {
        self.with(|connection| logs::lines(connection, query))
    }
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn trace_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<TraceId>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| TraceId::from_bytes(bytes.try_into().ok()?)))
}

fn span_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<SpanId>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| SpanId::from_bytes(bytes.try_into().ok()?)))
}

/// Conditions of a question, and their values.
#[derive(Default)]
struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, text: impl Into<String>, value: impl Into<Value>) {
        self.texts.push(text.into());
        self.values.push(value.into());
    }

    fn add_some<V: Into<Value>>(&mut self, text: &str, value: Option<V>) {
        if let Some(value) = value {
            self.add(text, value);
        }
    }

    /// All of them, for `WHERE`.
    fn sql(&self) -> String {
        if self.texts.is_empty() { "1".to_owned() } else { self.texts.join(" AND ") }
    }

    fn parameters(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(|value| value as &dyn ToSql).collect()
    }
}

/// A time in milliseconds as a column of nanoseconds holds it.
fn ns(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}
