//! What a fault is: kind, placement, direction, match, share, conditions, schedule.
//!
//! A fault is armed while its schedule says so *and* the plan's lease is held. It is judged for
//! every request of its edges that its match accepts; [`crate::decision`] says who is hit.

use serde::{Deserialize, Serialize};

use crate::edge::Edge;
use crate::units::Share;

pub mod keys;
mod kind;
mod matcher;
mod matching;
mod when;

pub use kind::{FaultKind, KINDS, KindRow, Token, is_framing_field};
pub use matcher::{BodyOnce, Matcher};
pub use matching::{Match, Pair, Subject, fits};
pub use when::{Flapping, Per, REGIME_STEPS_MAX, Regime, When, share_at};

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

impl Live {
    pub const ALL: [Self; 3] = [Self::Apply, Self::NewOnly, Self::Drain];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::NewOnly => "new-only",
            Self::Drain => "drain",
        }
    }
}

/// End of a window that does not end: the largest number that every JSON reader keeps exact.
pub const FOREVER_MS: u64 = (1 << 53) - 1;

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
    /// Sorted, not overlapping. Plans need one; a fault that is armed by itself may do without.
    #[serde(default)]
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

    /// `15%`, or `0% -> 50%` when it changes over each window.
    pub fn shares(&self) -> String {
        match self.when.ramp_to {
            Some(to) => format!("{} -> {to}", self.share),
            None => self.share.to_string(),
        }
    }

    pub fn scheduled_at(&self, at_ms: u64) -> bool {
        self.window_at(at_ms).is_some()
    }

    /// The window that holds this time.
    pub fn window_at(&self, at_ms: u64) -> Option<Window> {
        let next = self.schedule.partition_point(|window| window.end_ms <= at_ms);
        self.schedule.get(next).copied().filter(|window| window.holds(at_ms))
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

    #[test]
    fn the_window_of_a_time_is_the_one_that_holds_it() {
        let window = |start_ms, end_ms| Window { start_ms, end_ms };
        let (early, late) = (window(10, 20), window(30, 40));
        let fault = FaultSpec {
            schedule: vec![early, late],
            ..FaultSpec::new("slow", Vec::new(), FaultKind::Blackhole)
        };
        for (at_ms, expected) in [
            (9, None),
            (10, Some(early)),
            (19, Some(early)),
            (20, None),
            (30, Some(late)),
            (40, None),
        ] {
            assert_eq!(fault.window_at(at_ms), expected, "{at_ms}");
            assert_eq!(fault.scheduled_at(at_ms), expected.is_some(), "{at_ms}");
        }
    }
}
