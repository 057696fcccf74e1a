//! What comes from people and from time instead of from calls.

use std::time::Duration;

use model::policy::{BreakerPolicy, BreakerState};
use tokio::time::Instant;

use super::Machine;
use crate::breaker::rules::Rules;
use crate::breaker::window::{Span, Window};
use crate::breaker::{Transition, after};

/// A change that no order can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a breaker that is {from} cannot be made {to}; order it closed, forced-open or disabled")]
pub(crate) struct Refused {
    from: BreakerState,
    to: BreakerState,
}

impl Machine {
    /// Changes the state by hand. To the same state it begins that state anew.
    pub(in crate::breaker) fn order(
        &mut self,
        to: BreakerState,
        now: Instant,
    ) -> Result<Transition, Refused> {
        let from = self.state;
        if !from.may_become(to) {
            return Err(Refused { from, to });
        }
        let reason = match to {
            BreakerState::Closed => "reset by order".to_owned(),
            other => format!("{other} by order"),
        };
        Ok(self.go(to, reason, now))
    }

    /// Goes on under another policy. What is out stays out, an open time begins where it began, and
    /// probes that have reported count under the new limits at once, since nothing else might come.
    pub(in crate::breaker) fn reconfigure(
        &mut self,
        policy: BreakerPolicy,
        now: Instant,
    ) -> Option<Transition> {
        if policy == self.rules.policy {
            return None;
        }
        self.rules = Rules::new(policy);
        match self.state {
            BreakerState::Closed | BreakerState::MetricsOnly => {
                self.refit(self.rules.span(), now);
                None
            },
            BreakerState::Open => {
                if !self.open_by_wish {
                    self.open_end = after(self.since, self.open_time());
                }
                None
            },
            BreakerState::HalfOpen => {
                self.refit(Span::Calls(self.rules.permits()), now);
                self.probes.shorten(after(now, self.rules.probe_deadline()));
                let longest = self.rules.policy.half_open_max_ms.map(Duration::from_millis);
                self.half_open_end = longest.map(|longest| after(self.since, longest));
                self.verdict(None, now, None)
            },
            BreakerState::ForcedOpen | BreakerState::Disabled => None,
        }
    }

    /// Does what time alone has made due.
    pub(in crate::breaker) fn poll(&mut self, now: Instant) -> Option<Transition> {
        match self.state {
            BreakerState::Open if self.rules.policy.automatic => self.end_open(now, None),
            BreakerState::HalfOpen => self.end_overdue(now),
            _ => None,
        }
    }

    /// When time alone will make something due.
    pub(in crate::breaker) fn next_change(&self) -> Option<Instant> {
        match self.state {
            BreakerState::Open => self.rules.policy.automatic.then_some(self.open_end),
            BreakerState::HalfOpen => {
                self.probes.next_deadline().into_iter().chain(self.half_open_end).min()
            },
            _ => None,
        }
    }

    fn refit(&mut self, span: Span, now: Instant) {
        let smallest = Window::new(Span::Calls(1), now);
        let old = std::mem::replace(&mut self.window, smallest);
        self.window = old.refit(span, now);
    }
}
