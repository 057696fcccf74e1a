//! The outcomes of the last N calls with running totals: a push is a few instructions whatever N.

use model::units::Share;

/// Totals of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Tally {
    pub(super) fn add(&mut self, failed: bool, slow: bool) {
        self.calls += 1;
        self.failed += u32::from(failed);
        self.slow += u32::from(slow);
    }
}

/// Is `part` of `whole` at least `limit`? Exact, because rates like 1/3 have no exact double.
pub(super) fn reached(part: u32, whole: u32, limit: Share) -> bool {
    whole > 0
        && u64::from(part) * u64::from(Share::WHOLE_PPM)
            >= u64::from(whole) * u64::from(limit.ppm())
}

#[derive(Debug)]
pub(super) struct Window {
    ring: Vec<(bool, bool)>,
    capacity: usize,
    /// Where the next outcome goes once the ring is full.
    oldest: usize,
    tally: Tally,
}

impl Window {
    pub(super) fn new(calls: u32) -> Self {
        let capacity = calls.max(1) as usize;
        Self { ring: Vec::with_capacity(capacity), capacity, oldest: 0, tally: Tally::default() }
    }

    pub(super) fn push(&mut self, failed: bool, slow: bool) {
        if self.ring.len() < self.capacity {
            self.ring.push((failed, slow));
        } else {
            let (was_failed, was_slow) =
                std::mem::replace(&mut self.ring[self.oldest], (failed, slow));
            self.oldest = (self.oldest + 1) % self.capacity;
            self.tally.calls -= 1;
            self.tally.failed -= u32::from(was_failed);
            self.tally.slow -= u32::from(was_slow);
        }
        self.tally.add(failed, slow);
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }
}
