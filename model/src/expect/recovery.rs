//! How long after the last fault the users were served as before.
//!
//! For every flow, the exposed group's journeys are looked at by the second in which they ended. A
//! second is *out of tolerance* when even the lower end of the 95 % interval of its share of errors
//! lies above `before` + 1 percentage point, or the lower end of the interval of its p95 lies above
//! 1.5 times the p95 of `before` + 100 ms: one slow request in a quiet second is no relapse, nor
//! is a machine that was busy with something else for a moment. Nothing ending at all while
//! requests arrive and wait is out of tolerance, too.
//!
//! The system has recovered in the first second from which the next `h` = min(5 s, rest) seconds,
//! and at least two, are all in tolerance and, taken together, have a p95 and a share of errors
//! inside it. Seconds are the resolution: recovered "within 10s" means that it was back to normal
//! at the latest when the tenth second ended.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Evidence;
use super::estimate::{describe_time, describe_us};
use super::interval;
use crate::frame::{Frame, LoadCellFrame, Verdict};
use crate::hist::Histogram;
use crate::load::Group;
use crate::phase::Phase;

const HOLD_S: usize = 5;
const HOLD_MIN_S: usize = 2;
/// Journeys of a baseline whose p95 can be compared with.
pub(crate) const BASELINE_MIN: u64 = 20;
const ERRORS_ADDED: f64 = 0.01;
const P95_FACTOR: f64 = 1.5;
const P95_ADDED_US: f64 = 100_000.0;

/// Journeys of one flow in some seconds.
#[derive(Debug, Clone, Default)]
struct Journeys {
    count: u64,
    errors: u64,
    response: Histogram,
    /// Requests arrived and waited at the end of the second.
    waiting: bool,
}

#[derive(Debug, Clone, Copy)]
struct Tolerance {
    errors: f64,
    p95_us: f64,
}

/// What was found, as (verdict at the end of the phase, observed, detail).
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) verdict: Verdict,
    pub(super) observed: String,
    pub(super) detail: String,
}

pub(super) fn judge(within: Duration, evidence: &Evidence<'_>) -> Recovery {
    let baselines = baselines(evidence);
    if baselines.is_empty() {
        return Recovery {
            verdict: Verdict::Unclear,
            observed: "no baseline".to_owned(),
            detail: "no journey of the exposed group ended in the phase \"before\"".to_owned(),
        };
    }
    let found =
        baselines.iter().map(|(flow, baseline)| judge_flow(flow, baseline, within, evidence));
    let worst = found.max_by_key(|recovery| recovery.verdict);
    worst.expect("there is at least one baseline")
}

fn judge_flow(
    flow: &str,
    baseline: &Journeys,
    within: Duration,
    evidence: &Evidence<'_>,
) -> Recovery {
    if baseline.count < BASELINE_MIN {
        return Recovery {
            verdict: Verdict::Unclear,
            observed: format!("{flow}: no baseline"),
            detail: format!("needs {BASELINE_MIN} journeys before, has {}", baseline.count),
        };
    }
    let before_us = p95_us(&baseline.response);
    let errors_before = baseline.errors as f64 / baseline.count as f64;
    let tolerance = Tolerance {
        errors: errors_before + ERRORS_ADDED,
        p95_us: before_us * P95_FACTOR + P95_ADDED_US,
    };
    let seconds = seconds_after(flow, evidence);
    let allowed = format!(
        "{flow}: tolerance errors <= {:.1}%, p95 <= {} (before: {:.1}%, {})",
        tolerance.errors * 100.0,
        describe_us(tolerance.p95_us),
        errors_before * 100.0,
        describe_us(before_us)
    );
    match first_held(&seconds, tolerance) {
        Some(start) => {
            let (earliest, latest) = (start as f64, start as f64 + 1.0);
            let verdict = match within.as_secs_f64() {
                within if latest <= within => Verdict::Pass,
                within if earliest >= within => Verdict::Fail,
                _ => Verdict::Unclear,
            };
            let observed = format!("{flow} after {start}s..{}s", start + 1);
            Recovery { verdict, observed, detail: allowed }
        },
        None => {
            let watched = seconds.len();
            let long_enough = watched as f64 >= within.as_secs_f64();
            let verdict = if long_enough { Verdict::Fail } else { Verdict::Unclear };
            let observed = format!("{flow} not within the {watched}s that were watched");
            let missing = match verdict {
                Verdict::Unclear => format!("; {} of watching are needed", describe_time(within)),
                _ => String::new(),
            };
            Recovery { verdict, observed, detail: format!("{allowed}{missing}") }
        },
    }
}

