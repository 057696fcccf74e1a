//! Durations counted without a lock, finely enough for percentiles and exactly at the bounds that
//! are exposed.
//!
//! Every doubling is divided into 32 equal buckets, so a percentile is at most 1.6 % off. Where one
//! of the exposed bounds falls into a bucket, the bucket is split there: the counts up to that
//! bound are exact, bound included, as Prometheus and OTLP define it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the exposed buckets, in nanoseconds: 1 ms to 30 s.
pub(crate) const BOUNDS_NS: [u64; 14] = [
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

const SUB_BITS: u32 = 5;
const SUBS: usize = 1 << SUB_BITS;
/// The first bucket takes everything below a microsecond, the last one everything above two
/// minutes.
const EXPONENT_MIN: u32 = 10;
const EXPONENT_MAX: u32 = 37;
const COARSE: usize = 2 + (EXPONENT_MAX - EXPONENT_MIN) as usize * SUBS;
const FINE: usize = COARSE + BOUNDS_NS.len();

/// Where each bucket of a doubling begins among the fine ones, and the largest value of each fine
/// one.
struct Table {
    first: [u16; COARSE],
    upper: [u64; FINE],
}

static TABLE: Table = table();

const fn table() -> Table {
    let mut table = Table { first: [0; COARSE], upper: [0; FINE] };
    let (mut fine, mut bound, mut coarse) = (0, 0, 0);
    while coarse < COARSE {
        table.first[coarse] = fine as u16;
        let upper = upper_of(coarse);
        if bound < BOUNDS_NS.len() && BOUNDS_NS[bound] <= upper {
            assert!(BOUNDS_NS[bound] < upper, "no bound may end a bucket by chance");
            table.upper[fine] = BOUNDS_NS[bound];
            (fine, bound) = (fine + 1, bound + 1);
            assert!(
                bound == BOUNDS_NS.len() || BOUNDS_NS[bound] > upper,
                "bounds are further apart than buckets"
            );
        }
        table.upper[fine] = upper;
        (fine, coarse) = (fine + 1, coarse + 1);
    }
    assert!(fine == FINE && bound == BOUNDS_NS.len());
    table
}

/// The largest value of a bucket before it is split.
const fn upper_of(coarse: usize) -> u64 {
    if coarse == 0 {
        return (1 << EXPONENT_MIN) - 1;
    }
    if coarse == COARSE - 1 {
        return u64::MAX;
    }
    let shift = EXPONENT_MIN - SUB_BITS + ((coarse - 1) / SUBS) as u32;
    (((SUBS + (coarse - 1) % SUBS + 1) as u64) << shift) - 1
}

fn coarse_of(ns: u64) -> usize {
    let exponent = (ns | 1).ilog2();
    if exponent < EXPONENT_MIN {
        return 0;
    }
    if exponent >= EXPONENT_MAX {
        return COARSE - 1;
    }
    let sub = (ns >> (exponent - SUB_BITS)) as usize % SUBS;
    1 + (exponent - EXPONENT_MIN) as usize * SUBS + sub
}

fn fine_of(ns: u64) -> usize {
    let first = usize::from(TABLE.first[coarse_of(ns)]);
    first + usize::from(ns > TABLE.upper[first])
}

/// Counts that many threads add to.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: [AtomicU64; FINE],
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; FINE], sum_ns: AtomicU64::new(0) }
    }
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let ns = took.as_secs().saturating_mul(1_000_000_000);
        let ns = ns.saturating_add(u64::from(took.subsec_nanos()));
        self.counts[fine_of(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

/// Counts of a moment; those of several histograms can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Durations {
    counts: Vec<u64>,
    sum_ns: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: vec![0; FINE], sum_ns: 0 }
    }
}

impl Durations {
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (sum, count) in self.counts.iter_mut().zip(&histogram.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        self.sum_ns = self.sum_ns.wrapping_add(histogram.sum_ns.load(Ordering::Relaxed));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) fn sum_s(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// How many values each exposed bucket holds; the last one has no upper end.
    pub(crate) fn exposed(&self) -> [u64; BOUNDS_NS.len() + 1] {
        let mut exposed = [0; BOUNDS_NS.len() + 1];
        for (upper, count) in TABLE.upper.iter().zip(&self.counts) {
            exposed[BOUNDS_NS.partition_point(|bound| bound < upper)] += count;
        }
        exposed
    }

    /// The value that at least `fraction` of all values do not exceed, to 1.6 %. `None` when empty.
    pub(crate) fn quantile(&self, fraction: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((fraction.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut below = 0;
        let fine = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        let lower = fine.checked_sub(1).map_or(0, |before| TABLE.upper[before]);
        // What the last bucket holds is only known to be longer than its lower end.
        let upper = if fine == FINE - 1 { lower } else { TABLE.upper[fine] };
        Some(Duration::from_nanos(lower + (upper - lower).div_ceil(2)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Durations {
        let histogram = Histogram::default();
        for value in values {
            histogram.record(Duration::from_nanos(*value));
        }
        let mut durations = Durations::default();
        durations.add(&histogram);
        durations
    }

    #[test]
    fn buckets_rise_without_gaps_and_every_value_is_in_its_own() {
        for fine in 0..FINE {
            let upper = TABLE.upper[fine];
            assert_eq!(fine_of(upper), fine, "{upper}");
            if fine + 1 < FINE {
                assert_eq!(fine_of(upper + 1), fine + 1, "{upper}");
            }
        }
        assert_eq!((fine_of(0), fine_of(u64::MAX)), (0, FINE - 1));
    }

    #[test]
    fn a_value_at_a_bound_belongs_below_it() {
        for (index, bound) in BOUNDS_NS.iter().enumerate() {
            let exposed = of(&[*bound, bound + 1]).exposed();
            assert_eq!((exposed[index], exposed[index + 1]), (1, 1), "{bound}");
        }
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles_and_the_longest_is_at_least_its_bucket() {
        assert_eq!(of(&[]).quantile(0.5), None);
        assert!(of(&[u64::MAX]).quantile(1.0).unwrap() > Duration::from_mins(2));
    }

    proptest! {
        #[test]
        fn a_percentile_is_at_most_1_6_percent_off(
            mut values in prop::collection::vec(1_024_u64..130_000_000_000, 1..200),
            fraction in 0.0_f64..=1.0,
        ) {
            let read = of(&values).quantile(fraction).unwrap().as_nanos() as f64;
            values.sort_unstable();
            let rank = ((fraction * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            prop_assert!((read - exact).abs() <= exact * 0.016 + 1.0, "{read} for {exact}");
        }

        #[test]
        fn what_is_exposed_is_what_counting_gives(
            left in prop::collection::vec(0_u64..100_000_000_000, 0..100),
            right in prop::collection::vec(0_u64..100_000_000_000, 0..100),
        ) {
            let all = [left.clone(), right.clone()].concat();
            let mut merged = of(&left);
            merged.merge(&of(&right));
            prop_assert_eq!(&merged, &of(&all));
            prop_assert_eq!(merged.count(), all.len() as u64);
            let mut expected = [0; BOUNDS_NS.len() + 1];
            for value in &all {
                expected[BOUNDS_NS.iter().filter(|bound| value > bound).count()] += 1;
            }
            prop_assert_eq!(merged.exposed(), expected);
            let sum_s = all.iter().sum::<u64>() as f64 / 1e9;
            prop_assert!((merged.sum_s() - sum_s).abs() < 1e-6);
        }
    }
}
