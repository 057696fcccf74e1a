//! No more than so many bytes per second.
//!
//! Paced by debt against the clock: a link is busy for as long as its bytes take, and whoever wants
//! to send reserves the time after that. What a late wake-up costs is not lost, because the next
//! reservation begins where the last one ended and not where it was noticed. A link that was idle
//! has a few milliseconds to its name, so nothing bursts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::link::{Bucket, Grant, Link, Measured};
use super::{Limit, Then};

/// How much before its time a byte may pass: waiting for less is not worth a wake-up.
const EARLY: Duration = Duration::from_micros(100);

#[derive(Debug)]
pub(crate) struct Bandwidth {
    over: Over,
    stream: Stream,
    touched: bool,
}

/// The link that the stream goes over.
#[derive(Debug)]
enum Over {
    Own(Link),
    Shared(Arc<Bucket>),
}

/// How much of what a stream wants may pass.
#[derive(Debug, Clone, Copy)]
enum Passes {
    All,
    /// What is due; there is more to be asked for then.
    Due(Instant),
}

/// One stream over a link.
#[derive(Debug)]
struct Stream {
    bytes_per_s: u64,
    /// Reserved, and not to be used yet.
    next: Option<Grant>,
    /// Reserved, and to be used from here on.
    due: u64,
    /// The link knows that it holds this stream back.
    held: bool,
}

impl Bandwidth {
    pub(super) fn new(bytes_per_s: u64, shared: Option<Arc<Bucket>>) -> Self {
        let over = shared.map_or_else(|| Over::Own(Link::default()), Over::Shared);
        let stream = Stream { bytes_per_s, next: None, due: 0, held: false };
        Self { over, stream, touched: false }
    }

    /// What is reserved keeps its time, a few milliseconds.
    pub(super) fn retune(&mut self, bytes_per_s: u64) {
        self.stream.bytes_per_s = bytes_per_s;
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self.over, Over::Shared(_))
    }

    pub(super) fn touched(&self) -> bool {
        self.touched
    }

    pub(super) fn limit(&mut self, bytes: &[u8], now: Instant) -> Limit {
        let wanted = bytes.len() as u64;
        // The link of others is locked only where something changes.
        let passes = match self.stream.unchanged(wanted, now) {
            Some(passes) => passes,
            None => match &mut self.over {
                Over::Own(link) => self.stream.ask(link, wanted, now),
                Over::Shared(bucket) => self.stream.ask(&mut bucket.link(), wanted, now),
            },
        };
        match passes {
            Passes::All => Limit::all(bytes),
            Passes::Due(at) => Limit { pass: self.stream.due as usize, then: Then::Wait(at) },
        }
    }

    pub(super) fn commit(&mut self, passed: usize) {
        let passed = passed as u64;
        self.stream.due = self.stream.due.saturating_sub(passed);
        self.touched |= passed > 0;
        if self.stream.due > 0 {
            self.let_go();
        }
    }

    /// Something else holds the stream back: the rate would let more pass than does.
    pub(super) fn let_go(&mut self) {
        if std::mem::take(&mut self.stream.held) {
            match &mut self.over {
                Over::Own(link) => link.let_go(),
                Over::Shared(bucket) => bucket.link().let_go(),
            }
        }
    }

    /// Bytes that passed while the rate held the stream back, and how many it allowed, once that
    /// was for at least so long. Counts anew from there. What is shared is measured at its bucket.
    pub(super) fn kept(&mut self, least: Duration) -> Option<(u64, u64)> {
        let Over::Own(link) = &mut self.over else { return None };
        let kept = link.measured().over(least)?;
        *link.measured() = Measured::default();
        Some(kept)
    }
}

impl Drop for Bandwidth {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Stream {
    /// What was said before, where it still holds without asking the link.
    fn unchanged(&self, wanted: u64, now: Instant) -> Option<Passes> {
        if self.due >= wanted {
            return (!self.held).then_some(Passes::All);
        }
        let next = self.next.filter(|grant| self.held && grant.from > now + EARLY)?;
        Some(Passes::Due(next.from))
    }

    fn ask(&mut self, link: &mut Link, wanted: u64, now: Instant) -> Passes {
        while self.due < wanted {
            let rest = wanted - self.due;
            let grant = self.next.unwrap_or_else(|| link.reserve(rest, self.bytes_per_s, now));
            if grant.from > now + EARLY {
                self.next = Some(grant);
                if !std::mem::replace(&mut self.held, true) {
                    link.hold(&grant);
                }
                return Passes::Due(grant.from);
            }
            self.next = None;
            self.due += grant.bytes;
            link.used(&grant, now);
        }
        if std::mem::take(&mut self.held) {
            link.let_go();
        }
        Passes::All
    }
}
