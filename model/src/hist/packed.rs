//! A histogram as a few bytes, for files that keep many of them.
//!
//! A version byte, then LEB128 numbers: sum, least and greatest value, and for each bucket the
//! distance from the bucket before it and its count.

use super::Histogram;
use super::buckets::Buckets;

const FORM: u8 = 1;

impl Histogram {
    /// The bytes that [`Self::unpacked`] reads back without loss.
    pub fn packed(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        for number in [self.sum_ns, self.min_ns, self.max_ns] {
            push(&mut bytes, number);
        }
        push_buckets(&mut bytes, self.buckets.iter());
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

/// Buckets in rising order.
pub(super) fn push_buckets(bytes: &mut Vec<u8>, buckets: impl Iterator<Item = (u16, u64)>) {
    let mut last = 0;
    for (bucket, count) in buckets {
        push(bytes, u64::from(bucket - last));
        push(bytes, count);
        last = bucket;
    }
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
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
            prop_assert_eq!(Histogram::unpacked(&histogram.packed()), Some(histogram));
        }

        #[test]
        fn bytes_of_any_kind_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            drop(Histogram::unpacked(&bytes));
        }
    }

    #[test]
    fn an_idle_second_takes_four_bytes() {
        assert_eq!(Histogram::default().packed(), [FORM, 0, 0, 0]);
        assert_eq!(Histogram::unpacked(&[]), None);
        assert_eq!(Histogram::unpacked(&[2, 0, 0, 0]), None);
    }
}
