//! The outcomes of the last stretch of time, in slices with one tally each.
//!
//! A slice is a second, or a tenth of the window where that is finer. The window is the slice that
//! is being filled and the whole ones before it, so an outcome leaves it up to one slice early and
//! never late. Only slices that hold something are kept, so that a pause costs nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Mark, Tally};

/// Fewest slices of a window: with fewer of them too much would leave at once.
const SLICES_MIN: u64 = 10;

#[derive(Debug)]
struct Slice {
    number: u64,
    tally: Tally,
}

#[derive(Debug)]
pub(in crate::breaker) struct Slices {
    origin: Instant,
    span: Duration,
    slice_ns: u64,
    count: u64,
    kept: VecDeque<Slice>,
    total: Tally,
}

impl Slices {
    pub(super) fn new(span: Duration, now: Instant) -> Self {
        let count = span.as_millis().div_ceil(1_000).max(u128::from(SLICES_MIN)) as u64;
        Self {
            origin: now,
            span,
            slice_ns: (span.as_nanos() as u64 / count).max(1),
            count,
            kept: VecDeque::with_capacity(count as usize),
            total: Tally::default(),
        }
    }

    /// Everything in the slice of this instant.
    pub(super) fn filled(span: Duration, tally: Tally, now: Instant) -> Self {
        let mut filled = Self::new(span, now);
        filled.add(0, tally);
        filled
    }

    pub(super) fn push(&mut self, mark: Mark, now: Instant) {
        let number = self.number(now);
        self.expire(number);
        match self.kept.back_mut() {
            // A caller that read its clock a moment earlier than the last one books there too.
            Some(last) if last.number >= number => last.tally.add(mark),
            _ => {
                let mut tally = Tally::default();
                tally.add(mark);
                self.kept.push_back(Slice { number, tally });
            },
        }
        self.total.add(mark);
    }

    pub(super) fn tally(&mut self, now: Instant) -> Tally {
        self.expire(self.number(now));
        self.total
    }

    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// The same outcomes in slices of another size. Each counts as made when its slice began.
    pub(super) fn refit(self, span: Duration, now: Instant) -> Self {
        let mut refitted = Self { origin: self.origin, ..Self::new(span, now) };
        for slice in &self.kept {
            let began_ns = slice.number.saturating_mul(self.slice_ns);
            refitted.add(began_ns / refitted.slice_ns, slice.tally);
        }
        refitted.expire(refitted.number(now));
        refitted
    }

    /// One by one, the oldest first, without the first `surplus` ones.
    pub(super) fn marks(&self, surplus: u32) -> impl Iterator<Item = Mark> {
        let mut left_out = surplus;
        self.kept.iter().flat_map(move |slice| {
            let first = left_out.min(slice.tally.calls);
            left_out -= first;
            let tally = slice.tally;
            (first..tally.calls).map(move |index| Mark {
                failed: falls_on(index, tally.failed, tally.calls),
                slow: falls_on(index, tally.slow, tally.calls),
            })
        })
    }

    fn number(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_nanos() as u64 / self.slice_ns
    }

    fn expire(&mut self, current: u64) {
        while let Some(oldest) = self.kept.front() {
            if oldest.number + self.count > current {
                break;
            }
            self.total.subtract(oldest.tally);
            self.kept.pop_front();
        }
    }

    fn add(&mut self, number: u64, tally: Tally) {
        if tally.calls == 0 {
            return;
        }
        match self.kept.back_mut() {
            Some(last) if last.number >= number => last.tally.merge(tally),
            _ => self.kept.push_back(Slice { number, tally }),
        }
        self.total.merge(tally);
    }
}

/// Spreads `part` evenly over `whole` places.
fn falls_on(index: u32, part: u32, whole: u32) -> bool {
    let until = |index: u32| u64::from(index) * u64::from(part) / u64::from(whole);
    until(index + 1) > until(index)
}
