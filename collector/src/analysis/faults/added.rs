//! How much longer did touched requests take than others of the same sort at the same time?

use std::collections::BTreeMap;

use model::expect::{Difference, Timed, mean_difference};
use model::names::attribute;
use model::trace::{Tree, UserRequest, attribute_text, is_control, is_request};
use serde::{Deserialize, Serialize};

use super::{FaultWindow, Prepared, RunTime, Touched};

/// Fewer others than these are no group to compare with.
const OTHERS_MIN: usize = 10;

/// Requests of one sort, touched against untouched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Added {
    /// The edge of the fault, or the sort of request that a user made: `load place order`.
    pub sort: String,
    /// Requests that this fault touched and no other did.
    pub touched: u64,
    /// True when too few were touched by this fault alone: then others acted on some as well.
    pub mixed: bool,
    pub touched_mean_ns: f64,
    pub others: u64,
    pub others_mean_ns: f64,
    pub compared_with: Compared,
    /// In nanoseconds. `None` with fewer than two requests on a side.
    pub difference: Option<Difference>,
}

/// Who the others are, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// The control group, while the fault acted.
    Control,
    /// Requests that no fault touched, while the fault acted. They may differ in more than that.
    Untouched,
    /// Requests while no fault acted. Whatever changed since then counts as added.
    Unfaulted,
}

/// A request, to be compared.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start_unix_ns: u64,
    duration_ns: u64,
    control: bool,
    /// By this fault, and by another one.
    touched: (bool, bool),
}

impl Seen {
    fn of(tree: &Tree<'_>, at: usize, control: Option<bool>, touched: (bool, bool)) -> Self {
        let node = &tree.nodes[at];
        Self {
            start_unix_ns: node.start_unix_ns,
            duration_ns: node.duration_ns(),
            control: control == Some(true),
            touched,
        }
    }
}

/// The edges of the fault first, then what users did.
pub(super) fn added(
    fault: &str,
    windows: &[FaultWindow],
    prepared: &[Prepared<'_>],
    touched: &[Touched<'_, '_>],
    run: &RunTime,
) -> Vec<Added> {
    let mut sorts: BTreeMap<(bool, String), Vec<Seen>> = BTreeMap::new();
    let mut by_user = BTreeMap::new();
    for it in touched {
        // What users did not wait for does not count as touching them.
        let felt = |name: &String| it.fate(name).is_some_and(|fate| fate > super::Fate::Background);
        let by_this = it.hits.keys().any(|name| name == fault && felt(name));
        let by_other = it.hits.keys().any(|name| name != fault && felt(name));
        by_user.insert((it.sample.trace_id, it.request.outer), (by_this, by_other));
    }
    for sample in prepared {
        let tree = &sample.tree;
        for request in UserRequest::all(tree) {
            let touched =
                by_user.get(&(sample.trace_id, request.outer)).copied().unwrap_or_default();
            let seen = Seen::of(tree, request.outer, is_control(tree, request), touched);
            sorts.entry((true, request.sort(tree))).or_default().push(seen);
        }
        for (edge, seen) in on_edges(fault, sample) {
            sorts.entry((false, edge)).or_default().push(seen);
        }
    }
    sorts.into_iter().filter_map(|((_, sort), seen)| compare(sort, &seen, windows, run)).collect()
}

/// The gateway's requests of a trace by edge, with the faults that acted on themselves.
fn on_edges(fault: &str, sample: &Prepared<'_>) -> Vec<(String, Seen)> {
    let tree = &sample.tree;
    let mut touched: BTreeMap<usize, (bool, bool)> = BTreeMap::new();
    for entry in sample.ledger.iter().filter(|entry| entry.hit) {
        let Some(at) = entry.span_id.and_then(|id| tree.find(id)) else { continue };
        let own = std::iter::once(at).chain(tree.ancestors(at));
        if let Some(request) = own.into_iter().find(|at| is_request(tree.nodes[*at].span)) {
            let (this, other) = touched.entry(request).or_default();
            *this |= entry.fault == fault;
            *other |= entry.fault != fault;
        }
    }
    (0..tree.nodes.len())
        .filter_map(|at| {
            let span = tree.nodes[at].span;
            let edge = attribute_text(span, attribute::EDGE).filter(|_| is_request(span))?;
            let control =
                span.attributes.get(attribute::CONTROL).and_then(serde_json::Value::as_bool);
            let touched = touched.get(&at).copied().unwrap_or_default();
            Some((edge.to_owned(), Seen::of(tree, at, control, touched)))
        })
        .collect()
}

/// `None` when the fault touched no request of this sort.
fn compare(sort: String, seen: &[Seen], windows: &[FaultWindow], run: &RunTime) -> Option<Added> {
    let alone: Vec<&Seen> = seen.iter().filter(|it| it.touched == (true, false)).collect();
    let all: Vec<&Seen> = seen.iter().filter(|it| it.touched.0).collect();
    let mixed = alone.len() < 2 && alone.len() < all.len();
    let touched = if mixed { all } else { alone };
    if touched.is_empty() {
        return None;
    }
    let during = |it: &&Seen| windows.iter().any(|window| window.holds(it.start_unix_ns));
    let untouched = || seen.iter().filter(|it| it.touched == (false, false));
    let control: Vec<&Seen> = untouched().filter(during).filter(|it| it.control).collect();
    let spared: Vec<&Seen> = untouched().filter(during).collect();
    let calm = untouched().filter(|it| !run.is_faulted(it.start_unix_ns) && !during(it));
    let (compared_with, others) = if control.len() >= OTHERS_MIN {
        (Compared::Control, control)
    } else if spared.len() >= OTHERS_MIN {
        (Compared::Untouched, spared)
    } else {
        (Compared::Unfaulted, calm.collect())
    };
    Some(Added {
        sort,
        touched: touched.len() as u64,
        mixed,
        touched_mean_ns: mean_ns(&touched),
        others: others.len() as u64,
        others_mean_ns: mean_ns(&others),
        compared_with,
        difference: mean_difference(&timed(&touched), &timed(&others)),
    })
}

fn timed(seen: &[&Seen]) -> Vec<Timed> {
    seen.iter()
        .map(|it| Timed { at_ms: it.start_unix_ns / 1_000_000, value: it.duration_ns as f64 })
        .collect()
}

/// 0 without any.
fn mean_ns(seen: &[&Seen]) -> f64 {
    let sum: f64 = seen.iter().map(|it| it.duration_ns as f64).sum();
    sum / seen.len().max(1) as f64
}
