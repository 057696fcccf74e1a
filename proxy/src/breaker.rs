//! The circuit breaker of an edge: a pure machine behind one lock.
//!
//! Closed, it keeps the outcomes of the last calls and opens when the share of failed or of slow
//! calls reaches its limit. Open, it rejects until its time is over. Half-open, it lets a fixed
//! number of probes through and their outcomes decide. Two things differ from the model it follows
//! (resilience4j): every probe has a deadline, so that a lost outcome cannot leave the breaker
//! half-open for ever, and every change says why and which request caused it.
//!
//! Time is handed in. What the machine never does: emit telemetry, wake up on its own. A breaker
//! whose open time is over says so with the next call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::policy::{BreakerPolicy, BreakerState};
use model::units::format_duration;
use tokio::time::Instant;

use crate::emit::SpanRef;

mod window;
use window::{Tally, Window};

/// How one call ended, as far as the breaker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ended {
        failed: bool,
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
    number: u64,
    generation: u64,
    by: SpanRef,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    Pass(Call),
    Reject { reason: String, retry_after: Duration },
}

/// A change of state, for the log of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) from: BreakerState,
    pub(crate) to: BreakerState,
    pub(crate) reason: String,
    pub(crate) open_for: Option<Duration>,
    pub(crate) by: SpanRef,
}

/// What people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) state: BreakerState,
    pub(crate) reason: String,
    pub(crate) since: Instant,
    pub(crate) probe_in: Option<Duration>,
    pub(crate) calls: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
    pub(crate) rejected: u64,
}

#[derive(Debug)]
struct Probe {
    call: Call,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Machine {
    policy: BreakerPolicy,
    state: BreakerState,
    reason: String,
    since: Instant,
    /// Rises with every change of state: outcomes of calls from an earlier one do not count.
    generation: u64,
    next_call: u64,
    window: Window,
    probes: Vec<Probe>,
    probed: Tally,
    rejected: u64,
}

impl Machine {
    pub(crate) fn new(policy: BreakerPolicy, now: Instant) -> Self {
        Self {
            window: Window::new(policy.window_calls),
            policy,
            state: BreakerState::Closed,
            reason: "no failures yet".to_owned(),
            since: now,
            generation: 0,
            next_call: 0,
            probes: Vec::new(),
            probed: Tally::default(),
            rejected: 0,
        }
    }

    /// Asks for one call. At most one change of state comes with it.
    pub(crate) fn acquire(&mut self, now: Instant, by: SpanRef) -> (Admission, Option<Transition>) {
        let changed = self.expire_probes(now).or_else(|| self.end_of_open(now, by));
        let admission = match self.state {
            BreakerState::Closed | BreakerState::Disabled => Admission::Pass(self.call(by)),
            BreakerState::Open | BreakerState::ForcedOpen => self.reject(self.open_left(now)),
            BreakerState::HalfOpen if self.free_permits() > 0 => {
                let call = self.call(by);
                let limit = Duration::from_millis(self.policy.half_open_deadline_ms);
                self.probes.push(Probe { call, deadline: now + limit });
                Admission::Pass(call)
            },
            BreakerState::HalfOpen => {
                let next = self.probes.iter().map(|probe| probe.deadline).min();
                self.reject(next.map_or(Duration::ZERO, |at| at.saturating_duration_since(now)))
            },
        };
        (admission, changed)
    }

