//! Which runs may stay: the oldest sealed runs go first.
//!
//! Only files that a collector by itself has made are removed, never a folder of `shakedown run`.
//! Runs that are pinned, that are being written or that cannot be read stay, and count. The newest
//! run stays even if it alone is too much: whoever has just recorded it wants to ask it.

use std::fs;
use std::path::PathBuf;

use super::folder::{RunFolder, RunsError, files_of, is_run_file};
use super::list::RunEntry;
use super::lock::RunLock;

/// How much a folder of runs may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub runs_max: usize,
    pub bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { runs_max: 20, bytes_max: 10 * 1024 * 1024 * 1024 }
    }
}

/// A run that was removed to keep the folder within its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    pub run_id: String,
    pub path: PathBuf,
    pub bytes: u64,
}

impl RunFolder {
    /// Removes what is too much. What cannot be removed is told as an error, after the rest.
    pub fn retain(&self, retention: Retention) -> Result<Vec<Removed>, RunsError> {
        let mut entries = self.list()?;
        entries.retain(|entry| is_run_file(&entry.path));
        let (mut runs, mut bytes) =
            (entries.len(), entries.iter().map(|entry| entry.bytes).sum::<u64>());
        let (mut removed, mut failed) = (Vec::new(), None);
        for entry in entries.iter().skip(1).rev().filter(|entry| may_go(entry)) {
            if runs <= retention.runs_max && bytes <= retention.bytes_max {
                break;
            }
            match remove(entry) {
                Ok(true) => {
                    runs -= 1;
                    bytes -= entry.bytes;
                    removed.push(Removed {
                        run_id: entry.run_id.clone(),
                        path: entry.path.clone(),
                        bytes: entry.bytes,
                    });
                },
                Ok(false) => {},
                Err(source) => {
                    failed = Some(RunsError::Change { path: entry.path.clone(), source });
                },
            }
        }
        match failed {
            Some(error) if removed.is_empty() => Err(error),
            _ => Ok(removed),
        }
    }
}

fn may_go(entry: &RunEntry) -> bool {
    !entry.live && !entry.pinned && entry.error.is_none() && entry.sealed_unix_ns.is_some()
}

/// False when somebody has begun to write it meanwhile.
fn remove(entry: &RunEntry) -> std::io::Result<bool> {
    let Ok(_lock) = RunLock::take(&entry.path, "removal") else { return Ok(false) };
    for path in files_of(&entry.path) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {},
        }
    }
    Ok(true)
}
