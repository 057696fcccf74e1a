//! The frames of the last hour, by second.
//!
//! The store is filled by the feed and asked through [`query`]. It keeps all that frames say
//! ([`kept`]), so any moment can be shown again with exact percentiles. Bounded: the oldest frame
//! goes when the next one would be too many. A frame that contradicts itself is not taken, because
//! a sum over it would be wrong for a whole hour; it is counted and shown as dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::edge::Edge;
use model::frame::Frame;
use model::hist::Histogram;
use model::limits::{EDGES_MAX, FRAMES_MAX};

use self::changes::Changes;
use self::memo::Span;
use self::query::Sums;
use crate::kept::{self, Keep, VerdictFrame};
use crate::own::OwnLog;
use crate::screen::{Link, Snapshot, Subject, ViewQuery};

pub mod answers;
mod changes;
mod memo;
pub mod query;

/// More values than this in one histogram of one second are not counts of anything real, and
/// their sums over an hour could overflow.
const COUNT_MAX: u64 = 1 << 40;

/// Newest events of [`snapshot_of`].
const EVENTS_SHOWN: usize = 20;

#[derive(Debug)]
pub struct Store {
    frames: BTreeMap<u64, Arc<kept::Frame>>,
    keep: Keep,
    capacity: usize,
    run_id: String,
    subjects: BTreeSet<Subject>,
    refused: u64,
    /// The first second of the run that was ever at hand.
    began_s: u64,
    /// From where the newest frame counts time.
    origin_ms: u64,
    changes: Changes,
    sums: Sums,
    pub link: Link,
    /// Since the newest frame came, while none comes although one is due; else 0.
    pub silent_s: u64,
    /// What the dashboard says about itself.
    pub own: OwnLog,
}

impl Default for Store {
    fn default() -> Self {
        Self::with_capacity(FRAMES_MAX)
    }
}