    /// Learns how a call ended.
    pub(crate) fn record(
        &mut self,
        call: Call,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Transition> {
        if let Some(changed) = self.expire_probes(now) {
            return Some(changed);
        }
        if call.generation != self.generation {
            return None;
        }
        match self.state {
            BreakerState::Closed => self.record_closed(call, outcome, now),
            BreakerState::HalfOpen => self.record_probe(call, outcome, now),
            _ => None,
        }
    }

    pub(crate) fn status(&self, now: Instant) -> Status {
        let tally = match self.state {
            BreakerState::HalfOpen => self.probed,
            _ => self.window.tally(),
        };
        Status {
            state: self.state,
            reason: self.reason.clone(),
            since: self.since,
            probe_in: (self.state == BreakerState::Open).then(|| self.open_left(now)),
            calls: tally.calls,
            failed: tally.failed,
            slow: tally.slow,
            rejected: self.rejected,
        }
    }

    fn record_closed(&mut self, call: Call, outcome: Outcome, now: Instant) -> Option<Transition> {
        let (failed, slow) = self.judge(outcome)?;
        self.window.push(failed, slow);
        // A minimum above the window could never be reached.
        let minimum = self.policy.minimum_calls.min(self.policy.window_calls);
        let tally = self.window.tally();
        let reason = (tally.calls >= minimum).then(|| self.excess(tally)).flatten()?;
        Some(self.change(BreakerState::Open, reason, now, call.by))
    }

    fn record_probe(&mut self, call: Call, outcome: Outcome, now: Instant) -> Option<Transition> {
        let place = self.probes.iter().position(|probe| probe.call == call)?;
        self.probes.swap_remove(place);
        // Without an outcome the permit goes back and another probe may try.
        let (failed, slow) = self.judge(outcome)?;
        self.probed.add(failed, slow);
        self.verdict_of_probes(now, call.by)
    }

    fn verdict_of_probes(&mut self, now: Instant, by: SpanRef) -> Option<Transition> {
        if self.probed.calls < self.policy.half_open_permits {
            return None;
        }
        let (state, reason) = match self.excess(self.probed) {
            Some(excess) => (BreakerState::Open, format!("probes: {excess}")),
            None => {
                let Tally { calls, failed, .. } = self.probed;
                (BreakerState::Closed, format!("probes: {} of {calls} passed", calls - failed))
            },
        };
        Some(self.change(state, reason, now, by))
    }

    /// A probe past its deadline is a failed one.
    fn expire_probes(&mut self, now: Instant) -> Option<Transition> {
        if self.state != BreakerState::HalfOpen {
            return None;
        }
        let (over, waiting): (Vec<Probe>, Vec<Probe>) =
            self.probes.drain(..).partition(|probe| probe.deadline <= now);
        self.probes = waiting;
        let last = over.last()?.call.by;
        for _ in &over {
            self.probed.add(true, false);
        }
        self.verdict_of_probes(now, last)
    }

    fn end_of_open(&mut self, now: Instant, by: SpanRef) -> Option<Transition> {
        let over = self.state == BreakerState::Open && self.open_left(now).is_zero();
        let reason =
            || format!("open for {}, probing", format_duration(now.duration_since(self.since)));
        if !over {
            return None;
        }
        let reason = reason();
        Some(self.change(BreakerState::HalfOpen, reason, now, by))
    }

    fn open_left(&self, now: Instant) -> Duration {
        let end = self.since + Duration::from_millis(self.policy.open_ms);
        end.saturating_duration_since(now)
    }

    fn free_permits(&self) -> u32 {
        let used = self.probed.calls.saturating_add(self.probes.len() as u32);
        self.policy.half_open_permits.saturating_sub(used)
    }

    fn call(&mut self, by: SpanRef) -> Call {
        self.next_call += 1;
        Call { number: self.next_call, generation: self.generation, by }
    }

    fn reject(&mut self, retry_after: Duration) -> Admission {
        self.rejected += 1;
        let reason = format!("breaker {}: {}", self.state, self.reason);
        Admission::Reject { reason, retry_after }
    }

    /// `(failed, slow)`. Slow is strictly longer than the limit, and needs no known outcome.
    fn judge(&self, outcome: Outcome) -> Option<(bool, bool)> {
        let limit = self.policy.slow_call_ms.map(Duration::from_millis);
        let is_slow = |took: Duration| limit.is_some_and(|limit| took > limit);
        match outcome {
            Outcome::Unknown { took } => is_slow(took).then_some((false, true)),
            Outcome::Ended { failed, took } => Some((failed, is_slow(took))),
        }
    }

    fn excess(&self, tally: Tally) -> Option<String> {
        let Tally { calls, failed, slow } = tally;
        let policy = &self.policy;
        if window::reached(failed, calls, policy.failure_rate) {
            let limit = policy.failure_rate;
            return Some(format!("failure rate {failed} of {calls} calls (limit {limit})"));
        }
        let slow_call_ms = policy.slow_call_ms?;
        window::reached(slow, calls, policy.slow_rate).then(|| {
            let over = format_duration(Duration::from_millis(slow_call_ms));
            let limit = policy.slow_rate;
            format!("slow rate {slow} of {calls} calls over {over} (limit {limit})")
        })
    }

    fn change(
        &mut self,
        to: BreakerState,
        reason: String,
        now: Instant,
        by: SpanRef,
    ) -> Transition {
        let from = std::mem::replace(&mut self.state, to);
        self.reason.clone_from(&reason);
        self.since = now;
        self.generation += 1;
        self.probes.clear();
        self.probed = Tally::default();
        if to == BreakerState::Closed {
            self.window = Window::new(self.policy.window_calls);
        }
        let open_for =
            (to == BreakerState::Open).then(|| Duration::from_millis(self.policy.open_ms));
        Transition { from, to, reason, open_for, by }
    }
}

/// The machine as requests share it: one lock, held for a few dozen instructions.
#[derive(Debug)]
pub(crate) struct Breaker(Mutex<Machine>);

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy, now: Instant) -> Self {
        Self(Mutex::new(Machine::new(policy, now)))
    }

    pub(crate) fn acquire(&self, now: Instant, by: SpanRef) -> (Admission, Option<Transition>) {
        self.machine().acquire(now, by)
    }

    pub(crate) fn record(&self, call: Call, outcome: Outcome, now: Instant) -> Option<Transition> {
        self.machine().record(call, outcome, now)
    }

    pub(crate) fn status(&self, now: Instant) -> Status {
        self.machine().status(now)
    }

    fn machine(&self) -> std::sync::MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
