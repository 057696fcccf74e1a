//! Seconds as they are remembered: the frames of [`model::frame`] in a fraction of their size.
//!
//! An hour of a large system is some hundred thousand durations, states and names, and most of
//! them are what they were a second ago. What does not change from one second to the next is held
//! once, by all seconds together; what changes is packed. Nothing is left out: [`Frame::told`] is
//! the frame that came.
//!
//! Each part has the name of what it was in the frame, and gives its shared fields as its own.

use std::borrow::Borrow;
use std::ops::Deref;
use std::sync::Arc;

use model::edge::Edge;
use model::fault::{FaultState, Window};
use model::frame::{DropCount, Event, RunHead, Verdict};
use model::hist::Packed;
use model::id::TraceId;
use model::load::{Group, LoadModel, Outcome, Validity};
use model::phase::Phase;
use model::policy::BreakerState;
use model::units::Share;

pub use self::heads::Heads;
pub use self::keep::Keep;

mod heads;
mod keep;
mod known;
mod told;

/// One second of a run.
#[derive(Debug)]
pub struct Frame {
    pub seq: u64,
    pub unix_s: u64,
    pub run: Arc<RunHead>,
    pub edges: Box<[EdgeFrame]>,
    pub breakers: Box<[BreakerFrame]>,
    pub faults: Box<[FaultFrame]>,
    pub load: LoadFrame,
    pub events: Box<[Event]>,
    pub verdicts: Box<[VerdictFrame]>,
    pub dropped: Arc<[DropCount]>,
}

/// Declares that a part gives the fields of what it shares with other seconds.
macro_rules! shares {
    ($part:ty, $about:ty) => {
        impl Deref for $part {
            type Target = $about;

            fn deref(&self) -> &$about {
                &self.about
            }
        }
    };
}

#[derive(Debug)]
pub struct EdgeFrame {
    about: Arc<EdgeAbout>,
    pub requests: u64,
    pub attempts: u64,
    /// Failed requests by blame, in the order of its name.
    pub errors: Box<[(Arc<str>, u64)]>,
    pub duration: Packed,
    pub exemplars: Heads,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeAbout {
    pub edge: Edge,
}

shares!(EdgeFrame, EdgeAbout);

impl EdgeFrame {
    pub(crate) fn about(&self) -> &Arc<EdgeAbout> {
        &self.about
    }

    pub fn error_count(&self) -> u64 {
        self.errors.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// What a breaker counts changes with every call, its state seldom.
#[derive(Debug)]
pub struct BreakerFrame {
    about: Arc<BreakerAbout>,
    pub reason: Arc<str>,
}

#[derive(Debug)]
pub struct BreakerAbout {
    pub edge: Edge,
    pub state: BreakerState,
    pub since_unix_ms: u64,
    pub probe_at_unix_ms: Option<u64>,
    pub trace_id: Option<TraceId>,
}

shares!(BreakerFrame, BreakerAbout);

impl BreakerFrame {
    pub(crate) fn about(&self) -> &Arc<BreakerAbout> {
        &self.about
    }
}

#[derive(Debug)]
pub struct FaultFrame {
    about: Arc<FaultAbout>,
    pub state: FaultState,
    pub hit: u64,
    pub skipped: u64,
    pub hit_now: u64,
}

#[derive(Debug)]
pub struct FaultAbout {
    pub name: String,
    pub what: String,
    pub edges: Vec<Edge>,
    pub share: Share,
    pub schedule: Vec<Window>,
}

shares!(FaultFrame, FaultAbout);

impl FaultFrame {
    /// A window can begin and end within one second: its hits tell.
    pub fn was_active(&self) -> bool {
        self.state == FaultState::Active || self.hit_now > 0
    }
}

#[derive(Debug)]
pub struct LoadFrame {
    pub model: LoadModel,
    pub offered: u64,
    pub in_flight: u64,
    pub cells: Box<[LoadCellFrame]>,
    pub lateness: Packed,
    pub connection_wait: Packed,
    pub cpu_cores: f64,
    pub validity: Option<Validity>,
}

#[derive(Debug)]
pub struct LoadCellFrame {
    about: Arc<LoadCellAbout>,
    pub count: u64,
    pub response: Packed,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadCellAbout {
    pub flow: String,
    pub step: Option<String>,
    pub phase: Phase,
    pub group: Group,
    pub hit: bool,
    pub outcome: Outcome,
}

shares!(LoadCellFrame, LoadCellAbout);

/// While an expectation is observed its value changes, and little else.
#[derive(Debug)]
pub struct VerdictFrame {
    about: Arc<VerdictAbout>,
    pub observed: Arc<str>,
}

#[derive(Debug)]
pub struct VerdictAbout {
    pub phase: Phase,
    pub text: String,
    pub verdict: Verdict,
    pub detail: String,
    pub trace_ids: Vec<TraceId>,
}

shares!(VerdictFrame, VerdictAbout);

/// Frames that follow each other, as they are kept.
pub fn of<F: Borrow<model::frame::Frame>>(frames: impl IntoIterator<Item = F>) -> Vec<Frame> {
    let mut keep = Keep::default();
    let mut kept: Vec<Frame> = Vec::new();
    for frame in frames {
        let next = keep.frame(frame.borrow(), kept.last());
        kept.push(next);
    }
    kept
}

#[cfg(test)]
mod tests;
