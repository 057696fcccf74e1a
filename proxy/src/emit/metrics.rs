//! The numbers of this process: counted where things happen, read as Prometheus text or as OTLP.
//!
//! Everything is a total since the start. Recording is a few additions to memory of the recording
//! worker; whoever reads adds the workers up. Edges, faults and queues come with their first use
//! and stay, each kind with a bound.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::edge::Edge;
use model::limits::{EDGES_MAX, FAULTS_MAX};

mod edge;
mod families;
mod family;
mod histogram;
mod otlp;
mod prometheus;

pub(crate) use edge::{Count, EdgeMetrics, Level};
pub(super) use families::families;
pub(super) use otlp::{Span, otlp};
pub(crate) use prometheus::CONTENT_TYPE;
pub(super) use prometheus::prometheus;

/// Faults come and go over the control API; names beyond this share the last place.
const FAULT_NAMES_MAX: usize = 4 * FAULTS_MAX;
/// What edges and faults without a place of their own are counted as.
const OTHERS: &str = "(others)";

/// Decisions of one fault.
#[derive(Debug, Default)]
pub(crate) struct FaultMetrics {
    matched: AtomicU64,
    hit: AtomicU64,
    skipped: AtomicU64,
}

impl FaultMetrics {
    /// `outcome` is `matched`, `hit` or `skipped`.
    pub(crate) fn count(&self, outcome: &'static str) {
        let counter = match outcome {
            "matched" => &self.matched,
            "hit" => &self.hit,
            _ => &self.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn outcomes(&self) -> [(&'static str, u64); 3] {
        [("matched", &self.matched), ("hit", &self.hit), ("skipped", &self.skipped)]
            .map(|(outcome, counter)| (outcome, counter.load(Ordering::Relaxed)))
    }
}

#[derive(Debug)]
pub(crate) struct Registry {
    /// Cells of each edge.
    shards: usize,
    edges: Mutex<BTreeMap<Edge, Arc<EdgeMetrics>>>,
    faults: Mutex<BTreeMap<String, Arc<FaultMetrics>>>,
    /// What was turned away, by queue.
    dropped: Mutex<BTreeMap<&'static str, u64>>,
}

impl Registry {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards,
            edges: Mutex::default(),
            faults: Mutex::default(),
            dropped: Mutex::default(),
        }
    }

    /// The counters of an edge. To be kept: looking them up takes a lock.
    pub(crate) fn edge(&self, edge: &Edge) -> Arc<EdgeMetrics> {
        let mut edges = lock(&self.edges);
        let others;
        let full = edges.len() >= EDGES_MAX && !edges.contains_key(edge);
        let edge = if full {
            others = Edge::new(OTHERS, OTHERS);
            &others
        } else {
            edge
        };
        let new = || Arc::new(EdgeMetrics::new(edge, self.shards));
        Arc::clone(edges.entry(edge.clone()).or_insert_with(new))
    }

    /// The counters of a fault. To be kept where it is asked for every request.
    pub(crate) fn fault(&self, name: &str) -> Arc<FaultMetrics> {
        let mut faults = lock(&self.faults);
        if let Some(known) = faults.get(name) {
            return Arc::clone(known);
        }
        let name = if faults.len() < FAULT_NAMES_MAX { name } else { OTHERS };
        Arc::clone(faults.entry(name.to_owned()).or_default())
    }

    pub(crate) fn count_dropped(&self, queue: &'static str) {
        *lock(&self.dropped).entry(queue).or_default() += 1;
    }

    fn edges(&self) -> Vec<Arc<EdgeMetrics>> {
        lock(&self.edges).values().cloned().collect()
    }

    fn faults(&self) -> Vec<(String, Arc<FaultMetrics>)> {
        lock(&self.faults).iter().map(|(name, fault)| (name.clone(), Arc::clone(fault))).collect()
    }

    fn dropped(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.dropped).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
