//! When a slow attempt gets a second copy.
//!
//! The copy leaves when the first attempt has taken longer than nearly all recent ones: then it is
//! probably stuck, and asking again is faster than waiting. "Recent" is the last ten to twenty
//! seconds, so that a callee that became slow as a whole is not asked twice for ever: its slowness
//! becomes the percentile. Whether a request may have a copy is decided by [`may`] and by the retry
//! budget, which pays for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use model::policy::HedgePolicy;
use tokio::time::Instant;

use crate::limit::since_ns;
use crate::limit::times::{Times, percentile};

/// Times are kept in two halves, of which the older one is forgotten when the other is this old.
const HALF_NS: u64 = 10_000_000_000;
/// How long a percentile is believed before it is read again.
const REFRESH_NS: u64 = 100_000_000;
/// No percentile is known.
const UNKNOWN: u64 = u64::MAX;

/// May a copy of this request be sent after `delay`? Its budget is asked apart.
pub(crate) fn may(
    idempotent: bool,
    body_kept: bool,
    delay: Duration,
    left: Option<Duration>,
) -> bool {
    // A copy that leaves at the deadline only costs.
    idempotent && body_kept && left.is_none_or(|left| delay < left)
}

/// The recent response times of one edge.
#[derive(Debug)]
pub(crate) struct Hedger {
    policy: HedgePolicy,
    origin: Instant,
    halves: [Times; 2],
    /// Index of the half that is being filled.
    filling: AtomicUsize,
    /// When the halves change places.
    turn_ns: AtomicU64,
    percentile_ns: AtomicU64,
    read_again_ns: AtomicU64,
    /// Held while the halves change places or the percentile is read.
    reading: Mutex<()>,
}

impl Hedger {
    pub(crate) fn new(policy: &HedgePolicy, now: Instant) -> Self {
        Self {
            policy: policy.clone(),
            origin: now,
            halves: [Times::default(), Times::default()],
            filling: AtomicUsize::new(0),
            turn_ns: AtomicU64::new(HALF_NS),
            percentile_ns: AtomicU64::new(UNKNOWN),
            read_again_ns: AtomicU64::new(0),
            reading: Mutex::new(()),
        }
    }

    /// How long an attempt may take before its copy leaves; `None` before enough were seen.
    pub(crate) fn delay(&self, now: Instant) -> Option<Duration> {
        let now_ns = since_ns(self.origin, now);
        if now_ns >= self.read_again_ns.load(Ordering::Relaxed) {
            self.read(now_ns);
        }
        let percentile_ns = self.percentile_ns.load(Ordering::Relaxed);
        let least = Duration::from_millis(self.policy.delay_min_ms);
        (percentile_ns != UNKNOWN).then(|| Duration::from_nanos(percentile_ns).max(least))
    }

    /// Learns how long an attempt took that was answered.
    pub(crate) fn record(&self, took: Duration, now: Instant) {
        let now_ns = since_ns(self.origin, now);
        if now_ns >= self.turn_ns.load(Ordering::Relaxed) {
            self.read(now_ns);
        }
        let filling = self.filling.load(Ordering::Relaxed);
        let seen =
            self.halves[filling].record(took).saturating_add(self.halves[1 - filling].count());
        // The answer that makes the percentile known does not wait for the next reading.
        if seen == self.policy.minimum_requests {
            self.read_again_ns.store(now_ns, Ordering::Relaxed);
        }
    }

    /// Answers that the percentile is read from.
    pub(crate) fn seen(&self) -> u32 {
        self.halves.iter().map(Times::count).fold(0, u32::saturating_add)
    }

    /// Whoever finds the lock taken goes on with the last percentile.
    #[cold]
    fn read(&self, now_ns: u64) {
        let Ok(_reading) = self.reading.try_lock() else { return };
        let turn_ns = self.turn_ns.load(Ordering::Relaxed);
        if now_ns >= turn_ns {
            self.turn();
            // After a pause of another such time both halves are old.
            if now_ns - turn_ns >= HALF_NS {
                self.turn();
            }
            self.turn_ns.store(now_ns.saturating_add(HALF_NS), Ordering::Relaxed);
        }
        let [first, second] = &self.halves;
        let known = if self.seen() < self.policy.minimum_requests {
            None
        } else {
            percentile(&[first, second], self.policy.percentile)
        };
        let ns = known.map_or(UNKNOWN, |known| known.as_nanos() as u64);
        self.percentile_ns.store(ns, Ordering::Relaxed);
        self.read_again_ns.store(now_ns.saturating_add(REFRESH_NS), Ordering::Relaxed);
    }

    /// Empties the older half and fills it.
    fn turn(&self) {
        let older = 1 - self.filling.load(Ordering::Relaxed);
        self.halves[older].clear();
        self.filling.store(older, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
