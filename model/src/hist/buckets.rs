//! The counts of a histogram: a list while it is counted into, a few bytes once it only is read.
//!
//! What comes over the wire is kept by the thousand and seldom added to, so it is packed as it is
//! read: two bytes for a bucket instead of sixteen. The first count that is added unpacks it.

use std::collections::BTreeMap;
use std::slice;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::packed;

/// Bucket index and count, in rising order; a map on the wire.
#[derive(Debug, Clone)]
pub(super) enum Buckets {
    Open(Vec<(u16, u64)>),
    /// As [`packed::push_buckets`] writes them.
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
    pub(super) fn iter(&self) -> Iter<'_> {
        match self {
            Self::Open(buckets) => Iter::Open(buckets.iter()),
            Self::Packed(bytes) => Iter::Packed { rest: bytes, bucket: 0 },
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

impl Iterator for Iter<'_> {
    type Item = (u16, u64);

    fn next(&mut self) -> Option<(u16, u64)> {
        match self {
            Self::Open(buckets) => buckets.next().copied(),
            Self::Packed { rest, bucket } => {
                let step = u16::try_from(packed::take(rest)?).ok()?;
                *bucket = bucket.saturating_add(step);
                Some((*bucket, packed::take(rest)?))
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
        let mut bytes = Vec::new();
        packed::push_buckets(&mut bytes, buckets.into_iter());
        Ok(Self::Packed(bytes.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(buckets: &Buckets) -> Buckets {
        let json = serde_json::to_string(buckets).unwrap();
        serde_json::from_str(&json).unwrap()
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
