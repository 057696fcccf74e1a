//! Percentiles of a spread as figures.

use super::figures::{Distribution, Percentile};
use super::spread::Spread;

const FRACTIONS: [f64; 8] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0];
/// Percentiles of the spectrum between one and the next halving of what is left to 100 %.
const STEPS_PER_HALVING: u32 = 5;

pub(super) fn distribution(spread: &Spread) -> Distribution {
    let moments = spread.known.moments();
    let percentiles = FRACTIONS.iter().filter_map(|fraction| percentile(spread, *fraction));
    Distribution {
        count: spread.count(),
        censored: spread.censored_count(),
        min_ms: spread.known.min().map(ms),
        mean_ms: moments.map(|(mean, _)| mean / 1_000.0),
        stdev_ms: moments.map(|(_, deviation)| deviation / 1_000.0),
        percentiles: percentiles.collect(),
    }
}

fn percentile(spread: &Spread, fraction: f64) -> Option<Percentile> {
    let bounds = spread.quantile(fraction)?;
    // 0.999 has no exact binary form, and 99.9 shall be printed as 99.9.
    let percent = (fraction * 1e8).round() / 1e6;
    Some(Percentile { percent, ms: ms(bounds.low_us), at_most_ms: bounds.high_us.map(ms) })
}

/// Each halving of the distance to 100 % has the same number of percentiles, as in the tables of
/// HdrHistogram; it ends when the longest is reached.
pub(super) fn spectrum(spread: &Spread) -> Vec<Percentile> {
    let count = spread.count();
    let mut percentiles: Vec<Percentile> = Vec::new();
    let mut left = 1.0;
    if count == 0 {
        return percentiles;
    }
    loop {
        for step in 0..STEPS_PER_HALVING {
            let fraction = 1.0 - left * (1.0 - f64::from(step) / f64::from(2 * STEPS_PER_HALVING));
            if (1.0 - fraction) * count as f64 <= 0.5 {
                percentiles.extend(percentile(spread, 1.0));
                return percentiles;
            }
            percentiles.extend(percentile(spread, fraction));
        }
        left /= 2.0;
    }
}

pub(super) fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}
