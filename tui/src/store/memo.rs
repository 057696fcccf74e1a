//! What has been summed up over some seconds, so that it is summed up once.
//!
//! Most of an hour is over and never changes. What is remembered of a span is forgotten when a
//! frame of that span comes or goes, so a sum is always that of exactly the frames which the store
//! holds. What nobody asks for any more makes room: sums are kept in two halves, and when the new
//! half is full it becomes the old one, whose sums come back when they are asked for.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// First and last second, both included.
pub(super) type Span = (u64, u64);

type Half<K, V> = BTreeMap<(K, Span), Arc<V>>;

/// Sums by what they are about and by their span.
#[derive(Debug)]
pub(super) struct Memo<K, V> {
    kept: Mutex<Kept<K, V>>,
}

#[derive(Debug)]
struct Kept<K, V> {
    /// Sums in one half.
    half_max: usize,
    new: Half<K, V>,
    old: Half<K, V>,
    /// Outside of these seconds there is no span that is remembered.
    reach: Option<Span>,
}

impl<K: Ord, V> Memo<K, V> {
    /// Keeps so many sums, those that were asked for last, and at most as many older ones.
    pub(super) fn of_size(half_max: usize) -> Self {
        let kept = Kept { half_max, new: BTreeMap::new(), old: BTreeMap::new(), reach: None };
        Self { kept: Mutex::new(kept) }
    }

    /// The sum of this span as it is remembered, or as `sum` makes it.
    pub(super) fn of(&self, about: K, span: Span, sum: impl FnOnce() -> V) -> Arc<V> {
        let key = (about, span);
        if let Some(known) = self.lock().new.get(&key) {
            return Arc::clone(known);
        }
        let known = self.lock().old.remove(&key);
        let sum = known.unwrap_or_else(|| Arc::new(sum()));
        self.lock().put(key, Arc::clone(&sum));
        sum
    }

    /// The frames of this span are other ones now.
    pub(super) fn forget(&self, (from, to): Span) {
        let mut kept = self.lock();
        if kept.reach.is_some_and(|(first, last)| first <= to && from <= last) {
            for half in kept.halves() {
                half.retain(|(_, (first, last)), _| *last < from || *first > to);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().halves().map(|half| half.len()).iter().sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept<K, V>> {
        // Whoever panicked has left whole sums.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord, V> Kept<K, V> {
    fn put(&mut self, key: (K, Span), sum: Arc<V>) {
        let (first, last) = key.1;
        let (from, to) = self.reach.unwrap_or(key.1);
        self.reach = Some((from.min(first), to.max(last)));
        if self.new.len() >= self.half_max {
            self.old = mem::take(&mut self.new);
        }
        self.new.insert(key, sum);
    }

    fn halves(&mut self) -> [&mut Half<K, V>; 2] {
        [&mut self.new, &mut self.old]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_made_once_until_its_span_changes() {
        let memo = Memo::of_size(8);
        let get = |about: &'static str, span, value: u32| *memo.of(about, span, || value);
        assert_eq!(get("one", (10, 19), 1), 1);
        assert_eq!(get("one", (10, 19), 2), 1);
        assert_eq!((get("one", (20, 29), 3), get("two", (10, 19), 4)), (3, 4));
        memo.forget((15, 15));
        assert_eq!((get("one", (10, 19), 5), get("two", (10, 19), 6)), (5, 6));
        assert_eq!(get("one", (20, 29), 7), 3);
        memo.forget((0, u64::MAX));
        assert_eq!(get("one", (20, 29), 8), 8);
    }

    #[test]
    fn what_is_asked_for_again_and_again_stays_and_the_rest_makes_room() {
        let memo = Memo::of_size(8);
        assert_eq!(*memo.of((), (0, 0), || 7), 7);
        for second in 1..100 {
            memo.of((), (second, second), || 0);
            assert_eq!(*memo.of((), (0, 0), || unreachable!("it is remembered")), 7);
            assert!(memo.len() <= 16);
        }
        assert_eq!(*memo.of((), (1, 1), || 9), 9);
    }
}
