//! Retries and hedges are bounded as a share of traffic, so that a sick callee is not finished off
//! by them.
//!
//! Over the last ten seconds: retries + hedges <= share * first attempts + reserve. Counted in
//! millionths of a retry, because counting in whole retries per deposit rounds every share above
//! one half up to everything. Retries leave the account after ten seconds just as deposits do.
//!
//! Every request pays in, so the account is a handful of atomic words: their sum, from which a
//! retry is taken by compare and exchange so that two threads never spend the same one, and the
//! ten seconds that it consists of. Only who is first in a second locks, to take an old one out.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::units::Share;
use tokio::time::Instant;

const SLOT: Duration = Duration::from_secs(1);
const SLOTS: u8 = 10;
/// One retry.
const RETRY: i64 = 1_000_000;

/// The retry budget of one edge.
#[derive(Debug)]
pub(crate) struct Budget {
    deposit: i64,
    reserve: i64,
    origin: Instant,
    /// Deposits minus withdrawals of the last seconds, in millionths of a retry.
    sum: AtomicI64,
    /// The same of each second; a second is in the slot of its number modulo their count.
    slots: [AtomicI64; SLOTS as usize],
    /// The latest second that was booked in.
    latest: AtomicU64,
    expiring: Mutex<()>,
}

impl Budget {
    pub(crate) fn new(share: Share, reserve_per_s: u32, now: Instant) -> Self {
        Self {
            deposit: i64::from(share.ppm()),
            reserve: i64::from(reserve_per_s) * i64::from(SLOTS) * RETRY,
            origin: now,
            sum: AtomicI64::new(0),
            slots: [const { AtomicI64::new(0) }; SLOTS as usize],
            latest: AtomicU64::new(0),
            expiring: Mutex::new(()),
        }
    }

    /// Every first attempt pays in.
    pub(crate) fn deposit(&self, now: Instant) {
        let slot = self.slot(now);
        slot.fetch_add(self.deposit, Ordering::Relaxed);
        self.sum.fetch_add(self.deposit, Ordering::Relaxed);
    }

    /// Takes one retry or one hedge out; false when there is none.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let slot = self.slot(now);
        let less = |sum: i64| (self.reserve.saturating_add(sum) >= RETRY).then_some(sum - RETRY);
        let taken = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if taken {
            slot.fetch_sub(RETRY, Ordering::Relaxed);
        }
        taken
    }

    /// Retries and hedges that are left right now, for people.
    pub(crate) fn left(&self, now: Instant) -> u64 {
        self.slot(now);
        let left = self.reserve.saturating_add(self.sum.load(Ordering::Relaxed)) / RETRY;
        u64::try_from(left).unwrap_or(0)
    }

    /// The slot of this second, after those that are too old were taken out of the sum.
    fn slot(&self, now: Instant) -> &AtomicI64 {
        let second = now.saturating_duration_since(self.origin).as_secs() / SLOT.as_secs();
        let mut latest = self.latest.load(Ordering::Acquire);
        if second > latest {
            latest = self.expire(second);
        }
        // A caller that read its clock a moment earlier than the last one books there too.
        &self.slots[place(latest)]
    }

    #[cold]
    fn expire(&self, second: u64) -> u64 {
        let _expiring = self.expiring.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = self.latest.load(Ordering::Acquire);
        // Of the seconds since the latest, as many as there are slots make one place each.
        for passed in (latest + 1..=second).take(self.slots.len()) {
            let old = self.slots[place(passed)].swap(0, Ordering::Relaxed);
            self.sum.fetch_sub(old, Ordering::Relaxed);
        }
        self.latest.store(second.max(latest), Ordering::Release);
        second.max(latest)
    }
}

fn place(second: u64) -> usize {
    (second % u64::from(SLOTS)) as usize
}

#[cfg(test)]
mod tests;
