//! Rows of fixed columns before one flexible text, which may be wrapped, with a row that is always
//! in sight.
//!
//! A list may be long: only the rows that are in sight are asked for.

use std::collections::VecDeque;
use std::fmt;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;
use super::table::Column;

/// Lines of one wrapped row.
const WRAPPED_MAX: usize = 12;

#[derive(Debug, Clone)]
pub struct TextRow {
    pub cells: Vec<(String, Style)>,
    pub text: (String, Style),
}

pub struct Lines<'a> {
    pub columns: &'a [Column<'a>],
    /// Over the text.
    pub title: &'a str,
    pub count: usize,
    pub row: &'a dyn Fn(usize) -> TextRow,
    /// Is always in sight.
    pub middle: usize,
    /// The middle row is the one that is selected.
    pub is_selected: bool,
    pub wrap: bool,
    /// `None` for rows without titles.
    pub header: Option<Style>,
    /// Laid over the selected row.
    pub select: Style,
    pub select_symbol: &'a str,
    pub ellipsis: &'a str,
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Lines");
        shown.field("count", &self.count).field("middle", &self.middle).finish_non_exhaustive()
    }
}

/// Columns before the first cell, for the mark of the selected row.
const MARK: u16 = 2;

impl Lines<'_> {
    /// Draws as many rows as fit; says which row lies where.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Vec<(usize, Rect)> {
        let mut below = area;
        if let Some(style) = self.header {
            let titles = self.columns.iter().map(|column| (column.title, style));
            let line = paint::after(paint::line(area, 0), MARK);
            let rest = self.cells(buffer, line, titles);
            paint::text(buffer, rest, self.title, style);
            let used = area.height.min(1);
            below = Rect { y: area.y + used, height: area.height - used, ..area };
        }
        let mut places = Vec::new();
        for (index, row, lines) in self.in_sight(below) {
            let height = (lines.len() as u16).min(below.height);
            let place = Rect { height, ..below };
            self.one(buffer, place, index, (&row, &lines));
            places.push((index, place));
            below = Rect { y: below.y + height, height: below.height - height, ..below };
        }
        places
    }

    fn one(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        index: usize,
        (row, lines): (&TextRow, &[String]),
    ) {
        let selected = self.is_selected && index == self.middle;
        if selected {
            paint::text(buffer, paint::line(area, 0), self.select_symbol, Style::new());
        }
        let cells = row.cells.iter().map(|(words, style)| (words.as_str(), *style));
        let rest = self.cells(buffer, paint::after(paint::line(area, 0), MARK), cells);
        for (at, text) in (0..area.height).zip(lines) {
            let line = Rect { x: rest.x, width: rest.width, ..paint::line(area, at) };
            paint::fitted(buffer, line, text, row.text.1, self.ellipsis);
        }
        if selected {
            buffer.set_style(area.intersection(buffer.area), self.select);
        }
    }

    /// Draws the cells and gives the room for the text behind them.
    fn cells<'b>(
        &self,
        buffer: &mut Buffer,
        line: Rect,
        cells: impl Iterator<Item = (&'b str, Style)>,
    ) -> Rect {
        let mut rest = line;
        for (column, (words, style)) in self.columns.iter().zip(cells) {
            let room = paint::first(rest, column.width.saturating_sub(1));
            if column.right {
                paint::right(buffer, room, words, style);
            } else {
                paint::fitted(buffer, room, words, style, self.ellipsis);
            }
            rest = paint::after(rest, column.width);
        }
        rest
    }

    /// The rows that fit around the middle one, each with its lines.
    fn in_sight(&self, area: Rect) -> VecDeque<(usize, TextRow, Vec<String>)> {
        let fixed: u16 = self.columns.iter().fold(MARK, |sum, it| sum.saturating_add(it.width));
        let width = area.width.saturating_sub(fixed);
        let height = usize::from(area.height);
        let mut shown = VecDeque::new();
        if self.count == 0 || height == 0 {
            return shown;
        }
        let get = |index: usize| {
            let row = (self.row)(index);
            let lines = if self.wrap {
                wrapped(&row.text.0, width, WRAPPED_MAX)
            } else {
                vec![row.text.0.clone()]
            };
            (index, row, lines)
        };
        let middle = get(self.middle.min(self.count - 1));
        let (mut first, mut last) = (middle.0, middle.0);
        let mut used = middle.2.len();
        shown.push_back(middle);
        // Half above, then as many as fit below, then the rest above.
        for (above, room) in [(true, height / 2), (false, height), (true, height)] {
            while used < room {
                let next = if above { first.checked_sub(1) } else { Some(last + 1) };
                let Some(next) = next.filter(|next| *next < self.count) else { break };
                let row = get(next);
                // Only below may a row be cut off.
                if above && used + row.2.len() > height {
                    break;
                }
                used += row.2.len();
                if above {
                    first = next;
                    shown.push_front(row);
                } else {
                    last = next;
                    shown.push_back(row);
                }
            }
        }
        shown
    }
}

