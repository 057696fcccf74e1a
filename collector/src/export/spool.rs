//! What waits to be sent on: a log of accepted requests for each signal, and how far each backend
//! has come in it.
//!
//! A request is in the log before its sender is answered. On disk that means that `write(2)` has
//! returned: whatever happens to this process afterwards, the request is found again when a
//! collector of the same run starts. Nothing is forced to the platter, so a power cut may cost what
//! the system had not written yet, about its last half minute; what is torn then is recognised by
//! its checksum, cut off, and counted. A backend's progress is written after each answer. A process
//! that is killed between the two sends again at most the requests that were in flight.
//!
//! The log is a row of segments. A segment is removed when every backend is past it. When the logs
//! reach their bound, the oldest segment of the largest log goes, and each backend that had not
//! passed it counts what it lost: the oldest, because one backend that is down must not cost the
//! others anything that is new.
//!
//! A run without files has the same logs in memory, with a smaller bound.

mod batch;
mod file;
mod log;
mod progress;
mod recovery;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use telemetry::otlp::Signal;
use tokio::sync::Notify;

pub(super) use batch::Batch;
pub(super) use file::Position;
use log::Log;
pub(super) use log::ReaderCounts;
use progress::ProgressFile;
use recovery::Claim;
use writer::Writer;

/// Why the logs cannot be kept on disk.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot make the folder {path} for what waits to be sent on")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot read {path}, which holds what waits to be sent on")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}, which holds what waits to be sent on")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("another collector sends on from {path}; give this one another folder for its runs")]
    Held { path: PathBuf },
    #[error("cannot start the thread that writes to {path}")]
    Thread { path: PathBuf, source: std::io::Error },
}

