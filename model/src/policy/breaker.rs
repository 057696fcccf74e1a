//! The circuit breaker of an edge: when it opens, how it probes, what it is called in each state.
//!
//! The vocabulary and the defaults are resilience4j's, so that numbers can be carried over. Beyond
//! it: a ceiling of failures in a row, a deadline for each probe, and an open time that grows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Share;

/// Most calls in a window of calls.
pub const WINDOW_CALLS_MAX: u32 = 100_000;
/// Longest window of time: an hour.
pub const WINDOW_MS_MAX: u64 = 3_600_000;
/// Most probes that are let through while half-open.
pub const HALF_OPEN_PERMITS_MAX: u32 = 1_000;
/// Most shadows of one breaker: each of them judges every call.
pub const SHADOWS_MAX: usize = 8;

/// A circuit breaker over a window of calls, after resilience4j's state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Calls in the window.
    pub window_calls: u32,
    /// The window holds the calls of this time instead of the last `window_calls`.
    pub window_ms: Option<u64>,
    /// No rate is known before this many calls are in the window. A minimum above `window_calls`
    /// means the whole window; with `window_ms` it is taken as it is.
    pub minimum_calls: u32,
    /// Opens when the share of failed calls is at least this.
    pub failure_rate: Share,
    /// A call that takes longer than this is slow. `None` judges no call as slow.
    pub slow_call_ms: Option<u64>,
    /// Opens when the share of slow calls is at least this.
    pub slow_rate: Share,
    /// Opens after this many failures in a row, whatever the minimum. An answer that only asks for
    /// less traffic (429, `RESOURCE_EXHAUSTED`) neither adds to the row nor ends it.
    pub consecutive: Option<u32>,
    /// How long it stays open before probes are let through.
    pub open_ms: u64,
    /// Lets the open time grow while probes keep failing.
    pub open_backoff: Option<OpenBackoff>,
    /// A failed answer that says `Retry-After` opens it for that time, or for this if that is less.
    /// 0 ignores the header.
    pub retry_after_max_ms: u64,
    /// Goes half-open when the open time is over, instead of with the next call after it.
    pub automatic: bool,
    /// Probes in the half-open state; their results decide once the minimum or all of them are in.
    pub half_open_permits: u32,
    /// A probe that has not reported by then gives its permit back and counts as failed.
    pub half_open_deadline_ms: u64,
    /// Longest time half-open. `None` waits for the probes.
    pub half_open_max_ms: Option<u64>,
    /// What follows after that time.
    pub half_open_then: HalfOpenThen,
    /// The state that it begins in. A reset always leads to closed.
    pub initial: BreakerState,
}

impl Default for BreakerPolicy {
    /// resilience4j's defaults, except that no call is slow unless a limit is given, and that a
    /// probe has a deadline.
    fn default() -> Self {
        Self {
            window_calls: 100,
            window_ms: None,
            minimum_calls: 100,
            failure_rate: Share::from_ppm(500_000),
            slow_call_ms: None,
            slow_rate: Share::WHOLE,
            consecutive: None,
            open_ms: 60_000,
            open_backoff: None,
            retry_after_max_ms: 0,
            automatic: false,
            half_open_permits: 10,
            half_open_deadline_ms: 60_000,
            half_open_max_ms: None,
            half_open_then: HalfOpenThen::Open,
            initial: BreakerState::Closed,
        }
    }
}

/// The n-th time open in a row lasts `min(max, open_ms * factor^(n-1))`, and up to `jitter` of that
/// longer. A breaker that closes begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenBackoff {
    /// In thousandths: 2000 doubles the time.
    pub factor_thousandths: u32,
    /// Longest open time before the jitter.
    pub open_max_ms: u64,
    /// Keeps many breakers of one callee from probing at the same moment.
    pub jitter: Share,
}

impl Default for OpenBackoff {
    fn default() -> Self {
        Self { factor_thousandths: 2_000, open_max_ms: 300_000, jitter: Share::ZERO }
    }
}

/// Where a half-open breaker goes when its probes take too long altogether.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HalfOpenThen {
    #[default]
    Open,
    Closed,
}

/// A value that no breaker can work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
pub struct BreakerProblem {
    /// Path of the field below the policy.
    pub field: &'static str,
    pub error: String,
}

