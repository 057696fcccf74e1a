//! What faults do to one direction of a stream of bytes, as a pure machine.
//!
//! Connections of TCP edges and bodies of HTTP messages are shaped alike, so both ask here: of the
//! bytes at hand, how many may pass now, and what comes then? Time is handed in, every place and
//! size that is drawn comes from a keyed hash, and nothing here waits, reads or writes.
//!
//! Stages stand in the order of the plan. Each sees only what those before it let through, and all
//! of them learn how much really passed. Delays are not here: a delay holds many bytes in flight
//! at once and needs a place to keep them.

use std::sync::Arc;
use std::time::Duration;

use model::fault::FaultKind;
use tokio::time::Instant;

mod corrupt;
mod cut;
mod events;
mod link;
mod pace;
mod pieces;

use corrupt::Corrupt;
use cut::Cut;
use events::CutEvents;
pub(crate) use events::fuzz_events;
pub(crate) use link::Bucket;
use pace::Bandwidth;
use pieces::Pieces;

/// What happens after the bytes that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Whatever else there is may be offered.
    More,
    /// What is left of the bytes may be offered again then. With nothing left there is no wait.
    Wait(Instant),
    End(End),
}

/// How a stream ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order, although more was to come.
    Fin,
    Reset,
    /// By a chunk whose size is no number.
    BrokenChunk,
    /// Never: all that comes is thrown away.
    Swallow,
}

impl End {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fin => "cut off",
            Self::Reset => "reset",
            Self::BrokenChunk => "broken chunk",
            Self::Swallow => "swallowed",
        }
    }
}

/// What a stage lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    pass: usize,
    then: Then,
}

impl Limit {
    fn all(bytes: &[u8]) -> Self {
        Self { pass: bytes.len(), then: Then::More }
    }
}

/// One fault in a stream. See [`Stage::of`].
#[derive(Debug)]
pub(crate) enum Stage {
    Bandwidth(Bandwidth),
    Pieces(Pieces),
    Corrupt(Corrupt),
    Cut(Cut),
    CutEvents(CutEvents),
    Blackhole { swallows: bool },
}

/// What a stage is made from, beside the fault itself.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Key of all draws: the fault's draw for sizes.
    pub(crate) seed: u64,
    /// Length of the stream, where it is known from its start.
    pub(crate) length: Option<u64>,
    /// For a bandwidth that is shared: what all streams of the fault in this direction share.
    pub(crate) bucket: Arc<Bucket>,
}

impl Stage {
    /// `None` for faults that do nothing to the bytes of a stream.
    pub(crate) fn of(effect: &FaultKind, origin: &Origin) -> Option<Self> {
        let seed = origin.seed;
        Some(match effect {
            FaultKind::Bandwidth { bytes_per_s, shared } => {
                let bucket = shared.then(|| Arc::clone(&origin.bucket));
                Self::Bandwidth(Bandwidth::new(*bytes_per_s, bucket))
            },
            FaultKind::SlowDrip { bytes, pause_us } => {
                Self::Pieces(Pieces::new(*bytes, 0, *pause_us, seed))
            },
            FaultKind::Slicer { bytes, variation, pause_us } => {
                Self::Pieces(Pieces::new(*bytes, *variation, *pause_us, seed))
            },
            FaultKind::Corrupt { bytes } => {
                Self::Corrupt(Corrupt::new(*bytes, origin.length, seed))
            },
            FaultKind::Truncate { after_bytes } | FaultKind::LimitData { bytes: after_bytes } => {
                Self::Cut(Cut::new(*after_bytes, End::Fin))
            },
            FaultKind::Reset { after_bytes } => Self::Cut(Cut::new(*after_bytes, End::Reset)),
            FaultKind::BrokenChunk { after_bytes } => {
                Self::Cut(Cut::new(*after_bytes, End::BrokenChunk))
            },
            FaultKind::CutEvents { after_events } => Self::CutEvents(CutEvents::new(*after_events)),
            FaultKind::Blackhole => Self::Blackhole { swallows: false },
            _ => return None,
        })
    }

