//! What a fault is: kind, placement, direction, match, share, conditions, schedule.
//!
//! A fault is armed while its schedule says so *and* the plan's lease is held. It is judged for
//! every request of its edges that its match accepts; [`crate::decision`] says who is hit.

use serde::{Deserialize, Serialize};

use crate::edge::Edge;
use crate::units::Share;

mod kind;
mod matching;
mod when;

pub use kind::{FaultKind, KINDS, KindRow, Token};
pub use matching::{Match, Pair, Subject, fits};
pub use when::{Flapping, Per, Regime, When, share_at};

/// Where in the pipeline a fault acts. Faults inside an attempt are seen by retries and by the
/// breaker, like the real thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// When the caller's connection is accepted.
    Connect,
    /// Once per request, before the retry loop.
    Request,
    /// In each attempt, before the callee is contacted.
    Attempt,
    /// In each attempt, when the callee has answered.
    Response,
    /// While the body streams.
    Body,
}

impl Placement {
    pub const ALL: [Self; 5] =
        [Self::Connect, Self::Request, Self::Attempt, Self::Response, Self::Body];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Attempt => "attempt",
            Self::Response => "response",
            Self::Body => "body",
        }
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the callee to the caller: answers.
    #[default]
    Down,
    /// From the caller to the callee: requests.
    Up,
    Both,
}

impl Direction {
    pub const ALL: [Self; 3] = [Self::Down, Self::Up, Self::Both];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Both => "both",
        }
    }

    /// Does a fault of this direction act on bytes that go `way`, which is up or down?
    pub fn takes(self, way: Self) -> bool {
        self == Self::Both || self == way
    }
}

/// What a fault does to connections that were open when it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Live {
    /// It acts on them, too.
    #[default]
    Apply,
    /// It acts on new connections only.
    NewOnly,
    /// They are closed in order when they are idle, so that their successors meet the fault.
    Drain,
}

/// Milliseconds after the plan's zero, half open: `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub start_ms: u64,
    pub end_ms: u64,
}

impl Window {
    pub fn holds(&self, at_ms: u64) -> bool {
        (self.start_ms..self.end_ms).contains(&at_ms)
    }
}

/// One fault as the proxy gets it: edges resolved, times absolute within the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Unique in the plan; part of every decision, so renaming a fault changes who is hit.
    pub name: String,
    pub edges: Vec<Edge>,
    pub effect: FaultKind,
    pub placement: Placement,
    /// Which way the bytes or the body go that a fault in the body acts on.
    #[serde(default)]
    pub direction: Direction,
    #[serde(default)]
    pub matching: Match,
    pub share: Share,
    #[serde(default)]
    pub when: When,
    #[serde(default)]
    pub live: Live,
    /// Sorted, not overlapping.
    pub schedule: Vec<Window>,
}

impl FaultSpec {
    /// A fault for every request of its edges, at the kind's own place, with no window yet.
    pub fn new(name: impl Into<String>, edges: Vec<Edge>, effect: FaultKind) -> Self {
        Self {
            name: name.into(),
            edges,
            placement: effect.placement(),
            effect,
            direction: Direction::default(),
            matching: Match::default(),
            share: Share::WHOLE,
            when: When::default(),
            live: Live::default(),
            schedule: Vec::new(),
        }
    }

    pub fn scheduled_at(&self, at_ms: u64) -> bool {
        self.schedule.iter().any(|window| window.holds(at_ms))
    }

    /// When the last window ends.
    pub fn end_ms(&self) -> u64 {
        self.schedule.iter().map(|window| window.end_ms).max().unwrap_or(0)
    }

    pub fn start_ms(&self) -> u64 {
        self.schedule.iter().map(|window| window.start_ms).min().unwrap_or(0)
    }
}

/// Where a fault stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultState {
    /// Before its first window, or between two.
    Planned,
    Active,
    /// Past its last window, disarmed, or its lease lapsed.
    Done,
}

impl FaultState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Active => "active",
            Self::Done => "done",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Planned, Self::Active, Self::Done].into_iter().find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window { start_ms: 10, end_ms: 20 };
        assert!(window.holds(10) && window.holds(19));
        assert!(!window.holds(9) && !window.holds(20));
    }
}
