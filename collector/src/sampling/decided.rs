//! Decisions, remembered for spans that come late.

use std::collections::{BTreeMap, VecDeque};

use model::id::TraceId;

use super::Fate;

#[derive(Debug)]
pub(super) struct Decided {
    max: usize,
    fates: BTreeMap<TraceId, Fate>,
    /// The oldest first.
    order: VecDeque<TraceId>,
}

impl Decided {
    pub(super) fn bounded(max: usize) -> Self {
        Self { max, fates: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(super) fn of(&self, trace_id: TraceId) -> Option<Fate> {
        self.fates.get(&trace_id).copied()
    }

    pub(super) fn add(&mut self, trace_id: TraceId, fate: Fate) {
        if self.fates.insert(trace_id, fate).is_none() {
            self.order.push_back(trace_id);
        }
        while self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.fates.remove(&oldest);
        }
    }
}
