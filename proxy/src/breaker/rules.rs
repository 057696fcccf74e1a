//! A policy made ready: what its numbers mean for one outcome, one tally, one opening.
//!
//! Values that no breaker can work with are refused where plans come in; here they are bent to the
//! nearest that work, so that the machine cannot hang whatever it is given.

use std::time::Duration;

use model::decision;
use model::policy::{BreakerPolicy, OpenBackoff, WINDOW_CALLS_MAX, WINDOW_MS_MAX};
use model::units::format_duration;
use tokio::time::Instant;

use super::Outcome;
use super::window::{Mark, Span, Tally, Window, reached};

#[derive(Debug)]
pub(super) struct Rules {
    pub(super) policy: BreakerPolicy,
    slow: Option<Duration>,
    minimum: u32,
    probe_minimum: u32,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Streak,
    Failures,
    Slow,
}

impl Excess {
    pub(super) const ALL: [Self; 3] = [Self::Streak, Self::Failures, Self::Slow];
}

/// What there is to judge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) tally: Tally,
    pub(super) streak: u32,
    /// Calls before which no rate is known.
    pub(super) minimum: u32,
}

impl Rules {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        // A minimum above a window of calls could never be reached.
        let minimum = match policy.window_ms {
            Some(_) => policy.minimum_calls,
            None => policy.minimum_calls.min(policy.window_calls.min(WINDOW_CALLS_MAX)),
        };
        let permits = policy.half_open_permits.max(1);
        Self {
            slow: policy.slow_call_ms.map(Duration::from_millis),
            minimum: minimum.max(1),
            probe_minimum: policy.minimum_calls.min(permits).max(1),
            policy,
        }
    }

    pub(super) fn span(&self) -> Span {
        match self.policy.window_ms {
            Some(ms) => Span::Time(Duration::from_millis(ms.clamp(1, WINDOW_MS_MAX))),
            None => Span::Calls(self.policy.window_calls.clamp(1, WINDOW_CALLS_MAX)),
        }
    }

    pub(super) fn window(&self, now: Instant) -> Window {
        Window::new(self.span(), now)
    }

    pub(super) fn minimum(&self) -> u32 {
        self.minimum
    }

    pub(super) fn permits(&self) -> u32 {
        self.policy.half_open_permits.max(1)
    }

    /// Probes that must have reported before they decide.
    pub(super) fn probe_minimum(&self) -> u32 {
        self.probe_minimum
    }

    pub(super) fn probe_deadline(&self) -> Duration {
        Duration::from_millis(self.policy.half_open_deadline_ms)
    }

    /// Slow is strictly longer than the limit, and needs no known outcome. `None` does not count.
    pub(super) fn judge(&self, outcome: Outcome) -> Option<Mark> {
        let is_slow = |took: Duration| self.slow.is_some_and(|limit| took > limit);
        match outcome {
            Outcome::Ended { failed, took } => Some(Mark { failed, slow: is_slow(took) }),
            Outcome::Throttled { took } => Some(Mark { failed: true, slow: is_slow(took) }),
            Outcome::Unknown { took } => {
                is_slow(took).then_some(Mark { failed: false, slow: true })
            },
        }
    }

    pub(super) fn exceeds(&self, excess: Excess, seen: &Seen) -> bool {
        let Tally { calls, failed, slow } = seen.tally;
        let policy = &self.policy;
        let known = calls >= seen.minimum;
        match excess {
            Excess::Streak => policy.consecutive.is_some_and(|limit| seen.streak >= limit.max(1)),
            Excess::Failures => known && reached(failed, calls, policy.failure_rate),
            Excess::Slow => known && self.slow.is_some() && reached(slow, calls, policy.slow_rate),
        }
    }

    pub(super) fn excess(&self, seen: &Seen) -> Option<Excess> {
        Excess::ALL.into_iter().find(|excess| self.exceeds(*excess, seen))
    }

    /// For people: what was seen, and the limit that it reached.
    pub(super) fn explain(&self, excess: Excess, seen: &Seen, span: Span) -> String {
        let Tally { calls, failed, slow } = seen.tally;
        let policy = &self.policy;
        let within = match span {
            Span::Calls(_) => String::new(),
            Span::Time(time) => format!(" in {}", format_duration(time)),
        };
        match excess {
            Excess::Streak => {
                let limit = policy.consecutive.unwrap_or_default();
                format!("{} failures in a row (limit {limit})", seen.streak)
            },
            Excess::Failures => {
                let limit = policy.failure_rate;
                format!("failure rate {failed} of {calls} calls{within} (limit {limit})")
            },
            Excess::Slow => {
                let over = format_duration(self.slow.unwrap_or_default());
                let limit = policy.slow_rate;
                format!("slow rate {slow} of {calls} calls{within} over {over} (limit {limit})")
            },
        }
    }

    /// How long it stays open for the `attempt`-th time in a row. `trip` and `seed` name the draw
    /// of the jitter.
    pub(super) fn open_time(&self, attempt: u32, seed: u64, trip: u64) -> Duration {
        let open_ms = self.policy.open_ms;
        let Some(backoff) = &self.policy.open_backoff else {
            return Duration::from_millis(open_ms);
        };
        let OpenBackoff { factor_thousandths, open_max_ms, jitter } = backoff;
        let factor = f64::from((*factor_thousandths).max(1_000)) / 1_000.0;
        let growths = attempt.saturating_sub(1).min(10_000).cast_signed();
        let grown_ms = (open_ms as f64 * factor.powi(growths)).min(*open_max_ms as f64);
        let spread = jitter.as_fraction() * decision::indexed(seed, "breaker", trip).as_f64();
        Duration::from_millis((grown_ms * (1.0 + spread)) as u64)
    }

    /// How long the callee's own wish keeps it open.
    pub(super) fn told_time(&self, told: Option<Duration>) -> Option<Duration> {
        let longest = Duration::from_millis(self.policy.retry_after_max_ms);
        told.map(|told| told.min(longest)).filter(|told| !told.is_zero())
    }
}
