//! What the screens sum up over some seconds, put together from what is summed up already.
//!
//! A column of a minute, or the whole axis, is put together from sums of whole minutes, of whole
//! ten seconds where no minute fits, and of the few seconds that are left. So a new second costs
//! the same at every zoom, and so does one that goes. Pieces are counted from the start of the
//! run, as the columns of every zoom are. Minutes, and what is small of ten seconds, are summed up
//! when they are over, while their frames are at hand, so that the first look at an hour does not
//! have to; the rest is remembered when it was asked for. Which pieces a sum is made of never
//! changes what it is.

use std::sync::Arc;

use self::acted::Acted;
use self::cells::Cells;
use self::counts::Counts;
use self::durations::Durations;
use self::gravest::Gravest;
use self::load::LoadSum;
use self::window::Window;
use crate::kept::Frame;
use crate::store::Store;
use crate::store::memo::{Memo, Span};

pub(super) mod acted;
pub(super) mod cells;
pub(super) mod counts;
mod durations;
pub(super) mod gravest;
pub(super) mod load;
mod names;
pub(super) mod window;

use self::names::Names;

/// Seconds of the pieces, from the longest on.
const MINUTE_S: u64 = 60;
const TEN_S: u64 = 10;
/// Sums that are remembered beside those that are kept, in each half of a memo: more than a wide
/// screen has columns.
const REMEMBERED: usize = 256;
/// Windows of the tables in each half of a memo; the one of the cursor is asked for.
const WINDOWS: usize = 4;

/// Something that is summed up over frames. Sums of pieces put together are the sum of the whole.
pub(super) trait Sum: Sized {
    /// What it is of.
    type About: Ord + Clone;
    /// While it grows.
    type Open: Default;
    /// Lengths of the pieces that are kept as long as their frames: all, where a sum is small.
    const KEPT_S: &[u64] = &[MINUTE_S];
    /// Other sums in each half of the memo.
    const REMEMBERED: usize = REMEMBERED;

    fn add(open: &mut Self::Open, about: &Self::About, frame: &Frame);
    /// Adds the sum of later seconds.
    fn merge(open: &mut Self::Open, later: &Self);
    fn close(open: Self::Open) -> Self;
}

/// One kind of sums over the frames of a store.
#[derive(Debug)]
pub(super) struct Summed<S: Sum> {
    /// Of whole pieces; there are as many as the frames reach over.
    kept: Memo<S::About, S>,
    others: Memo<S::About, S>,
}

impl<S: Sum> Default for Summed<S> {
    fn default() -> Self {
        Self { kept: Memo::of_size(usize::MAX), others: Memo::of_size(S::REMEMBERED) }
    }
}

impl<S: Sum> Summed<S> {
    pub(super) fn of(&self, store: &Store, about: &S::About, span: Span) -> Arc<S> {
        let is_piece = |length_s: &u64| store.piece_of(span.0, *length_s) == span;
        if store.holds(span) && S::KEPT_S.iter().any(is_piece) {
            return self.piece(store, about, span);
        }
        self.others.of(about.clone(), span, || self.put_together(store, about, span))
    }

    fn piece(&self, store: &Store, about: &S::About, span: Span) -> Arc<S> {
        self.kept.of(about.clone(), span, || from_scratch(store, about, span))
    }

    /// A piece is over; it is summed up if its sum is kept.
    fn is_over(&self, store: &Store, about: &S::About, (length_s, span): (u64, Span)) {
        if S::KEPT_S.contains(&length_s) {
            self.piece(store, about, span);
        }
    }

    fn put_together(&self, store: &Store, about: &S::About, span: Span) -> S {
        let mut open = S::Open::default();
        for (length_s, piece) in pieces(store, span) {
            if S::KEPT_S.contains(&length_s) {
                S::merge(&mut open, &self.piece(store, about, piece));
            } else if length_s > 0 && piece != span {
                let made = || from_scratch(store, about, piece);
                S::merge(&mut open, &self.others.of(about.clone(), piece, made));
            } else {
                add_all::<S>(&mut open, store, about, piece);
            }
        }
        S::close(open)
    }

