//! Traces for tests, written as trees of calls through a gateway.

use std::collections::BTreeMap;

use model::fault::FaultState;
use model::frame::{Event, EventKind, LogLine, RunHead, Span, Trace};
use model::id::{SpanId, TraceId};
use model::names::{attribute, event};
use model::phase::Timeline;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Gathered, RunTime};

pub(crate) const MS: u64 = 1_000_000;
/// Start of load.
pub(crate) const START_MS: u64 = 1_000_000;

pub(crate) fn trace_id(number: u64) -> TraceId {
    TraceId::from_bytes(u128::from(number).to_be_bytes()).unwrap()
}

pub(crate) fn span_id(number: u64) -> SpanId {
    SpanId::from_bytes(number.to_be_bytes()).unwrap()
}

/// A span of `service kind`, from and to in milliseconds after the start of load; parent 0 is none.
pub(crate) fn span(number: u64, parent: u64, about: &str, (from, to): (u64, u64)) -> Span {
    let (service, kind) = about.split_once(' ').unwrap();
    Span {
        span_id: span_id(number),
        parent: (parent > 0).then(|| span_id(parent)),
        service: service.to_owned(),
        name: format!("{kind} {number}"),
        kind: kind.to_owned(),
        start_unix_ns: (START_MS + from) * MS,
        duration_ns: (to - from) * MS,
        error: false,
        status_message: String::new(),
        attributes: BTreeMap::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

pub(crate) trait With {
    fn with(self, name: &str, value: impl Into<Value>) -> Self;
    fn failed(self) -> Self;
    fn named(self, name: &str) -> Self;
}

impl With for Span {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    fn failed(mut self) -> Self {
        self.error = true;
        self
    }

    fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }
}

/// The gateway's request, below a client span.
pub(crate) fn request(number: u64, parent: u64, edge: &str, times: (u64, u64)) -> Span {
    span(number, parent, "gateway server", times).with(attribute::EDGE, edge)
}

pub(crate) fn attempt(number: u64, parent: u64, edge: &str, times: (u64, u64)) -> Span {
    span(number, parent, "gateway client", times).with(attribute::EDGE, edge)
}

pub(crate) fn trace(number: u64, spans: Vec<Span>, logs: Vec<LogLine>) -> Trace {
    Trace { trace_id: trace_id(number), spans, logs }
}

pub(crate) fn gathered(traces: Vec<Trace>) -> Gathered {
    Gathered { found: traces.len() as u64, traces }
}

/// A decision of the ledger about a span, at so many milliseconds after the start of load.
pub(crate) fn decision(fault: &str, edge: &str, on: u64, at_ms: u64, hit: bool) -> LogLine {
    let outcome = if hit { "hit" } else { "skipped" };
    let mut attributes: BTreeMap<String, Value> = [
        (attribute::FAULT, fault),
        (attribute::FAULT_KIND, "latency"),
        (attribute::FAULT_PLACEMENT, "attempt"),
        (attribute::FAULT_OUTCOME, outcome),
        (attribute::EDGE, edge),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect();
    if !hit {
        attributes.insert(attribute::FAULT_SKIP_REASON.to_owned(), json!("control"));
    }
    LogLine {
        unix_ns: (START_MS + at_ms) * MS,
        service: "gateway".to_owned(),
        severity: "INFO".to_owned(),
        body: format!("fault {fault} {outcome} {edge}"),
        event: event::FAULT_DECISION.to_owned(),
        trace_id: None,
        span_id: Some(span_id(on)),
        correlation_id: None,
        attributes,
    }
}

/// A run of one second before, three seconds during, one after, with these fault windows in
/// milliseconds after the start of load.
pub(crate) fn run(windows: &[(&str, u64, u64)]) -> RunTime {
    let timeline = Timeline { before_ms: 0, during_ms: 1_000, after_ms: 4_000, end_ms: 5_000 };
    let head =
        RunHead { start_unix_ms: Some(START_MS), timeline: Some(timeline), ..RunHead::default() };
    let event = |fault: &str, at_ms: u64, state: FaultState| Event {
        unix_ms: START_MS + at_ms,
        kind: EventKind::Fault,
        subject: fault.to_owned(),
        text: format!("{}: schedule", state.as_str()),
        trace_id: None,
    };
    let events: Vec<Event> = windows
        .iter()
        .flat_map(|(fault, from, to)| {
            [event(fault, *to, FaultState::Done), event(fault, *from, FaultState::Active)]
        })
        .collect();
    RunTime::of(head, &events)
}

/// Traces that no sender should send, with decisions about any spans.
pub(crate) fn any_traces() -> impl Strategy<Value = Vec<Trace>> {
    let kinds =
        ["a server", "a client", "b server", "b internal", "gateway client", "gateway server"];
    let one = (
        1_u64..10,
        0_u64..12,
        prop::sample::select(kinds.to_vec()),
        0_u64..6_000,
        0_u64..900,
        0_u64..8,
    );
    let one = one.prop_map(|(number, parent, about, from, length, flags)| {
        let mut span = span(number, parent, about, (from, from + length));
        span.error = flags & 1 > 0;
        if flags & 2 > 0 {
            span = span.with(attribute::EDGE, "a -> b").with(attribute::ATTEMPT, flags >> 2);
        }
        if flags & 4 > 0 {
            span = span.with(attribute::CONTROL, true).with(attribute::CORRELATION_ID, "u1-1");
        }
        span
    });
    let names = prop::sample::select(vec!["slow", "lost"]);
    let decided = (names, 1_u64..10, 0_u64..6_000, any::<bool>())
        .prop_map(|(fault, on, at_ms, hit)| decision(fault, "a -> b", on, at_ms, hit));
    let whole = (prop::collection::vec(one, 0..12), prop::collection::vec(decided, 0..5));
    prop::collection::vec(whole, 0..6).prop_map(|traces| {
        (1..).zip(traces).map(|(number, (spans, logs))| trace(number, spans, logs)).collect()
    })
}