/// The text in lines of at most this width, broken at blanks where there are any; at least one
/// line. What does not fit into `lines_max` stays in the last one.
pub fn wrapped(text: &str, width: u16, lines_max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while lines.len() + 1 < lines_max && paint::width(rest) > width && width > 0 {
        let end = break_at(rest, width);
        lines.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// Where the first line ends, in bytes; behind at least one letter.
fn break_at(text: &str, width: u16) -> usize {
    let (mut used, mut blank) = (0_u16, None);
    for (at, letter) in text.char_indices() {
        used = used.saturating_add(paint::width(letter.encode_utf8(&mut [0; 4])));
        if letter.is_whitespace() && at > 0 {
            blank = Some(at);
        }
        if used > width {
            let least = if at == 0 { letter.len_utf8() } else { at };
            // A long word is not moved to a line of its own.
            return blank.filter(|blank| *blank * 2 >= least).unwrap_or(least);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::is_blank_outside;
    use super::*;

    fn draw(texts: &[&str], area: Rect, middle: usize, wrap: bool) -> Buffer {
        let columns = [
            Column { title: "ms", width: 5, right: true },
            Column { title: "src", width: 6, right: false },
        ];
        let row = |at: usize| TextRow {
            cells: vec![(format!("{at}"), Style::new()), ("orders".to_owned(), Style::new())],
            text: (texts[at].to_owned(), Style::new()),
        };
        let lines = Lines {
            columns: &columns,
            title: "message",
            count: texts.len(),
            row: &row,
            middle,
            is_selected: true,
            wrap,
            header: Some(Style::new()),
            select: Style::new(),
            select_symbol: ">",
            ellipsis: "~",
        };
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 2, area.bottom() + 1));
        let places = lines.draw(&mut buffer, area);
        assert!(
            texts.is_empty() || area.height < 2 || places.iter().any(|(at, _)| *at == middle),
            "{places:?}"
        );
        buffer
    }

    #[test]
    fn a_long_text_is_cut_or_wrapped() {
        let texts = ["charge failed again", "ok"];
        let area = Rect::new(0, 0, 22, 4);
        assert_eq!(
            draw(&texts, area, 1, false),
            Buffer::with_lines([
                "    ms src   message    ",
                "     0 orde~ charge f~  ",
                ">    1 orde~ ok         ",
                "                        ",
                "                        ",
            ])
        );
        assert_eq!(
            draw(&texts, area, 0, true),
            Buffer::with_lines([
                "    ms src   message    ",
                ">    0 orde~ charge     ",
                "             failed     ",
                "             again      ",
                "                        ",
            ])
        );
    }

    #[test]
    fn texts_break_at_blanks_and_long_words_within() {
        for (text, width, lines) in [
            ("", 5, &[""][..]),
            ("a b", 5, &["a b"]),
            ("one two three", 8, &["one two", "three"]),
            ("a abcdefghijkl", 6, &["a abcd", "efghij", "kl"]),
            ("支付支付", 4, &["支付", "支付"]),
            ("支付", 1, &["支", "付"]),
            ("anything", 0, &["anything"]),
        ] {
            assert_eq!(wrapped(text, width, 9), lines, "{text:?} {width}");
        }
        assert_eq!(wrapped("a b c d", 1, 2), ["a", "b c d"]);
    }

    proptest! {
        #[test]
        fn any_rows_stay_in_any_area(
            texts in prop::collection::vec(".{0,80}", 0..12),
            (x, y, width, height) in (0_u16..4, 0_u16..4, 0_u16..50, 0_u16..12),
            middle in 0_usize..12,
            wrap in any::<bool>(),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let area = Rect::new(x, y, width, height);
            let middle = middle.min(texts.len().saturating_sub(1));
            let buffer = draw(&texts, area, middle, wrap);
            prop_assert!(is_blank_outside(&buffer, area));
        }
    }
}
