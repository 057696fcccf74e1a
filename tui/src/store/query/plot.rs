//! Durations of one subject over time: four percentiles and a heat map per column.

use std::sync::Arc;

use model::hist::{self, Histogram};

use super::quantiles_ms;
use super::time::Times;
use crate::screen::{Plot, PlotColumn, Subject};
use crate::store::Store;

/// Scale when there is nothing to show.
const DEFAULT_MS: (f64, f64) = (1.0, 1_000.0);
/// Outermost ends of the scale: 1 us to 1000 s.
const ENDS_MS: (f64, f64) = (1e-3, 1e6);

pub(super) fn build(
    store: &Store,
    times: &Times,
    subject: Option<&Subject>,
    heat_rows: usize,
) -> Plot {
    let merged: Vec<_> = times
        .plot_columns()
        .map(|seconds| match (seconds, subject) {
            (Some(span), Some(subject)) => store.sums.durations.of(store, subject, span),
            _ => Arc::default(),
        })
        .collect();
    let quantiles: Vec<[Option<f64>; 4]> = merged.iter().map(|it| quantiles_ms(&it.0)).collect();
    let (low_ms, high_ms) = bounds(&quantiles);
    let columns: Vec<PlotColumn> = merged
        .iter()
        .zip(quantiles)
        .map(|(durations, quantiles_ms)| PlotColumn {
            quantiles_ms,
            heat: heat(&durations.0, (low_ms, high_ms), heat_rows),
        })
        .collect();
    let heat_max = columns.iter().flat_map(|column| &column.heat).copied().max().unwrap_or(0);
    Plot { low_ms, high_ms, columns, heat_max }
}

fn bounds(quantiles: &[[Option<f64>; 4]]) -> (f64, f64) {
    decades(quantiles.iter().flatten().flatten().copied())
}

/// Whole decades around everything that is shown, at least two of them.
pub(super) fn decades(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let values = || values.clone().filter(|ms| *ms > 0.0);
    let (Some(least), Some(most)) = (values().reduce(f64::min), values().reduce(f64::max)) else {
        return DEFAULT_MS;
    };
    let low = least.clamp(ENDS_MS.0, ENDS_MS.1 / 100.0).log10().floor();
    let high = most.clamp(ENDS_MS.0, ENDS_MS.1).log10().ceil().max(low + 2.0);
    (10_f64.powf(low), 10_f64.powf(high))
}

/// Counts by row. What lies outside the scale is counted in the outermost row.
fn heat(histogram: &Histogram, (low_ms, high_ms): (f64, f64), rows: usize) -> Vec<u64> {
    let mut heat = vec![0_u64; rows];
    let Some(last) = rows.checked_sub(1) else { return heat };
    let decades = (high_ms / low_ms).log10();
    for (bucket, count) in histogram.buckets() {
        let ms = hist::middle_ns(bucket) as f64 / 1e6;
        let height = (ms / low_ms).log10() / decades * rows as f64;
        let row = (height.max(0.0) as usize).min(last);
        heat[row] = heat[row].saturating_add(count);
    }
    heat
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_scale_covers_all_percentiles_in_whole_decades() {
        assert_eq!(bounds(&[]), DEFAULT_MS);
        assert_eq!(bounds(&[[Some(4.0), Some(9.0), Some(90.0), Some(130.0)]]), (1.0, 1_000.0));
        assert_eq!(bounds(&[[Some(20.0), None, None, Some(20.0)]]), (10.0, 1_000.0));
        let (low, high) = bounds(&[[Some(1e-12), None, None, Some(1e300)]]);
        assert!(low >= 0.9e-3 && high <= 1.1e6, "{low} {high}");
    }

    #[test]
    fn every_value_is_in_one_row_of_the_heat_map() {
        let mut histogram = Histogram::default();
        for ms in [0_u64, 2, 20, 200, 5_000_000] {
            histogram.record(Duration::from_millis(ms));
        }
        let heat = heat(&histogram, (1.0, 1_000.0), 3);
        assert_eq!(heat, [2, 1, 2]);
        assert!(super::heat(&histogram, (1.0, 1_000.0), 0).is_empty());
    }
}
