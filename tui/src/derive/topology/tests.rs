use proptest::prelude::*;

use super::*;

fn shop() -> Vec<(&'static str, &'static str)> {
    vec![
        ("client", "orders"),
        ("orders", "payments"),
        ("orders", "inventory"),
        ("payments", "ledger"),
        ("inventory", "stock"),
        ("orders", "catalog"),
    ]
}

fn drawn(topology: &Topology) -> Vec<String> {
    let slot = |slot: &Slot| match slot {
        Slot::Node(at) => topology.nodes[*at].name.clone(),
        Slot::Pass(link) => format!("~{}", topology.nodes[topology.links[*link].to].name),
    };
    topology
        .layers
        .iter()
        .map(|layer| layer.iter().map(slot).collect::<Vec<_>>().join(" "))
        .collect()
}

fn kind(topology: &Topology, from: &str, to: &str) -> LinkKind {
    let (from, to) = (topology.node(from).unwrap(), topology.node(to).unwrap());
    topology.links.iter().find(|link| (link.from, link.to) == (from, to)).unwrap().kind
}

#[test]
fn layers_are_by_the_longest_way_from_a_caller() {
    let topology = Topology::of(&shop(), &[]);
    assert_eq!(
        drawn(&topology),
        ["client", "orders", "catalog inventory payments", "stock ledger"]
    );
    assert_eq!(topology.circles, 0);
}

#[test]
fn a_long_link_has_a_place_in_each_layer_that_it_passes() {
    let topology = Topology::of(&[("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d")], &[]);
    assert_eq!(drawn(&topology), ["a", "b ~c ~d", "c ~d", "d"]);
}

#[test]
fn the_order_within_layers_avoids_crossings() {
    // In order of names all three would cross.
    let topology = Topology::of(&[("a", "z"), ("b", "y"), ("c", "x")], &[]);
    assert_eq!(drawn(&topology), ["a b c", "z y x"]);
}

#[test]
fn circles_are_kept_and_marked_and_begin_where_they_are_entered() {
    let topology = Topology::of(&[("b", "c"), ("c", "d"), ("d", "b"), ("z", "c"), ("d", "d")], &[]);
    // z enters the circle at c.
    assert_eq!(drawn(&topology), ["z", "c", "d", "b"]);
    assert_eq!(kind(&topology, "b", "c"), LinkKind::Back);
    assert_eq!(kind(&topology, "d", "d"), LinkKind::Itself);
    assert_eq!(topology.circles, 2);
    let in_circle: Vec<bool> = topology.nodes.iter().map(|node| node.in_circle).collect();
    assert_eq!(in_circle, [true, true, true, false]);
    let marked: Vec<usize> = topology.marked(2).map(|link| link.to).collect();
    assert_eq!(marked, [2]);
}

#[test]
fn a_circle_that_nobody_enters_begins_at_the_first_name() {
    let topology = Topology::of(&[("c", "a"), ("a", "b"), ("b", "c")], &["lonely"]);
    assert_eq!(drawn(&topology), ["a lonely", "b", "c"]);
    assert_eq!(kind(&topology, "c", "a"), LinkKind::Back);
    assert!(topology.nodes[3].is_unlinked && !topology.nodes[3].in_circle);
}

#[test]
fn doubled_calls_are_one_link_that_knows_both() {
    let topology = Topology::of(&[("a", "b"), ("x", "y"), ("a", "b")], &["a"]);
    assert_eq!(topology.links[0].calls, [0, 2]);
    assert_eq!(topology.links.len(), 2);
}

#[test]
fn the_tree_has_each_link_once_and_marks_what_is_repeated() {
    let topology = Topology::of(
        &[("client", "a"), ("client", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("d", "a")],
        &["lonely"],
    );
    let rows: Vec<String> = topology
        .tree()
        .iter()
        .map(|row| {
            let marks = [(row.is_last, "$"), (row.is_repeated, "*"), (row.closes_circle, "@")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            format!("{}{}{marks}", "-".repeat(row.depth), topology.nodes[row.node].name)
        })
        .collect();
    assert_eq!(rows, ["client$", "-a", "--c$", "---d$", "----a$*@", "-b$", "--c$*", "lonely$"]);
}

#[test]
fn the_matrix_has_callers_in_rows_and_callees_in_columns_by_layer() {
    let topology = Topology::of(&shop(), &["lonely"]);
    let matrix = topology.matrix();
    let names = |nodes: &[usize]| {
        nodes.iter().map(|at| topology.nodes[*at].name.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&matrix.callers), "client orders inventory payments");
    assert_eq!(names(&matrix.callees), "orders catalog inventory payments ledger stock");
    let link =
        matrix.links[&(topology.node("orders").unwrap(), topology.node("payments").unwrap())];
    assert_eq!(topology.links[link].calls, [1]);
}

#[test]
fn links_without_room_are_marked_and_not_lost() {
    let names: Vec<String> = (0..400).map(|at| format!("{at:03}")).collect();
    let chain = (1..400).map(|at| (names[at - 1].as_str(), names[at].as_str()));
    let long = (0..30).map(|at| (names[at].as_str(), names[399].as_str()));
    let calls: Vec<(&str, &str)> = chain.chain(long).collect();
    let topology = Topology::of(&calls, &[]);
    let undrawn = topology.links.iter().filter(|link| link.kind == LinkKind::Undrawn).count();
    assert_eq!(undrawn, 20);
    assert_eq!(topology.links.len(), calls.len());
    assert_eq!(topology.tree().len(), calls.len() + 1);
}

proptest! {
    #[test]
    fn any_calls_are_drawn_whole(
        ends in prop::collection::vec((0_usize..40, 0_usize..40), 0..200),
        others in prop::collection::vec(0_usize..60, 0..5),
    ) {
        let names: Vec<String> = (0..60).map(|at| format!("node {at}")).collect();
        let calls: Vec<(&str, &str)> =
            ends.iter().map(|(from, to)| (names[*from].as_str(), names[*to].as_str())).collect();
        let others: Vec<&str> = others.iter().map(|at| names[*at].as_str()).collect();
        let topology = Topology::of(&calls, &others);
        let mut nodes: Vec<usize> = topology
            .layers
            .iter()
            .flatten()
            .filter_map(|slot| if let Slot::Node(at) = slot { Some(*at) } else { None })
            .collect();
        nodes.sort_unstable();
        prop_assert!(nodes.into_iter().eq(0..topology.nodes.len()));
        let mut told: Vec<usize> =
            topology.links.iter().flat_map(|link| link.calls.clone()).collect();
        told.sort_unstable();
        prop_assert!(told.into_iter().eq(0..calls.len()));
        for link in &topology.links {
            let (from, to) = (topology.nodes[link.from].layer, topology.nodes[link.to].layer);
            prop_assert_eq!(link.kind == LinkKind::Forward, from < to && link.kind != LinkKind::Undrawn);
            let circle = link.kind == LinkKind::Back;
            prop_assert!(!circle || topology.nodes[link.from].in_circle);
        }
        let heads = topology.tree().iter().filter(|row| row.link.is_none()).count();
        prop_assert_eq!(topology.tree().len(), heads + topology.links.len());
        prop_assert_eq!(topology.matrix().links.len(), topology.links.len());
    }
}
