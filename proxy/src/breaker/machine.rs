//! The state machine: what a call and its outcome do in each state.
//!
//! Which outcomes count: those of calls that began in the present state; and in the open state
//! those of calls that began before it opened, because they tell how bad it was. They never reach
//! a later state.

use std::sync::Arc;
use std::time::Duration;

use model::policy::{BreakerPolicy, BreakerState};
use tokio::time::Instant;

use super::probes::Probes;
use super::rules::{Excess, Rules, Seen};
use super::window::{Mark, Window};
use super::{By, Call, Outcome, Transition, Trips, after};

mod change;
mod order;
mod report;

pub(crate) use order::Refused;

/// No number of a call is above it.
const NO_CALL: u64 = u64::MAX;
const FAILED: Mark = Mark { failed: true, slow: false };

/// The answer to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Pass,
    Reject { retry_after: Duration },
}

#[derive(Debug)]
pub(super) struct Machine {
    rules: Rules,
    /// Names the draws of the jitter.
    seed: u64,
    state: BreakerState,
    reason: Arc<str>,
    /// What rejected callers are told, made once for all of them.
    rejection: Arc<str>,
    since: Instant,
    window: Window,
    /// The outcomes of calls with a higher number count.
    counting_after: u64,
    last_number: u64,
    /// Failures in a row.
    streak: u32,
    /// Times open in a row without being closed in between.
    attempt: u32,
    open_end: Instant,
    /// Its end was not computed from the policy alone.
    open_by_wish: bool,
    half_open_end: Option<Instant>,
    probes: Probes,
    /// What was already said in metrics-only.
    said: Vec<Excess>,
    rejected: u64,
    trips: Trips,
}

impl Machine {
    pub(super) fn new(policy: BreakerPolicy, seed: u64, now: Instant) -> Self {
        let initial = policy.initial;
        let rules = Rules::new(policy);
        let mut machine = Self {
            window: rules.window(now),
            rules,
            seed,
            state: BreakerState::Closed,
            reason: Arc::from("no failures yet"),
            rejection: Arc::from(""),
            since: now,
            counting_after: 0,
            last_number: 0,
            streak: 0,
            attempt: 0,
            open_end: now,
            open_by_wish: false,
            half_open_end: None,
            probes: Probes::default(),
            said: Vec::new(),
            rejected: 0,
            trips: Trips::default(),
        };
        if initial != BreakerState::Closed {
            machine.go(initial, format!("begins {initial}"), now);
        }
        machine
    }

    /// Knows nothing of the calls up to `number`.
    pub(super) fn after_call(mut self, number: u64) -> Self {
        self.last_number = number;
        if self.counting_after != NO_CALL {
            self.counting_after = number;
        }
        self
    }

    /// Asks for the call of that number. At most one change of state comes with it.
    pub(super) fn acquire(
        &mut self,
        number: u64,
        now: Instant,
        by: By,
    ) -> (Gate, Option<Transition>) {
        let changed = match self.state {
            BreakerState::Open => self.end_open(now, Some(by)),
            BreakerState::HalfOpen => self.end_overdue(now),
            _ => None,
        };
        self.last_number = number;
        let gate = match self.state {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => Gate::Pass,
            BreakerState::Open => self.reject(self.open_end.saturating_duration_since(now)),
            // Nobody knows; callers come back as if it had just opened.
            BreakerState::ForcedOpen => {
                self.reject(Duration::from_millis(self.rules.policy.open_ms))
            },
            BreakerState::HalfOpen => self.admit_probe(number, now, by),
        };
        (gate, changed)
    }

    fn admit_probe(&mut self, number: u64, now: Instant, by: By) -> Gate {
        if self.permits_free(now) > 0 {
            self.probes.give(number, by, after(now, self.rules.probe_deadline()));
            return Gate::Pass;
        }
        let next = self.next_change().unwrap_or(now);
        self.reject(next.saturating_duration_since(now))
    }

    /// What a rejected caller is told.
    pub(super) fn rejection(&self) -> Arc<str> {
        Arc::clone(&self.rejection)
    }