impl BreakerPolicy {
    /// Is every value one that makes sense?
    pub fn check(&self) -> Result<(), BreakerProblem> {
        let windows = u64::from(WINDOW_CALLS_MAX);
        let permits = u64::from(HALF_OPEN_PERMITS_MAX);
        let whole = u64::from(Share::WHOLE_PPM);
        let backoff = self.open_backoff.as_ref();
        let factor = backoff.map(|backoff| u64::from(backoff.factor_thousandths));
        let jitter = backoff.map(|backoff| u64::from(backoff.jitter.ppm()));
        let open_max_ms = backoff.map(|backoff| backoff.open_max_ms);
        for (field, value, least, most) in [
            ("window_calls", Some(u64::from(self.window_calls)), 1, windows),
            ("window_ms", self.window_ms, 10, WINDOW_MS_MAX),
            ("minimum_calls", Some(u64::from(self.minimum_calls)), 1, u64::MAX),
            ("failure_rate", Some(u64::from(self.failure_rate.ppm())), 1, whole),
            ("slow_rate", Some(u64::from(self.slow_rate.ppm())), 1, whole),
            ("consecutive", self.consecutive.map(u64::from), 1, u64::MAX),
            ("open_ms", Some(self.open_ms), 1, u64::MAX),
            ("open_backoff.factor_thousandths", factor, 1_000, u64::MAX),
            ("open_backoff.open_max_ms", open_max_ms, self.open_ms, u64::MAX),
            ("open_backoff.jitter", jitter, 0, whole),
            ("half_open_permits", Some(u64::from(self.half_open_permits)), 1, permits),
            ("half_open_deadline_ms", Some(self.half_open_deadline_ms), 1, u64::MAX),
            ("half_open_max_ms", self.half_open_max_ms, 1, u64::MAX),
        ] {
            let Some(value) = value else { continue };
            let limit = match (least, most) {
                _ if value < least => format!("at least {least}"),
                _ if value > most => format!("at most {most}"),
                _ => continue,
            };
            return Err(BreakerProblem { field, error: format!("must be {limit}, got {value}") });
        }
        Ok(())
    }
}

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
    ForcedOpen,
    Disabled,
    /// Lets every call through, keeps its window, and says what would have opened it.
    MetricsOnly,
}

impl BreakerState {
    pub const ALL: [Self; 6] = [
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::ForcedOpen,
        Self::Disabled,
        Self::MetricsOnly,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
            Self::ForcedOpen => "forced-open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics-only",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The code that metrics carry, as resilience4j numbers its states.
    pub fn code(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
            Self::Disabled => 3,
            Self::ForcedOpen => 4,
            Self::MetricsOnly => 5,
        }
    }

    /// May it be changed to that state? As in resilience4j: a closed breaker has nothing to probe,
    /// and one that only measures is first closed or switched off.
    pub fn may_become(self, to: Self) -> bool {
        !matches!(
            (self, to),
            (Self::Closed, Self::HalfOpen) | (Self::MetricsOnly, Self::Open | Self::HalfOpen)
        )
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_without_the_later_fields_reads_as_one_that_does_not_use_them() {
        let text = r#"{"window_calls": 20, "minimum_calls": 10, "failure_rate": 500000,
            "slow_rate": 1000000, "open_ms": 5000, "half_open_permits": 3,
            "half_open_deadline_ms": 10000}"#;
        let policy: BreakerPolicy = serde_json::from_str(text).unwrap();
        let expected = BreakerPolicy {
            window_calls: 20,
            minimum_calls: 10,
            open_ms: 5_000,
            half_open_permits: 3,
            half_open_deadline_ms: 10_000,
            ..BreakerPolicy::default()
        };
        assert_eq!(policy, expected);
        let written = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<BreakerPolicy>(&written).unwrap(), policy);
        assert!(serde_json::from_str::<BreakerPolicy>(r#"{"window": 3}"#).is_err());
    }

    #[test]
    fn every_state_reads_back_and_has_the_code_of_the_model() {
        let codes = BreakerState::ALL.map(|state| (state.as_str(), state.code()));
        let expected = [
            ("closed", 0),
            ("open", 1),
            ("half-open", 2),
            ("forced-open", 4),
            ("disabled", 3),
            ("metrics-only", 5),
        ];
        assert_eq!(codes, expected);
        for state in BreakerState::ALL {
            assert_eq!(BreakerState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
    }

    #[test]
    fn all_pairs_of_states_are_allowed_but_three() {
        let refused: Vec<String> = BreakerState::ALL
            .into_iter()
            .flat_map(|from| BreakerState::ALL.map(|to| (from, to)))
            .filter(|(from, to)| !from.may_become(*to))
            .map(|(from, to)| format!("{from} {to}"))
            .collect();
        assert_eq!(refused, ["closed half-open", "metrics-only open", "metrics-only half-open"]);
    }

    #[test]
    fn what_no_breaker_can_work_with_is_named() {
        type Damage = fn(&mut BreakerPolicy);
        let cases: [(Option<&str>, Damage); 9] = [
            (None, |_| {}),
            (None, |policy| policy.open_backoff = Some(OpenBackoff::default())),
            (Some("window_calls"), |policy| policy.window_calls = WINDOW_CALLS_MAX + 1),
            (Some("window_ms"), |policy| policy.window_ms = Some(9)),
            (Some("failure_rate"), |policy| policy.failure_rate = Share::ZERO),
            (Some("consecutive"), |policy| policy.consecutive = Some(0)),
            (Some("half_open_permits"), |policy| policy.half_open_permits = 0),
            (Some("half_open_max_ms"), |policy| policy.half_open_max_ms = Some(0)),
            (Some("open_backoff.open_max_ms"), |policy| {
                let backoff = OpenBackoff { open_max_ms: 59_999, ..OpenBackoff::default() };
                policy.open_backoff = Some(backoff);
            }),
        ];
        for (field, damage) in cases {
            let mut policy = BreakerPolicy::default();
            damage(&mut policy);
            assert_eq!(policy.check().err().map(|problem| problem.field), field);
        }
    }
}
