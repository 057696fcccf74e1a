//! Windows of faults as they can be drawn: those that are less than a pixel apart are one, so that
//! a thousand windows do not make a thousand shapes.

use model::fault::Window;

use super::head::signed;
use super::{LEFT, RIGHT};
use crate::report::series::Axis;

/// Start and end in milliseconds after the end of the baseline, sorted and apart.
pub(super) fn drawable<'a>(
    axis: &Axis,
    windows: impl Iterator<Item = &'a Window>,
) -> Vec<(i64, i64)> {
    let pixel_ms = (axis.end_ms - axis.start_ms) as f64 / (RIGHT - LEFT);
    let mut sorted: Vec<(i64, i64)> =
        windows.map(|window| (signed(window.start_ms), signed(window.end_ms))).collect();
    sorted.sort_unstable();
    let mut apart: Vec<(i64, i64)> = Vec::new();
    for (start_ms, end_ms) in sorted {
        match apart.last_mut() {
            Some(last) if start_ms as f64 <= last.1 as f64 + pixel_ms => {
                last.1 = last.1.max(end_ms);
            },
            _ => apart.push((start_ms, end_ms)),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_closer_than_a_pixel_are_drawn_as_one() {
        let axis =
            Axis { zero_unix_ms: 0, start_ms: 0, end_ms: 882_000, column_ms: 4_000, columns: 221 };
        let window = |start_ms, end_ms| Window { start_ms, end_ms };
        let windows = [window(9_000, 9_100), window(0, 100), window(1_050, 1_200), window(90, 500)];
        assert_eq!(drawable(&axis, windows.iter()), [(0, 1_200), (9_000, 9_100)]);
        let many: Vec<_> = (0..10_000).map(|at| window(at * 80, at * 80 + 40)).collect();
        assert_eq!(drawable(&axis, many.iter()).len(), 1);
    }
}
