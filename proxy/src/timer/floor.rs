//! How long it takes from the expiry of the kernel's timer to the task that it wakes, learned while
//! it runs.
//!
//! On an idle core that is not nothing: the processor has to leave its sleep, which takes the
//! longer the deeper it sleeps. The timer is set earlier by what is needed on average, and the rest
//! of the way, some microseconds, is spun. On a busy core the thread is awake anyway, so what is
//! learned falls to nothing within some waits and nobody spins.

use std::time::Duration;

/// Nothing above this is the floor of an idle core.
const SAMPLE_MAX_NS: u64 = 150_000;
/// The way that may be spun. It bounds what one wait can cost others of its thread.
pub(super) const SPIN_MAX: Duration = Duration::from_micros(40);
/// Waits of these lengths and longer find the core in a deeper sleep.
const DEEPER_NS: [u64; 2] = [1_000_000, 4_000_000];

#[derive(Debug, Default)]
pub(super) struct Floor {
    needed_ns: [u64; DEEPER_NS.len() + 1],
}

impl Floor {
    /// How much earlier to set the timer for a wait of this length.
    pub(super) fn lead(&self, wait: Duration) -> Duration {
        Duration::from_nanos(self.needed_ns[class(wait)])
    }

    /// Learns from one wait, and follows the last ones: half of the waits are spun to their end.
    pub(super) fn learn(&mut self, wait: Duration, late: Duration) {
        let needed = &mut self.needed_ns[class(wait)];
        let sample = ns(late).min(SAMPLE_MAX_NS);
        if sample < *needed {
            *needed -= (*needed - sample) / 8;
        } else {
            *needed += (sample - *needed) / 8;
        }
    }
}

fn class(wait: Duration) -> usize {
    DEEPER_NS.iter().filter(|deeper| ns(wait) >= **deeper).count()
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(10);

    fn lead_us(samples_us: impl IntoIterator<Item = u64>) -> u64 {
        let mut floor = Floor::default();
        for sample in samples_us {
            floor.learn(WAIT, Duration::from_micros(sample));
        }
        floor.lead(WAIT).as_micros() as u64
    }

    #[test]
    fn it_settles_at_what_is_usual_and_forgets_outliers() {
        let usual = (0..200).map(|number| 50 + number * 7 % 20);
        let lead = lead_us(usual.clone());
        assert!((50..=62).contains(&lead), "{lead}");
        let with_outliers = lead_us(usual.chain([40_000, 1_000_000]).chain([55; 10]));
        assert!((50..=64).contains(&with_outliers), "{with_outliers}");
    }

    #[test]
    fn a_busy_core_needs_no_lead_after_some_waits() {
        let busy = std::iter::repeat_n(60, 200).chain(std::iter::repeat_n(2, 24));
        assert!(lead_us(busy) < 6);
    }

    #[test]
    fn waits_of_other_lengths_have_floors_of_their_own() {
        let mut floor = Floor::default();
        floor.learn(WAIT, Duration::from_micros(60));
        assert!(floor.lead(WAIT) > Duration::ZERO);
        assert_eq!(floor.lead(Duration::from_micros(500)), Duration::ZERO);
        assert_eq!(floor.lead(Duration::from_millis(2)), Duration::ZERO);
    }
}
