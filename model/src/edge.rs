//! An edge is one direction of one call relation, `caller -> callee`: the unit of all statistics,
//! policies and faults. The caller is certain because every edge has a gateway listener of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The caller of every request that enters through the public gateway listener.
pub const CLIENT: &str = "client";

/// `caller -> callee`. Written so in files, `caller>callee` where columns are scarce.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Edge {
    pub caller: String,
    pub callee: String,
}

/// Why a text is not an edge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an edge is written \"caller -> callee\", got {0:?}")]
pub struct EdgeError(pub String);

impl Edge {
    pub fn new(caller: impl Into<String>, callee: impl Into<String>) -> Self {
        Self { caller: caller.into(), callee: callee.into() }
    }

    /// `caller>callee`, for columns.
    pub fn short(&self) -> String {
        format!("{}>{}", self.caller, self.callee)
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} -> {}", self.caller, self.callee)
    }
}

impl FromStr for Edge {
    type Err = EdgeError;

    fn from_str(text: &str) -> Result<Self, EdgeError> {
        let name = |part: &str| {
            let part = part.trim();
            let fits = !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            fits.then(|| part.to_owned())
        };
        let wrong = || EdgeError(text.chars().take(128).collect());
        let (caller, callee) = text.split_once("->").ok_or_else(wrong)?;
        match (name(caller), name(callee)) {
            (Some(caller), Some(callee)) => Ok(Self { caller, callee }),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Edge {
    type Error = EdgeError;

    fn try_from(text: String) -> Result<Self, EdgeError> {
        text.parse()
    }
}

impl From<Edge> for String {
    fn from(edge: Edge) -> Self {
        edge.to_string()
    }
}

/// Who made a request fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The caller: bad request, gone before the answer, too slow to send.
    Downstream,
    /// The callee: refused, reset, timed out, answered 5xx.
    Upstream,
    /// The gateway itself: breaker open, limit reached, no route, deadline spent.
    Internal,
    /// A fault that was asked for.
    Injected,
}

impl Blame {
    pub const ALL: [Self; 4] = [Self::Downstream, Self::Upstream, Self::Internal, Self::Injected];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Internal => "internal",
            Self::Injected => "injected",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|blame| blame.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_read_with_or_without_spaces() {
        for text in ["orders -> payments", "orders->payments", " orders  ->  payments "] {
            assert_eq!(text.parse::<Edge>().unwrap(), Edge::new("orders", "payments"));
        }
    }

    #[test]
    fn what_is_no_edge_is_refused() {
        for text in ["orders", "orders ->", "-> payments", "or ders -> payments", "a -> b -> c"] {
            assert!(text.parse::<Edge>().is_err(), "{text} was accepted");
        }
    }
}
