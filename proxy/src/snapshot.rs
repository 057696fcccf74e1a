//! A plan made ready for requests: swapped whole, never changed, and kept alive by every request
//! that came in under it.
//!
//! What has to outlive a plan is shared between snapshots: the counters of an edge, its breaker and
//! its retry budget as long as their policy stays the same, the counters of a fault as long as its
//! name stays.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use model::edge::Edge;
use model::plan::{EdgePlan, Plan};
use model::policy::EdgePolicy;
use model::units::Share;
use tokio::time::Instant;

use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::fault::arming::Arming;
use crate::fault::{Fault, FaultCounters};

/// Counters of one edge since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: AtomicU64,
    pub(crate) attempts: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) retries_refused: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    /// Numbers the requests that have no repeatable identity.
    anonymous: AtomicU64,
    turn: AtomicUsize,
}

impl Traffic {
    pub(crate) fn next_anonymous(&self) -> u64 {
        self.anonymous.fetch_add(1, Ordering::Relaxed)
    }
}

/// One edge of the current plan.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) edge: Edge,
    pub(crate) name: String,
    pub(crate) endpoints: Vec<SocketAddr>,
    pub(crate) policy: EdgePolicy,
    pub(crate) faults: Vec<Arc<Fault>>,
    pub(crate) breaker: Option<Arc<Breaker>>,
    pub(crate) budget: Option<Arc<Budget>>,
    pub(crate) traffic: Arc<Traffic>,
}

impl Line {
    /// Instances are used in turn.
    pub(crate) fn endpoint(&self) -> Option<SocketAddr> {
        let count = self.endpoints.len();
        let turn = self.traffic.turn.fetch_add(1, Ordering::Relaxed);
        self.endpoints.get(turn.checked_rem(count)?).copied()
    }
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) plan: Plan,
    pub(crate) lines: BTreeMap<Edge, Arc<Line>>,
    /// Longest prefix first.
    routes: Vec<(String, Arc<Line>)>,
    pub(crate) faults: Vec<Arc<Fault>>,
    pub(crate) arming: Arc<Arming>,
}

impl Snapshot {
    /// Before the first plan: no edge leads anywhere.
    pub(crate) fn empty() -> Self {
        Self {
            plan: Plan {
                epoch: 0,
                seed: 0,
                zero_unix_ms: None,
                control: Share::ZERO,
                edges: Vec::new(),
                routes: Vec::new(),
                faults: Vec::new(),
            },
            lines: BTreeMap::new(),
            routes: Vec::new(),
            faults: Vec::new(),
            arming: Arc::default(),
        }
    }

    /// The successor of `before` under a valid plan.
    pub(crate) fn after(
        before: &Self,
        plan: Plan,
        arming: Arc<Arming>,
        traffic: &BTreeMap<Edge, Arc<Traffic>>,
        now: Instant,
    ) -> Self {
        let counters: BTreeMap<&str, &Arc<FaultCounters>> =
            before.faults.iter().map(|old| (old.spec.name.as_str(), &old.counters)).collect();
        let fault = |spec: &model::fault::FaultSpec| {
            let counters = counters.get(spec.name.as_str()).map(|kept| Arc::clone(kept));
            Arc::new(Fault { spec: spec.clone(), counters: counters.unwrap_or_default() })
        };
        let faults: Vec<Arc<Fault>> = plan.faults.iter().map(fault).collect();
        let line = |edge: &EdgePlan| {
            let of_edge = |fault: &&Arc<Fault>| fault.spec.edges.contains(&edge.edge);
            let faults = faults.iter().filter(of_edge).cloned().collect();
            let traffic = traffic.get(&edge.edge).cloned().unwrap_or_default();
            let old = before.lines.get(&edge.edge).map(|line| &**line);
            (edge.edge.clone(), Arc::new(build_line(edge, faults, traffic, old, now)))
        };
        let lines: BTreeMap<Edge, Arc<Line>> = plan.edges.iter().map(line).collect();
        let mut routes: Vec<(String, Arc<Line>)> = plan
            .routes
            .iter()
            .filter_map(|route| {
                let prefix = route.prefix.trim_end_matches('/').to_owned();
                Some((prefix, Arc::clone(lines.get(&route.edge)?)))
            })
            .collect();
        routes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { plan, lines, routes, faults, arming }
    }

    /// The edge of a path on the public listener.
    pub(crate) fn route(&self, path: &str) -> Option<&Arc<Line>> {
        let leads = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.routes.iter().find(|(prefix, _)| leads(prefix)).map(|(_, line)| line)
    }

    /// Milliseconds since the plan's zero; `None` before it.
    pub(crate) fn since_zero_ms(&self, now_unix_ms: u64) -> Option<u64> {
        now_unix_ms.checked_sub(self.plan.zero_unix_ms?)
    }
}

fn build_line(
    plan: &EdgePlan,
    faults: Vec<Arc<Fault>>,
    traffic: Arc<Traffic>,
    old: Option<&Line>,
    now: Instant,
) -> Line {
    let policy = plan.policy.clone();
    let same_breaker = old.filter(|old| old.policy.breaker == policy.breaker);
    let breaker = match same_breaker {
        Some(old) => old.breaker.clone(),
        None => policy.breaker.clone().map(|policy| Arc::new(Breaker::new(policy, now))),
    };
    let same_budget = old.filter(|old| old.policy.retry == policy.retry);
    let budget = match same_budget {
        Some(old) => old.budget.clone(),
        None => policy
            .retry
            .as_ref()
            .map(|retry| Arc::new(Budget::new(retry.budget, retry.budget_reserve_per_s, now))),
    };
    Line {
        name: plan.edge.to_string(),
        edge: plan.edge.clone(),
        endpoints: plan.endpoints.clone(),
        policy,
        faults,
        breaker,
        budget,
        traffic,
    }
}

#[cfg(test)]
mod tests {
    use model::plan::Route;

    use super::*;

    fn routed(prefixes: &[&str]) -> Snapshot {
        let edge = |prefix: &str| Edge::new("client", format!("s{}", prefix.len()));
        let plan = Plan {
            edges: prefixes
                .iter()
                .map(|prefix| EdgePlan {
                    edge: edge(prefix),
                    endpoints: Vec::new(),
                    policy: EdgePolicy::default(),
                })
                .collect(),
            routes: prefixes.iter().map(|prefix| Route::to(*prefix, edge(prefix))).collect(),
            ..Snapshot::empty().plan
        };
        let traffic = BTreeMap::new();
        Snapshot::after(&Snapshot::empty(), plan, Arc::default(), &traffic, Instant::now())
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        let snapshot = routed(&["/", "/orders", "/orders/open"]);
        let callee = |path: &str| snapshot.route(path).map(|line| line.edge.callee.clone());
        for (path, expected) in [
            ("/", "s1"),
            ("/ordersheet", "s1"),
            ("/orders", "s7"),
            ("/orders/7", "s7"),
            ("/orders/open", "s12"),
            ("/orders/open/7", "s12"),
        ] {
            assert_eq!(callee(path).as_deref(), Some(expected), "{path}");
        }
        assert!(routed(&["/orders"]).route("/carts").is_none());
    }
}