fn wanted(cell: &LoadCellFrame) -> bool {
    cell.step.is_none() && cell.group == Group::Exposed
}

impl Journeys {
    fn add(&mut self, cell: &LoadCellFrame) {
        self.count += cell.count;
        if cell.outcome.is_error() {
            self.errors += cell.count;
        }
        self.response.merge(&cell.response);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.errors += other.errors;
        self.response.merge(&other.response);
    }

    /// Even chance cannot explain it.
    fn out_of(&self, tolerance: Tolerance) -> bool {
        if self.count == 0 {
            return self.waiting;
        }
        let (errors_low, _) = interval::share(self.errors, self.count);
        let (rank, _) = interval::quantile_ranks(self.response.count(), 0.95);
        let p95_low = self.response.value_at_rank(rank).map_or(0.0, microseconds);
        errors_low > tolerance.errors || p95_low > tolerance.p95_us
    }

    fn inside(&self, tolerance: Tolerance) -> bool {
        let errors = self.errors as f64 / self.count.max(1) as f64;
        self.count > 0 && errors <= tolerance.errors && p95_us(&self.response) <= tolerance.p95_us
    }
}

/// By flow, everything whose intended start lay in the baseline.
fn baselines(evidence: &Evidence<'_>) -> BTreeMap<String, Journeys> {
    let mut baselines = BTreeMap::<String, Journeys>::new();
    let cells = evidence.frames.iter().flat_map(|frame| &frame.load.cells);
    for cell in cells.filter(|cell| wanted(cell) && cell.phase == Phase::Before) {
        baselines.entry(cell.flow.clone()).or_default().add(cell);
    }
    baselines
}

/// One entry per whole second of the phase `after`.
fn seconds_after(flow: &str, evidence: &Evidence<'_>) -> Vec<Journeys> {
    let (start_ms, end_ms) = evidence.timeline.window_ms(Phase::After);
    let end_ms = end_ms.min(evidence.reached_ms);
    let length_s = end_ms.saturating_sub(start_ms) / 1_000;
    let mut seconds = vec![Journeys::default(); length_s as usize];
    let index = |frame: &Frame| {
        let middle_ms = frame.unix_s * 1_000 + 500;
        let since_ms = middle_ms.checked_sub(evidence.start_unix_ms + start_ms)?;
        usize::try_from(since_ms / 1_000).ok()
    };
    for frame in evidence.frames {
        let Some(second) = index(frame).and_then(|index| seconds.get_mut(index)) else { continue };
        for cell in frame.load.cells.iter().filter(|cell| wanted(cell) && cell.flow == flow) {
            second.add(cell);
        }
        second.waiting |= frame.load.offered > 0 && frame.load.in_flight > 0;
    }
    seconds
}

fn first_held(seconds: &[Journeys], tolerance: Tolerance) -> Option<usize> {
    (0..seconds.len()).find(|start| {
        let rest = seconds.len() - start;
        let held = &seconds[*start..*start + rest.min(HOLD_S)];
        let mut together = Journeys::default();
        for second in held {
            together.merge(second);
        }
        held.len() >= HOLD_MIN_S
            && held.iter().all(|second| !second.out_of(tolerance))
            && together.inside(tolerance)
    })
}

fn p95_us(response: &Histogram) -> f64 {
    response.quantile(0.95).map_or(0.0, microseconds)
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
