//! Where the spans of all workers meet: the buffers that fill, the queue that waits, the counts.
//!
//! A worker writes into a buffer of its own, so its lock is free but for the moment in which the
//! export task takes what is due. A full buffer goes into the queue at once; one that does not fill
//! goes when its first span is [`BATCH_DELAY`] old. Workers never wait: what the queue has no room
//! for is dropped and counted. Buffers come back from the export task and are filled again.
//!
//! Of what was offered every span is at any time in exactly one place: in a buffer, waiting,
//! delivered, rejected, or dropped.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use model::limits::EXPORT_QUEUE_ITEMS;
use model::propagation::TraceParent;
use telemetry::clock::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::export::Taken;
use super::ids::SpanIds;
use super::span::{SpanRecord, encode};

/// Age at which spans leave, full batch or not: a second of data must be with its viewer one
/// second later.
pub(super) const BATCH_DELAY: Duration = Duration::from_millis(500);
const BATCH_SPANS_MAX: u32 = 512;
const BATCH_BYTES_MAX: usize = 128 * 1024;
/// Spans are some hundred bytes, but their texts come from callers.
pub(super) const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// One export request holds as many waiting batches as fit.
pub(super) const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Empty buffers that are kept: as many as one request brings back, and none that grew too large.
const SPARE_MAX: usize = 16;
const SPARE_BYTES_MAX: usize = 4 * BATCH_BYTES_MAX;

/// Spans so far. `waiting` is what is in neither of the last three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExportCounts {
    pub(crate) offered: u64,
    pub(crate) waiting: u64,
    pub(crate) delivered: u64,
    /// The receiver took the request without them.
    pub(crate) rejected: u64,
    /// There was no room, or they could not be delivered.
    pub(crate) dropped: u64,
}

/// Spans of one worker that have ended.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    spans: u32,
    /// When the first of them was written.
    since: Option<Instant>,
}

#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    spans: u32,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// Spans and bytes that are queued or being sent.
    spans: usize,
    bytes: usize,
    spare: Vec<Vec<u8>>,
}

/// Spans on their way to the receiver.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) chunks: Vec<Bytes>,
    pub(super) spans: u64,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Hub {
    recording: bool,
    clock: Clock,
    buffers: Mutex<Vec<Arc<Mutex<Buffer>>>>,
    queue: Mutex<Queue>,
    /// The export task sleeps no longer than until a span that is written now is due.
    timed: AtomicBool,
    wake: Notify,
    offered: AtomicU64,
    delivered: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
}

impl Hub {
    /// Without `recording` no span is sampled, and nothing is ever written.
    pub(crate) fn new(recording: bool, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            recording,
            clock,
            buffers: Mutex::default(),
            queue: Mutex::default(),
            timed: AtomicBool::new(false),
            wake: Notify::new(),
            offered: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    pub(super) fn new_shard(self: &Arc<Self>) -> Shard {
        let buffer = Arc::new(Mutex::new(Buffer::default()));
        let mut buffers = lock(&self.buffers);
        buffers.push(Arc::clone(&buffer));
        Shard { hub: Arc::clone(self), buffer }
    }

    pub(crate) fn counts(&self) -> ExportCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let buffers = lock(&self.buffers);
        // All at once: a span must not be counted on its way from one place to the next.
        let open: Vec<MutexGuard<'_, Buffer>> = buffers.iter().map(|buffer| lock(buffer)).collect();
        let queue = lock(&self.queue);
        let open: u64 = open.iter().map(|buffer| u64::from(buffer.spans)).sum();
        ExportCounts {
            offered: read(&self.offered) + open,
            waiting: queue.spans as u64 + open,
            delivered: read(&self.delivered),
            rejected: read(&self.rejected),
            dropped: read(&self.dropped),
        }
    }

    /// Something may be due.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Queues every buffer that is due, and says when the next one will be.
    pub(super) fn seal_due(&self) -> Option<Instant> {
        // Cleared before looking: a span that is written behind our back wakes us again.
        self.timed.store(false, Ordering::SeqCst);
        let now = self.clock.now();
        let next = self.seal(|since| since + BATCH_DELAY <= now).map(|since| since + BATCH_DELAY);
        if next.is_some() {
            self.timed.store(true, Ordering::SeqCst);
        }
        next
    }

    pub(crate) fn seal_all(&self) {
        let _none_left = self.seal(|_since| true);
    }

