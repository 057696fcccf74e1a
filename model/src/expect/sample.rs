//! The samples behind one measured expectation, from the load generator or from the gateway.
//!
//! Flows and steps come from the load generator's exact histograms: latency from the intended
//! start, every outcome counted, the phase being that of the intended start. What was dropped or
//! never finished is known only to have taken *at least* so long. Edges come from the gateway's
//! spans by the second in which they ended.

use super::Evidence;
use super::check::Subject;
use super::threshold::Measured;
use crate::edge::Edge;
use crate::frame::Frame;
use crate::hdr::Durations;
use crate::hist::{Histogram, middle_ns};
use crate::load::{Group, LoadKey, Outcome};
use crate::phase::Phase;

/// Values in microseconds with their counts, rising.
type Cells = Vec<(f64, u64)>;

/// Relative error of the load generator's histograms (3 digits).
const HDR_ERROR: f64 = 0.001;
/// Relative error of the gateway's histograms (64 buckets per doubling).
const BUCKET_ERROR: f64 = 0.0055;

#[derive(Debug, Default)]
pub(super) struct Sample {
    /// How long they took.
    pub(super) known: Cells,
    /// How long they took at least.
    pub(super) censored: Cells,
    pub(super) errors: u64,
    pub(super) attempts: u64,
    /// How long was counted.
    pub(super) seconds: f64,
    /// How far a value may be from the true one because of its bucket.
    pub(super) value_error: f64,
}

impl Sample {
    pub(super) fn of(
        subject: &Subject,
        group: Group,
        phase: Phase,
        evidence: &Evidence<'_>,
    ) -> Self {
        let (start_ms, end_ms) = evidence.timeline.window_ms(phase);
        let seconds = evidence.reached_ms.min(end_ms).saturating_sub(start_ms) as f64 / 1_000.0;
        let mut sample = match subject {
            Subject::Flow(flow) => Self::of_load(evidence, |key| {
                key.flow == *flow && key.step.is_none() && key.phase == phase && key.group == group
            }),
            Subject::Step { flow, step } => Self::of_load(evidence, |key| {
                key.flow == *flow
                    && key.step.as_ref() == Some(step)
                    && key.phase == phase
                    && key.group == group
            }),
            Subject::Edge(edge) => Self::of_edge(edge, &frames_in(evidence, phase)),
        };
        sample.seconds = seconds;
        sample
    }

    fn of_load(evidence: &Evidence<'_>, wanted: impl Fn(&LoadKey) -> bool) -> Self {
        let load = evidence.load;
        let cut = |key: &LoadKey| matches!(key.outcome, Outcome::Dropped | Outcome::Unfinished);
        let cells = |take_cut: bool| {
            let merged = load.merged(|key| wanted(key) && cut(key) == take_cut);
            let counted = load.count(|key| wanted(key) && cut(key) == take_cut);
            let mut cells = Cells::new();
            for value in merged.iter_recorded() {
                cells.push((value.value_iterated_to() as f64, value.count_at_value()));
            }
            (cells, counted.saturating_sub(merged.len()))
        };
        let (known, unknown) = cells(false);
        let (mut censored, untimed) = cells(true);
        if unknown + untimed > 0 {
            censored.insert(0, (0.0, unknown + untimed));
        }
        let errors = load.count(|key| wanted(key) && key.outcome.is_error());
        Self { known, censored, errors, value_error: HDR_ERROR, ..Self::default() }
    }

    /// What a load has measured by itself.
    pub(super) fn of_durations(measured: &Measured) -> Self {
        let cells = |durations: &Durations| -> Cells {
            durations.buckets().map(|(us, count)| (us as f64, count)).collect()
        };
        let mut censored = cells(&measured.censored);
        if measured.untimed > 0 {
            censored.insert(0, (0.0, measured.untimed));
        }
        Self {
            known: cells(&measured.known),
            censored,
            errors: measured.errors,
            seconds: measured.seconds,
            value_error: HDR_ERROR,
            ..Self::default()
        }
    }

    fn of_edge(edge: &Edge, frames: &[&Frame]) -> Self {
        let mut sample = Self { value_error: BUCKET_ERROR, ..Self::default() };
        let mut durations = Histogram::default();
        let cells = frames.iter().flat_map(|frame| &frame.edges);
        for cell in cells.filter(|cell| cell.edge == *edge) {
            durations.merge(&cell.duration);
            sample.errors += cell.error_count();
            sample.attempts += cell.attempts;
        }
        let microseconds = |bucket| middle_ns(bucket) as f64 / 1_000.0;
        sample.known =
            durations.buckets().map(|(bucket, count)| (microseconds(bucket), count)).collect();
        sample
    }

    pub(super) fn known_count(&self) -> u64 {
        count(&self.known)
    }

    pub(super) fn count(&self) -> u64 {
        count(&self.known) + count(&self.censored)
    }

    /// The `rank`-th smallest value if everything unfinished had ended at once.
    pub(super) fn value_at(&self, rank: u64) -> f64 {
        let mut all = [self.known.as_slice(), self.censored.as_slice()].concat();
        all.sort_by(|left, right| left.0.total_cmp(&right.0));
        at_rank(&all, rank).unwrap_or(0.0)
    }

    /// A lower bound of the `rank`-th smallest value.
    pub(super) fn low_at(&self, rank: u64) -> f64 {
        self.value_at(rank) * (1.0 - self.value_error)
    }

    /// An upper bound of the `rank`-th smallest value: nothing unfinished ever ends.
    pub(super) fn high_at(&self, rank: u64) -> f64 {
        at_rank(&self.known, rank).unwrap_or(f64::INFINITY) * (1.0 + self.value_error)
    }

    /// Mean and standard deviation of what is known.
    pub(super) fn moments(&self) -> (f64, f64) {
        let n = self.known_count() as f64;
        let sum: f64 = self.known.iter().map(|(value, count)| value * *count as f64).sum();
        let mean = if n > 0.0 { sum / n } else { 0.0 };
        let squares: f64 =
            self.known.iter().map(|(value, count)| (value - mean).powi(2) * *count as f64).sum();
        let deviation = if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
        (mean, deviation)
    }
}

fn count(cells: &Cells) -> u64 {
    cells.iter().map(|(_, count)| count).sum()
}

fn at_rank(cells: &[(f64, u64)], rank: u64) -> Option<f64> {
    let mut below = 0;
    let holds_rank = |(_, count): &&(f64, u64)| {
        below += count;
        rank > 0 && below >= rank
    };
    cells.iter().find(holds_rank).map(|(value, _)| *value)
}

/// The frames whose second lies in a phase, by the middle of the second.
pub(super) fn frames_in<'a>(evidence: &Evidence<'a>, phase: Phase) -> Vec<&'a Frame> {
    let (start_ms, end_ms) = evidence.timeline.window_ms(phase);
    let middle_ms =
        |frame: &Frame| (frame.unix_s * 1_000 + 500).checked_sub(evidence.start_unix_ms);
    let inside = |frame: &&Frame| {
        middle_ms(frame).is_some_and(|middle_ms| (start_ms..end_ms).contains(&middle_ms))
    };
    evidence.frames.iter().filter(inside).collect()
}
