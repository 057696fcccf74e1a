//! The log lines of a recording, in order of time.
//!
//! Bounded by number and by bytes; the mild ones go before the severe ones, and of each the oldest
//! first. A line that comes with its second and with its trace is kept once.

use std::collections::{BTreeMap, BTreeSet};

use model::frame::LogLine;

use super::Bounds;
use super::answer::severity_number;
use super::size::line_bytes;

/// Lines of exactly one time that a new one is compared with.
const COMPARED_MAX: usize = 64;
/// The severity of a severe line, and of all above: WARN.
pub(super) const SEVERE: i32 = 13;

#[derive(Debug, Default)]
pub(super) struct Lines {
    /// By time and by order of arrival.
    kept: BTreeMap<(u64, u64), LogLine>,
    /// In which order they go: is it severe, time, arrival.
    order: BTreeSet<(bool, u64, u64)>,
    arrivals: u64,
    bytes: usize,
    evicted: u64,
    bounds: Bounds,
}

impl Lines {
    pub(super) fn bounded(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub(super) fn insert(&mut self, line: LogLine) {
        let at = line.unix_ns;
        let same = self.kept.range((at, 0)..=(at, u64::MAX)).rev().take(COMPARED_MAX);
        if same.map(|(_, known)| known).any(|known| *known == line) {
            return;
        }
        self.bytes += line_bytes(&line);
        let is_severe = severity_number(&line.severity) >= SEVERE;
        self.order.insert((is_severe, at, self.arrivals));
        self.kept.insert((at, self.arrivals), line);
        self.arrivals += 1;
        while self.kept.len() > self.bounds.lines || self.bytes > self.bounds.bytes {
            let Some((_, at, arrival)) = self.order.pop_first() else { return };
            if let Some(gone) = self.kept.remove(&(at, arrival)) {
                self.bytes -= line_bytes(&gone);
                self.evicted += 1;
            }
        }
    }

    /// Those of `[from_ns, to_ns)`, in order of time.
    pub(super) fn between(
        &self,
        from_ns: u64,
        to_ns: u64,
    ) -> impl DoubleEndedIterator<Item = &LogLine> {
        let range = (from_ns < to_ns).then(|| self.kept.range((from_ns, 0)..(to_ns, 0)));
        range.into_iter().flatten().map(|(_, line)| line)
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}
