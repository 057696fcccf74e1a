//! The rules of the adaptive limit, without threads and without a clock.
//!
//! Two phases take turns. *Measuring*: the limit is very low until enough responses came, whose
//! percentile is the minimal response time; then the limit from before is back. *Sampling*: each
//! window's percentile moves the limit, until the minimum is due to be measured again, or until the
//! limit lay at its lower end for several windows, which says that the minimum is out of date.

use std::time::Duration;

use model::decision::indexed;
use model::policy::AdaptiveLimit;

/// A window neither halves the limit more than once nor doubles it more than once.
const GRADIENT_MIN: f64 = 0.5;
const GRADIENT_MAX: f64 = 2.0;
/// The next measurement is later by up to this share of its interval, so that not all measure at
/// the same time.
const JITTER: f64 = 0.15;
/// After so many windows in a row at the lower end the minimum is measured again.
const LOWEST_WINDOWS_MAX: u32 = 5;
const NS_PER_MS: u64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// What the limit is when the measurement is over.
    Measuring {
        then: u32,
    },
    Sampling {
        window_end_ns: u64,
        measure_ns: u64,
    },
}

#[derive(Debug)]
pub(super) struct Gradient {
    policy: AdaptiveLimit,
    seed: u64,
    phase: Phase,
    limit: u32,
    /// When the last measurement began.
    epoch_ns: u64,
    measurements: u64,
    lowest_windows: u32,
    min_rtt: Option<Duration>,
    sample_rtt: Option<Duration>,
    last: Option<f64>,
}

impl Gradient {
    /// Begins with a measurement, and behind it at the lower end.
    pub(super) fn new(policy: AdaptiveLimit, seed: u64) -> Self {
        let lowest = policy.concurrent_min.max(1);
        let mut new = Self {
            policy,
            seed,
            phase: Phase::Measuring { then: lowest },
            limit: lowest,
            epoch_ns: 0,
            measurements: 0,
            lowest_windows: 0,
            min_rtt: None,
            sample_rtt: None,
            last: None,
        };
        new.measure(0);
        new
    }

    /// Under another policy: the learned limit within the new bounds, and the minimum if it is
    /// known and was read from the same percentile.
    pub(super) fn after(&self, policy: AdaptiveLimit, now_ns: u64) -> Self {
        let mut new = Self::new(policy, self.seed);
        new.measurements = self.measurements;
        new.limit = new.bounded(f64::from(self.settled_limit()));
        match self.phase {
            Phase::Sampling { measure_ns, .. }
                if self.policy.percentile == new.policy.percentile =>
            {
                new.min_rtt = self.min_rtt;
                let (window_end_ns, latest_ns) = new.ends(now_ns);
                let measure_ns = measure_ns.min(latest_ns);
                new.phase = Phase::Sampling { window_end_ns, measure_ns };
            },
            Phase::Sampling { .. } | Phase::Measuring { .. } => new.measure(now_ns),
        }
        new
    }

    /// Does what is due after `count` responses, whose percentile `read` tells. True when they are
    /// used up.
    pub(super) fn roll(
        &mut self,
        now_ns: u64,
        count: u32,
        read: impl FnOnce() -> Option<Duration>,
    ) -> bool {
        match self.phase {
            Phase::Measuring { then } if count >= self.policy.min_rtt_requests.max(1) => {
                let Some(rtt) = read() else { return false };
                self.min_rtt = Some(rtt);
                self.limit = then;
                self.sample(now_ns);
                true
            },
            Phase::Sampling { measure_ns, .. } if now_ns >= measure_ns => {
                self.measure(now_ns);
                true
            },
            Phase::Sampling { window_end_ns, measure_ns } if now_ns >= window_end_ns => {
                let window_end_ns = now_ns.saturating_add(self.window_ns());
                self.phase = Phase::Sampling { window_end_ns, measure_ns };
                if count < self.policy.window_requests.max(1) {
                    return false;
                }
                let Some(rtt) = read() else { return false };
                self.follow(rtt);
                if self.lowest_windows >= LOWEST_WINDOWS_MAX {
                    self.measure(now_ns);
                }
                true
            },
            // Another thread did it.
            Phase::Measuring { .. } | Phase::Sampling { .. } => false,
        }
    }

