//! What people are shown of a machine.

use std::sync::Arc;

use model::policy::BreakerState;
use tokio::time::Instant;

use super::Machine;
use crate::breaker::{Status, Trips};

impl Machine {
    pub(in crate::breaker) fn status(&mut self, now: Instant) -> Status {
        let tally = self.window.tally(now);
        let half_open = self.state == BreakerState::HalfOpen;
        let open = self.state == BreakerState::Open;
        Status {
            state: self.state,
            reason: Arc::clone(&self.reason),
            since: self.since,
            probe_in: open.then(|| self.open_end.saturating_duration_since(now)),
            calls: tally.calls,
            failed: tally.failed,
            slow: tally.slow,
            rejected: self.rejected,
            window: self.window.describe(now),
            streak: self.streak,
            attempt: self.attempt,
            trips: self.trips,
            permits_out: self.probes.out(),
            permits_free: if half_open { self.permits_free(now) } else { 0 },
            shadows: Vec::new(),
        }
    }

    pub(in crate::breaker) fn state(&self) -> BreakerState {
        self.state
    }

    pub(in crate::breaker) fn reason(&self) -> Arc<str> {
        Arc::clone(&self.reason)
    }

    pub(in crate::breaker) fn trips(&self) -> Trips {
        self.trips
    }

    pub(in crate::breaker) fn rejected(&self) -> u64 {
        self.rejected
    }
}
