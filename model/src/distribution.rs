//! Delays as distributions, sampled by their inverse cumulative function from one draw in [0, 1),
//! so that the size of an effect is as repeatable as the decision itself.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::Unit;
use crate::units::format_duration;

/// Longest delay that a sample may have: heavy tails are cut here.
pub const DELAY_MAX: Duration = Duration::from_mins(10);

/// How long a delay is. All fields are microseconds except `shape`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// Type I: at least `scale_us`; the tail is heavier the smaller `alpha` is.
    Pareto {
        scale_us: u64,
        alpha: f64,
    },
}

impl Distribution {
    /// The value below which `unit` of all samples lie.
    pub fn sample(&self, unit: Unit) -> Duration {
        let u = unit.as_f64();
        let us = match *self {
            Self::Fixed { value_us } => value_us as f64,
            Self::Uniform { min_us, max_us } => {
                let width = max_us.saturating_sub(min_us) as f64;
                min_us as f64 + u * width
            },
            Self::Normal { mean_us, deviation_us } => {
                mean_us as f64 + normal_quantile(u) * deviation_us as f64
            },
            Self::Pareto { scale_us, alpha } => scale_us as f64 * (1.0 - u).powf(-1.0 / alpha),
        };
        let us = us.clamp(0.0, DELAY_MAX.as_micros() as f64);
        Duration::from_micros(us.round() as u64)
    }

    /// Mean of the samples, without the cut; a Pareto with `alpha <= 1` has none and gives the
    /// longest delay.
    pub fn mean(&self) -> Duration {
        let us = match *self {
            Self::Fixed { value_us } => value_us as f64,
            Self::Uniform { min_us, max_us } => f64::midpoint(min_us as f64, max_us as f64),
            Self::Normal { mean_us, .. } => mean_us as f64,
            Self::Pareto { scale_us, alpha } if alpha > 1.0 => {
                scale_us as f64 * alpha / (alpha - 1.0)
            },
            Self::Pareto { .. } => DELAY_MAX.as_micros() as f64,
        };
        Duration::from_micros(us as u64).min(DELAY_MAX)
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |us: u64| format_duration(Duration::from_micros(us));
        match *self {
            Self::Fixed { value_us } => formatter.write_str(&us(value_us)),
            Self::Uniform { min_us, max_us } => {
                write!(formatter, "uniform {}..{}", us(min_us), us(max_us))
            },
            Self::Normal { mean_us, deviation_us } => {
                write!(formatter, "normal {} deviation {}", us(mean_us), us(deviation_us))
            },
            Self::Pareto { scale_us, alpha } => {
                write!(formatter, "pareto {} alpha {alpha}", us(scale_us))
            },
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
    fn no_sample_is_negative_or_endless() {
        let normal = Distribution::Normal { mean_us: 1_000, deviation_us: 1_000_000 };
        assert_eq!(normal.sample(Unit::from_bits(0)), Duration::ZERO);
        let pareto = Distribution::Pareto { scale_us: 100_000, alpha: 0.1 };
        assert_eq!(pareto.sample(Unit::from_bits(u64::MAX)), DELAY_MAX);
    }
}
