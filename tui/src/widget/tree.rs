//! A tree line by line, with columns of numbers at the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::table::{Column, Table, TableRow};

/// Deeper rows stand no further to the right.
const DEPTH_MAX: usize = 12;

/// A row; rows are in order, parents before children.
#[derive(Debug, Clone)]
pub struct TreeLine {
    pub depth: usize,
    /// No sibling follows.
    pub is_last: bool,
    pub name: (String, Style),
    pub cells: Vec<(String, Style)>,
}

/// Signs before the name of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeSigns {
    /// A sibling follows, or none does.
    pub branch: &'static str,
    pub last: &'static str,
    /// Beside a row of a deeper level: a sibling follows, or none does.
    pub beside: &'static str,
    pub blank: &'static str,
}

impl TreeSigns {
    pub const UTF8: Self =
        Self { branch: "├─ ", last: "└─ ", beside: "│  ", blank: "   " };
    pub const ASCII: Self = Self { branch: "+- ", last: "+- ", beside: "|  ", blank: "   " };
}

#[derive(Debug, Clone)]
pub struct Tree<'a> {
    pub title: &'a str,
    pub rows: &'a [TreeLine],
    pub columns: &'a [Column<'a>],
    pub selected: usize,
    pub signs: &'a TreeSigns,
    pub header: Style,
    /// Laid over the selected row.
    pub select: Style,
    pub select_symbol: &'a str,
    pub ellipsis: &'a str,
}

impl Tree<'_> {
    /// Draws the header and as many rows as fit; the selected one is among them. Says which row
    /// lies where.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) -> Vec<(usize, Rect)> {
        let mut follows: Vec<bool> = Vec::new();
        let rows: Vec<TableRow> = self
            .rows
            .iter()
            .map(|row| {
                let name = format!("{}{}", self.guide(row, &mut follows), row.name.0);
                TableRow { name: (name, row.name.1), cells: row.cells.clone() }
            })
            .collect();
        let table = Table {
            name_title: self.title,
            columns: self.columns,
            rows: &rows,
            selected: self.selected,
            pinned: 0,
            header: self.header,
            select: self.select,
            select_symbol: self.select_symbol,
            ellipsis: self.ellipsis,
        };
        table.draw(buffer, area)
    }

    /// What stands before the name; `follows` holds for each level whether a sibling follows.
    fn guide(&self, row: &TreeLine, follows: &mut Vec<bool>) -> String {
        let depth = row.depth.min(DEPTH_MAX);
        follows.resize(depth.max(1), false);
        let levels = follows.get(1..depth).unwrap_or_default();
        let beside = |follows: &bool| if *follows { self.signs.beside } else { self.signs.blank };
        let mut guide: String = levels.iter().map(beside).collect();
        if depth > 0 {
            guide.push_str(if row.is_last { self.signs.last } else { self.signs.branch });
        }
        follows.push(!row.is_last);
        guide
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(depth: usize, is_last: bool, name: &str, rate: &str) -> TreeLine {
        TreeLine {
            depth,
            is_last,
            name: (name.to_owned(), Style::new()),
            cells: vec![(rate.to_owned(), Style::new())],
        }
    }

    fn drawn(rows: &[TreeLine], signs: &TreeSigns, area: Rect) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 1, area.bottom() + 1));
        let tree = Tree {
            title: "service",
            rows,
            columns: &[Column { title: "rps", width: 6, right: true }],
            selected: 3,
            signs,
            header: Style::new(),
            select: Style::new(),
            select_symbol: ">",
            ellipsis: "~",
        };
        tree.draw(&mut buffer, area);
        buffer
    }

    #[test]
    fn guides_lead_to_siblings_and_end_with_the_last() {
        let rows = [
            line(0, true, "client", "199.8"),
            line(1, true, "orders", "199.8"),
            line(2, false, "inventory", "199.6"),
            line(3, true, "stock", "199.5"),
            line(2, true, "payments", "182.4"),
            line(3, true, "ledger", "155.0"),
            line(0, true, "lonely", "0.0"),
        ];
        let expected = [
            "  service                  rps ",
            "  client                 199.8 ",
            "  └─ orders              199.8 ",
            "     ├─ inventory        199.6 ",
            ">    │  └─ stock         199.5 ",
            "     └─ payments         182.4 ",
            "        └─ ledger        155.0 ",
            "  lonely                   0.0 ",
            "                               ",
        ];
        let area = Rect::new(0, 0, 30, 8);
        assert_eq!(drawn(&rows, &TreeSigns::UTF8, area), Buffer::with_lines(expected));
    }

    proptest! {
        #[test]
        fn any_rows_stay_inside(
            rows in prop::collection::vec((0_usize..99, any::<bool>(), "\\PC{0,9}"), 0..9),
            size in (0_u16..50, 0_u16..9),
        ) {
            let rows: Vec<TreeLine> =
                rows.iter().map(|(depth, last, name)| line(*depth, *last, name, "1")).collect();
            let area = Rect::new(1, 1, size.0, size.1);
            let buffer = drawn(&rows, &TreeSigns::ASCII, area);
            prop_assert!(super::super::tests::is_blank_outside(&buffer, area));
        }
    }
}
