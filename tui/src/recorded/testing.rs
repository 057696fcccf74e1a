//! Traces and lines for the tests of recordings.

use std::collections::BTreeMap;

use model::frame::{LogLine, Span, Trace};
use model::id::{SpanId, TraceId};
use model::names::attribute;
use serde_json::json;

use super::{Bounds, Header, Second};
use crate::recording;

pub(crate) fn trace_id(number: u64) -> TraceId {
    format!("{:032x}", u128::from(number) + 1).parse().unwrap()
}

fn span_id(number: u64) -> SpanId {
    format!("{:016x}", number + 1).parse().unwrap()
}

/// A trace that begins at `start_ms`: a client, the gateway's request and attempt, the service.
pub(crate) fn trace(number: u64, start_ms: u64) -> Trace {
    let span = |index: u64, service: &str, kind: &str| Span {
        span_id: span_id(number * 10 + index),
        parent: (index > 0).then(|| span_id(number * 10 + index - 1)),
        service: service.to_owned(),
        name: "POST /pay".to_owned(),
        kind: kind.to_owned(),
        start_unix_ns: start_ms * 1_000_000 + index * 1_000,
        duration_ns: 1_000_000 * (number % 7 + 1) - index * 2_000,
        error: number.is_multiple_of(3) && index == 3,
        status_message: String::new(),
        attributes: BTreeMap::new(),
        events: Vec::new(),
        links: Vec::new(),
    };
    let mut spans = vec![
        span(0, "orders", "client"),
        span(1, "gateway", "server"),
        span(2, "gateway", "client"),
        span(3, "payments", "server"),
    ];
    for span in &mut spans {
        let id = format!("u000001-{:06}", number % 5);
        span.attributes.insert(attribute::CORRELATION_ID.to_owned(), json!(id));
    }
    for span in &mut spans[1..3] {
        span.attributes.insert(attribute::EDGE.to_owned(), json!("orders -> payments"));
    }
    spans[3].attributes.insert(attribute::HTTP_ROUTE.to_owned(), json!("/pay"));
    if number.is_multiple_of(4) {
        spans[2].attributes.insert(attribute::FAULT.to_owned(), json!("slow, late"));
    }
    Trace { trace_id: trace_id(number), spans, logs: Vec::new() }
}

pub(crate) fn line(unix_ns: u64, severity: &str, body: &str) -> LogLine {
    LogLine {
        unix_ns,
        service: "payments".to_owned(),
        severity: severity.to_owned(),
        body: body.to_owned(),
        event: String::new(),
        trace_id: None,
        span_id: None,
        correlation_id: None,
        attributes: BTreeMap::new(),
    }
}

/// Ten seconds with five traces and a line each.
pub(crate) fn seconds() -> Vec<Second> {
    let second = |frame: model::frame::Frame| {
        let (at, unix_ms) = (frame.seq, frame.unix_s * 1_000);
        Second {
            frame: frame.into(),
            traces: (0..5).map(|index| trace(at * 5 + index, unix_ms + index * 100)).collect(),
            lines: vec![line(unix_ms * 1_000_000, "INFO", &format!("second {at}"))],
            ..Second::default()
        }
    };
    recording::until(10).into_iter().map(second).collect()
}

pub(crate) fn recording_of(seconds: Vec<Second>, bounds: Bounds) -> super::Recording {
    let mut recording = super::Recording::new(Header::default(), bounds);
    for second in seconds {
        recording.insert(second);
    }
    recording
}
