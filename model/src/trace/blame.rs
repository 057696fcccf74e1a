//! Critical paths of many requests added up: of all the time that they took, whose was it?
//!
//! Sums are whole nanoseconds, and every nanosecond of every request is in exactly one line, so
//! the lines add up to the total, and the differences between two sets of requests add up to the
//! difference of their totals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tree::Tree;
use super::work::{Piece, Work};

/// What a line of blame is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlameKey {
    pub service: String,
    /// `caller -> callee`; `None` above the first call.
    pub edge: Option<String>,
    pub work: Work,
    /// The fault that made it, for injected time.
    pub fault: Option<String>,
}

/// Time of many requests, by whose it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blame {
    requests: u64,
    total_ns: u128,
    parts: BTreeMap<BlameKey, (u128, u64)>,
}

/// One line, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlameLine {
    #[serde(flatten)]
    pub key: BlameKey,
    /// Of all requests together.
    pub total_ns: u64,
    /// Part of the time of all requests.
    pub share: f64,
    /// How many requests have such time.
    pub requests: u64,
}

/// Time added up under one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlameShare {
    pub name: String,
    pub total_ns: u64,
    /// Part of the time of all requests.
    pub share: f64,
}

impl Blame {
    /// Adds the explained critical path of one request.
    pub fn add(&mut self, tree: &Tree<'_>, pieces: &[Piece]) {
        self.requests += 1;
        let mut own: BTreeMap<BlameKey, u128> = BTreeMap::new();
        for piece in pieces {
            let key = BlameKey {
                service: tree.nodes[piece.node].span.service.clone(),
                edge: piece.edge.clone(),
                work: piece.work,
                fault: piece.fault.clone(),
            };
            *own.entry(key).or_default() += u128::from(piece.duration_ns());
        }
        for (key, ns) in own {
            self.total_ns += ns;
            let part = self.parts.entry(key).or_default();
            *part = (part.0 + ns, part.1 + 1);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.total_ns += other.total_ns;
        for (key, (ns, requests)) in &other.parts {
            let part = self.parts.entry(key.clone()).or_default();
            *part = (part.0 + ns, part.1 + requests);
        }
    }

    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The sum of all durations, which is also the sum of all lines.
    pub fn total_ns(&self) -> u64 {
        clamped(self.total_ns)
    }

    /// The largest first.
    pub fn lines(&self) -> Vec<BlameLine> {
        let mut lines: Vec<BlameLine> = self
            .parts
            .iter()
            .map(|(key, (ns, requests))| BlameLine {
                key: key.clone(),
                total_ns: clamped(*ns),
                share: self.share(*ns),
                requests: *requests,
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.total_ns));
        lines
    }

    /// Added up under the name that `name` gives a line, the largest first.
    pub fn by(&self, name: impl Fn(&BlameKey) -> String) -> Vec<BlameShare> {
        let mut sums: BTreeMap<String, u128> = BTreeMap::new();
        for (key, (ns, _)) in &self.parts {
            *sums.entry(name(key)).or_default() += ns;
        }
        let mut shares: Vec<BlameShare> = sums
            .into_iter()
            .map(|(name, ns)| BlameShare { name, total_ns: clamped(ns), share: self.share(ns) })
            .collect();
        shares.sort_by_key(|share| std::cmp::Reverse(share.total_ns));
        shares
    }

    fn share(&self, ns: u128) -> f64 {
        if self.total_ns == 0 { 0.0 } else { ns as f64 / self.total_ns as f64 }
    }
}

/// 584 years fit.
fn clamped(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}
