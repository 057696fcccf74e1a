//! Percentiles of the selected flow or edge over time.

use ratatui::layout::Rect;

use crate::format;
use crate::screen::{FRACTION_NAMES, Snapshot};
use crate::theme::Role;
use crate::view::{Canvas, TimePlot};
use crate::widget::paint;
use crate::widget::panel::Piece;
use crate::widget::series::{Line, Series};

/// Columns of `p99.9` and a value at the right end of a plot.
const VALUES: u16 = 10;

pub(super) fn draw(canvas: &mut Canvas<'_>, snapshot: &Snapshot, area: Rect, plot: TimePlot) {
    let title = title(canvas, snapshot, "Latency");
    let legend = legend(canvas);
    let inside = canvas.panel(area, &title, &legend);
    if snapshot.axis.newest_s.is_none() {
        return;
    }
    let (room, axis_line) = canvas.plot_and_axis(inside, plot);
    canvas.scale(room, plot.gutter, (snapshot.plot.low_ms, snapshot.plot.high_ms));
    canvas.cursor_line(room, &snapshot.axis);
    lines(canvas, snapshot, room);
    canvas.axis(axis_line, &snapshot.axis, plot);
    values(canvas, snapshot, inside, plot);
}

/// What is plotted, and of what.
pub(super) fn title(canvas: &Canvas<'_>, snapshot: &Snapshot, what: &str) -> Vec<Piece> {
    let selected = snapshot.rows.get(snapshot.selected);
    let label = selected.map(|row| format!("  {}", row.subject.label()));
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

fn lines(canvas: &mut Canvas<'_>, snapshot: &Snapshot, room: Rect) {
    let values: Vec<Vec<Option<f64>>> = (0..FRACTION_NAMES.len())
        .map(|index| snapshot.plot.columns.iter().map(|it| it.quantiles_ms[index]).collect())
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
        low: snapshot.plot.low_ms,
        high: snapshot.plot.high_ms,
        dotted: canvas.theme.dotted_lines(),
    };
    series.draw(canvas.buffer, room);
}

/// The numbers of the table's row at the right end of their lines, where there is room.
fn values(canvas: &mut Canvas<'_>, snapshot: &Snapshot, inside: Rect, plot: TimePlot) {
    let room = paint::after(inside, plot.gutter + plot.columns + 1);
    let Some(row) = snapshot.rows.get(snapshot.selected) else { return };
    if room.width < VALUES {
        return;
    }
    let rows = inside.height.saturating_sub(1).min(4);
    for line in 0..rows {
        let index = 3 - usize::from(line);
        let area = paint::line(room, line);
        canvas.text(area, FRACTION_NAMES[index], Role::Series(index));
        canvas.right(area, &format::milliseconds(row.quantiles_ms[index]), Role::Text);
    }
}
