//! Rows in the order of the tree, with a row for each wait between two attempts.

use std::collections::BTreeMap;

use model::frame::Span;
use model::names::attribute;
use model::trace::{Piece, Tree, attribute_text, is_attempt, is_repeat};

use super::mark::Marks;
use super::{BarKind, Extent, WaterfallRow, label, path_by_node};
use crate::derive::words;

/// A wait is shown when it is at least this part of the whole.
const WAIT_SHARE_MIN: f64 = 0.005;

pub(super) fn rows(
    spans: &[Span],
    tree: &Tree<'_>,
    marks: &Marks,
    (extent, pieces): (&Extent, &[Piece]),
) -> Vec<WaterfallRow> {
    let places: BTreeMap<*const Span, usize> =
        spans.iter().enumerate().map(|(at, span)| (std::ptr::from_ref(span), at)).collect();
    let ends = ends_before(tree, extent);
    let own = path_by_node(tree.nodes.len(), pieces);
    let mut rows = Vec::with_capacity(tree.nodes.len());
    let mut open: Vec<(usize, usize)> = tree.roots.iter().rev().map(|root| (0, *root)).collect();
    while let Some((depth, at)) = open.pop() {
        let node = &tree.nodes[at];
        let from = ends[at];
        rows.extend(from.and_then(|from| wait_before(tree, (at, depth), extent, from)));
        let mut row = span_row(tree, (at, depth), extent, own[at]);
        row.span = places.get(&std::ptr::from_ref(node.span)).copied();
        marks.put(at, node.span, &mut row);
        rows.push(row);
        open.extend(node.children.iter().rev().map(|child| (depth + 1, *child)));
    }
    rows
}

fn span_row(
    tree: &Tree<'_>,
    (at, depth): (usize, usize),
    extent: &Extent,
    path_ns: u64,
) -> WaterfallRow {
    let node = &tree.nodes[at];
    let (from, to) = extent.times(tree, at);
    let start_ns = from.saturating_sub(extent.start_unix_ns);
    let length_ns = to.saturating_sub(from);
    let attempt = attempt(node.span);
    let repeated = attempt.filter(|number| *number > 1);
    let name = label(node.span);
    WaterfallRow {
        depth,
        service: words::safe(&node.span.service),
        name: repeated.map_or_else(|| name.clone(), |number| format!("{name} try {number}")),
        start_ns,
        length_ns,
        start: extent.share(start_ns),
        length: extent.share(length_ns),
        bar: BarKind::Ok,
        error: node.span.error,
        fault: None,
        breaker: None,
        attempt,
        path_ns,
        on_path: path_ns > 0,
        shift_ns: node.shift_ns,
        is_loose: node.orphan || node.cut,
        span_id: Some(node.span.span_id),
        span: None,
    }
}

/// The number of an attempt, from 1.
fn attempt(span: &Span) -> Option<u64> {
    let count = |name: &str| span.attributes.get(name).and_then(serde_json::Value::as_u64);
    let number = count(attribute::HTTP_RESEND_COUNT).or_else(|| count(attribute::ATTEMPT));
    let number = number.or_else(|| is_attempt(span).then_some(0));
    Some(number?.saturating_add(1))
}

/// For each node that repeats a call: when all earlier attempts of the call had ended.
fn ends_before(tree: &Tree<'_>, extent: &Extent) -> Vec<Option<u64>> {
    let mut found = vec![None; tree.nodes.len()];
    for node in &tree.nodes {
        let mut ends: BTreeMap<(&str, String), u64> = BTreeMap::new();
        for child in &node.children {
            let span = tree.nodes[*child].span;
            let end = ends.entry((&span.kind, label(span))).or_default();
            found[*child] = (is_repeat(span) && *end > 0).then_some(*end);
            *end = extent.times(tree, *child).1.max(*end);
        }
    }
    found
}

/// The wait between the end of the last attempt and the start of this one.
fn wait_before(
    tree: &Tree<'_>,
    (at, depth): (usize, usize),
    extent: &Extent,
    from: u64,
) -> Option<WaterfallRow> {
    let node = &tree.nodes[at];
    let (start, _) = extent.times(tree, at);
    let start_ns = from.saturating_sub(extent.start_unix_ns);
    let length_ns = start.saturating_sub(from);
    let length = extent.share(length_ns);
    let number = attempt(node.span).unwrap_or(2);
    (length >= WAIT_SHARE_MIN).then(|| WaterfallRow {
        depth,
        service: words::safe(&node.span.service),
        name: format!("wait before try {number}"),
        start_ns,
        length_ns,
        start: extent.share(start_ns),
        length,
        bar: BarKind::Wait,
        error: false,
        fault: None,
        breaker: None,
        attempt: None,
        path_ns: 0,
        on_path: false,
        shift_ns: 0,
        is_loose: false,
        span_id: None,
        span: None,
    })
}

/// Was it refused by a breaker?
pub(super) fn is_rejected(span: &Span) -> bool {
    attribute_text(span, attribute::ERROR_TYPE) == Some("breaker")
}
