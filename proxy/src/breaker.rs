//! The circuit breaker of an edge: a pure machine behind one lock, and its shadows.
//!
//! Closed, it keeps the outcomes of recent calls and opens when the share of failed or of slow
//! calls reaches its limit, or when too many failed in a row. Open, it rejects until its time is
//! over. Half-open, it lets a fixed number of probes through and their outcomes decide. Forced
//! open, disabled and metrics-only last until an order ends them.
//!
//! It follows resilience4j, with four differences. Every probe has a deadline, so that a lost
//! outcome cannot leave the breaker half-open for ever. Every change says why it came and which
//! request caused it. Probes pass from the very instant on that callers were told to wait for. And
//! a policy can be replaced while the window and the state stay.
//!
//! Time is handed in. What the machine never does: emit telemetry, wake up on its own. A breaker
//! whose time is over says so with the next call, or when it is polled; [`Breaker::next_change`]
//! says when that is worth while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::policy::{BreakerPolicy, BreakerState, ShadowBreaker};
use tokio::time::Instant;

use crate::sync::Lock;

mod machine;
mod probes;
mod rules;
mod shadow;
mod window;

pub(crate) use machine::Refused;
use machine::{Gate, Machine};
pub(crate) use shadow::ShadowReport;
use shadow::Shadows;

/// Names the request that something is due to.
pub(crate) type By = crate::emit::SpanRef;

/// How one call ended, as far as the breaker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ended {
        failed: bool,
        took: Duration,
    },
    /// The callee asked for less traffic (429, `RESOURCE_EXHAUSTED`): failed for every rate and as
    /// a probe, but neither part of a row of failures nor its end.
    Throttled {
        took: Duration,
    },
    /// Nothing is known about the callee, for example because the caller went away; except that
    /// it was slow, when that already lasted too long.
    Unknown {
        took: Duration,
    },
}

/// Permission for one call. It must be handed back with the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    /// Rises with every call, so that a machine knows by it which calls began before a change.
    number: u64,
    /// One bit for each shadow that let it through, too.
    shadows: u32,
    by: By,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    Pass(Call),
    Reject { reason: Arc<str>, retry_after: Duration },
}

/// A change of state, for the log of events. In metrics-only both states are the same: it says what
/// would have opened a closed breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) from: BreakerState,
    pub(crate) to: BreakerState,
    pub(crate) reason: String,
    pub(crate) open_for: Option<Duration>,
    /// `None` when no request did it: an order, or time.
    pub(crate) by: Option<By>,
}

/// When a breaker opened by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trips {
    pub(crate) count: u64,
    pub(crate) first: Option<Instant>,
    pub(crate) last: Option<Instant>,
    /// The request of the last time.
    pub(crate) by: Option<By>,
}

/// What people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) state: BreakerState,
    pub(crate) reason: Arc<str>,
    pub(crate) since: Instant,
    pub(crate) probe_in: Option<Duration>,
    pub(crate) calls: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
    pub(crate) rejected: u64,
    pub(crate) window: String,
    pub(crate) streak: u32,
    pub(crate) attempt: u32,
    pub(crate) trips: Trips,
    pub(crate) permits_out: u32,
    pub(crate) permits_free: u32,
    pub(crate) shadows: Vec<ShadowReport>,
}

/// What the lock protects. The shadows share it, so that a call costs one lock whatever their
/// number, and all of them see the calls in the same order.
#[derive(Debug)]
pub(crate) struct Core {
    machine: Machine,
    shadows: Shadows,
    /// Calls so far, rejected ones included.
    calls: u64,
}

/// The machine as requests share it: one lock, held for a few dozen instructions.
#[derive(Debug)]
pub(crate) struct Shared<L>(L, std::marker::PhantomData<Core>);

pub(crate) type Breaker = Shared<Mutex<Core>>;

impl Breaker {
    /// Open times that jitter do so by chance.
    pub(crate) fn new(policy: BreakerPolicy, now: Instant) -> Self {
        Self::seeded(policy, &[], rand::random(), now)
    }
}

impl<L: Lock<Core>> Shared<L> {
    /// `seed` makes the jitter of open times repeatable.
    pub(crate) fn seeded(
        policy: BreakerPolicy,
        shadows: &[ShadowBreaker],
        seed: u64,
        now: Instant,
    ) -> Self {
        let machine = Machine::new(policy, seed, now);
        let shadows = Shadows::new(shadows, seed, now);
        Self(L::over(Core { machine, shadows, calls: 0 }), std::marker::PhantomData)
    }

    /// Asks for one call. At most one change of state comes with it.
    pub(crate) fn acquire(&self, now: Instant, by: By) -> (Admission, Option<Transition>) {
        self.0.with(|core| {
            core.calls += 1;
            let number = core.calls;
            let (gate, changed) = core.machine.acquire(number, now, by);
            let admission = match gate {
                Gate::Pass => {
                    let shadows = core.shadows.acquire(number, now, by);
                    Admission::Pass(Call { number, shadows, by })
                },
                Gate::Reject { retry_after } => {
                    Admission::Reject { reason: core.machine.rejection(), retry_after }
                },
            };
            (admission, changed)
        })
    }

    /// Learns how a call ended.
    pub(crate) fn record(&self, call: Call, outcome: Outcome, now: Instant) -> Option<Transition> {
        self.record_told(call, outcome, None, now)
    }

    /// Learns how a call ended, and that the callee wants no calls for `told`.
    pub(crate) fn record_told(
        &self,
        call: Call,
        outcome: Outcome,
        told: Option<Duration>,
        now: Instant,
    ) -> Option<Transition> {
        self.0.with(|core| {
            core.shadows.record(&call, outcome, told, now);
            core.machine.record(&call, outcome, told, now)
        })
    }

    pub(crate) fn status(&self, now: Instant) -> Status {
        self.0.with(|core| Status { shadows: core.shadows.report(), ..core.machine.status(now) })
    }

    /// Does what time alone has made due.
    pub(crate) fn poll(&self, now: Instant) -> Option<Transition> {
        self.0.with(|core| core.machine.poll(now))
    }

    /// When [`Self::poll`] will have something to do, as things stand.
    pub(crate) fn next_change(&self) -> Option<Instant> {
        self.0.with(|core| core.machine.next_change())
    }

    /// Changes the state by hand. Closed is a reset, and lets a closed breaker begin anew.
    pub(crate) fn order(&self, to: BreakerState, now: Instant) -> Result<Transition, Refused> {
        self.0.with(|core| core.machine.order(to, now))
    }

    /// Goes on under another policy with the state and, as far as it fits, the window.
    pub(crate) fn reconfigure(&self, policy: BreakerPolicy, now: Instant) -> Option<Transition> {
        self.0.with(|core| core.machine.reconfigure(policy, now))
    }

    /// Goes on with these shadows; the ones that keep their name keep what they know.
    pub(crate) fn reconfigure_shadows(&self, shadows: &[ShadowBreaker], now: Instant) {
        self.0.with(|core| core.shadows.reconfigure(shadows, core.calls, now));
    }
}

/// An instant that far ahead; a year at most, because clocks end somewhere.
fn after(now: Instant, wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(24 * 365);
    now + wait.min(YEAR)
}

#[cfg(test)]
mod tests;
