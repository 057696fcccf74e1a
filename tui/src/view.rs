//! From choices and data to cells: pure functions of what they are given.
//!
//! One file per panel. Nothing here computes a number of the run; that is the store's part.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::layout::Layout;
use crate::screen::{Axis, Snapshot};
use crate::theme::{Role, Theme};
use crate::widget::axis::TimeAxis;
use crate::widget::paint;
use crate::widget::panel::{Panel, Piece};

mod breakers;
mod events;
mod faults;
mod footer;
mod header;
mod heat;
mod help;
mod latency;
mod load;
mod red;
mod small;
mod too_small;
mod verdicts;
mod wide;

/// Draws the whole screen.
pub fn view(app: &App, snapshot: &Snapshot, theme: &Theme, frame: &mut ratatui::Frame<'_>) {
    let area = frame.area();
    let mut canvas = Canvas { buffer: frame.buffer_mut(), theme };
    match Layout::of(area.width, area.height) {
        Layout::Wide(layout) => wide::draw(&mut canvas, app, snapshot, &layout),
        Layout::Small(layout) => small::draw(&mut canvas, app, snapshot, &layout),
        Layout::TooSmall => too_small::draw(&mut canvas, snapshot, area),
    }
    if app.help {
        help::draw(&mut canvas, app, area);
    }
    if theme.glyphs.ascii {
        only_ascii(frame.buffer_mut());
    }
}

/// Names come from outside and may hold any letter.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol("?");
        }
    }
}

/// Where to draw and how it looks.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
}

/// Where a time panel has its plot.
#[derive(Debug, Clone, Copy)]
struct TimePlot {
    /// Columns before the plot, inside the panel.
    gutter: u16,
    /// Plot columns.
    columns: u16,
}

impl Canvas<'_> {
    fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    fn piece(&self, words: impl Into<String>, role: Role) -> Piece {
        (words.into(), self.style(role))
    }

    fn text(&mut self, area: Rect, words: &str, role: Role) -> u16 {
        let style = self.style(role);
        paint::fitted(self.buffer, area, words, style, self.theme.glyphs.ellipsis)
    }

    fn right(&mut self, area: Rect, words: &str, role: Role) -> u16 {
        let style = self.style(role);
        paint::right(self.buffer, area, words, style)
    }

    fn pieces(&mut self, area: Rect, pieces: &[Piece]) -> u16 {
        paint::pieces(self.buffer, area, pieces)
    }

    /// A box; gives the room inside it.
    fn panel(&mut self, area: Rect, title: &[Piece], note: &[Piece]) -> Rect {
        let style = self.style(Role::Border);
        let border = &self.theme.glyphs.border;
        Panel { border, style, title, note }.draw(self.buffer, area)
    }

    fn titled(&mut self, area: Rect, title: &str, note: &str) -> Rect {
        let title = [self.piece(title, Role::Title)];
        let note = [self.piece(note, Role::Dim)];
        self.panel(area, &title, &note)
    }

    /// The time axis in the first line of an area, under its plot.
    fn axis(&mut self, area: Rect, axis: &Axis, plot: TimePlot) {
        let ago = |seconds: u64| match seconds {
            0 => "now".to_owned(),
            _ => format!("-{}", crate::format::length(seconds)),
        };
        let area = paint::first(paint::after(area, plot.gutter), plot.columns);
        let glyphs = self.theme.glyphs;
        let axis = TimeAxis {
            labels: axis.ago_s.map(ago),
            cursor: axis.cursor,
            gaps: &axis.gaps,
            gap_symbol: glyphs.gap,
            cursor_symbol: glyphs.cursor,
            style: self.style(Role::Dim),
            cursor_style: self.style(Role::Title),
        };
        axis.draw(self.buffer, area);
    }

    /// A line through a plot at the cursor, when the cursor is not at the newest second.
    fn cursor_line(&mut self, area: Rect, axis: &Axis) {
        let Some(cursor) = marked_cursor(axis) else { return };
        let style = self.style(Role::Dim);
        let at = u16::try_from(cursor).unwrap_or(u16::MAX);
        for y in 0..area.height {
            paint::cell(self.buffer, area, (at, y), self.theme.glyphs.cursor_line, style);
        }
    }

    /// Marks of a logarithmic scale, before the plot.
    fn scale(&mut self, plot: Rect, gutter: u16, (low_ms, high_ms): (f64, f64)) {
        let decades = (high_ms / low_ms).log10().round().clamp(0.0, 12.0) as u16;
        let mut last = None;
        for decade in (0..=decades).rev() {
            let share = f64::from(decade) / f64::from(decades.max(1));
            let up = ((share * f64::from(plot.height)) as u16).min(plot.height.saturating_sub(1));
            let row = plot.height.saturating_sub(1) - up;
            if last == Some(row) {
                continue;
            }
            last = Some(row);
            let mark = crate::format::axis_mark(low_ms * 10_f64.powi(i32::from(decade)));
            let line = Rect { x: plot.x - gutter, width: gutter - 1, ..paint::line(plot, row) };
            self.right(line, &mark, Role::Dim);
        }
    }
}

/// The cursor, when it is worth a mark of its own.
fn marked_cursor(axis: &Axis) -> Option<usize> {
    (axis.newest_s != Some(axis.cursor_s)).then_some(axis.cursor)
}

/// The inside of a time panel: the plot, and the line of its time axis.
fn plot_and_axis(inside: Rect, plot: TimePlot) -> (Rect, Rect) {
    let rows = inside.height.saturating_sub(1);
    let area =
        Rect { height: rows, ..paint::first(paint::after(inside, plot.gutter), plot.columns) };
    (area, paint::line(inside, rows))
}

#[cfg(test)]
mod tests;
