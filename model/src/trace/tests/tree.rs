use super::*;

fn parents(tree: &Tree<'_>) -> Vec<(String, Option<String>)> {
    let name = |at: usize| tree.nodes[at].span.name.clone();
    (0..tree.nodes.len()).map(|at| (name(at), tree.nodes[at].parent.map(name))).collect()
}

proptest! {
    #[test]
    fn the_same_spans_give_the_same_tree_in_any_order(
        spans in any_spans(),
        order in any::<prop::sample::Index>(),
    ) {
        let mut turned = spans.clone();
        turned.rotate_left(order.index(spans.len()));
        turned.reverse();
        let (one, other) = (Tree::of(&spans), Tree::of(&turned));
        prop_assert_eq!(one.findings, other.findings);
        prop_assert_eq!(&one.roots, &other.roots);
        for (left, right) in one.nodes.iter().zip(&other.nodes) {
            prop_assert_eq!(left.span.span_id, right.span.span_id);
            prop_assert_eq!(left.parent, right.parent);
            prop_assert_eq!(left.start_unix_ns, right.start_unix_ns);
        }
    }

    #[test]
    fn every_span_is_below_exactly_one_root(spans in any_spans()) {
        let tree = Tree::of(&spans);
        let mut reached: Vec<usize> = tree.roots.iter().flat_map(|root| tree.below(*root)).collect();
        reached.sort_unstable();
        prop_assert_eq!(reached, (0..tree.nodes.len()).collect::<Vec<_>>());
        let kept = tree.nodes.len() as u64;
        prop_assert_eq!(kept + tree.findings.duplicates, spans.len() as u64);
        let cut = tree.nodes.iter().filter(|node| node.cut).count() as u64;
        prop_assert_eq!(cut, tree.findings.cycles);
        prop_assert_eq!(tree.roots.len() as u64, tree.findings.roots + tree.findings.orphans + cut);
    }
}

#[test]
fn a_span_whose_parent_never_came_stands_beside_the_root_and_is_counted() {
    let spans = [
        span(3, 99, ("b", "server"), (0, 5)),
        span(1, 0, ("a", "server"), (10, 20)),
        span(2, 1, ("a", "client"), (11, 19)),
    ];
    let tree = Tree::of(&spans);
    // The orphan began first, but a real root is the main one.
    assert_eq!(tree.nodes[tree.root().unwrap()].span.span_id, id(1));
    assert_eq!((tree.findings.orphans, tree.findings.roots), (1, 1));
    assert!(tree.nodes[0].orphan);
}

#[test]
fn a_span_that_came_twice_is_kept_once_and_a_shared_id_is_no_duplicate() {
    let spans = [
        span(1, 0, ("a", "client"), (0, 100)),
        span(1, 0, ("a", "client"), (0, 100)),
        // B3: the server goes on under the client's id, and its own calls name that id.
        span(1, 0, ("b", "server"), (10, 90)),
        span(2, 1, ("b", "client"), (20, 80)),
    ];
    let tree = Tree::of(&spans);
    assert_eq!((tree.findings.duplicates, tree.findings.shared_ids), (1, 1));
    let chain: Vec<&str> = (0..3).map(|at| tree.nodes[at].span.kind.as_str()).collect();
    assert_eq!(chain, ["client", "server", "client"]);
    assert_eq!([None, Some(0), Some(1)], [0, 1, 2].map(|at| tree.nodes[at].parent));
}

#[test]
fn a_circle_is_cut_at_its_earliest_span_and_a_span_below_itself_is_a_circle() {
    let spans = [
        span(1, 3, ("a", "internal"), (5, 50)),
        span(2, 1, ("a", "internal"), (10, 40)),
        span(3, 2, ("a", "internal"), (20, 30)),
        span(4, 3, ("a", "internal"), (21, 22)),
        span(5, 5, ("a", "internal"), (0, 1)),
    ];
    let tree = Tree::of(&spans);
    assert_eq!(tree.findings.cycles, 2);
    let expected = [
        ("span 5", None),
        ("span 1", None),
        ("span 2", Some("span 1")),
        ("span 3", Some("span 2")),
        ("span 4", Some("span 3")),
    ];
    let expected = expected.map(|(name, parent)| (name.to_owned(), parent.map(str::to_owned)));
    assert_eq!(parents(&tree), expected);
}

#[test]
fn a_server_of_another_clock_is_moved_to_the_middle_of_its_client_with_all_below() {
    let spans = [
        span(1, 0, ("a", "client"), (1_000, 1_100)),
        span(2, 1, ("b", "server"), (5_000, 5_060)),
        span(3, 2, ("b", "internal"), (5_010, 5_020)),
        // Its clock agrees with that of the first service.
        span(4, 3, ("c", "server"), (1_031, 1_039)),
    ];
    let tree = Tree::of(&spans);
    let times = |number: u64| {
        let node = &tree.nodes[tree.find(id(number)).unwrap()];
        (node.start_unix_ns, node.end_unix_ns, node.shift_ns)
    };
    assert_eq!(times(2), (1_020, 1_080, -3_980));
    assert_eq!(times(3), (1_030, 1_040, -3_980));
    assert_eq!(times(4), (1_031, 1_039, 0));
    assert_eq!((tree.findings.shifted, tree.findings.shift_ns_max), (2, 3_980));
}

#[test]
fn clocks_are_left_alone_where_something_else_explains_the_times() {
    let mut gave_up = span(1, 0, ("a", "client"), (0, 100));
    gave_up.error = true;
    for (parent, child, shift_ns) in [
        // The caller gave up and the callee went on.
        (gave_up.clone(), span(2, 1, ("b", "server"), (60, 130)), 0),
        // Longer than its caller: only the begin can be told.
        (span(1, 0, ("a", "client"), (50, 100)), span(2, 1, ("b", "server"), (40, 130)), 10),
        // Taken from a queue after the producer has ended.
        (span(1, 0, ("a", "producer"), (0, 10)), span(2, 1, ("b", "consumer"), (500, 600)), 0),
        // The answer was out before the server ended its span.
        (span(1, 0, ("a", "client"), (0, 90)), span(2, 1, ("b", "server"), (20, 95)), 0),
        // By more than that, and begun as late: its clock is ahead.
        (
            span(1, 0, ("a", "client"), (0, 100_000_000)),
            span(2, 1, ("b", "server"), (50_000_000, 120_000_000)),
            -35_000_000,
        ),
        // In one process there is one clock.
        (span(1, 0, ("a", "internal"), (50, 100)), span(2, 1, ("a", "internal"), (0, 10)), 0),
        (gave_up, span(2, 1, ("b", "server"), (20, 90)), 0),
    ] {
        let spans = [parent, child];
        let tree = Tree::of(&spans);
        let moved = &tree.nodes[tree.find(id(2)).unwrap()];
        assert_eq!(moved.shift_ns, shift_ns, "{spans:?}");
    }
}

#[test]
fn a_chain_as_long_as_a_hostile_sender_likes_is_walked_without_recursion() {
    let spans: Vec<Span> =
        (1..=50_000).map(|at| span(at, at - 1, ("a", "client"), (at, 200_000 - at))).collect();
    let tree = Tree::of(&spans);
    assert_eq!(tree.below(tree.root().unwrap()).len(), 50_000);
    let path = critical_path(&tree, 0);
    assert_eq!(path.iter().map(Segment::duration_ns).sum::<u64>(), 199_998);
}
