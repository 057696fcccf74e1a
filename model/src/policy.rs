//! What the gateway does about failures: timeout, retries within a budget, circuit breaker.
//!
//! Plain values; the machines that act on them are in the proxy.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Share;

/// The policy of one edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgePolicy {
    /// For the whole request, all attempts together. `None` waits for ever.
    pub timeout_ms: Option<u64>,
    pub retry: Option<RetryPolicy>,
    pub breaker: Option<BreakerPolicy>,
}

/// What makes an attempt worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// The callee could not be reached: nothing was sent, so any method may be repeated.
    Connect,
    /// The connection broke before an answer. Only idempotent methods and requests with an
    /// idempotency key are repeated.
    Reset,
    /// This status. The method rule of `Reset` applies, except for 503, which says that nothing
    /// was done.
    Status(u16),
}

/// Repeats of failed attempts, bounded in number and as a share of all traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts of one request, the first included.
    pub attempts: u32,
    pub on: Vec<RetryOn>,
    /// The n-th wait is uniform in `[0, min(max, min * 2^(n-1))]`, but not below `min / 2`.
    pub backoff_min_ms: u64,
    pub backoff_max_ms: u64,
    /// Retries allowed as a share of first attempts over the last ten seconds.
    pub budget: Share,
    /// Retries per second that are allowed whatever the traffic, so that a quiet edge can retry.
    pub budget_reserve_per_s: u32,
}

/// A circuit breaker over a window of the last calls, after resilience4j's state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerPolicy {
    /// Calls in the window.
    pub window_calls: u32,
    /// No rate is known before this many calls are in the window.
    pub minimum_calls: u32,
    /// Opens when the share of failed calls is at least this.
    pub failure_rate: Share,
    /// A call that takes longer than this is slow. `None` judges no call as slow.
    pub slow_call_ms: Option<u64>,
    /// Opens when the share of slow calls is at least this.
    pub slow_rate: Share,
    /// How long it stays open before probes are let through.
    pub open_ms: u64,
    /// Probes in the half-open state; their results decide.
    pub half_open_permits: u32,
    /// A probe that has not reported by then gives its permit back and counts as failed.
    pub half_open_deadline_ms: u64,
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
}

impl BreakerState {
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::Open, Self::HalfOpen, Self::ForcedOpen, Self::Disabled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
            Self::ForcedOpen => "forced-open",
            Self::Disabled => "disabled",
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
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
