//! A plan made ready for requests: swapped whole, never changed, and kept alive by every request
//! that came in under it.
//!
//! What has to outlive a plan is shared between snapshots: the counters of an edge, its breaker,
//! budget, limits and what is known of its endpoints, also when their policy changes as far as it
//! still fits; what a fault remembers, as long as its name stays.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use model::edge::Edge;
use model::id::CorrelationId;
use model::plan::{EdgePlan, Plan};
use telemetry::clock::Clock;

use crate::control::parts::Parts;
use crate::emit::Emitter;
use crate::fault::Fault;
use crate::http1::RequestHead;
use crate::route::Router;

mod line;

pub(crate) use line::{Line, Traffic};

#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Rises with every change, whoever made it.
    pub(crate) epoch: u64,
    pub(crate) plan: Plan,
    pub(crate) lines: BTreeMap<Edge, Arc<Line>>,
    router: Router<Arc<Line>>,
    pub(crate) faults: Vec<Arc<Fault>>,
}

impl Snapshot {
    /// Before the first plan: no edge leads anywhere.
    pub(crate) fn empty() -> Self {
        Self {
            epoch: 0,
            plan: Plan::empty(),
            lines: BTreeMap::new(),
            router: Router::new(&[], |_| None),
            faults: Vec::new(),
        }
    }

    /// The successor of `before` under valid parts.
    pub(crate) fn after(
        before: &Self,
        epoch: u64,
        parts: &Parts,
        traffic: &BTreeMap<Edge, Arc<Traffic>>,
        context: (&Clock, &Arc<Emitter>),
    ) -> Self {
        let old: BTreeMap<&str, &Arc<Fault>> =
            before.faults.iter().map(|old| (old.spec.name.as_str(), old)).collect();
        let faults: Vec<Arc<Fault>> = parts
            .faults()
            .map(|(spec, origin)| {
                let old = old.get(spec.name.as_str()).map(|old| &***old);
                Arc::new(Fault::after(spec, old, origin))
            })
            .collect();
        let line = |edge: &EdgePlan| {
            let of_edge = |fault: &&Arc<Fault>| fault.spec.edges.contains(&edge.edge);
            let faults = faults.iter().filter(of_edge).cloned().collect();
            let traffic = Arc::clone(traffic.get(&edge.edge).expect("every edge has counters"));
            let old = before.lines.get(&edge.edge).map(|line| &**line);
            let line = Line::after(edge, faults, traffic, old, context);
            (edge.edge.clone(), Arc::new(line))
        };
        let lines: BTreeMap<Edge, Arc<Line>> = parts.edges().map(line).collect();
        let plan = parts.plan.clone();
        let router = Router::new(&plan.routes, |edge| lines.get(edge).cloned());
        Self { epoch, plan, lines, router, faults }
    }

    /// The edge of a request on the public listener.
    pub(crate) fn route(&self, head: &RequestHead, id: &CorrelationId) -> Option<&Arc<Line>> {
        self.router.find(&line::Routed { head, id, seed: self.plan.seed })
    }

    /// Every endpoint in use.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.lines.values().flat_map(|line| line.addresses.iter().copied())
    }
}
