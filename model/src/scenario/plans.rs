//! What the proxy and the load generator are told: a scenario with the addresses of a run.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Scenario;
use crate::edge::Edge;
use crate::flow::{Flow, Step};
use crate::load::{AtLimit, Load, LoadPlan, RateStep};
use crate::plan::{EdgePlan, Plan};
use crate::shop;

/// Fewest connections that a load generator may open, so that a slow start does not distort.
const CONNECTIONS_MIN: u32 = 64;
/// Most of them: half of what one process may open as files on a machine left as installed, times
/// eight for machines that were not.
const CONNECTIONS_MAX: u32 = 4_096;

impl Scenario {
    /// Every edge of the system, each with a listener of its own.
    pub fn edges(&self) -> Vec<Edge> {
        self.policies.keys().cloned().collect()
    }

    /// The proxy's plan. `endpoints` are the real addresses by service; `zero_unix_ms` is the wall
    /// clock at the end of the baseline, `None` while it is not known.
    pub fn plan(
        &self,
        epoch: u64,
        zero_unix_ms: Option<u64>,
        endpoints: &BTreeMap<String, Vec<SocketAddr>>,
    ) -> Plan {
        let edge_plan = |(edge, policy): (&Edge, &crate::policy::EdgePolicy)| EdgePlan {
            edge: edge.clone(),
            endpoints: endpoints.get(&edge.callee).cloned().unwrap_or_default(),
            policy: policy.clone(),
        };
        Plan {
            epoch,
            seed: self.seed,
            zero_unix_ms,
            control: self.run.control,
            edges: self.policies.iter().map(edge_plan).collect(),
            routes: shop::routes(),
            faults: self.faults.clone(),
            held: false,
        }
    }

    /// The plan of the only load worker of a run.
    pub fn load_plan(
        &self,
        run_id: &str,
        target: SocketAddr,
        report_to: SocketAddr,
        otlp: Option<String>,
    ) -> LoadPlan {
        LoadPlan {
            run_id: run_id.to_owned(),
            seed: self.seed,
            worker: 0,
            workers: 1,
            targets: vec![target.into()],
            report_to: Some(report_to),
            report_token: None,
            otlp,
            control: self.run.control,
            timeline: self.timeline(),
            loads: self.loads.clone(),
            flows: self.flows.clone(),
            data: self.data.clone(),
            feeders: self.feeders.clone(),
            setup: BTreeMap::new(),
            connections_max: connections(&self.loads, &self.flows),
            at_limit: AtLimit::default(),
            release_every_us: 0,
            threads: 1,
        }
    }
}

/// Enough for every journey that can be under way at once: peak rate times timeout and think time.
pub(crate) fn connections(loads: &[Load], flows: &[Flow]) -> u32 {
    let walked = |load: &Load| {
        let of_flow = |flow: &Flow| thinking_s(flow) * load.share_of(&flow.name);
        let think_s: f64 = flows.iter().map(of_flow).sum();
        let peak = load.rate.iter().map(RateStep::peak_per_s);
        let peak = peak.fold(busiest_second(&load.recorded_ns), f64::max);
        peak * (load.timeout_ms as f64 / 1_000.0 + think_s)
    };
    let all: f64 = loads.iter().map(walked).sum();
    (all.ceil() as u32).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

/// Most recorded arrivals in one second.
fn busiest_second(starts_ns: &[u64]) -> f64 {
    let until =
        |start_ns: &u64| starts_ns.partition_point(|other| *other < start_ns + 1_000_000_000);
    let busiest = starts_ns.iter().enumerate().map(|(at, start_ns)| until(start_ns) - at).max();
    busiest.unwrap_or_default() as f64
}

/// What a user thinks in one journey, on average.
fn thinking_s(flow: &Flow) -> f64 {
    let of_step = |step: &Step| {
        let turns = if step.turns.until.is_empty() { step.turns.max } else { 1 };
        step.think.as_ref().map_or(0.0, |think| think.mean().as_secs_f64() * f64::from(turns))
    };
    flow.steps.iter().map(of_step).sum()
}
