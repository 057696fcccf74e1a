//! Rows by columns, with the selected cell in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{paint, table};

/// Columns that names of rows take at most.
const NAMES_MAX: u16 = 24;

#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    pub rows: &'a [String],
    pub columns: &'a [String],
    /// By row and column; `None` is left empty.
    pub cells: &'a [Vec<Option<(String, Style)>>],
    /// Row and column.
    pub selected: (usize, usize),
    /// Of a column, with the blank before it.
    pub cell_width: u16,
    pub header: Style,
    /// Laid over the selected cell.
    pub select: Style,
    /// Before the name of the selected row.
    pub select_symbol: &'a str,
    pub ellipsis: &'a str,
}

impl Matrix<'_> {
    /// Draws the header and what fits around the selected cell, with the number of columns when not
    /// all of them do. Says where the filled cells lie,
    /// by row and column.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Vec<((usize, usize), Rect)> {
        let mut places = Vec::new();
        let longest = self.rows.iter().map(|name| paint::width(name)).max().unwrap_or(0);
        let names = (longest.min(NAMES_MAX) + 2).min(area.width);
        let cell_width = self.cell_width.max(2);
        let fits = usize::from((area.width - names) / cell_width);
        let columns = table::in_sight(self.columns.len(), self.selected.1, 0, fits);
        let room = usize::from(area.height.saturating_sub(1));
        let rows = table::in_sight(self.rows.len(), self.selected.0, 0, room);
        let cell = |line: Rect, place: usize| {
            let x = names.saturating_add(u16::try_from(place).unwrap_or(u16::MAX) * cell_width);
            paint::first(paint::after(line, x), cell_width)
        };
        if columns.len() < self.columns.len() {
            let text = format!("{} of {}", columns.len(), self.columns.len());
            let corner = paint::first(paint::line(area, 0), names);
            paint::right(buffer, corner, &text, self.header);
        }
        for (place, column) in columns.iter().enumerate() {
            let room = paint::after(cell(paint::line(area, 0), place), 1);
            let name = &self.columns[*column];
            let start = room.width.saturating_sub(paint::width(name));
            paint::fitted(buffer, paint::after(room, start), name, self.header, self.ellipsis);
        }
        for (at, row) in (1..).zip(rows) {
            let line = paint::line(area, at);
            let is_selected = row == self.selected.0;
            if is_selected {
                paint::text(buffer, paint::first(line, 1), self.select_symbol, Style::new());
            }
            let name = paint::after(paint::first(line, names), 2);
            paint::fitted(buffer, name, &self.rows[row], self.header, self.ellipsis);
            for (place, column) in columns.iter().enumerate() {
                let room = cell(line, place);
                let filled = self.cells.get(row).and_then(|cells| cells.get(*column)?.as_ref());
                if let Some((words, style)) = filled {
                    paint::right(buffer, paint::after(room, 1), words, *style);
                    places.push(((row, *column), room));
                }
                if is_selected && *column == self.selected.1 {
                    buffer.set_style(room.intersection(buffer.area), self.select);
                }
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Modifier;

    use super::*;

    fn names(count: usize, text: &str) -> Vec<String> {
        (0..count).map(|at| format!("{text}{at}")).collect()
    }

    fn drawn(size: (usize, usize), selected: (usize, usize), text: &str, area: Rect) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 1, area.bottom() + 1));
        let cell = |row: usize, column: usize| {
            (column > row).then(|| (format!("{row}.{column}"), Style::new()))
        };
        let cells: Vec<Vec<Option<(String, Style)>>> =
            (0..size.0).map(|row| (0..size.1).map(|column| cell(row, column)).collect()).collect();
        let matrix = Matrix {
            rows: &names(size.0, text),
            columns: &names(size.1, "to "),
            cells: &cells,
            selected,
            cell_width: 6,
            header: Style::new(),
            select: Style::new().add_modifier(Modifier::REVERSED),
            select_symbol: ">",
            ellipsis: "~",
        };
        matrix.draw(&mut buffer, area);
        buffer
    }

    fn text(buffer: &Buffer) -> Vec<String> {
        let cells = buffer.content().chunks(usize::from(buffer.area.width));
        cells
            .map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect::<String>())
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    #[test]
    fn cells_stand_under_their_column_and_the_selected_one_is_marked() {
        let buffer = drawn((3, 3), (1, 2), "row ", Rect::new(0, 0, 26, 4));
        let expected = [
            "         to 0  to 1  to 2",
            "  row 0         0.1   0.2",
            "> row 1               1.2",
            "  row 2",
            "",
        ];
        assert_eq!(text(&buffer), expected);
        let is_reversed = |x: u16| buffer[(x, 2)].modifier.contains(Modifier::REVERSED);
        assert!(is_reversed(23) && !is_reversed(15));
    }

    #[test]
    fn the_selected_cell_is_scrolled_into_sight() {
        let buffer = drawn((20, 30), (15, 25), "row ", Rect::new(0, 0, 21, 3));
        assert_eq!(
            text(&buffer)[..3],
            [" 2 of 30 to 24 to 25", "  row 14 14.24 14.25", "> row 15 15.24 15.25"]
        );
    }

    proptest! {
        #[test]
        fn any_size_stays_inside(
            counts in (0_usize..9, 0_usize..9),
            selected in (any::<usize>(), 0_usize..12),
            name in "\\PC{0,9}",
            size in (0_u16..50, 0_u16..9),
        ) {
            let area = Rect::new(1, 1, size.0, size.1);
            let buffer = drawn(counts, selected, &name, area);
            prop_assert!(super::super::tests::is_blank_outside(&buffer, area));
        }
    }
}
