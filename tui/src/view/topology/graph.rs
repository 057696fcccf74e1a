//! The calls as boxes in layers with lines between them.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{error_role, note, rate};
use crate::app::{App, selected_link};
use crate::derive::gravity::gravity;
use crate::derive::topology::{Link, LinkKind};
use crate::format;
use crate::keys::Action;
use crate::screen::Asked;
use crate::screen::topology::{ServiceNumbers, TopologyView, UNLINKED};
use crate::theme::Role;
use crate::view::overview::breakers;
use crate::view::{Canvas, Hit};
use crate::widget::graph::{Graph, GraphBox, GraphLine, LineSigns, Outside, Placed};
use crate::widget::paint;
use crate::widget::panel::Piece;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TopologyView, inside: Rect) {
    let mut room = Rect { height: inside.height.saturating_sub(1), ..paint::after(inside, 1) };
    let legend = paint::line(inside, inside.height.saturating_sub(1));
    if view.asked == Asked::Answered {
        let text = "on a line: requests, breaker; failed %, p99 ms, f faults active";
        canvas.text(paint::after(legend, 1), text, Role::Dim);
    } else {
        note(canvas, view, legend);
    }
    let selected = selected_link(app, view);
    let lines: Vec<Option<GraphLine>> = (0..view.graph.links.len())
        .map(|at| line(canvas, view, at, selected == Some(at)))
        .collect();
    let glyphs = canvas.theme.glyphs;
    let signs = if glyphs.ascii { &LineSigns::ASCII } else { &LineSigns::UTF8 };
    let (layers, border) = (&view.graph.layers, &glyphs.border);
    let mut boxes = boxes(canvas, view, selected, true);
    let graph = Graph { boxes: &boxes, lines: &lines, layers, border, signs, offset: (0, 0) };
    // Names come before numbers when not all fits.
    let size = graph.place();
    if size.height > i32::from(room.height) || size.width > i32::from(room.width) {
        boxes = self::boxes(canvas, view, selected, false);
    }
    let graph = Graph { boxes: &boxes, lines: &lines, layers, border, signs, offset: (0, 0) };
    let placed = graph.place();
    if placed.outside((0, 0), room) != Outside::default() {
        room.height = room.height.saturating_sub(1);
    }
    let offset = offset(view, selected, &placed, room);
    outside(canvas, app, placed.outside(offset, room), Rect { y: room.bottom(), ..legend });
    Graph { offset, ..graph }.draw(canvas.buffer, room);
    hits(canvas, view, &placed, (room, offset));
}

/// Both ends of the selected link are in sight, the callee before the caller.
fn offset(view: &TopologyView, selected: Option<usize>, placed: &Placed, room: Rect) -> (i32, i32) {
    let Some(link) = selected.and_then(|at| view.graph.links.get(at)) else { return (0, 0) };
    let offset = placed.offset_for(link.from, (0, 0), room);
    placed.offset_for(link.to, offset, room)
}

/// How much is not in sight, and how one gets there.
fn outside(canvas: &mut Canvas<'_>, app: &App, outside: Outside, line: Rect) {
    if outside == Outside::default() {
        return;
    }
    let sides = ["left", "right", "above", "below"].into_iter().zip(outside.sides);
    let sides: Vec<&str> = sides.filter(|(_, is)| *is).map(|(side, _)| side).collect();
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let key = |action| app.keymap.first_key(app.place(), action).unwrap_or_default();
    let (boxes, lines) = (counted(outside.boxes, "node"), counted(outside.lines, "edge"));
    let said = match (outside.boxes, outside.lines) {
        (_, 0) => boxes,
        (0, _) => lines,
        _ => format!("{boxes}, {lines}"),
    };
    let said = format!("{said} outside ({})", sides.join(", "));
    let keys = format!(": {}/{} go there", key(Action::Down), key(Action::Up));
    let tree = format!(", {} draws the tree", key(Action::Mode));
    let line = paint::after(line, 1);
    // What does not fit as a whole is left to the line of keys.
    let mut text = said;
    for more in [keys, tree] {
        if paint::width(&text) + paint::width(&more) <= line.width {
            text.push_str(&more);
        }
    }
    canvas.text(line, &text, Role::Warn);
}

/// A box leads to the first link into it, or out of it.
fn hits(
    canvas: &mut Canvas<'_>,
    view: &TopologyView,
    placed: &Placed,
    (room, offset): (Rect, (i32, i32)),
) {
    let links = &view.graph.links;
    let seen = |at: i32, offset: i32, room: u16| (at - offset).clamp(0, i32::from(room)) as u16;
    for (node, spot) in placed.boxes.iter().enumerate() {
        let into = links.iter().position(|link| link.to == node);
        let Some(link) = into.or_else(|| links.iter().position(|link| link.from == node)) else {
            continue;
        };
        let left = seen(spot.x, offset.0, room.width);
        let right = seen(spot.x + spot.width, offset.0, room.width);
        let top = seen(spot.y, offset.1, room.height);
        let bottom = seen(spot.y + spot.height, offset.1, room.height);
        let area = Rect::new(room.x + left, room.y + top, right - left, bottom - top);
        canvas.hit(area, Hit::Row(link));
    }
}

