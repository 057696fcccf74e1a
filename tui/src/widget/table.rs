//! Rows of fixed columns behind one flexible one, with a selected row that is always in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;

#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    pub title: &'a str,
    /// With the blank before it.
    pub width: u16,
    /// Numbers stand right, words left.
    pub right: bool,
}

#[derive(Debug, Clone)]
pub struct TableRow {
    /// The flexible first column.
    pub name: (String, Style),
    pub cells: Vec<(String, Style)>,
}

#[derive(Debug, Clone)]
pub struct Table<'a> {
    pub name_title: &'a str,
    pub columns: &'a [Column<'a>],
    pub rows: &'a [TableRow],
    pub selected: usize,
    /// So many first rows stay when the others scroll, up to half of the height.
    pub pinned: usize,
    pub header: Style,
    /// Laid over the selected row.
    pub select: Style,
    /// Before the name of the selected row.
    pub select_symbol: &'a str,
    pub ellipsis: &'a str,
}

/// Which of `rows` are in sight in `height` lines when `selected` must be and the first `pinned`
/// should be.
pub fn in_sight(rows: usize, selected: usize, pinned: usize, height: usize) -> Vec<usize> {
    if rows <= height {
        return (0..rows).collect();
    }
    let pinned = pinned.min(height / 2);
    let shown = height - pinned;
    let middle = selected.saturating_sub(shown / 2).max(pinned);
    let first = middle.min(rows - shown);
    (0..pinned).chain(first..first + shown).collect()
}

impl Table<'_> {
    /// Draws the header and as many rows as fit; says which row lies where.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Vec<(usize, Rect)> {
        let fixed: u16 = self.columns.iter().map(|column| column.width).sum();
        let name = area.width.saturating_sub(fixed);
        let head = paint::line(area, 0);
        let title = paint::first(paint::after(head, 2), name.saturating_sub(2));
        paint::text(buffer, title, self.name_title, self.header);
        let titles = self.columns.iter().map(|column| (column.title, self.header));
        self.cells(buffer, paint::after(head, name), titles);
        let height = usize::from(area.height.saturating_sub(1));
        let shown = in_sight(self.rows.len(), self.selected, self.pinned, height);
        let mut places = Vec::with_capacity(shown.len());
        for (at, index) in (1..).zip(shown) {
            let row = &self.rows[index];
            let line = paint::line(area, at);
            places.push((index, line));
            let selected = index == self.selected;
            if selected {
                paint::text(buffer, line, self.select_symbol, Style::new());
            }
            let room = paint::first(paint::after(line, 2), name.saturating_sub(2));
            paint::fitted(buffer, room, &row.name.0, row.name.1, self.ellipsis);
            let cells = row.cells.iter().map(|(words, style)| (words.as_str(), *style));
            self.cells(buffer, paint::after(line, name), cells);
            if selected {
                buffer.set_style(line.intersection(buffer.area), self.select);
            }
        }
        places
    }

    fn cells<'b>(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        cells: impl Iterator<Item = (&'b str, Style)>,
    ) {
        let mut x = 0;
        for (column, (words, style)) in self.columns.iter().zip(cells) {
            let room = paint::first(paint::after(area, x), column.width);
            if room.width < column.width {
                return;
            }
            if column.right {
                paint::right(buffer, room, words, style);
            } else {
                paint::fitted(buffer, paint::after(room, 1), words, style, self.ellipsis);
            }
            x += column.width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_is_always_in_sight() {
        for rows in 0..12 {
            for selected in 0..rows {
                for (height, pinned) in (1..14).flat_map(|height| [(height, 0), (height, 3)]) {
                    let shown = in_sight(rows, selected, pinned, height);
                    let case = format!("{rows} {selected} {height} {pinned}: {shown:?}");
                    assert!(shown.contains(&selected), "{case}");
                    assert_eq!(shown.len(), rows.min(height), "{case}");
                    assert!(shown.is_sorted_by(|one, next| one < next), "{case}");
                }
            }
        }
    }

    #[test]
    fn pinned_rows_stay_while_the_others_scroll() {
        assert_eq!(in_sight(10, 9, 2, 6), [0, 1, 6, 7, 8, 9]);
        assert_eq!(in_sight(10, 0, 2, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(in_sight(10, 9, 2, 2), [0, 9]);
        assert!(in_sight(10, 9, 2, 0).is_empty());
    }

    #[test]
    fn numbers_stand_right_under_their_titles_and_long_names_are_cut() {
        let row = |name: &str, rate: &str, breaker: &str| TableRow {
            name: (name.to_owned(), Style::new()),
            cells: [rate, breaker].map(|text| (text.to_owned(), Style::new())).to_vec(),
        };
        let rows = [row("a>b", "9.5", "-"), row("orders>payments", "182.4", "#")];
        let table = Table {
            name_title: "edge",
            columns: &[
                Column { title: "rps", width: 6, right: true },
                Column { title: "b", width: 2, right: false },
            ],
            rows: &rows,
            selected: 1,
            pinned: 0,
            header: Style::new(),
            select: Style::new(),
            select_symbol: ">",
            ellipsis: "~",
        };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
        table.draw(&mut buffer, Rect::new(0, 0, 20, 3));
        let expected = ["  edge         rps b", "  a>b          9.5 -", "> orders>pa~ 182.4 #"];
        assert_eq!(buffer, Buffer::with_lines(expected));
    }
}
