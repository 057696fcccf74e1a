//! Lines over time on a logarithmic height: one column of cells per value.
//!
//! With colours the lines are made of Braille dots, four to a cell's height; without, each line
//! has its own sign. Missing values are holes, never bridged.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;

/// Dots in a Braille cell, top to bottom, for the left and for the right half.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// Code point of the Braille cell without dots.
const BRAILLE_EMPTY: u32 = 0x2800;

#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// One per column.
    pub values: &'a [Option<f64>],
    pub symbol: &'a str,
    pub style: Style,
}

#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// From the lowest to the highest; a higher line covers a lower one.
    pub lines: &'a [Line<'a>],
    /// Values at the lower and at the upper end, both above 0.
    pub low: f64,
    pub high: f64,
    pub dotted: bool,
}

impl Series<'_> {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        if area.is_empty() || self.low <= 0.0 || self.high <= self.low {
            return;
        }
        for line in self.lines {
            if self.dotted {
                self.dots(buffer, area, line);
            } else {
                self.signs(buffer, area, line);
            }
        }
    }

    /// Steps above the lower end: 0 to `steps` - 1.
    fn height(&self, value: Option<f64>, steps: u32) -> Option<u32> {
        let value = value.filter(|value| value.is_finite() && *value > 0.0)?;
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        Some(((share.clamp(0.0, 1.0) * f64::from(steps)) as u32).min(steps - 1))
    }

    fn signs(&self, buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
        for (x, value) in line.values.iter().enumerate().take(usize::from(area.width)) {
            if let Some(height) = self.height(*value, u32::from(area.height)) {
                let y = area.height - 1 - height as u16;
                paint::cell(buffer, area, (x as u16, y), line.symbol, line.style);
            }
        }
    }

    fn dots(&self, buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
        let steps = u32::from(area.height) * 4;
        let mut last = None;
        for (x, value) in line.values.iter().enumerate().take(usize::from(area.width)) {
            let height = self.height(*value, steps);
            if let Some(height) = height {
                // The left half joins the value before; the right half holds this value.
                let from = last.unwrap_or(height);
                for dot in from.min(height)..=from.max(height) {
                    set_dot(buffer, area, (x as u16, 0, dot), line.style);
                }
                set_dot(buffer, area, (x as u16, 1, height), line.style);
            }
            last = height;
        }
    }
}

/// Adds one dot: column of cells, half of the cell, dots above the lower end.
fn set_dot(buffer: &mut Buffer, area: Rect, at: (u16, u16, u32), style: Style) {
    let (x, half, height) = at;
    let from_top = u32::from(area.height) * 4 - 1 - height;
    let Some(cell) = buffer.cell_mut((area.x + x, area.y + (from_top / 4) as u16)) else { return };
    let present = cell.symbol().chars().next().map_or(0, u32::from);
    let dots = present.checked_sub(BRAILLE_EMPTY).filter(|dots| *dots < 0x100).unwrap_or(0);
    let dot = DOTS[(from_top % 4) as usize][usize::from(half)];
    if let Some(symbol) = char::from_u32(BRAILLE_EMPTY + (dots | u32::from(dot))) {
        cell.set_char(symbol).set_style(style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>], dotted: bool) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 5, 3));
        let line = Line { values, symbol: "x", style: Style::new() };
        let series = Series { lines: &[line], low: 1.0, high: 1_000.0, dotted };
        series.draw(&mut buffer, Rect::new(0, 0, 5, 3));
        buffer
    }

    #[test]
    fn a_decade_is_a_row_and_a_hole_stays_a_hole() {
        let values = [Some(2.0), Some(20.0), None, Some(200.0), Some(f64::NAN)];
        assert_eq!(drawn(&values, false), Buffer::with_lines(["   x ", " x   ", "x    "]));
    }

    #[test]
    fn values_beyond_the_scale_stay_at_its_ends() {
        let values = [Some(1e-9), Some(1e300), Some(0.0), Some(-1.0), Some(f64::INFINITY)];
        assert_eq!(drawn(&values, false), Buffer::with_lines([" x   ", "     ", "x    "]));
    }

    #[test]
    fn dots_join_neighbours_and_not_across_a_hole() {
        let values = [Some(2.0), Some(20.0), None, Some(200.0)];
        assert_eq!(drawn(&values, true), Buffer::with_lines(["   ⠤ ", " ⡤   ", "⠤⠇   "]));
    }

    #[test]
    fn more_values_than_columns_are_cut() {
        drawn(&[Some(5.0); 500], true);
        drawn(&[Some(5.0); 500], false);
    }
}
