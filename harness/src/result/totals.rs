//! Totals by phase: edges from the frames, journeys from the load generator's histograms.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::edge::Edge;
use model::frame::EdgeFrame;
use model::hdr::LoadTotals;
use model::hist::Histogram;
use model::load::{Group, LoadKey, LoadModel, Outcome};
use model::phase::{Phase, Timeline};

use super::{EdgeTotals, FlowTotals, Inputs, Percentiles, StepTotals};

impl Percentiles {
    pub fn of(histogram: &Histogram) -> Self {
        let at = |fraction| histogram.quantile(fraction).map(ms);
        Self {
            count: histogram.count(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: (!histogram.is_empty()).then(|| ms(histogram.max())),
        }
    }
}

pub(super) fn ms(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3)
}

/// To the microsecond: below the error of the histograms, and short in JSON.
fn rounded(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// The phase of a second, by its middle. `None` before the start of load: what passes then is the
/// runner's own check that the system is ready.
pub(super) fn phase_of_second(
    unix_s: u64,
    started_unix_ms: Option<u64>,
    timeline: &Timeline,
) -> Option<Phase> {
    let middle_ms = unix_s.saturating_mul(1_000).saturating_add(500);
    let since_start_ms = middle_ms.checked_sub(started_unix_ms?)?;
    Some(timeline.phase_at(since_start_ms))
}

#[derive(Default)]
struct EdgeSum {
    requests: u64,
    errors: BTreeMap<String, u64>,
    attempts: u64,
    duration: Histogram,
}

impl EdgeSum {
    fn add(&mut self, frame: &EdgeFrame) {
        self.requests += frame.requests;
        self.attempts += frame.attempts;
        self.duration.merge(&frame.duration);
        for (blame, count) in &frame.errors {
            *self.errors.entry(blame.clone()).or_default() += count;
        }
    }

    fn total(self, edge: Edge, phase: Phase) -> EdgeTotals {
        EdgeTotals {
            edge,
            phase,
            requests: self.requests,
            errors: self.errors,
            attempts: self.attempts,
            duration: Percentiles::of(&self.duration),
        }
    }
}

pub(super) fn edges(inputs: &Inputs<'_>) -> Vec<EdgeTotals> {
    let mut sums: BTreeMap<(Edge, Phase), EdgeSum> = BTreeMap::new();
    for frame in inputs.frames {
        let timeline = &inputs.head.timeline;
        let Some(phase) = phase_of_second(frame.unix_s, inputs.started_unix_ms, timeline) else {
            continue;
        };
        for edge in frame.edges.iter().filter(|edge| edge.requests > 0 || edge.attempts > 0) {
            sums.entry((edge.edge.clone(), phase)).or_default().add(edge);
        }
    }
    sums.into_iter().map(|((edge, phase), sum)| sum.total(edge, phase)).collect()
}

pub(super) fn flows(load: &LoadTotals) -> Vec<FlowTotals> {
    let groups: BTreeSet<(&str, LoadModel, Phase, Group)> = load
        .keys()
        .filter(|key| key.step.is_none())
        .map(|key| (key.flow.as_str(), key.model, key.phase, key.group))
        .collect();
    let totals = |group: (&str, LoadModel, Phase, Group)| {
        let (flow, model, phase, group) = group;
        let belongs = |key: &LoadKey| {
            key.step.is_none()
                && (key.flow.as_str(), key.model, key.phase, key.group)
                    == (flow, model, phase, group)
        };
        FlowTotals {
            flow: flow.to_owned(),
            model,
            phase,
            group,
            count: load.count(belongs),
            errors: errors(load, belongs),
            attempts: load.attempts(belongs),
            response: response(load, belongs),
        }
    };
    groups.into_iter().map(totals).filter(|totals| totals.count > 0).collect()
}

pub(super) fn steps(load: &LoadTotals) -> Vec<StepTotals> {
    let groups: BTreeSet<(&str, LoadModel, &str, Phase)> = load
        .keys()
        .filter_map(|key| Some((key.flow.as_str(), key.model, key.step.as_deref()?, key.phase)))
        .collect();
    let totals = |(flow, model, step, phase): (&str, LoadModel, &str, Phase)| {
        let belongs = |key: &LoadKey| {
            (key.flow.as_str(), key.model, key.step.as_deref(), key.phase)
                == (flow, model, Some(step), phase)
        };
        StepTotals {
            flow: flow.to_owned(),
            step: step.to_owned(),
            model,
            phase,
            count: load.count(belongs),
            errors: errors(load, belongs),
            attempts: load.attempts(belongs),
            checks: load.checks(belongs),
            response: response(load, belongs),
        }
    };
    groups.into_iter().map(totals).filter(|totals| totals.count > 0).collect()
}

/// Those that did not complete, by outcome.
fn errors(load: &LoadTotals, belongs: impl Fn(&LoadKey) -> bool) -> BTreeMap<String, u64> {
    let counted = |outcome: Outcome| {
        let count = load.count(|key| belongs(key) && key.outcome == outcome);
        (outcome.as_str().to_owned(), count)
    };
    let failures = Outcome::ALL.into_iter().filter(|outcome| outcome.is_error());
    failures.map(counted).filter(|(_, count)| *count > 0).collect()
}

fn response(load: &LoadTotals, belongs: impl Fn(&LoadKey) -> bool) -> Percentiles {
    let merged = load.merged(belongs);
    let at = |fraction| (!merged.is_empty()).then(|| us_to_ms(merged.value_at_quantile(fraction)));
    Percentiles {
        count: merged.len(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: (!merged.is_empty()).then(|| us_to_ms(merged.max())),
    }
}

fn us_to_ms(us: u64) -> f64 {
    rounded(us as f64 / 1e3)
}
