//! One verdict per expectation, and one for the run.

use std::time::Duration;

use super::check::{Check, Measure, Operator, Subject};
use super::estimate::{Estimate, describe_value, samples_needed};
use super::events::{self, Sighting};
use super::recovery;
use super::sample::{Sample, frames_in};
use super::{Evidence, Expectation, Limit};
use crate::edge::CLIENT;
use crate::fault::FaultState;
use crate::frame::{EdgeFrame, FaultFrame, TraceHead, Verdict, VerdictFrame};
use crate::id::TraceId;
use crate::load::Group;
use crate::phase::Phase;

/// Traces that one verdict names.
const TRACES_MAX: usize = 3;

/// Judges every expectation of a scenario, in its order.
pub fn judge(expectations: &[Expectation], evidence: &Evidence<'_>) -> Vec<VerdictFrame> {
    expectations.iter().map(|expectation| judge_one(expectation, evidence)).collect()
}

fn judge_one(expectation: &Expectation, evidence: &Evidence<'_>) -> VerdictFrame {
    let phase = expectation.phase;
    let (_, end_ms) = evidence.timeline.window_ms(phase);
    let over = evidence.reached_ms >= end_ms;
    let found = match &expectation.check {
        Check::Measured { measure, subject, group, operator, limit } => {
            let asked = Asked { measure: *measure, subject, group: *group, phase };
            asked.judge(*operator, *limit, evidence)
        },
        Check::Breaker { edge, event } => {
            Found::from_sighting(events::breaker(edge, *event, phase, evidence), over)
        },
        Check::FaultHits { fault } => {
            Found::from_sighting(events::fault_hits(fault, evidence), over)
        },
        Check::Recovered { within } => recovered(*within, evidence),
        Check::Invariant { name } => return invariant(expectation, name, evidence),
    };
    let verdict = match found.verdict {
        _ if !over && !found.decided => Verdict::Waiting,
        // What had to happen once and did not proves nothing about the system.
        Verdict::Fail if expectation.sometimes => Verdict::NotExercised,
        verdict => verdict,
    };
    VerdictFrame {
        phase,
        text: expectation.text.clone(),
        verdict,
        observed: found.observed,
        detail: found.detail,
        trace_ids: found.trace_ids,
    }
}

/// A verdict as if the phase were over.
struct Found {
    verdict: Verdict,
    /// The verdict cannot change any more.
    decided: bool,
    observed: String,
    detail: String,
    trace_ids: Vec<TraceId>,
}

impl Found {
    fn from_sighting(seen: Sighting, over: bool) -> Self {
        let decided = seen.decided.filter(|_| !over);
        Self {
            verdict: decided.unwrap_or(seen.at_end),
            decided: decided.is_some(),
            observed: seen.observed,
            detail: seen.detail,
            trace_ids: seen.trace_ids,
        }
    }
}

fn recovered(within: Duration, evidence: &Evidence<'_>) -> Found {
    let recovery = recovery::judge(within, evidence);
    let trace_ids = traces(evidence, Phase::After, |edge| edge.edge.caller == CLIENT, false);
    Found {
        verdict: recovery.verdict,
        decided: false,
        observed: recovery.observed,
        detail: recovery.detail,
        trace_ids,
    }
}

/// What is measured of whom.
struct Asked<'a> {
    measure: Measure,
    subject: &'a Subject,
    group: Group,
    phase: Phase,
}

