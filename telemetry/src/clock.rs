//! The only place that reads the system's time.
//!
//! A [`Clock`] is read once from the wall at its creation and then follows tokio's monotonic
//! clock: a step of the wall clock cannot tear a run apart, and a test that pauses tokio's time
//! pauses everything.

use std::time::Duration;

use tokio::time::Instant;

/// Monotonic time with a wall-clock origin. Cheap to clone; clones agree.
#[derive(Debug, Clone)]
pub struct Clock {
    origin: Instant,
    origin_unix: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    pub fn system() -> Self {
        let origin_unix = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self { origin: Instant::now(), origin_unix }
    }

    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Nanoseconds since the Unix epoch.
    pub fn unix_ns(&self) -> u64 {
        self.unix_ns_of(self.now())
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ns() / 1_000_000
    }

    /// Where an instant lies on the wall.
    pub fn unix_ns_of(&self, at: Instant) -> u64 {
        let wall = if at >= self.origin {
            self.origin_unix.saturating_add(at - self.origin)
        } else {
            self.origin_unix.saturating_sub(self.origin - at)
        };
        u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The instant of a wall-clock time. Times before this process's monotonic clock began are
    /// moved to its origin.
    pub fn instant_of_unix_ms(&self, unix_ms: u64) -> Instant {
        let wall = Duration::from_millis(unix_ms);
        match wall.checked_sub(self.origin_unix) {
            Some(ahead) => self.origin + ahead,
            None => self
                .origin
                .checked_sub(self.origin_unix.saturating_sub(wall))
                .unwrap_or(self.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_stands_still_while_time_is_paused() {
        let clock = Clock::system();
        let before = clock.unix_ms();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.unix_ms(), before + 5_000);
    }

    #[tokio::test(start_paused = true)]
    async fn wall_and_monotonic_time_convert_both_ways() {
        let clock = Clock::system();
        for unix_ms in [clock.unix_ms() + 1_000, clock.unix_ms() - 1_000] {
            assert_eq!(clock.unix_ns_of(clock.instant_of_unix_ms(unix_ms)) / 1_000_000, unix_ms);
        }
    }
}
