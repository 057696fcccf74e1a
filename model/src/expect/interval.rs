//! What the samples of a run say about the system: 95 % confidence intervals.
//!
//! - A percentile lies between two order statistics. How many of `n` samples are at most the true
//!   `p`-quantile is Binomial(n, p), so the ranks are quantiles of that distribution, computed
//!   exactly (Hahn and Meeker, "Statistical Intervals", section 5.2). Nothing is assumed about the
//!   shape of the latencies.
//! - A share of errors has the Wilson score interval (Wilson 1927), which behaves near 0 % where
//!   the plain normal interval does not.
//! - A mean has the normal interval of the central limit theorem, from 30 samples on.
//! - A count has the normal interval of the Poisson distribution.
//!
//! All of them take samples as independent. Requests of one slow second are not, so an interval is
//! a lower bound of the uncertainty; it decides "could this be chance alone", nothing more.

/// Two-sided 95 % of the standard normal distribution.
pub(crate) const Z: f64 = 1.959_963_984_540_054;
/// Probability left out at each side.
const TAIL: f64 = 0.025;

/// Ranks, from 1, of the order statistics around the `fraction`-quantile of `samples` values. The
/// lower one is 0 and the upper one `samples + 1` where no sample bounds it.
pub(crate) fn quantile_ranks(samples: u64, fraction: f64) -> (u64, u64) {
    let n = samples as f64;
    let (mean, deviation) = (n * fraction, (n * fraction * (1.0 - fraction)).sqrt());
    // Outside ten deviations the probability is below 1e-22 and cannot move either rank.
    let first = (mean - 10.0 * deviation - 10.0).max(0.0) as u64;
    let last = ((mean + 10.0 * deviation + 10.0) as u64).min(samples);
    let mut below = 0.0;
    let (mut lower, mut upper) = (first, samples + 1);
    for count in first..=last {
        let upto = below + binomial(samples, count, fraction);
        if upto <= TAIL {
            // P(B < count + 1) is small: at least count + 1 samples are below the quantile.
            lower = count + 1;
        }
        if upto >= 1.0 - TAIL {
            upper = count + 1;
            break;
        }
        below = upto;
    }
    (lower, upper)
}

/// Probability of `count` among `samples`, each with probability `fraction` in (0, 1).
fn binomial(samples: u64, count: u64, fraction: f64) -> f64 {
    let rest = samples - count;
    let choose = ln_factorial(samples) - ln_factorial(count) - ln_factorial(rest);
    (choose + count as f64 * fraction.ln() + rest as f64 * (-fraction).ln_1p()).exp()
}

/// Stirling's series; below 16 the product itself.
fn ln_factorial(n: u64) -> f64 {
    if n < 16 {
        return (2..=n).map(|factor| (factor as f64).ln()).sum();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3));
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

/// Wilson score interval of `hits` among `samples`; everything from 0 to 1 without samples.
pub fn share(hits: u64, samples: u64) -> (f64, f64) {
    if samples == 0 {
        return (0.0, 1.0);
    }
    let n = samples as f64;
    let observed = hits as f64 / n;
    let z2 = Z * Z;
    let middle = (observed + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (observed * (1.0 - observed) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the interval is exact; rounding must not open it.
    let low = if hits == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if hits == samples { 1.0 } else { (middle + half).min(1.0) };
    (low, high)
}

/// Fewest samples without any hit whose interval ends below `limit`.
pub(crate) fn samples_for_share(limit: f64) -> u64 {
    (Z * Z * (1.0 - limit) / limit).ceil() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of distribution-free intervals: exact binomial at 95 %.
    #[test]
    fn the_ranks_are_those_of_the_binomial_distribution() {
        assert_eq!(quantile_ranks(20, 0.5), (6, 15));
        assert_eq!(quantile_ranks(100, 0.5), (40, 61));
        assert_eq!(quantile_ranks(10, 0.5), (2, 9));
        // Too few samples to bound a high percentile from above.
        assert_eq!(quantile_ranks(20, 0.99).1, 21);
        assert_eq!(quantile_ranks(0, 0.5), (0, 1));
    }

    #[test]
    fn the_ranks_of_many_samples_are_near_the_normal_approximation() {
        for (samples, fraction) in [(10_000_u64, 0.95), (1_000_000, 0.999), (5_000, 0.5)] {
            let n = samples as f64;
            let half = Z * (n * fraction * (1.0 - fraction)).sqrt();
            let (lower, upper) = quantile_ranks(samples, fraction);
            assert!((lower as f64 - (n * fraction - half)).abs() < 3.0, "{samples} {lower}");
            assert!((upper as f64 - (n * fraction + half)).abs() < 3.0, "{samples} {upper}");
        }
    }

    #[test]
    fn the_wilson_interval_has_its_published_values() {
        for (hits, samples, low, high) in [
            (0, 10, 0.0, 0.2775),
            (10, 20, 0.2993, 0.7007),
            (1, 10, 0.0179, 0.4042),
            (5, 5, 0.5655, 1.0),
        ] {
            let (got_low, got_high) = share(hits, samples);
            assert!(
                (got_low - low).abs() < 1e-4 && (got_high - high).abs() < 1e-4,
                "{hits}/{samples}"
            );
        }
        assert_eq!(share(0, 0), (0.0, 1.0));
    }

    #[test]
    fn as_many_samples_as_needed_are_enough() {
        for limit in [0.001, 0.01, 0.05, 0.5] {
            let needed = samples_for_share(limit);
            assert!(share(0, needed).1 < limit);
            assert!(share(0, needed - 2).1 >= limit);
        }
    }
}
