//! What a fault is: kind, placement, match, share, schedule.
//!
//! A fault is armed while its schedule says so *and* the plan's lease is held. It is judged for
//! every request of its edges that its match accepts; [`crate::decision`] says who is hit.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::edge::Edge;
use crate::units::Share;

/// What happens to a request that is hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FaultKind {
    /// The attempt is held back before it reaches the callee.
    Latency { delay: Distribution },
    /// The caller gets this status instead; the callee is not contacted.
    Errors { status: u16, body: Option<String> },
    /// The request is swallowed: no answer until the caller or its timeout gives up.
    Blackhole,
    /// The connection to the caller is reset (RST) before the callee is contacted.
    Reset,
    /// The callee does its work; its answer is thrown away and the caller's connection is reset.
    LostReply,
}

impl FaultKind {
    /// Names of all kinds, as scenario files write them.
    pub const NAMES: [&'static str; 5] = ["latency", "errors", "blackhole", "reset", "lost-reply"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Errors { .. } => "errors",
            Self::Blackhole => "blackhole",
            Self::Reset => "reset",
            Self::LostReply => "lost-reply",
        }
    }

    /// Where in the pipeline this kind acts unless the scenario says otherwise.
    pub fn placement(&self) -> Placement {
        match self {
            Self::LostReply => Placement::Response,
            Self::Latency { .. } | Self::Errors { .. } | Self::Blackhole | Self::Reset => {
                Placement::Attempt
            },
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { delay } => write!(formatter, "latency {delay}"),
            Self::Errors { status, .. } => write!(formatter, "errors {status}"),
            _ => formatter.write_str(self.name()),
        }
    }
}

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

/// Which requests a fault looks at. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Upper-case method; `None` is any.
    pub method: Option<String>,
    /// Path without query. A trailing `*` makes it a prefix; `None` is any.
    pub path: Option<String>,
}

impl Match {
    pub fn accepts(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == wanted,
            })
    }
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
    #[serde(default)]
    pub matching: Match,
    pub share: Share,
    /// Sorted, not overlapping.
    pub schedule: Vec<Window>,
}

impl FaultSpec {
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
    fn a_match_compares_method_and_path_or_prefix() {
        let charge = Match { method: Some("POST".into()), path: Some("/charges".into()) };
        assert!(charge.accepts("POST", "/charges"));
        assert!(!charge.accepts("GET", "/charges"));
        assert!(!charge.accepts("POST", "/charges/7"));
        let below = Match { method: None, path: Some("/charges/*".into()) };
        assert!(below.accepts("GET", "/charges/7"));
        assert!(!below.accepts("GET", "/charges"));
        assert!(Match::default().accepts("PUT", "/"));
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window { start_ms: 10, end_ms: 20 };
        assert!(window.holds(10) && window.holds(19));
        assert!(!window.holds(9) && !window.holds(20));
    }
}
