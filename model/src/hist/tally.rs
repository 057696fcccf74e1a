//! Counts of many histograms together, while they are added.
//!
//! Thousands of histograms are summed up for one picture. Here every bucket between the least and
//! the greatest has a cell, so that adding one histogram is one step for each of its buckets.

use super::buckets::{Buckets, Iter};
use super::{Histogram, Numbers, Packed, joined};

/// Cells that are made room for beyond a bucket that has none: half a doubling.
const ROOM: u16 = 32;

/// A sum of histograms. [`Self::histogram`] reads it.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    numbers: Numbers,
    /// Bucket of the first cell.
    first: u16,
    cells: Vec<u64>,
}

impl Tally {
    pub fn merge(&mut self, other: &Histogram) {
        self.merge_parts(other.numbers(), other.buckets.iter());
    }

    /// As [`Self::merge`] of the histogram that was packed.
    pub fn merge_packed(&mut self, other: &Packed) {
        let (numbers, rest) = other.parts();
        self.merge_parts(numbers, Iter::packed(rest));
    }

    fn merge_parts(&mut self, numbers: Numbers, buckets: Iter<'_>) {
        if numbers[0] == 0 {
            return;
        }
        self.numbers = joined(self.numbers, numbers);
        for (bucket, count) in buckets {
            *self.cell(bucket) += count;
        }
    }

    /// Packed: a few bytes per bucket.
    pub fn histogram(&self) -> Histogram {
        let cells = (self.first..=u16::MAX).zip(self.cells.iter().copied());
        let [count, sum_ns, min_ns, max_ns] = self.numbers;
        let buckets = Buckets::packed(cells.filter(|(_, count)| *count > 0));
        Histogram { count, sum_ns, min_ns, max_ns, buckets }
    }

    fn cell(&mut self, bucket: u16) -> &mut u64 {
        if self.cells.is_empty() {
            self.first = bucket.saturating_sub(ROOM);
        }
        if bucket < self.first {
            let first = bucket.saturating_sub(ROOM);
            let missing = usize::from(self.first - first);
            self.cells.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = first;
        }
        let place = usize::from(bucket - self.first);
        if place >= self.cells.len() {
            let end = usize::from(bucket.saturating_add(ROOM) - self.first) + 1;
            self.cells.resize(end, 0);
        }
        &mut self.cells[place]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tally_is_the_merged_histogram(
            all in prop::collection::vec(
                prop::collection::vec((any::<u64>(), 0_u64..1 << 40), 0..20),
                0..8,
            ),
        ) {
            let (mut tally, mut merged) = (Tally::default(), Histogram::default());
            for values in all {
                let mut histogram = Histogram::default();
                for (ns, count) in values {
                    histogram.record_ns(ns, count);
                }
                if histogram.count().is_multiple_of(2) {
                    tally.merge(&histogram);
                } else {
                    tally.merge_packed(&Packed::of(&histogram, &mut Vec::new()));
                }
                merged.merge(&histogram);
            }
            let read = tally.histogram();
            prop_assert_eq!(&read, &merged);
            prop_assert_eq!(read.quantile(0.9), merged.quantile(0.9));
        }

        /// Any bucket can come over the wire.
        #[test]
        fn every_bucket_has_a_cell(
            buckets in prop::collection::btree_map(any::<u16>(), 1_u64..9, 1..9),
        ) {
            let mut tally = Tally::default();
            for (bucket, count) in buckets.iter().rev() {
                *tally.cell(*bucket) += count;
            }
            prop_assert!(tally.histogram().buckets().eq(buckets));
        }
    }
}
