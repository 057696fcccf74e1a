//! Counts by time and height, as shades or as two colours per cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;

#[derive(Debug, Clone)]
pub struct HeatMap<'a> {
    /// Per column the counts from the lowest row to the highest.
    pub columns: &'a [Vec<u64>],
    /// The count of the last step.
    pub max: u64,
    /// Styles from few to many.
    pub ramp: &'a [Style],
    /// Signs from few to many; ignored with half blocks.
    pub symbols: &'a [&'a str],
    /// Two counts per cell, drawn as a half block in two colours.
    pub half_blocks: bool,
}

impl HeatMap<'_> {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let per_cell = if self.half_blocks { 2 } else { 1 };
        for (x, column) in self.columns.iter().enumerate().take(usize::from(area.width)) {
            for y in 0..area.height {
                let lower = usize::from(area.height - 1 - y) * per_cell;
                let count = |row: usize| column.get(row).copied().unwrap_or(0);
                let at = (x as u16, y);
                if self.half_blocks {
                    self.halves(buffer, area, at, (count(lower + 1), count(lower)));
                } else if let Some((symbol, style)) = self.shade(count(lower)) {
                    paint::cell(buffer, area, at, symbol, style);
                }
            }
        }
    }

    fn shade(&self, count: u64) -> Option<(&str, Style)> {
        let style = self.ramp.get(step(count, self.max, self.ramp.len())?)?;
        let symbol = self.symbols.get(step(count, self.max, self.symbols.len())?)?;
        Some((symbol, *style))
    }

    fn halves(&self, buffer: &mut Buffer, area: Rect, at: (u16, u16), counts: (u64, u64)) {
        let color = |count| Some(self.ramp.get(step(count, self.max, self.ramp.len())?)?.fg);
        let (symbol, style) = match (color(counts.0).flatten(), color(counts.1).flatten()) {
            (None, None) => return,
            (Some(upper), None) => ("▀", Style::new().fg(upper)),
            (None, Some(lower)) => ("▄", Style::new().fg(lower)),
            (Some(upper), Some(lower)) if upper == lower => ("█", Style::new().fg(upper)),
            (Some(upper), Some(lower)) => ("▀", Style::new().fg(upper).bg(lower)),
        };
        paint::cell(buffer, area, at, symbol, style);
    }
}

/// The step of a count, logarithmic, so that a few slow requests are seen beside a thousand fast
/// ones. `None` for nothing.
fn step(count: u64, max: u64, steps: usize) -> Option<usize> {
    if count == 0 || steps == 0 {
        return None;
    }
    let share = (count as f64).ln_1p() / (max.max(count) as f64).ln_1p();
    Some(((share * steps as f64).ceil() as usize).clamp(1, steps) - 1)
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    #[test]
    fn more_requests_are_a_darker_sign_and_none_is_an_empty_cell() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        let columns = [vec![1, 0], vec![0, 1_000], vec![30, 1]];
        let map = HeatMap {
            columns: &columns,
            max: 1_000,
            ramp: &[Style::new(); 9],
            symbols: &[".", "+", "#"],
            half_blocks: false,
        };
        map.draw(&mut buffer, Rect::new(0, 0, 4, 2));
        assert_eq!(buffer, Buffer::with_lines([" #. ", ". + "]));
    }

    #[test]
    fn half_blocks_carry_two_counts_in_one_cell() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        let columns = [vec![9, 0], vec![0, 9], vec![9, 9], vec![9, 1]];
        let ramp = [Color::Indexed(1), Color::Indexed(2)].map(|color| Style::new().fg(color));
        let map =
            HeatMap { columns: &columns, max: 9, ramp: &ramp, symbols: &[], half_blocks: true };
        map.draw(&mut buffer, Rect::new(0, 0, 4, 1));
        let symbols: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(symbols, "▄▀█▀");
        assert_eq!((buffer[(3, 0)].fg, buffer[(3, 0)].bg), (Color::Indexed(1), Color::Indexed(2)));
    }

    #[test]
    fn steps_are_logarithmic_and_stay_in_the_ramp() {
        assert_eq!(step(0, 100, 9), None);
        assert_eq!(step(1, 1_000, 9), Some(0));
        assert_eq!(step(1_000, 1_000, 9), Some(8));
        assert_eq!(step(u64::MAX, 1, 9), Some(8));
        assert_eq!(step(5, 5, 0), None);
    }
}
