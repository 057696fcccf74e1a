//! How many lines there were, by level, over the time axis that all screens share.

use ratatui::layout::Rect;

use super::severity_role;
use crate::app::App;
use crate::derive::volume::VolumeRow;
use crate::format;
use crate::screen::Snapshot;
use crate::screen::logs::LogsView;
use crate::theme::Role;
use crate::view::{Canvas, TimePlot, marked_cursor};
use crate::widget::{lane, paint};

/// Columns of a level and its count before a plot that has the whole screen.
pub(super) const NAME: u16 = 14;

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    app: &App,
    snapshot: &Snapshot,
    (view, plot): (&LogsView, TimePlot),
    area: Rect,
) {
    let note = if view.unknown_columns > 0 {
        let gap = canvas.theme.glyphs.gap;
        format!("{gap} before the lines that were asked for")
    } else if view.volume.rows.is_empty() {
        String::new()
    } else {
        format!("log scale, at most {} a column", view.volume.max)
    };
    let inside = canvas.framed(area, "Volume by level", &note, (2, app.focus == 2));
    if snapshot.axis.newest_s.is_none() || inside.height == 0 {
        return;
    }
    let (room, axis_line) = canvas.plot_and_axis(inside, plot);
    let room = Rect { x: inside.x, width: inside.width, ..room };
    lanes(canvas, snapshot, (view, plot), room);
    let outside = view.volume.outside;
    let below = u16::try_from(view.volume.rows.len()).unwrap_or(u16::MAX);
    if outside > 0 {
        let text = format!("{} at another time", format::count(outside));
        canvas.text(paint::after(paint::line(room, below), 1), &text, Role::Dim);
    }
    canvas.axis(axis_line, &snapshot.axis, plot);
}

/// One lane for each level of which there are lines, the gravest first.
pub(super) fn lanes(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    (view, plot): (&LogsView, TimePlot),
    area: Rect,
) {
    for (at, row) in (0..area.height).zip(&view.volume.rows) {
        let line = paint::line(area, at);
        let name = paint::first(paint::after(line, 1), plot.gutter.saturating_sub(2));
        let used = canvas.text(name, row.severity.as_str(), severity_role(row.severity));
        canvas.right(paint::after(name, used + 1), &format::count(row.total), Role::Dim);
        one(
            canvas,
            snapshot,
            (view, row),
            paint::first(paint::after(line, plot.gutter), plot.columns),
        );
    }
}

fn one(
    canvas: &mut Canvas<'_>,
    snapshot: &Snapshot,
    (view, row): (&LogsView, &VolumeRow),
    area: Rect,
) {
    canvas.moments(area);
    let glyphs = canvas.theme.glyphs;
    let style = canvas.style(severity_role(row.severity));
    let unknown = (glyphs.gap, canvas.style(Role::Dim));
    let cells = row.counts.iter().enumerate().map(|(column, count)| {
        let step = view.volume.step(*count, glyphs.bars.len());
        match step {
            Some(step) => Some((glyphs.bars[step], style)),
            None if column < view.unknown_columns => Some(unknown),
            None => None,
        }
    });
    lane::draw(canvas.buffer, area, cells, marked_cursor(&snapshot.axis));
}
