//! Where the newest item of a key is, for the keys of the items that are kept.
//!
//! Items leave in the order in which they came, but their keys are not taken out one by one: two
//! tables take turns. All items of the old table came before those of the young one; once they are
//! gone, the old table is emptied at once and becomes the young one.

use hashbrown::HashTable;

/// The last item of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    /// Keyed hash of the key. Two keys may share one; who reads the items tells them apart.
    pub(super) hash: u64,
    /// Sequence number of the item.
    pub(super) sequence: u64,
    /// How many items the key has had since it was last without any.
    pub(super) count: u32,
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    young: HashTable<Newest>,
    old: HashTable<Newest>,
    /// Sequence numbers in the young table are not lower, those in the old one are.
    young_since: u64,
}

impl Keys {
    /// The newest item of a key, unless it came before `oldest`.
    pub(super) fn find(&self, hash: u64, oldest: u64) -> Option<Newest> {
        let same = |newest: &Newest| newest.hash == hash;
        let found = self.young.find(hash, same).or_else(|| self.old.find(hash, same));
        found.copied().filter(|newest| newest.sequence >= oldest)
    }

    /// Makes an item the newest of a key, and counts it; the one before it, unless it came before
    /// `oldest`.
    pub(super) fn replace(&mut self, hash: u64, sequence: u64, oldest: u64) -> Option<Newest> {
        let same = |other: &Newest| other.hash == hash;
        if let Some(newest) = self.young.find_mut(hash, same) {
            let before = (newest.sequence >= oldest).then_some(*newest);
            let count = before.map_or(0, |before| before.count).saturating_add(1);
            *newest = Newest { hash, sequence, count };
            return before;
        }
        let before = self.old.find(hash, same).copied();
        let before = before.filter(|before| before.sequence >= oldest);
        let count = before.map_or(0, |before| before.count).saturating_add(1);
        self.young.insert_unique(hash, Newest { hash, sequence, count }, |other| other.hash);
        before
    }

    /// Everything before `oldest` is gone; the next item will be `next`.
    pub(super) fn forget_before(&mut self, oldest: u64, next: u64) {
        if oldest >= self.young_since {
            self.old.clear();
            std::mem::swap(&mut self.old, &mut self.young);
            self.young_since = next;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_kept_item_of_each_key_is_found_and_nothing_else(
            keys in prop::collection::vec(0_u64..20, 1..300), kept in 1_u64..40,
        ) {
            let mut table = Keys::default();
            for (sequence, key) in (0_u64..).zip(&keys) {
                let oldest = sequence.saturating_sub(kept);
                table.forget_before(oldest, sequence);
                table.replace(*key, sequence, oldest);
                for wanted in 0..20 {
                    let newest = (oldest..=sequence).rev().find(|at| keys[*at as usize] == wanted);
                    let found = table.find(wanted, oldest).map(|newest| newest.sequence);
                    prop_assert_eq!(found, newest);
                }
                prop_assert!(table.len() as u64 <= 2 * (kept + 1));
            }
        }
    }
}
