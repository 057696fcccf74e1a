//! Changes of state: each has a reason, and what the next state begins with.

use std::sync::Arc;
use std::time::Duration;

use model::policy::{BreakerState, HalfOpenThen};
use model::units::format_duration;
use tokio::time::Instant;

use super::{Excess, Machine, NO_CALL};
use crate::breaker::window::{Span, Window};
use crate::breaker::{By, Transition, after};

impl Machine {
    /// Opens by itself. `told` is what the callee asked for at least.
    pub(super) fn trip(
        &mut self,
        reason: String,
        told: Option<Duration>,
        now: Instant,
        by: Option<By>,
    ) -> Transition {
        self.attempt = self.attempt.saturating_add(1);
        self.note_trip(now, by);
        self.open_by_wish = told.is_some();
        let wait = self.open_time().max(told.unwrap_or_default());
        self.open_end = after(now, wait);
        self.enter(BreakerState::Open, reason, now, by)
    }

    /// Opens because the callee wants it, which is no step of the backoff.
    pub(super) fn open_as_told(
        &mut self,
        told: Duration,
        now: Instant,
        by: Option<By>,
    ) -> Transition {
        self.note_trip(now, by);
        self.open_by_wish = true;
        self.open_end = after(now, told);
        let reason = format!("the callee asked for no calls for {}", format_duration(told));
        self.enter(BreakerState::Open, reason, now, by)
    }

    /// Changes to any state by hand.
    pub(super) fn go(&mut self, to: BreakerState, reason: String, now: Instant) -> Transition {
        match to {
            BreakerState::Open => {
                self.attempt = self.attempt.saturating_add(1);
                self.open_by_wish = false;
                self.open_end = after(now, self.open_time());
            },
            BreakerState::ForcedOpen => self.attempt = self.attempt.saturating_add(1),
            _ => {},
        }
        self.enter(to, reason, now, None)
    }

    /// Open for its time at most.
    pub(super) fn end_open(&mut self, now: Instant, by: Option<By>) -> Option<Transition> {
        (self.open_end <= now).then(|| {
            let open_for = now.saturating_duration_since(self.since);
            let reason = format!("open for {}, probing", format_duration(open_for));
            self.enter(BreakerState::HalfOpen, reason, now, by)
        })
    }

    /// Half-open for as long as it may be.
    pub(super) fn end_half_open(&mut self, now: Instant) -> Transition {
        let calls = self.window.tally(now).calls;
        let lasted = format_duration(now.saturating_duration_since(self.since));
        let minimum = self.rules.probe_minimum();
        let reason = format!("half-open for {lasted}, {calls} of {minimum} probes reported");
        match self.rules.policy.half_open_then {
            HalfOpenThen::Open => self.trip(reason, None, now, None),
            HalfOpenThen::Closed => self.enter(BreakerState::Closed, reason, now, None),
        }
    }

    /// In metrics-only: what would have opened it, once for each limit.
    pub(super) fn say_excesses(&mut self, by: By, now: Instant) -> Option<Transition> {
        let seen = self.seen(self.rules.minimum(), now);
        let is_new =
            |excess: &Excess| !self.said.contains(excess) && self.rules.exceeds(*excess, &seen);
        let found: Vec<Excess> = Excess::ALL.into_iter().filter(is_new).collect();
        if found.is_empty() {
            return None;
        }
        let span = self.window.span();
        let explain = |excess: &Excess| self.rules.explain(*excess, &seen, span);
        let reasons: Vec<String> = found.iter().map(explain).collect();
        self.said.extend(found);
        let reason = format!("would open: {}", reasons.join("; "));
        self.reason = Arc::from(reason.as_str());
        let state = BreakerState::MetricsOnly;
        Some(Transition { from: state, to: state, reason, open_for: None, by: Some(by) })
    }

    pub(super) fn open_time(&self) -> Duration {
        self.rules.open_time(self.attempt, self.seed, self.trips.count)
    }

    /// Every change goes through here.
    pub(super) fn enter(
        &mut self,
        to: BreakerState,
        reason: String,
        now: Instant,
        by: Option<By>,
    ) -> Transition {
        let from = std::mem::replace(&mut self.state, to);
        self.since = now;
        self.reason = Arc::from(reason.as_str());
        self.rejection = Arc::from(format!("breaker {to}: {reason}"));
        self.probes.clear();
        self.said.clear();
        match to {
            BreakerState::Closed | BreakerState::MetricsOnly => {
                self.attempt = 0;
                self.begin_counting(self.rules.span(), now);
            },
            BreakerState::HalfOpen => {
                let longest = self.rules.policy.half_open_max_ms.map(Duration::from_millis);
                self.half_open_end = longest.map(|longest| after(now, longest));
                self.begin_counting(Span::Calls(self.rules.permits()), now);
            },
            // Calls from before it opened still tell how bad it was.
            BreakerState::Open if from == BreakerState::Closed => {},
            // What made it open stays to be seen.
            BreakerState::Open => self.counting_after = NO_CALL,
            BreakerState::ForcedOpen | BreakerState::Disabled => {
                if to == BreakerState::Disabled {
                    self.attempt = 0;
                }
                self.begin_counting(self.rules.span(), now);
                self.counting_after = NO_CALL;
            },
        }
        let open_for = self.open_end.saturating_duration_since(now);
        let open_for = (to == BreakerState::Open).then_some(open_for);
        Transition { from, to, reason, open_for, by }
    }

    fn begin_counting(&mut self, span: Span, now: Instant) {
        self.window = Window::new(span, now);
        self.streak = 0;
        self.counting_after = self.last_number;
    }

    fn note_trip(&mut self, now: Instant, by: Option<By>) {
        self.trips.count += 1;
        self.trips.first.get_or_insert(now);
        self.trips.last = Some(now);
        self.trips.by = by;
    }
}
