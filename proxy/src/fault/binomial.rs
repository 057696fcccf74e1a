//! The exact interval of a share (Clopper and Pearson 1934): which shares could have given so many
//! hits among so many draws, at 95 %.
//!
//! Its ends are quantiles of beta distributions, found by bisection of the regularised incomplete
//! beta function, which is computed by its continued fraction (Lentz's method).

/// Probability left out at each side.
const TAIL: f64 = 0.025;
/// More than the continued fraction needs for a billion draws.
const TERMS_MAX: u32 = 200_000;
const PRECISION: f64 = 1e-12;

/// From 0 to 1 without draws.
pub(super) fn interval(hits: u64, draws: u64) -> (f64, f64) {
    let hits = hits.min(draws);
    if draws == 0 {
        return (0.0, 1.0);
    }
    let (hit, missed) = (hits as f64, (draws - hits) as f64);
    let low = if hits == 0 { 0.0 } else { quantile(TAIL, hit, missed + 1.0) };
    let high = if hits == draws { 1.0 } else { quantile(1.0 - TAIL, hit + 1.0, missed) };
    (low, high)
}

/// The `x` below which a Beta(a, b) variable lies with this probability.
fn quantile(probability: f64, a: f64, b: f64) -> f64 {
    let mean = a / (a + b);
    let deviation = (mean * (1.0 - mean) / (a + b + 1.0)).sqrt();
    // Most of the way is known; the loop widens what it was told when that was too narrow.
    let mut low = (mean - 4.0 * deviation).max(0.0);
    let mut high = (mean + 4.0 * deviation).min(1.0);
    while low > 0.0 && beta(low, a, b) > probability {
        low = (low - 4.0 * deviation).max(0.0);
    }
    while high < 1.0 && beta(high, a, b) < probability {
        high = (high + 4.0 * deviation).min(1.0);
    }
    while high - low > PRECISION * high {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if beta(middle, a, b) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function: P(X <= x) for X of Beta(a, b).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    // The fraction is quick on the near side of the mean; the other side is its mirror image.
    if x < (a + 1.0) / (a + b + 2.0) {
        front.exp() * fraction(x, a, b) / a
    } else {
        1.0 - front.exp() * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut upper = 1.0;
    let mut lower = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = lower;
    for term in 1..TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        lower = 1.0 / away_from_zero(1.0 + even * lower);
        upper = away_from_zero(1.0 + even / upper);
        result *= lower * upper;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        lower = 1.0 / away_from_zero(1.0 + odd * lower);
        upper = away_from_zero(1.0 + odd / upper);
        let step = lower * upper;
        result *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

/// Stirling's series, from 12 on exact to the last bits; smaller arguments are moved up.
fn ln_gamma(x: f64) -> f64 {
    if x < 12.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let square = x * x;
    let series = (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0) / square) / square) / square)
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// P(at most `hits` of `draws`), each with probability `share`, term by term, in logarithms
    /// because the first terms are too small for a double.
    fn at_most(hits: u64, draws: u64, share: f64) -> f64 {
        let mut term = draws as f64 * (-share).ln_1p();
        let mut sum = term.exp();
        for hit in 0..hits {
            let odds = share / (1.0 - share);
            term += ((draws - hit) as f64 / (hit + 1) as f64 * odds).ln();
            sum += term.exp();
        }
        sum
    }

    #[test]
    fn the_interval_has_its_published_values() {
        for (hits, draws, low, high) in [
            (0, 10, 0.0, 0.308_5),
            (1, 10, 0.002_5, 0.445_0),
            (10, 20, 0.272_0, 0.728_0),
            (5, 100, 0.016_4, 0.112_8),
            (10, 10, 0.691_5, 1.0),
            (15, 1_000, 0.008_4, 0.024_6),
        ] {
            let (got_low, got_high) = interval(hits, draws);
            assert!((got_low - low).abs() < 6e-5, "{hits}/{draws}: {got_low} {low}");
            assert!((got_high - high).abs() < 6e-5, "{hits}/{draws}: {got_high} {high}");
        }
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn outside_of_the_interval_the_tail_is_below_its_probability(
            draws in 1_u64..400, part in 0.0_f64..1.0,
        ) {
            let hits = (draws as f64 * part) as u64;
            let (low, high) = interval(hits, draws);
            if hits > 0 {
                let tail = 1.0 - at_most(hits - 1, draws, low);
                prop_assert!((tail - TAIL).abs() < 1e-6, "{hits}/{draws} {tail}");
            }
            let tail = at_most(hits, draws, high);
            prop_assert!(hits == draws || (tail - TAIL).abs() < 1e-6, "{hits}/{draws} {tail}");
        }
    }

    #[test]
    fn many_draws_are_near_the_normal_interval() {
        for draws in [1_000_000_u64, 1_000_000_000] {
            let (low, high) = interval(draws / 5, draws);
            let half = 1.959_964 * (0.2 * 0.8 / draws as f64).sqrt();
            assert!(((0.2 - low) / half - 1.0).abs() < 0.01, "{draws} {low}");
            assert!(((high - 0.2) / half - 1.0).abs() < 0.01, "{draws} {high}");
        }
    }
}
