use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::frame::{LogLine, Span, SpanEvent};
use crate::id::SpanId;
use crate::names::{attribute, event};

mod blame;
mod path;
mod tree;

pub(crate) fn id(number: u64) -> SpanId {
    SpanId::from_bytes(number.to_be_bytes()).unwrap()
}

/// A span from `from` to `to`; parent 0 is none.
pub(crate) fn span(number: u64, parent: u64, about: (&str, &str), (from, to): (u64, u64)) -> Span {
    Span {
        span_id: id(number),
        parent: (parent > 0).then(|| id(parent)),
        service: about.0.to_owned(),
        name: format!("span {number}"),
        kind: about.1.to_owned(),
        start_unix_ns: from,
        duration_ns: to - from,
        error: false,
        status_message: String::new(),
        attributes: BTreeMap::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

pub(crate) fn with(mut span: Span, attributes: &[(&str, serde_json::Value)]) -> Span {
    for (name, value) in attributes {
        span.attributes.insert((*name).to_owned(), value.clone());
    }
    span
}

/// A hit of the ledger on the span of this number.
pub(crate) fn hit(number: u64, fault: &str, placement: &str, achieved_us: Option<u64>) -> LogLine {
    let mut attributes = BTreeMap::from([
        (attribute::FAULT.to_owned(), json!(fault)),
        (attribute::FAULT_PLACEMENT.to_owned(), json!(placement)),
        (attribute::FAULT_OUTCOME.to_owned(), json!("hit")),
    ]);
    if let Some(us) = achieved_us {
        attributes.insert(attribute::FAULT_ACHIEVED_US.to_owned(), json!(us));
    }
    LogLine {
        unix_ns: 0,
        service: "gateway".to_owned(),
        severity: "INFO".to_owned(),
        body: String::new(),
        event: event::FAULT_DECISION.to_owned(),
        trace_id: None,
        span_id: Some(id(number)),
        correlation_id: None,
        attributes,
    }
}

/// Spans as hostile as senders can make them: any parents, any times, ids that repeat.
pub(crate) fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    let kinds = prop::sample::select(vec!["server", "client", "internal", "consumer"]);
    let services = prop::sample::select(vec!["a", "b", "gateway"]);
    let one =
        (1_u64..12, 0_u64..14, services, kinds, 0_u64..1_000, 0_u64..500, 0_u64..4, any::<bool>());
    let one = one.prop_map(|(number, parent, service, kind, from, length, attempt, edge)| {
        let mut span = span(number, parent, (service, kind), (from, from + length));
        span.error = edge && attempt == 1;
        if edge {
            span = with(
                span,
                &[(attribute::EDGE, json!("a -> b")), (attribute::ATTEMPT, json!(attempt))],
            );
        }
        if attempt == 2 {
            let name = "connection ready".to_owned();
            let unix_ns = from + length / 3;
            span.events.push(SpanEvent { unix_ns, name, attributes: BTreeMap::new() });
        }
        span
    });
    prop::collection::vec(one, 1..14)
}

/// The gateway's spans of one attempt of a call, with the callee's own below them.
pub(crate) fn call(first: u64, parent: u64, edge: &str, (from, to): (u64, u64)) -> Vec<Span> {
    let (caller, callee) = edge.split_once(" -> ").unwrap();
    let edge = [(attribute::EDGE, json!(edge))];
    vec![
        span(first, parent, (caller, "client"), (from, to)),
        with(span(first + 1, first, ("gateway", "server"), (from + 1, to - 1)), &edge),
        with(span(first + 2, first + 1, ("gateway", "client"), (from + 2, to - 2)), &edge),
        span(first + 3, first + 2, (callee, "server"), (from + 3, to - 3)),
    ]
}
