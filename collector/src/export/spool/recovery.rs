//! Finds what an earlier process of the run has left.
//!
//! Every record is read once and its checksum compared. A segment is cut off at the first record
//! that is not sound: at the end of the last segment that is a write which the crash interrupted,
//! and its sender was never answered. Elsewhere it is damage, which is counted.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use telemetry::otlp::Signal;

use super::file::{self, MARK, Position};
use super::log::{Log, Reader, ReaderCounts, Segment};
use super::progress::{self, Progress, ProgressFile};
use super::{Cursor, SpoolError};

pub(super) struct Found {
    pub(super) logs: [Log; 3],
    pub(super) cursors: Vec<Cursor>,
    pub(super) damaged: u64,
}

impl Found {
    /// Logs in memory for so many backends.
    pub(super) fn nothing(backends: usize) -> Self {
        let logs = Signal::ALL.map(|signal| {
            let readers = (0..backends).map(|_| reader(Position::start_of(0), 0, 0)).collect();
            let end = Position::start_of(0).offset;
            Log::new(signal, vec![Segment { number: 0, end, items: 0, file: None }], readers)
        });
        let cursors = (0..backends)
            .flat_map(|reader| Signal::ALL.map(|signal| Cursor { signal, reader, progress: None }));
        Self { logs, cursors: cursors.collect(), damaged: 0 }
    }
}

fn reader(at: Position, passed: u64, waiting: u64) -> Reader {
    let counts = ReaderCounts { waiting, ..ReaderCounts::default() };
    Reader { next: at, passed, committed: at, counts }
}

/// The claim of a folder, given back when it is dropped.
///
/// Said to the system and not left to the end of the file: a process that is being started has a
/// copy of every open file for an instant, and the claim would live on in it.
#[derive(Debug)]
pub(super) struct Claim(File);

impl Drop for Claim {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        let _given_back = self.0.unlock();
    }
}

