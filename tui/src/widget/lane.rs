//! One line of cells over time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::paint;

/// Draws one cell per column. `None` leaves the cell empty. The cell at the cursor is reversed.
pub fn draw<'a>(
    buffer: &mut Buffer,
    area: Rect,
    cells: impl IntoIterator<Item = Option<(&'a str, Style)>>,
    cursor: Option<usize>,
) {
    for (column, cell) in cells.into_iter().enumerate().take(usize::from(area.width)) {
        let (symbol, mut style) = match cell {
            Some(filled) => filled,
            None if cursor == Some(column) => (" ", Style::new()),
            None => continue,
        };
        if cursor == Some(column) {
            style = style.add_modifier(Modifier::REVERSED);
        }
        paint::cell(buffer, area, (column as u16, 0), symbol, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_holes_and_ends_at_its_area() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let cells = ["-", "", "#", "#", "#", "#"]
            .map(|symbol| (!symbol.is_empty()).then_some((symbol, Style::new())));
        draw(&mut buffer, Rect::new(1, 0, 4, 1), cells, None);
        assert_eq!(buffer, Buffer::with_lines([" - ## "]));
    }

    #[test]
    fn the_cell_at_the_cursor_is_reversed_even_when_empty() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
        draw(&mut buffer, Rect::new(0, 0, 3, 1), [None, None], Some(1));
        assert!(buffer[(1, 0)].modifier.contains(Modifier::REVERSED));
        assert!(!buffer[(0, 0)].modifier.contains(Modifier::REVERSED));
    }
}
