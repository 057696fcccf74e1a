//! What the effective plan is put together from: the plan itself, faults armed by hand, edges and
//! toxics made through the API of Toxiproxy. Changed as a copy, checked, and then swapped in whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::Edge;
use model::fault::{FaultSpec, Window};
use model::plan::{EdgePlan, FaultSource, Plan, Protocol};
use tokio::time::Instant;

use crate::fault::arming::Arming;
use crate::fault::origin::Origin;

/// A fault that was armed by hand.
#[derive(Debug, Clone)]
pub(crate) struct Armed {
    pub(crate) spec: FaultSpec,
    pub(crate) arming: Arc<Arming>,
    pub(crate) zero_unix_ms: u64,
    /// `None` lasts until it is removed.
    pub(crate) until: Option<Instant>,
}

#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) plan: Plan,
    /// Holds the faults of the plan.
    pub(crate) arming: Arc<Arming>,
    pub(crate) by_hand: BTreeMap<String, Armed>,
    /// Edges that were made at run time.
    pub(crate) made_edges: BTreeMap<Edge, EdgePlan>,
    pub(crate) toxics: BTreeMap<String, Armed>,
    /// What each edge that has a listener carries.
    pub(crate) protocols: BTreeMap<Edge, Protocol>,
}

impl Parts {
    pub(crate) fn new(protocols: BTreeMap<Edge, Protocol>) -> Self {
        Self {
            plan: Plan::empty(),
            arming: Arc::default(),
            by_hand: BTreeMap::new(),
            made_edges: BTreeMap::new(),
            toxics: BTreeMap::new(),
            protocols,
        }
    }

    pub(crate) fn edges(&self) -> impl Iterator<Item = &EdgePlan> {
        self.plan.edges.iter().chain(self.made_edges.values())
    }

    pub(crate) fn faults(&self) -> impl Iterator<Item = (&FaultSpec, Origin)> {
        let planned = self.plan.faults.iter().map(|spec| {
            let arming = Arc::clone(&self.arming);
            let zero_unix_ms = self.plan.zero_unix_ms;
            (spec, Origin { source: FaultSource::Plan, arming, zero_unix_ms })
        });
        let armed = |source| {
            move |armed: &'_ Armed| {
                let arming = Arc::clone(&armed.arming);
                Origin { source, arming, zero_unix_ms: Some(armed.zero_unix_ms) }
            }
        };
        let (api, toxic) = (armed(FaultSource::Api), armed(FaultSource::Toxiproxy));
        let by_hand = self.by_hand.values().map(move |fault| (&fault.spec, api(fault)));
        let toxics = self.toxics.values().map(move |fault| (&fault.spec, toxic(fault)));
        planned.chain(by_hand).chain(toxics)
    }

    /// Everything as one plan, to be checked and compared.
    pub(crate) fn as_plan(&self) -> Plan {
        Plan {
            edges: self.edges().cloned().collect(),
            faults: self.faults().map(|(spec, _)| spec.clone()).collect(),
            ..self.plan.clone()
        }
    }

    /// Faults that nobody removed in time.
    pub(crate) fn expired(&self, now: Instant) -> Vec<String> {
        let over = |armed: &Armed| armed.until.is_some_and(|until| until <= now);
        let expired = self.by_hand.iter().filter(|(_, armed)| over(armed));
        expired.map(|(name, _)| name.clone()).collect()
    }
}

impl Armed {
    /// Armed at `now_unix_ms`; a fault without a schedule acts all the time.
    pub(crate) fn new(mut spec: FaultSpec, now_unix_ms: u64, until: Option<Instant>) -> Self {
        if spec.schedule.is_empty() {
            spec.schedule.push(Window { start_ms: 0, end_ms: u64::MAX });
        }
        let arming = Arc::new(Arming::default());
        arming.hold_until(u64::MAX);
        Self { spec, arming, zero_unix_ms: now_unix_ms, until }
    }

    /// The same fault with other parameters: who it holds back is not let go.
    pub(crate) fn changed(&self, spec: FaultSpec) -> Self {
        Self { arming: Arc::clone(&self.arming), ..Self::new(spec, self.zero_unix_ms, self.until) }
    }
}
