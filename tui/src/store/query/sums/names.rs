//! Values by name, for lists whose names nearly always stand in the same order.
//!
//! Every frame names the same edges, faults and flows in the same order. So a name is looked for
//! behind the one before, and only when it is not there among all of them.

use std::cmp::Ordering;

/// Names come from outside; the values of those beyond it are not kept.
const NAMES_MAX: usize = 4_096;

/// In order of their names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Names<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Names<K, V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K, V> Names<K, V> {
    /// The value of a name; a new one when there is none yet, `None` when there is no room for it.
    /// `order` is that of a name to the wanted one. `next` is where it is looked for, and becomes
    /// the place behind it.
    pub(crate) fn at(
        &mut self,
        next: &mut usize,
        order: impl Fn(&K) -> Ordering,
        name: impl FnOnce() -> K,
    ) -> Option<&mut V>
    where
        V: Default,
    {
        let place = match self.place(*next, order) {
            Ok(place) => place,
            Err(_) if self.entries.len() >= NAMES_MAX => return None,
            Err(place) => {
                self.entries.insert(place, (name(), V::default()));
                place
            },
        };
        *next = place + 1;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// The value of a name, which is looked for at `place` first.
    pub(crate) fn get(&self, place: usize, order: impl Fn(&K) -> Ordering) -> Option<&V> {
        let place = self.place(place, order).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    /// The same names with other values.
    pub(crate) fn map<W>(self, mut value: impl FnMut(V) -> W) -> Names<K, W> {
        let entries = self.entries.into_iter();
        Names { entries: entries.map(|(name, old)| (name, value(old))).collect() }
    }

    fn place(&self, likely: usize, order: impl Fn(&K) -> Ordering) -> Result<usize, usize> {
        let is_at =
            |place: &usize| self.entries.get(*place).is_some_and(|(name, _)| order(name).is_eq());
        // Several of one name stand behind each other.
        let near = [likely, likely.saturating_sub(1)].into_iter().find(is_at);
        near.map_or_else(|| self.entries.binary_search_by(|(name, _)| order(name)), Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_in_any_order_are_a_map(lists in prop::collection::vec(
            prop::collection::vec((0_u8..20, 1_u64..9), 0..20), 0..6,
        )) {
            let (mut names, mut map) = (Names::<u8, u64>::default(), BTreeMap::<u8, u64>::new());
            for list in lists {
                let mut next = 0;
                for (name, more) in list {
                    *names.at(&mut next, |it| it.cmp(&name), || name).unwrap() += more;
                    *map.entry(name).or_default() += more;
                }
            }
            prop_assert!(names.iter().eq(map.iter()));
            for name in 0..20 {
                for place in [0, 3, 30] {
                    prop_assert_eq!(names.get(place, |it| it.cmp(&name)), map.get(&name));
                }
            }
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::<usize, ()>::default();
        for name in 0..2 * NAMES_MAX {
            assert_eq!(names.at(&mut 0, |it| it.cmp(&name), || name).is_some(), name < NAMES_MAX);
        }
        assert_eq!(names.iter().count(), NAMES_MAX);
    }
}
