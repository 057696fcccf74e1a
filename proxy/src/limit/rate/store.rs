//! One word for each of many keys, in bounded space and without a lock for keys that are there.
//!
//! A key belongs to one set of sixteen places and is in one of them or in none. Its word changes by
//! compare and exchange. Only who brings a key in locks the shard, takes the place whose word is
//! the smallest (an empty one is zero, an idle one is in the past) and writes: place empty, word,
//! key. Who reads key, word and key again and finds the same key has a word of that key, and the
//! exchange fails if the place was given away in between.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::gcra::Taken;

const SHARDS: usize = 64;
const SETS_PER_SHARD: usize = 64;
const PLACES: usize = 16;
/// Keys of one limiter at once. Together a megabyte, made in 64 pieces as keys fall into them.
#[cfg(test)]
pub(super) const KEYS_MAX: usize = SHARDS * SETS_PER_SHARD * PLACES;
/// No key has this hash.
const EMPTY: u64 = 0;

#[derive(Debug, Default)]
struct Set {
    keys: [AtomicU64; PLACES],
    words: [AtomicU64; PLACES],
}

#[derive(Debug, Default)]
struct Shard {
    sets: OnceLock<Box<[Set]>>,
    /// Held while a key is brought in.
    filling: Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Store {
    shards: Box<[Shard]>,
    evicted: AtomicU64,
}

impl Default for Store {
    fn default() -> Self {
        let shards = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        Self { shards, evicted: AtomicU64::new(0) }
    }
}

impl Store {
    /// Takes from the word of the key with this hash; a key that is not there has the word 0.
    pub(super) fn take(&self, key: u64, now: u64, take: impl Fn(u64) -> Taken) -> Taken {
        let key = key.max(EMPTY + 1);
        let (shard, set) = self.find(key);
        loop {
            if let Some(place) = set.place_of(key) {
                match set.take(place, key, &take) {
                    Some(taken) => return taken,
                    None => continue,
                }
            }
            let filling = shard.filling.lock().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have brought it in.
            if set.place_of(key).is_some() {
                continue;
            }
            let taken = take(0);
            if let Taken::Passed { due } = taken {
                let forgot = set.fill(key, due, now);
                self.evicted.fetch_add(u64::from(forgot), Ordering::Relaxed);
            }
            drop(filling);
            return taken;
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// A store with the same keys and other words; what is idle at `now` is left out.
    pub(super) fn moved(&self, now: u64, word: impl Fn(u64) -> u64) -> Self {
        let other = Self { evicted: AtomicU64::new(self.evicted()), ..Self::default() };
        let sets = self.shards.iter().filter_map(|shard| shard.sets.get()).flatten();
        for (key, due) in sets.flat_map(Set::pairs) {
            if key != EMPTY && due > now {
                other.find(key).1.fill(key, word(due), now);
            }
        }
        other
    }

    fn find(&self, key: u64) -> (&Shard, &Set) {
        let shard = &self.shards[(key >> 32) as usize % SHARDS];
        let sets = shard
            .sets
            .get_or_init(|| std::iter::repeat_with(Set::default).take(SETS_PER_SHARD).collect());
        (shard, &sets[key as usize % SETS_PER_SHARD])
    }
}

impl Set {
    fn place_of(&self, key: u64) -> Option<usize> {
        self.keys.iter().position(|kept| kept.load(Ordering::Acquire) == key)
    }

    /// `None` when the place was given to another key.
    fn take(&self, place: usize, key: u64, take: impl Fn(u64) -> Taken) -> Option<Taken> {
        let word = &self.words[place];
        loop {
            let before = word.load(Ordering::Acquire);
            if self.keys[place].load(Ordering::Acquire) != key {
                return None;
            }
            let taken = take(before);
            let Taken::Passed { due } = taken else { return Some(taken) };
            let swapped =
                word.compare_exchange_weak(before, due, Ordering::AcqRel, Ordering::Acquire);
            if swapped.is_ok() {
                return Some(taken);
            }
        }
    }

    /// Gives the idlest place to a key; true when the key before was still in debt.
    fn fill(&self, key: u64, due: u64, now: u64) -> bool {
        let idlest = (0..PLACES).min_by_key(|place| self.words[*place].load(Ordering::Acquire));
        let place = idlest.unwrap_or_default();
        let in_debt = self.words[place].load(Ordering::Acquire) > now;
        let taken = self.keys[place].swap(EMPTY, Ordering::AcqRel) != EMPTY;
        self.words[place].store(due, Ordering::Release);
        self.keys[place].store(key, Ordering::Release);
        taken && in_debt
    }

    fn pairs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let load = |word: &AtomicU64| word.load(Ordering::Acquire);
        self.keys.iter().map(load).zip(self.words.iter().map(load))
    }
}

#[cfg(test)]
mod tests;
