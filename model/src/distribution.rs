//! Delays as distributions, sampled by their inverse cumulative function from one draw in [0, 1),
//! so that the size of an effect is as repeatable as the decision itself.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::Unit;
use crate::units::format_duration;

/// Longest delay that a sample may have: heavy tails are cut here.
pub const DELAY_MAX: Duration = Duration::from_mins(10);
/// Most rows of a table of quantiles.
pub const QUANTILES_MAX: usize = 1_000;

/// How long a delay is. All fields are microseconds except `shape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "shape")]
pub enum Distribution {
    Fixed {
        value_us: u64,
    },
    Uniform {
        min_us: u64,
        max_us: u64,
    },
    /// Cut at zero.
    Normal {
        mean_us: u64,
        deviation_us: u64,
    },
    /// The logarithm is normal: never negative, with a long tail. Mean and deviation are those of
    /// the delay itself.
    LogNormal {
        mean_us: u64,
        deviation_us: u64,
    },
    /// Type I: at least `scale_us`; the tail is heavier the smaller `alpha` is.
    Pareto {
        scale_us: u64,
        alpha: f64,
    },
    /// Memoryless.
    Exponential {
        mean_us: u64,
    },
    /// As recorded: straight lines between quantiles. Shares rise, values do not fall; below the
    /// first and above the last it is flat.
    Quantiles {
        table: Vec<Quantile>,
    },
}

/// One point of a quantile table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// In [0, 1].
    pub share: f64,
    pub value_us: u64,
}

impl Distribution {
    /// The value below which `unit` of all samples lie.
    pub fn sample(&self, unit: Unit) -> Duration {
        let u = unit.as_f64();
        let us = match self {
            Self::Fixed { value_us } => *value_us as f64,
            Self::Uniform { min_us, max_us } => {
                let width = max_us.saturating_sub(*min_us) as f64;
                *min_us as f64 + u * width
            },
            Self::Normal { mean_us, deviation_us } => {
                *mean_us as f64 + normal_quantile(u) * *deviation_us as f64
            },
            Self::LogNormal { mean_us, deviation_us } => {
                let (mean, deviation) = (*mean_us as f64, *deviation_us as f64);
                // Of a mean m and a deviation d: s^2 = ln(1 + (d / m)^2), mu = ln m - s^2 / 2.
                let variance = (deviation / mean).powi(2).ln_1p();
                let of_log = variance.sqrt() * normal_quantile(u) - variance / 2.0;
                mean * of_log.exp()
            },
            Self::Pareto { scale_us, alpha } => *scale_us as f64 * (1.0 - u).powf(-1.0 / alpha),
            Self::Exponential { mean_us } => -(*mean_us as f64) * (1.0 - u).ln(),
            Self::Quantiles { table } => interpolate(table, u),
        };
        let us = us.clamp(0.0, DELAY_MAX.as_micros() as f64);
        Duration::from_micros(us.round() as u64)
    }

    /// Mean of the samples, without the cut; a Pareto with `alpha <= 1` has none and gives the
    /// longest delay.
    pub fn mean(&self) -> Duration {
        let us = match self {
            Self::Fixed { value_us } => *value_us as f64,
            Self::Uniform { min_us, max_us } => f64::midpoint(*min_us as f64, *max_us as f64),
            Self::Normal { mean_us, .. }
            | Self::LogNormal { mean_us, .. }
            | Self::Exponential { mean_us } => *mean_us as f64,
            Self::Pareto { scale_us, alpha } if *alpha > 1.0 => {
                *scale_us as f64 * alpha / (alpha - 1.0)
            },
            Self::Pareto { .. } => DELAY_MAX.as_micros() as f64,
            Self::Quantiles { table } => mean_of(table),
        };
        Duration::from_micros(us as u64).min(DELAY_MAX)
    }

