//! Paths over columns. A column without data leaves a gap; nothing is drawn across it.

use crate::report::chart::x_of;
use crate::report::markup::{Markup, put};
use crate::report::series::{Axis, Cell};

/// Vertical place of each column's value; `None` where there is none.
pub(super) type Heights = Vec<Option<f64>>;

/// A quantile of each column, in milliseconds.
pub(super) fn quantiles(cells: &[Cell], fraction: f64) -> Vec<Option<f64>> {
    let ms = |cell: &Cell| cell.duration.quantile(fraction).map(|at| at.as_secs_f64() * 1e3);
    cells.iter().map(ms).collect()
}

pub(super) fn heights(values: &[Option<f64>], y: impl Fn(f64) -> f64) -> Heights {
    values.iter().map(|value| value.map(&y)).collect()
}

fn edges_of(axis: &Axis, column: usize) -> (f64, f64) {
    let start_ms = axis.column_start_ms(column);
    (x_of(axis, start_ms), x_of(axis, start_ms + axis.column_ms))
}

/// Steps: each value holds for the whole of its column.
pub(super) fn steps(axis: &Axis, heights: &[Option<f64>]) -> String {
    let mut path = Markup::default();
    let mut pen_down = false;
    for (column, height) in heights.iter().enumerate() {
        let (left, right) = edges_of(axis, column);
        if let Some(y) = height {
            let to = if pen_down { format!("V{y:.1}") } else { format!("M{left:.1} {y:.1}") };
            put!(path, "{to}H{right:.1}");
        }
        pen_down = height.is_some();
    }
    path.finish()
}

/// The area between two stepped lines, one closed shape for each stretch with data.
pub(super) fn band(axis: &Axis, upper: &[Option<f64>], lower: &[Option<f64>]) -> String {
    let mut path = Markup::default();
    let mut below: Vec<(f64, f64, f64)> = Vec::new();
    for column in 0..upper.len() {
        let (left, right) = edges_of(axis, column);
        match (upper[column], lower[column]) {
            (Some(top), Some(bottom)) => {
                let lead = if below.is_empty() { "M" } else { "L" };
                put!(path, "{lead}{left:.1} {top:.1}H{right:.1}");
                below.push((left, right, bottom));
            },
            _ => close(&mut path, &mut below),
        }
    }
    close(&mut path, &mut below);
    path.finish()
}

fn close(path: &mut Markup, below: &mut Vec<(f64, f64, f64)>) {
    if below.is_empty() {
        return;
    }
    for (left, right, bottom) in below.drain(..).rev() {
        put!(path, "L{right:.1} {bottom:.1}H{left:.1}");
    }
    path.raw("Z");
}

/// A line through the middles of the columns, for what is drawn dashed.
pub(super) fn line(axis: &Axis, heights: &[Option<f64>]) -> String {
    let mut path = Markup::default();
    let mut pen_down = false;
    for (column, height) in heights.iter().enumerate() {
        let (left, right) = edges_of(axis, column);
        if let Some(y) = height {
            let lead = if pen_down { 'L' } else { 'M' };
            put!(path, "{lead}{:.1} {y:.1}", f64::midpoint(left, right));
        }
        pen_down = height.is_some();
    }
    path.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis =
        Axis { zero_unix_ms: 0, start_ms: 0, end_ms: 4_000, column_ms: 1_000, columns: 4 };
    const HEIGHTS: [Option<f64>; 4] = [Some(1.0), Some(2.0), None, Some(3.0)];

    #[test]
    fn a_gap_in_the_data_is_a_gap_in_every_line() {
        for path in [steps(&AXIS, &HEIGHTS), line(&AXIS, &HEIGHTS)] {
            assert_eq!(path.matches('M').count(), 2, "{path}");
        }
        assert_eq!(band(&AXIS, &HEIGHTS, &HEIGHTS).matches('Z').count(), 2);
        assert_eq!(steps(&AXIS, &[None; 4]), "");
    }

    #[test]
    fn a_step_spans_exactly_its_column() {
        let (left, right) = (super::super::LEFT, super::super::RIGHT);
        let path = steps(&AXIS, &[Some(5.0); 4]);
        assert!(path.starts_with(&format!("M{left:.1} 5.0")), "{path}");
        assert!(path.ends_with(&format!("H{right:.1}")), "{path}");
    }
}
