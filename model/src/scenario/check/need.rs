//! Can the planned run decide an expectation?

use std::fmt;

use super::traffic;
use crate::expect::{BASELINE_MIN, Check, Expectation, Subject, samples_needed};
use crate::load::Group;
use crate::phase::Phase;
use crate::scenario::Scenario;

/// What an expectation needs to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// `planned` is `None` where the plan does not tell.
    Samples { needed: u64, planned: Option<u64> },
    /// It happens or not; numbers do not matter.
    Event,
}

/// An expectation that the planned run cannot decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecidable {
    pub phase: Phase,
    /// As written.
    pub text: String,
    /// Samples that it needs at least.
    pub needed: u64,
    pub planned: u64,
}

impl fmt::Display for Undecidable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, text, needed, planned } = self;
        write!(formatter, "{phase}: \"{text}\" needs {needed} samples, the run plans {planned}")
    }
}

/// The expectations that have too few samples by plan. Ask the scaled scenario about a scaled run.
pub fn undecidable(scenario: &Scenario) -> Vec<Undecidable> {
    let too_few = |expectation: &Expectation| match of(scenario, expectation) {
        Need::Samples { needed, planned: Some(planned) } if planned < needed => Some(Undecidable {
            phase: expectation.phase,
            text: expectation.text.clone(),
            needed,
            planned,
        }),
        _ => None,
    };
    scenario.expectations.iter().filter_map(too_few).collect()
}

pub(super) fn of(scenario: &Scenario, expectation: &Expectation) -> Need {
    match &expectation.check {
        Check::Measured { measure, subject, group, operator, limit } => Need::Samples {
            needed: samples_needed(*measure, *operator, *limit),
            planned: planned(scenario, subject, *group, expectation.phase),
        },
        Check::Recovered { .. } => {
            // Every flow is compared with its own baseline, so the rarest one counts.
            let flows = scenario.flows.iter().map(|flow| Subject::Flow(flow.name.clone()));
            let planned = flows.map(|flow| planned(scenario, &flow, Group::Exposed, Phase::Before));
            Need::Samples { needed: BASELINE_MIN, planned: planned.min().flatten() }
        },
        Check::Breaker { .. } | Check::FaultHits { .. } | Check::Invariant { .. } => Need::Event,
    }
}

fn planned(scenario: &Scenario, subject: &Subject, group: Group, phase: Phase) -> Option<u64> {
    let (from_ms, to_ms) = scenario.timeline().window_ms(phase);
    let control = scenario.run.control.as_fraction();
    let part = match group {
        Group::Control => control,
        Group::Exposed => 1.0 - control,
    };
    let journeys = |flow: &str| Some(traffic::journeys(scenario, flow, from_ms, to_ms)? * part);
    let samples = match subject {
        Subject::Flow(flow) => journeys(flow)?,
        Subject::Step { flow, step } => journeys(flow)? * traffic::turns(scenario, flow, step)?,
        Subject::Edge(edge) => traffic::calls(scenario, edge, from_ms, to_ms)?,
    };
    Some(samples.round() as u64)
}
