//! What each epoch changed, and what it was, so that people can see and go back.

use std::collections::VecDeque;

use model::plan::Change;

use super::parts::Parts;

/// Epochs that can be gone back to.
const KEPT_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct History {
    kept: VecDeque<(Change, Parts)>,
}

impl History {
    pub(super) fn add(
        &mut self,
        epoch: u64,
        at_unix_ms: u64,
        (by, what): (&str, Vec<String>),
        parts: Parts,
    ) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((Change { epoch, at_unix_ms, by: by.to_owned(), what }, parts));
    }

    pub(super) fn parts(&self, epoch: u64) -> Option<Parts> {
        let found = self.kept.iter().find(|(change, _)| change.epoch == epoch);
        found.map(|(_, parts)| parts.clone())
    }

    /// Epoch 0, the empty plan, is remembered by nobody.
    pub(super) fn oldest(&self) -> u64 {
        self.kept.front().map_or(0, |(change, _)| change.epoch)
    }

    /// The newest first.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.kept.iter().rev().map(|(change, _)| change.clone()).collect()
    }
}
