//! Totals since the start, for those who read them as counters.
//!
//! Requests of edges are added when their second is emitted; one that comes later is in the frames
//! and among the late items, and not in these totals.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::edge::Edge;
use model::frame::Frame;

use crate::record::{Rejected, Signal};
use crate::store::Rollup;

#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Counted>);

/// Everything that was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    /// Items taken.
    pub(crate) accepted: BTreeMap<Signal, u64>,
    /// Items refused one by one.
    pub(crate) rejected: BTreeMap<(Signal, &'static str), u64>,
    pub(crate) requests: BTreeMap<Signal, u64>,
    pub(crate) edges: BTreeMap<Edge, Rollup>,
}

impl Counts {
    pub(crate) fn request(&self, signal: Signal, accepted: u64, rejected: &Rejected) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.requests.entry(signal).or_default() += 1;
        *counted.accepted.entry(signal).or_default() += accepted;
        for (reason, count) in rejected.reasons() {
            *counted.rejected.entry((signal, reason)).or_default() += count;
        }
    }

    pub(crate) fn second(&self, frame: &Frame) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for edge in &frame.edges {
            let total = counted.edges.entry(edge.edge.clone()).or_default();
            total.errors += edge.error_count();
            total.attempts += edge.attempts;
            for (blame, count) in &edge.errors {
                *total.blames.entry(blame.clone()).or_default() += count;
            }
            total.duration.merge(&edge.duration);
        }
    }

    pub(crate) fn read(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
