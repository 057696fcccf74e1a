//! What an endpoint's next answer is likely to take: a moving average that jumps to every peak and
//! then sinks towards what is seen, with the time constant of the policy.
//!
//! A sample above the estimate replaces it; one below it moves it by `1 - w`, where
//! `w = exp(-elapsed / decay)`. Whoever reads the estimate sees it sunk by the time since the last
//! sample, so that an endpoint that was once slow is tried again; reading changes nothing.
//!
//! Failures are sampled as a penalty and not as the time that they took, because otherwise an
//! endpoint that fails at once would look like the fastest of all.
//!
//! Two atomics and no lock. Samples of one endpoint that arrive in the same instant on two threads
//! may weigh the elapsed time twice; nothing is lost, and a peak never is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longest `Retry-After` that is believed, as in Linkerd.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// The time constants of the policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decay {
    pub(super) tau_ns: f64,
    pub(super) penalty: Duration,
}

impl Decay {
    pub(super) fn new(decay_ms: u64, penalty_ms: u64) -> Self {
        // Without a time constant two samples in the same instant would divide zero by zero.
        let tau_ns = decay_ms.max(1) as f64 * 1e6;
        Self { tau_ns, penalty: Duration::from_millis(penalty_ms) }
    }

    fn weight(&self, elapsed_ns: u64) -> f64 {
        (-(elapsed_ns as f64) / self.tau_ns).exp()
    }

    /// What a failure counts as. A failure that took longer than its penalty must not look better
    /// than an answer that took as long.
    pub(super) fn of_failure(&self, took: Duration, retry_after: Option<Duration>) -> Duration {
        let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        self.penalty.max(asked).max(took)
    }
}

#[derive(Debug)]
pub(super) struct Ewma {
    /// A double in nanoseconds.
    estimate_bits: AtomicU64,
    sampled_at_ns: AtomicU64,
}

impl Ewma {
    pub(super) fn new(start: Duration, now_ns: u64) -> Self {
        let bits = nanos(start).to_bits();
        Self { estimate_bits: AtomicU64::new(bits), sampled_at_ns: AtomicU64::new(now_ns) }
    }

    /// The estimate in nanoseconds, sunk by the time since the last sample.
    pub(super) fn read(&self, decay: Decay, now_ns: u64) -> f64 {
        let estimate = f64::from_bits(self.estimate_bits.load(Ordering::Relaxed));
        let elapsed = now_ns.saturating_sub(self.sampled_at_ns.load(Ordering::Relaxed));
        estimate * decay.weight(elapsed)
    }

    pub(super) fn observe(&self, sample: Duration, decay: Decay, now_ns: u64) {
        let sample = nanos(sample);
        let elapsed = now_ns.saturating_sub(self.sampled_at_ns.load(Ordering::Relaxed));
        let step = |bits: u64| {
            let estimate = f64::from_bits(bits);
            if sample > estimate {
                return Some(sample.to_bits());
            }
            let weight = decay.weight(elapsed);
            Some((estimate * weight + sample * (1.0 - weight)).to_bits())
        };
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let _before = self.estimate_bits.fetch_update(set, get, step);
        self.sampled_at_ns.fetch_max(now_ns, Ordering::Relaxed);
    }

    /// A call that was given up after `waited` would have taken at least that long; below the
    /// estimate this says nothing.
    pub(super) fn observe_given_up(&self, waited: Duration, decay: Decay, now_ns: u64) {
        if nanos(waited) > self.read(decay, now_ns) {
            let (bits, at) = (nanos(waited).to_bits(), now_ns);
            self.estimate_bits.store(bits, Ordering::Relaxed);
            self.sampled_at_ns.fetch_max(at, Ordering::Relaxed);
        }
    }
}

fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_peak_is_followed_at_once_and_left_slowly() {
        let decay = Decay::new(10_000, 5_000);
        let ewma = Ewma::new(ms(10), 0);
        ewma.observe(ms(800), decay, 0);
        assert!((ewma.read(decay, 0) - 800e6).abs() < 1.0);
        // One time constant later a sample of zero leaves 1/e of it.
        ewma.observe(Duration::ZERO, decay, 10_000 * MS);
        let left = ewma.read(decay, 10_000 * MS);
        assert!((left - 800e6 / std::f64::consts::E).abs() < 1.0, "{left}");
    }

    #[test]
    fn reading_sees_the_estimate_sink_and_does_not_change_it() {
        let decay = Decay::new(1_000, 0);
        let ewma = Ewma::new(ms(100), 0);
        let halved = ewma.read(decay, 693_147_181);
        assert!((halved - 50e6).abs() < 10.0, "{halved}");
        assert!((ewma.read(decay, 0) - 100e6).abs() < 1.0);
    }

    #[test]
    fn a_failure_counts_as_its_penalty_or_as_what_the_endpoint_asks_for() {
        let decay = Decay::new(10_000, 5_000);
        for (took, retry_after, expected) in [
            (ms(1), None, ms(5_000)),
            (ms(1), Some(ms(2_000)), ms(5_000)),
            (ms(1), Some(ms(60_000)), ms(60_000)),
            (ms(1), Some(ms(7_200_000)), RETRY_AFTER_MAX),
            (ms(30_000), None, ms(30_000)),
        ] {
            assert_eq!(decay.of_failure(took, retry_after), expected, "{took:?} {retry_after:?}");
        }
    }

    #[test]
    fn a_call_that_was_given_up_only_ever_raises_the_estimate() {
        let decay = Decay::new(10_000, 0);
        let ewma = Ewma::new(ms(100), 0);
        ewma.observe_given_up(ms(50), decay, 0);
        assert!((ewma.read(decay, 0) - 100e6).abs() < 1.0);
        ewma.observe_given_up(ms(700), decay, 0);
        assert!((ewma.read(decay, 0) - 700e6).abs() < 1.0);
    }

    /// The definition, step by step.
    fn naive(start_ns: f64, tau_ns: f64, samples: &[(u64, u64)]) -> (f64, u64) {
        samples.iter().fold((start_ns, 0), |(estimate, at), (gap, sample)| {
            let weight = (-(*gap as f64) / tau_ns).exp();
            let sample = *sample as f64;
            let next = if sample > estimate {
                sample
            } else {
                estimate * weight + sample * (1.0 - weight)
            };
            (next, at + gap)
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(
            tau_ms in 1_u64..60_000,
            samples in prop::collection::vec((0_u64..5_000 * MS, 0_u64..5_000 * MS), 1..40),
            idle_ns in 0_u64..5_000 * MS,
        ) {
            let decay = Decay::new(tau_ms, 0);
            let ewma = Ewma::new(Duration::from_secs(1), 0);
            let mut now = 0;
            for (gap, sample) in &samples {
                now += gap;
                ewma.observe(Duration::from_nanos(*sample), decay, now);
            }
            let (estimate, at) = naive(1e9, decay.tau_ns, &samples);
            prop_assert_eq!(at, now);
            let expected = estimate * (-(idle_ns as f64) / decay.tau_ns).exp();
            let got = ewma.read(decay, now + idle_ns);
            prop_assert!((got - expected).abs() <= expected * 1e-9 + 1e-6, "{} {}", got, expected);
        }
    }
}
