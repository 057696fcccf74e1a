//! One line of bars over time, scaled to the highest.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::lane;

#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// One value per column; `None` is a gap.
    pub values: &'a [Option<f64>],
    /// Value of a full bar.
    pub full: f64,
    /// From the lowest bar to the full one.
    pub symbols: &'a [&'a str],
    pub style: Style,
    pub cursor: Option<usize>,
}

impl Bars<'_> {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let cells = self.values.iter().map(|value| {
            let value = value.filter(|value| value.is_finite())?;
            let last = self.symbols.len().checked_sub(1)?;
            let height = if self.full > 0.0 { (value / self.full).clamp(0.0, 1.0) } else { 0.0 };
            let symbol = self.symbols[(height * last as f64).round() as usize];
            Some((symbol, self.style))
        });
        lane::draw(buffer, area, cells, self.cursor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_their_value_and_leave_gaps_empty() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let values = [Some(0.0), Some(5.0), None, Some(10.0), Some(f64::NAN), Some(1e9)];
        let bars = Bars {
            values: &values,
            full: 10.0,
            symbols: &["_", "-", "#"],
            style: Style::new(),
            cursor: None,
        };
        bars.draw(&mut buffer, Rect::new(0, 0, 6, 1));
        assert_eq!(buffer, Buffer::with_lines(["_- # #"]));
    }
}
