//! Percentiles of the selected flow or edge over time.

use std::ops::RangeInclusive;

use ratatui::layout::Rect;

use crate::format;
use crate::screen::{Axis, FRACTION_NAMES, Plot, Row, Snapshot};
use crate::theme::Role;
use crate::view::{Canvas, Framed, TimePlot};
use crate::widget::paint;
use crate::widget::panel::Piece;
use crate::widget::series::{Line, Series};

/// Columns of `p99.9` and a value at the right end of a plot, at least and at most.
const VALUES: RangeInclusive<u16> = 10..=16;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, frame: Framed, plot: TimePlot) {
    let row = snapshot.rows.get(snapshot.selected);
    let frame = (frame.0, Some(frame.1));
    let inside = of(canvas, &snapshot.axis, (row, &snapshot.plot), frame, plot);
    if let Some(row) = row.filter(|_| snapshot.axis.newest_s.is_some()) {
        values(canvas, row, inside, plot);
    }
}

/// The durations of one flow or edge, in a panel that Tab goes through if it has a number; gives
/// the inside of the panel.
pub(in crate::view) fn of(
    canvas: &mut Canvas<'_>,
    axis: &Axis,
    (row, durations): (Option<&Row>, &Plot),
    (area, panel): (Rect, Option<(usize, bool)>),
    plot: TimePlot,
) -> Rect {
    let title = title(canvas, row, "Latency");
    let legend = legend(canvas);
    let inside = match panel {
        Some(panel) => canvas.framed_with((area, panel), title, &legend),
        None => canvas.panel(area, &title, &legend),
    };
    if axis.newest_s.is_none() {
        return inside;
    }
    let (room, axis_line) = canvas.plot_and_axis(inside, plot);
    canvas.scale(room, plot.gutter, (durations.low_ms, durations.high_ms));
    canvas.cursor_line(room, axis);
    lines(canvas, durations, room);
    canvas.axis(axis_line, axis, plot);
    inside
}

/// What is plotted, and of what.
pub(super) fn title(canvas: &Canvas<'_>, row: Option<&Row>, what: &str) -> Vec<Piece> {
    let label = row.map(|row| format!("  {}", row.subject.label()));
    let pieces =
        [Some(canvas.piece(what, Role::Title)), label.map(|it| canvas.piece(it, Role::Text))];
    pieces.into_iter().flatten().collect()
}

/// Dots are told apart by colour, signs by themselves.
fn legend(canvas: &Canvas<'_>) -> Vec<Piece> {
    let dotted = canvas.theme.dotted_lines();
    let marks = canvas.theme.glyphs.series;
    let text = |index: usize, name: &str| {
        let before = if index == 0 { "" } else { " " };
        let number = name.trim_start_matches('p');
        if dotted {
            format!("{before}{name}")
        } else {
            format!("{before}{} {number}", marks[index])
        }
    };
    (0..)
        .zip(FRACTION_NAMES)
        .map(|(index, name)| canvas.piece(text(index, name), Role::Series(index)))
        .collect()
}

fn lines(canvas: &mut Canvas<'_>, plot: &Plot, room: Rect) {
    let values: Vec<Vec<Option<f64>>> = (0..FRACTION_NAMES.len())
        .map(|index| plot.columns.iter().map(|it| it.quantiles_ms[index]).collect())
        .collect();
    let lines: Vec<Line<'_>> = values
        .iter()
        .enumerate()
        .map(|(index, values)| Line {
            values,
            symbol: canvas.theme.glyphs.series[index],
            style: canvas.style(Role::Series(index)),
        })
        .collect();
    let series = Series {
        lines: &lines,
        low: plot.low_ms,
        high: plot.high_ms,
        dotted: canvas.theme.dotted_lines(),
    };
    series.draw(canvas.buffer, room);
}

/// The numbers of the table's row at the right end of their lines, where there is room.
pub(in crate::view) fn values(canvas: &mut Canvas<'_>, row: &Row, inside: Rect, plot: TimePlot) {
    let room = paint::after(inside, plot.gutter + plot.columns + 1);
    if room.width < *VALUES.start() {
        return;
    }
    let room = paint::first(room, *VALUES.end());
    let rows = inside.height.saturating_sub(1).min(4);
    for line in 0..rows {
        let index = 3 - usize::from(line);
        let area = paint::line(room, line);
        canvas.text(area, FRACTION_NAMES[index], Role::Series(index));
        canvas.right(area, &format::milliseconds(row.quantiles_ms[index]), Role::Text);
    }
}
