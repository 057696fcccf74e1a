use proptest::prelude::*;
use ratatui::style::Color;

use super::*;
use crate::derive::topology::{LinkKind, Topology};
use crate::glyphs::{ASCII, UTF8};

fn piece(text: &str) -> Vec<Piece> {
    vec![(text.to_owned(), Style::new())]
}

struct Shown {
    topology: Topology,
    boxes: Vec<GraphBox>,
    lines: Vec<Option<GraphLine>>,
}

fn shown(calls: &[(&str, &str)], texts: (&str, &str), rows: usize) -> Shown {
    let topology = Topology::of(calls, &[]);
    let boxes = topology.nodes.iter().map(|node| GraphBox {
        title: piece(&node.name),
        lines: vec![piece("p99 17"); rows],
        style: Style::new(),
    });
    let text = |text: &str| if text.is_empty() { vec![] } else { piece(text) };
    let lines = topology.links.iter().map(|link| {
        (link.kind == LinkKind::Forward).then(|| GraphLine {
            from: link.from,
            to: link.to,
            above: text(texts.0),
            below: text(texts.1),
            mark: None,
            style: Style::new(),
            rank: 0,
        })
    });
    Shown { boxes: boxes.collect(), lines: lines.collect(), topology }
}

impl Shown {
    fn graph(&self, ascii: bool) -> Graph<'_> {
        Graph {
            boxes: &self.boxes,
            lines: &self.lines,
            layers: &self.topology.layers,
            border: if ascii { &ASCII.border } else { &UTF8.border },
            signs: if ascii { &LineSigns::ASCII } else { &LineSigns::UTF8 },
            offset: (0, 0),
        }
    }
}

fn text(graph: &Graph<'_>, area: Rect) -> String {
    let mut buffer = Buffer::empty(area);
    graph.draw(&mut buffer, area);
    let lines = buffer.content().chunks(usize::from(area.width)).map(|cells| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

const SHOP: [(&str, &str); 4] =
    [("client", "orders"), ("orders", "payments"), ("orders", "stock"), ("client", "stock")];

#[test]
fn lines_branch_turn_and_pass() {
    let shown = shown(&SHOP, ("9/s", "2%"), 1);
    insta::assert_snapshot!(text(&shown.graph(true), Rect::new(0, 0, 60, 12)));
    insta::assert_snapshot!(text(&shown.graph(false), Rect::new(0, 0, 60, 12)));
}

#[test]
fn a_part_of_a_large_drawing_is_the_same_as_in_the_whole() {
    let shown = shown(&SHOP, ("9/s", "支2%"), 2);
    let graph = shown.graph(false);
    let mut whole = Buffer::empty(Rect::new(0, 0, 70, 20));
    graph.draw(&mut whole, Rect::new(0, 0, 70, 20));
    for (x, y) in [(0, 0), (7, 3), (30, 1), (5, 9)] {
        let mut part = Buffer::empty(Rect::new(0, 0, 20, 6));
        Graph { offset: (x, y), ..graph }.draw(&mut part, Rect::new(0, 0, 20, 6));
        for at in part.area.positions() {
            let there = &whole[(at.x + x as u16, at.y + y as u16)];
            // Half a wide letter is not drawn at the edge.
            if at.x > 0 && at.x < 19 {
                assert_eq!(&part[at], there, "{x} {y} {at}");
            }
        }
    }
}

#[test]
fn a_box_is_brought_into_sight_with_the_least_move() {
    let shown = shown(&SHOP, ("", ""), 0);
    let placed = shown.graph(true).place();
    let area = Rect::new(0, 0, 20, 5);
    let client = shown.topology.node("client").unwrap();
    let stock = shown.topology.node("stock").unwrap();
    assert_eq!(placed.offset_for(client, (0, 0), area).0, 0);
    let (x, y) = placed.offset_for(stock, (0, 0), area);
    let spot = placed.boxes[stock];
    assert_eq!(x, spot.x + spot.width - 20);
    assert!(y <= spot.y && spot.y + spot.height <= y + 5);
    assert_eq!(placed.offset_for(client, (1_000, -7), Rect::new(0, 0, 500, 500)), (0, 0));
    assert_eq!(placed.offset_for(99, (3, 4), area), (3, 4));
}

#[test]
fn where_lines_meet_the_higher_rank_gives_the_style() {
    let mut shown = shown(&[("a", "b"), ("a", "c")], ("", ""), 0);
    let red = Style::new().fg(Color::Indexed(1));
    let grave = shown.lines[1].as_mut().unwrap();
    (grave.style, grave.rank) = (red, 1);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 8));
    let placed = shown.graph(true).draw(&mut buffer, Rect::new(0, 0, 40, 8));
    let start = placed.hops[0].start;
    assert_eq!(buffer[(start.0 as u16, start.1 as u16)].fg, Color::Indexed(1));
}

proptest! {
    #[test]
    fn any_graph_stays_inside_any_area_and_boxes_never_overlap(
        ends in prop::collection::vec((0_usize..14, 0_usize..14), 0..40),
        size in (0_u16..60, 0_u16..20),
        offset in (-50_i32..200, -50_i32..200),
        wild in prop::option::of((any::<i32>(), any::<i32>())),
        texts in ("\\PC{0,12}", "[a\u{7}支\n]{0,8}"),
        rows in 0_usize..4,
    ) {
        let names: Vec<String> = (0..14).map(|at| format!("{}{at}", texts.1)).collect();
        let calls: Vec<(&str, &str)> =
            ends.iter().map(|(from, to)| (names[*from].as_str(), names[*to].as_str())).collect();
        let shown = shown(&calls, (&texts.0, &texts.1), rows);
        let area = Rect::new(1, 1, size.0, size.1);
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0 + 2, size.1 + 2));
        let graph = Graph { offset: wild.unwrap_or(offset), ..shown.graph(true) };
        let placed = graph.draw(&mut buffer, area);
        prop_assert!(super::super::tests::is_blank_outside(&buffer, area));
        let all: Vec<Spot> =
            placed.boxes.iter().copied().chain(placed.passes.iter().map(|pass| pass.1)).collect();
        for (at, one) in all.iter().enumerate() {
            prop_assert!(one.x >= 0 && one.y >= 0);
            for other in &all[at + 1..] {
                let apart = one.x + one.width <= other.x || other.x + other.width <= one.x
                    || one.y + one.height <= other.y || other.y + other.height <= one.y;
                prop_assert!(apart, "{one:?} {other:?}");
            }
        }
    }
}

#[test]
fn what_is_cut_or_beyond_the_area_is_counted_with_its_side() {
    let shown = shown(&SHOP, ("9/s", "2%"), 1);
    let placed = shown.graph(true).place();
    let whole = Rect::new(0, 0, placed.width as u16, placed.height as u16);
    assert_eq!(placed.outside((0, 0), whole), Outside::default());
    let narrow = Rect { width: whole.width - 1, ..whole };
    let right = [false, true, false, false];
    assert_eq!(placed.outside((0, 0), narrow), Outside { boxes: 2, lines: 0, sides: right });
    let left = [true, false, false, false];
    assert_eq!(placed.outside((1, 0), whole).sides, left, "the client is cut");
    let nothing = placed.outside((0, 0), Rect::default());
    assert_eq!((nothing.boxes, nothing.lines), (4, 4));
}
