//! Names of runs and of their files.

use std::fs;
use std::path::{Path, PathBuf};

use model::units::utc_stamp;

use super::list::{self, RunEntry};
use crate::store::schema::beside;
use crate::store::{Recovered, StoreError, recover};

/// Name of the run file in a folder of its own.
pub(super) const OWN_FOLDER: &str = "run.db";

#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    #[error("cannot use the folder of runs {path}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("{path} is neither a run file nor a folder of runs")]
    NotRuns { path: PathBuf },
    #[error("there is no run in {path}")]
    Empty { path: PathBuf },
    #[error("there is no run \"{run}\" in {path}{hint}")]
    Unknown { run: String, path: PathBuf, hint: String },
    #[error("\"{run}\" fits several runs in {path}: {fits}")]
    Several { run: String, path: PathBuf, fits: String },
    #[error("cannot change {path}")]
    Change { path: PathBuf, source: std::io::Error },
}

/// A new run: its id and, in a folder of runs, its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// `run-20261125-192243-7f3c`.
    pub run_id: String,
}

impl RunName {
    /// `unique` tells runs of the same second apart.
    pub fn new(unix_ms: u64, unique: u16) -> Self {
        Self { run_id: format!("run-{}-{unique:04x}", utc_stamp(unix_ms / 1_000)) }
    }
}

/// A folder that holds runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder when it is not there.
    pub fn create(path: &Path) -> Result<Self, RunsError> {
        let failed = |source| RunsError::Folder { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        Ok(Self { path: path.to_owned() })
    }

    /// A folder that is there.
    pub fn open(path: &Path) -> Result<Self, RunsError> {
        let failed = |source| RunsError::Folder { path: path.to_owned(), source };
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            return Err(RunsError::NotRuns { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a new run is kept.
    pub fn file(&self, name: &RunName) -> PathBuf {
        self.path.join(format!("{}.db", name.run_id))
    }

    /// The newest first. A file that cannot be read is listed with the reason.
    pub fn list(&self) -> Result<Vec<RunEntry>, RunsError> {
        let failed = |source| RunsError::Folder { path: self.path.clone(), source };
        let mut entries: Vec<RunEntry> =
            self.files().map_err(failed)?.iter().map(|path| list::entry(path)).collect();
        entries.sort_by(|left, right| {
            (right.started_unix_ns, &right.run_id).cmp(&(left.started_unix_ns, &left.run_id))
        });
        Ok(entries)
    }

    fn files(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                files.extend(Some(path.join(OWN_FOLDER)).filter(|path| path.is_file()));
            } else if name == OWN_FOLDER || is_run_file(&path) {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// The run with this id, with the start or the end of it when only one fits, or `latest`.
    pub fn find(&self, run: &str) -> Result<RunEntry, RunsError> {
        let entries = self.list()?;
        if run == "latest" {
            let newest = entries.into_iter().next();
            return newest.ok_or_else(|| RunsError::Empty { path: self.path.clone() });
        }
        if let Some(entry) = entries.iter().find(|entry| entry.run_id == run) {
            return Ok(entry.clone());
        }
        let fits: Vec<&RunEntry> = entries
            .iter()
            .filter(|entry| entry.run_id.starts_with(run) || entry.run_id.ends_with(run))
            .collect();
        let (run, path) = (run.chars().take(128).collect::<String>(), self.path.clone());
        match fits.as_slice() {
            [entry] => Ok((*entry).clone()),
            [] => {
                let known = entries.iter().map(|entry| entry.run_id.as_str());
                let hint = model::hint(&run, known.take(20));
                Err(RunsError::Unknown { run, path, hint })
            },
            several => {
                let fits: Vec<&str> = several.iter().map(|entry| entry.run_id.as_str()).collect();
                Err(RunsError::Several { run, path, fits: fits.join(", ") })
            },
        }
    }

    /// Seals every run that its collector could not seal. A run that cannot be sealed is told and
    /// left as it is.
    pub fn recover(&self) -> Result<Vec<Result<Recovered, StoreError>>, RunsError> {
        let open = self.list()?.into_iter().filter(RunEntry::is_crashed);
        Ok(open.filter_map(|entry| recover(&entry.path).transpose()).collect())
    }

    /// Keeps a run from being removed, or lets it go again.
    pub fn pin(&self, run: &str, pinned: bool) -> Result<RunEntry, RunsError> {
        let entry = self.find(run)?;
        let path = pin_path(&entry.path);
        let failed = |source| RunsError::Change { path: path.clone(), source };
        if pinned {
            fs::write(&path, "").map_err(failed)?;
        } else if path.exists() {
            fs::remove_file(&path).map_err(failed)?;
        }
        Ok(RunEntry { pinned, ..entry })
    }
}

/// Is this a file that a collector by itself has made?
pub(super) fn is_run_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("run-") && name.ends_with(".db")
}

pub(super) fn pin_path(database: &Path) -> PathBuf {
    database.with_extension("pin")
}

/// The files of one run, its database first.
pub(super) fn files_of(database: &Path) -> [PathBuf; 4] {
    [
        database.to_owned(),
        beside(database, "-wal"),
        beside(database, "-shm"),
        database.with_extension("lock"),
    ]
}
