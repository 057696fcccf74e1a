//! Spans in the order of a waterfall: each under its parent, by start time.

use std::collections::{BTreeMap, BTreeSet};

use model::frame::Span;
use model::id::SpanId;

/// Depth and span. A span whose parent is missing stands at the left, and so does one of a circle
/// of parents, which a broken emitter can send.
pub(crate) fn depth_first(spans: &[Span]) -> Vec<(usize, &Span)> {
    let known: BTreeSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let mut children: BTreeMap<SpanId, Vec<usize>> = BTreeMap::new();
    let mut roots = Vec::new();
    let mut by_start: Vec<usize> = (0..spans.len()).collect();
    by_start.sort_by_key(|index| (spans[*index].start_unix_ns, *index));
    for index in &by_start {
        match spans[*index].parent.filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(*index),
            None => roots.push(*index),
        }
    }
    let mut rows = Vec::with_capacity(spans.len());
    let mut seen = vec![false; spans.len()];
    // What no root leads to is in a circle; it begins where it is met first.
    for root in roots.into_iter().chain(by_start) {
        let mut open = vec![(0, root)];
        while let Some((depth, index)) = open.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            rows.push((depth, &spans[index]));
            let below = children.get(&spans[index].span_id).into_iter().flatten();
            open.extend(below.rev().map(|child| (depth + 1, *child)));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8, parent: Option<u8>, start: u64) -> Span {
        let id_of = |id: u8| SpanId::from_bytes([id; 8]).unwrap();
        Span {
            span_id: id_of(id),
            parent: parent.map(id_of),
            service: "s".into(),
            name: id.to_string(),
            kind: "server".into(),
            start_unix_ns: start,
            duration_ns: 1,
            error: false,
            status_message: String::new(),
            attributes: BTreeMap::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    fn names(spans: &[Span]) -> Vec<(usize, &str)> {
        depth_first(spans).into_iter().map(|(depth, span)| (depth, span.name.as_str())).collect()
    }

    #[test]
    fn children_stand_under_their_parent_by_start_time() {
        let spans =
            [span(3, Some(1), 30), span(1, None, 0), span(2, Some(1), 10), span(4, Some(2), 20)];
        assert_eq!(names(&spans), [(0, "1"), (1, "2"), (2, "4"), (1, "3")]);
    }

    #[test]
    fn orphans_and_circles_are_shown_once() {
        let spans =
            [span(1, Some(9), 5), span(2, Some(3), 1), span(3, Some(2), 2), span(4, Some(4), 9)];
        assert_eq!(names(&spans), [(0, "1"), (0, "2"), (1, "3"), (0, "4")]);
    }
}
