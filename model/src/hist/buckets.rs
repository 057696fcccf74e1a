//! The counts of a histogram: a list while it is counted into, a few bytes once it only is read.
//!
//! What comes over the wire is kept by the thousand and seldom added to, so it is packed as it is
//! read: one byte for most buckets instead of sixteen. The first count that is added unpacks it.

use std::collections::BTreeMap;
use std::slice;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::packed;

/// Bucket index and count, in rising order; a map on the wire.
#[derive(Debug, Clone)]
pub(super) enum Buckets {
    Open(Vec<(u16, u64)>),
    /// As [`push_pairs`] writes them.
    Packed(Box<[u8]>),
}

impl Default for Buckets {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Buckets {}

impl Buckets {
    /// In rising order, without repetitions.
    pub(super) fn packed(buckets: impl Iterator<Item = (u16, u64)>) -> Self {
        let mut bytes = Vec::with_capacity(buckets.size_hint().0 + FIRST_BYTES);
        push_pairs(&mut bytes, buckets);
        Self::Packed(bytes.into_boxed_slice())
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        match self {
            Self::Open(buckets) => Iter::Open(buckets.iter()),
            Self::Packed(bytes) => Iter::packed(bytes),
        }
    }

    /// The packed form of the same counts, behind what `bytes` holds.
    pub(super) fn push_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Open(buckets) => push_pairs(bytes, buckets.iter().copied()),
            Self::Packed(packed) => bytes.extend_from_slice(packed),
        }
    }

    fn opened(&mut self) -> &mut Vec<(u16, u64)> {
        if let Self::Packed(_) = self {
            *self = Self::Open(self.iter().collect());
        }
        match self {
            Self::Open(buckets) => buckets,
            Self::Packed(_) => unreachable!("it was opened just now"),
        }
    }

    pub(super) fn add(&mut self, bucket: u16, count: u64) {
        let buckets = self.opened();
        let (Some((first, _)), Some((last, _))) = (buckets.first(), buckets.last()) else {
            buckets.push((bucket, count));
            return;
        };
        // Indexes rise by one at least, so only the holes between buckets leave a choice.
        let end = buckets.len().min(usize::from(bucket.saturating_sub(*first)) + 1);
        let above = usize::from(last.saturating_sub(bucket)) + 1;
        let start = buckets.len().saturating_sub(above).min(end);
        let found = buckets[start..end].binary_search_by_key(&bucket, |(other, _)| *other);
        match found {
            Ok(at) => buckets[start + at].1 += count,
            Err(at) => buckets.insert(start + at, (bucket, count)),
        }
    }
}

pub(super) enum Iter<'a> {
    Open(slice::Iter<'a, (u16, u64)>),
    Packed { rest: &'a [u8], bucket: u16 },
}

impl<'a> Iter<'a> {
    pub(super) fn packed(bytes: &'a [u8]) -> Self {
        Self::Packed { rest: bytes, bucket: 0 }
    }
}

impl Iterator for Iter<'_> {
    type Item = (u16, u64);

    fn next(&mut self) -> Option<(u16, u64)> {
        match self {
            Self::Open(buckets) => buckets.next().copied(),
            Self::Packed { rest, bucket } => {
                let (step, count) = take_pair(rest)?;
                *bucket = bucket.saturating_add(step);
                Some((*bucket, count))
            },
        }
    }
}

impl Serialize for Buckets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Buckets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // In order, and without repetitions.
        let buckets = BTreeMap::<u16, u64>::deserialize(deserializer)?;
        Ok(Self::packed(buckets.into_iter()))
    }
}

/// The first bucket lies far from bucket 0: a mark, and two numbers.
const FIRST_BYTES: usize = 4;
/// What half a byte can say.
const HALF_MAX: u64 = 0xf;

/// Distance from the bucket before and count, in rising order. Neighbours with few counts, as
/// nearly all of a second are, share a byte; for others a zero stands before two LEB128 numbers.
fn push_pairs(bytes: &mut Vec<u8>, buckets: impl Iterator<Item = (u16, u64)>) {
    let mut last = 0;
    for (bucket, count) in buckets {
        let step = u64::from(bucket - last);
        last = bucket;
        if step <= HALF_MAX && (1..=HALF_MAX).contains(&count) {
            bytes.push((step << 4 | count) as u8);
        } else {
            bytes.push(0);
            packed::push(bytes, step);
            packed::push(bytes, count);
        }
    }
}

fn take_pair(bytes: &mut &[u8]) -> Option<(u16, u64)> {
    let (byte, rest) = bytes.split_first()?;
    *bytes = rest;
    if *byte != 0 {
        return Some((u16::from(byte >> 4), u64::from(*byte) & HALF_MAX));
    }
    Some((u16::try_from(packed::take(bytes)?).ok()?, packed::take(bytes)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(buckets: &Buckets) -> Buckets {
        let json = serde_json::to_string(buckets).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn neighbours_with_few_counts_share_a_byte() {
        let mut bytes = Vec::new();
        let pairs = [(1_200, 1), (1_201, 15), (1_216, 2), (1_232, 1), (1_233, 16)];
        push_pairs(&mut bytes, pairs.into_iter());
        assert_eq!(bytes[..4], [0, 0xb0, 0x09, 1]);
        assert_eq!(bytes[4..], [0x1f, 0xf2, 0, 16, 1, 0, 1, 16]);
        assert!(Iter::packed(&bytes).eq(pairs));
    }

    proptest! {
        #[test]
        fn what_was_read_counts_on_like_what_was_counted(
            before in prop::collection::vec((any::<u16>(), 1_u64..1 << 40), 0..40),
            after in prop::collection::vec((any::<u16>(), 1_u64..1 << 40), 0..40),
        ) {
            let mut counted = Buckets::default();
            for (bucket, count) in before {
                counted.add(bucket, count);
            }
            let mut packed = read(&counted);
            prop_assert!(matches!(packed, Buckets::Packed(_)));
            prop_assert_eq!(&packed, &counted);
            for (bucket, count) in after {
                counted.add(bucket, count);
                packed.add(bucket, count);
            }
            prop_assert_eq!(&packed, &counted);
            prop_assert!(packed.iter().is_sorted_by_key(|(bucket, _)| bucket));
        }
    }
}