/// Makes the folder and claims it.
pub(super) fn claim(folder: &Path) -> Result<Claim, SpoolError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| SpoolError::Folder { path: folder.to_owned(), source })?;
    let path = folder.join("lock");
    let failed = |source| SpoolError::Write { path: path.clone(), source };
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Claim(file)),
        Err(TryLockError::WouldBlock) => Err(SpoolError::Held { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

pub(super) fn recover(folder: &Path, backends: &[String]) -> Result<Found, SpoolError> {
    let names = names(folder)?;
    let mut damaged = 0;
    let mut cursors: BTreeMap<(usize, usize), Cursor> = BTreeMap::new();
    let mut logs = Vec::new();
    for (index, signal) in Signal::ALL.into_iter().enumerate() {
        let opened = backends.iter().map(|backend| ProgressFile::open(folder, signal, backend));
        let opened = opened.collect::<Result<Vec<_>, _>>()?;
        // No number is used twice, also when all files are gone.
        let least = opened.iter().filter_map(|(_, found)| Some(found.as_ref()?.0.segment)).max();
        let segments = segments(folder, signal, &names, least.unwrap_or(0), &mut damaged)?;
        let mut readers = Vec::new();
        for (number, (mut file, found)) in opened.into_iter().enumerate() {
            let reader = place(&segments, found);
            // Who is new gets what comes from now on, also when the process is killed at once.
            file.write(reader.committed, reader.passed);
            readers.push(reader);
            let cursor = Cursor { signal, reader: number, progress: Some(file) };
            cursors.insert((number, index), cursor);
        }
        let mut log = Log::new(signal, segments, readers);
        let _behind_all = log.remove_passed();
        logs.push(log);
    }
    forget_others(folder, &names, backends);
    let logs: [Log; 3] = logs.try_into().expect("there are three signals");
    for name in names.iter().filter(|name| !is_kept(name, &logs)) {
        // Sent long ago, or a leftover; a file that cannot be removed is found again next time.
        let _stays = std::fs::remove_file(folder.join(name));
    }
    Ok(Found { logs, cursors: cursors.into_values().collect(), damaged })
}

fn is_kept(name: &str, logs: &[Log; 3]) -> bool {
    let number = |signal: Signal| file::number_of(signal, name);
    let segment =
        Signal::ALL.iter().zip(logs).find_map(|(signal, log)| Some((number(*signal)?, log)));
    segment.is_none_or(|(number, log)| number >= log.front())
}

fn names(folder: &Path) -> Result<Vec<String>, SpoolError> {
    let failed = |source| SpoolError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The segments of a signal, and an empty one after them, which has no file yet.
fn segments(
    folder: &Path,
    signal: Signal,
    names: &[String],
    least: u64,
    damaged: &mut u64,
) -> Result<Vec<Segment>, SpoolError> {
    let numbers: Vec<u64> = names.iter().filter_map(|name| file::number_of(signal, name)).collect();
    let mut segments: Vec<Segment> = Vec::new();
    for number in &numbers {
        // Positions count on numbers without gaps.
        while let Some(last) = segments.last().map(|segment| segment.number)
            && last + 1 < *number
        {
            segments.push(empty(last + 1));
        }
        let path = file::path(folder, signal, *number);
        let failed = |source| SpoolError::Read { path: path.clone(), source };
        let file = File::options().read(true).write(true).open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let segment = scan(file, signal, *number, bytes);
        if segment.end < bytes {
            let cut_bytes = bytes - segment.end;
            let path = path.display();
            if number == numbers.last().unwrap_or(number) {
                tracing::info!(%path, cut_bytes, "a write that was interrupted is cut off");
            } else {
                *damaged += 1;
                tracing::warn!(%path, cut_bytes, "what waits to be sent on is damaged");
            }
        }
        segments.push(segment);
    }
    let next = segments.last().map_or(least, |segment| segment.number + 1);
    segments.push(empty(next));
    Ok(segments)
}

fn empty(number: u64) -> Segment {
    Segment { number, end: Position::start_of(number).offset, items: 0, file: None }
}

fn scan(file: File, signal: Signal, number: u64, bytes: u64) -> Segment {
    let mut segment = empty(number);
    let mut mark = [0; MARK.len()];
    if file.read_exact_at(&mut mark, 0).is_ok() && mark == *MARK {
        let mut at = Position::start_of(number);
        while let Some((items, payload)) = file::read(&file, signal, at.offset, bytes) {
            at = at.after(payload.len());
            segment.items += items;
        }
        segment.end = at.offset;
    }
    segment.file = Some(Arc::new(file));
    segment
}

/// Where a backend goes on.
fn place(segments: &[Segment], found: Option<Progress>) -> Reader {
    let (first, last) = (&segments[0], &segments[segments.len() - 1]);
    let end = Position { segment: last.number, offset: last.end };
    let Some((at, passed)) = found else { return reader(end, 0, 0) };
    let start = Position::start_of(first.number);
    let (at, passed) = match () {
        () if at < start => (start, 0),
        () if at > end => (end, 0),
        () => (at, passed),
    };
    let behind = segments.iter().filter(|segment| segment.number >= at.segment);
    let items: u64 = behind.map(|segment| segment.items).sum();
    reader(at, passed, items.saturating_sub(passed))
}

fn forget_others(folder: &Path, names: &[String], backends: &[String]) {
    let ours: Vec<String> = Signal::ALL
        .iter()
        .flat_map(|signal| backends.iter().map(|backend| progress::name(*signal, backend)))
        .collect();
    for name in names.iter().filter(|name| progress::is_one(name) && !ours.contains(*name)) {
        tracing::warn!(name, "a backend is no longer sent to; what it had not taken is dropped");
        let _stays = std::fs::remove_file(folder.join(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_ends_although_a_process_that_is_being_started_still_holds_a_copy_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = claim(folder.path()).unwrap();
        assert!(matches!(claim(folder.path()), Err(SpoolError::Held { .. })));
        let _copy = first.0.try_clone().unwrap();
        drop(first);
        claim(folder.path()).unwrap();
    }
}
