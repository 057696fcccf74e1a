//! The file of a run: everything that came in, in one SQLite database.
//!
//! One thread writes. What waits for it is bounded by the leases of [`crate::admission`]; it
//! commits every 100 ms or 4,000 items, so a crash loses at most the last flush. There are no
//! secondary indexes while the run is live; [`Store::seal`] builds them and marks the file clean.
//! A file that a crash left unsealed is sealed by [`recover`]. A collector that keeps nothing has a
//! store that goes [nowhere](Store::nowhere).
//! A write that fails (disk full) loses the items of its transaction: they are counted, the text
//! of the error is kept for people, and the next transaction is tried all the same.

mod insert;
pub(crate) mod read;
mod rollup;
pub(crate) mod schema;
mod seal;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use model::frame::{DropCount, Frame, RunHead};
use model::id::TraceId;
use model::load::{LoadDone, LoadInterval};
use telemetry::clock::Clock;
use tokio::sync::oneshot;

use crate::admission::{Lease, QUEUE_BATCHES};
use crate::live::Facts;
use crate::record::{Batch, LogView, Pick};
use crate::runs::RunLock;

pub(crate) use rollup::Rollup;
pub(crate) use schema::{VERSION, open_read_only};
pub use seal::{Recovered, recover};

/// Commands beside the leased batches: frames, load intervals, the head of the run, the seal.
const CONTROL_COMMANDS: usize = 1_024;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot create the run file {path}")]
    Create { path: PathBuf, source: rusqlite::Error },
    #[error(
        "{path} has schema version {found}, this program reads and writes {VERSION} only; ask it \
         with the program that wrote it, or with sqlite3"
    )]
    Version { path: PathBuf, found: i64 },
    #[error("cannot lock the run file {path}")]
    Lock { path: PathBuf, source: std::io::Error },
    #[error("{path} is being written by {holder}")]
    Held { path: PathBuf, holder: String },
    #[error("there is no run file {path}")]
    Missing { path: PathBuf, source: std::io::Error },
    #[error("{path} is a database of something else; choose another path for the run file")]
    Foreign { path: PathBuf },
    #[error("{path} already holds run {found}; every run needs a file of its own")]
    Taken { path: PathBuf, found: String },
    #[error("cannot start the thread that writes {path}")]
    Thread { path: PathBuf, source: std::io::Error },
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: rusqlite::Error },
    #[error("cannot seal the run file {path}")]
    Seal { path: PathBuf, source: rusqlite::Error },
    #[error("the thread that writes {path} has ended")]
    Ended { path: PathBuf },
}

/// What is to be written of one request: all of its points, and some of its spans and logs.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) batch: Arc<Batch>,
    pub(crate) spans: Pick,
    pub(crate) logs: Pick,
    pub(crate) facts: Facts,
    /// Given back once written.
    pub(crate) lease: Option<Lease>,
    /// Spans of this and of earlier requests that sampling has decided to keep.
    pub(crate) sampled: Vec<Sampled>,
    /// Adjusted counts of traces, where they are not 1.
    pub(crate) weights: Vec<(TraceId, f64)>,
}

/// Kept spans of one request.
#[derive(Debug)]
pub(crate) struct Sampled {
    pub(crate) batch: Arc<Batch>,
    pub(crate) spans: Pick,
}

impl Items {
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    fn count(&self) -> u64 {
        self.span_count() + (self.logs.len() + self.batch.points.len()) as u64
    }

    fn span_count(&self) -> u64 {
        let sampled: usize = self.sampled.iter().map(|sampled| sampled.spans.len()).sum();
        (self.spans.len() + sampled) as u64
    }

    pub(crate) fn logs(&self) -> impl Iterator<Item = LogView<'_>> {
        self.logs.iter().filter_map(|number| self.batch.log(number))
    }
}

/// What goes into the `run` table when the run ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) late: u64,
    pub(crate) rejected: u64,
    pub(crate) dropped: u64,
    pub(crate) losses: Vec<DropCount>,
    pub(crate) sealed_unix_ns: u64,
}

/// Asks for the totals when everything else is written, and tells them to who waits.
struct Seal {
    totals: Box<dyn FnOnce() -> Totals + Send>,
    sealed: oneshot::Sender<Result<Totals, StoreError>>,
}

enum Command {
    Items(Box<Items>),
    Interval(Box<LoadInterval>),
    Done(Box<LoadDone>),
    Head(Box<RunHead>),
    Frames(Vec<Arc<Frame>>),
    /// A second that has just ended; only its counts are written.
    Second([Arc<Frame>; 1]),
    Seal(Seal),
    Close,
}

