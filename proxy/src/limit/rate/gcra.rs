//! The generic cell rate algorithm: a leaky bucket whose whole state is the time at which the next
//! request is due.
//!
//! A request passes when it is at most `tolerance` earlier than due, and moves the due time on by
//! one `interval`. Pure: state and time are numbers in ticks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::policy::RateLimit;

use super::Quota;

/// Fine enough that rounding an interval up costs little (less than a ten-millionth of a rate of a
/// thousand per second), coarse enough that 64 bits last 36 years.
pub(super) const TICKS_PER_NS: u64 = 16;
const NS_PER_MS: u128 = 1_000_000;
/// Longest interval and longest tolerance, so that a due time is never cut at the end of its word.
const TICKS_MAX: u64 = 1 << 62;

/// A rate in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    /// From one request to the next; rounded up, so that no rate is exceeded.
    interval: u64,
    /// How much earlier than due a request may come.
    tolerance: u64,
    burst: u32,
}

/// What became of a request, with the due time after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Passed { due: u64 },
    Refused { due: u64 },
}

impl Gcra {
    /// A policy of zeros is refused with its plan; here it counts as one.
    pub(super) fn of(policy: &RateLimit) -> Self {
        let period = u128::from(policy.period_ms.max(1)) * NS_PER_MS * u128::from(TICKS_PER_NS);
        let interval = period.div_ceil(u128::from(policy.count.max(1)));
        let interval = u64::try_from(interval).unwrap_or(u64::MAX).min(TICKS_MAX);
        let burst = policy.burst.max(1);
        let tolerance = interval.saturating_mul(u64::from(burst - 1)).min(TICKS_MAX);
        Self { interval, tolerance, burst }
    }

    /// `cells` requests at once, or none of them.
    pub(super) fn take(&self, due: u64, now: u64, cells: u32) -> Taken {
        let refused = Taken::Refused { due };
        if cells == 0 || cells > self.burst {
            return refused;
        }
        let from = due.max(now);
        let last = from.saturating_add(self.interval.saturating_mul(u64::from(cells - 1)));
        if last - now > self.tolerance {
            return refused;
        }
        Taken::Passed { due: last.saturating_add(self.interval) }
    }

    pub(super) fn quota(&self, due: u64, now: u64) -> Quota {
        let debt = due.saturating_sub(now);
        let free = self.tolerance.checked_sub(debt);
        let remaining = free.map_or(0, |free| 1 + free / self.interval);
        Quota {
            limit: self.burst,
            remaining: remaining.min(u64::from(self.burst)) as u32,
            reset_after: duration(debt),
            retry_after: duration(debt.saturating_sub(self.tolerance)),
        }
    }

    /// The due time under this rate of a key that had `due` under another one: as many requests
    /// are used up, but no more than a whole burst.
    pub(super) fn due_after(&self, before: &Self, due: u64, now: u64) -> u64 {
        let debt = u128::from(due.saturating_sub(now));
        let moved = (debt * u128::from(self.interval)).div_ceil(u128::from(before.interval));
        let most = self.tolerance.saturating_add(self.interval);
        now.saturating_add(u64::try_from(moved).unwrap_or(u64::MAX).min(most))
    }
}

/// Rounded up: who waits so long does not come too early.
fn duration(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.div_ceil(TICKS_PER_NS))
}

/// Takes from a word that other threads take from as well.
pub(super) fn take_from(word: &AtomicU64, take: impl Fn(u64) -> Taken) -> Taken {
    let mut before = word.load(Ordering::Acquire);
    loop {
        let taken = take(before);
        let Taken::Passed { due } = taken else { return taken };
        match word.compare_exchange_weak(before, due, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return taken,
            Err(other) => before = other,
        }
    }
}
