//! What the users of an engine share, and how the engine learns that no journey is under way.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::arrival::Shard;
use crate::journey::Context;

pub(super) struct Crowd {
    pub(super) context: Rc<Context>,
    /// Of load.
    pub(super) start: Instant,
    under_way: Cell<u64>,
    panicked: Cell<bool>,
    idle: Notify,
}

impl Crowd {
    pub(super) fn new(context: Rc<Context>, start: Instant) -> Self {
        let (under_way, panicked) = (Cell::new(0), Cell::new(false));
        Self { context, start, under_way, panicked, idle: Notify::new() }
    }

    pub(super) fn under_way(&self) -> u64 {
        self.under_way.get()
    }

    pub(super) fn panicked(&self) -> bool {
        self.panicked.get()
    }

    /// Returns when the last journey has ended and load too, and at once after a panic.
    pub(super) async fn idle(&self) {
        self.idle.notified().await;
    }

    /// Is there no more load at `now`?
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.context.load_end.get().is_some_and(|end| now >= end) || self.context.vigil.is_aborted()
    }

    /// Counts a journey until the value is dropped.
    pub(super) fn enter(&self) -> UnderWay<'_> {
        self.under_way.set(self.under_way.get() + 1);
        UnderWay(self)
    }
}

/// A journey under way. Goose swallows the panic of a user, and so would keep the end of load
/// waiting for a journey that never ends.
pub(super) struct UnderWay<'a>(&'a Crowd);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let crowd = self.0;
        crowd.under_way.set(crowd.under_way.get() - 1);
        if std::thread::panicking() {
            crowd.panicked.set(true);
            crowd.idle.notify_one();
        } else if crowd.under_way.get() == 0 && crowd.is_over(crowd.context.clock.now()) {
            crowd.idle.notify_one();
        }
    }
}

/// The users of one load that this worker has.
pub(super) struct Seats {
    pub(super) load: usize,
    /// Of the load, in all workers.
    users: u64,
    shard: Shard,
    next: Cell<u64>,
}

impl Seats {
    pub(super) fn new(load: usize, users: u64, shard: Shard) -> Self {
        Self { load, users, shard, next: Cell::new(shard.own) }
    }

    pub(super) fn len(&self) -> usize {
        self.users.saturating_sub(self.shard.own).div_ceil(self.shard.of) as usize
    }

    /// Number of the next user among all of the load.
    pub(super) fn take(&self) -> u64 {
        self.next.replace(self.next.get() + self.shard.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_of_a_load_sits_in_exactly_one_worker() {
        for (users, workers) in [(1, 1), (50, 1), (7, 3), (2, 3), (64, 8)] {
            let mut all: Vec<u64> = (0..workers)
                .flat_map(|own| {
                    let seats = Seats::new(0, users, Shard { own, of: workers });
                    (0..seats.len()).map(|_| seats.take()).collect::<Vec<_>>()
                })
                .collect();
            all.sort_unstable();
            assert_eq!(all, (0..users).collect::<Vec<_>>(), "{users} users, {workers} workers");
        }
    }
}
