//! The selected expectation over time, against its limit.

use ratatui::layout::Rect;

use super::percent;
use crate::screen::Snapshot;
use crate::screen::verdicts::{Trend, VerdictRow};
use crate::theme::Role;
use crate::view::{Canvas, TimePlot};
use crate::widget::columns::Columns;
use crate::widget::paint;

/// Least rows of the panel: its borders, the time axis, and some of plot.
pub(super) const ROWS: u16 = 6;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    (row, trend): (&VerdictRow, &Trend),
    (area, plot): (Rect, TimePlot),
) {
    let value = |value: f64| trend.limit.written(value);
    let used = row.budget.map_or_else(String::new, |it| format!(", {} used", percent(it.used())));
    let bound = if trend.limit.at_most { "at most" } else { "at least" };
    let note = format!("{bound} {}{used}", value(trend.limit.value));
    let inside = canvas.titled(area, "Observed so far, against the limit", &note);
    let (room, axis) = canvas.plot_and_axis(inside, plot);
    let (ok, broken) = (canvas.style(Role::Ok), canvas.style(Role::Error));
    let values: Vec<_> = trend
        .columns
        .iter()
        .map(|column| column.map(|it| (it.value, if it.broken { broken } else { ok })))
        .collect();
    let columns = Columns {
        values: &values,
        full: trend.highest,
        level: trend.limit.value,
        level_symbol: canvas.theme.glyphs.fault_planned,
        level_style: canvas.style(Role::Warn),
        symbols: canvas.theme.glyphs.bars,
    };
    columns.draw(canvas.buffer, room);
    canvas.cursor_line(room, &snapshot.axis);
    let mark = |row: u16| paint::first(paint::line(inside, row), plot.gutter.saturating_sub(1));
    canvas.right(mark(0), &value(trend.highest), Role::Dim);
    canvas.right(mark(room.height.saturating_sub(1)), "0", Role::Dim);
    canvas.axis(axis, &snapshot.axis, plot);
    beside(canvas, (row, trend), (inside, plot));
}

/// In words what the bars cannot say exactly.
fn beside(
    canvas: &mut Canvas<'_>,
    (row, trend): (&VerdictRow, &Trend),
    (inside, plot): (Rect, TimePlot),
) {
    let value = |value: f64| trend.limit.written(value);
    let shown = trend.columns.iter().flatten();
    let most = shown.clone().map(|column| column.value).reduce(f64::max);
    let broken = shown.clone().filter(|column| column.broken).count();
    let mut lines = vec![(format!("limit {}", value(trend.limit.value)), Role::Warn)];
    lines.extend(row.budget.map(|it| (format!("now {}", value(it.observed)), Role::Text)));
    lines.extend(most.map(|most| (format!("most {}", value(most)), Role::Text)));
    if broken > 0 {
        lines.push((format!("broken in {broken} of {} columns", shown.count()), Role::Error));
    }
    let room = paint::after(inside, plot.gutter + plot.columns + 2);
    for (at, (text, role)) in (0..inside.height.saturating_sub(1)).zip(lines) {
        canvas.text(paint::line(room, at), &text, role);
    }
}
