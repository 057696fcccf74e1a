//! What the dashboard has to say about itself: links, refused frames, questions without an answer,
//! a slow terminal, what is wrong in the frames since when, and what this process logs.
//!
//! The newest [`ENTRIES_MAX`] are kept and everything is counted. Whoever has something to say
//! holds a clone; the store shows it. Nothing of it is ever written to the terminal by itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries that are kept.
pub const ENTRIES_MAX: usize = 200;
/// Longest text of one, in characters.
const TEXT_MAX: usize = 1_000;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnKind {
    /// The way to the source of the frames.
    Link,
    /// A frame that contradicts itself.
    Frame,
    /// A question that was not answered.
    Question,
    /// What is wrong in the frames.
    Insight,
    /// The terminal is slow.
    Terminal,
    /// What was ordered by a key and did not come about.
    Order,
    /// A log line of this process.
    Log,
}

impl OwnKind {
    pub const ALL: [Self; 7] = [
        Self::Link,
        Self::Frame,
        Self::Question,
        Self::Insight,
        Self::Terminal,
        Self::Order,
        Self::Log,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Frame => "frame",
            Self::Question => "question",
            Self::Insight => "insight",
            Self::Terminal => "terminal",
            Self::Order => "order",
            Self::Log => "log",
        }
    }
}

/// The same thing, said once or several times in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEntry {
    /// Rises by one with each entry.
    pub number: u64,
    pub first_unix_ms: u64,
    pub last_unix_ms: u64,
    pub times: u64,
    pub kind: OwnKind,
    pub text: String,
    /// Something is wrong.
    pub bad: bool,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<OwnEntry>,
    counts: BTreeMap<OwnKind, u64>,
    next: u64,
}

/// Cheap to clone; all clones are one log.
#[derive(Debug, Clone, Default)]
pub struct OwnLog(Arc<Mutex<Ring>>);

impl OwnLog {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said again and again is one entry.
    pub fn note(&self, at_unix_ms: u64, kind: OwnKind, bad: bool, text: &str) {
        let text: String = crate::format::clean(text).chars().take(TEXT_MAX).collect();
        let mut ring = self.ring();
        let count = ring.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        if let Some(last) = ring.entries.back_mut()
            && (last.kind, last.bad, &last.text) == (kind, bad, &text)
        {
            last.times = last.times.saturating_add(1);
            last.last_unix_ms = at_unix_ms;
            return;
        }
        let (number, first_unix_ms, last_unix_ms) = (ring.next, at_unix_ms, at_unix_ms);
        ring.next += 1;
        if ring.entries.len() == ENTRIES_MAX {
            ring.entries.pop_front();
        }
        let entry = OwnEntry { number, first_unix_ms, last_unix_ms, times: 1, kind, text, bad };
        ring.entries.push_back(entry);
    }

    /// In order of time.
    pub fn entries(&self) -> Vec<OwnEntry> {
        self.ring().entries.iter().cloned().collect()
    }

    /// How often something of each kind was said.
    pub fn counts(&self) -> Vec<(OwnKind, u64)> {
        self.ring().counts.iter().map(|(kind, count)| (*kind, *count)).collect()
    }

    /// Entries that have made room for newer ones.
    pub fn forgotten(&self) -> u64 {
        let ring = self.ring();
        ring.next - ring.entries.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_is_one_entry_and_everything_is_counted() {
        let log = OwnLog::default();
        for at in [5, 6, 9] {
            log.note(at, OwnKind::Link, true, "lost:\nrefused");
        }
        log.note(12, OwnKind::Link, false, "connected");
        log.note(13, OwnKind::Link, true, "lost:\nrefused");
        let entries = log.entries();
        assert_eq!(entries.len(), 3);
        let first = &entries[0];
        assert_eq!((first.first_unix_ms, first.last_unix_ms, first.times), (5, 9, 3));
        assert_eq!(first.text, "lost:?refused");
        assert_eq!(log.counts(), [(OwnKind::Link, 5)]);
        assert_eq!(log.forgotten(), 0);
    }

    #[test]
    fn the_oldest_make_room() {
        let log = OwnLog::default();
        for at in 0..300 {
            log.note(at, OwnKind::Log, false, &format!("line {at}"));
        }
        let entries = log.entries();
        assert_eq!((entries.len(), entries[0].number, log.forgotten()), (ENTRIES_MAX, 100, 100));
    }
}
