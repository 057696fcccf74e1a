//! Requests at once, by what the callee can bear: a limit that follows its response times.
//!
//! At the end of each window the limit is multiplied by the gradient, the ratio of the shortest
//! response time that the callee can do to the one that it does, and raised by a little headroom.
//! While the callee is idle both are alike and the limit grows; when requests queue up inside it,
//! the limit falls. What "can do" is, is measured: every so often very few requests are let
//! through, and their response time is the minimum. These are the rules of Envoy's gradient
//! controller ([`gradient`]); two things differ. A window with too few responses goes on until it
//! has enough, where Envoy would judge by one. And nothing here has a timer: what is due happens
//! with the next request or the next response.
//!
//! The caller decides what is a response time. A delay that was injected says nothing about the
//! callee, so it should only be recorded where the limit is meant to react to it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use model::policy::AdaptiveLimit;
use model::units::Share;
use tokio::time::Instant;

use super::since_ns;
use super::times::{Times, percentile};

mod gradient;

use gradient::Gradient;

/// The adaptive limit of one edge.
#[derive(Debug)]
pub(crate) struct Adaptive {
    percentile: Share,
    origin: Instant,
    in_flight: Arc<AtomicU32>,
    refused: AtomicU64,
    times: Times,
    gradient: Mutex<Gradient>,
    /// What requests need of the gradient, so that they need not lock it. Times are nanoseconds
    /// since the origin.
    limit: AtomicU32,
    /// When something is to be done next.
    due_ns: AtomicU64,
    /// Responses with which something is to be done next.
    due_count: AtomicU32,
    /// Responses of requests that began before this say nothing about the time since.
    epoch_ns: AtomicU64,
}

/// One request in flight. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicU32>);

/// What people are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct State {
    pub(crate) limit: u32,
    pub(crate) in_flight: u32,
    pub(crate) refused: u64,
    /// The response time of the callee with next to no load; `None` until it was measured once.
    pub(crate) min_rtt: Option<Duration>,
    /// The response time of the last window.
    pub(crate) sample_rtt: Option<Duration>,
    /// What the limit was last multiplied by.
    pub(crate) gradient: Option<f64>,
    /// Is the minimum being measured, with very few requests at once?
    pub(crate) measuring: bool,
}

impl Adaptive {
    pub(crate) fn new(policy: &AdaptiveLimit, now: Instant) -> Self {
        Self::with_seed(policy, now, rand::random())
    }

    /// The seed spreads the measurements of several gateways.
    fn with_seed(policy: &AdaptiveLimit, now: Instant, seed: u64) -> Self {
        Self::of(Gradient::new(policy.clone(), seed), Arc::default(), now)
    }

    /// The limiter of another policy: with the requests in flight and what was learned.
    pub(crate) fn after(&self, policy: &AdaptiveLimit, now: Instant) -> Self {
        let learned = self.gradient().after(policy.clone(), since_ns(self.origin, now));
        Self::of(learned, Arc::clone(&self.in_flight), self.origin)
    }

    fn of(gradient: Gradient, in_flight: Arc<AtomicU32>, origin: Instant) -> Self {
        let limiter = Self {
            percentile: gradient.policy().percentile,
            origin,
            in_flight,
            refused: AtomicU64::new(0),
            times: Times::default(),
            limit: AtomicU32::new(0),
            due_ns: AtomicU64::new(0),
            due_count: AtomicU32::new(0),
            epoch_ns: AtomicU64::new(0),
            gradient: Mutex::new(gradient),
        };
        limiter.publish(&limiter.gradient());
        limiter
    }

    /// `None` when as many requests are in flight as the callee can bear.
    pub(crate) fn enter(&self, now: Instant) -> Option<Permit> {
        let now_ns = since_ns(self.origin, now);
        if now_ns >= self.due_ns.load(Ordering::Relaxed) {
            self.roll(now_ns);
        }
        let limit = self.limit.load(Ordering::Relaxed);
        let one_more = |count| (count < limit).then_some(count + 1);
        match self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Some(Permit(Arc::clone(&self.in_flight))),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            },
        }
    }

    /// Learns how long the callee took for a request that ended right now.
    pub(crate) fn record(&self, took: Duration, now: Instant) {
        let now_ns = since_ns(self.origin, now);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let began_ns = now_ns.checked_sub(took_ns);
        if began_ns.is_none_or(|began_ns| began_ns < self.epoch_ns.load(Ordering::Acquire)) {
            return;
        }
        let count = self.times.record(took);
        let due = now_ns >= self.due_ns.load(Ordering::Relaxed)
            || count >= self.due_count.load(Ordering::Relaxed);
        if due {
            self.roll(now_ns);
        }
    }

    pub(crate) fn state(&self) -> State {
        let gradient = self.gradient();
        State {
            limit: self.limit.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            min_rtt: gradient.min_rtt(),
            sample_rtt: gradient.sample_rtt(),
            gradient: gradient.last(),
            measuring: gradient.measuring(),
        }
    }

    /// Does what is due. Whoever finds the lock taken leaves it to the one who has it.
    #[cold]
    fn roll(&self, now_ns: u64) {
        let mut gradient = match self.gradient.try_lock() {
            Ok(gradient) => gradient,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let read = || percentile(&[&self.times], self.percentile);
        if gradient.roll(now_ns, self.times.count(), read) {
            self.times.clear();
        }
        self.publish(&gradient);
    }

    fn publish(&self, gradient: &Gradient) {
        self.limit.store(gradient.limit(), Ordering::Relaxed);
        self.due_ns.store(gradient.due_ns(), Ordering::Relaxed);
        self.due_count.store(gradient.due_count(), Ordering::Relaxed);
        self.epoch_ns.store(gradient.epoch_ns(), Ordering::Release);
    }

    fn gradient(&self) -> std::sync::MutexGuard<'_, Gradient> {
        self.gradient.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
