//! Requests at once: a fixed number of places, and a bounded queue in front of them.
//!
//! Places are given in the order in which the waits were first polled; who comes later never
//! overtakes. A wait that is dropped, because its caller left or its time ran out, leaves the queue
//! and takes no place along: a place is a [`Permit`], and dropping it gives it back.
//!
//! The counting and the order are tokio's semaphore; this adds the bound of the queue, the counters
//! and the change of the limit while requests are inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use model::policy::Bulkhead as Policy;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What is shared by all holders of places.
#[derive(Debug)]
struct Room {
    semaphore: Semaphore,
    limit: AtomicU32,
    /// Places that are in use although the limit has been lowered since: they are not given to
    /// anybody else when they come back.
    surplus: AtomicU32,
    waiting: AtomicU32,
    refused: AtomicU64,
}

/// The bulkhead of one edge.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    room: Arc<Room>,
    queue: u32,
    wait: Duration,
}

#[derive(Debug)]
pub(crate) enum Enter {
    Entered(Permit),
    /// All places are taken: wait for one with [`Queued::permit`].
    Wait(Queued),
    /// The queue is full as well, or there is none.
    Full,
}

/// A place. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Room>);

/// A place in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    room: Arc<Room>,
    until: Instant,
}

/// What people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) limit: u32,
    pub(crate) in_use: u32,
    pub(crate) waiting: u32,
    /// Turned away at once or after a wait.
    pub(crate) refused: u64,
}

impl Bulkhead {
    pub(crate) fn new(policy: &Policy) -> Self {
        let room = Room {
            semaphore: Semaphore::new(policy.concurrent as usize),
            limit: AtomicU32::new(policy.concurrent),
            surplus: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            refused: AtomicU64::new(0),
        };
        Self::of(Arc::new(room), policy)
    }

    /// The bulkhead of another policy with the requests that are inside, whatever their number.
    /// Holders of the earlier one share its limit.
    pub(crate) fn after(&self, policy: &Policy) -> Self {
        self.room.resize(policy.concurrent);
        Self::of(Arc::clone(&self.room), policy)
    }

    fn of(room: Arc<Room>, policy: &Policy) -> Self {
        Self { room, queue: policy.queue, wait: Duration::from_millis(policy.wait_ms) }
    }

    pub(crate) fn enter(&self, now: Instant) -> Enter {
        if let Ok(place) = self.room.semaphore.try_acquire() {
            place.forget();
            return Enter::Entered(Permit(Arc::clone(&self.room)));
        }
        if self.wait.is_zero() || !self.room.queue_up(self.queue) {
            self.room.refused.fetch_add(1, Ordering::Relaxed);
            return Enter::Full;
        }
        let queued = Queued { room: Arc::clone(&self.room), until: now + self.wait };
        Enter::Wait(queued)
    }

    pub(crate) fn state(&self) -> State {
        let room = &self.room;
        let limit = room.limit.load(Ordering::Relaxed);
        let surplus = room.surplus.load(Ordering::Relaxed);
        let free = room.semaphore.available_permits() as u32;
        State {
            limit,
            in_use: limit.saturating_add(surplus).saturating_sub(free),
            waiting: room.waiting.load(Ordering::Relaxed),
            refused: room.refused.load(Ordering::Relaxed),
        }
    }
}

impl Queued {
    /// Waits for a place, but neither longer than the policy allows nor beyond `deadline`. `None`
    /// when the time ran out.
    pub(crate) async fn permit(self, deadline: Option<Instant>) -> Option<Permit> {
        let until = deadline.map_or(self.until, |deadline| deadline.min(self.until));
        match tokio::time::timeout_at(until, self.room.semaphore.acquire()).await {
            Ok(Ok(place)) => {
                place.forget();
                Some(Permit(Arc::clone(&self.room)))
            },
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => {
                self.room.refused.fetch_add(1, Ordering::Relaxed);
                None
            },
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.room.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.give_back(1);
    }
}

impl Room {
    fn queue_up(&self, queue: u32) -> bool {
        let one_more = |waiting| (waiting < queue).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn give_back(&self, places: u32) {
        let free = places - self.settle(places);
        if free > 0 {
            self.semaphore.add_permits(free as usize);
        }
    }

    /// Takes up to so many places out of use that are too many; answers how many it took.
    fn settle(&self, places: u32) -> u32 {
        if self.surplus.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let less = |surplus: u32| Some(surplus.saturating_sub(places));
        let before = self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before.unwrap_or(0).min(places)
    }

    fn resize(&self, concurrent: u32) {
        let before = self.limit.swap(concurrent, Ordering::Relaxed);
        if let Some(more) = concurrent.checked_sub(before) {
            return self.give_back(more);
        }
        // Free places go at once, places in use when they come back. All of them are owed first, so
        // that one that comes back meanwhile is not given away again.
        let fewer = before - concurrent;
        self.surplus.fetch_add(fewer, Ordering::Relaxed);
        self.give_back(self.semaphore.forget_permits(fewer as usize) as u32);
    }
}

#[cfg(test)]
mod tests;
