//! The frames of the last hour, by second.
//!
//! The store is filled by the feed and asked through [`query`]. It keeps all that frames say
//! ([`kept`]), so any moment can be shown again with exact percentiles. Bounded: the oldest frame
//! goes when the next one would be too many. A frame that contradicts itself is not taken, because
//! a sum over it would be wrong for a whole hour; it is counted and shown as dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::frame::Frame;
use model::hist::Histogram;
use model::limits::{EDGES_MAX, FRAMES_MAX};

use self::query::Sums;
use crate::kept::{self, Keep};
use crate::own::OwnLog;
use crate::screen::{Link, Snapshot, Subject, ViewQuery};

pub mod answers;
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
    sums: Sums,
    pub link: Link,
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
            sums: Sums::default(),
            link: Link::Connecting,
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
                self.sums.forget((0, u64::MAX));
            }
            self.run_id.clone_from(&frame.run.run_id);
        }
        self.learn_subjects(&frame);
        self.sums.forget((frame.unix_s, frame.unix_s));
        let before = self.frames.range(..frame.unix_s).next_back().map(|(_, before)| &**before);
        let kept = self.keep.frame(&frame, before);
        self.frames.insert(frame.unix_s, Arc::new(kept));
        while self.frames.len() > self.capacity {
            if let Some((gone, _)) = self.frames.pop_first() {
                self.sums.forget((gone, gone));
            }
        }
        anew
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
