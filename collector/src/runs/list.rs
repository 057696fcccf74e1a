//! One line about a run.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{OWN_FOLDER, files_of, pin_path};
use super::lock::is_held;
use crate::store::read::{Reader, RunRow};

/// A run in a folder of runs. Counts are known once it is sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    pub run_id: String,
    pub path: PathBuf,
    pub title: String,
    pub started_unix_ns: u64,
    pub sealed_unix_ns: Option<u64>,
    /// It ended in order, and its counts are complete.
    pub clean: bool,
    /// It is being written now.
    pub live: bool,
    /// It is never removed by itself.
    pub pinned: bool,
    pub bytes: u64,
    pub spans: Option<u64>,
    pub logs: Option<u64>,
    pub points: Option<u64>,
    pub dropped: Option<u64>,
    /// Why the file cannot be read.
    pub error: Option<String>,
}

impl RunEntry {
    /// Nobody writes it any more, and nobody has sealed it.
    pub fn is_crashed(&self) -> bool {
        !self.live && self.error.is_none() && self.sealed_unix_ns.is_none()
    }
}

pub(super) fn entry(path: &Path) -> RunEntry {
    let live = is_held(path);
    let (row, error) = match Reader::new(Some(path)).run() {
        Ok(row) => (row, None),
        Err(error) => (named_by(path), Some(with_cause(&error))),
    };
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    RunEntry {
        path: path.to_owned(),
        live,
        pinned: pin_path(path).exists(),
        bytes: files_of(path).iter().map(size).sum(),
        run_id: row.run_id,
        title: row.title,
        started_unix_ns: row.started_unix_ns,
        sealed_unix_ns: row.sealed_unix_ns,
        clean: row.clean,
        spans: row.spans,
        logs: row.logs,
        points: row.points,
        dropped: row.dropped,
        error,
    }
}

/// What the path tells of a file that cannot be read.
fn named_by(path: &Path) -> RunRow {
    let own_folder = path.ends_with(OWN_FOLDER).then(|| path.parent()?.file_name()).flatten();
    let name = own_folder.or(path.file_stem()).unwrap_or_default();
    RunRow { run_id: name.to_string_lossy().into_owned(), ..RunRow::default() }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
