//! The calls as a matrix: callers by line, callees by column.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::error_role;
use crate::app::{App, selected_link};
use crate::derive::gravity::gravity;
use crate::format;
use crate::screen::topology::TopologyView;
use crate::theme::Role;
use crate::view::{Canvas, Hit};
use crate::widget::matrix::Matrix;
use crate::widget::paint;

/// Columns of a cell with the blank before it: a number and a sign; more only if all cells fit.
const CELL: std::ops::RangeInclusive<u16> = 9..=14;

pub(super) fn draw(canvas: &mut Canvas<'_>, app: &App, view: &TopologyView, inside: Rect) {
    let name = |node: &usize| view.graph.nodes[*node].name.clone();
    let rows: Vec<String> = view.matrix.callers.iter().map(name).collect();
    let columns: Vec<String> = view.matrix.callees.iter().map(name).collect();
    let cells: Vec<Vec<Option<(String, Style)>>> = view
        .matrix
        .callers
        .iter()
        .map(|row| {
            view.matrix.callees.iter().map(|column| cell(canvas, view, *row, *column)).collect()
        })
        .collect();
    let link = selected_link(app, view).and_then(|at| view.graph.links.get(at));
    let place = |nodes: &[usize], node: Option<usize>| {
        node.and_then(|node| nodes.iter().position(|it| *it == node)).unwrap_or(0)
    };
    let selected = (
        place(&view.matrix.callers, link.map(|link| link.from)),
        place(&view.matrix.callees, link.map(|link| link.to)),
    );
    let longest = |names: &[String]| names.iter().map(|name| paint::width(name)).max().unwrap_or(0);
    let cell_width = longest(&columns).saturating_add(1).clamp(*CELL.start(), *CELL.end());
    let all = usize::from(cell_width) * columns.len() + usize::from(longest(&rows)) + 2;
    let fits = all <= usize::from(inside.width);
    let matrix = Matrix {
        rows: &rows,
        columns: &columns,
        cells: &cells,
        selected,
        cell_width: if fits { cell_width } else { *CELL.start() },
        header: canvas.style(Role::Header),
        select: canvas.style(Role::Select),
        select_symbol: canvas.theme.glyphs.selected,
        ellipsis: canvas.theme.glyphs.ellipsis,
    };
    for ((row, column), area) in matrix.draw(canvas.buffer, inside) {
        let ends = (view.matrix.callers[row], view.matrix.callees[column]);
        if let Some(link) = view.matrix.links.get(&ends) {
            canvas.hit(area, Hit::Row(*link));
        }
    }
}

fn cell(
    canvas: &Canvas<'_>,
    view: &TopologyView,
    caller: usize,
    callee: usize,
) -> Option<(String, Style)> {
    let numbers = view.edges.get(*view.matrix.links.get(&(caller, callee))?)?;
    let percent = numbers.error_percent();
    let text = match percent {
        Some(_) => format::percent(percent),
        None => "idle".to_owned(),
    };
    let sign = match numbers.breaker() {
        Some(state) if gravity(state) > 0 => canvas.theme.glyphs.breaker(state),
        _ => " ",
    };
    Some(canvas.piece(format!("{text} {sign}"), error_role(percent)))
}
