//! Upright bars of several lines, on a scale from 0, with a level line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;

#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// One per column, with its style; `None` is a gap.
    pub values: &'a [Option<(f64, Style)>],
    /// Value at the upper end.
    pub full: f64,
    /// Value of the line.
    pub level: f64,
    pub level_symbol: &'a str,
    pub level_style: Style,
    /// From the lowest part of a cell to the whole.
    pub symbols: &'a [&'a str],
}

impl Columns<'_> {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let area = area.intersection(buffer.area);
        if area.is_empty() || self.symbols.is_empty() || self.full.is_nan() || self.full <= 0.0 {
            return;
        }
        let row = self.steps(self.level, u32::from(area.height)).min(u32::from(area.height) - 1);
        let y = area.height - 1 - row as u16;
        for x in 0..area.width {
            paint::cell(buffer, area, (x, y), self.level_symbol, self.level_style);
        }
        for (x, value) in (0..area.width).zip(self.values) {
            if let Some((value, style)) = value {
                self.one(buffer, area, x, (*value, *style));
            }
        }
    }

    /// Whole steps below a value when all of the height has `all` of them.
    fn steps(&self, value: f64, all: u32) -> u32 {
        ((value / self.full).clamp(0.0, 1.0) * f64::from(all)) as u32
    }

    fn one(&self, buffer: &mut Buffer, area: Rect, x: u16, (value, style): (f64, Style)) {
        let parts = self.symbols.len() as u32;
        // The lowest part is drawn of a value of 0, too: it is there.
        let filled = self.steps(value, u32::from(area.height) * parts).max(1);
        for row in 0..area.height {
            let part = filled.saturating_sub(u32::from(row) * parts).min(parts);
            if let Some(symbol) = part.checked_sub(1).and_then(|at| self.symbols.get(at as usize)) {
                paint::cell(buffer, area, (x, area.height - 1 - row), symbol, style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::is_blank_outside;
    use super::*;

    fn drawn(values: &[Option<f64>], full: f64, level: f64, area: Rect) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 1, area.bottom() + 1));
        let values: Vec<_> =
            values.iter().map(|value| value.map(|it| (it, Style::new()))).collect();
        let columns = Columns {
            values: &values,
            full,
            level,
            level_symbol: "-",
            level_style: Style::new(),
            symbols: &[".", "=", "#"],
        };
        columns.draw(&mut buffer, area);
        buffer
    }

    #[test]
    fn bars_stand_before_the_line_of_the_limit() {
        let values = [Some(0.0), None, Some(2.0), Some(3.0), Some(6.0), Some(f64::NAN)];
        let buffer = drawn(&values, 6.0, 2.5, Rect::new(0, 0, 7, 3));
        assert_eq!(buffer, Buffer::with_lines(["    #   ", "---.#-- ", ". ###.  ", "        ",]));
    }

    proptest! {
        #[test]
        fn any_values_stay_inside(
            values in prop::collection::vec(prop::option::of(any::<f64>()), 0..20),
            full in any::<f64>(),
            level in any::<f64>(),
            (x, y, width, height) in (0_u16..3, 0_u16..3, 0_u16..12, 0_u16..6),
        ) {
            let area = Rect::new(x, y, width, height);
            prop_assert!(is_blank_outside(&drawn(&values, full, level, area), area));
        }
    }
}
