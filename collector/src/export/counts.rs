//! What became of the items of one signal at one backend.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Different reasons that are told apart; a backend may make up status codes.
const REASONS_MAX: usize = 32;
const OTHER: &str = "another reason";

pub(super) const NO_ROOM: &str = "no room in the queue";
pub(super) const REJECTED: &str = "rejected one by one";
pub(super) const TOO_LARGE: &str = "the request is too large";
pub(super) const UNWRITTEN: &str = "the queue could not be written";
pub(super) const LEFT: &str = "still waiting at the end";

#[derive(Debug, Default)]
pub(super) struct Counts {
    delivered: AtomicU64,
    lost: Mutex<BTreeMap<String, u64>>,
}

impl Counts {
    /// The backend took them, except for some.
    pub(super) fn taken(&self, items: u64, rejected: u64) {
        let rejected = rejected.min(items);
        self.delivered.fetch_add(items - rejected, Ordering::Relaxed);
        self.lost(rejected, REJECTED);
    }

    pub(super) fn lost(&self, items: u64, reason: &str) {
        if items == 0 {
            return;
        }
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lost.contains_key(reason) || lost.len() < REASONS_MAX;
        let reason = if known { reason } else { OTHER };
        *lost.entry(reason.to_owned()).or_default() += items;
    }

    #[cfg(test)]
    pub(super) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// By reason.
    pub(super) fn losses(&self) -> BTreeMap<String, u64> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_cannot_make_up_reasons_without_end() {
        let counts = Counts::default();
        for status in 0..1_000 {
            counts.lost(2, &format!("HTTP {status}"));
        }
        let losses = counts.losses();
        assert_eq!((losses.len(), losses.values().sum::<u64>()), (REASONS_MAX + 1, 2_000));
        counts.taken(3, 5);
        assert_eq!((counts.delivered(), counts.losses()[OTHER]), (0, 2 * (1_000 - 32) + 3));
    }
}
