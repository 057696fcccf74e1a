//! The access log: one line of JSON for each request, in a file or on standard output.
//!
//! A request only copies its line into a buffer of its worker. One thread takes the buffers, each
//! in exchange for an empty one, and writes them: ten times a second, and at once when a buffer has
//! filled up to a mark. So a slow disk or a stuck reader of the output never holds up a request:
//! the buffer fills, and lines that do not fit are dropped and counted. Memory is bounded by one
//! buffer for each worker and one for the thread; once these are there, nothing is allocated.
//!
//! What never gets in: header fields, bodies, and what follows the path of an address, because
//! these are where secrets are.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

mod line;
mod writer;

pub(crate) use line::Entry;
use line::LINE_BYTES_MAX;
use writer::{Sink, Writer};

/// Lines of one worker that wait to be written.
const BUFFER_BYTES: usize = 1024 * 1024;
/// A buffer with more than this is to be written at once.
const BUFFER_BYTES_MARK: usize = 64 * 1024;

/// The log as one worker holds it. Whoever shares it shares its buffer; use
/// [`AccessLog::for_worker`] for another one.
#[derive(Debug)]
pub(crate) struct AccessLog {
    owner: Arc<Owner>,
    slot: Arc<Slot>,
}

/// The lines of one worker.
#[derive(Debug)]
struct Slot {
    lines: Mutex<Vec<u8>>,
    /// The writer was told about this buffer and has not taken it.
    called: AtomicBool,
}

/// What requests and the writer share.
#[derive(Debug, Default)]
struct Shared {
    slots: Mutex<Vec<Arc<Slot>>>,
    orders: Mutex<Orders>,
    wake: Condvar,
    dropped: AtomicU64,
}

/// What the writer is to do besides writing.
#[derive(Debug, Default)]
struct Orders {
    /// A buffer has reached its mark.
    look: bool,
    reopen: bool,
    /// To be answered when all lines from before are written.
    flushes: Vec<oneshot::Sender<()>>,
    /// Nobody can write lines any more.
    closed: bool,
    /// There is no writer any more.
    gone: bool,
}

/// Ends the writer when the last worker is gone.
#[derive(Debug)]
struct Owner(Arc<Shared>);

impl AccessLog {
    /// Appends to the file of this name, or to standard output if it is `-`.
    pub(crate) fn open(target: &str) -> io::Result<Self> {
        let (log, writer) = Self::with_writer(Sink::open(target)?);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(|| writer.run())?;
        Ok(log)
    }

    fn with_writer(sink: Sink) -> (Self, Writer) {
        let shared = Arc::new(Shared::default());
        let slot = shared.add_slot();
        let log = Self { owner: Arc::new(Owner(Arc::clone(&shared))), slot };
        (log, Writer::new(shared, sink))
    }

    /// The same log with a buffer of its own.
    pub(crate) fn for_worker(&self) -> Self {
        Self { owner: Arc::clone(&self.owner), slot: self.shared().add_slot() }
    }

    /// Notes one request. Never waits for the file.
    pub(crate) fn line(&self, entry: &Entry<'_>) {
        let filled = {
            let mut lines = locked(&self.slot.lines);
            if lines.len() + LINE_BYTES_MAX > BUFFER_BYTES {
                self.shared().dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            entry.write(&mut lines);
            lines.len()
        };
        if filled > BUFFER_BYTES_MARK && !self.slot.called.swap(true, Ordering::Relaxed) {
            self.shared().order(|orders| orders.look = true);
        }
    }

    /// Opens the file by its name again, after it was moved away. Lines from before are written to
    /// the old one.
    pub(crate) fn reopen(&self) {
        self.shared().order(|orders| orders.reopen = true);
    }

    /// Returns when all lines from before this call are written or lost.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        self.shared().order(|orders| {
            if !orders.gone {
                orders.flushes.push(done);
            }
        });
        // An error says that the writer is gone: nothing is left to wait for.
        let _written = written.await;
    }

    /// Lines that found no place in their buffer or could not be written.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared().dropped.load(Ordering::Relaxed)
    }

    fn shared(&self) -> &Shared {
        &self.owner.0
    }
}

impl Shared {
    fn add_slot(&self) -> Arc<Slot> {
        let lines = Mutex::new(Vec::with_capacity(BUFFER_BYTES));
        let slot = Arc::new(Slot { lines, called: AtomicBool::new(false) });
        locked(&self.slots).push(Arc::clone(&slot));
        slot
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut locked(&self.orders));
        self.wake.notify_one();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.order(|orders| orders.closed = true);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
