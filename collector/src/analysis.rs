//! What the telemetry of a run means: answers made of whole traces, not of single spans.
//!
//! | Question | Answer |
//! |---|---|
//! | why did this request take so long? | [`path`] |
//! | whose time is it, at which quantile, in which phase? | [`blame`] |
//! | what did each fault do, and who felt it? | [`faults`] |
//! | what happened to one request, over all its traces? | [`correlation`], [`propagation`] |
//! | was work repeated, or done for nobody? | [`retries`] |
//! | is the telemetry complete enough to judge by? | [`completeness`] |
//!
//! All of them are functions of traces, log lines and frames, without a clock and without reading
//! anything; `gather` reads what they need through the collector's ordinary questions, within
//! bounds, and [`text`] renders the answers for terminals. `docs/analysis.md` defines every number.

pub mod blame;
pub mod completeness;
pub mod correlation;
pub mod faults;
pub(crate) mod gather;
pub mod path;
pub mod propagation;
pub mod retries;
mod sample;
pub mod text;

pub use sample::{FaultWindow, Gathered, RunTime};
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