    fn forget(&self, span: Span) {
        self.kept.forget(span);
        self.others.forget(span);
    }
}

fn from_scratch<S: Sum>(store: &Store, about: &S::About, span: Span) -> S {
    let mut open = S::Open::default();
    add_all::<S>(&mut open, store, about, span);
    S::close(open)
}

fn add_all<S: Sum>(open: &mut S::Open, store: &Store, about: &S::About, (first, last): Span) {
    for frame in store.between(first, last) {
        S::add(open, about, frame);
    }
}

/// The pieces of a span that have frames, in order, each with its length: a minute or ten seconds
/// if it is a whole one that neither grows nor shrinks, else 0.
fn pieces(store: &Store, (first, last): Span) -> Vec<(u64, Span)> {
    let mut pieces = Vec::new();
    let Some((oldest, newest)) = store.reach() else { return pieces };
    let (mut at, last) = (first.max(oldest), last.min(newest));
    while let Some(next) = store.between(at, last).next() {
        // Where no frames are is nothing to be summed up.
        at = at.max(store.piece_of(next.unix_s, MINUTE_S).0);
        let whole = |length_s: &u64| {
            let piece = store.piece_of(at, *length_s);
            piece.0 == at && piece.1 <= last
        };
        let (length_s, end) = match [MINUTE_S, TEN_S].into_iter().find(whole) {
            Some(length_s) => (length_s, store.piece_of(at, length_s).1),
            None => (0, store.piece_of(at, TEN_S).1.min(last)),
        };
        pieces.push((length_s, (at, end)));
        match end.checked_add(1) {
            Some(behind) if behind <= last => at = behind,
            _ => break,
        }
    }
    pieces
}

#[derive(Debug)]
pub(in crate::store) struct Sums {
    /// Of all requests or journeys.
    pub(super) durations: Summed<Durations>,
    /// Requests by edge.
    pub(super) counts: Summed<Counts>,
    /// The gravest state of each breaker.
    pub(super) breakers: Summed<Gravest>,
    /// What faults did.
    pub(super) faults: Summed<Acted>,
    pub(super) load: Summed<LoadSum>,
    /// Journeys and steps.
    pub(super) cells: Summed<Cells>,
    /// What tables tell.
    pub(super) windows: Memo<(), Window>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            durations: Summed::default(),
            counts: Summed::default(),
            breakers: Summed::default(),
            faults: Summed::default(),
            load: Summed::default(),
            cells: Summed::default(),
            windows: Memo::of_size(WINDOWS),
        }
    }
}

impl Sums {
    /// The frames of this span are other ones now.
    pub(in crate::store) fn forget(&self, span: Span) {
        self.durations.forget(span);
        self.counts.forget(span);
        self.breakers.forget(span);
        self.faults.forget(span);
        self.load.forget(span);
        self.cells.forget(span);
        self.windows.forget(span);
    }

    /// A frame follows another: the pieces of the one before may be over.
    pub(in crate::store) fn follows(&self, store: &Store, before: u64, second: u64) {
        for length_s in [TEN_S, MINUTE_S] {
            let span = store.piece_of(before, length_s);
            if span.1 < second && store.holds(span) {
                self.are_over(store, (length_s, span));
            }
        }
    }

    fn are_over(&self, store: &Store, piece: (u64, Span)) {
        for subject in store.subjects() {
            self.durations.is_over(store, subject, piece);
        }
        self.counts.is_over(store, &(), piece);
        self.breakers.is_over(store, &(), piece);
        self.faults.is_over(store, &(), piece);
        self.load.is_over(store, &(), piece);
        self.cells.is_over(store, &(), piece);
    }
}

#[cfg(test)]
mod tests;
