//! The outcomes of recent calls with running totals: a push is a few instructions whatever the
//! size.
//!
//! Exact counts instead of a moving average: an average that weighs by arrival can hide a short
//! burst of failures, and its value cannot be explained to anyone.

use std::time::Duration;

use model::units::{Share, format_duration};
use tokio::time::Instant;

mod ring;
mod slices;

use ring::Ring;
use slices::Slices;

/// What one call was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// Totals of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Tally {
    fn add(&mut self, mark: Mark) {
        self.calls += 1;
        self.failed += u32::from(mark.failed);
        self.slow += u32::from(mark.slow);
    }

    fn remove(&mut self, mark: Mark) {
        self.calls -= 1;
        self.failed -= u32::from(mark.failed);
        self.slow -= u32::from(mark.slow);
    }

    fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
    }

    fn subtract(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
    }
}

/// Is `part` of `whole` at least `limit`? Exact, because rates like 1/3 have no exact double.
pub(super) fn reached(part: u32, whole: u32, limit: Share) -> bool {
    whole > 0
        && u64::from(part) * u64::from(Share::WHOLE_PPM)
            >= u64::from(whole) * u64::from(limit.ppm())
}

/// What a window spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// The last calls, at least one.
    Calls(u32),
    /// The calls of this time.
    Time(Duration),
}

#[derive(Debug)]
pub(super) enum Window {
    Calls(Ring),
    Time(Slices),
}

impl Window {
    pub(super) fn new(span: Span, now: Instant) -> Self {
        match span {
            Span::Calls(calls) => Self::Calls(Ring::new(calls)),
            Span::Time(time) => Self::Time(Slices::new(time, now)),
        }
    }

    pub(super) fn push(&mut self, mark: Mark, now: Instant) {
        match self {
            Self::Calls(ring) => ring.push(mark),
            Self::Time(slices) => slices.push(mark, now),
        }
    }

    /// What is in it at that time.
    pub(super) fn tally(&mut self, now: Instant) -> Tally {
        match self {
            Self::Calls(ring) => ring.tally(),
            Self::Time(slices) => slices.tally(now),
        }
    }

    pub(super) fn span(&self) -> Span {
        match self {
            Self::Calls(ring) => Span::Calls(ring.capacity()),
            Self::Time(slices) => Span::Time(slices.span()),
        }
    }

    /// The same outcomes in a window of another span, the oldest left out. Calls that were kept
    /// without their times count as made `now`; calls that were kept without their order are spread
    /// evenly over their slice.
    pub(super) fn refit(self, span: Span, now: Instant) -> Self {
        if self.span() == span {
            return self;
        }
        match (self, span) {
            (Self::Calls(old), Span::Calls(calls)) => {
                let mut ring = Ring::new(calls);
                old.marks().for_each(|mark| ring.push(mark));
                Self::Calls(ring)
            },
            (Self::Calls(old), Span::Time(time)) => {
                Self::Time(Slices::filled(time, old.tally(), now))
            },
            (Self::Time(old), Span::Time(time)) => Self::Time(old.refit(time, now)),
            (Self::Time(mut old), Span::Calls(calls)) => {
                let mut ring = Ring::new(calls);
                let surplus = old.tally(now).calls.saturating_sub(calls);
                old.marks(surplus).for_each(|mark| ring.push(mark));
                Self::Calls(ring)
            },
        }
    }

    /// How full it is, for people.
    pub(super) fn describe(&mut self, now: Instant) -> String {
        let calls = self.tally(now).calls;
        match self.span() {
            Span::Calls(capacity) => format!("{calls} of {capacity} calls"),
            Span::Time(time) => format!("{calls} calls in {}", format_duration(time)),
        }
    }
}
