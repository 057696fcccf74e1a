//! A histogram as a few bytes: for files that keep many of them, and for memory that does.
//!
//! In a file: a version byte, then LEB128 numbers: sum, least and greatest value, and for each
//! bucket the distance from the bucket before it and its count. In memory ([`Packed`]): count, sum,
//! least and greatest value, and the buckets as they are packed when they come over the wire.

use super::buckets::{self, Buckets};
use super::{Histogram, Numbers};

const FORM: u8 = 1;

impl Histogram {
    /// The bytes that [`Self::unpacked`] reads back without loss.
    pub fn packed(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        for number in [self.sum_ns, self.min_ns, self.max_ns] {
            push(&mut bytes, number);
        }
        let mut last = 0;
        for (bucket, count) in self.buckets.iter() {
            push(&mut bytes, u64::from(bucket - last));
            push(&mut bytes, count);
            last = bucket;
        }
        bytes
    }

    /// `None` when the bytes are no packed histogram.
    pub fn unpacked(bytes: &[u8]) -> Option<Self> {
        let (form, mut rest) = bytes.split_first()?;
        if *form != FORM {
            return None;
        }
        let [sum_ns, min_ns, max_ns] = [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?];
        let (mut buckets, mut count, mut bucket) = (Vec::new(), 0_u64, 0_u16);
        while !rest.is_empty() {
            let (step, here) = (u16::try_from(take(&mut rest)?).ok()?, take(&mut rest)?);
            if step == 0 && !buckets.is_empty() {
                return None;
            }
            bucket = bucket.checked_add(step)?;
            count = count.checked_add(here)?;
            buckets.push((bucket, here));
        }
        Some(Self { count, sum_ns, min_ns, max_ns, buckets: Buckets::Open(buckets) })
    }
}

/// A histogram that only is read, in a single small piece of memory. An empty one takes none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// `bytes` is room to work in; what it holds is replaced.
    pub fn of(histogram: &Histogram, bytes: &mut Vec<u8>) -> Self {
        bytes.clear();
        let numbers = histogram.numbers();
        if numbers != [0; 4] || histogram.buckets.iter().next().is_some() {
            for number in numbers {
                push(bytes, number);
            }
            histogram.buckets.push_to(bytes);
        }
        Self(bytes.as_slice().into())
    }

    /// The numbers and the packed buckets.
    pub(super) fn parts(&self) -> (Numbers, &[u8]) {
        let mut rest = &*self.0;
        let numbers = [(); 4].map(|()| take(&mut rest).unwrap_or_default());
        (numbers, rest)
    }

    /// The same histogram, to be counted into.
    pub fn histogram(&self) -> Histogram {
        let ([count, sum_ns, min_ns, max_ns], rest) = self.parts();
        Histogram { count, sum_ns, min_ns, max_ns, buckets: Buckets::Packed(rest.into()) }
    }
}

impl Histogram {
    /// As [`Self::merge`] of the histogram that was packed.
    pub fn merge_packed(&mut self, other: &Packed) {
        let (numbers, rest) = other.parts();
        self.merge_parts(numbers, buckets::Iter::packed(rest));
    }
}

pub(super) fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked_without_loss(
            values in prop::collection::vec((1_u64..u64::MAX, 1_u64..1_000_000), 0..50),
        ) {
            let mut histogram = Histogram::default();
            for (value, count) in values {
                histogram.record_ns(value, count);
            }
            let unpacked = Histogram::unpacked(&histogram.packed());
            prop_assert_eq!(unpacked.as_ref(), Some(&histogram));
            let mut room = vec![7];
            let packed = Packed::of(&histogram, &mut room);
            prop_assert_eq!(packed.histogram(), histogram.clone());
            prop_assert_eq!(Packed::of(&packed.histogram(), &mut room), packed);
        }

        #[test]
        fn a_packed_histogram_merges_like_the_one_that_was_packed(
            left in prop::collection::vec(1_u64..1_000_000_000, 0..50),
            right in prop::collection::vec((1_u64..1_000_000_000, 1_u64..40), 0..50),
        ) {
            let (mut into, mut other) = (Histogram::default(), Histogram::default());
            for value in left {
                into.record_ns(value, 1);
            }
            for (value, count) in right {
                other.record_ns(value, count);
            }
            let mut packed_into = into.clone();
            into.merge(&other);
            packed_into.merge_packed(&Packed::of(&other, &mut Vec::new()));
            prop_assert_eq!(packed_into, into);
        }

        #[test]
        fn bytes_of_any_kind_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            drop(Histogram::unpacked(&bytes));
        }
    }

    #[test]
    fn an_idle_second_takes_four_bytes_in_a_file_and_none_in_memory() {
        assert_eq!(Histogram::default().packed(), [FORM, 0, 0, 0]);
        let packed = Packed::of(&Histogram::default(), &mut Vec::new());
        assert_eq!((packed.0.len(), packed.histogram()), (0, Histogram::default()));
        assert_eq!(Histogram::unpacked(&[]), None);
        assert_eq!(Histogram::unpacked(&[2, 0, 0, 0]), None);
    }
}
