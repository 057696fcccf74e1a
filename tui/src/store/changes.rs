//! Seconds in which something became what it was not in the second before.
//!
//! Since when a verdict stands, and how often a breaker has opened, are questions about every
//! second of an hour; the answer lies in the few seconds in which something changed. Each is told
//! from two frames that follow each other, so a frame that comes, is replaced or goes changes only
//! what is known of itself and of the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::edge::Edge;
use model::frame::EventKind;
use model::policy::BreakerState;

use crate::kept::{Frame, VerdictFrame};

type Frames = BTreeMap<u64, Arc<Frame>>;
/// Places in the list of a frame, by second; seconds without any are not kept.
type Places = BTreeMap<u64, Box<[usize]>>;

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Verdicts that the frame before did not have.
    verdicts: Places,
    /// Breakers that are open and were not in the frame before.
    opened: Places,
    /// Seconds with an event of a fault.
    faults: BTreeSet<u64>,
}

impl Changes {
    /// The frame of this second has come, has been replaced, or has gone.
    pub(super) fn see(&mut self, frames: &Frames, second: u64) {
        self.tell(frames, second);
        let behind = second.checked_add(1).and_then(|from| frames.range(from..).next());
        if let Some((next, _)) = behind {
            self.tell(frames, *next);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn tell(&mut self, frames: &Frames, second: u64) {
        let Some(frame) = frames.get(&second) else {
            self.verdicts.remove(&second);
            self.opened.remove(&second);
            self.faults.remove(&second);
            return;
        };
        let before = frames.range(..second).next_back().map(|(_, frame)| &**frame);
        put(&mut self.verdicts, second, new_verdicts(frame, before));
        put(&mut self.opened, second, newly_open(frame, before));
        if frame.events.iter().any(|event| event.kind == EventKind::Fault) {
            self.faults.insert(second);
        } else {
            self.faults.remove(&second);
        }
    }

    /// The first second of those up to `last_s` in which, without a break, a verdict is what it is
    /// in the last of them.
    pub(super) fn verdict_since(
        &self,
        frames: &Frames,
        last_s: u64,
        verdict: &VerdictFrame,
    ) -> Option<u64> {
        let begins = |second: u64, places: &[usize]| {
            let verdicts = frames.get(&second).map_or(&[][..], |frame| &frame.verdicts[..]);
            let mut begun = places.iter().filter_map(|place| verdicts.get(*place));
            begun.any(|it| is_same(it, verdict))
        };
        let mut back = self.verdicts.range(..=last_s).rev();
        back.find(|(second, places)| begins(**second, places)).map(|(second, _)| *second)
    }

    /// How often a breaker has opened up to `last_s`.
    pub(super) fn opened(&self, frames: &Frames, last_s: u64, edge: &Edge) -> usize {
        let opens = |second: u64, places: &[usize]| {
            let breakers = frames.get(&second).map_or(&[][..], |frame| &frame.breakers[..]);
            let mut opened = places.iter().filter_map(|place| breakers.get(*place));
            opened.any(|it| it.edge == *edge)
        };
        let seconds = self.opened.range(..=last_s);
        seconds.filter(|(second, places)| opens(**second, places)).count()
    }

    /// Seconds up to `last_s` in which something happened to a fault, the newest first.
    pub(super) fn fault_seconds(&self, last_s: u64) -> impl Iterator<Item = u64> {
        self.faults.range(..=last_s).rev().copied()
    }
}

fn put(all: &mut Places, second: u64, places: Vec<usize>) {
    if places.is_empty() {
        all.remove(&second);
    } else {
        all.insert(second, places.into_boxed_slice());
    }
}

fn is_same(one: &VerdictFrame, other: &VerdictFrame) -> bool {
    one.verdict == other.verdict && one.phase == other.phase && one.text == other.text
}

fn new_verdicts(frame: &Frame, before: Option<&Frame>) -> Vec<usize> {
    let old = before.map_or(&[][..], |frame| &frame.verdicts[..]);
    // A verdict nearly always stands at the same place.
    let was_there = |place: usize, verdict: &VerdictFrame| {
        old.get(place).is_some_and(|it| is_same(it, verdict))
            || old.iter().any(|it| is_same(it, verdict))
    };
    let all = frame.verdicts.iter().enumerate();
    all.filter(|(place, verdict)| !was_there(*place, verdict)).map(|(place, _)| place).collect()
}

fn newly_open(frame: &Frame, before: Option<&Frame>) -> Vec<usize> {
    let old = before.map_or(&[][..], |frame| &frame.breakers[..]);
    let was_open = |place: usize, edge: &Edge| {
        let likely = old.get(place).filter(|it| it.edge == *edge);
        let found = likely.or_else(|| old.iter().find(|it| it.edge == *edge));
        found.is_some_and(|it| it.state == BreakerState::Open)
    };
    let open = frame.breakers.iter().enumerate().filter(|(_, it)| it.state == BreakerState::Open);
    open.filter(|(place, it)| !was_open(*place, &it.edge)).map(|(place, _)| place).collect()
}
