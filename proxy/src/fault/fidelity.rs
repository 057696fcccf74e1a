//! How exactly a fault does what it was asked to do, measured by itself: delays against their plan,
//! rates against theirs, and whether as many requests were drawn as chance allows.
//!
//! Only delays that ran to their end count: one that the end of a window or of the caller cut short
//! was not late, it was not wanted any more.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::fault::{FaultKind, FaultSpec};
use model::plan::Fidelity;

use super::binomial;
use super::errors::Errors;
use super::memory::FaultMemory;

/// A rate that held bytes back for a shorter time than this says nothing.
pub(crate) const RATE_LEAST: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(super) struct Precision {
    /// Made with the first delay: most faults delay nothing.
    delays: OnceLock<Errors>,
    paced_bytes: AtomicU64,
    planned_bytes: AtomicU64,
}

impl Precision {
    /// A delay that ran to its end.
    pub(super) fn delayed(&self, planned: Duration, achieved: Duration) {
        let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.delays.get_or_init(Errors::default).record(us(achieved).saturating_sub(us(planned)));
    }

    /// Bytes that passed while a rate held them back, and how many it allowed.
    pub(super) fn paced(&self, passed: u64, allowed: u64) {
        self.paced_bytes.fetch_add(passed, Ordering::Relaxed);
        self.planned_bytes.fetch_add(allowed, Ordering::Relaxed);
    }

    /// Together with what a shared rate has measured, as `(passed, allowed)`.
    fn rate_error(&self, shared: Option<(u64, u64)>) -> Option<f64> {
        let (shared_passed, shared_allowed) = shared.unwrap_or_default();
        let allowed = self.planned_bytes.load(Ordering::Relaxed) as f64 + shared_allowed as f64;
        let passed = self.paced_bytes.load(Ordering::Relaxed) as f64 + shared_passed as f64;
        (allowed > 0.0).then(|| passed / allowed - 1.0)
    }
}

/// Draws of one chance.
#[derive(Debug, Default)]
pub(super) struct Draws {
    made: AtomicU64,
    fired: AtomicU64,
}

impl Draws {
    pub(super) fn record(&self, fired: bool) {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.fired.fetch_add(u64::from(fired), Ordering::Relaxed);
    }

    /// `(made, fired)`
    pub(super) fn read(&self) -> (u64, u64) {
        // The part is read before the whole, so that it is never the larger one.
        let fired = self.fired.load(Ordering::Acquire);
        (self.made.load(Ordering::Acquire), fired)
    }
}

/// `None` while there is nothing to say.
pub(super) fn summary(spec: &FaultSpec, memory: &FaultMemory) -> Option<Fidelity> {
    let precision = &memory.precision;
    let delays = precision.delays.get().and_then(Errors::summary);
    let rate_error = precision.rate_error(memory.shared_rate(RATE_LEAST));
    let (made, fired) = memory.draws.read();
    if made == 0 && delays.is_none() && rate_error.is_none() {
        return None;
    }
    let (hit_rate_low, hit_rate_high) = binomial::interval(fired, made);
    // A ramp changes the share with time, and callers ask for shares of their own.
    let one_share = spec.when.ramp_to.is_none() && !matches!(spec.effect, FaultKind::Caller { .. });
    Some(Fidelity {
        delays: delays.map_or(0, |delays| delays.count),
        delay_error_p50_us: delays.map_or(0, |delays| delays.p50_us),
        delay_error_p99_us: delays.map_or(0, |delays| delays.p99_us),
        delay_error_max_us: delays.map_or(0, |delays| delays.max_us),
        rate_error,
        draws: made,
        hit_rate: if made == 0 { 0.0 } else { fired as f64 / made as f64 },
        hit_rate_low,
        hit_rate_high,
        hit_rate_planned: one_share.then(|| spec.share.as_fraction()),
    })
}

#[cfg(test)]
mod tests {
    use model::fault::When;
    use model::units::Share;

    use super::*;

    #[test]
    fn it_says_nothing_before_there_is_anything_and_then_all_of_it() {
        let share = Share::from_ppm(250_000);
        let spec = FaultSpec { share, ..FaultSpec::new("slow", Vec::new(), FaultKind::Blackhole) };
        let memory = FaultMemory::of(&spec);
        assert_eq!(summary(&spec, &memory), None);
        for (planned_us, achieved_us) in [(1_000, 1_010), (1_000, 1_020), (1_000, 990)] {
            memory
                .precision
                .delayed(Duration::from_micros(planned_us), Duration::from_micros(achieved_us));
        }
        memory.precision.paced(99, 100);
        (0..20).for_each(|number| memory.draws.record(number % 2 == 0));
        let found = summary(&spec, &memory).unwrap();
        assert_eq!((found.delays, found.delay_error_p50_us, found.delay_error_max_us), (3, 10, 20));
        assert!((found.rate_error.unwrap() + 0.01).abs() < 1e-12);
        assert_eq!((found.draws, found.hit_rate, found.hit_rate_planned), (20, 0.5, Some(0.25)));
        assert!(found.hit_rate_low < 0.28 && found.hit_rate_high > 0.72);
        let when = When { ramp_to: Some(Share::WHOLE), ..When::default() };
        let ramped = summary(&FaultSpec { when, ..spec }, &memory).unwrap();
        assert_eq!(ramped.hit_rate_planned, None, "a ramp has no single share");
    }
}
