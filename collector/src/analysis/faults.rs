//! The fault ledger joined to traces: what each fault did to requests, and who felt it.
//!
//! Each hit is followed from the span that it acted on up to the user's request. What it did is
//! told by spans alone, and for each fault by itself, also while several act at once: a request
//! that two faults made fail counts for both, and both accounts say so.

mod added;
mod fate;

use std::collections::{BTreeMap, BTreeSet};

use model::id::TraceId;
use model::trace::{UserRequest, Work, explain};
use serde::{Deserialize, Serialize};

pub use self::added::{Added, Compared};
pub use self::fate::Fate;
use self::fate::{Followed, follow};
use super::sample::{FaultWindow, Gathered, Prepared, RunTime, SampleSize};

/// Traces named as examples of each fate.
const EXAMPLES_MAX: usize = 5;

/// What all faults did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    pub traces: SampleSize,
    /// By name.
    pub faults: Vec<FaultImpact>,
}

/// What one fault did, in the traces that were read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultImpact {
    pub fault: String,
    pub kind: String,
    pub edges: BTreeSet<String>,
    /// When it acted, by its transitions; else from its first to its last decision.
    pub windows: Vec<FaultWindow>,
    pub hits: u64,
    /// Drawn but spared, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Hits whose span has not come: what they did is unknown.
    pub hits_without_span: u64,
    /// Requests of users in which it acted; the sum of `fates`.
    pub requests: u64,
    /// What became of them: the worst that one of its hits did.
    pub fates: BTreeMap<Fate, u64>,
    /// Failed requests that another fault made fail as well, by that fault.
    pub failed_with: BTreeMap<String, u64>,
    /// Where failures were absorbed, like `retry on orders -> payments`, `fallback in orders`.
    pub absorbed_by: BTreeMap<String, u64>,
    /// Services whose work it delayed or made fail, up to the user.
    pub reached: Vec<Reached>,
    /// Delay that it made.
    pub made_ns: u64,
    /// Delay of it that a user waited for: injected time on critical paths of users' requests.
    pub felt_ns: u64,
    /// How much longer requests took than others at the same time.
    pub added: Vec<Added>,
    /// Requests of the control group that it touched, which it must not.
    pub control_touched: u64,
    pub examples: BTreeMap<Fate, Vec<TraceId>>,
}

/// A service that an effect went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    pub service: String,
    /// Requests of users.
    pub requests: u64,
    /// Of them, those in which work of the service failed because of it.
    pub failed: u64,
}

/// A request of a user in which at least one fault acted.
#[derive(Debug)]
struct Touched<'a, 'b> {
    sample: &'a Prepared<'b>,
    request: UserRequest,
    /// By fault, all of its hits in this request.
    hits: BTreeMap<String, Vec<Followed>>,
}

impl Touched<'_, '_> {
    /// The worst that this fault did.
    fn fate(&self, fault: &str) -> Option<Fate> {
        self.hits.get(fault)?.iter().map(|hit| hit.fate).max()
    }
}

pub fn faults(gathered: &Gathered, run: &RunTime) -> FaultReport {
    let prepared = gathered.prepared();
    let mut impacts = decisions_of(&prepared, run);
    let touched: Vec<Touched<'_, '_>> =
        prepared.iter().flat_map(|sample| touched_of(sample, &mut impacts)).collect();
    for it in &touched {
        for fault in it.hits.keys() {
            let Some(impact) = impacts.get_mut(fault) else { continue };
            count_request(impact, it, fault);
        }
        count_felt(&mut impacts, it);
    }
    for impact in impacts.values_mut() {
        impact.added = added::added(&impact.fault, &impact.windows, &prepared, &touched, run);
        impact.reached.sort_by_key(|reached| std::cmp::Reverse(reached.requests));
    }
    FaultReport { traces: gathered.size(), faults: impacts.into_values().collect() }
}

