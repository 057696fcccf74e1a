//! Requests per time, for all of an edge or for each client.
//!
//! Per client, the state of a key is one word in a bounded store ([`store`]): the time at which its
//! next request would be due if it kept exactly to its rate ([`gcra`]). A key whose due time has
//! passed is the same as one that was never seen, so forgetting it loses nothing; only when all
//! neighbours of a key are still in debt is one of them forgotten early, which is counted, and
//! starts afresh.
//!
//! What it never does: delay a request. It lets through or refuses, and says when to come back.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::fault::Per;
use model::policy::RateLimit;
use tokio::time::Instant;

use super::since_ns;

mod fields;
mod gcra;
mod store;

use gcra::{Gcra, TICKS_PER_NS, Taken};
use store::Store;

/// What a key has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests that may come at once after a pause.
    pub(crate) limit: u32,
    /// Requests that may come right now.
    pub(crate) remaining: u32,
    /// Until `remaining` is `limit` again.
    pub(crate) reset_after: Duration,
    /// Until one more may come; zero when it may come right now.
    pub(crate) retry_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    Pass(Quota),
    Limited(Quota),
}

#[derive(Debug)]
enum Words {
    /// One for all requests.
    One(AtomicU64),
    /// One for each key.
    Each(Store),
}

/// The rate limit of one edge. Clones share their state.
#[derive(Debug, Clone)]
pub(crate) struct RateLimiter {
    policy: RateLimit,
    gcra: Gcra,
    origin: Instant,
    words: Arc<Words>,
    /// Random, so that no client can choose a key that falls together with another's.
    hasher: RandomState,
}

impl RateLimiter {
    pub(crate) fn new(policy: &RateLimit, now: Instant) -> Self {
        let words = match policy.per {
            Per::Edge => Words::One(AtomicU64::new(0)),
            _ => Words::Each(Store::default()),
        };
        Self {
            policy: policy.clone(),
            gcra: Gcra::of(policy),
            origin: now,
            words: Arc::new(words),
            hasher: RandomState::new(),
        }
    }

    /// The limiter of another policy. Requests that were used up stay used up, as far as the new
    /// burst reaches; with other keys everybody starts afresh.
    pub(crate) fn after(&self, policy: &RateLimit, now: Instant) -> Self {
        if self.policy == *policy {
            return self.clone();
        }
        if self.policy.per != policy.per {
            return Self::new(policy, now);
        }
        let (gcra, ticks) = (Gcra::of(policy), self.ticks(now));
        let moved = |due: u64| gcra.due_after(&self.gcra, due, ticks);
        let words = match &*self.words {
            Words::One(due) => Words::One(AtomicU64::new(moved(due.load(Ordering::Acquire)))),
            Words::Each(store) => Words::Each(store.moved(ticks, moved)),
        };
        Self { policy: policy.clone(), gcra, words: Arc::new(words), ..self.clone() }
    }

    /// Asks for one request of `key`, such as a user or the value of a header. Where all of an edge
    /// share one limit, the key does not matter.
    pub(crate) fn check(&self, key: &str, now: Instant) -> Rate {
        match &*self.words {
            Words::One(due) => self.check_one(due, now),
            Words::Each(store) => self.check_each(store, self.hasher.hash_one(key), now),
        }
    }

    /// Keys that were forgotten while they were in debt.
    pub(crate) fn evicted(&self) -> u64 {
        match &*self.words {
            Words::One(_) => 0,
            Words::Each(store) => store.evicted(),
        }
    }

    fn check_one(&self, due: &AtomicU64, now: Instant) -> Rate {
        let ticks = self.ticks(now);
        self.answer(gcra::take_from(due, |due| self.gcra.take(due, ticks, 1)), ticks)
    }

    fn check_each(&self, store: &Store, key: u64, now: Instant) -> Rate {
        let ticks = self.ticks(now);
        self.answer(store.take(key, ticks, |due| self.gcra.take(due, ticks, 1)), ticks)
    }

    fn answer(&self, taken: Taken, ticks: u64) -> Rate {
        match taken {
            Taken::Passed { due } => Rate::Pass(self.gcra.quota(due, ticks)),
            Taken::Refused { due } => Rate::Limited(self.gcra.quota(due, ticks)),
        }
    }

    fn ticks(&self, now: Instant) -> u64 {
        since_ns(self.origin, now).saturating_mul(TICKS_PER_NS)
    }
}

#[cfg(test)]
mod tests;
