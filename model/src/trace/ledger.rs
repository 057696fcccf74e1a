//! Lines of the fault ledger, read from the gateway's log records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::frame::LogLine;
use crate::id::{CorrelationId, SpanId, TraceId};
use crate::names::{attribute, event};

/// One decision: a fault was drawn for a request, and acted or was spared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerEntry {
    pub unix_ns: u64,
    pub fault: String,
    /// `latency`, `status`, ...
    pub kind: String,
    /// `connect`, `request`, `attempt`, `response` or `body`.
    pub placement: String,
    /// `caller -> callee`
    pub edge: String,
    pub hit: bool,
    /// Why it was spared; empty for hits.
    pub skip_reason: String,
    /// The delay that was added; `None` for faults that are no delay.
    pub achieved_ns: Option<u64>,
    pub correlation_id: Option<CorrelationId>,
    pub trace_id: Option<TraceId>,
    /// The span that it acted on: an attempt or a request of the gateway.
    pub span_id: Option<SpanId>,
}

impl LedgerEntry {
    /// `None` for lines that are no decision of the ledger.
    pub fn read(line: &LogLine) -> Option<Self> {
        if line.event != event::FAULT_DECISION {
            return None;
        }
        let text = |name: &str| text_of(&line.attributes, name);
        let micros = |name: &str| line.attributes.get(name)?.as_u64();
        Some(Self {
            unix_ns: line.unix_ns,
            fault: text(attribute::FAULT),
            kind: text(attribute::FAULT_KIND),
            placement: text(attribute::FAULT_PLACEMENT),
            edge: text(attribute::EDGE),
            hit: text(attribute::FAULT_OUTCOME) == "hit",
            skip_reason: text(attribute::FAULT_SKIP_REASON),
            achieved_ns: micros(attribute::FAULT_ACHIEVED_US).map(|us| us.saturating_mul(1_000)),
            correlation_id: line.correlation_id.clone(),
            trace_id: line.trace_id,
            span_id: line.span_id,
        })
    }

    /// The decisions among some lines in order of time, each once: a sender may have repeated a
    /// batch.
    pub fn read_all(lines: &[LogLine]) -> Vec<Self> {
        let read: BTreeSet<Self> = lines.iter().filter_map(Self::read).collect();
        read.into_iter().collect()
    }

    /// Does it act before the callee is asked?
    pub(super) fn acts_first(&self) -> bool {
        !matches!(self.placement.as_str(), "response" | "body")
    }
}

fn text_of(attributes: &BTreeMap<String, Value>, name: &str) -> String {
    attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
