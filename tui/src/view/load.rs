//! The load generator at full length: what it offered and got over time, how late it was itself,
//! and durations by flow, step and percentile.
//!
//! Everything here comes from what the generator reports, so it is as good without a gateway.

use ratatui::layout::Rect;

use super::{Canvas, TimePlot};
use crate::app::App;
use crate::layout::{SMALL_GUTTER, Shell};
use crate::screen::Snapshot;
use crate::screen::load::LoadView;

mod lanes;
mod spectrum;
mod table;

/// Columns of a wide left panel that are not plot, as on the overview.
const LEFT_EXTRA: u16 = 18;
/// Lines of the table that it keeps: a header, three rows, and its box.
const TABLE_MIN: u16 = 6;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &LoadView,
    shell: &Shell,
) {
    let stage = shell.stage;
    let columns = app.layout().columns();
    match (app.zoomed, app.focus, shell.wide) {
        (true, 0, _) => table::draw(canvas, app, view, stage),
        (true, 1, _) => {
            let gutter = stage.width.saturating_sub(columns + 3).min(LEFT_EXTRA - 3);
            lanes::draw(canvas, app, snapshot, view, (stage, TimePlot { gutter, columns }));
        },
        (true, _, _) => spectrum::draw(canvas, app, view, stage),
        (false, _, true) => wide(canvas, app, snapshot, view, stage),
        (false, _, false) => small(canvas, app, snapshot, view, stage),
    }
}

fn wide(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, view: &LoadView, stage: Rect) {
    let above = (lanes::COUNT + 3).min(stage.height.saturating_sub(TABLE_MIN));
    let top = Rect { height: above, ..stage };
    let columns = app.layout().columns();
    let left = columns + LEFT_EXTRA;
    let plot = TimePlot { gutter: LEFT_EXTRA - 3, columns };
    let area = Rect { width: left, ..top };
    lanes::draw(canvas, app, snapshot, view, (area, plot));
    let right = Rect { x: top.x + left, width: top.width - left, ..top };
    spectrum::draw(canvas, app, view, right);
    let below = Rect { y: top.bottom(), height: stage.height - above, ..stage };
    table::draw(canvas, app, view, below);
}

/// Below the lanes stands the table, or the percentiles when they have the keys.
fn small(canvas: &mut Canvas<'_>, app: &App, snapshot: &Snapshot, view: &LoadView, stage: Rect) {
    let above = stage.height / 2;
    let plot = TimePlot { gutter: SMALL_GUTTER, columns: app.layout().columns() };
    lanes::bare(canvas, snapshot, view, (Rect { height: above, ..stage }, plot));
    let below = Rect { y: stage.y + above, height: stage.height - above, ..stage };
    if app.focus == 2 {
        spectrum::draw(canvas, app, view, below);
    } else {
        table::draw(canvas, app, view, below);
    }
}

#[cfg(test)]
mod tests;
