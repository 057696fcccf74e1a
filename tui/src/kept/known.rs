//! Values that many seconds say, each held once.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many values are held without asking whether somebody still needs them.
const VALUES_MIN: usize = 1_024;

/// Bounded by what is needed: twice as many values as were held elsewhere when they were counted
/// last.
#[derive(Debug)]
pub(super) struct Known<T: ?Sized> {
    values: BTreeSet<Arc<T>>,
    room: usize,
}

impl<T: ?Sized> Default for Known<T> {
    fn default() -> Self {
        Self { values: BTreeSet::new(), room: VALUES_MIN }
    }
}

impl<T: Ord + ?Sized> Known<T> {
    /// The one value that is like this.
    pub(super) fn share<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.values.get(value.borrow()) {
            return Arc::clone(known);
        }
        if self.values.len() >= self.room {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.room = VALUES_MIN.max(self.values.len() * 2);
        }
        let shared = value.into();
        self.values.insert(Arc::clone(&shared));
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_values_are_one_and_those_that_nobody_holds_are_forgotten() {
        let mut known: Known<str> = Known::default();
        let first = known.share("first");
        for number in 0..4 * VALUES_MIN {
            assert_eq!(&*known.share(number.to_string().as_str()), number.to_string());
            assert!(known.values.len() <= VALUES_MIN);
        }
        assert!(Arc::ptr_eq(&known.share("first"), &first));
        let held: Vec<Arc<str>> =
            (0..4 * VALUES_MIN).map(|number| known.share(number.to_string().as_str())).collect();
        assert!((0..held.len()).all(|at| Arc::ptr_eq(&known.share(&*held[at]), &held[at])));
    }
}