/// The ledger by itself.
fn decisions_of(prepared: &[Prepared<'_>], run: &RunTime) -> BTreeMap<String, FaultImpact> {
    let mut impacts: BTreeMap<String, FaultImpact> = BTreeMap::new();
    let mut seen: BTreeMap<String, FaultWindow> = BTreeMap::new();
    for entry in prepared.iter().flat_map(|sample| &sample.ledger) {
        let impact = impacts.entry(entry.fault.clone()).or_insert_with(|| nothing(&entry.fault));
        impact.kind.clone_from(&entry.kind);
        impact.edges.insert(entry.edge.clone());
        if entry.hit {
            impact.hits += 1;
            impact.made_ns = impact.made_ns.saturating_add(entry.achieved_ns.unwrap_or(0));
        } else {
            *impact.skipped.entry(entry.skip_reason.clone()).or_default() += 1;
        }
        let begin_ns = entry.unix_ns.saturating_sub(entry.achieved_ns.unwrap_or(0));
        let first = FaultWindow { from_unix_ns: begin_ns, to_unix_ns: entry.unix_ns };
        let window = seen.entry(entry.fault.clone()).or_insert(first);
        window.from_unix_ns = window.from_unix_ns.min(begin_ns);
        window.to_unix_ns = window.to_unix_ns.max(entry.unix_ns + 1);
    }
    for (fault, impact) in &mut impacts {
        let known = run.windows(fault);
        impact.windows = if known.is_empty() {
            seen.get(fault).copied().into_iter().collect()
        } else {
            known.to_vec()
        };
    }
    impacts
}

fn nothing(fault: &str) -> FaultImpact {
    FaultImpact {
        fault: fault.to_owned(),
        kind: String::new(),
        edges: BTreeSet::new(),
        windows: Vec::new(),
        hits: 0,
        skipped: BTreeMap::new(),
        hits_without_span: 0,
        requests: 0,
        fates: BTreeMap::new(),
        failed_with: BTreeMap::new(),
        absorbed_by: BTreeMap::new(),
        reached: Vec::new(),
        made_ns: 0,
        felt_ns: 0,
        added: Vec::new(),
        control_touched: 0,
        examples: BTreeMap::new(),
    }
}

/// The requests of a trace in which faults acted, with every hit followed.
fn touched_of<'a, 'b>(
    sample: &'a Prepared<'b>,
    impacts: &mut BTreeMap<String, FaultImpact>,
) -> Vec<Touched<'a, 'b>> {
    let mut touched: BTreeMap<usize, Touched<'a, 'b>> = BTreeMap::new();
    for entry in sample.ledger.iter().filter(|entry| entry.hit) {
        let Some(at) = entry.span_id.and_then(|id| sample.tree.find(id)) else {
            if let Some(impact) = impacts.get_mut(&entry.fault) {
                impact.hits_without_span += 1;
            }
            continue;
        };
        let request = UserRequest::above(&sample.tree, at);
        let hit = follow(&sample.tree, at, request);
        touched
            .entry(request.outer)
            .or_insert_with(|| Touched { sample, request, hits: BTreeMap::new() })
            .hits
            .entry(entry.fault.clone())
            .or_default()
            .push(hit);
    }
    touched.into_values().collect()
}

fn count_request(impact: &mut FaultImpact, touched: &Touched<'_, '_>, fault: &str) {
    let Some(fate) = touched.fate(fault) else { return };
    let tree = &touched.sample.tree;
    impact.requests += 1;
    *impact.fates.entry(fate).or_default() += 1;
    let examples = impact.examples.entry(fate).or_default();
    if examples.len() < EXAMPLES_MAX {
        examples.push(touched.sample.trace_id);
    }
    if model::trace::is_control(tree, touched.request) == Some(true) {
        impact.control_touched += 1;
    }
    if fate == Fate::Failed {
        for other in touched.hits.keys().filter(|other| *other != fault) {
            if touched.fate(other) == Some(Fate::Failed) {
                *impact.failed_with.entry(other.clone()).or_default() += 1;
            }
        }
    }
    let hits = touched.hits.get(fault).into_iter().flatten();
    let by: BTreeSet<&String> = hits.clone().filter_map(|hit| hit.absorbed_by.as_ref()).collect();
    for by in by {
        *impact.absorbed_by.entry(by.clone()).or_default() += 1;
    }
    let mut reached: BTreeMap<&String, bool> = BTreeMap::new();
    for (service, failed) in hits.flat_map(|hit| &hit.reached) {
        *reached.entry(service).or_default() |= failed;
    }
    for (service, failed) in reached {
        let place = impact.reached.iter().position(|it| it.service == *service);
        let place = place.unwrap_or_else(|| {
            let service = service.clone();
            impact.reached.push(Reached { service, requests: 0, failed: 0 });
            impact.reached.len() - 1
        });
        impact.reached[place].requests += 1;
        impact.reached[place].failed += u64::from(failed);
    }
}

/// Injected time that the user waited for.
fn count_felt(impacts: &mut BTreeMap<String, FaultImpact>, touched: &Touched<'_, '_>) {
    let sample = touched.sample;
    let pieces = explain(&sample.tree, touched.request.outer, &sample.ledger);
    for piece in pieces.iter().filter(|piece| piece.work == Work::Injected) {
        let impact = piece.fault.as_ref().and_then(|fault| impacts.get_mut(fault));
        if let Some(impact) = impact {
            impact.felt_ns = impact.felt_ns.saturating_add(piece.duration_ns());
        }
    }
}

#[cfg(test)]
mod tests;
