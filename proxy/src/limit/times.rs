//! Counts of response times that many threads add to without a lock.
//!
//! The histogram of the `model` crate is exact to half a percent, sparse and mergeable, but has one
//! owner. This one is an array of atomic counters: 32 buckets per doubling, so that a percentile is
//! at most 3.2 % too long and never too short, which is enough to compare one with another.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::units::Share;

/// Buckets per doubling, as a power of two.
const BITS: u32 = 5;
const PER_DOUBLING: u64 = 1 << BITS;
/// Longest time that has a bucket of its own: 73 minutes. Longer ones count as this.
const NS_MAX: u64 = (1 << 42) - 1;
const BUCKETS: usize = bucket_of(NS_MAX) + 1;

#[derive(Debug)]
pub(crate) struct Times {
    buckets: Box<[AtomicU32]>,
    count: AtomicU32,
}

impl Default for Times {
    fn default() -> Self {
        let buckets = std::iter::repeat_with(AtomicU32::default).take(BUCKETS).collect();
        Self { buckets, count: AtomicU32::new(0) }
    }
}

impl Times {
    /// Adds one time; answers how many there are with it.
    pub(crate) fn record(&self, took: Duration) -> u32 {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).min(NS_MAX);
        self.buckets[bucket_of(ns)].fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Forgets everything. What is recorded meanwhile is forgotten or kept.
    pub(crate) fn clear(&self) {
        for bucket in self.buckets.iter().filter(|bucket| bucket.load(Ordering::Relaxed) > 0) {
            let taken = bucket.swap(0, Ordering::Relaxed);
            self.count.fetch_sub(taken, Ordering::Relaxed);
        }
    }
}

/// The time that `share` of all recorded ones did not exceed; `None` when there is none.
pub(crate) fn percentile(of: &[&Times], share: Share) -> Option<Duration> {
    let at = |bucket: usize| -> u64 {
        of.iter().map(|times| u64::from(times.buckets[bucket].load(Ordering::Relaxed))).sum()
    };
    // Counted anew, because other threads may be between a bucket and the sum of all.
    let total: u64 = (0..BUCKETS).map(at).sum();
    let whole = u64::from(Share::WHOLE_PPM);
    let rank = (total * u64::from(share.ppm())).div_ceil(whole).max(1);
    let mut below = 0;
    (0..BUCKETS)
        .find(|bucket| {
            below += at(*bucket);
            below >= rank
        })
        .map(|bucket| Duration::from_nanos(last_of(bucket)))
}

/// Below `PER_DOUBLING` each nanosecond has a bucket, above it each doubling has as many.
const fn bucket_of(ns: u64) -> usize {
    if ns < PER_DOUBLING {
        return ns as usize;
    }
    let shift = ns.ilog2() - BITS;
    (((shift as u64) << BITS) + (ns >> shift)) as usize
}

/// The longest time of a bucket.
const fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PER_DOUBLING {
        return bucket;
    }
    let shift = (bucket >> BITS) - 1;
    let first = (bucket & (PER_DOUBLING - 1)) | PER_DOUBLING;
    ((first + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_times_there_is_no_percentile() {
        assert_eq!(percentile(&[&Times::default()], Share::WHOLE), None);
        assert_eq!(percentile(&[], Share::WHOLE), None);
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(bucket_of(last_of(bucket)), bucket);
            assert_eq!(bucket_of(last_of(bucket) + 1), bucket + 1);
        }
        assert_eq!(last_of(BUCKETS - 1), NS_MAX);
    }

    #[test]
    fn cleared_times_count_from_zero() {
        let times = Times::default();
        assert_eq!(times.record(Duration::MAX), 1);
        assert_eq!(times.record(Duration::ZERO), 2);
        times.clear();
        assert_eq!(times.count(), 0);
        assert_eq!(times.record(Duration::ZERO), 1);
    }

    proptest! {
        #[test]
        fn a_percentile_is_never_too_short_and_at_most_a_thirty_second_too_long(
            left in prop::collection::vec(0_u64..10_000_000_000, 1..100),
            right in prop::collection::vec(0_u64..2_000, 0..100),
            ppm in 0..=Share::WHOLE_PPM,
        ) {
            let (first, second) = (Times::default(), Times::default());
            for (times, values) in [(&first, &left), (&second, &right)] {
                for ns in values {
                    times.record(Duration::from_nanos(*ns));
                }
            }
            let mut all = [left, right].concat();
            all.sort_unstable();
            let rank = (all.len() as u64 * u64::from(ppm)).div_ceil(1_000_000).max(1) as usize;
            let exact = all[rank - 1];
            let read = percentile(&[&first, &second], Share::from_ppm(ppm)).unwrap();
            let read = read.as_nanos() as u64;
            prop_assert!((exact..=exact + exact / 32).contains(&read), "{read} for {exact}");
        }
    }
}
