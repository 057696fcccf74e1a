//! Bytes in pieces, with a pause between them.

use std::time::Duration;

use model::decision::indexed;
use tokio::time::Instant;

use super::{Limit, Then};

/// A pause that ended at most so late moves the next one forward: the pauses stay as long as they
/// were asked for on average.
const LATE_MAX: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Pieces {
    bytes: u64,
    variation: u64,
    pause: Duration,
    seed: u64,
    /// Number of the current piece.
    number: u64,
    /// What is left of the current piece; `None` before it has begun.
    left: Option<u64>,
    /// When the current piece may begin.
    from: Option<Instant>,
}

impl Pieces {
    pub(super) fn new(bytes: u64, variation: u64, pause_us: u64, seed: u64) -> Self {
        let pause = Duration::from_micros(pause_us);
        Self { bytes, variation, pause, seed, number: 0, left: None, from: None }
    }

    pub(super) fn retune(&mut self, bytes: u64, variation: u64, pause_us: u64) {
        let pause = Duration::from_micros(pause_us);
        // A pause that has begun is not longer than it would be if it began again.
        self.from = self.from.map(|from| (from + pause).checked_sub(self.pause).unwrap_or(from));
        (self.bytes, self.variation, self.pause) = (bytes, variation, pause);
    }

    pub(super) fn touched(&self) -> bool {
        self.number > 0 || self.left.is_some()
    }

    pub(super) fn limit(&mut self, bytes: &[u8], now: Instant) -> Limit {
        if bytes.is_empty() {
            return Limit::all(bytes);
        }
        if let Some(from) = self.from
            && from > now
        {
            return Limit { pass: 0, then: Then::Wait(from) };
        }
        let left = *self
            .left
            .get_or_insert_with(|| size(self.bytes, self.variation, self.seed, self.number));
        if (bytes.len() as u64) < left {
            return Limit::all(bytes);
        }
        let next = self.next_from(now);
        Limit { pass: left as usize, then: if next > now { Then::Wait(next) } else { Then::More } }
    }

    pub(super) fn commit(&mut self, passed: usize, now: Instant) {
        let Some(left) = self.left else { return };
        if passed as u64 >= left && passed > 0 {
            self.from = Some(self.next_from(now));
            self.left = None;
            self.number += 1;
        } else {
            self.left = Some(left - passed as u64);
        }
    }

    fn next_from(&self, now: Instant) -> Instant {
        let late = self.from.map_or(Duration::ZERO, |from| now.saturating_duration_since(from));
        let begun = if late <= LATE_MAX { self.from.unwrap_or(now) } else { now };
        begun + self.pause
    }
}

/// Drawn evenly around `bytes`; a piece has at least one byte.
fn size(bytes: u64, variation: u64, seed: u64, number: u64) -> u64 {
    let least = bytes.saturating_sub(variation).max(1);
    let most = bytes.saturating_add(variation).max(least);
    let width = usize::try_from(most - least).unwrap_or(usize::MAX).saturating_add(1);
    least + indexed(seed, "piece", number).index(width) as u64
}
