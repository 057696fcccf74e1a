//! The load plan, checked once and resolved, so that the engine looks nothing up and trusts all.
//!
//! Every name leads somewhere, every list has an entry, and a hole is filled by an earlier step:
//! what is wrong with a plan is said before the first request, with its place in the plan.

mod check;
mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use model::decision::named;
use model::flow::{Extract, Step};
use model::load::{AtLimit, Load, LoadModel, LoadPlan};
use model::phase::Timeline;
use model::target::Target;
use model::template::Template;
use model::units::Share;

use crate::error::LoadError;
use rows::Rows;

/// What the requests say of who sends them.
const AGENT: &str = concat!("shakedown/", env!("CARGO_PKG_VERSION"), " (load)");

/// A plan that can be run.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) seed: u64,
    pub(crate) targets: Vec<Target>,
    pub(crate) control: Share,
    pub(crate) timeline: Timeline,
    pub(crate) loads: Vec<ResolvedLoad>,
    pub(crate) flows: Vec<ResolvedFlow>,
    pub(crate) data: BTreeMap<String, Vec<String>>,
    pub(crate) rows: Rows,
    /// What the set-up of the run has saved.
    pub(crate) setup: BTreeMap<String, String>,
    pub(crate) at_limit: AtLimit,
    pub(crate) release_every: Duration,
}

#[derive(Debug)]
pub(crate) struct ResolvedLoad {
    pub(crate) name: String,
    /// As it was planned, for the choice of flows.
    planned: Load,
    /// Index into the flows of each one that an arrival may choose.
    flows: Vec<usize>,
    pub(crate) model: LoadModel,
    pub(crate) users: u64,
    pub(crate) timeout: Duration,
    /// Key of what a journey sends: equal in every run of the same seed.
    pub(crate) draw_key: u64,
    /// Key of the trace ids. It holds the run id too: a backend that keeps many runs of one seed
    /// must not take their traces for one.
    pub(crate) trace_key: u64,
}

#[derive(Debug)]
pub(crate) struct ResolvedFlow {
    pub(crate) name: String,
    pub(crate) steps: Vec<ResolvedStep>,
}

#[derive(Debug)]
pub(crate) struct ResolvedStep {
    pub(crate) name: String,
    /// Index into the targets.
    pub(crate) target: usize,
    pub(crate) method: Method,
    pub(crate) path: Template,
    /// Header lines that are the same in every request.
    pub(crate) fixed: Vec<u8>,
    /// Name and value of the headers with holes.
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) body: Option<Template>,
    pub(crate) key: Option<Template>,
    /// Name, and the place of its value.
    pub(crate) save: Vec<(String, Extract)>,
    pub(crate) status: Vec<u16>,
    pub(crate) acknowledges: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

impl ResolvedStep {
    pub(crate) fn accepts(&self, status: u16) -> bool {
        if self.status.is_empty() {
            (200..300).contains(&status)
        } else {
            self.status.contains(&status)
        }
    }
}

impl Resolved {
    pub(crate) fn new(plan: &LoadPlan) -> Result<Self, LoadError> {
        check::plan(plan)?;
        let flow_of = |name: &str| plan.flows.iter().position(|flow| flow.name == name);
        let loads = plan
            .loads
            .iter()
            .map(|load| ResolvedLoad {
                name: load.name.clone(),
                flows: load
                    .flows
                    .iter()
                    .map(|each| flow_of(&each.flow).expect("the check has found every flow"))
                    .collect(),
                planned: load.clone(),
                model: load.model,
                users: load.users,
                timeout: Duration::from_millis(load.timeout_ms),
                draw_key: named(plan.seed, "journey", &[&load.name]).bits(),
                trace_key: named(plan.seed, "trace", &[&plan.run_id, &load.name]).bits(),
            })
            .collect();
        let flows = plan
            .flows
            .iter()
            .map(|flow| ResolvedFlow {
                name: flow.name.clone(),
                steps: flow.steps.iter().map(|step| resolved_step(step, &plan.targets)).collect(),
            })
            .collect();
        Ok(Self {
            seed: plan.seed,
            targets: plan.targets.clone(),
            control: plan.control,
            timeline: plan.timeline,
            loads,
            flows,
            data: plan.data.clone(),
            rows: Rows::new(plan),
            setup: plan.setup.clone(),
            at_limit: plan.at_limit,
            release_every: Duration::from_micros(u64::from(plan.release_every_us)),
        })
    }

    /// Index of the flow that an arrival of a load walks.
    pub(crate) fn flow_of(&self, load: usize, arrival: u64) -> usize {
        let load = &self.loads[load];
        match load.flows.as_slice() {
            [only] => *only,
            flows => flows[load.planned.choice(self.seed, arrival)],
        }
    }

    /// The timeout of the first step of a load's flows, the longest of them: how long an arrival
    /// waits for a connection.
    pub(crate) fn patience(&self, load: usize) -> Duration {
        let load = &self.loads[load];
        let first = |flow: &usize| {
            let step = self.flows[*flow].steps.first();
            step.and_then(|step| step.timeout).unwrap_or(load.timeout)
        };
        load.flows.iter().map(first).max().unwrap_or(load.timeout)
    }

    /// How long journeys in flight may take once load has ended.
    pub(crate) fn drain(&self) -> Duration {
        self.loads.iter().map(|load| load.timeout).max().unwrap_or_default()
    }
}

fn resolved_step(step: &Step, targets: &[Target]) -> ResolvedStep {
    let (fixed, headers) = header_lines(step, &targets[step.target].authority);
    ResolvedStep {
        name: step.name.clone(),
        target: step.target,
        method: step.method.parse().expect("the check has parsed every method"),
        path: step.path.clone(),
        fixed,
        headers,
        body: step.body.clone(),
        key: step.key.clone(),
        save: step.save.iter().map(|(name, at)| (name.clone(), at.clone())).collect(),
        status: step.status.clone(),
        acknowledges: step.acknowledges.clone(),
        timeout: step.timeout_ms.map(Duration::from_millis),
    }
}

/// The lines that never change, and the headers that do. What a step says overrules the rest.
fn header_lines(step: &Step, authority: &str) -> (Vec<u8>, Vec<(String, Template)>) {
    let mut fixed = Vec::new();
    let mut line = |name: &str, value: &str| {
        fixed.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    };
    let said = |name: &str| step.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
    let json = step.body.is_some().then_some(("content-type", "application/json"));
    let usual = [Some(("host", authority)), Some(("user-agent", AGENT)), json];
    for (name, value) in usual.into_iter().flatten().filter(|(name, _)| !said(name)) {
        line(name, value);
    }
    let mut changing = Vec::new();
    for (name, template) in &step.headers {
        let name = name.to_ascii_lowercase();
        match template.literal() {
            Some(value) => line(&name, value),
            None => changing.push((name, template.clone())),
        }
    }
    (fixed, changing)
}