    /// Follows a change of its fault and keeps what it has counted. False when the fault has become
    /// one of another kind: it needs a stage of its own.
    pub(crate) fn retune(&mut self, effect: &FaultKind) -> bool {
        match (self, effect) {
            (Self::Bandwidth(stage), FaultKind::Bandwidth { bytes_per_s, shared }) => {
                stage.retune(*bytes_per_s);
                stage.is_shared() == *shared
            },
            (Self::Pieces(stage), FaultKind::SlowDrip { bytes, pause_us }) => {
                stage.retune(*bytes, 0, *pause_us);
                true
            },
            (Self::Pieces(stage), FaultKind::Slicer { bytes, variation, pause_us }) => {
                stage.retune(*bytes, *variation, *pause_us);
                true
            },
            (
                Self::Cut(stage),
                FaultKind::LimitData { bytes: after_bytes } | FaultKind::Truncate { after_bytes },
            ) => stage.retune(*after_bytes, End::Fin),
            (Self::Cut(stage), FaultKind::Reset { after_bytes }) => {
                stage.retune(*after_bytes, End::Reset)
            },
            (Self::Cut(stage), FaultKind::BrokenChunk { after_bytes }) => {
                stage.retune(*after_bytes, End::BrokenChunk)
            },
            (Self::CutEvents(stage), FaultKind::CutEvents { after_events }) => {
                stage.retune(*after_events);
                true
            },
            (Self::Corrupt(stage), FaultKind::Corrupt { bytes }) => stage.is_of(*bytes),
            (Self::Blackhole { .. }, FaultKind::Blackhole) => true,
            _ => false,
        }
    }

    /// Has it acted yet?
    pub(crate) fn touched(&self) -> bool {
        match self {
            Self::Bandwidth(stage) => stage.touched(),
            Self::Pieces(stage) => stage.touched(),
            Self::Corrupt(stage) => stage.touched(),
            Self::Cut(stage) => stage.touched(),
            Self::CutEvents(stage) => stage.touched(),
            Self::Blackhole { swallows } => *swallows,
        }
    }

    /// For a rate of its own: bytes that passed while it held the stream back, and how many it
    /// allowed, once that was for at least so long. Counts anew from there.
    pub(crate) fn kept(&mut self, least: Duration) -> Option<(u64, u64)> {
        match self {
            Self::Bandwidth(stage) => stage.kept(least),
            _ => None,
        }
    }

    fn let_go(&mut self) {
        if let Self::Bandwidth(stage) = self {
            stage.let_go();
        }
    }

    fn limit(&mut self, bytes: &[u8], now: Instant) -> Limit {
        match self {
            Self::Bandwidth(stage) => stage.limit(bytes, now),
            Self::Pieces(stage) => stage.limit(bytes, now),
            Self::Corrupt(_) => Limit::all(bytes),
            Self::Cut(stage) => stage.limit(bytes),
            Self::CutEvents(stage) => stage.limit(bytes),
            Self::Blackhole { swallows } => {
                *swallows |= !bytes.is_empty();
                Limit { pass: 0, then: Then::End(End::Swallow) }
            },
        }
    }

    fn commit(&mut self, bytes: &mut [u8], now: Instant) {
        match self {
            Self::Bandwidth(stage) => stage.commit(bytes.len()),
            Self::Pieces(stage) => stage.commit(bytes.len(), now),
            Self::Corrupt(stage) => stage.commit(bytes),
            Self::Cut(stage) => stage.commit(bytes.len()),
            Self::CutEvents(stage) => stage.commit(bytes),
            Self::Blackhole { .. } => {},
        }
    }
}

/// The stages of one direction.
#[derive(Debug, Default)]
pub(crate) struct Shaper {
    stages: Vec<Stage>,
}

impl Shaper {
    pub(crate) fn new(stages: Vec<Stage>) -> Self {
        Self { stages }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// In the order of the plan.
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// For a change while the stream runs.
    pub(crate) fn stages_mut(&mut self) -> &mut Vec<Stage> {
        &mut self.stages
    }

    /// Has this stage acted yet?
    pub(crate) fn touched(&self, stage: usize) -> bool {
        self.stages.get(stage).is_some_and(Stage::touched)
    }

    /// The receiver takes no more for now: until the next offer no rate is what holds it back.
    pub(crate) fn receiver_stalls(&mut self) {
        self.stages.iter_mut().for_each(Stage::let_go);
    }

    /// How many of `bytes`, which may be changed in place, pass now as one piece, and what happens
    /// then. What passed must not be offered again; what did not must be, together with whatever
    /// came after it.
    pub(crate) fn offer(&mut self, bytes: &mut [u8], now: Instant) -> (usize, Then) {
        let mut pass = bytes.len();
        let mut then = Then::More;
        for stage in &mut self.stages {
            let limit = stage.limit(&bytes[..pass], now);
            then = if limit.pass < pass { limit.then } else { stronger(then, limit.then) };
            pass = limit.pass;
        }
        for stage in &mut self.stages {
            stage.commit(&mut bytes[..pass], now);
        }
        (pass, then)
    }
}

/// Of two stages that stop at the same byte: an end needs no wait, and the longer wait counts.
fn stronger(one: Then, other: Then) -> Then {
    match (one, other) {
        (Then::End(end), _) | (_, Then::End(end)) => Then::End(end),
        (Then::Wait(one), Then::Wait(other)) => Then::Wait(one.max(other)),
        (Then::Wait(at), Then::More) | (Then::More, Then::Wait(at)) => Then::Wait(at),
        (Then::More, Then::More) => Then::More,
    }
}

#[cfg(test)]
mod tests;
