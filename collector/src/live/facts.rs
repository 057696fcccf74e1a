//! The gateway's log events, read as what they mean: a decision of the ledger, or a transition of
//! a fault or of a breaker.

use std::collections::BTreeMap;

use model::edge::Edge;
use model::fault::FaultState;
use model::id::{CorrelationId, SpanId, TraceId};
use model::limits::EDGES_MAX;
use model::names::{attribute, event};
use model::plan::FaultSource;
use model::policy::BreakerState;
use model::units::Share;
use serde_json::Value;

use crate::decode::read_attributes;
use crate::record::LogView;

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) unix_ns: u64,
    pub(crate) fault: String,
    pub(crate) kind: String,
    pub(crate) placement: String,
    /// Else it was drawn and spared.
    pub(crate) hit: bool,
    pub(crate) skip_reason: String,
    pub(crate) edge: String,
    pub(crate) subject_kind: String,
    pub(crate) subject: String,
    pub(crate) correlation_id: Option<CorrelationId>,
    pub(crate) occurrence: Option<i64>,
    pub(crate) attempt: Option<i64>,
    pub(crate) draw: Option<f64>,
    pub(crate) planned_us: Option<i64>,
    pub(crate) achieved_us: Option<i64>,
    pub(crate) epoch: Option<i64>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultTransition {
    pub(crate) unix_ns: u64,
    pub(crate) fault: String,
    /// `None` when the text is no state that is known here.
    pub(crate) state: Option<FaultState>,
    pub(crate) state_text: String,
    pub(crate) cause: String,
    /// What it is; a fault that has left with its plan does not say it any more.
    pub(crate) described: Option<FaultWords>,
}

/// A fault as its proxy describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaultWords {
    pub(crate) source: FaultSource,
    /// Kind and size for people.
    pub(crate) effect: String,
    pub(crate) share: Share,
    pub(crate) edges: Vec<Edge>,
    /// How long it is still armed when it says so; `None` when that has no end of its own.
    pub(crate) left_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BreakerTransition {
    pub(crate) unix_ns: u64,
    pub(crate) edge: Edge,
    pub(crate) from: BreakerState,
    pub(crate) to: BreakerState,
    pub(crate) reason: String,
    pub(crate) open_ms: Option<u64>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
}

/// What a log record means beyond its text.
#[derive(Debug)]
pub(super) enum Fact {
    Decision(Box<Decision>),
    Fault(Box<FaultTransition>),
    Breaker(Box<BreakerTransition>),
}

/// What a batch of log records meant.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) decisions: Vec<Decision>,
    pub(crate) faults: Vec<FaultTransition>,
    pub(crate) breakers: Vec<BreakerTransition>,
}

impl Facts {
    /// `None` for ordinary logs, and for events that lack what they are about.
    pub(super) fn of(log: LogView<'_>) -> Option<Fact> {
        match log.event() {
            event::FAULT_DECISION => Some(Fact::Decision(Box::new(decision(log)))),
            event::FAULT_TRANSITION => Some(Fact::Fault(Box::new(fault(log)))),
            event::BREAKER_TRANSITION => breaker(log).map(|it| Fact::Breaker(Box::new(it))),
            _ => None,
        }
    }
}

/// Attributes of one event, by name.
struct Named(BTreeMap<String, Value>);

impl Named {
    fn of(log: LogView<'_>) -> Self {
        let mut attributes = String::new();
        log.write_attributes(&mut attributes);
        Self(read_attributes(&attributes))
    }

    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    fn int(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    fn double(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }
}

fn decision(log: LogView<'_>) -> Decision {
    let named = Named::of(log);
    Decision {
        unix_ns: log.unix_ns,
        fault: named.text(attribute::FAULT),
        kind: named.text(attribute::FAULT_KIND),
        placement: named.text(attribute::FAULT_PLACEMENT),
        hit: named.text(attribute::FAULT_OUTCOME) == "hit",
        skip_reason: named.text(attribute::FAULT_SKIP_REASON),
        edge: named.text(attribute::EDGE),
        subject_kind: named.text(attribute::FAULT_SUBJECT_KIND),
        subject: named.text(attribute::FAULT_SUBJECT),
        correlation_id: log.correlation_id(),
        occurrence: named.int(attribute::FAULT_OCCURRENCE),
        attempt: named.int(attribute::ATTEMPT),
        draw: named.double(attribute::FAULT_DRAW),
        planned_us: named.int(attribute::FAULT_PLANNED_US),
        achieved_us: named.int(attribute::FAULT_ACHIEVED_US),
        epoch: named.int(attribute::EPOCH),
        trace_id: log.trace_id,
        span_id: log.span_id,
    }
}

fn fault(log: LogView<'_>) -> FaultTransition {
    let named = Named::of(log);
    let state_text = named.text(attribute::FAULT_STATE);
    FaultTransition {
        unix_ns: log.unix_ns,
        fault: named.text(attribute::FAULT),
        state: FaultState::parse(&state_text),
        state_text,
        cause: named.text(attribute::FAULT_CAUSE),
        described: words(&named),
    }
}

fn words(named: &Named) -> Option<FaultWords> {
    let edges = named.text(attribute::FAULT_EDGES);
    Some(FaultWords {
        source: FaultSource::parse(&named.text(attribute::FAULT_SOURCE))?,
        effect: named.text(attribute::FAULT_EFFECT),
        share: named.text(attribute::FAULT_SHARE).parse().unwrap_or(Share::WHOLE),
        edges: edges.split(", ").filter_map(|edge| edge.parse().ok()).take(EDGES_MAX).collect(),
        left_ms: named.int(attribute::FAULT_LEFT_MS).and_then(|ms| u64::try_from(ms).ok()),
    })
}

fn breaker(log: LogView<'_>) -> Option<BreakerTransition> {
    let named = Named::of(log);
    Some(BreakerTransition {
        unix_ns: log.unix_ns,
        edge: log.edge()?,
        from: BreakerState::parse(&named.text(attribute::BREAKER_FROM))?,
        to: BreakerState::parse(&named.text(attribute::BREAKER_TO))?,
        reason: named.text(attribute::BREAKER_REASON),
        open_ms: named.int(attribute::BREAKER_OPEN_MS).and_then(|ms| u64::try_from(ms).ok()),
        trace_id: log.trace_id,
        span_id: log.span_id,
    })
}
