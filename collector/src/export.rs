//! Sends everything that was accepted on to one OTLP backend, as the bytes in which it came.
//!
//! One queue and one worker per signal, so that a backend that refuses logs does not hold traces
//! back. A queue is bounded in requests and in bytes; what does not fit is dropped and counted,
//! never waited for. Answers that ask for a repetition, and connections that break, are tried again
//! with growing, jittered delays; everything else that is no success is counted as lost at once.
//! When the collector ends, the queues get a bounded time to drain.

mod call;
mod retry;
mod settings;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::frame::DropCount;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

pub use settings::ExportError;
pub(crate) use settings::Settings;
pub(crate) use worker::Worker;

use crate::record::Signal;

/// Requests waiting per signal.
const QUEUE_REQUESTS: usize = 1_024;
/// Bytes waiting, all signals together.
const QUEUE_BYTES: usize = 128 * 1024 * 1024;
const PERMIT_BYTES: usize = 1_024;
/// For what waits when the collector ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// One accepted request on its way out.
#[derive(Debug)]
struct Payload {
    bytes: Bytes,
    items: u64,
    /// Given back when the request has left, or is lost.
    _room: OwnedSemaphorePermit,
}

/// What happened to the items of one signal.
#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    /// Did not fit into the queue.
    overflowed: AtomicU64,
    /// Could not be delivered, or were still waiting at the end.
    undelivered: AtomicU64,
    /// Refused one by one by the backend.
    rejected: AtomicU64,
}

#[derive(Debug)]
struct Queue {
    signal: Signal,
    sender: mpsc::Sender<Payload>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
pub(crate) struct Exporter {
    queues: Vec<Queue>,
    room: Arc<Semaphore>,
    /// When the workers have to end; `None` while the collector runs.
    deadline: watch::Sender<Option<Instant>>,
}

impl Exporter {
    /// The exporter and its workers, which the caller has to run.
    pub(crate) fn new(settings: Settings) -> (Self, Vec<Worker>) {
        let settings = Arc::new(settings);
        let deadline = watch::Sender::new(None);
        let (mut queues, mut workers) = (Vec::new(), Vec::new());
        for signal in Signal::ALL {
            let (sender, receiver) = mpsc::channel(QUEUE_REQUESTS);
            let counters = Arc::new(Counters::default());
            workers.push(Worker::new(
                signal,
                Arc::clone(&settings),
                receiver,
                Arc::clone(&counters),
                deadline.subscribe(),
            ));
            queues.push(Queue { signal, sender, counters });
        }
        let room = Arc::new(Semaphore::new(QUEUE_BYTES / PERMIT_BYTES));
        (Self { queues, room, deadline }, workers)
    }

    /// Takes a request, or counts its items as dropped when there is no room.
    pub(crate) fn offer(&self, signal: Signal, bytes: Bytes, items: u64) {
        let Some(queue) = self.queues.iter().find(|queue| queue.signal == signal) else { return };
        let permits = bytes.len().div_ceil(PERMIT_BYTES).max(1) as u32;
        let sent = Arc::clone(&self.room)
            .try_acquire_many_owned(permits)
            .is_ok_and(|room| queue.sender.try_send(Payload { bytes, items, _room: room }).is_ok());
        if !sent {
            queue.counters.overflowed.fetch_add(items, Ordering::Relaxed);
        }
    }

    /// Gives the workers a last deadline.
    pub(crate) fn close(&self) {
        self.deadline.send_replace(Some(Instant::now() + DRAIN_TIMEOUT));
    }

    /// Items that the backend will never have.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = DropCount> + '_ {
        self.queues.iter().flat_map(|queue| {
            let counters = &queue.counters;
            let items = queue.signal.items();
            [
                (format!("export {items} without room"), &counters.overflowed),
                (format!("export {items} not delivered"), &counters.undelivered),
                (format!("export {items} rejected by the backend"), &counters.rejected),
            ]
            .map(|(what, count)| DropCount { what, count: count.load(Ordering::Relaxed) })
        })
    }

    #[cfg(test)]
    pub(crate) fn delivered(&self, signal: Signal) -> u64 {
        let queue = self.queues.iter().find(|queue| queue.signal == signal).unwrap();
        queue.counters.delivered.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
