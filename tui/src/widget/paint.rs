//! Text into a buffer, cut to its rectangle by display width.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

/// Line `index` of an area; empty when the area is not that high.
pub fn line(area: Rect, index: u16) -> Rect {
    if index >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect { y: area.y + index, height: 1, ..area }
}

/// The area without its first `columns`.
pub fn after(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}

/// The first `columns` of an area.
pub fn first(area: Rect, columns: u16) -> Rect {
    Rect { width: area.width.min(columns), ..area }
}

/// Columns that a text takes.
pub fn width(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// Writes into the first line of an area, from the left; gives the columns that were used.
pub fn text(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    let (end, _) = buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    end - area.x
}

/// As [`text`], and marks a text that had to be cut.
pub fn fitted(buffer: &mut Buffer, area: Rect, words: &str, style: Style, mark: &str) -> u16 {
    if width(words) <= area.width {
        return text(buffer, area, words, style);
    }
    let used = text(buffer, first(area, area.width.saturating_sub(1)), words, style);
    used + text(buffer, after(area, used), mark, style)
}

/// As [`fitted`], but the mark stands in the middle: names often differ only in their ends.
pub fn shortened(buffer: &mut Buffer, area: Rect, name: &str, style: Style, mark: &str) -> u16 {
    let room = area.width.saturating_sub(width(mark));
    if width(name) <= area.width || room < 2 {
        return fitted(buffer, area, name, style, mark);
    }
    let tail = room / 2;
    let mut begin = name.len();
    for (at, _) in name.char_indices().rev() {
        if width(&name[at..]) > tail {
            break;
        }
        begin = at;
    }
    let used = text(buffer, first(area, room - tail), name, style);
    let used = used + text(buffer, after(area, used), mark, style);
    used + text(buffer, after(area, used), &name[begin..], style)
}

/// Writes into the first line of an area so that it ends at its right end. What does not fit is
/// not written: half a number is a wrong number.
pub fn right(buffer: &mut Buffer, area: Rect, words: &str, style: Style) -> u16 {
    let needed = width(words);
    if needed > area.width {
        return 0;
    }
    text(buffer, after(area, area.width - needed), words, style)
}

/// Writes pieces one after the other; gives the columns that were used.
pub fn pieces<T: AsRef<str>>(buffer: &mut Buffer, area: Rect, pieces: &[(T, Style)]) -> u16 {
    let mut used = 0;
    for (words, style) in pieces {
        used += text(buffer, after(area, used), words.as_ref(), *style);
    }
    used
}

/// Makes an area blank, for what is drawn over it.
pub fn clear(buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// Sets one cell, if it is inside.
pub fn cell(buffer: &mut Buffer, area: Rect, at: (u16, u16), symbol: &str, style: Style) {
    if at.0 >= area.width || at.1 >= area.height {
        return;
    }
    if let Some(cell) = buffer.cell_mut((area.x + at.0, area.y + at.1)) {
        cell.set_symbol(symbol).set_style(style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_the_end_of_their_area() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        assert_eq!(text(&mut buffer, Rect::new(2, 0, 3, 1), "orders", Style::new()), 3);
        assert_eq!(buffer, Buffer::with_lines(["  ord   "]));
    }

    #[test]
    fn a_cut_text_can_carry_a_mark_and_a_wide_letter_is_never_halved() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        fitted(&mut buffer, Rect::new(0, 0, 5, 1), "payments", Style::new(), "~");
        fitted(&mut buffer, Rect::new(0, 1, 4, 1), "支付支付", Style::new(), "~");
        assert_eq!(buffer, Buffer::with_lines(["paym~   ", "支~     "]));
    }

    #[test]
    fn names_that_differ_in_their_ends_are_told_apart_when_they_are_cut() {
        for (name, width, shown) in [
            ("payments slow", 13, "payments slow"),
            ("payments slow", 12, "paymen~ slow"),
            ("payments slow by hand", 12, "paymen~ hand"),
            ("payments slow", 5, "pa~ow"),
            ("payments slow by hand", 5, "pa~nd"),
            ("支付支付", 6, "支~付"),
            ("payments", 2, "p~"),
            ("payments", 0, ""),
        ] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 1));
            shortened(&mut buffer, Rect::new(0, 0, width, 1), name, Style::new(), "~");
            let line: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            // A wide letter takes two cells, the second of which is blank.
            let line = line.replace("支 ", "支").replace("付 ", "付");
            assert_eq!(line.trim_end(), shown, "{name} {width}");
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_left_out() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        assert_eq!(right(&mut buffer, Rect::new(0, 0, 2, 1), "489", Style::new()), 0);
        assert_eq!(right(&mut buffer, Rect::new(0, 0, 6, 1), "489", Style::new()), 3);
        assert_eq!(buffer, Buffer::with_lines(["   489"]));
    }

    #[test]
    fn nothing_is_written_outside_the_buffer() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        for area in [Rect::new(5, 5, 3, 3), Rect::new(0, 0, 0, 0), Rect::new(1, 0, 9, 9)] {
            fitted(&mut buffer, area, "abc", Style::new(), "~");
            cell(&mut buffer, area, (1, 1), "#", Style::new());
        }
        assert_eq!(buffer, Buffer::with_lines([" a"]));
    }
}
