//! A recorded run as OTLP again: sent to a backend as it happened, faster, or all at once, or
//! written as files of OTLP/JSON lines.
//!
//! [`Recording`] reads the file of a run in the order of time: a span when it ended, a log record
//! and a metric point when it was made ([`read`], [`build`]). [`send`] keeps the distances between
//! them, and delivers one request after the other; [`to_files`] writes `traces.jsonl`,
//! `metrics.jsonl` and `logs.jsonl`, one request a line, as the OTLP file format has it.
//!
//! Ids are those of the run. Some details are not kept by the file of a run and so cannot come
//! back: the version and the attributes of a scope, counts of dropped attributes, and the
//! difference between a text and bytes or a structured body written as text.

mod build;
mod files;
mod pace;
mod read;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use files::{FileTotals, to_files};
pub use pace::{ReplayPlan, ReplayTotals, Speed, send};

use crate::record::Signal;
use crate::store::StoreError;

/// Why a run cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("there is no run at {path}; name the folder of a run, or its run.db")]
    Missing { path: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the run at {path} holds no spans, log records or metric points")]
    Empty { path: PathBuf },
    #[error(transparent)]
    Settings(#[from] telemetry::otlp::SettingsError),
    #[error("{backend} took nothing for {} s: {reason}", waited.as_secs())]
    Unreachable { backend: String, waited: std::time::Duration, reason: String },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: std::io::Error },
}

/// What a run has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingSummary {
    pub run_id: String,
    pub spans: u64,
    pub logs: u64,
    pub points: u64,
    /// Of the first and the last item.
    pub first_unix_ns: u64,
    pub last_unix_ns: u64,
}

/// One export request out of a recording.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) signal: Signal,
    /// Of its first item, as recorded.
    pub(crate) unix_ns: u64,
    /// Protobuf.
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: u64,
}

/// The file of a run, opened for reading alone.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    connection: Connection,
    summary: RecordingSummary,
}

impl Recording {
    /// Opens the folder of a run, or its database. Blocks.
    pub fn open(run: &Path) -> Result<Self, ReplayError> {
        let path = if run.is_dir() { run.join("run.db") } else { run.to_owned() };
        if !path.is_file() {
            return Err(ReplayError::Missing { path: run.to_owned() });
        }
        let connection = crate::store::open_read_only(&path)?;
        let failed = |source| StoreError::Read { path: path.clone(), source };
        let summary = read::summary(&connection).map_err(failed)?;
        let Some(summary) = summary else { return Err(ReplayError::Empty { path }) };
        Ok(Self { path, connection, summary })
    }

    pub fn summary(&self) -> &RecordingSummary {
        &self.summary
    }

    /// Hands over all requests in the order of time, until `take` says that it wants no more. Each
    /// holds items of at most `slice_ns`; all times are moved by `shift_ns`. Blocks.
    pub(crate) fn requests(
        &self,
        slice_ns: u64,
        shift_ns: i64,
        take: impl FnMut(Request) -> bool,
    ) -> Result<(), ReplayError> {
        read::requests(&self.connection, slice_ns, shift_ns, take)
            .map_err(|source| StoreError::Read { path: self.path.clone(), source }.into())
    }
}

#[cfg(test)]
mod tests;