    /// What makes it no distribution, for people.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Uniform { min_us, max_us } if min_us > max_us => {
                Some("the lower end of a uniform delay is above its upper end")
            },
            Self::LogNormal { mean_us: 0, .. } => Some("the mean of a lognormal delay is above 0"),
            Self::Pareto { alpha, .. } if !(0.1..=100.0).contains(alpha) => {
                Some("alpha of a pareto delay is from 0.1 to 100")
            },
            Self::Quantiles { table } => table_problem(table),
            _ => None,
        }
    }
}

fn table_problem(table: &[Quantile]) -> Option<&'static str> {
    if !(1..=QUANTILES_MAX).contains(&table.len()) {
        return Some("a table of quantiles has 1 to 1000 rows");
    }
    if table.iter().any(|row| !(0.0..=1.0).contains(&row.share)) {
        return Some("the shares of a table of quantiles are from 0 to 1");
    }
    let rises =
        |pair: &[Quantile]| pair[0].share < pair[1].share && pair[0].value_us <= pair[1].value_us;
    let sorted = table.windows(2).all(rises);
    (!sorted).then_some("in a table of quantiles shares rise and values do not fall")
}

fn interpolate(table: &[Quantile], u: f64) -> f64 {
    let after = table.partition_point(|row| row.share <= u);
    let value = |row: &Quantile| row.value_us as f64;
    match (after.checked_sub(1).and_then(|before| table.get(before)), table.get(after)) {
        (Some(low), Some(high)) => {
            let part = (u - low.share) / (high.share - low.share);
            value(low) + part * (value(high) - value(low))
        },
        (Some(only), None) | (None, Some(only)) => value(only),
        (None, None) => 0.0,
    }
}

fn mean_of(table: &[Quantile]) -> f64 {
    let (Some(first), Some(last)) = (table.first(), table.last()) else { return 0.0 };
    let between = table.windows(2).map(|pair| {
        let width = pair[1].share - pair[0].share;
        width * f64::midpoint(pair[0].value_us as f64, pair[1].value_us as f64)
    });
    let ends = first.share * first.value_us as f64 + (1.0 - last.share) * last.value_us as f64;
    between.sum::<f64>() + ends
}

impl fmt::Display for Distribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |us: u64| format_duration(Duration::from_micros(us));
        match self {
            Self::Fixed { value_us } => formatter.write_str(&us(*value_us)),
            Self::Uniform { min_us, max_us } => {
                write!(formatter, "uniform {}..{}", us(*min_us), us(*max_us))
            },
            Self::Normal { mean_us, deviation_us } => {
                write!(formatter, "normal {} deviation {}", us(*mean_us), us(*deviation_us))
            },
            Self::LogNormal { mean_us, deviation_us } => {
                write!(formatter, "lognormal {} deviation {}", us(*mean_us), us(*deviation_us))
            },
            Self::Pareto { scale_us, alpha } => {
                write!(formatter, "pareto {} alpha {alpha}", us(*scale_us))
            },
            Self::Exponential { mean_us } => write!(formatter, "exponential {}", us(*mean_us)),
            Self::Quantiles { table } => write!(formatter, "{} quantiles", table.len()),
        }
    }
}

