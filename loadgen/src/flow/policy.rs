//! The client's policy of one step of one load, with everything that was left out filled in.

use std::time::Duration;

use model::flow::{ClientHedge, ClientPolicy, Flow};
use model::load::LoadPlan;
use model::policy::RetryPolicy;

#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) hedge: Option<ClientHedge>,
}

/// The policies of a plan: by load, flow and step. Most steps have none.
#[derive(Debug)]
pub(crate) struct Policies(Vec<Vec<Vec<Option<Policy>>>>);

impl Policies {
    pub(crate) fn new(plan: &LoadPlan) -> Self {
        let of_flow = |flow: &Flow, base: &ClientPolicy| {
            let policies = flow.steps.iter().map(|step| resolved(step.client.clone().over(base)));
            policies.collect()
        };
        let of_load =
            |base: &ClientPolicy| plan.flows.iter().map(|flow| of_flow(flow, base)).collect();
        Self(plan.loads.iter().map(|load| of_load(&load.client)).collect())
    }

    /// Clients send every request once and wait for it.
    pub(crate) fn are_none(&self) -> bool {
        self.0.iter().flatten().flatten().all(Option::is_none)
    }

    pub(crate) fn of(&self, load: usize, flow: usize, step: usize) -> Option<&Policy> {
        self.0[load][flow][step].as_ref()
    }
}

fn resolved(policy: ClientPolicy) -> Option<Policy> {
    let policy = Policy {
        attempt_timeout: policy.attempt_timeout_ms.map(Duration::from_millis),
        retry: policy.retry.value().cloned(),
        hedge: policy.hedge.value().cloned(),
    };
    let any = policy.attempt_timeout.is_some() || policy.retry.is_some() || policy.hedge.is_some();
    any.then_some(policy)
}