/// What the writer tells the outside.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) spans: AtomicU64,
    pub(crate) logs: AtomicU64,
    pub(crate) points: AtomicU64,
    lost: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Progress {
    /// Counts what is kept nowhere as if it were written.
    fn passed(&self, command: &Command) {
        if let Command::Items(items) = command {
            self.spans.fetch_add(items.spans.len() as u64, Ordering::Relaxed);
            self.logs.fetch_add(items.logs.len() as u64, Ordering::Relaxed);
            self.points.fetch_add(items.batch.points.len() as u64, Ordering::Relaxed);
        }
    }

    fn failed(&self, items: u64, error: &rusqlite::Error) {
        self.lost.fetch_add(items, Ordering::Relaxed);
        let mut kept = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            tracing::error!(%error, "the run file cannot be written; losses are counted");
        }
        *kept = Some(error.to_string());
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    progress: Arc<Progress>,
    /// `None` keeps nothing.
    file: Option<StoreFile>,
}

#[derive(Debug)]
struct StoreFile {
    commands: SyncSender<Command>,
    path: PathBuf,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Creates the file and starts its writer.
    pub(crate) fn create(path: &Path, run_id: &str, clock: &Clock) -> Result<Self, StoreError> {
        let lock = RunLock::take(path, run_id)?;
        let connection = schema::create(path, run_id, clock.unix_ns())?;
        let (commands, receiver) = sync_channel(QUEUE_BATCHES + CONTROL_COMMANDS);
        let progress = Arc::new(Progress::default());
        let writer = writer::Writer::new(
            connection,
            path.to_owned(),
            receiver,
            Arc::clone(&progress),
            clock.clone(),
        );
        let thread = std::thread::Builder::new()
            .name("collector-store".to_owned())
            .spawn(move || {
                writer.run();
                // Only now nothing is written any more.
                drop(lock);
            })
            .map_err(|source| StoreError::Thread { path: path.to_owned(), source })?;
        let thread = Mutex::new(Some(thread));
        let file = StoreFile { commands, path: path.to_owned(), thread };
        Ok(Self { progress, file: Some(file) })
    }

    /// Keeps nothing: for a collector that answers from its memory alone.
    pub(crate) fn nowhere() -> Self {
        Self { progress: Arc::default(), file: None }
    }

    /// The file of the run, if one is kept.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Items that could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.progress.lost.load(Ordering::Relaxed)
    }

    /// The last error of the writer.
    pub(crate) fn error(&self) -> Option<String> {
        self.progress.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Never refused while the items hold a lease: the queue has room for all leases.
    pub(crate) fn items(&self, items: Items) {
        let count = items.count();
        self.offer(Command::Items(Box::new(items)), count);
    }

    pub(crate) fn interval(&self, interval: LoadInterval) {
        self.offer(Command::Interval(Box::new(interval)), 1);
    }

    pub(crate) fn done(&self, done: LoadDone) {
        self.offer(Command::Done(Box::new(done)), 1);
    }

    pub(crate) fn head(&self, head: RunHead) {
        self.offer(Command::Head(Box::new(head)), 1);
    }

    pub(crate) fn frames(&self, frames: Vec<Arc<Frame>>) {
        let count = frames.len() as u64;
        self.offer(Command::Frames(frames), count);
    }

    /// The counts of a second that has just ended, so that a crash does not lose them. When there
    /// is no room they are not written now; the frame is, later.
    pub(crate) fn second(&self, frame: &Arc<Frame>) {
        if let Some(file) = &self.file {
            drop(file.commands.try_send(Command::Second([Arc::clone(frame)])));
        }
    }

    fn offer(&self, command: Command, items: u64) {
        let Some(file) = &self.file else {
            self.progress.passed(&command);
            return;
        };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            file.commands.try_send(command)
        {
            self.progress.lost.fetch_add(items, Ordering::Relaxed);
        }
    }

    /// Writes everything that waits, then the totals as they are after that and the indexes, and
    /// marks the run as clean.
    pub(crate) async fn seal(
        &self,
        totals: impl FnOnce() -> Totals + Send + 'static,
    ) -> Result<Totals, StoreError> {
        let Some(file) = &self.file else { return Ok(totals()) };
        let (sender, sealed) = oneshot::channel();
        let seal = Seal { totals: Box::new(totals), sealed: sender };
        let ended = || StoreError::Ended { path: file.path.clone() };
        let commands = file.commands.clone();
        tokio::task::spawn_blocking(move || commands.send(Command::Seal(seal)))
            .await
            .map_err(|_panicked| ended())?
            .map_err(|_disconnected| ended())?;
        sealed.await.map_err(|_dropped| ended())?
    }

    /// Writes what waits and ends the writer.
    pub(crate) async fn close(&self) {
        let Some(file) = &self.file else { return };
        let thread = file.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let commands = file.commands.clone();
        let joined = tokio::task::spawn_blocking(move || {
            let sent = commands.send(Command::Close);
            thread.join().is_ok() && sent.is_ok()
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("the thread that writes the run file has ended early");
        }
    }
}

#[cfg(test)]
mod tests;
