//! Other configurations that watch the same calls and say what they would have done.
//!
//! A shadow sees the calls that the real breaker let through, and no others: of a call that never
//! reached the callee nobody knows how it would have ended. It learns from the calls that it would
//! have let through itself, so its open and half-open times are what they would have been. The
//! calls that it would have rejected went through all the same, and their outcomes are the price:
//! saved when they failed, cost when they succeeded.

use std::sync::Arc;
use std::time::Duration;

use model::policy::{BreakerState, SHADOWS_MAX, ShadowBreaker};
use tokio::time::Instant;

use super::machine::{Gate, Machine};
use super::{By, Call, Outcome, Trips};

/// What people are shown of one shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShadowReport {
    pub(crate) name: String,
    pub(crate) state: BreakerState,
    pub(crate) reason: Arc<str>,
    pub(crate) trips: Trips,
    pub(crate) rejected: u64,
    pub(crate) saved: u64,
    pub(crate) cost: u64,
}

#[derive(Debug)]
struct Shadow {
    name: String,
    /// Its bit in a call. It is its own for life, so that calls that are out when the set of
    /// shadows changes are not taken for another's.
    bit: u32,
    /// Calls up to this number began before it did.
    after: u64,
    machine: Machine,
    saved: u64,
    cost: u64,
}

impl Shadow {
    fn record(&mut self, call: &Call, outcome: Outcome, told: Option<Duration>, now: Instant) {
        if call.number <= self.after {
            return;
        }
        if call.shadows & self.bit != 0 {
            self.machine.record(call, outcome, told, now);
            return;
        }
        match outcome {
            Outcome::Ended { failed: false, .. } => self.cost += 1,
            Outcome::Ended { failed: true, .. } | Outcome::Throttled { .. } => self.saved += 1,
            Outcome::Unknown { .. } => {},
        }
    }
}

#[derive(Debug)]
pub(crate) struct Shadows {
    all: Vec<Shadow>,
    seed: u64,
}

impl Shadows {
    pub(super) fn new(shadows: &[ShadowBreaker], seed: u64, now: Instant) -> Self {
        let mut none = Self { all: Vec::new(), seed };
        none.reconfigure(shadows, 0, now);
        none
    }

    /// One bit for each shadow that would have let this call through.
    pub(super) fn acquire(&mut self, number: u64, now: Instant, by: By) -> u32 {
        let mut passes = 0;
        for shadow in &mut self.all {
            if let (Gate::Pass, _) = shadow.machine.acquire(number, now, by) {
                passes |= shadow.bit;
            }
        }
        passes
    }

    pub(super) fn record(
        &mut self,
        call: &Call,
        outcome: Outcome,
        told: Option<Duration>,
        now: Instant,
    ) {
        for shadow in &mut self.all {
            shadow.record(call, outcome, told, now);
        }
    }

    /// `calls` is the number of the last call.
    pub(super) fn reconfigure(&mut self, shadows: &[ShadowBreaker], calls: u64, now: Instant) {
        let mut old = std::mem::take(&mut self.all);
        for wanted in shadows.iter().take(SHADOWS_MAX) {
            let known = old.iter().position(|shadow| shadow.name == wanted.name);
            if let Some(place) = known {
                let mut kept = old.swap_remove(place);
                kept.machine.reconfigure(wanted.policy.clone(), now);
                self.all.push(kept);
            }
        }
        for wanted in shadows.iter().take(SHADOWS_MAX) {
            if self.all.iter().all(|shadow| shadow.name != wanted.name) {
                let made = self.make(wanted, calls, now);
                self.all.push(made);
            }
        }
    }

    pub(super) fn report(&self) -> Vec<ShadowReport> {
        let report = |shadow: &Shadow| ShadowReport {
            name: shadow.name.clone(),
            state: shadow.machine.state(),
            reason: shadow.machine.reason(),
            trips: shadow.machine.trips(),
            rejected: shadow.machine.rejected(),
            saved: shadow.saved,
            cost: shadow.cost,
        };
        self.all.iter().map(report).collect()
    }

    fn make(&self, wanted: &ShadowBreaker, calls: u64, now: Instant) -> Shadow {
        let used = self.all.iter().fold(0, |used, shadow| used | shadow.bit);
        let free: u32 = !used;
        let machine = Machine::new(wanted.policy.clone(), self.seed, now);
        Shadow {
            name: wanted.name.clone(),
            bit: free & free.wrapping_neg(),
            after: calls,
            machine: machine.after_call(calls),
            saved: 0,
            cost: 0,
        }
    }
}
