//! The lock of a run: who writes its file now.
//!
//! `run.lock` stands beside `run.db` and is locked by the system for as long as its holder lives,
//! so a lock file that was left behind by a killed process holds nobody up. Its text says who the
//! holder is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Whoever only asks holds the lock for an instant; a writer holds it for long.
const ATTEMPTS: u32 = 64;
/// Longest text of a holder.
const TEXT_BYTES_MAX: u64 = 512;

/// Given back when it is dropped; the file goes with it.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
    path: PathBuf,
}

/// The lock file of a run file.
fn lock_path(database: &Path) -> PathBuf {
    database.with_extension("lock")
}

impl RunLock {
    /// Takes the lock of a run file for `purpose`, or says who holds it.
    pub(crate) fn take(database: &Path, purpose: &str) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let failed = |source| StoreError::Lock { path: database.to_owned(), source };
        let mut attempts = 0;
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    write_holder(&mut file, purpose).map_err(failed)?;
                    return Ok(Self { _file: file, path });
                },
                // The holder has just removed the file that was opened here.
                Ok(()) => {},
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if attempts < ATTEMPTS => {
                    attempts += 1;
                    std::thread::yield_now();
                },
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Held {
                        path: database.to_owned(),
                        holder: holder_of(&mut file),
                    });
                },
            }
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // While it is still locked, so that nobody takes it in between. One that stays is harmless.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Is a run file being written now?
pub(crate) fn is_held(database: &Path) -> bool {
    let Ok(file) = File::open(lock_path(database)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let here = file.metadata().map(place).ok();
    here.is_some() && here == std::fs::metadata(path).map(place).ok()
}

fn write_holder(file: &mut File, purpose: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} ({purpose})", std::process::id())
}

fn holder_of(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(TEXT_BYTES_MAX).read_to_string(&mut text);
    match text.trim() {
        holder if read.is_ok() && !holder.is_empty() => holder.to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("run.db");
        assert!(!is_held(&database));
        let held = RunLock::take(&database, "collector").unwrap();
        assert!(is_held(&database));
        let refused = RunLock::take(&database, "recovery").unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {} (collector)", std::process::id())),
            "{refused}"
        );
        drop(held);
        assert!(!is_held(&database) && !folder.path().join("run.lock").exists());
        RunLock::take(&database, "collector").unwrap();
    }

    #[test]
    fn a_lock_file_that_a_killed_process_left_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("run-1.db");
        std::fs::write(folder.path().join("run-1.lock"), "process 1 (collector)\n").unwrap();
        assert!(!is_held(&database));
        RunLock::take(&database, "collector").unwrap();
    }
}
