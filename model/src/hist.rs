//! Durations counted in exponential buckets, mergeable without loss.
//!
//! Scale 6 of OpenTelemetry's exponential histogram: bucket `i` holds `2^(i/64) <= ns <
//! 2^((i+1)/64)`, so a value read back from its bucket's middle is at most 0.55 % off. A percentile
//! of several seconds or edges is always taken from the merged counts; percentiles are never
//! averaged.

mod buckets;
mod packed;
mod tally;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::buckets::Buckets;
pub use self::packed::Packed;
pub use self::tally::Tally;

/// Buckets per doubling.
const BUCKETS_PER_DOUBLING: f64 = 64.0;
/// OpenTelemetry's scale: `2^SCALE` buckets per doubling.
pub const SCALE: i32 = 6;

/// Count, sum, least and greatest value, the last three in nanoseconds.
type Numbers = [u64; 4];

/// Of all values of both.
fn joined(one: Numbers, other: Numbers) -> Numbers {
    let ([count, sum, min, max], [more, more_sum, more_min, more_max]) = (one, other);
    let min = if count == 0 { more_min } else { min.min(more_min) };
    [count + more, sum.saturating_add(more_sum), min, max.max(more_max)]
}

/// Counts of durations in nanoseconds. Sparse: an idle second costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    count: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    /// Bucket index and count, in rising order; a map on the wire. Values of 0 are counted with
    /// 1 ns.
    buckets: Buckets,
}

impl Histogram {
    pub fn record(&mut self, duration: Duration) {
        self.record_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), 1);
    }

    /// Counts `count` values of `ns` nanoseconds.
    pub fn record_ns(&mut self, ns: u64, count: u64) {
        if count == 0 {
            return;
        }
        let ns = ns.max(1);
        self.min_ns = if self.count == 0 { ns } else { self.min_ns.min(ns) };
        self.max_ns = self.max_ns.max(ns);
        self.count += count;
        self.sum_ns = self.sum_ns.saturating_add(ns.saturating_mul(count));
        self.buckets.add(bucket_of(ns), count);
    }

    pub fn merge(&mut self, other: &Self) {
        self.merge_parts(other.numbers(), other.buckets.iter());
    }

    fn merge_parts(&mut self, numbers: Numbers, buckets: buckets::Iter<'_>) {
        if numbers[0] == 0 {
            return;
        }
        [self.count, self.sum_ns, self.min_ns, self.max_ns] = joined(self.numbers(), numbers);
        for (bucket, count) in buckets {
            self.buckets.add(bucket, count);
        }
    }

    fn numbers(&self) -> Numbers {
        [self.count, self.sum_ns, self.min_ns, self.max_ns]
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }

    pub fn min(&self) -> Duration {
        Duration::from_nanos(self.min_ns)
    }

    /// Of all values together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// `None` when empty.
    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.sum_ns / self.count))
    }

    /// The smallest recorded value that at least `fraction` of all values do not exceed, to
    /// 0.55 %. `None` when empty.
    pub fn quantile(&self, fraction: f64) -> Option<Duration> {
        let rank = (fraction.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        self.value_at_rank(rank.max(1))
    }

    /// The `rank`-th smallest value, from 1. `None` outside the recorded values.
    pub fn value_at_rank(&self, rank: u64) -> Option<Duration> {
        if rank == 0 || rank > self.count {
            return None;
        }
        let mut below = 0;
        for (bucket, count) in self.buckets.iter() {
            below += count;
            if below >= rank {
                let middle = middle_ns(bucket).clamp(self.min_ns, self.max_ns);
                return Some(Duration::from_nanos(middle));
            }
        }
        unreachable!("the buckets hold as many values as were counted")
    }

    /// Bucket index and count, in rising order; for drawing and for export.
    pub fn buckets(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.buckets.iter()
    }

    /// How many values are in buckets that lie wholly above `limit`.
    pub fn count_above(&self, limit: Duration) -> u64 {
        let limit = bucket_of(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1));
        let above = self.buckets.iter().filter(|(bucket, _)| *bucket > limit);
        above.map(|(_, count)| count).sum()
    }
}

fn bucket_of(ns: u64) -> u16 {
    ((ns as f64).log2() * BUCKETS_PER_DOUBLING) as u16
}

/// Geometric middle of a bucket, in nanoseconds.
pub fn middle_ns(bucket: u16) -> u64 {
    ((f64::from(bucket) + 0.5) / BUCKETS_PER_DOUBLING).exp2().round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_histogram_has_no_percentiles() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(Histogram::default().mean(), None);
    }

    #[test]
    fn buckets_are_a_map_on_the_wire() {
        let mut histogram = Histogram::default();
        histogram.record_ns(1_000, 2);
        histogram.record_ns(1, 1);
        let json = serde_json::to_string(&histogram).unwrap();
        assert!(json.ends_with(r#""buckets":{"0":1,"637":2}}"#), "{json}");
        assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), histogram);
    }

    #[test]
    fn one_value_is_every_percentile() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_millis(17));
        for fraction in [0.0, 0.5, 0.99, 1.0] {
            assert_eq!(histogram.quantile(fraction), Some(Duration::from_millis(17)));
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_0_55_percent_off(
            mut values in prop::collection::vec(1_000_u64..100_000_000_000, 1..200),
            fraction in 0.0_f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.record_ns(*value, 1);
            }
            values.sort_unstable();
            let rank = ((fraction * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            let read = histogram.quantile(fraction).unwrap().as_nanos() as f64;
            prop_assert!((read - exact).abs() <= exact * 0.0055 + 1.0, "{read} for {exact}");
        }

        #[test]
        fn merging_is_the_same_as_recording_together(
            left in prop::collection::vec(1_u64..1_000_000_000, 0..50),
            right in prop::collection::vec(1_u64..1_000_000_000, 0..50),
        ) {
            let of = |values: &[u64]| {
                let mut histogram = Histogram::default();
                for value in values {
                    histogram.record_ns(*value, 1);
                }
                histogram
            };
            let mut merged = of(&left);
            merged.merge(&of(&right));
            prop_assert_eq!(merged, of(&[left, right].concat()));
        }
    }
}
