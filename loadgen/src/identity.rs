//! Who a journey is: everything about it that follows from the seed and its number.

use model::decision::{in_control_group, indexed};
use model::id::{CorrelationId, SpanId, TraceId};
use model::load::{Group, LoadModel};
use model::phase::Phase;
use model::propagation::{FLAG_RANDOM, FLAG_SAMPLED, TraceParent};
use model::units::Share;

use crate::arrival::Arrival;
use crate::plan::Resolved;

/// One journey before it starts.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Index into the loads.
    pub(crate) load: usize,
    /// Of the load.
    pub(crate) model: LoadModel,
    /// Index into the flows.
    pub(crate) flow: usize,
    /// Number of the arrival in its load.
    pub(crate) index: u64,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) trace_id: TraceId,
    /// Key of the draws of its load.
    load_key: u64,
    pub(crate) group: Group,
    pub(crate) phase: Phase,
}

impl Identity {
    pub(crate) fn new(plan: &Resolved, load: usize, arrival: Arrival) -> Self {
        let about = &plan.loads[load];
        let user = match about.model {
            // Users take turns in the numbers, so that each has the same in every run.
            LoadModel::Closed => arrival.index % about.users,
            LoadModel::Open | LoadModel::Max => about.user_of(arrival.index),
        };
        // A user may act in several loads, so the number counts through all of them: no two
        // journeys of a run have the same correlation id. With one load it is the arrival's own.
        let number = arrival.index * plan.loads.len() as u64 + load as u64;
        let correlation_id = CorrelationId::of_user(user, number);
        let has_control = plan.control != Share::ZERO;
        let group = if has_control && in_control_group(plan.seed, plan.control, &correlation_id) {
            Group::Control
        } else {
            Group::Exposed
        };
        Self {
            load,
            model: about.model,
            flow: plan.flow_of(load, arrival.index),
            index: arrival.index,
            trace_id: trace_id(about.trace_key, arrival.index),
            load_key: about.draw_key,
            correlation_id,
            group,
            phase: plan.timeline.phase_at(arrival.at_ns / 1_000_000),
        }
    }

    /// Key of this journey's draws. Most journeys draw nothing.
    pub(crate) fn draw_key(&self) -> u64 {
        indexed(self.load_key, "journey", self.index).bits()
    }

    /// Span 0 is the journey; requests and steps have the numbers from 1, in the order in which
    /// they began.
    pub(crate) fn span_id(&self, number: usize) -> SpanId {
        let [high, ..] = halves(self.trace_id);
        let bytes = indexed(high, "span", number as u64).bits().to_be_bytes();
        SpanId::from_bytes(bytes).unwrap_or_else(|| {
            SpanId::from_bytes([1; 8]).expect("an id with a bit set is not all zero")
        })
    }

    /// What the request of a step carries. The trace id is a hash, so it is random enough to
    /// sample by.
    pub(crate) fn trace_parent(&self, span: usize) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            span_id: self.span_id(span),
            flags: FLAG_SAMPLED | FLAG_RANDOM,
        }
    }
}

fn trace_id(key: u64, index: u64) -> TraceId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&indexed(key, "high", index).bits().to_be_bytes());
    bytes[8..].copy_from_slice(&indexed(key, "low", index).bits().to_be_bytes());
    TraceId::from_bytes(bytes).unwrap_or_else(|| {
        TraceId::from_bytes([1; 16]).expect("an id with a bit set is not all zero")
    })
}

fn halves(id: TraceId) -> [u64; 2] {
    let half = |from: usize| {
        let bytes = id.as_bytes().iter().skip(from).take(8);
        bytes.fold(0, |value, byte| (value << 8) | u64::from(*byte))
    };
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::load::{Load, LoadPlan};

    use super::*;

    fn plan() -> LoadPlan {
        let mut plan = crate::testing::plan("127.0.0.1:1".parse().unwrap());
        plan.control = Share::from_ppm(300_000);
        plan.loads.push(Load { name: "other".into(), ..plan.loads[0].clone() });
        plan
    }

    fn journeys(plan: &LoadPlan) -> Vec<Identity> {
        let resolved = Resolved::new(plan).unwrap();
        (0..1_000)
            .map(|index| Arrival { index: index / 2, at_ns: index * 1_000_000 })
            .enumerate()
            .map(|(at, arrival)| Identity::new(&resolved, at % 2, arrival))
            .collect()
    }

    #[test]
    fn no_two_journeys_share_a_correlation_trace_or_span_id() {
        let journeys = journeys(&plan());
        let correlation: BTreeSet<_> = journeys.iter().map(|one| &one.correlation_id).collect();
        let traces: BTreeSet<_> = journeys.iter().map(|one| one.trace_id).collect();
        let spans: BTreeSet<_> =
            journeys.iter().flat_map(|one| (0..4).map(|number| one.span_id(number))).collect();
        assert_eq!((correlation.len(), traces.len(), spans.len()), (1_000, 1_000, 4_000));
    }

    #[test]
    fn another_run_of_the_seed_is_the_same_users_in_other_traces() {
        let first = journeys(&plan());
        let second = journeys(&LoadPlan { run_id: "another".into(), ..plan() });
        for (one, other) in first.iter().zip(&second) {
            assert_eq!(one.correlation_id, other.correlation_id);
            assert_eq!(one.draw_key(), other.draw_key());
            assert_eq!(one.group, other.group);
            assert_ne!(one.trace_id, other.trace_id);
        }
    }

    #[test]
    fn the_group_is_the_one_that_the_gateway_computes() {
        let plan = plan();
        let (mut control, mut exposed) = (0, 0);
        for journey in journeys(&plan) {
            let spared = in_control_group(plan.seed, plan.control, &journey.correlation_id);
            assert_eq!(spared, journey.group == Group::Control);
            *if spared { &mut control } else { &mut exposed } += 1;
        }
        assert!(control > 100 && exposed > 100, "{control} and {exposed}");
    }

    #[test]
    fn a_trace_parent_reads_back_with_the_sampled_and_random_flags() {
        let journey = &journeys(&plan())[7];
        let text = journey.trace_parent(3).to_string();
        assert!(text.ends_with("-03"), "{text}");
        assert_eq!(text.parse::<TraceParent>().unwrap().span_id, journey.span_id(3));
    }
}
