//! How many journeys and calls a scenario plans.

use crate::edge::{CLIENT, Edge};
use crate::fault::Window;
use crate::flow::{Flow, Step};
use crate::load::{Load, LoadModel, RateStep};
use crate::scenario::Scenario;
use crate::shop;
use crate::template::Segment;

/// Arrivals of a rate between two instants in milliseconds after the start of load.
pub(super) fn arrivals(rate: &[RateStep], from_ms: u64, to_ms: u64) -> f64 {
    upto(rate, to_ms) - upto(rate, from_ms)
}

/// Area under the rate from the start of load.
fn upto(rate: &[RateStep], to_ms: u64) -> f64 {
    let mut left_ms = to_ms as f64;
    let mut total = 0.0;
    for step in rate {
        let length_ms = step.for_ms.map_or(f64::INFINITY, |for_ms| for_ms as f64);
        let used_ms = left_ms.min(length_ms);
        let end_per_s = if length_ms.is_finite() {
            step.from_per_s + (step.to_per_s - step.from_per_s) * used_ms / length_ms
        } else {
            step.from_per_s
        };
        total += f64::midpoint(step.from_per_s, end_per_s) * used_ms / 1_000.0;
        if let Some(wave) = step.wave {
            let turn = std::f64::consts::TAU / wave.period_ms as f64;
            total += wave.amplitude_per_s * (1.0 - (turn * used_ms).cos()) / (turn * 1_000.0);
        }
        left_ms -= used_ms;
        if left_ms <= 0.0 {
            break;
        }
    }
    total
}

fn arrivals_of(load: &Load, from_ms: u64, to_ms: u64) -> f64 {
    if load.recorded_ns.is_empty() {
        return arrivals(&load.rate, from_ms, to_ms);
    }
    let before = |ms: u64| load.recorded_ns.partition_point(|start| *start < ms * 1_000_000);
    before(to_ms).saturating_sub(before(from_ms)) as f64
}

/// Journeys of a flow between two instants after the start of load. `None` when those walk it who
/// wait for answers: how often depends on how fast they are answered.
pub(super) fn journeys(scenario: &Scenario, flow: &str, from_ms: u64, to_ms: u64) -> Option<f64> {
    let walked = |load: &Load| {
        let share = load.share_of(flow);
        let known = load.model == LoadModel::Open || share <= 0.0;
        known.then(|| arrivals_of(load, from_ms, to_ms) * share)
    };
    scenario.loads.iter().map(walked).sum()
}

/// How often one journey does a step when nothing fails. `None` when that depends on answers.
pub(super) fn turns(scenario: &Scenario, flow: &str, step: &str) -> Option<f64> {
    let flow = scenario.flows.iter().find(|known| known.name == flow)?;
    let step = flow.steps.iter().find(|known| known.name == step)?;
    turns_of(step).map(f64::from)
}

fn turns_of(step: &Step) -> Option<u32> {
    let certain = step.when.is_empty() && step.unless.is_empty() && step.turns.until.is_empty();
    certain.then_some(step.turns.max)
}

/// Calls of an edge during the windows of a fault. `None` when it depends on what services do for
/// a flow that the file defines.
pub(super) fn calls_in(scenario: &Scenario, edge: &Edge, windows: &[Window]) -> Option<f64> {
    let zero_ms = scenario.timeline().during_ms;
    windows
        .iter()
        .map(|window| calls(scenario, edge, zero_ms + window.start_ms, zero_ms + window.end_ms))
        .sum()
}

/// Calls of an edge between two instants after the start of load.
pub(super) fn calls(scenario: &Scenario, edge: &Edge, from_ms: u64, to_ms: u64) -> Option<f64> {
    let mut total = 0.0;
    for flow in &scenario.flows {
        let per_journey = f64::from(calls_of(flow, edge)?);
        total += journeys(scenario, &flow.name, from_ms, to_ms)? * per_journey;
    }
    Some(total)
}

fn calls_of(flow: &Flow, edge: &Edge) -> Option<u32> {
    if let Some(calls) = shop::calls_per_journey(flow) {
        return Some(calls.iter().find(|(known, _)| known == edge).map_or(0, |(_, count)| *count));
    }
    if edge.caller != CLIENT {
        return None;
    }
    let routes = shop::routes();
    let leads_there = |step: &&Step| {
        let Some(Segment::Literal(path)) = step.path.segments.first() else { return false };
        let fitting = routes.iter().filter(|route| path.starts_with(&route.prefix));
        fitting.max_by_key(|route| route.prefix.len()).is_some_and(|route| route.edge == *edge)
    };
    flow.steps.iter().filter(leads_there).map(turns_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_the_area_under_the_rate() {
        let ramp = RateStep::ramp(0.0, 40.0, Some(10_000));
        let flat = RateStep::ramp(40.0, 40.0, None);
        for (from_ms, to_ms, expected) in [
            (0, 10_000, 200.0),
            (0, 5_000, 50.0),
            (5_000, 10_000, 150.0),
            (10_000, 20_000, 400.0),
            (5_000, 20_000, 550.0),
            (3_000, 3_000, 0.0),
        ] {
            let got = arrivals(&[ramp, flat], from_ms, to_ms);
            assert!((got - expected).abs() < 1e-9, "{from_ms}..{to_ms}: {got}");
        }
    }
}
