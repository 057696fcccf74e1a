//! What happened in each second: requests, attempts, decisions, events, load.
//!
//! A second is emitted as a frame one watermark after its end. Data that comes later still changes
//! the kept second, and is counted as late. Seconds are kept for an hour; data from before the
//! start, from before the kept hour or from the future is counted and left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::{Blame, Edge};
use model::frame::{Event, TraceHead};
use model::hist::Histogram;
use model::limits::{EDGES_MAX, FRAME_EVENTS_MAX, FRAMES_MAX};

use super::frames::Stamp;
use super::index::head_of;
use super::names::Names;
use super::{Decision, LedgerCount, LoadSecond, is_attempt, is_request};
use crate::record::SpanView;

/// How long after its end a second is emitted: emitters send twice a second or more.
pub(crate) const WATERMARK_MS: u64 = 1_000;
/// Clocks of emitters may be this much ahead of ours.
pub(crate) const AHEAD_S: u64 = 10;

/// RED of one edge.
#[derive(Debug, Clone, Default)]
pub(super) struct EdgeSecond {
    pub(super) requests: u64,
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) attempts: u64,
    pub(super) duration: Histogram,
    pub(super) slowest: Option<TraceHead>,
    pub(super) failed: Option<TraceHead>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Second {
    /// By number of the edge.
    pub(super) edges: BTreeMap<u32, EdgeSecond>,
    pub(super) decisions: BTreeMap<String, LedgerCount>,
    pub(super) events: Vec<Event>,
    pub(super) load: LoadSecond,
    /// What stood beside the data when the second was emitted.
    pub(super) stamp: Option<Arc<Stamp>>,
}

/// What the text of an edge stands for.
#[derive(Debug, Clone, Copy)]
enum Known {
    Edge(u32),
    /// There are too many edges.
    Refused,
    NoEdge,
}

#[derive(Debug)]
pub(crate) struct Seconds {
    /// The second of sequence 0.
    start_s: u64,
    /// The oldest second that is kept.
    pub(super) oldest_s: u64,
    /// The next second to emit.
    pub(super) next_s: u64,
    kept_max: u64,
    pub(super) kept: BTreeMap<u64, Second>,
    /// Ledger totals of the seconds before the oldest.
    pub(super) forgotten: BTreeMap<String, LedgerCount>,
    /// Every edge that was ever seen with its number, so that quiet ones stay in the frames.
    pub(super) edges: BTreeMap<Edge, u32>,
    /// Texts of edges as they come, and what is known of each.
    texts: Names,
    known: Vec<Known>,
    late: u64,
    outside: u64,
    crowded: u64,
    edges_refused: u64,
}

