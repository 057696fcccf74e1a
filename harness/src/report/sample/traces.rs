//! Two traces of the made-up run: a slow checkout, and a charge whose reply was lost.

use std::collections::BTreeMap;

use model::frame::{LogLine, Span, Trace};
use model::id::SpanId;
use model::names::attribute;
use serde_json::json;

use super::{STARTED_UNIX_MS, trace_id};

struct Row(u8, u8, &'static str, &'static str, &'static str, u64, u64);

const EDGE: &str = "orders -> payments";

pub(super) fn traces() -> Vec<Trace> {
    vec![slow_checkout(), lost_reply()]
}

fn span(number: u8, row: &Row) -> Span {
    let Row(id, parent, service, name, kind, start_ms, length_ms) = *row;
    let id_of = |id: u8| SpanId::from_bytes([number, id, 0, 0, 0, 0, 0, 1]);
    let mut attributes = BTreeMap::new();
    attributes.insert(attribute::CORRELATION_ID.to_owned(), json!("u00000f-000083"));
    if service == "gateway" {
        attributes.insert(attribute::EDGE.to_owned(), json!(name));
    }
    Span {
        span_id: id_of(id).expect("the last byte is not zero"),
        parent: (parent > 0).then(|| id_of(parent)).flatten(),
        service: service.into(),
        name: name.into(),
        kind: kind.into(),
        start_unix_ns: (STARTED_UNIX_MS + 42_000 + start_ms) * 1_000_000,
        duration_ns: length_ms * 1_000_000,
        error: false,
        status_message: String::new(),
        attributes,
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn slow_checkout() -> Trace {
    let rows = [
        Row(1, 0, "load", "checkout", "internal", 0, 1_660),
        Row(2, 1, "load", "list items", "client", 0, 9),
        Row(3, 2, "gateway", "client -> catalog", "server", 1, 7),
        Row(4, 1, "load", "place order", "client", 24, 1_630),
        Row(5, 4, "gateway", "client -> orders", "server", 25, 1_628),
        Row(6, 5, "gateway", "client -> orders", "client", 25, 1_627),
        Row(7, 6, "orders", "POST /orders", "server", 26, 1_625),
        Row(8, 7, "orders", "reserve stock", "client", 30, 12),
        Row(9, 8, "gateway", "orders -> inventory", "server", 31, 10),
        Row(10, 7, "orders", "charge", "client", 45, 1_580),
        Row(11, 10, "gateway", EDGE, "server", 46, 1_578),
        Row(12, 11, "gateway", EDGE, "client", 46, 1_577),
        Row(13, 12, "payments", "POST /charges", "server", 1_603, 18),
    ];
    let mut spans: Vec<Span> = rows.iter().map(|row| span(1, row)).collect();
    spans[11].attributes.insert(attribute::FAULT.to_owned(), json!("payments slow"));
    let logs = vec![
        log((30, "orders", "INFO"), "reserving 1 of tea-pot"),
        log((1_604, "payments", "INFO"), "charging order 412"),
        log((1_640, "orders", "WARN"), "charge took 1580 ms"),
    ];
    Trace { trace_id: trace_id(1), spans, logs }
}

fn lost_reply() -> Trace {
    let rows = [
        Row(1, 0, "load", "place order", "client", 0, 96),
        Row(2, 1, "orders", "POST /orders", "server", 2, 93),
        Row(3, 2, "gateway", EDGE, "server", 10, 80),
        Row(4, 3, "gateway", EDGE, "client", 10, 20),
        Row(5, 4, "payments", "POST /charges", "server", 12, 16),
        Row(6, 3, "gateway", EDGE, "client", 62, 26),
        Row(7, 6, "payments", "POST /charges", "server", 64, 22),
    ];
    let mut spans: Vec<Span> = rows.iter().map(|row| span(2, row)).collect();
    spans[3].error = true;
    spans[3].attributes.insert(attribute::FAULT.to_owned(), json!("replies lost"));
    spans[3].attributes.insert(attribute::ERROR_TYPE.to_owned(), json!("reset"));
    spans[5].attributes.insert(attribute::ATTEMPT.to_owned(), json!(1));
    let logs = vec![log((70, "payments", "ERROR"), "order ord-000412 is charged again")];
    Trace { trace_id: trace_id(2), spans, logs }
}

fn log((at_ms, service, severity): (u64, &str, &str), body: &str) -> LogLine {
    LogLine {
        unix_ns: (STARTED_UNIX_MS + 42_000 + at_ms) * 1_000_000,
        service: service.into(),
        severity: severity.into(),
        body: body.into(),
        event: String::new(),
        trace_id: None,
        span_id: None,
        correlation_id: None,
        attributes: BTreeMap::new(),
    }
}
