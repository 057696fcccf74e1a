//! The critical path added up by what it was spent on.

use std::collections::BTreeMap;

use model::trace::{Piece, Tree, Work};

use super::label;
use super::row::is_rejected;
use crate::derive::words;

/// More parts than this are read by nobody; the rest is one part.
const PARTS_MAX: usize = 6;

/// A part of the time that the user waited.
#[derive(Debug, Clone, PartialEq)]
pub struct PathPart {
    /// What it was spent on, like `fault slow-payments on orders>payments`.
    pub what: String,
    /// `None` for what is small together.
    pub work: Option<Work>,
    pub ns: u64,
    /// Part of the whole path, 0 to 1.
    pub share: f64,
}

/// Whole nanoseconds, so the parts add up to exactly the path.
pub(super) fn parts(tree: &Tree<'_>, pieces: &[Piece]) -> Vec<PathPart> {
    let mut sums: BTreeMap<(String, Work), u64> = BTreeMap::new();
    for piece in pieces {
        let sum = sums.entry((what(tree, piece), piece.work)).or_default();
        *sum = sum.saturating_add(piece.duration_ns());
    }
    let total: u64 = sums.values().fold(0, |sum, ns| sum.saturating_add(*ns));
    let mut parts: Vec<PathPart> = sums
        .into_iter()
        .map(|((what, work), ns)| PathPart {
            what,
            work: Some(work),
            ns,
            share: ns as f64 / total.max(1) as f64,
        })
        .collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.ns));
    if parts.len() > PARTS_MAX {
        let rest: u64 = parts.drain(PARTS_MAX - 1..).fold(0, |sum, part| sum + part.ns);
        parts.push(PathPart {
            what: "everything else".to_owned(),
            work: None,
            ns: rest,
            share: rest as f64 / total.max(1) as f64,
        });
    }
    parts
}

fn what(tree: &Tree<'_>, piece: &Piece) -> String {
    let span = tree.nodes[piece.node].span;
    let (service, label) = (words::safe(&span.service), label(span));
    let edge = piece.edge.as_deref().map(|edge| words::safe(&edge.replace(" -> ", ">")));
    let place = edge.unwrap_or_else(|| label.clone());
    match piece.work {
        Work::Own => format!("{service}: {label}"),
        Work::Transit => format!("on the way of {place}"),
        Work::Unseen if is_rejected(span) => {
            format!("{service}: {label}, rejected by the breaker")
        },
        Work::Unseen => format!("{service}: {label}, whose callee sent no span"),
        Work::Queue => format!("{service}: in a queue for {place}"),
        Work::RetryWait => format!("{service}: wait before the next try"),
        Work::Injected => {
            let fault = piece.fault.as_deref().map_or_else(String::new, words::safe);
            format!("fault {fault} on {place}")
        },
    }
}