fn boxes(
    canvas: &Canvas<'_>,
    view: &TopologyView,
    selected: Option<usize>,
    with_numbers: bool,
) -> Vec<GraphBox> {
    let ends = selected.and_then(|at| view.graph.links.get(at)).map(|link| [link.from, link.to]);
    let one = |node: usize| {
        let (of, service) = (&view.graph.nodes[node], &view.services[node]);
        let role = if of.name == UNLINKED { Role::Warn } else { Role::Title };
        let mut title = vec![canvas.piece(of.name.as_str(), role)];
        if of.in_circle {
            title.push(canvas.piece(" @", Role::Warn));
        }
        let mut lines = if with_numbers { numbers(canvas, service) } else { Vec::new() };
        lines.extend(view.graph.marked(node).map(|link| marked(canvas, view, link)));
        let is_end = ends.is_some_and(|ends| ends.contains(&node));
        let style = match error_role(service.error_percent) {
            Role::Error => Role::Error,
            _ if is_end => Role::Title,
            _ => Role::Border,
        };
        GraphBox { title, lines, style: canvas.style(style) }
    };
    (0..view.graph.nodes.len()).map(one).collect()
}

/// What a service gets, or sends when nobody calls it.
fn numbers(canvas: &Canvas<'_>, service: &ServiceNumbers) -> Vec<Vec<Piece>> {
    if service.in_per_s > 0.0 {
        let failed = format!("{}% ", format::percent(service.error_percent));
        let p99 = format::milliseconds(service.p99_ms);
        return vec![
            vec![canvas.piece(format!("in {}/s", format::rate(service.in_per_s)), Role::Text)],
            vec![
                canvas.piece(failed, error_role(service.error_percent)),
                canvas.piece(p99, Role::Text),
            ],
        ];
    }
    if service.out_per_s > 0.0 {
        let text = format!("out {}/s", format::rate(service.out_per_s));
        return vec![vec![canvas.piece(text, Role::Text)]];
    }
    Vec::new()
}

/// A link that has no line of its own.
fn marked(canvas: &Canvas<'_>, view: &TopologyView, link: &Link) -> Vec<Piece> {
    let sign = if link.kind == LinkKind::Undrawn { "" } else { "@" };
    vec![canvas.piece(format!("{sign}> {}", view.graph.nodes[link.to].name), Role::Warn)]
}

fn line(
    canvas: &Canvas<'_>,
    view: &TopologyView,
    at: usize,
    is_selected: bool,
) -> Option<GraphLine> {
    let (link, numbers) = (view.graph.links.get(at)?, view.edges.get(at)?);
    if link.kind != LinkKind::Forward {
        return None;
    }
    let percent = numbers.error_percent();
    let mut above = Vec::new();
    if is_selected {
        above.push(canvas.piece(canvas.theme.glyphs.selected, Role::Title));
    }
    above.push(rate(canvas, numbers));
    if numbers.faults() > 0 {
        above.push(canvas.piece(format!(" f{}", numbers.faults().min(99)), Role::Fault));
    }
    let p99 = format::milliseconds(numbers.quantiles_ms()[2]);
    let below = match percent {
        Some(_) => vec![
            canvas.piece(format!("{}% ", format::percent(percent)), error_role(percent)),
            canvas.piece(p99, Role::Text),
        ],
        None => Vec::new(),
    };
    let role = match error_role(percent) {
        Role::Text => Role::Border,
        role => role,
    };
    let style = if is_selected { selected_style(canvas, role) } else { canvas.style(role) };
    let mark = numbers
        .breaker()
        .map(|state| canvas.piece(canvas.theme.glyphs.breaker(state), breakers::role(state)));
    // A closed breaker looks like the line itself.
    let mark = mark.filter(|_| numbers.breaker().map(gravity) > Some(1));
    let rank = if is_selected { 2 } else { u8::from(role == Role::Error) };
    Some(GraphLine { from: link.from, to: link.to, above, below, mark, style, rank })
}

fn selected_style(canvas: &Canvas<'_>, role: Role) -> Style {
    let style = if role == Role::Border { canvas.style(Role::Title) } else { canvas.style(role) };
    style.patch(Style { fg: None, ..canvas.style(Role::Title) })
}
