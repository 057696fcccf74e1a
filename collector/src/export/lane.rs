//! The way of one signal to one backend: takes batches from the log, delivers some at a time, and
//! moves on when they are answered.
//!
//! At most [`Target::in_flight`] batches are between the oldest that is not answered and the newest
//! that was begun; so that is also the most that is sent twice after a crash. A batch that cannot
//! be delivered now is tried until it is, or until the log had to drop it for want of room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use telemetry::clock::Clock;
use telemetry::otlp::answer::Reason;
use telemetry::otlp::{Courier, Delivery, Pace, Target, request};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::counts::{self, Counts};
use super::message::Messages;
use super::spool::{Batch, Cursor, Spool};
use crate::record::Signal;

const PACE: Pace = Pace {
    first: Duration::from_millis(500),
    max: Duration::from_secs(30),
    asked_max: Duration::from_mins(5),
};

/// What the lane and its deliveries share.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) backend: String,
    pub(super) signal: Signal,
    pub(super) target: Target,
    pub(super) spool: Arc<Spool>,
    pub(super) messages: Arc<Messages>,
    pub(super) counts: Arc<Counts>,
    pub(super) clock: Clock,
    /// The backend did not take the last request; said once, not for every try.
    pub(super) troubled: AtomicBool,
}

/// A batch on its way.
#[derive(Debug)]
struct Pending {
    batch: Batch,
    answered: bool,
}

#[derive(Debug)]
pub(crate) struct Lane {
    way: Arc<Way>,
    cursor: Cursor,
    /// When the lane has to end; `None` while the collector runs.
    deadline: watch::Receiver<Option<Instant>>,
    window: VecDeque<Pending>,
    /// Number of the first batch of the window.
    first: u64,
    idle: Vec<Courier>,
}

impl Lane {
    pub(super) fn new(
        way: Way,
        cursor: Cursor,
        deadline: watch::Receiver<Option<Instant>>,
    ) -> Self {
        let (window, idle) = (VecDeque::new(), Vec::new());
        Self { way: Arc::new(way), cursor, deadline, window, first: 0, idle }
    }

    /// Runs until everything is delivered after the collector has ended, or its deadline has
    /// passed.
    pub(crate) async fn run(mut self) {
        let spool = Arc::clone(&self.way.spool);
        let (mut closing, mut over) = (self.deadline.clone(), self.deadline.clone());
        let mut deliveries = JoinSet::new();
        let mut closed = false;
        loop {
            if closed && deliveries.is_empty() && spool.is_drained(&self.cursor) {
                break;
            }
            let room = self.window.len() < self.way.target.in_flight;
            tokio::select! {
                biased;
                () = passed(&mut over) => break,
                Some(ended) = deliveries.join_next() => self.answered(ended),
                batch = spool.next(&self.cursor), if room => self.begin(batch, &mut deliveries),
                _ = closing.wait_for(Option::is_some), if !closed => closed = true,
            }
        }
        // What is under way now was not answered and stays in the log.
        deliveries.shutdown().await;
        spool.leave().await;
    }

    fn begin(&mut self, batch: Batch, deliveries: &mut JoinSet<(u64, Courier)>) {
        let number = self.first + self.window.len() as u64;
        let way = Arc::clone(&self.way);
        let courier = self.idle.pop();
        let mut courier = courier.unwrap_or_else(|| Courier::new(way.clock.clone(), PACE));
        self.window.push_back(Pending { batch: batch.clone(), answered: false });
        deliveries.spawn(async move {
            way.deliver(&mut courier, batch).await;
            (number, courier)
        });
    }

    fn answered(&mut self, ended: Result<(u64, Courier), tokio::task::JoinError>) {
        let (number, courier) = match ended {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.idle.push(courier);
        if let Some(pending) = self.window.get_mut((number - self.first) as usize) {
            pending.answered = true;
        }
        let (mut last, mut items) = (None, 0);
        while let Some(pending) = self.window.pop_front_if(|pending| pending.answered) {
            self.first += 1;
            items += pending.batch.items();
            last = Some(pending.batch);
        }
        if let Some(batch) = last {
            self.way.spool.commit(&mut self.cursor, &batch, items);
        }
    }
}

impl Way {
    /// Ends when the batch has been answered, or is given up; both are counted.
    async fn deliver(&self, courier: &mut Courier, batch: Batch) {
        let Some(refused) = self.send(courier, &batch).await else { return };
        if batch.records.len() < 2 {
            self.lost(batch.items(), &refused);
            return;
        }
        // Requests that were joined here shall not suffer for each other.
        for single in batch.singles() {
            if let Some(refused) = self.send(courier, &single).await {
                self.lost(single.items(), &refused);
            }
        }
    }

    /// Why the backend will never take the batch, unless it took it.
    async fn send(&self, courier: &mut Courier, batch: &Batch) -> Option<Reason> {
        let bytes_max = self.target.request_bytes_max;
        if batch.bytes() > bytes_max {
            let words = format!("{} bytes, at most {bytes_max} are sent", batch.bytes());
            return Some(Reason::new(counts::TOO_LARGE, words));
        }
        let message = self.messages.of(self.signal, batch, &self.target).await;
        let request = request(&self.target, message);
        let again = |reason: &Reason, _pause| {
            self.in_trouble(reason);
            !self.spool.is_forgotten(self.signal, batch.from.segment)
        };
        match courier.deliver(&self.target, &request, again).await {
            Delivery::Taken { rejected, message } => {
                self.taken(batch.items(), rejected, &message);
                None
            },
            Delivery::GivenUp(_) => {
                self.counts.lost(batch.items(), counts::NO_ROOM);
                None
            },
            Delivery::Refused(reason) => Some(reason),
        }
    }

    fn in_trouble(&self, reason: &Reason) {
        if !self.troubled.swap(true, Ordering::Relaxed) {
            let (backend, signal) = (&self.backend, self.signal.as_str());
            tracing::warn!(backend, signal, %reason, "the backend does not take telemetry, trying again");
        }
    }

    fn taken(&self, items: u64, rejected: u64, message: &str) {
        let (backend, signal) = (&self.backend, self.signal.as_str());
        if rejected > 0 || !message.is_empty() {
            tracing::warn!(backend, signal, rejected, message, "the backend took only a part");
        }
        if self.troubled.swap(false, Ordering::Relaxed) {
            tracing::info!(backend, signal, "the backend takes telemetry again");
        }
        self.counts.taken(items, rejected);
    }

    fn lost(&self, items: u64, reason: &Reason) {
        let (backend, signal) = (&self.backend, self.signal.as_str());
        tracing::warn!(backend, signal, items, %reason, "the backend refused telemetry for good");
        self.counts.lost(items, &reason.label);
    }
}

/// Waits until the collector has ended and its grace is over.
async fn passed(deadline: &mut watch::Receiver<Option<Instant>>) {
    let at = match deadline.wait_for(Option::is_some).await {
        Ok(at) => *at,
        // The exporter is gone without a deadline: nobody waits for this any more.
        Err(_gone) => return,
    };
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}
