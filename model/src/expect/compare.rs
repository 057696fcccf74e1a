//! How much slower was one group of requests than another at the same time?
//!
//! Requests of one second have much in common, so they are no independent samples: a comparison of
//! single requests raises false alarms. When both groups ran side by side for long enough, the
//! time is cut into batches, the means of the groups are subtracted batch by batch, which cancels
//! what both had to bear, and the differences get Student's interval (batch means; Law, "Simulation
//! Modeling and Analysis", section 9.5). Otherwise Welch's interval of the two means is all there
//! is (Welch 1947), and it is an optimistic one.

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// When it began.
    pub at_ms: u64,
    /// How long it took, in any unit.
    pub value: f64,
}

/// Mean of the first group minus mean of the second, with its 95 % interval, in the unit of the
/// values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Pairs of batches that were compared; 0 when the two groups were compared as wholes.
    pub batches: u64,
    /// Probability that a request of the first group takes longer than one of the second.
    pub slower: f64,
}

/// Longest and shortest batch.
const BATCH_MS_MAX: u64 = 10_000;
const BATCH_MS_MIN: u64 = 1_000;
/// Batches that a comparison is cut into where they are not too long or too short.
const BATCHES: u64 = 10;
/// Fewest pairs of batches that say how much batches differ.
const BATCHES_MIN: usize = 5;
/// Fewest requests of each group in a batch.
const BATCH_REQUESTS_MIN: usize = 5;

/// `None` with fewer than two requests on a side.
pub fn mean_difference(first: &[Timed], second: &[Timed]) -> Option<Difference> {
    if first.len() < 2 || second.len() < 2 {
        return None;
    }
    let slower = probability_above(first, second);
    Some(paired(first, second, slower).unwrap_or_else(|| welch(first, second, slower)))
}

fn paired(first: &[Timed], second: &[Timed], slower: f64) -> Option<Difference> {
    let start = first.iter().chain(second).map(|it| it.at_ms).min()?;
    let end = first.iter().chain(second).map(|it| it.at_ms).max()?;
    let batch_ms = ((end - start) / BATCHES).clamp(BATCH_MS_MIN, BATCH_MS_MAX);
    let count = usize::try_from((end - start) / batch_ms + 1).ok()?;
    let split = |group: &[Timed]| {
        let mut batches = vec![Vec::new(); count];
        for it in group {
            batches[((it.at_ms - start) / batch_ms) as usize].push(it.value);
        }
        batches
    };
    let differences: Vec<f64> = split(first)
        .iter()
        .zip(&split(second))
        .filter(|(one, other)| one.len().min(other.len()) >= BATCH_REQUESTS_MIN)
        .map(|(one, other)| mean(one) - mean(other))
        .collect();
    if differences.len() < BATCHES_MIN {
        return None;
    }
    let n = differences.len() as f64;
    let value = mean(&differences);
    let half = student(n - 1.0) * (variance(&differences) / n).sqrt();
    let batches = differences.len() as u64;
    Some(Difference { value, low: value - half, high: value + half, batches, slower })
}

fn welch(first: &[Timed], second: &[Timed], slower: f64) -> Difference {
    let values = |group: &[Timed]| group.iter().map(|it| it.value).collect::<Vec<f64>>();
    let (one, other) = (values(first), values(second));
    let value = mean(&one) - mean(&other);
    let part = |group: &[f64]| variance(group) / group.len() as f64;
    let (left, right) = (part(&one), part(&other));
    // Satterthwaite's degrees of freedom.
    let spread =
        left.powi(2) / (one.len() as f64 - 1.0) + right.powi(2) / (other.len() as f64 - 1.0);
    let freedom = if spread > 0.0 { (left + right).powi(2) / spread } else { f64::INFINITY };
    let half = student(freedom) * (left + right).sqrt();
    Difference { value, low: value - half, high: value + half, batches: 0, slower }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// Ties count half (Mann and Whitney 1947).
fn probability_above(first: &[Timed], second: &[Timed]) -> f64 {
    let mut sorted: Vec<f64> = second.iter().map(|it| it.value).collect();
    sorted.sort_by(f64::total_cmp);
    let wins: usize = first
        .iter()
        .map(|it| {
            let below = sorted.partition_point(|other| *other < it.value);
            below + sorted.partition_point(|other| *other <= it.value)
        })
        .sum();
    wins as f64 / (2.0 * first.len() as f64 * second.len() as f64)
}

/// Two-sided 95 % of Student's distribution, by degrees of freedom from 1 to 10.
const STUDENT: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/// The table, and above it the expansion around the normal quantile (Abramowitz and Stegun 26.7.5),
/// which is right to three digits from there on.
fn student(freedom: f64) -> f64 {
    let whole = freedom.floor().max(1.0);
    if whole <= STUDENT.len() as f64 {
        return STUDENT[whole as usize - 1];
    }
    let z = super::interval::Z;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(count: u64, every_ms: u64, value: impl Fn(u64) -> f64) -> Vec<Timed> {
        (0..count).map(|at| Timed { at_ms: at * every_ms, value: value(at) }).collect()
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        let published = [(1.0, 12.706), (4.9, 2.776), (11.0, 2.201), (20.0, 2.086), (60.0, 2.000)];
        for (freedom, value) in published {
            assert!((student(freedom) - value).abs() < 2e-3, "{freedom}: {}", student(freedom));
        }
        assert!((student(f64::INFINITY) - super::super::interval::Z).abs() < 1e-12);
    }

    #[test]
    fn what_both_groups_had_to_bear_at_the_same_time_cancels() {
        // Both drift by a thousand; the first is 20 slower all the time.
        let drift = |at: u64| (at as f64 * 10.0) % 1_000.0 + (at % 3) as f64;
        let difference =
            mean_difference(&group(600, 100, |at| drift(at) + 20.0), &group(600, 100, drift))
                .unwrap();
        assert_eq!(difference.batches, 10);
        assert!((difference.value - 20.0).abs() < 1e-9, "{difference:?}");
        assert!(difference.low > 19.9 && difference.high < 20.1, "{difference:?}");
    }

    #[test]
    fn a_short_comparison_is_one_of_the_whole_groups() {
        let first = group(4, 10, |at| 10.0 + 2.0 * at as f64);
        let second = group(3, 10, |at| 1.0 + at as f64);
        let difference = mean_difference(&first, &second).unwrap();
        assert_eq!((difference.batches, difference.value), (0, 11.0));
        assert!((difference.slower - 1.0).abs() < 1e-12);
        let half = (difference.high - difference.low) / 2.0;
        let expected = 2.776 * (20.0_f64 / 3.0 / 4.0 + 1.0 / 3.0).sqrt();
        assert!((half - expected).abs() < 1e-9, "{half} for {expected}");
        assert!(mean_difference(&first[..1], &second).is_none());
    }

    #[test]
    fn equal_groups_are_slower_with_probability_one_half() {
        let equal = group(50, 10, |at| (at % 7) as f64);
        let difference = mean_difference(&equal, &equal).unwrap();
        assert!((difference.slower - 0.5).abs() < 1e-12);
        assert!(difference.low < 0.0 && difference.high > 0.0);
        let flat = group(5, 10, |_| 3.0);
        assert!(mean_difference(&flat, &flat).unwrap().high.abs() < 1e-12);
    }
}