    fn follow(&mut self, sample: Duration) {
        let Some(min) = self.min_rtt else { return };
        let min_ns = min.as_nanos() as f64 * (1.0 + self.policy.buffer.as_fraction());
        // Both are whole nanoseconds; no response takes none.
        let ratio = min_ns / (sample.as_nanos().max(1)) as f64;
        let gradient = ratio.clamp(GRADIENT_MIN, GRADIENT_MAX);
        let scaled = f64::from(self.limit) * gradient;
        let before = self.limit;
        self.limit = self.bounded(scaled + scaled.sqrt());
        self.sample_rtt = Some(sample);
        self.last = Some(gradient);
        let lowest = self.policy.concurrent_min.max(1);
        let stays = before == lowest && self.limit == lowest;
        self.lowest_windows = if stays { self.lowest_windows + 1 } else { 0 };
    }

    fn measure(&mut self, now_ns: u64) {
        let then = self.limit;
        self.phase = Phase::Measuring { then };
        self.limit = self.policy.min_rtt_concurrent.clamp(1, then);
        self.epoch_ns = now_ns;
        self.measurements += 1;
        self.lowest_windows = 0;
    }

    fn sample(&mut self, now_ns: u64) {
        let (window_end_ns, measure_ns) = self.ends(now_ns);
        self.phase = Phase::Sampling { window_end_ns, measure_ns };
    }

    /// When a window that begins now ends, and when the minimum is to be measured again.
    fn ends(&self, now_ns: u64) -> (u64, u64) {
        let interval_ns = self.policy.min_rtt_interval_ms.saturating_mul(NS_PER_MS);
        let jitter = indexed(self.seed, "min-rtt", self.measurements).as_f64() * JITTER;
        let later_ns = (interval_ns as f64 * jitter) as u64;
        let measure_ns = now_ns.saturating_add(interval_ns).saturating_add(later_ns);
        (now_ns.saturating_add(self.window_ns()), measure_ns)
    }

    fn bounded(&self, limit: f64) -> u32 {
        let lowest = self.policy.concurrent_min.max(1);
        (limit as u32).clamp(lowest, self.policy.concurrent_max.max(lowest))
    }

    fn window_ns(&self) -> u64 {
        self.policy.window_ms.saturating_mul(NS_PER_MS)
    }

    /// The limit, or what it will be after the measurement.
    fn settled_limit(&self) -> u32 {
        match self.phase {
            Phase::Measuring { then } => then,
            Phase::Sampling { .. } => self.limit,
        }
    }

    pub(super) fn policy(&self) -> &AdaptiveLimit {
        &self.policy
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    pub(super) fn due_ns(&self) -> u64 {
        match self.phase {
            Phase::Measuring { .. } => u64::MAX,
            Phase::Sampling { window_end_ns, measure_ns } => window_end_ns.min(measure_ns),
        }
    }

    pub(super) fn due_count(&self) -> u32 {
        match self.phase {
            Phase::Measuring { .. } => self.policy.min_rtt_requests.max(1),
            Phase::Sampling { .. } => u32::MAX,
        }
    }

    pub(super) fn epoch_ns(&self) -> u64 {
        self.epoch_ns
    }

    pub(super) fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt
    }

    pub(super) fn sample_rtt(&self) -> Option<Duration> {
        self.sample_rtt
    }

    pub(super) fn last(&self) -> Option<f64> {
        self.last
    }

    pub(super) fn measuring(&self) -> bool {
        matches!(self.phase, Phase::Measuring { .. })
    }
}
