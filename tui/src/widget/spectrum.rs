//! Durations by percentile: how the slow end of several distributions differs.
//!
//! From left to right each nine takes the same room (the scale of HDR histogram plots), upwards
//! durations are logarithmic.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint;
use super::series::{Line, Series};

/// One distribution.
#[derive(Debug, Clone)]
pub struct Curve<'a> {
    pub name: String,
    /// By percentile, in the order of [`Spectrum::percentiles`].
    pub values: &'a [Option<f64>],
    pub symbol: &'a str,
    pub style: Style,
}

#[derive(Debug, Clone, Copy)]
pub struct Spectrum<'a> {
    /// Fractions below 1, rising, with their labels.
    pub percentiles: &'a [(f64, &'a str)],
    pub curves: &'a [Curve<'a>],
    /// Values at the lower and at the upper end, both above 0.
    pub low: f64,
    pub high: f64,
    /// Values with their labels on the left.
    pub marks: &'a [(f64, String)],
    /// Lines of dots instead of signs.
    pub dotted: bool,
    pub style: Style,
}

impl Spectrum<'_> {
    /// Draws curves with their names at the right end, marks at the left, percentiles below.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let left = self.marks.iter().map(|(_, label)| paint::width(label)).max().unwrap_or(0);
        let names = self.curves.iter().map(|curve| paint::width(&curve.name)).max().unwrap_or(0);
        let left = if left > 0 { left.saturating_add(1) } else { 0 };
        // Names go before the curves get too narrow.
        let right =
            if area.width >= left.saturating_add(names).saturating_add(20) { names + 1 } else { 0 };
        let width = area.width.saturating_sub(left.saturating_add(right));
        let plot =
            Rect { width, height: area.height.saturating_sub(1), ..paint::after(area, left) };
        let sound = self.low > 0.0 && self.high > self.low && self.high.is_finite();
        if plot.is_empty() || !sound {
            return;
        }
        self.marks(buffer, Rect { width: left - u16::from(left > 0), height: plot.height, ..area });
        let columns: Vec<Vec<Option<f64>>> =
            self.curves.iter().map(|curve| self.columns(curve.values, width)).collect();
        let lines: Vec<Line<'_>> = self
            .curves
            .iter()
            .zip(&columns)
            .map(|(curve, values)| Line { values, symbol: curve.symbol, style: curve.style })
            .collect();
        Series { lines: &lines, low: self.low, high: self.high, dotted: self.dotted }
            .draw(buffer, plot.intersection(buffer.area));
        self.labels(buffer, paint::after(paint::line(area, area.height - 1), left), width);
        if right > 0 {
            let room = paint::after(Rect { height: plot.height, ..area }, left + width + 1);
            self.names(buffer, room);
        }
    }

    /// Column of each percentile: equal room for each nine.
    fn places(&self, width: u16) -> Vec<Option<u16>> {
        let nines = |fraction: f64| {
            let nines = -(1.0 - fraction).log10();
            nines.is_finite().then_some(nines)
        };
        let known = || self.percentiles.iter().filter_map(|(fraction, _)| nines(*fraction));
        let first = known().reduce(f64::min).unwrap_or(0.0);
        let last = known().reduce(f64::max).unwrap_or(1.0);
        let place = |fraction: f64| {
            let share = (nines(fraction)? - first) / (last - first).max(f64::MIN_POSITIVE);
            Some((share.clamp(0.0, 1.0) * f64::from(width.saturating_sub(1))).round() as u16)
        };
        self.percentiles.iter().map(|(fraction, _)| place(*fraction)).collect()
    }

    /// A value for each column: between two percentiles on a straight line of the picture; none
    /// beside an unknown one.
    fn columns(&self, values: &[Option<f64>], width: u16) -> Vec<Option<f64>> {
        let mut columns = vec![None; usize::from(width)];
        let points: Vec<(u16, Option<f64>)> = self
            .places(width)
            .into_iter()
            .zip(values)
            .filter_map(|(place, value)| {
                let value = value.filter(|value| value.is_finite() && *value > 0.0);
                Some((place?, value))
            })
            .collect();
        for pair in points.windows(2) {
            let ((from, Some(begin)), (to, Some(end))) = (pair[0], pair[1]) else { continue };
            for x in from..=to {
                let share = f64::from(x - from) / f64::from((to - from).max(1));
                let value = (begin.ln() + share * (end.ln() - begin.ln())).exp();
                columns[usize::from(x)] = Some(value);
            }
        }
        for (place, value) in points {
            if let Some(cell) = columns.get_mut(usize::from(place)) {
                *cell = value.or(*cell);
            }
        }
        columns
    }

    /// The line of a value from the top.
    fn row(&self, value: f64, height: u16) -> Option<u16> {
        if !value.is_finite() || value <= 0.0 {
            return None;
        }
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        let steps = (share.clamp(0.0, 1.0) * f64::from(height)) as u16;
        Some(height - 1 - steps.min(height - 1))
    }

    fn marks(&self, buffer: &mut Buffer, area: Rect) {
        for (value, label) in self.marks {
            if let Some(row) = self.row(*value, area.height) {
                paint::right(buffer, paint::line(area, row), label, self.style);
            }
        }
    }

    /// Labels under their percentile; the ends first, one that would touch another is left out.
    fn labels(&self, buffer: &mut Buffer, line: Rect, width: u16) {
        let places = self.places(width);
        let count = places.len();
        let mut taken: Vec<(u16, u16)> = Vec::new();
        let order = [0, count.saturating_sub(1)].into_iter().chain((1..count).rev());
        for at in order {
            let Some(place) = places.get(at).copied().flatten() else { continue };
            let label = self.percentiles[at].1;
            let wide = paint::width(label);
            let most = width.saturating_sub(wide);
            let start = place.saturating_sub(wide / 2).min(most);
            let end = start + wide;
            if end <= width && taken.iter().all(|(from, to)| end < *from || start > *to) {
                paint::text(buffer, paint::after(line, start), label, self.style);
                taken.push((start, end));
            }
        }
    }

    /// Names at the height of the last known value, each on a line of its own.
    fn names(&self, buffer: &mut Buffer, area: Rect) {
        let mut free = vec![true; usize::from(area.height)];
        for curve in self.curves {
            let last = curve.values.iter().rev().flatten().next().copied();
            let Some(row) = last.and_then(|value| self.row(value, area.height)) else { continue };
            let distance = |at: &u16| (at.abs_diff(row), *at);
            let nearest = (0..area.height).filter(|at| free[usize::from(*at)]).min_by_key(distance);
            if let Some(nearest) = nearest {
                free[usize::from(nearest)] = false;
                paint::text(buffer, paint::line(area, nearest), &curve.name, curve.style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::screen::load::PERCENTILES;

    fn drawn(curves: &[Curve<'_>], scale: (f64, f64), dotted: bool, area: Rect) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, area.right() + 1, area.bottom() + 1));
        let marks = [(1.0, "1".to_owned()), (10.0, "10".to_owned()), (100.0, "100".to_owned())];
        let spectrum = Spectrum {
            percentiles: &PERCENTILES,
            curves,
            low: scale.0,
            high: scale.1,
            marks: &marks,
            dotted,
            style: Style::new(),
        };
        spectrum.draw(&mut buffer, area);
        buffer
    }

    fn curve<'a>(name: &str, values: &'a [Option<f64>], symbol: &'a str) -> Curve<'a> {
        Curve { name: name.to_owned(), values, symbol, style: Style::new() }
    }

    #[test]
    fn each_nine_has_the_same_room_and_curves_are_named_at_their_end() {
        let slow = [4.0, 8.0, 20.0, 40.0, 200.0, 400.0, 500.0].map(Some);
        let fast = [Some(2.0), Some(2.0), Some(3.0), None, Some(4.0), None, Some(6.0)];
        let curves = [curve("control", &fast, "o"), curve("hit", &slow, "x")];
        let buffer = drawn(&curves, (1.0, 1_000.0), false, Rect::new(0, 0, 50, 7));
        let lines: Vec<String> = buffer
            .content()
            .chunks(51)
            .map(|cells| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>())
            .map(|line| line.trim_end().to_owned())
            .collect();
        let expected = [
            "                            xxxxxxxxxxxxxx hit",
            "100               xxxxxxxxxx",
            "             xxxxx",
            " 10     xxxxx",
            "    xxxx             o                   o control",
            "  1 oooooooo",
            "    50    90 95     99       99.9    99.99",
            "",
        ];
        assert_eq!(lines, expected);
    }

    proptest! {
        #[test]
        fn any_values_and_any_size_stay_inside(
            values in prop::collection::vec(prop::option::of(any::<f64>()), 0..9),
            scale in prop_oneof![Just((1.0, 1e4)), (any::<f64>(), any::<f64>())],
            name in "\\PC{0,9}",
            size in (0_u16..70, 0_u16..9),
            dotted in any::<bool>(),
        ) {
            let curves = [curve(&name, &values, "o"), curve("b", &values, "x")];
            let area = Rect::new(1, 1, size.0, size.1);
            let buffer = drawn(&curves, scale, dotted, area);
            prop_assert!(super::super::tests::is_blank_outside(&buffer, area));
        }
    }
}
