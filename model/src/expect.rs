//! Expectations and how they are judged.
//!
//! An expectation is parsed and type-checked when the scenario is read, and judged from what a run
//! has shown, as often as anybody asks: `judge` is a pure function. A verdict is `pass` only when
//! the whole 95 % interval of the observed value is on the right side of the limit, `fail` only
//! when none of it is, and `unclear` otherwise; too few samples are `unclear` as well.

use crate::frame::Frame;
use crate::hdr::LoadTotals;
use crate::id::TraceId;
use crate::phase::{Phase, Timeline};

/// One entry of `that` or `sometimes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    pub phase: Phase,
    /// As written.
    pub text: String,
    /// `sometimes`: must happen at least once, else the run proves nothing.
    pub sometimes: bool,
    /// What the text asks for.
    pub check: Check,
}

mod check;
mod compare;
mod estimate;
mod events;
mod interval;
mod parse;
mod recovery;
mod sample;
#[cfg(test)]
mod tests;
mod threshold;
mod verdicts;

pub use check::{BreakerEvent, Check, INVARIANTS, Limit, Measure, Operator, Subject};
pub use compare::{Difference, Timed, mean_difference};
pub(crate) use estimate::samples_needed;
pub use interval::share as share_interval;
pub use parse::{Known, functions};
pub(crate) use recovery::BASELINE_MIN;
pub use threshold::{Judgement, Measured, Threshold};
pub use verdicts::{judge, overall};

/// What a run has shown so far.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub timeline: Timeline,
    /// Start of load.
    pub start_unix_ms: u64,
    /// How far the run has come, in milliseconds after the start of load. Phases that end later
    /// are still waiting.
    pub reached_ms: u64,
    pub frames: &'a [Frame],
    pub load: &'a LoadTotals,
    /// Read from the system once it is quiet; `None` before.
    pub invariants: Option<&'a [InvariantFinding]>,
}

/// The answer to one named invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvariantFinding {
    /// As expectations write it: `money conserved`.
    pub name: String,
    /// `None` when it could not be told.
    pub holds: Option<bool>,
    /// What was counted, and what is broken with the ids of the broken things.
    pub detail: String,
    pub trace_ids: Vec<TraceId>,
}
