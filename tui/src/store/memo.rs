//! What has been summed up over the seconds of one plot column, so that it is summed up once.
//!
//! A column never changes once its seconds are over, and most of an hour is over. What is
//! remembered of a span is forgotten when a frame of that span comes or goes, so a sum is always
//! that of exactly the frames which the store holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Sums that are remembered: a few subjects at a few zooms. Beyond it all are begun anew.
const SUMS_MAX: usize = 1_024;

/// First and last second, both included.
pub(super) type Span = (u64, u64);

/// Sums by what they are about and by their span.
#[derive(Debug)]
pub(super) struct Memo<K, V> {
    sums: Mutex<BTreeMap<(K, Span), Arc<V>>>,
}

impl<K: Ord, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self { sums: Mutex::default() }
    }
}

impl<K: Ord, V> Memo<K, V> {
    /// The sum of this span as it is remembered, or as `sum` makes it.
    pub(super) fn of(&self, about: K, span: Span, sum: impl FnOnce() -> V) -> Arc<V> {
        let key = (about, span);
        if let Some(known) = self.lock().get(&key) {
            return Arc::clone(known);
        }
        let made = Arc::new(sum());
        let mut sums = self.lock();
        if sums.len() >= SUMS_MAX {
            sums.clear();
        }
        sums.insert(key, Arc::clone(&made));
        made
    }

    /// The frames of this span are other ones now.
    pub(super) fn forget(&self, (from, to): Span) {
        self.lock().retain(|(_, (first, last)), _| *last < from || *first > to);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(K, Span), Arc<V>>> {
        // Whoever panicked has left whole sums.
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_made_once_until_its_span_changes() {
        let memo = Memo::default();
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
    fn what_is_remembered_is_bounded() {
        let memo = Memo::default();
        for second in 0..3 * SUMS_MAX as u64 {
            memo.of((), (second, second), || ());
            assert!(memo.lock().len() <= SUMS_MAX);
        }
    }
}
