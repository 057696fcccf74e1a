//! The load plan, checked once and resolved, so that the engine looks nothing up and trusts all.
//!
//! Every name leads somewhere, every list has an entry, and a hole is filled by an earlier step:
//! what is wrong with a plan is said before the first request, with its place in the plan.

mod check;
mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use model::decision::{Unit, named};
use model::distribution::Distribution;
use model::flow::{Body, Condition, Extract, Flow, Step, Turns};
use model::load::{AtLimit, Load, LoadModel, LoadPlan, UserStep};
use model::phase::Timeline;
use model::target::{HttpVersion, Place, Target};
use model::template::Template;
use model::units::Share;

use crate::arrival::{chosen_user, users_key};
use crate::client::Wanted;
use crate::error::LoadError;
use crate::fill::uri;
use crate::flow::policy::Policies;
use crate::flow::retry::is_idempotent;
use rows::Rows;

/// What the requests say of who sends them.
const AGENT: &str = concat!("shakedown/", env!("CARGO_PKG_VERSION"), " (load)");

const CONTENT_TYPE: &str = "content-type";
/// Longest think time that the end of a load waits for.
const THINK_DRAIN_MAX: Duration = Duration::from_mins(1);

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
    pub(crate) policies: Policies,
    /// Engine threads of all workers.
    pub(crate) engines: u32,
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
    /// Key of the choice of users.
    users_key: u64,
    pub(crate) levels: Vec<UserStep>,
    pub(crate) think: Option<Distribution>,
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
    /// Users keep cookies.
    pub(crate) cookies: bool,
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
    pub(crate) body: Option<Body>,
    pub(crate) key: Option<Template>,
    /// Name, and the place of its value.
    pub(crate) save: Vec<(String, Extract)>,
    pub(crate) status: Vec<u16>,
    pub(crate) check: Vec<Condition>,
    pub(crate) acknowledges: Option<String>,
    pub(crate) when: Vec<Condition>,
    pub(crate) unless: Vec<Condition>,
    pub(crate) turns: Turns,
    pub(crate) think: Option<Distribution>,
    pub(crate) timeout: Option<Duration>,
    /// What is kept of an answer.
    pub(crate) wanted: Wanted,
    /// The body is JSON, and values between its quotes are escaped.
    pub(crate) is_json: bool,
    /// The request may be sent twice without harm.
    pub(crate) is_idempotent: bool,
}

impl ResolvedLoad {
    /// The user of an arrival that no user makes by himself.
    pub(crate) fn user_of(&self, arrival: u64) -> u64 {
        chosen_user(self.users_key, self.users, arrival)
    }
}

impl ResolvedStep {
    /// Nothing is looked for in the answer but its status.
    pub(crate) fn looks_at_status_alone(&self) -> bool {
        self.save.is_empty() && self.check.is_empty() && self.turns.until.is_empty()
    }

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
                users_key: users_key(plan.seed, &load.name),
                levels: load.levels.clone(),
                think: load.think.clone(),
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
                steps: flow.steps.iter().map(|step| resolved_step(step, flow, plan)).collect(),
                cookies: flow.cookies,
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
            policies: Policies::new(plan),
            engines: plan.workers.max(1) * plan.threads.max(1),
            at_limit: plan.at_limit,
            release_every: Duration::from_micros(u64::from(plan.release_every_us)),
        })
    }

    /// Reading an answer later than it came changes nothing that is measured or sent: nobody waits
    /// for it to go on, and the kernel knows when it came.
    pub(crate) fn answers_may_wait(&self) -> bool {
        let is_open = |load: &ResolvedLoad| load.model == LoadModel::Open;
        let is_stamped = |target: &Target| {
            let by_hand = target.version == HttpVersion::Http1 && target.tls.is_none();
            by_hand && matches!(target.place, Place::Tcp { .. })
        };
        self.loads.iter().all(is_open)
            && self.targets.iter().all(is_stamped)
            && self.flows.iter().all(ResolvedFlow::is_one_request)
            && self.policies.are_none()
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

    /// How long journeys in flight may take once load has ended: a timeout, and what nearly all
    /// users think in a whole journey, within bounds.
    pub(crate) fn drain(&self) -> Duration {
        let timeout = self.loads.iter().map(|load| load.timeout).max().unwrap_or_default();
        let thinks = self.flows.iter().map(ResolvedFlow::think_nearly_all);
        timeout + thinks.max().unwrap_or_default().min(THINK_DRAIN_MAX)
    }
}

impl ResolvedFlow {
    fn is_one_request(&self) -> bool {
        matches!(self.steps.as_slice(), [only] if only.turns.max == 1)
    }

    /// Sum of what 99 of 100 users think at most in each step.
    fn think_nearly_all(&self) -> Duration {
        let nearly_all = Unit::from_bits((0.99 * 2_f64.powi(64)) as u64);
        let of_step = |step: &ResolvedStep| {
            let think =
                step.think.as_ref().map_or(Duration::ZERO, |think| think.sample(nearly_all));
            let times = if step.turns.until.is_empty() { step.turns.max } else { 1 };
            think.saturating_mul(times)
        };
        self.steps.iter().map(of_step).fold(Duration::ZERO, Duration::saturating_add)
    }
}

fn resolved_step(step: &Step, flow: &Flow, plan: &LoadPlan) -> ResolvedStep {
    let (fixed, headers) = header_lines(step, &plan.targets[step.target].authority);
    let content_type =
        step.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE));
    let is_json = content_type.is_none_or(|(_, value)| value.to_string().contains("json"));
    ResolvedStep {
        name: step.name.clone(),
        target: step.target,
        method: step.method.parse().expect("the check has parsed every method"),
        path: uri::fit(&step.path),
        fixed,
        headers,
        body: step.body.clone(),
        key: step.key.clone(),
        save: step.save.iter().map(|(name, at)| (name.clone(), at.clone())).collect(),
        status: step.status.clone(),
        check: step.check.clone(),
        acknowledges: step.acknowledges.clone(),
        when: step.when.clone(),
        unless: step.unless.clone(),
        turns: step.turns.clone(),
        think: step.think.clone(),
        timeout: step.timeout_ms.map(Duration::from_millis),
        wanted: wanted(step, flow, plan),
        is_json,
        is_idempotent: is_idempotent(&step.method, step.key.is_some()),
    }
}

/// What is kept of the answers of a step: what it saves and checks, and what its client goes by.
fn wanted(step: &Step, flow: &Flow, plan: &LoadPlan) -> Wanted {
    let places = || {
        let asked = step.check.iter().chain(&step.turns.until).filter_map(Condition::place);
        step.save.values().chain(asked)
    };
    let listens = plan.loads.iter().any(|load| {
        let policy = step.client.clone().over(&load.client);
        policy.retry.value().is_some_and(|retry| retry.retry_after_max_ms > 0)
    });
    Wanted {
        head: flow.cookies || listens || places().any(|place| matches!(place, Extract::Header(_))),
        body: places().any(Extract::needs_body),
    }
}

/// The lines that never change, and the headers that do. What a step says overrules the rest.
fn header_lines(step: &Step, authority: &str) -> (Vec<u8>, Vec<(String, Template)>) {
    let mut fixed = Vec::new();
    let mut line = |name: &str, value: &str| {
        fixed.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    };
    let said = |name: &str| step.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
    let kind = step.body.as_ref().map(|body| ("content-type", body.content_type()));
    let usual = [Some(("host", authority)), Some(("user-agent", AGENT)), kind];
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

#[cfg(test)]
mod tests;