impl Store {
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            frames: BTreeMap::new(),
            keep: Keep::default(),
            capacity: capacity.max(1),
            run_id: String::new(),
            subjects: BTreeSet::new(),
            refused: 0,
            began_s: u64::MAX,
            origin_ms: 0,
            changes: Changes::default(),
            sums: Sums::default(),
            link: Link::Connecting,
            silent_s: 0,
            own: OwnLog::default(),
        }
    }

    /// Takes a frame. One of the same second replaces the older one: late data. One of another
    /// run begins anew, and `true` says so.
    pub fn insert(&mut self, frame: Arc<Frame>) -> bool {
        if !is_sound(&frame) {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        let mut anew = false;
        if !frame.run.run_id.is_empty() && frame.run.run_id != self.run_id {
            anew = !self.run_id.is_empty();
            if anew {
                self.frames.clear();
                self.subjects.clear();
                self.began_s = u64::MAX;
                self.changes.clear();
                self.sums.forget((0, u64::MAX));
            }
            self.run_id.clone_from(&frame.run.run_id);
        }
        self.learn_subjects(&frame);
        let second = frame.unix_s;
        self.began_s = self.began_s.min(second);
        let before = self.frames.range(..second).next_back().map(|(_, before)| &**before);
        let kept = self.keep.frame(&frame, before);
        self.frames.insert(second, Arc::new(kept));
        self.changed((second, second));
        while self.frames.len() > self.capacity {
            if let Some((gone, _)) = self.frames.pop_first() {
                self.changed((0, gone));
            }
        }
        if let Some((before, _)) = self.frames.range(..second).next_back() {
            self.sums.follows(self, *before, second);
        }
        anew
    }

    /// What follows from frames, after the one of the last of these seconds has come, was replaced
    /// or has gone. The others have none.
    fn changed(&mut self, span: Span) {
        self.changes.see(&self.frames, span.1);
        let newest = self.frames.last_key_value();
        let origin_ms = newest.map_or(0, |(_, frame)| self.origin_ms(frame));
        if origin_ms != self.origin_ms {
            self.origin_ms = origin_ms;
            self.sums.forget((0, u64::MAX));
        }
        self.sums.forget(span);
    }

    fn learn_subjects(&mut self, frame: &Frame) {
        let edges = frame.edges.iter().map(|edge| Subject::Edge(edge.edge.clone()));
        let flows = frame.load.cells.iter().map(|cell| Subject::Flow(cell.flow.clone()));
        for subject in edges.chain(flows) {
            if self.subjects.len() < EDGES_MAX {
                self.subjects.insert(subject);
            }
        }
    }

    /// Where the time of the run begins: the start of load, or the first frame without a runner.
    fn origin_ms(&self, frame: &kept::Frame) -> u64 {
        frame.run.start_unix_ms.unwrap_or_else(|| self.began_s.saturating_mul(1_000))
    }

    /// First and last second with a frame.
    fn reach(&self) -> Option<Span> {
        let (first, _) = self.frames.first_key_value()?;
        let (last, _) = self.frames.last_key_value()?;
        Some((*first, *last))
    }

    /// Does this span neither grow nor shrink with the next frame?
    fn holds(&self, (from, to): Span) -> bool {
        self.reach().is_some_and(|(first, last)| first <= from && to <= last)
    }

    /// Of pieces of equal length that follow each other from the start of the run on, the one of
    /// this second.
    fn piece_of(&self, second: u64, length_s: u64) -> Span {
        let phase_s = self.origin_ms / 1_000 % length_s;
        let place = (second % length_s + length_s - phase_s) % length_s;
        (second.saturating_sub(place), second.saturating_add(length_s - 1 - place))
    }

    /// The frame since which a verdict is what it is in the one of `last_s`.
    pub(crate) fn verdict_since(
        &self,
        last_s: u64,
        verdict: &VerdictFrame,
    ) -> Option<&kept::Frame> {
        let second = self.changes.verdict_since(&self.frames, last_s, verdict)?;
        self.at_or_before(second)
    }

    /// How often a breaker has opened up to this second, as far as frames are kept.
    pub(crate) fn opened(&self, last_s: u64, edge: &Edge) -> usize {
        self.changes.opened(&self.frames, last_s, edge)
    }

    /// The frames up to this second in which something happened to a fault, the newest first.
    pub(crate) fn fault_frames(&self, last_s: u64) -> impl Iterator<Item = &kept::Frame> {
        let seconds = self.changes.fault_seconds(last_s);
        seconds.filter_map(|second| self.frames.get(&second)).map(|frame| &**frame)
    }

    /// Flows, then edges, each by name.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.iter()
    }

    /// Frames that were not taken.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// In order.
    pub fn all(&self) -> impl ExactSizeIterator<Item = &Arc<kept::Frame>> {
        self.frames.values()
    }

    pub fn oldest(&self) -> Option<&kept::Frame> {
        self.frames.first_key_value().map(|(_, frame)| &**frame)
    }

    /// The last frame that is not after this second.
    pub fn at_or_before(&self, unix_s: u64) -> Option<&kept::Frame> {
        self.frames.range(..=unix_s).next_back().map(|(_, frame)| &**frame)
    }

    /// The frames of these seconds, both ends included, in order.
    pub fn between(
        &self,
        from_s: u64,
        to_s: u64,
    ) -> impl DoubleEndedIterator<Item = &kept::Frame> + Clone {
        let range = (from_s <= to_s).then(|| self.frames.range(from_s..=to_s));
        range.into_iter().flatten().map(|(_, frame)| &**frame)
    }
}

/// What a screen without plots shows of these frames.
pub fn snapshot_of(frames: &[Arc<kept::Frame>], link: &Link) -> Snapshot {
    let mut store = Store { link: link.clone(), ..Store::default() };
    for frame in frames {
        store.insert(Arc::new(frame.told()));
    }
    let query = ViewQuery { columns: 1, events: EVENTS_SHOWN, ..ViewQuery::default() };
    query::build(&store, &answers::Answers::default(), &query)
}

/// Every histogram counts what its buckets hold, and nothing counts more than is possible.
pub(crate) fn is_sound(frame: &Frame) -> bool {
    let load = &frame.load;
    frame
        .edges
        .iter()
        .map(|edge| &edge.duration)
        .chain(load.cells.iter().map(|cell| &cell.response))
        .chain([&load.lateness, &load.connection_wait])
        .all(is_sound_histogram)
}

fn is_sound_histogram(histogram: &Histogram) -> bool {
    let held = histogram.buckets().try_fold(0_u64, |sum, (_, count)| sum.checked_add(count));
    histogram.count() <= COUNT_MAX
        && held == Some(histogram.count())
        && histogram.min() <= histogram.max()
}

#[cfg(test)]
mod tests;
