//! Small pictures of numbers as text, for cells of tables and lines of details.

/// One sign per cell for values over time, scaled to the largest. Several values in one cell show
/// their largest, so that a peak is never lost; cells without values are blank.
pub fn line(values: &[Option<f64>], width: usize, symbols: &[&str]) -> String {
    let cell = |range: &[Option<f64>]| {
        range.iter().flatten().copied().filter(|value| value.is_finite()).reduce(f64::max)
    };
    let cells: Vec<Option<f64>> = split(values, width).map(cell).collect();
    let full = cells.iter().flatten().copied().reduce(f64::max).unwrap_or(0.0);
    let sign = |value: &Option<f64>| match (*value, symbols.len().checked_sub(1)) {
        (Some(value), Some(last)) => {
            let share = if full > 0.0 { (value / full).clamp(0.0, 1.0) } else { 0.0 };
            symbols[(share * last as f64).round() as usize]
        },
        _ => " ",
    };
    cells.iter().map(sign).collect()
}

/// One sign per cell for counts by class, scaled to the largest. Classes that share a cell are
/// added up; where nothing was counted the cell is blank, and anything at all is seen.
pub fn histogram(counts: &[u64], width: usize, symbols: &[&str]) -> String {
    let sum = |range: &[u64]| range.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let cells: Vec<u64> = split(counts, width).map(sum).collect();
    let full = cells.iter().copied().max().unwrap_or(0);
    let sign = |count: &u64| {
        if *count == 0 || symbols.is_empty() {
            return " ";
        }
        let height = (*count as f64 / full as f64 * symbols.len() as f64).ceil() as usize;
        symbols[height.clamp(1, symbols.len()) - 1]
    };
    cells.iter().map(sign).collect()
}

/// Neighbours that share a cell, at most `width` of them; fewer values make fewer cells.
fn split<T>(values: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    let cells = width.min(values.len());
    let bound = move |cell: usize| {
        let place = cell as u128 * values.len() as u128 / cells.max(1) as u128;
        place as usize
    };
    (0..cells).map(move |cell| &values[bound(cell)..bound(cell + 1)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::glyphs::{ASCII, UTF8};

    #[test]
    fn lines_keep_their_peaks_and_their_holes() {
        let values = [Some(0.0), Some(4.0), None, Some(8.0), Some(f64::NAN), Some(2.0)];
        assert_eq!(line(&values, 6, UTF8.bars), "▁▅ █ ▃");
        assert_eq!(line(&values, 6, ASCII.bars), "_= # :");
        assert_eq!(line(&values, 3, UTF8.bars), "▅█▃");
        assert_eq!(line(&values[..2], 9, UTF8.bars), "▁█");
        assert_eq!(line(&[Some(0.0), Some(-1.0)], 2, UTF8.bars), "▁▁");
        assert_eq!(
            (line(&[], 5, UTF8.bars), line(&values, 0, UTF8.bars)),
            (String::new(), String::new())
        );
    }

    #[test]
    fn histograms_show_the_single_outlier() {
        assert_eq!(histogram(&[500, 1_000, 0, 1], 4, UTF8.bars), "▄█ ▁");
        assert_eq!(histogram(&[500, 500, 0, 1], 2, ASCII.bars), "#_");
        assert_eq!(histogram(&[0, 0], 2, ASCII.bars), "  ");
        assert_eq!(histogram(&[u64::MAX, u64::MAX], 1, ASCII.bars), "#");
        assert_eq!(histogram(&[3], 1, &[]), " ");
    }

    proptest! {
        #[test]
        fn any_values_are_as_wide_as_they_should_be(
            values in prop::collection::vec(prop::option::of(any::<f64>()), 0..40),
            counts in prop::collection::vec(any::<u64>(), 0..40),
            width in prop_oneof![0_usize..50, Just(usize::MAX)],
        ) {
            let wide = line(&values, width, UTF8.bars).chars().count();
            prop_assert_eq!(wide, width.min(values.len()));
            let wide = histogram(&counts, width, ASCII.bars).chars().count();
            prop_assert_eq!(wide, width.min(counts.len()));
        }
    }
}