/// Quantile of the standard normal distribution by Acklam's rational approximation; relative error
/// below 1.15e-9. The ends 0 and 1 are moved inwards by 2^-54, so the answer is always finite.
fn normal_quantile(u: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    const LOW: f64 = 0.024_25;
    let horner = |coefficients: &[f64], x: f64| {
        coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
    };
    let tail = |u: f64| {
        let q = (-2.0 * u.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    let u = u.clamp(f64::EPSILON / 4.0, 1.0 - f64::EPSILON / 2.0);
    if u < LOW {
        tail(u)
    } else if u > 1.0 - LOW {
        -tail(1.0 - u)
    } else {
        let q = u - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(fraction: f64) -> Unit {
        Unit::from_bits((fraction * 2_f64.powi(64)) as u64)
    }

    #[test]
    fn the_normal_quantile_matches_the_tables() {
        for (u, z) in [(0.5, 0.0), (0.841_344_746, 1.0), (0.975, 1.959_964), (0.001, -3.090_232)] {
            assert!((normal_quantile(u) - z).abs() < 1e-5, "{u}");
        }
    }

    #[test]
    fn samples_are_the_quantiles_of_their_distribution() {
        let ms = Duration::from_millis;
        let fixed = Distribution::Fixed { value_us: 1_500_000 };
        assert_eq!(fixed.sample(at(0.9)), ms(1_500));
        let uniform = Distribution::Uniform { min_us: 100_000, max_us: 300_000 };
        assert_eq!(uniform.sample(at(0.5)), ms(200));
        let normal = Distribution::Normal { mean_us: 100_000, deviation_us: 10_000 };
        assert_eq!(normal.sample(at(0.5)), ms(100));
        let pareto = Distribution::Pareto { scale_us: 100_000, alpha: 1.0 };
        assert_eq!(pareto.sample(at(0.5)), ms(200));
    }

    #[test]
    fn a_table_of_quantiles_gives_back_what_was_recorded() {
        let row = |share, value_us| Quantile { share, value_us };
        let table = vec![row(0.0, 1_000), row(0.5, 3_000), row(0.9, 10_000), row(0.99, 100_000)];
        let recorded = Distribution::Quantiles { table };
        assert_eq!(recorded.problem(), None);
        for (u, us) in [(0.0, 1_000), (0.25, 2_000), (0.5, 3_000), (0.7, 6_500), (0.999, 100_000)] {
            assert_eq!(recorded.sample(at(u)), Duration::from_micros(us), "{u}");
        }
        // 0.5 * 2 ms + 0.4 * 6.5 ms + 0.09 * 55 ms + 0.01 * 100 ms.
        assert_eq!(recorded.mean(), Duration::from_micros(9_550));
        let falling = Distribution::Quantiles { table: vec![row(0.1, 5), row(0.2, 4)] };
        assert!(falling.problem().is_some());
        assert!(Distribution::Quantiles { table: Vec::new() }.problem().is_some());
    }

    #[test]
    fn an_exponential_has_its_mean_at_its_quantile() {
        let delay = Distribution::Exponential { mean_us: 100_000 };
        let at_mean = delay.sample(at(1.0 - (-1.0_f64).exp()));
        assert!((at_mean.as_micros() as i64 - 100_000).abs() <= 1, "{at_mean:?}");
    }

    #[test]
    fn a_lognormal_has_the_mean_and_the_deviation_that_it_is_given() {
        let delay = Distribution::LogNormal { mean_us: 200_000, deviation_us: 100_000 };
        let count = 100_000;
        let draws = (0..count).map(|number| {
            let unit = at((f64::from(number) + 0.5) / f64::from(count));
            delay.sample(unit).as_secs_f64() * 1e3
        });
        let (sum, squares) =
            draws.fold((0.0, 0.0), |(sum, squares), ms| (sum + ms, squares + ms * ms));
        let mean = sum / f64::from(count);
        let deviation = (squares / f64::from(count) - mean * mean).sqrt();
        assert!(
            (mean - 200.0).abs() < 0.1 && (deviation - 100.0).abs() < 0.5,
            "{mean} {deviation}"
        );
        assert_eq!(delay.mean(), Duration::from_millis(200));
    }

    #[test]
    fn no_sample_is_negative_or_endless() {
        let normal = Distribution::Normal { mean_us: 1_000, deviation_us: 1_000_000 };
        assert_eq!(normal.sample(Unit::from_bits(0)), Duration::ZERO);
        let pareto = Distribution::Pareto { scale_us: 100_000, alpha: 0.1 };
        assert_eq!(pareto.sample(Unit::from_bits(u64::MAX)), DELAY_MAX);
    }
}
