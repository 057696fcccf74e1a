//! The calls as a tree.

use ratatui::layout::Rect;

use super::{error_role, note};
use crate::app::{App, selected_link};
use crate::derive::topology::TreeRow;
use crate::format;
use crate::screen::Asked;
use crate::screen::topology::{TopologyView, UNLINKED};
use crate::theme::Role;
use crate::view::overview::breakers;
use crate::view::{Canvas, Hit};
use crate::widget::paint;
use crate::widget::panel::Piece;
use crate::widget::table::Column;
use crate::widget::tree::{Tree, TreeLine, TreeSigns};

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TopologyView, inside: Rect) {
    let number = |title, width| Column { title, width, right: true };
    let mut columns = vec![number("rps", 7), number("err%", 7), number("p99", 7)];
    if inside.width >= 60 {
        columns.push(Column { title: "breaker", width: 11, right: false });
        columns.push(Column { title: "f", width: 3, right: false });
    } else {
        columns.push(Column { title: "b", width: 2, right: false });
    }
    let mut lines: Vec<TreeLine> = Vec::with_capacity(view.tree.len());
    lines.extend(view.tree.iter().map(|row| line(canvas, view, row, columns.len())));
    let link = selected_link(app, view);
    let selected = view.tree.iter().position(|row| row.link.is_some() && row.link == link);
    let missing = view.asked != Asked::Answered;
    let room = Rect { height: inside.height.saturating_sub(u16::from(missing)), ..inside };
    let glyphs = canvas.theme.glyphs;
    let tree = Tree {
        title: "service",
        rows: &lines,
        columns: &columns,
        selected: selected.unwrap_or(0),
        signs: if glyphs.ascii { &TreeSigns::ASCII } else { &TreeSigns::UTF8 },
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: glyphs.selected,
        ellipsis: glyphs.ellipsis,
    };
    for (index, area) in tree.draw(canvas.buffer, room) {
        if let Some(link) = view.tree[index].link {
            canvas.hit(area, Hit::Row(link));
        }
    }
    if missing && inside.height > 0 {
        note(canvas, view, paint::line(inside, inside.height - 1));
    }
}

fn line(canvas: &Canvas<'_>, view: &TopologyView, row: &TreeRow, columns: usize) -> TreeLine {
    let node = &view.graph.nodes[row.node];
    let mut name = node.name.clone();
    if row.closes_circle {
        name.push_str(" @ circle");
    } else if row.is_repeated && view.graph.links.iter().any(|link| link.from == row.node) {
        name.push_str(" (as above)");
    }
    let role = match row.link {
        _ if node.name == UNLINKED => Role::Warn,
        None => Role::Title,
        Some(_) => Role::Text,
    };
    let cells = match row.link {
        Some(link) => cells(canvas, view, link, columns),
        None => head(canvas, view, row.node),
    };
    TreeLine { depth: row.depth, is_last: row.is_last, name: canvas.piece(name, role), cells }
}

fn cells(canvas: &Canvas<'_>, view: &TopologyView, link: usize, columns: usize) -> Vec<Piece> {
    let numbers = &view.edges[link];
    let percent = numbers.error_percent();
    let rate = match &numbers.row {
        Some(row) => canvas.piece(format::rate(row.per_s), Role::Text),
        // Of these only the total since the start is known.
        None => canvas.piece("calls", Role::Dim),
    };
    let state = match numbers.breaker() {
        None => canvas.piece("", Role::Dim),
        Some(state) if columns < 5 => {
            canvas.piece(canvas.theme.glyphs.breaker(state), breakers::role(state))
        },
        Some(state) => {
            let glyph = canvas.theme.glyphs.breaker(state);
            canvas.piece(format!("{glyph} {}", breakers::word(state)), breakers::role(state))
        },
    };
    let faults = match numbers.faults() {
        0 => String::new(),
        faults => faults.min(99).to_string(),
    };
    vec![
        rate,
        canvas.piece(format::percent(percent), error_role(percent)),
        canvas.piece(format::milliseconds(numbers.quantiles_ms()[2]), Role::Text),
        state,
        canvas.piece(faults, Role::Fault),
    ]
}

/// Of a head only what it sends is known.
fn head(canvas: &Canvas<'_>, view: &TopologyView, node: usize) -> Vec<Piece> {
    let out = view.services[node].out_per_s;
    vec![canvas.piece(if out > 0.0 { format::rate(out) } else { String::new() }, Role::Dim)]
}
