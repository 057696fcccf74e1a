use super::*;

/// The path as `(number of the span, from, to)`.
fn path(spans: &[Span]) -> Vec<(u64, u64, u64)> {
    let tree = Tree::of(spans);
    critical_path(&tree, tree.root().unwrap())
        .iter()
        .map(|segment| {
            let number = u64::from_be_bytes(*tree.nodes[segment.node].span.span_id.as_bytes());
            (number, segment.from_unix_ns, segment.to_unix_ns)
        })
        .collect()
}

#[test]
fn calls_in_a_row_are_all_on_the_path_and_gaps_belong_to_the_parent() {
    let spans = [
        span(1, 0, ("a", "server"), (0, 100)),
        span(2, 1, ("a", "client"), (10, 40)),
        span(3, 1, ("a", "client"), (50, 90)),
    ];
    let expected = [(1, 0, 10), (2, 10, 40), (1, 40, 50), (3, 50, 90), (1, 90, 100)];
    assert_eq!(path(&spans), expected);
}

#[test]
fn of_calls_side_by_side_only_the_last_one_counts() {
    let spans = [
        span(1, 0, ("a", "server"), (0, 100)),
        span(2, 1, ("a", "client"), (10, 60)),
        span(3, 1, ("a", "client"), (20, 90)),
    ];
    assert_eq!(path(&spans), [(1, 0, 20), (3, 20, 90), (1, 90, 100)]);
}

#[test]
fn a_call_that_outlasts_its_caller_is_cut_off_and_work_beside_it_is_left_out() {
    let spans = [
        span(1, 0, ("a", "server"), (0, 100)),
        span(2, 1, ("a", "client"), (30, 200)),
        // Begun on the way, awaited by nobody.
        span(3, 1, ("a", "internal"), (20, 300)),
        // After the answer.
        span(4, 1, ("a", "internal"), (150, 160)),
    ];
    assert_eq!(path(&spans), [(1, 0, 30), (2, 30, 100)]);
}

#[test]
fn what_a_cut_call_was_waiting_for_when_it_was_cut_is_on_the_path() {
    let spans = [
        span(1, 0, ("a", "server"), (0, 100)),
        span(2, 1, ("a", "client"), (30, 200)),
        span(3, 2, ("a", "internal"), (40, 150)),
    ];
    assert_eq!(path(&spans), [(1, 0, 30), (2, 30, 40), (3, 40, 100)]);
}

proptest! {
    #[test]
    fn the_path_tiles_every_span_of_every_tree_without_gap_or_overlap(spans in any_spans()) {
        let tree = Tree::of(&spans);
        for root in 0..tree.nodes.len() {
            let node = &tree.nodes[root];
            let mut at = node.start_unix_ns;
            for segment in critical_path(&tree, root) {
                prop_assert_eq!(segment.from_unix_ns, at);
                prop_assert!(segment.to_unix_ns > at);
                at = segment.to_unix_ns;
                let own = &tree.nodes[segment.node];
                prop_assert!(own.start_unix_ns <= segment.from_unix_ns);
                prop_assert!(own.end_unix_ns >= segment.to_unix_ns);
            }
            prop_assert_eq!(at, node.end_unix_ns);
        }
    }
}
