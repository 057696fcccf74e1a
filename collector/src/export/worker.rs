//! The worker of one signal: takes requests from its queue and delivers them, one after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::call::{Connection, request};
use super::retry::{Backoff, Outcome, outcome};
use super::settings::Settings;
use super::{Counters, Payload};
use crate::record::Signal;

/// How long one request is tried; others wait behind it.
const TRY_FOR: Duration = Duration::from_mins(5);

pub(crate) struct Worker {
    signal: Signal,
    settings: Arc<Settings>,
    queue: mpsc::Receiver<Payload>,
    counters: Arc<Counters>,
    deadline: watch::Receiver<Option<Instant>>,
    connection: Connection,
    /// The backend did not take the last request; said once, not for every attempt.
    troubled: bool,
}

impl Worker {
    pub(super) fn new(
        signal: Signal,
        settings: Arc<Settings>,
        queue: mpsc::Receiver<Payload>,
        counters: Arc<Counters>,
        deadline: watch::Receiver<Option<Instant>>,
    ) -> Self {
        let connection = Connection::default();
        Self { signal, settings, queue, counters, deadline, connection, troubled: false }
    }

    /// Runs until the queue is empty after the collector has ended, or its deadline has passed.
    pub(crate) async fn run(mut self) {
        let mut closing = self.deadline.clone();
        loop {
            let payload = tokio::select! {
                biased;
                payload = self.queue.recv() => payload,
                _ = closing.wait_for(Option::is_some), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                },
            };
            let Some(payload) = payload else { return };
            let mut deadline = self.deadline.clone();
            tokio::select! {
                () = self.deliver(&payload) => {},
                () = passed(&mut deadline) => {
                    self.lost(payload.items, "the collector ended before the backend took it");
                },
            }
        }
    }

    async fn deliver(&mut self, payload: &Payload) {
        let prepared = request(&self.settings, self.signal, &payload.bytes);
        let mut backoff = Backoff::new();
        let give_up = Instant::now() + TRY_FOR;
        loop {
            let result = self.connection.call(&self.settings, prepared.clone()).await;
            match outcome(self.settings.protocol, result) {
                Outcome::Delivered { rejected, message } => {
                    self.delivered(payload.items, rejected, &message);
                    return;
                },
                Outcome::Again { after, reason } => {
                    let delay = backoff.delay(after, rand::random_range(-1.0..=1.0));
                    if Instant::now() + delay > give_up {
                        self.lost(payload.items, &reason);
                        return;
                    }
                    self.in_trouble(&reason);
                    tokio::time::sleep(delay).await;
                },
                Outcome::Lost { reason } => {
                    self.lost(payload.items, &reason);
                    return;
                },
            }
        }
    }

    fn in_trouble(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.troubled, true) {
            let signal = self.signal.as_str();
            tracing::warn!(signal, reason, "the backend does not take telemetry, trying again");
        }
    }

    fn delivered(&mut self, items: u64, rejected: u64, message: &str) {
        if rejected > 0 || !message.is_empty() {
            let signal = self.signal.as_str();
            tracing::warn!(signal, rejected, message, "the backend took only a part");
        }
        if std::mem::take(&mut self.troubled) {
            tracing::info!(signal = self.signal.as_str(), "the backend takes telemetry again");
        }
        let rejected = rejected.min(items);
        self.counters.rejected.fetch_add(rejected, Ordering::Relaxed);
        self.counters.delivered.fetch_add(items - rejected, Ordering::Relaxed);
    }

    fn lost(&self, items: u64, reason: &str) {
        tracing::warn!(signal = self.signal.as_str(), items, reason, "export failed for good");
        self.counters.undelivered.fetch_add(items, Ordering::Relaxed);
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
