//! Labelled bars, one a line: parts of a whole, or counts by class.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;

#[derive(Debug, Clone)]
pub struct Share {
    pub label: (String, Style),
    /// Right of the label, right-aligned, like `230.1 ms` and `47%`.
    pub numbers: Vec<String>,
    pub value: f64,
    pub style: Style,
}

#[derive(Debug, Clone)]
pub struct Shares<'a> {
    pub rows: &'a [Share],
    /// Value of a full bar.
    pub full: f64,
    pub symbol: &'a str,
    pub number_style: Style,
    pub ellipsis: &'a str,
}

impl Shares<'_> {
    /// Draws the first rows. Numbers and at least half a label come before bars.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let columns = self.rows.iter().map(|row| row.numbers.len()).max().unwrap_or(0);
        let width_of = |column: usize| {
            let texts = self.rows.iter().filter_map(|row| row.numbers.get(column));
            texts.map(|text| paint::width(text)).max().unwrap_or(0)
        };
        let widths: Vec<u16> = (0..columns).map(width_of).collect();
        let numbers = widths.iter().fold(0_u16, |sum, width| sum.saturating_add(width + 1));
        let longest = self.rows.iter().map(|row| paint::width(&row.label.0)).max().unwrap_or(0);
        let room = area.width.saturating_sub(numbers);
        // A third of the line for bars, when labels need the rest.
        let label = longest.min(room.saturating_sub(area.width / 3));
        for (at, row) in (0..area.height).zip(self.rows) {
            let line = paint::line(area, at);
            let name = paint::first(line, label);
            paint::fitted(buffer, name, &row.label.0, row.label.1, self.ellipsis);
            let mut x = label;
            for (width, text) in widths.iter().zip(&row.numbers) {
                let cell = paint::first(paint::after(line, x), width + 1);
                if cell.width == width + 1 {
                    paint::right(buffer, cell, text, self.number_style);
                }
                x = x.saturating_add(width + 1);
            }
            let bars = paint::after(line, label.saturating_add(numbers).saturating_add(1));
            for x in 0..self.length(row.value, bars.width) {
                paint::cell(buffer, bars, (x, 0), self.symbol, row.style);
            }
        }
    }

    /// Anything at all is at least one sign.
    fn length(&self, value: f64, width: u16) -> u16 {
        let share = value / self.full;
        if !share.is_finite() || share <= 0.0 || value <= 0.0 {
            return 0;
        }
        ((share.min(1.0) * f64::from(width)).round() as u16).clamp(1, width.max(1)).min(width)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(label: &str, numbers: [&str; 2], value: f64) -> Share {
        Share {
            label: (label.to_owned(), Style::new()),
            numbers: numbers.map(str::to_owned).to_vec(),
            value,
            style: Style::new(),
        }
    }

    fn drawn(rows: &[Share], full: f64, area: Rect) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 1, area.bottom() + 1));
        let symbol = "#";
        Shares { rows, full, symbol, number_style: Style::new(), ellipsis: "~" }
            .draw(&mut buffer, area);
        buffer
    }

    #[test]
    fn labels_numbers_and_bars_line_up() {
        let rows = [
            share("fault: 230 ms then 503", ["230.1", "47%"], 0.47),
            share("orders: backoff", ["50.0", "10%"], 0.10),
            share("everything else", ["0.1", "0%"], 0.001),
        ];
        assert_eq!(
            drawn(&rows, 0.47, Rect::new(0, 0, 48, 3)),
            Buffer::with_lines(
                [
                    "fault: 230 ms then 503 230.1 47% ###############",
                    "orders: backoff         50.0 10% ###",
                    "everything else          0.1  0% #",
                    "",
                ]
                .map(|line| format!("{line:<49}"))
            )
        );
    }

    #[test]
    fn a_label_gives_room_to_the_bars() {
        let rows = [share("a very long label of something", ["1", "2"], 1.0)];
        assert_eq!(
            drawn(&rows, 1.0, Rect::new(0, 0, 24, 1)),
            Buffer::with_lines(["a very long~ 1 2 #######", "",].map(|line| format!("{line:<25}")))
        );
    }

    proptest! {
        #[test]
        fn any_size_and_any_numbers_stay_inside(
            size in (0_u16..60, 0_u16..5),
            (value, full) in (any::<f64>(), any::<f64>()),
            texts in ("\\PC{0,40}", "[a\u{7}支\n]{0,20}"),
        ) {
            let rows = [share(&texts.0, [&texts.1, "x"], value), share("b", ["", ""], full)];
            let area = Rect::new(1, 1, size.0, size.1);
            prop_assert!(super::super::tests::is_blank_outside(&drawn(&rows, full, area), area));
        }
    }
}