impl Seconds {
    pub(crate) fn starting_at(start_s: u64) -> Self {
        Self {
            start_s,
            oldest_s: start_s,
            next_s: start_s,
            kept_max: FRAMES_MAX as u64,
            kept: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            edges: BTreeMap::new(),
            texts: Names::bounded(4 * EDGES_MAX),
            known: Vec::new(),
            late: 0,
            outside: 0,
            crowded: 0,
            edges_refused: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn keep(&mut self, seconds: u64) {
        self.kept_max = seconds;
    }

    pub(super) fn seq_of(&self, unix_s: u64) -> u64 {
        unix_s - self.start_s
    }

    pub(super) fn second_of(&self, seq: u64) -> u64 {
        self.start_s.saturating_add(seq)
    }

    /// The oldest second that is kept.
    pub(crate) fn oldest_s(&self) -> u64 {
        self.oldest_s
    }

    /// Items that came after their second was emitted.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    pub(super) fn outside(&self) -> u64 {
        self.outside
    }

    pub(super) fn crowded(&self) -> u64 {
        self.crowded
    }

    pub(super) fn edges_refused(&self) -> u64 {
        self.edges_refused
    }

    fn at(&mut self, unix_s: u64, now_s: u64) -> Option<&mut Second> {
        if unix_s < self.oldest_s || unix_s > now_s + AHEAD_S {
            self.outside += 1;
            return None;
        }
        if unix_s < self.next_s {
            self.late += 1;
        }
        Some(self.kept.entry(unix_s).or_default())
    }

    /// Counts spans of the gateway, each for `count`; others have no part in RED.
    pub(super) fn count_span(&mut self, span: SpanView<'_>, count: u64, now_s: u64) {
        let attempt = is_attempt(&span);
        if !attempt && !is_request(&span) {
            return;
        }
        let Some(edge) = span.edge_text().and_then(|text| self.edge(&text)) else { return };
        let Some(second) = self.at(span.end_unix_ns / 1_000_000_000, now_s) else { return };
        let counts = second.edges.entry(edge).or_default();
        if attempt {
            counts.attempts += count;
        } else {
            counts.request(span, count);
        }
    }

    fn edge(&mut self, text: &str) -> Option<u32> {
        let known = match self.texts.number(text).map(|number| number as usize) {
            Some(number) if number < self.known.len() => self.known[number],
            Some(_new) => {
                let known = self.look_up(text);
                self.known.push(known);
                known
            },
            None => self.look_up(text),
        };
        match known {
            Known::Edge(number) => Some(number),
            Known::Refused => {
                self.edges_refused += 1;
                None
            },
            Known::NoEdge => None,
        }
    }

    fn look_up(&mut self, text: &str) -> Known {
        let Ok(edge) = text.parse::<Edge>() else { return Known::NoEdge };
        let count = self.edges.len();
        match self.edges.get(&edge) {
            Some(number) => Known::Edge(*number),
            None if count >= EDGES_MAX => Known::Refused,
            None => {
                self.edges.insert(edge, count as u32);
                Known::Edge(count as u32)
            },
        }
    }

    pub(super) fn count_decision(&mut self, decision: &Decision, now_s: u64) {
        if decision.fault.is_empty() {
            return;
        }
        let Some(second) = self.at(decision.unix_ns / 1_000_000_000, now_s) else { return };
        let count = second.decisions.entry(decision.fault.clone()).or_default();
        if decision.hit {
            count.hit += 1;
        } else {
            count.skipped += 1;
        }
    }

    pub(super) fn add_event(&mut self, event: Event, now_s: u64) {
        let Some(second) = self.at(event.unix_ms / 1_000, now_s) else { return };
        if second.events.len() >= FRAME_EVENTS_MAX {
            self.crowded += 1;
            return;
        }
        let end = second.events.partition_point(|other| other.unix_ms <= event.unix_ms);
        second.events.insert(end, event);
    }

    pub(super) fn add_load(&mut self, unix_s: u64, load: &LoadSecond, now_s: u64) {
        if let Some(second) = self.at(unix_s, now_s) {
            second.load.merge(load);
        }
    }

    /// Is there a second that may be emitted at this time?
    pub(super) fn is_due(&self, now_unix_ms: u64) -> bool {
        now_unix_ms >= self.due_unix_ms()
    }

    /// When the next second is emitted.
    pub(crate) fn due_unix_ms(&self) -> u64 {
        (self.next_s + 1) * 1_000 + WATERMARK_MS
    }

    /// Marks the next second as emitted.
    pub(super) fn emit(&mut self, stamp: Arc<Stamp>) -> u64 {
        let second = self.next_s;
        self.kept.entry(second).or_default().stamp = Some(stamp);
        self.next_s += 1;
        second
    }

    /// True when the oldest second has to go before another is kept.
    pub(super) fn is_full(&self) -> bool {
        self.next_s - self.oldest_s > self.kept_max
    }

    pub(super) fn forget_oldest(&mut self) {
        if let Some(second) = self.kept.remove(&self.oldest_s) {
            for (fault, count) in second.decisions {
                let total = self.forgotten.entry(fault).or_default();
                total.hit += count.hit;
                total.skipped += count.skipped;
            }
        }
        self.oldest_s += 1;
    }
}

impl EdgeSecond {
    fn request(&mut self, span: SpanView<'_>, count: u64) {
        self.requests += count;
        self.duration.record_ns(span.duration_ns(), count);
        let head = || head_of(span.trace_id, std::iter::once(span));
        if let Some(blame) = span.blame() {
            let blame = Blame::parse(&blame).map_or("other", Blame::as_str);
            *self.errors.entry(blame).or_default() += count;
            if is_slower(span, self.failed.as_ref()) {
                self.failed = head();
            }
        }
        if is_slower(span, self.slowest.as_ref()) {
            self.slowest = head();
        }
    }

    /// The slowest request, and the slowest failed one when that is another.
    pub(super) fn exemplars(&self) -> Vec<TraceHead> {
        let failed = self.failed.as_ref().filter(|failed| Some(*failed) != self.slowest.as_ref());
        self.slowest.iter().chain(failed).cloned().collect()
    }
}

fn is_slower(span: SpanView<'_>, than: Option<&TraceHead>) -> bool {
    than.is_none_or(|head| span.duration_ns() > head.duration_ns)
}