impl Asked<'_> {
    fn judge(&self, operator: Operator, limit: Limit, evidence: &Evidence<'_>) -> Found {
        let sample = Sample::of(self.subject, self.group, self.phase, evidence);
        let estimate = Estimate::of(self.measure, &sample);
        let needed = samples_needed(self.measure, operator, limit);
        let (verdict, detail) = self.decide(&estimate, operator, limit, needed);
        let of_errors = self.measure == Measure::Errors;
        let trace_ids = match self.subject {
            Subject::Edge(edge) => {
                traces(evidence, self.phase, |cell| cell.edge == *edge, of_errors)
            },
            Subject::Flow(_) | Subject::Step { .. } => {
                traces(evidence, self.phase, |cell| cell.edge.caller == CLIENT, of_errors)
            },
        };
        let observed = estimate.describe(self.measure);
        Found { verdict, decided: false, observed, detail, trace_ids }
    }

    fn decide(
        &self,
        estimate: &Estimate,
        operator: Operator,
        limit: Limit,
        needed: u64,
    ) -> (Verdict, String) {
        let few = estimate.samples < needed;
        let verdict = estimate.verdict(self.measure, operator, limit, (needed, false));
        let detail = match verdict {
            Verdict::Unclear if few => {
                format!("needs {needed} samples, has {}", estimate.samples)
            },
            Verdict::Unclear => format!(
                "the limit {limit} lies inside the interval {}..{}",
                describe_value(self.measure, estimate.low),
                describe_value(self.measure, estimate.high)
            ),
            Verdict::Fail => format!(
                "the whole 95% interval is on the wrong side of {} {limit}",
                operator.as_str()
            ),
            _ => String::new(),
        };
        (verdict, detail)
    }
}

/// Failed requests first when errors are asked for, else the slowest.
fn traces(
    evidence: &Evidence<'_>,
    phase: Phase,
    wanted: impl Fn(&EdgeFrame) -> bool,
    of_errors: bool,
) -> Vec<TraceId> {
    let frames = frames_in(evidence, phase);
    let edges = frames.iter().flat_map(|frame| &frame.edges).filter(|edge| wanted(edge));
    let mut heads: Vec<&TraceHead> =
        edges.flat_map(|edge| &edge.exemplars).filter(|head| !of_errors || head.error).collect();
    heads.sort_by_key(|head| std::cmp::Reverse(head.duration_ns));
    let mut trace_ids = Vec::new();
    for head in heads {
        if trace_ids.len() < TRACES_MAX && !trace_ids.contains(&head.trace_id) {
            trace_ids.push(head.trace_id);
        }
    }
    trace_ids
}

fn invariant(expectation: &Expectation, name: &str, evidence: &Evidence<'_>) -> VerdictFrame {
    let frame = |verdict, observed: &str, detail: &str, trace_ids: &[TraceId]| VerdictFrame {
        phase: expectation.phase,
        text: expectation.text.clone(),
        verdict,
        observed: observed.to_owned(),
        detail: detail.to_owned(),
        trace_ids: trace_ids.to_vec(),
    };
    let Some(findings) = evidence.invariants else {
        return frame(Verdict::Waiting, "", "read once the system is quiet", &[]);
    };
    let Some(finding) = findings.iter().find(|finding| finding.name == name) else {
        return frame(Verdict::Unclear, "not read", "the system did not answer about it", &[]);
    };
    let (verdict, observed) = match finding.holds {
        Some(true) => (Verdict::Pass, "holds"),
        Some(false) => (Verdict::Fail, "broken"),
        None => (Verdict::Unclear, "cannot tell"),
    };
    frame(verdict, observed, &finding.detail, &finding.trace_ids)
}

/// The verdict of the run: fail beats unclear, which beats not exercised, which beats pass.
///
/// A run proves nothing when it expected nothing, or when a fault of it hit nothing. Faults that
/// may still act are not held against a run that is under way.
pub fn overall(verdicts: &[VerdictFrame], faults: &[FaultFrame]) -> Verdict {
    let Some(worst) = verdicts.iter().map(|frame| frame.verdict).max() else {
        return Verdict::NotExercised;
    };
    let running = verdicts.iter().any(|frame| frame.verdict == Verdict::Waiting);
    let idle = |fault: &FaultFrame| fault.hit == 0 && (fault.state == FaultState::Done || !running);
    if faults.iter().any(idle) { worst.max(Verdict::NotExercised) } else { worst }
}
