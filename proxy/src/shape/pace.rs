//! No more than so many bytes per second.
//!
//! Paced by debt against the clock: a link is busy for as long as its bytes take, and whoever wants
//! to send reserves the time after that. What a late wake-up costs is not lost, because the next
//! reservation begins where the last one ended and not where it was noticed. A link that was idle
//! has at most [`CREDIT`] to its name, so nothing bursts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Limit, Then};

/// How far back a reservation may begin.
const CREDIT: Duration = Duration::from_millis(4);
/// How much before its time a byte may pass: waiting for less is not worth a wake-up.
const EARLY: Duration = Duration::from_micros(100);
/// Slices last so long, to keep wake-ups rare ...
const SLICES_PER_S: u64 = 500;
/// ... and longer where they would be shorter than this ...
const SLICE_BYTES_MIN: u64 = 512;
/// ... but never so long that a slow stream stutters.
const SLOW_SLICES_PER_S: u64 = 20;

/// One link in one direction: when it will be free.
#[derive(Debug, Default)]
struct Link {
    free_at: Option<Instant>,
}

/// Bytes that may pass from an instant on.
#[derive(Debug, Clone, Copy)]
struct Grant {
    bytes: u64,
    from: Instant,
}

impl Link {
    /// Reserves the next slice.
    fn reserve(&mut self, wanted: u64, bytes_per_s: u64, now: Instant) -> Grant {
        let bytes = wanted.min(slice(bytes_per_s));
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        let begin = self.free_at.map_or(now, |free_at| free_at.max(earliest));
        let from = begin + took(bytes, bytes_per_s);
        self.free_at = Some(from);
        Grant { bytes, from }
    }
}

fn slice(bytes_per_s: u64) -> u64 {
    let slow = SLICE_BYTES_MIN.min(bytes_per_s / SLOW_SLICES_PER_S);
    (bytes_per_s / SLICES_PER_S).max(slow).max(1)
}

fn took(bytes: u64, bytes_per_s: u64) -> Duration {
    let ns = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_s.max(1));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// A link that many streams share. They are served in the order in which they ask.
#[derive(Debug, Default)]
pub(crate) struct Bucket(Mutex<Link>);

impl Bucket {
    fn reserve(&self, wanted: u64, bytes_per_s: u64, now: Instant) -> Grant {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        link.reserve(wanted, bytes_per_s, now)
    }
}

#[derive(Debug)]
pub(crate) struct Bandwidth {
    bytes_per_s: u64,
    own: Link,
    shared: Option<Arc<Bucket>>,
    /// Reserved, and not to be used yet.
    next: Option<Grant>,
    /// Reserved, and to be used from here on.
    due: u64,
    touched: bool,
    kept: Kept,
}

/// How the rate was kept while there was more to send than it allows.
#[derive(Debug, Default)]
struct Kept {
    /// Until when what passed before kept the link busy, if something has been held back since.
    since: Option<Instant>,
    until: Option<Instant>,
    /// What still passes of the time before.
    before: u64,
    passed: u64,
}

impl Bandwidth {
    pub(super) fn new(bytes_per_s: u64, shared: Option<Arc<Bucket>>) -> Self {
        let own = Link::default();
        let kept = Kept::default();
        Self { bytes_per_s, own, shared, next: None, due: 0, touched: false, kept }
    }

    /// What is reserved keeps its time, a few milliseconds.
    pub(super) fn retune(&mut self, bytes_per_s: u64) {
        if bytes_per_s != self.bytes_per_s {
            self.kept = Kept::default();
        }
        self.bytes_per_s = bytes_per_s;
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    pub(super) fn touched(&self) -> bool {
        self.touched
    }

    pub(super) fn limit(&mut self, bytes: &[u8], now: Instant) -> Limit {
        let wanted = bytes.len() as u64;
        while self.due < wanted {
            let grant = match self.next {
                Some(grant) => grant,
                None => self.reserve(wanted - self.due, now),
            };
            if grant.from > now + EARLY {
                self.next = Some(grant);
                if self.kept.since.is_none() {
                    let begin = grant.from.checked_sub(took(grant.bytes, self.bytes_per_s));
                    self.kept = Kept { since: begin, before: self.due, ..Kept::default() };
                }
                return Limit { pass: self.due as usize, then: Then::Wait(grant.from) };
            }
            self.next = None;
            self.due += grant.bytes;
        }
        Limit::all(bytes)
    }

    pub(super) fn commit(&mut self, passed: usize, now: Instant) {
        let passed = passed as u64;
        self.due = self.due.saturating_sub(passed);
        self.touched |= passed > 0;
        let before = passed.min(self.kept.before);
        self.kept.before -= before;
        if passed > before {
            self.kept.passed += passed - before;
            self.kept.until = Some(now);
        }
    }

    /// Bytes that passed while there was more to send, and how many the rate allowed, once that was
    /// for at least so long. Counts anew from there. What others share is not known here.
    pub(super) fn kept(&mut self, least: Duration) -> Option<(u64, u64)> {
        let took = self.kept.until?.checked_duration_since(self.kept.since?)?;
        if took < least || took.is_zero() || self.is_shared() {
            return None;
        }
        let passed = std::mem::take(&mut self.kept).passed;
        Some((passed, (self.bytes_per_s as f64 * took.as_secs_f64()) as u64))
    }

    fn reserve(&mut self, wanted: u64, now: Instant) -> Grant {
        match &self.shared {
            Some(bucket) => bucket.reserve(wanted, self.bytes_per_s, now),
            None => self.own.reserve(wanted, self.bytes_per_s, now),
        }
    }
}