/// Segments in the bound of all logs, at least: what is dropped at once is a small part of it.
const SEGMENTS_MIN: u64 = 16;
const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug)]
struct State {
    logs: [Log; 3],
    bytes_max: u64,
    segment_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Spool {
    folder: Option<PathBuf>,
    /// Held for as long as the files are used.
    _claim: Option<Claim>,
    state: Mutex<State>,
    /// One for each reader, by signal and backend.
    wake: [Vec<Notify>; 3],
    /// First segment that is still there, by signal.
    fronts: [AtomicU64; 3],
    writer: Option<Writer>,
    readers_left: AtomicUsize,
    /// Records whose bytes were not what had been written.
    damaged: AtomicU64,
}

/// Where one backend is in the log of one signal. Moving on is up to its owner.
#[derive(Debug)]
pub(super) struct Cursor {
    signal: Signal,
    reader: usize,
    progress: Option<ProgressFile>,
}

fn index(signal: Signal) -> usize {
    match signal {
        Signal::Traces => 0,
        Signal::Metrics => 1,
        Signal::Logs => 2,
    }
}

impl Spool {
    /// For backends with these names, which are unique. Finds what an earlier process has left in
    /// the folder. The cursors are those of the first backend by signal, then of the second.
    pub(super) fn open(
        folder: Option<&Path>,
        bytes_max: u64,
        backends: &[String],
    ) -> Result<(Arc<Self>, Vec<Cursor>), SpoolError> {
        let segment_bytes = (bytes_max / SEGMENTS_MIN).min(SEGMENT_BYTES_MAX);
        let claim = folder.map(recovery::claim).transpose()?;
        let found = match folder {
            Some(folder) => recovery::recover(folder, backends)?,
            None => recovery::Found::nothing(backends.len()),
        };
        let state = State { logs: found.logs, bytes_max, segment_bytes };
        let fronts = [0, 1, 2].map(|signal| AtomicU64::new(state.logs[signal].front()));
        let spool = Arc::new_cyclic(|spool| Self {
            folder: folder.map(Path::to_owned),
            _claim: claim,
            state: Mutex::new(state),
            wake: [0; 3].map(|_| backends.iter().map(|_| Notify::new()).collect()),
            fronts,
            writer: folder.map(|folder| Writer::new(folder, spool.clone())),
            readers_left: AtomicUsize::new(3 * backends.len()),
            damaged: AtomicU64::new(found.damaged),
        });
        if let Some(writer) = &spool.writer {
            writer.start()?;
        }
        Ok((spool, found.cursors))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the request cannot be lost by the end of this process any more.
    pub(super) async fn append(&self, signal: Signal, payload: Bytes, items: u64) {
        match &self.writer {
            Some(writer) => writer.append(signal, payload, items).await,
            None => {
                let record = log::Record { items, payload };
                self.publish(signal, vec![record]);
            },
        }
    }

    /// Makes records visible to the readers; those on disk are written already.
    fn publish(&self, signal: Signal, records: Vec<log::Record>) {
        let mut removed = Vec::new();
        let mut state = self.lock();
        let (bytes_max, segment_bytes) = (state.bytes_max, state.segment_bytes);
        let log = &mut state.logs[index(signal)];
        for record in records {
            if self.folder.is_none() && log.is_full(segment_bytes) {
                log.rotate(None);
            }
            log.push(record, self.folder.is_none());
        }
        while state.logs.iter().map(Log::bytes).sum::<u64>() > bytes_max {
            let largest = (0..3).max_by_key(|log| state.logs[*log].bytes()).unwrap_or(0);
            // The segment that is being written stays.
            let Some(segment) = state.logs[largest].drop_oldest() else { break };
            self.fronts[largest].store(state.logs[largest].front(), Ordering::Release);
            removed.push((Signal::ALL[largest], segment));
        }
        drop(state);
        self.remove(removed);
        for reader in &self.wake[index(signal)] {
            reader.notify_one();
        }
    }

    fn remove(&self, segments: Vec<(Signal, u64)>) {
        if let (Some(folder), Some(writer)) = (&self.folder, &self.writer) {
            for (signal, number) in segments {
                writer.remove(file::path(folder, signal, number));
            }
        }
    }

    /// Items that could not be kept; every backend has lost them.
    fn unwritten(&self, signal: Signal, items: u64) {
        self.lock().logs[index(signal)].unwritten(items);
    }

    /// The next records for a reader, as soon as there are any. Nothing moves when the future is
    /// dropped.
    pub(super) async fn next(self: &Arc<Self>, cursor: &Cursor) -> Batch {
        loop {
            let woken = self.wake[index(cursor.signal)][cursor.reader].notified();
            if let Some(batch) = self.try_next(cursor).await {
                return batch;
            }
            woken.await;
        }
    }

    async fn try_next(self: &Arc<Self>, cursor: &Cursor) -> Option<Batch> {
        loop {
            let plan = self.lock().logs[index(cursor.signal)].plan(cursor.reader)?;
            let (batch, sound) = plan.read().await;
            let mut state = self.lock();
            let log = &mut state.logs[index(cursor.signal)];
            if !sound {
                // Where the next record begins is unknown.
                self.damaged.fetch_add(1, Ordering::Relaxed);
                log.skip_segment(cursor.reader, &batch);
            } else if log.advance(cursor.reader, &batch) {
                return Some(batch);
            }
        }
    }

    /// Is there nothing left to read?
    pub(super) fn is_drained(&self, cursor: &Cursor) -> bool {
        self.lock().logs[index(cursor.signal)].is_drained(cursor.reader)
    }

    /// The log no longer goes back so far: who still tries to deliver this may stop.
    pub(super) fn is_forgotten(&self, signal: Signal, segment: u64) -> bool {
        segment < self.fronts[index(signal)].load(Ordering::Acquire)
    }

    /// Everything up to a batch has been answered, and so many items of it were settled.
    pub(super) fn commit(&self, cursor: &mut Cursor, batch: &Batch, items: u64) {
        if let Some(progress) = &mut cursor.progress {
            progress.write(batch.to, batch.passed);
        }
        let mut state = self.lock();
        let log = &mut state.logs[index(cursor.signal)];
        log.commit(cursor.reader, batch.to, items);
        let removed = log.remove_passed();
        self.fronts[index(cursor.signal)].store(log.front(), Ordering::Release);
        drop(state);
        self.remove(removed.into_iter().map(|number| (cursor.signal, number)).collect());
    }

    pub(super) fn counts(&self, signal: Signal, reader: usize) -> ReaderCounts {
        self.lock().logs[index(signal)].counts(reader)
    }

    pub(super) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Where what is left at the end stays; `None` when it is lost.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// To be called by each reader at its end. The last one ends the writer, and removes the files
    /// when nothing is left in them.
    pub(super) async fn leave(&self) {
        if self.readers_left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        if let Some(writer) = &self.writer {
            writer.finish().await;
        }
    }

    fn is_empty(&self) -> bool {
        self.lock().logs.iter().all(Log::is_settled)
    }
}

#[cfg(test)]
mod tests;
