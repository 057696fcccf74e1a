//! The last N outcomes, one by one.

use super::{Mark, Tally};

#[derive(Debug)]
pub(in crate::breaker) struct Ring {
    marks: Vec<Mark>,
    capacity: usize,
    /// Where the next outcome goes once the ring is full.
    oldest: usize,
    tally: Tally,
}

impl Ring {
    pub(super) fn new(calls: u32) -> Self {
        let capacity = calls.max(1) as usize;
        let marks = Vec::with_capacity(capacity);
        Self { marks, capacity, oldest: 0, tally: Tally::default() }
    }

    pub(super) fn push(&mut self, mark: Mark) {
        if self.marks.len() < self.capacity {
            self.marks.push(mark);
        } else {
            self.tally.remove(std::mem::replace(&mut self.marks[self.oldest], mark));
            self.oldest += 1;
            if self.oldest == self.capacity {
                self.oldest = 0;
            }
        }
        self.tally.add(mark);
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    pub(super) fn capacity(&self) -> u32 {
        self.capacity as u32
    }

    /// The oldest first.
    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        let (newer, older) = self.marks.split_at(self.oldest);
        older.iter().chain(newer).copied()
    }
}
