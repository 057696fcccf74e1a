//! The circuit breaker of an edge: when it opens, how it probes, what it is called in each state.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Share;

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
