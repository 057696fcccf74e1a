//! The selected edge over time: p99, failed requests, breaker and faults on the shared axis.

use ratatui::layout::Rect;

use crate::app::App;
use crate::format;
use crate::screen::topology::{EdgeDetail, TopologyView};
use crate::screen::{FaultCell, Snapshot};
use crate::theme::Role;
use crate::view::overview::{breakers, faults};
use crate::view::{Canvas, TimePlot, marked_cursor};
use crate::widget::bars::Bars;
use crate::widget::series::{Line, Series};
use crate::widget::{lane, paint};

/// Index of p99 among the percentiles of a plot.
const P99: usize = 2;
/// Lanes that have one line each: failed requests, breaker, faults.
const LANES: u16 = 3;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    view: &TopologyView,
    (area, plot): (Rect, TimePlot),
) {
    let note = view.open.as_ref().map(peaks).unwrap_or_default();
    let inside = canvas.framed(area, "History of the edge", &note, (2, app.focus == 2));
    let (Some(open), true) = (&view.open, inside.height > 0) else { return };
    let (room, axis_line) = canvas.plot_and_axis(inside, plot);
    let above = room.height.saturating_sub(LANES);
    let rest = Rect { y: inside.y + above, height: inside.height - 1 - above, ..inside };
    if above >= 2 {
        let top = Rect { height: above, ..room };
        canvas.scale(top, plot.gutter, (open.plot.low_ms, open.plot.high_ms));
        canvas.cursor_line(top, &snapshot.axis);
        line(canvas, open, top);
        canvas.text(paint::after(paint::line(inside, 0), 1), "p99", Role::Dim);
        one_line_each(canvas, snapshot, open, (rest, plot), 1);
    } else {
        let all = Rect { height: inside.height - 1, ..inside };
        one_line_each(canvas, snapshot, open, (all, plot), 0);
    }
    canvas.axis(axis_line, &snapshot.axis, plot);
}

/// The same without a box, for small screens: lanes, and the axis where there is a line for it.
pub(super) fn lanes(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    view: &TopologyView,
    (area, plot): (Rect, TimePlot),
) {
    let Some(open) = &view.open else { return };
    let (lanes, axis) = match area.height {
        0..=2 => (area.height, None),
        height => (height - 1, Some(paint::line(area, height - 1))),
    };
    one_line_each(canvas, snapshot, open, (Rect { height: lanes, ..area }, plot), 0);
    if let Some(line) = axis {
        canvas.axis(line, &snapshot.axis, plot);
    }
}

fn peaks(open: &EdgeDetail) -> String {
    let p99 = open.plot.columns.iter().filter_map(|it| it.quantiles_ms[P99]).reduce(f64::max);
    let failed = open.error_columns.iter().flatten().copied().reduce(f64::max);
    let failed = format::share(failed);
    format!("highest p99 {} ms, failed {failed}", format::milliseconds(p99))
}

fn line(canvas: &mut Canvas<'_>, open: &EdgeDetail, room: Rect) {
    let values: Vec<Option<f64>> =
        open.plot.columns.iter().map(|it| it.quantiles_ms[P99]).collect();
    let line = Line {
        values: &values,
        symbol: canvas.theme.glyphs.series[P99],
        style: canvas.style(Role::Series(P99)),
    };
    let (low, high) = (open.plot.low_ms, open.plot.high_ms);
    let dotted = canvas.theme.dotted_lines();
    Series { lines: &[line], low, high, dotted }.draw(canvas.buffer, room);
}

/// p99, failed requests, breaker, faults, from `skip` on, as many as there are lines.
fn one_line_each(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    open: &EdgeDetail,
    (area, plot): (Rect, TimePlot),
    skip: usize,
) {
    let names = ["p99", "failed", "breaker", "faults"];
    for (row, at) in (0..area.height).zip(skip..names.len()) {
        let line = paint::line(area, row);
        let name = paint::first(paint::after(line, 1), plot.gutter.saturating_sub(1));
        canvas.text(name, names[at], Role::Dim);
        let room = paint::first(paint::after(line, plot.gutter), plot.columns);
        canvas.moments(room);
        match at {
            0 => {
                let values: Vec<Option<f64>> =
                    open.plot.columns.iter().map(|it| it.quantiles_ms[P99]).collect();
                bars(canvas, snapshot, (&values, 0.0), (room, Role::Series(P99)));
            },
            1 => bars(canvas, snapshot, (&open.error_columns, 1.0), (room, Role::Error)),
            2 => breaker(canvas, snapshot, open, room),
            _ => fault(canvas, snapshot, open, room),
        }
    }
}

/// Bars up to the highest value, or to `least`, so that a trifle is no tower.
fn bars(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    (values, least): (&[Option<f64>], f64),
    (room, role): (Rect, Role),
) {
    let full = values.iter().flatten().copied().fold(least, f64::max);
    let bars = Bars {
        values,
        full,
        symbols: canvas.theme.glyphs.bars,
        style: canvas.style(role),
        cursor: marked_cursor(&snapshot.axis),
    };
    bars.draw(canvas.buffer, room);
}

fn breaker(canvas: &mut Canvas<'_>, snapshot: &Snapshot, open: &EdgeDetail, room: Rect) {
    let Some(lane) = &open.breaker else {
        canvas.text(room, "no breaker", Role::Dim);
        return;
    };
    let cells = breakers::cells(canvas.theme, lane);
    lane::draw(canvas.buffer, room, cells, marked_cursor(&snapshot.axis));
}

/// All faults of the edge in one lane: active wins over done.
fn fault(canvas: &mut Canvas<'_>, snapshot: &Snapshot, open: &EdgeDetail, room: Rect) {
    if open.faults.is_empty() {
        canvas.text(room, "no fault", Role::Dim);
        return;
    }
    let rank = |cell: &FaultCell| match cell {
        FaultCell::Off => 0,
        FaultCell::Planned => 1,
        FaultCell::Done => 2,
        FaultCell::Active => 3,
    };
    let at = |column: usize| {
        let cells = open.faults.iter().filter_map(|it| it.cells.get(column).copied());
        cells.max_by_key(rank).unwrap_or(FaultCell::Off)
    };
    let cells: Vec<FaultCell> = (0..snapshot.axis.columns).map(at).collect();
    let cells = faults::cells(canvas.theme, &cells);
    lane::draw(canvas.buffer, room, cells, marked_cursor(&snapshot.axis));
}
