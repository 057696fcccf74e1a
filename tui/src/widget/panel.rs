//! A box with a title on the left and a note on the right of its upper edge.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;
use crate::glyphs;

/// A piece of text with its style.
pub type Piece = (String, Style);

#[derive(Debug, Clone)]
pub struct Panel<'a> {
    pub border: &'a glyphs::Box,
    pub style: Style,
    pub title: &'a [Piece],
    pub note: &'a [Piece],
}

impl Panel<'_> {
    /// Draws the box and gives the room inside it.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let (right, bottom) = (area.width - 1, area.height - 1);
        for x in 1..right {
            paint::cell(buffer, area, (x, 0), self.border.horizontal, self.style);
            paint::cell(buffer, area, (x, bottom), self.border.horizontal, self.style);
        }
        for y in 1..bottom {
            paint::cell(buffer, area, (0, y), self.border.vertical, self.style);
            paint::cell(buffer, area, (right, y), self.border.vertical, self.style);
        }
        for (at, corner) in [
            ((0, 0), self.border.top_left),
            ((right, 0), self.border.top_right),
            ((0, bottom), self.border.bottom_left),
            ((right, bottom), self.border.bottom_right),
        ] {
            paint::cell(buffer, area, at, corner, self.style);
        }
        self.titles(buffer, area);
        Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2)
    }

    /// The title wins: a note that does not fit beside it is left out.
    fn titles(&self, buffer: &mut Buffer, area: Rect) {
        let room = paint::line(paint::after(paint::first(area, area.width - 2), 2), 0);
        let title = self.title.iter().map(|(words, _)| paint::width(words)).sum::<u16>();
        let note = self.note.iter().map(|(words, _)| paint::width(words)).sum::<u16>();
        if title > 0 {
            // Nothing of the border shines through.
            paint::clear(buffer, paint::first(paint::after(room, 1), title));
            let used = paint::pieces(buffer, paint::after(room, 1), self.title);
            paint::text(buffer, room, " ", self.style);
            paint::text(buffer, paint::after(room, used + 1), " ", self.style);
        }
        let start = room.width.saturating_sub(note + 2);
        if note > 0 && start > title + 2 {
            let room = paint::after(room, start);
            paint::text(buffer, room, " ", self.style);
            paint::clear(buffer, paint::first(paint::after(room, 1), note));
            let used = paint::pieces(buffer, paint::after(room, 1), self.note);
            paint::text(buffer, paint::after(room, used + 1), " ", self.style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u16, height: u16) -> Buffer {
        let title = [("RED".to_owned(), Style::new())];
        let note = [("10 s".to_owned(), Style::new())];
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let style = Style::new();
        let panel = Panel { border: &glyphs::ASCII.border, style, title: &title, note: &note };
        panel.draw(&mut buffer, Rect::new(0, 0, width, height));
        buffer
    }

    #[test]
    fn a_panel_has_its_title_left_and_its_note_right() {
        let expected = Buffer::with_lines(["+- RED ----- 10 s -+", "|                  |"]);
        assert_eq!(drawn(20, 3).content()[..40], expected.content()[..40]);
    }

    #[test]
    fn a_note_without_room_is_left_out() {
        assert_eq!(drawn(12, 2), Buffer::with_lines(["+- RED ----+", "+----------+"]));
    }

    #[test]
    fn a_panel_without_room_draws_nothing() {
        assert_eq!(drawn(1, 5), Buffer::empty(Rect::new(0, 0, 1, 5)));
    }
}
