//! A distribution of durations that is small when little was measured.
//!
//! The same buckets as the histograms on the wire, but only those that hold something: a histogram
//! with three digits up to ten minutes takes 176 KiB, and a long run has thousands of them.

use hdrhistogram::Histogram;

/// Buckets per doubling: three digits need 2,000, and powers of two are what the format has.
const LINEAR_US: u64 = 2_048;

/// Durations in microseconds. Adding is exact, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// The largest value of a bucket and its count, rising.
    buckets: Vec<(u64, u64)>,
}

impl From<&Histogram<u64>> for Durations {
    fn from(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        let bucket = |value: hdrhistogram::iterators::IterationValue<u64>| {
            (value.value_iterated_to(), value.count_at_value())
        };
        Self { buckets: recorded.map(bucket).collect() }
    }
}

impl Durations {
    pub fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut ours, mut theirs) = (self.buckets.iter().peekable(), other.buckets.iter());
        for &(value, count) in theirs.by_ref() {
            while let Some(bucket) = ours.next_if(|(ours, _)| *ours < value) {
                merged.push(*bucket);
            }
            let same = ours.next_if(|(ours, _)| *ours == value);
            merged.push((value, count + same.map_or(0, |(_, count)| *count)));
        }
        merged.extend(ours.copied());
        self.buckets = merged;
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// How many are longer than `us`, to the width of a bucket.
    pub fn count_above(&self, us: u64) -> u64 {
        self.buckets.iter().filter(|(value, _)| *value > us).map(|(_, count)| count).sum()
    }

    /// The largest value of each bucket with its count, rising.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.buckets.iter().copied()
    }

    /// The `rank`-th smallest, from 1.
    pub fn at_rank(&self, rank: u64) -> Option<u64> {
        let mut below = 0;
        let holds = |(_, count): &&(u64, u64)| {
            below += count;
            rank > 0 && below >= rank
        };
        self.buckets.iter().find(holds).map(|(value, _)| *value)
    }

    /// By nearest rank; `None` without samples.
    pub fn quantile(&self, fraction: f64) -> Option<u64> {
        self.at_rank(nearest_rank(self.count(), fraction))
    }

    /// The lower end of the first bucket.
    pub fn min(&self) -> Option<u64> {
        self.buckets.first().map(|(value, _)| value + 1 - width(*value))
    }

    pub fn max(&self) -> Option<u64> {
        self.buckets.last().map(|(value, _)| *value)
    }

    /// Mean and standard deviation, every duration taken as the middle of its bucket.
    pub fn moments(&self) -> Option<(f64, f64)> {
        let n = self.count() as f64;
        if n < 1.0 {
            return None;
        }
        let mean = self.sum_us() / n;
        let square = |(value, count): (u64, u64)| (middle(value) - mean).powi(2) * count as f64;
        let squares: f64 = self.buckets().map(square).sum();
        Some((mean, (squares / n).sqrt()))
    }

    /// Of the middles of the buckets.
    pub fn sum_us(&self) -> f64 {
        // The sum of nothing is minus zero, which readers of metrics would show.
        0.0 + self.buckets().map(|(value, count)| middle(value) * count as f64).sum::<f64>()
    }

    /// As it goes over the wire.
    pub fn to_histogram(&self) -> Histogram<u64> {
        let mut histogram = super::empty();
        for (value, count) in self.buckets() {
            histogram.saturating_record_n(value, count);
        }
        histogram
    }
}

/// Rank, from 1, of a quantile among `count` values.
pub fn nearest_rank(count: u64, fraction: f64) -> u64 {
    // A share such as 0.99 of 100 must not become 100 because 0.99 has no exact binary form.
    ((fraction * count as f64 - 1e-9).ceil().max(1.0)) as u64
}

/// Of the bucket that ends with `value`.
fn width(value: u64) -> u64 {
    match value {
        value if value < LINEAR_US => 1,
        value => 1 << (value.ilog2() - LINEAR_US.ilog2() + 1),
    }
}

fn middle(value: u64) -> f64 {
    value as f64 - (width(value) as f64 - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::HDR_MAX_US;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = crate::hdr::empty();
        for value in values {
            histogram.record(*value).unwrap();
        }
        histogram
    }

    proptest! {
        #[test]
        fn it_says_what_the_dense_histogram_says(
            some in prop::collection::vec(1..HDR_MAX_US, 0..60),
            more in prop::collection::vec(1..5_000_u64, 0..60),
            fraction in 0.001..0.9999_f64,
        ) {
            let mut dense = histogram(&some);
            dense.add(histogram(&more)).unwrap();
            let mut sparse = Durations::from(&histogram(&some));
            sparse.add(&Durations::from(&histogram(&more)));
            let mut other_way = Durations::from(&histogram(&more));
            other_way.add(&Durations::from(&histogram(&some)));
            prop_assert_eq!(&sparse, &other_way);
            prop_assert_eq!(sparse.to_histogram(), dense.clone());
            prop_assert_eq!(sparse.count(), dense.len());
            if !sparse.is_empty() {
                let expected = dense.value_at_quantile(fraction);
                prop_assert_eq!(sparse.quantile(fraction).unwrap(), expected);
                prop_assert_eq!(sparse.max().unwrap(), dense.max());
                prop_assert_eq!(sparse.min().unwrap(), dense.min());
                let (mean, deviation) = sparse.moments().unwrap();
                prop_assert!((mean - dense.mean()).abs() <= 1e-3 * dense.mean() + 1.0);
                prop_assert!((deviation - dense.stdev()).abs() <= 1e-3 * dense.stdev() + 1.0);
            }
        }
    }

    #[test]
    fn ranks_are_nearest_ranks() {
        let values: Vec<u64> = (1..=100).collect();
        let durations = Durations::from(&histogram(&values));
        for (fraction, expected) in [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1)] {
            assert_eq!(durations.quantile(fraction), Some(expected), "{fraction}");
        }
        assert_eq!(durations.count_above(90), 10);
        assert_eq!(Durations::default().quantile(0.5), None);
        assert!(Durations::default().sum_us().is_sign_positive());
    }
}
