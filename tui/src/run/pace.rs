//! Frames a second that the terminal can take.
//!
//! Over a slow link, writing a frame takes longer than the time until the next one. Then the rate
//! is halved, so that keys are still answered; after [`CALM`] without trouble it is doubled again.

use std::time::Duration;

use tokio::time::Instant;

/// The rate rises again after so long.
const CALM: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// At most as many as the user wants.
    now: u8,
    changed: Instant,
}

impl Pace {
    pub(super) fn new(wanted: u8, at: Instant) -> Self {
        Self { now: wanted, changed: at }
    }

    /// A frame took this long to be written; the rate from now on.
    pub(super) fn drawn(&mut self, wanted: u8, took: Duration, at: Instant) -> u8 {
        let wanted = wanted.max(1);
        self.now = self.now.clamp(1, wanted);
        let room = Duration::from_secs(1) / u32::from(self.now);
        if took > room && self.now > 1 {
            (self.now, self.changed) = (self.now / 2, at);
        } else if took > room / 2 {
            self.changed = at;
        } else if self.now < wanted && at.duration_since(self.changed) >= CALM {
            (self.now, self.changed) = (self.now.saturating_mul(2).min(wanted), at);
        }
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_terminal_gets_fewer_frames_until_it_is_fast_again() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        let mut clock = start;
        for (after_ms, took_ms, rate) in [
            (100, 5, 10),
            (100, 150, 5),
            (100, 150, 5),
            (100, 250, 2),
            (1_000, 5, 2),
            (3_000, 300, 2),
            (4_900, 5, 2),
            (200, 5, 4),
            (4_999, 5, 4),
            (10, 5, 8),
            (6_000, 5, 10),
            (6_000, 5, 10),
        ] {
            clock += Duration::from_millis(after_ms);
            let got = pace.drawn(10, Duration::from_millis(took_ms), clock);
            assert_eq!(got, rate, "after {:?}", clock - start);
        }
    }

    #[test]
    fn the_users_wish_is_the_most() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        assert_eq!(pace.drawn(3, Duration::ZERO, start), 3);
        assert_eq!(pace.drawn(30, Duration::ZERO, start), 3);
        assert_eq!(pace.drawn(30, Duration::ZERO, start + CALM), 6);
        assert_eq!(pace.drawn(0, Duration::from_secs(9), start), 1);
    }
}
