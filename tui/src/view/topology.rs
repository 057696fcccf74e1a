//! Who calls whom: a picture of the calls, and everything about the selected edge.
//!
//! Wide, the graph stands beside the edge, over its history and a second picture. Small, the tree
//! stands over the edge in a few lines and its history.

use ratatui::layout::Rect;

use super::{Canvas, TimePlot, error_role};
use crate::app::{App, Picture, picture};
use crate::filter::Filter;
use crate::format;
use crate::keys::Screen;
use crate::layout::{SMALL_GUTTER, Shell};
use crate::screen::topology::{EdgeNumbers, TopologyView};
use crate::screen::{Asked, Snapshot};
use crate::theme::Role;
use crate::widget::paint;
use crate::widget::panel::Piece;

mod edge;
mod graph;
mod history;
mod matrix;
mod tree;

/// Columns of a wide left panel that are not plot, as on the overview.
const HISTORY_EXTRA: u16 = 18;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &TopologyView,
    shell: &Shell,
) {
    let stage = shell.stage;
    match (app.zoomed, app.focus, shell.wide) {
        (true, 0, _) => main(canvas, app, view, stage),
        (true, 1, _) => edge::draw(canvas, app, view, stage),
        (true, 2, _) => {
            let columns = app.layout().columns();
            let gutter = stage.width.saturating_sub(columns + 3).min(15);
            history::draw(canvas, app, snapshot, view, (stage, TimePlot { gutter, columns }));
        },
        (true, _, _) => other(canvas, app, view, stage),
        (false, _, true) => wide(canvas, app, snapshot, view, stage),
        (false, _, false) => small(canvas, app, snapshot, view, stage),
    }
}

fn wide(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, view: &TopologyView, stage: Rect) {
    let below = if stage.height >= 32 { 10 } else { 8 };
    let top = Rect { height: stage.height - below, ..stage };
    let right = if stage.width >= 116 { 38 } else { 35 };
    let left = stage.width - right;
    main(canvas, app, view, paint::first(top, left));
    edge::draw(canvas, app, view, paint::after(top, left));
    let bottom = Rect { y: top.bottom(), height: below, ..stage };
    let columns = app.layout().columns();
    let left = columns + HISTORY_EXTRA;
    let plot = TimePlot { gutter: HISTORY_EXTRA - 3, columns };
    history::draw(canvas, app, snapshot, view, (paint::first(bottom, left), plot));
    other(canvas, app, view, paint::after(bottom, left));
}

fn small(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &TopologyView,
    stage: Rect,
) {
    let (texts, lanes) = match stage.height {
        20.. => (4, 5),
        16..20 => (3, 4),
        _ => (2, 2),
    };
    let above = stage.height - texts - lanes;
    main(canvas, app, view, Rect { height: above, ..stage });
    let lines = Rect { y: stage.y + above, height: texts, ..stage };
    edge::short(canvas, view, lines);
    let lanes = Rect { y: lines.bottom(), height: lanes, ..stage };
    let plot = TimePlot { gutter: SMALL_GUTTER, columns: app.layout().columns() };
    history::lanes(canvas, snapshot, view, (lanes, plot));
}

/// The picture that the keys move in.
fn main(canvas: &mut Canvas<'_>, app: &App, view: &TopologyView, area: Rect) {
    let filter = app.filter(Screen::Topology).map(Filter::text);
    let title = match (filter, picture(app)) {
        (Some(filter), _) => format!("/ {filter}"),
        (None, Picture::Graph) => "Topology".to_owned(),
        (None, Picture::Tree) => "Topology as a tree".to_owned(),
        (None, Picture::Matrix) => "Topology as a matrix: failed %".to_owned(),
    };
    let (shown, nodes) = (view.edges.len(), view.graph.nodes.len());
    let edges = if shown < view.all {
        format!("{shown} of {} edges", view.all)
    } else {
        format!("{nodes} nodes {shown} edges")
    };
    let circles = match view.graph.circles {
        0 => String::new(),
        circles => format!("  @ {circles} in circles"),
    };
    let inside = canvas.framed(area, &title, &format!("{edges}{circles}"), (0, app.focus == 0));
    if view.edges.is_empty() {
        nothing(canvas, view, filter.is_some(), inside);
        return;
    }
    match picture(app) {
        Picture::Graph => graph::draw(canvas, app, view, inside),
        Picture::Tree => tree::draw(canvas, app, view, inside),
        Picture::Matrix => matrix::draw(canvas, app, view, inside),
    }
}

fn nothing(canvas: &mut Canvas<'_>, view: &TopologyView, filtered: bool, inside: Rect) {
    let text = if filtered && view.all > 0 {
        "no edge matches the filter"
    } else {
        "waiting for the first request from one service to another"
    };
    canvas.text(paint::after(paint::line(inside, 0), 1), text, Role::Dim);
    note(canvas, view, paint::line(inside, 1));
}

/// Why calls that pass no gateway are missing.
fn note(canvas: &mut Canvas<'_>, view: &TopologyView, line: Rect) {
    let line = paint::after(line, 1);
    match &view.asked {
        Asked::Waiting => canvas.text(line, "asking for calls that pass no gateway ...", Role::Dim),
        Asked::Failed(reason) => {
            canvas.text(line, &format!("calls that pass no gateway: {reason}"), Role::Warn)
        },
        Asked::Answered => 0,
    };
}

/// The picture beside the history: what the main one is not.
fn other(canvas: &mut Canvas<'_>, app: &App, view: &TopologyView, area: Rect) {
    let has_keys = (3, app.focus == 3);
    if picture(app) == Picture::Matrix {
        let inside = canvas.framed(area, "Tree", "rps, failed %, p99 ms", has_keys);
        tree::draw(canvas, app, view, inside);
    } else {
        let inside = canvas.framed(area, "Matrix: failed %", "rows call columns", has_keys);
        matrix::draw(canvas, app, view, inside);
    }
}

/// Requests per second; calls since the start where no gateway counts them.
fn rate(canvas: &Canvas<'_>, numbers: &EdgeNumbers) -> Piece {
    match (&numbers.row, &numbers.call) {
        (Some(row), _) if row.per_s > 0.0 => {
            canvas.piece(format!("{}/s", format::rate(row.per_s)), Role::Text)
        },
        (None, Some(call)) => {
            canvas.piece(format!("{} calls", format::count(call.calls)), Role::Dim)
        },
        _ => canvas.piece("idle", Role::Dim),
    }
}

#[cfg(test)]
mod tests;
