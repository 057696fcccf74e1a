//! How long to wait before the next try: growing, spread at random, and never shorter than asked.

use std::time::Duration;

/// Each delay is spread by this part either way, so that senders do not come back together.
const JITTER: f64 = 0.2;

/// The delays between tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub first: Duration,
    pub max: Duration,
    /// A receiver may ask for a longer pause, up to this.
    pub asked_max: Duration,
}

/// Growing delays between the tries of one request.
#[derive(Debug)]
pub struct Backoff {
    pace: Pace,
    next: Duration,
}

impl Backoff {
    pub fn new(pace: Pace) -> Self {
        Self { pace, next: pace.first }
    }

    /// The next delay; never shorter than the receiver asked for, and growing from there.
    /// `spread` is a random number in -1..=1.
    pub fn delay(&mut self, asked: Option<Duration>, spread: f64) -> Duration {
        let jittered = self.next.mul_f64(1.0 + JITTER * spread.clamp(-1.0, 1.0));
        let delay = asked.map_or(jittered, |asked| jittered.max(asked.min(self.pace.asked_max)));
        self.next = (delay * 2).clamp(self.pace.first, self.pace.max);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        first: Duration::from_millis(100),
        max: Duration::from_secs(5),
        asked_max: Duration::from_secs(30),
    };

    #[test]
    fn pauses_grow_to_a_limit_and_from_what_the_receiver_asks() {
        let mut backoff = Backoff::new(PACE);
        let delays: Vec<u128> = (0..8).map(|_| backoff.delay(None, 0.0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        let mut backoff = Backoff::new(PACE);
        assert_eq!(backoff.delay(Some(Duration::from_secs(1)), 1.0), Duration::from_secs(1));
        assert_eq!(backoff.delay(None, 0.0), Duration::from_secs(2));
        assert_eq!(backoff.delay(Some(Duration::from_hours(1)), 0.0), PACE.asked_max);
        assert_eq!(backoff.delay(None, 0.0), PACE.max);
    }

    #[test]
    fn pauses_are_spread_so_that_senders_do_not_come_back_together() {
        let spread = |spread| Backoff::new(PACE).delay(None, spread).as_millis();
        assert_eq!((spread(-1.0), spread(1.0), spread(9.0)), (80, 120, 120));
    }
}
