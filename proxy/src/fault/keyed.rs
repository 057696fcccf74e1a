//! A bounded map from what requests have in common to what is remembered of it.
//!
//! Keys are 128-bit hashes under a secret of the process: they have one size whatever callers
//! send, no text is copied, and nobody outside can make two of them equal. Locks are spread over
//! shards and held for a look-up.
//!
//! When a shard is full, an old entry that was not used since it was last looked at is forgotten,
//! and counted. A forgotten one begins anew.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

const SHARDS: usize = 16;
/// Entries that are given another chance before one is forgotten whatever its use.
const CHANCES_MAX: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u128);

#[derive(Debug, Default)]
struct Slot<V> {
    value: V,
    used: bool,
}

#[derive(Debug, Default)]
struct Shard<V> {
    slots: BTreeMap<Key, Slot<V>>,
    by_age: VecDeque<Key>,
}

#[derive(Debug)]
pub(crate) struct Keyed<V> {
    shards: Vec<Mutex<Shard<V>>>,
    shard_max: usize,
    secret: (u64, u64),
    forgotten: AtomicU64,
}

impl<V: Default> Keyed<V> {
    /// Remembers about `limit` keys.
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            shard_max: limit.div_ceil(SHARDS).max(1),
            secret: rand::random(),
            forgotten: AtomicU64::new(0),
        }
    }

    pub(crate) fn key(&self, parts: &[&str]) -> Key {
        use std::hash::Hasher as _;
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part.as_bytes());
        }
        Key(hasher.finish128().as_u128())
    }

    /// Changes what is remembered of a key, which may be nothing yet.
    pub(crate) fn change<R>(&self, key: Key, change: impl FnOnce(&mut V) -> R) -> R {
        let mut shard = self.shard(key);
        if let Some(slot) = shard.slots.get_mut(&key) {
            slot.used = true;
            return change(&mut slot.value);
        }
        if shard.slots.len() >= self.shard_max {
            shard.forget_one();
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        shard.by_age.push_back(key);
        change(&mut shard.slots.entry(key).or_default().value)
    }

    /// Looks at what is remembered of a key, if anything is.
    pub(crate) fn look<R>(&self, key: Key, look: impl FnOnce(&V) -> R) -> Option<R> {
        let mut shard = self.shard(key);
        let slot = shard.slots.get_mut(&key)?;
        slot.used = true;
        Some(look(&slot.value))
    }

    /// Keys that were forgotten to make room for others.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard<V>> {
        let place = (key.0 >> 64) as usize % SHARDS;
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Shard<V> {
    fn forget_one(&mut self) {
        for _ in 0..CHANCES_MAX {
            let Some(key) = self.by_age.front().copied() else { return };
            let used = self.slots.get_mut(&key).is_some_and(|slot| std::mem::take(&mut slot.used));
            if !used {
                break;
            }
            self.by_age.rotate_left(1);
        }
        if let Some(key) = self.by_age.pop_front() {
            self.slots.remove(&key);
        }
    }
}

impl Keyed<u64> {
    /// How often the key was counted before.
    pub(crate) fn count(&self, key: Key) -> u64 {
        self.change(key, |count| {
            let before = *count;
            *count = count.saturating_add(1);
            before
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_key_do_not_run_into_each_other() {
        let keyed = Keyed::<u64>::with_limit(10);
        assert_eq!(keyed.key(&["ab", "c"]), keyed.key(&["ab", "c"]));
        assert_ne!(keyed.key(&["ab", "c"]), keyed.key(&["a", "bc"]));
        assert_ne!(keyed.key(&["ab"]), keyed.key(&["ab", ""]));
    }

    #[test]
    fn keys_are_counted_apart_from_zero() {
        let keyed = Keyed::with_limit(100);
        let count = |name: &str| keyed.count(keyed.key(&[name]));
        assert_eq!([count("a"), count("b"), count("a"), count("a")], [0, 0, 1, 2]);
        assert_eq!(keyed.forgotten(), 0);
    }

    #[test]
    fn it_stays_bounded_counts_what_it_forgets_and_keeps_what_is_in_use() {
        let keyed = Keyed::with_limit(SHARDS * 4);
        let often = keyed.key(&["often"]);
        for number in 0..1_000_u64 {
            keyed.count(keyed.key(&[&number.to_string()]));
            assert_eq!(keyed.count(often), number, "a key in use was forgotten");
        }
        let kept: usize = keyed.shards.iter().map(|shard| shard.lock().unwrap().slots.len()).sum();
        let queued: usize =
            keyed.shards.iter().map(|shard| shard.lock().unwrap().by_age.len()).sum();
        assert!(kept <= SHARDS * 4, "{kept}");
        assert_eq!((keyed.forgotten(), queued), (1_001 - kept as u64, kept));
        assert_eq!(keyed.look(keyed.key(&["0"]), |count| *count), None);
    }
}
