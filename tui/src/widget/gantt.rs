//! Rows of stretches of time with a cursor: what was, is and will be.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{lane, paint, table};

/// A stretch of time; a later one of a row covers an earlier one.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// Parts of the axis, 0 to 1; what is beyond is not seen.
    pub from: f64,
    pub to: f64,
    pub symbol: &'a str,
    pub style: Style,
}

#[derive(Debug, Clone)]
pub struct GanttRow<'a> {
    pub name: (String, Style),
    pub stretches: Vec<Stretch<'a>>,
    /// Right of the lane; empty for none.
    pub note: (String, Style),
}

#[derive(Debug, Clone, Copy)]
pub struct Gantt<'a> {
    pub rows: &'a [GanttRow<'a>],
    pub selected: Option<usize>,
    /// Columns before the lanes, the mark of the selected row and a blank included.
    pub name_width: u16,
    /// Columns of the lanes.
    pub lane_width: u16,
    /// Column of the lanes.
    pub cursor: Option<usize>,
    /// Laid over the name of the selected row.
    pub select: Style,
    pub select_symbol: &'a str,
    pub ellipsis: &'a str,
}

impl Gantt<'_> {
    /// Draws as many rows as fit; the selected one is among them.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let selected = self.selected.unwrap_or(0);
        let shown = table::in_sight(self.rows.len(), selected, 0, usize::from(area.height));
        for (at, index) in (0..).zip(shown) {
            let (row, line) = (&self.rows[index], paint::line(area, at));
            let before = paint::first(line, self.name_width);
            let name = paint::after(paint::first(before, self.name_width.saturating_sub(1)), 2);
            paint::fitted(buffer, name, &row.name.0, row.name.1, self.ellipsis);
            if self.selected == Some(index) {
                paint::text(buffer, paint::first(before, 1), self.select_symbol, Style::new());
                buffer.set_style(before.intersection(buffer.area), self.select);
            }
            let lanes = paint::first(paint::after(line, self.name_width), self.lane_width);
            lane::draw(buffer, lanes, row.cells(usize::from(self.lane_width)), self.cursor);
            let note = self.name_width.saturating_add(self.lane_width).saturating_add(1);
            let note = paint::after(line, note);
            paint::fitted(buffer, note, &row.note.0, row.note.1, self.ellipsis);
        }
    }
}

impl<'a> GanttRow<'a> {
    /// A stretch that is seen at all has at least one cell.
    fn cells(&self, width: usize) -> Vec<Option<(&'a str, Style)>> {
        let mut cells = vec![None; width];
        let place = |at: f64| (at * width as f64).round().clamp(0.0, width as f64) as usize;
        for stretch in &self.stretches {
            let known = stretch.from.is_finite() && !stretch.to.is_nan();
            if !known || stretch.to < stretch.from || stretch.to < 0.0 || stretch.from >= 1.0 {
                continue;
            }
            let from = place(stretch.from).min(width.saturating_sub(1));
            let to = place(stretch.to).max(from + 1).min(width);
            for cell in cells.iter_mut().take(to).skip(from) {
                *cell = Some((stretch.symbol, stretch.style));
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Modifier;

    use super::*;

    fn row(name: &str, stretches: &[(f64, f64, &'static str)], note: &str) -> GanttRow<'static> {
        let stretch = |(from, to, symbol): &(f64, f64, &'static str)| Stretch {
            from: *from,
            to: *to,
            symbol,
            style: Style::new(),
        };
        GanttRow {
            name: (name.to_owned(), Style::new()),
            stretches: stretches.iter().map(stretch).collect(),
            note: (note.to_owned(), Style::new()),
        }
    }

    fn drawn(rows: &[GanttRow<'_>], selected: usize, area: Rect) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 1, area.bottom() + 1));
        let gantt = Gantt {
            rows,
            selected: Some(selected),
            name_width: 12,
            lane_width: 20,
            cursor: Some(15),
            select: Style::new(),
            select_symbol: ">",
            ellipsis: "~",
        };
        gantt.draw(&mut buffer, area);
        buffer
    }

    #[test]
    fn stretches_stand_at_their_time_and_the_present_covers_the_plan() {
        let rows = [
            row("latency", &[(0.2, 0.5, "=")], "done"),
            row("abort 503 late", &[(0.5, 1.0, "."), (0.5, 0.8, "#")], "739 hits"),
            row("blink", &[(0.3, 0.3, "="), (-4.0, -1.0, "x"), (2.0, 3.0, "x")], "much too long"),
        ];
        let buffer = drawn(&rows, 1, Rect::new(0, 0, 42, 3));
        let text = |y: u16| (0..43).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        let expected = [
            "  latency       ======           done      ",
            "> abort 50~           ######.... 739 hits  ",
            "  blink           =              much too~ ",
        ];
        assert_eq!([text(0), text(1), text(2)], expected);
        assert!(buffer[(27, 1)].modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn the_selected_row_is_scrolled_into_sight() {
        let rows: Vec<GanttRow<'_>> =
            (0..9).map(|at| row(&format!("fault {at}"), &[(0.0, 1.0, "=")], "")).collect();
        let buffer = drawn(&rows, 8, Rect::new(0, 0, 12, 2));
        assert_eq!(buffer, Buffer::with_lines(["  fault 7    ", "> fault 8    ", "             "]));
    }

    proptest! {
        #[test]
        fn any_rows_stay_inside(
            stretches in prop::collection::vec((any::<f64>(), any::<f64>()), 0..4),
            texts in ("\\PC{0,20}", "[a\u{7}支\n]{0,9}"),
            size in (0_u16..60, 0_u16..4),
        ) {
            let stretches: Vec<(f64, f64, &str)> =
                stretches.iter().map(|(from, to)| (*from, *to, "#")).collect();
            let rows = [row(&texts.0, &stretches, &texts.1), row(&texts.1, &[], "")];
            let area = Rect::new(1, 1, size.0, size.1);
            prop_assert!(super::super::tests::is_blank_outside(&drawn(&rows, 0, area), area));
        }
    }
}
