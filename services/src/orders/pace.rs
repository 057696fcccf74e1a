//! How fast a worker goes: eight at once while things go well, one at a time with growing pauses
//! while they do not.
//!
//! After a failure the next piece of work is a probe: a callee that is down or slow is asked about
//! once a second, not by every waiting order, and everything else waits until a probe succeeds.

use std::time::Duration;

/// Pieces of work at once.
const WIDTH: u32 = 8;
/// First pause of a worker after a failure, and of one piece of work.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause of a worker: how late it notices that a callee is back.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Longest pause of one piece of work that fails while others succeed.
const BACKOFF_MAX: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    failures: u32,
}

impl Pace {
    /// How many pieces of work to begin together.
    pub(crate) fn width(&self) -> u32 {
        if self.failures == 0 { WIDTH } else { 1 }
    }

    /// Notes how a batch went. A pause is needed when it did not.
    pub(crate) fn note(&mut self, succeeded: usize, failed: usize, draw: f64) -> Option<Duration> {
        if failed == 0 || succeeded > 0 {
            self.failures = 0;
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        Some(grown(self.failures - 1, PAUSE_MAX, draw))
    }
}

/// The pause of one piece of work after `tries` failures in a row.
pub(crate) fn backoff(tries: u32, draw: f64) -> Duration {
    grown(tries, BACKOFF_MAX, draw)
}

/// Doubles with each failure up to `max`; `draw` in `[0, 1)` spreads it over the upper half, so
/// that what failed together does not come back together.
fn grown(failures: u32, max: Duration, draw: f64) -> Duration {
    let whole = PAUSE_MIN.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(1)).min(max);
    whole.mul_f64(f64::midpoint(draw.clamp(0.0, 1.0), 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_to_its_bound_and_is_spread_over_the_upper_half() {
        let millis = [100, 200, 400, 800, 1_600, 3_200, 4_000, 4_000];
        for (tries, millis) in (0..).zip(millis) {
            let whole = Duration::from_millis(millis);
            assert_eq!(backoff(tries, 0.0), whole / 2, "{tries}");
            assert_eq!(backoff(tries, 1.0), whole, "{tries}");
        }
        assert_eq!(backoff(u32::MAX, 1.0), BACKOFF_MAX);
    }

    #[test]
    fn a_failing_callee_is_probed_one_at_a_time_until_a_probe_succeeds() {
        let mut pace = Pace::default();
        assert_eq!((pace.width(), pace.note(8, 0, 1.0)), (WIDTH, None));
        assert_eq!(pace.note(0, 8, 1.0), Some(PAUSE_MIN));
        assert_eq!(pace.width(), 1);
        assert_eq!(pace.note(0, 1, 1.0), Some(2 * PAUSE_MIN));
        for _ in 0..10 {
            assert!(pace.note(0, 1, 1.0).unwrap() <= PAUSE_MAX);
        }
        assert_eq!((pace.note(1, 0, 1.0), pace.width()), (None, WIDTH));
    }

    #[test]
    fn a_single_failure_among_successes_slows_nobody_else() {
        let mut pace = Pace::default();
        assert_eq!((pace.note(7, 1, 1.0), pace.width()), (None, WIDTH));
    }
}
