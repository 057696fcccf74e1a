//! The labels under a plot: how long ago, where the cursor is, and where data is missing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;

#[derive(Debug, Clone)]
pub struct TimeAxis<'a> {
    /// At the right end, in the middle, at the left end.
    pub labels: [String; 3],
    pub cursor: usize,
    pub gaps: &'a [bool],
    pub gap_symbol: &'a str,
    pub cursor_symbol: &'a str,
    pub style: Style,
    pub cursor_style: Style,
}

impl TimeAxis<'_> {
    /// Draws into the first line of an area that is as wide as the plot.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        for (column, _) in self.gaps.iter().enumerate().filter(|(_, gap)| **gap) {
            let at = u16::try_from(column).unwrap_or(u16::MAX);
            paint::cell(buffer, area, (at, 0), self.gap_symbol, self.style);
        }
        let cursor = u16::try_from(self.cursor).unwrap_or(u16::MAX);
        let [right, middle, left] = &self.labels;
        let center = (area.width / 2).saturating_sub(paint::width(middle) / 2);
        let end = area.width.saturating_sub(paint::width(right));
        for (start, label) in [(0, left), (center, middle), (end, right)] {
            self.label(buffer, area, (start, cursor), label);
        }
        paint::cell(buffer, area, (cursor, 0), self.cursor_symbol, self.cursor_style);
    }

    /// A label makes room for the cursor: it moves left of it, or is left out.
    fn label(&self, buffer: &mut Buffer, area: Rect, at: (u16, u16), label: &str) {
        let (mut start, cursor) = at;
        let width = paint::width(label);
        if (start..start.saturating_add(width)).contains(&cursor) {
            match cursor.checked_sub(width + 1) {
                Some(moved) => start = moved,
                None => return,
            }
        }
        let room = paint::after(area, start);
        if room.width >= width {
            paint::text(buffer, room, label, self.style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(cursor: usize, gaps: &[bool]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 24, 1));
        let axis = TimeAxis {
            labels: ["now", "-1:12", "-2:24"].map(str::to_owned),
            cursor,
            gaps,
            gap_symbol: ":",
            cursor_symbol: "^",
            style: Style::new(),
            cursor_style: Style::new(),
        };
        axis.draw(&mut buffer, Rect::new(0, 0, 24, 1));
        buffer
    }

    #[test]
    fn labels_make_room_for_the_cursor() {
        assert_eq!(drawn(18, &[]), Buffer::with_lines(["-2:24     -1:12   ^  now"]));
        assert_eq!(drawn(23, &[]), Buffer::with_lines(["-2:24     -1:12    now ^"]));
        assert_eq!(drawn(12, &[]), Buffer::with_lines(["-2:24 -1:12 ^        now"]));
        assert_eq!(drawn(2, &[]), Buffer::with_lines(["  ^       -1:12      now"]));
    }

    #[test]
    fn gaps_are_marked() {
        let mut gaps = [false; 24];
        gaps[7] = true;
        assert_eq!(drawn(18, &gaps), Buffer::with_lines(["-2:24  :  -1:12   ^  now"]));
    }
}
