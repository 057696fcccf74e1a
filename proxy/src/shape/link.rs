//! A link with a rate: when it will be free, and how exactly it keeps its rate.
//!
//! Only time under demand counts: while at least one stream is held back by the link alone. Idle
//! time, and time in which a receiver or another fault holds the streams back, says nothing about
//! the rate. Streams that share a link are measured together, because what one of them does not
//! use another may.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How far back a reservation may begin.
const CREDIT: Duration = Duration::from_millis(4);
/// Slices last so long, to keep wake-ups rare ...
const SLICES_PER_S: u64 = 500;
/// ... and longer where they would be shorter than this ...
const SLICE_BYTES_MIN: u64 = 512;
/// ... but never so long that a slow stream stutters.
const SLOW_SLICES_PER_S: u64 = 20;

const NS_PER_S: u128 = 1_000_000_000;

/// Bytes that may pass from an instant on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub(super) bytes: u64,
    /// The link is busy with them from here ...
    begin: Instant,
    /// ... to here.
    pub(super) from: Instant,
    bytes_per_s: u64,
}

/// One link in one direction.
#[derive(Debug, Default)]
pub(super) struct Link {
    free_at: Option<Instant>,
    /// Streams that it holds back.
    held: u32,
    /// While it holds streams back: what was reserved before is busy until here.
    since: Option<Instant>,
    /// The time up to here is measured.
    until: Option<Instant>,
    measured: Measured,
}

/// What passed, and what the rate allowed in the same time.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Measured {
    passed: u64,
    /// In bytes times nanoseconds per second, so that nothing is lost by rounding.
    allowed: u128,
    time: Duration,
}

impl Measured {
    /// `(passed, allowed)` in bytes; `None` when the time is too short to tell.
    pub(super) fn over(&self, least: Duration) -> Option<(u64, u64)> {
        let allowed = u64::try_from(self.allowed / NS_PER_S).unwrap_or(u64::MAX);
        (self.time >= least && allowed > 0).then_some((self.passed, allowed))
    }
}

impl Link {
    /// Reserves the next slice.
    pub(super) fn reserve(&mut self, wanted: u64, bytes_per_s: u64, now: Instant) -> Grant {
        let bytes = wanted.min(slice(bytes_per_s));
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        let begin = self.free_at.map_or(now, |free_at| free_at.max(earliest));
        let from = begin + took(bytes, bytes_per_s);
        self.free_at = Some(from);
        Grant { bytes, begin, from, bytes_per_s }
    }

    /// One stream more is held back, until its grant may be used.
    pub(super) fn hold(&mut self, grant: &Grant) {
        if self.held == 0 {
            self.since = Some(grant.begin);
            // What was late before has been counted already, and is made good by credit.
            self.until = self.until.max(Some(grant.begin));
        }
        self.held += 1;
    }

    /// One stream less is held back.
    pub(super) fn let_go(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// A stream uses its grant. While none is held back, that says nothing about the rate.
    pub(super) fn used(&mut self, grant: &Grant, now: Instant) {
        if self.held == 0 || self.since.is_none_or(|since| grant.from <= since) {
            return;
        }
        let time = self.until.map_or(Duration::ZERO, |until| now.saturating_duration_since(until));
        self.until = self.until.max(Some(now));
        self.measured.passed = self.measured.passed.saturating_add(grant.bytes);
        self.measured.allowed += time.as_nanos() * u128::from(grant.bytes_per_s);
        self.measured.time += time;
    }

    pub(super) fn measured(&mut self) -> &mut Measured {
        &mut self.measured
    }
}

fn slice(bytes_per_s: u64) -> u64 {
    let slow = SLICE_BYTES_MIN.min(bytes_per_s / SLOW_SLICES_PER_S);
    (bytes_per_s / SLICES_PER_S).max(slow).max(1)
}

fn took(bytes: u64, bytes_per_s: u64) -> Duration {
    let ns = u128::from(bytes) * NS_PER_S / u128::from(bytes_per_s.max(1));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// A link that many streams share. They are served in the order in which they ask.
#[derive(Debug, Default)]
pub(crate) struct Bucket(Mutex<Link>);

impl Bucket {
    pub(super) fn link(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that all streams together passed while it held one of them back, and how many the rate
    /// allowed; `None` until that was for at least so long.
    pub(crate) fn kept(&self, least: Duration) -> Option<(u64, u64)> {
        self.link().measured().over(least)
    }
}