    /// Queues the buffers that `ripe` says; returns the age of the oldest of the others.
    fn seal(&self, ripe: impl Fn(Instant) -> bool) -> Option<Instant> {
        let mut oldest: Option<Instant> = None;
        for buffer in lock(&self.buffers).iter() {
            let mut open = lock(buffer);
            let Some(since) = open.since else { continue };
            if ripe(since) {
                self.queue_up(&mut open);
            } else {
                oldest = Some(oldest.map_or(since, |oldest| oldest.min(since)));
            }
        }
        oldest
    }

    /// Moves what a buffer holds into the queue and leaves it an empty one. Its lock is held all
    /// the while, so that the counts are right at any time.
    fn queue_up(&self, open: &mut Buffer) {
        let mut queue = lock(&self.queue);
        let bytes = std::mem::replace(&mut open.bytes, queue.spare.pop().unwrap_or_default());
        let batch = Batch { bytes, spans: std::mem::take(&mut open.spans) };
        open.since = None;
        self.offered.fetch_add(u64::from(batch.spans), Ordering::Relaxed);
        let fits = queue.spans + batch.spans as usize <= EXPORT_QUEUE_ITEMS
            && queue.bytes + batch.bytes.len() <= QUEUE_BYTES_MAX;
        if fits {
            queue.spans += batch.spans as usize;
            queue.bytes += batch.bytes.len();
            queue.batches.push_back(batch);
            drop(queue);
            self.wake.notify_one();
        } else {
            self.dropped.fetch_add(u64::from(batch.spans), Ordering::Relaxed);
            queue.keep(batch.bytes);
        }
    }

    /// The next request's worth of waiting batches, oldest first. It must be settled.
    pub(super) fn take(&self) -> Option<Payload> {
        let mut queue = lock(&self.queue);
        let mut payload = Payload { chunks: Vec::new(), spans: 0, bytes: 0 };
        while let Some(next) = queue.batches.front() {
            let fits = payload.bytes + next.bytes.len() <= REQUEST_BYTES_MAX;
            if !(fits || payload.chunks.is_empty()) {
                break;
            }
            let Some(batch) = queue.batches.pop_front() else { break };
            payload.spans += u64::from(batch.spans);
            payload.bytes += batch.bytes.len();
            payload.chunks.push(Bytes::from(batch.bytes));
        }
        (!payload.chunks.is_empty()).then_some(payload)
    }

    /// Hands everything that was recorded to a reader inside this process; it counts as delivered.
    pub(crate) fn drain(&self, mut read: impl FnMut(&[u8])) {
        self.seal_all();
        while let Some(payload) = self.take() {
            payload.chunks.iter().for_each(|chunk| read(chunk));
            self.settle(payload, Some(Taken { rejected: 0 }));
        }
    }

    /// The end of a payload; without `taken` it is lost.
    pub(super) fn settle(&self, payload: Payload, taken: Option<Taken>) {
        let rejected = taken.map_or(0, |taken| taken.rejected.min(payload.spans));
        let delivered = taken.map_or(0, |_| payload.spans - rejected);
        let lost = payload.spans - delivered - rejected;
        let mut queue = lock(&self.queue);
        self.delivered.fetch_add(delivered, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
        self.dropped.fetch_add(lost, Ordering::Relaxed);
        queue.spans -= payload.spans as usize;
        queue.bytes -= payload.bytes;
        for chunk in payload.chunks {
            // A connection that broke may still hold it.
            if let Ok(own) = chunk.try_into_mut() {
                queue.keep(own.into());
            }
        }
    }
}

impl Queue {
    fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX && bytes.capacity() <= SPARE_BYTES_MAX {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

/// The part of the hub that one worker writes to.
#[derive(Debug)]
pub(crate) struct Shard {
    hub: Arc<Hub>,
    buffer: Arc<Mutex<Buffer>>,
}

impl Shard {
    /// The span of a request: below what the caller sent, or the first of a new trace.
    pub(crate) fn ids(&self, parent: Option<&TraceParent>) -> SpanIds {
        SpanIds::under(parent, self.hub.recording)
    }

    /// Records a span that has ended. Only sampled ones leave a trace.
    pub(crate) fn span(&self, record: &SpanRecord<'_>) {
        if !record.ids.sampled {
            return;
        }
        let mut open = lock(&self.buffer);
        encode(record, &mut open.bytes);
        open.spans += 1;
        if open.spans >= BATCH_SPANS_MAX || open.bytes.len() >= BATCH_BYTES_MAX {
            self.hub.queue_up(&mut open);
        } else if open.spans == 1 {
            open.since = Some(self.hub.clock.now());
            drop(open);
            if !self.hub.timed.load(Ordering::SeqCst) {
                self.hub.wake.notify_one();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
