//! Totals of the fault ledger. A decision that was sent twice counts once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::id::{SpanId, TraceId};
use model::limits::FAULTS_MAX;

use super::Decision;

/// Decisions remembered to recognise a repetition: emitters repeat a batch within seconds.
const REMEMBERED_MAX: usize = 65_536;

/// What the ledger says about one fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerCount {
    pub hit: u64,
    /// Drawn, but spared.
    pub skipped: u64,
}

/// A span makes one decision per fault, attempt and placement.
type Key = (TraceId, SpanId, String, String, Option<i64>, Option<i64>);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    counts: BTreeMap<String, LedgerCount>,
    seen: BTreeSet<Key>,
    order: VecDeque<Key>,
    nameless: u64,
}

impl Ledger {
    /// False when the decision is a repetition.
    pub(super) fn add(&mut self, decision: &Decision) -> bool {
        if self.is_repetition(decision) {
            return false;
        }
        let full = self.counts.len() >= FAULTS_MAX && !self.counts.contains_key(&decision.fault);
        if decision.fault.is_empty() || full {
            self.nameless += 1;
            return true;
        }
        let count = self.counts.entry(decision.fault.clone()).or_default();
        if decision.hit {
            count.hit += 1;
        } else {
            count.skipped += 1;
        }
        true
    }

    /// Without ids there is nothing to recognise it by.
    fn is_repetition(&mut self, decision: &Decision) -> bool {
        let (Some(trace_id), Some(span_id)) = (decision.trace_id, decision.span_id) else {
            return false;
        };
        let key = (
            trace_id,
            span_id,
            decision.fault.clone(),
            decision.placement.clone(),
            decision.attempt,
            decision.occurrence,
        );
        if !self.seen.insert(key.clone()) {
            return true;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        false
    }

    pub(super) fn counts(&self) -> &BTreeMap<String, LedgerCount> {
        &self.counts
    }

    /// Decisions that could not be counted for a fault.
    pub(super) fn nameless(&self) -> u64 {
        self.nameless
    }
}