    /// Learns how a call ended. `told` is how long the callee wants no calls.
    pub(super) fn record(
        &mut self,
        call: &Call,
        outcome: Outcome,
        told: Option<Duration>,
        now: Instant,
    ) -> Option<Transition> {
        if self.state == BreakerState::HalfOpen {
            return self.record_probe(call, outcome, told, now);
        }
        if call.number <= self.counting_after {
            return None;
        }
        let mark = self.rules.judge(outcome)?;
        match self.state {
            BreakerState::Closed => {
                self.learn(outcome, mark, now);
                let seen = self.seen(self.rules.minimum(), now);
                let told = self.told(mark, told);
                let by = Some(call.by);
                match self.rules.excess(&seen) {
                    Some(excess) => {
                        let reason = self.rules.explain(excess, &seen, self.window.span());
                        Some(self.trip(reason, told, now, by))
                    },
                    None => told.map(|told| self.open_as_told(told, now, by)),
                }
            },
            BreakerState::Open => {
                self.learn(outcome, mark, now);
                None
            },
            BreakerState::MetricsOnly => {
                self.learn(outcome, mark, now);
                self.say_excesses(call.by, now)
            },
            BreakerState::HalfOpen | BreakerState::ForcedOpen | BreakerState::Disabled => None,
        }
    }

    fn record_probe(
        &mut self,
        call: &Call,
        outcome: Outcome,
        told: Option<Duration>,
        now: Instant,
    ) -> Option<Transition> {
        if let Some(changed) = self.end_overdue(now) {
            return Some(changed);
        }
        if !self.probes.give_back(call.number) {
            return None;
        }
        // Without an outcome the permit is back and another probe may try.
        let mark = self.rules.judge(outcome)?;
        self.learn(outcome, mark, now);
        let told = self.told(mark, told);
        let by = Some(call.by);
        self.verdict(told, now, by).or_else(|| told.map(|told| self.open_as_told(told, now, by)))
    }

    fn learn(&mut self, outcome: Outcome, mark: Mark, now: Instant) {
        self.window.push(mark, now);
        match outcome {
            Outcome::Ended { failed: true, .. } => self.streak = self.streak.saturating_add(1),
            Outcome::Ended { failed: false, .. } => self.streak = 0,
            Outcome::Throttled { .. } | Outcome::Unknown { .. } => {},
        }
    }

    fn told(&self, mark: Mark, told: Option<Duration>) -> Option<Duration> {
        self.rules.told_time(told).filter(|_| mark.failed)
    }

    /// A probe past its deadline has failed, and being half-open may have an end of its own.
    fn end_overdue(&mut self, now: Instant) -> Option<Transition> {
        let until = self.half_open_end.map_or(now, |end| end.min(now));
        while let Some(probe) = self.probes.take_overdue(until) {
            self.window.push(FAILED, now);
            self.streak = self.streak.saturating_add(1);
            if let Some(changed) = self.verdict(None, now, Some(probe.by)) {
                return Some(changed);
            }
        }
        let is_over = self.half_open_end.is_some_and(|end| end <= now);
        is_over.then(|| self.end_half_open(now))
    }

    /// What the probes that have reported say, if that is enough.
    fn verdict(
        &mut self,
        told: Option<Duration>,
        now: Instant,
        by: Option<By>,
    ) -> Option<Transition> {
        let seen = self.seen(self.rules.probe_minimum(), now);
        if let Some(excess) = self.rules.excess(&seen) {
            let reason = self.rules.explain(excess, &seen, self.window.span());
            return Some(self.trip(format!("probes: {reason}"), told, now, by));
        }
        let (calls, failed) = (seen.tally.calls, seen.tally.failed);
        (calls >= seen.minimum).then(|| {
            let reason = format!("probes: {} of {calls} passed", calls - failed);
            self.enter(BreakerState::Closed, reason, now, by)
        })
    }

    fn seen(&mut self, minimum: u32, now: Instant) -> Seen {
        Seen { tally: self.window.tally(now), streak: self.streak, minimum }
    }

    fn permits_free(&mut self, now: Instant) -> u32 {
        let used = self.window.tally(now).calls.saturating_add(self.probes.out());
        self.rules.permits().saturating_sub(used)
    }

    fn reject(&mut self, retry_after: Duration) -> Gate {
        self.rejected += 1;
        Gate::Reject { retry_after }
    }
}
