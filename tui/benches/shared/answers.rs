//! Answers with as many rows as an answer may have, about the seconds that were asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::answer::{CallRow, Durations, TraceLine};
use model::edge::Edge;
use model::frame::{LogLine, Span, SpanEvent, Trace, TraceHead};
use model::id::{SpanId, TraceId};
use serde_json::{Value, json};
use tui::ask::{Answer, Question};
use tui::screen::ViewQuery;
use tui::store::answers::Answers;
use tui::store::{Store, query};

/// Of one trace: a checkout of many parts, each of which was retried.
const SPANS: u64 = 600;
const TRACE_LOG_LINES: u64 = 300;
const CALLS: u64 = 30;

/// Asks whatever this view wants, until it wants no more.
pub(crate) fn ask(store: &Store, answers: &mut Answers, query: &ViewQuery) {
    loop {
        let wanted = query::questions(store, answers, query);
        let asked = answers.to_ask(wanted, false);
        if asked.is_empty() {
            return;
        }
        for (slot, question) in asked {
            answers.take(slot, Ok(answer(&question)));
        }
    }
}

fn answer(question: &Question) -> Answer {
    match question {
        Question::Traces(asked) => {
            let to_ns = asked.to_unix_ms.unwrap_or(u64::MAX / 2_000_000) * 1_000_000;
            Answer::Traces((1..=asked.limit as u64).map(|at| line(at, to_ns)).collect())
        },
        Question::Trace(id) => Answer::Trace(Some(Arc::new(trace(*id)))),
        Question::Logs(asked) => {
            let (from, to) = (asked.from_unix_ms.unwrap_or(0), asked.to_unix_ms.unwrap_or(1 << 40));
            let (from_ns, length_ns) = (from * 1_000_000, (to - from) * 1_000_000);
            let count = asked.limit as u64;
            let at = |number: u64| from_ns + length_ns / count * number;
            Answer::Logs((0..count).map(|number| log_line(number, at(number))).collect())
        },
        Question::Calls => Answer::Calls((0..CALLS).map(call).collect()),
    }
}

fn trace_id(number: u64) -> TraceId {
    format!("{number:032x}").parse().expect("a valid trace id")
}

fn span_id(number: u64) -> SpanId {
    format!("{number:016x}").parse().expect("a valid span id")
}

fn line(number: u64, to_ns: u64) -> TraceLine {
    TraceLine {
        head: TraceHead {
            trace_id: trace_id(number),
            correlation_id: format!("u{number:06x}-{number:06}").parse().ok(),
            start_unix_ns: to_ns - number * 3_000_000,
            duration_ns: 9_000_000 + number * 70_001 % 800_000_000,
            error: number.is_multiple_of(5),
            fault: number.is_multiple_of(3).then(|| "slow-payments, cut-orders".to_owned()),
        },
        service: Some(format!("service-{:02}", number % 20)),
        name: Some(format!("POST /checkout/{{part}}/{}", number % 7)),
        spans: 14,
        errors: number % 3,
    }
}

fn attributes(number: u64) -> BTreeMap<String, Value> {
    [
        ("shakedown.correlation_id", json!(format!("u{:06x}-000001", number % 100))),
        ("shakedown.edge", json!("orders -> payments")),
        ("http.request.method", json!("POST")),
        ("http.route", json!("/payments/{id}")),
        ("http.request.resend_count", json!(number % 3)),
        ("http.response.status_code", json!(200 + number % 2 * 303)),
        ("network.peer.address", json!("127.0.0.1:40000")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn trace(id: TraceId) -> Trace {
    const START_NS: u64 = 1_800_000_000_000_000_000;
    let span = |number: u64| Span {
        span_id: span_id(number + 1),
        // Three calls each.
        parent: (number > 0).then(|| span_id((number - 1) / 3 + 1)),
        service: format!("service-{:02}", number % 20),
        name: "POST /payments/{id}".to_owned(),
        kind: if number.is_multiple_of(2) { "client" } else { "server" }.to_owned(),
        start_unix_ns: START_NS + number * 100_000,
        duration_ns: 900_000_000 / (number + 1),
        error: number % 50 == 3,
        status_message: String::new(),
        links: Vec::new(),
        attributes: attributes(number),
        events: vec![SpanEvent {
            unix_ns: START_NS + number * 100_000 + 7,
            name: "sent".to_owned(),
            attributes: BTreeMap::new(),
        }],
    };
    let said = |number: u64| LogLine {
        trace_id: Some(id),
        span_id: Some(span_id(number + 1)),
        ..log_line(number, START_NS + number * 200_000)
    };
    Trace {
        trace_id: id,
        spans: (0..SPANS).map(span).collect(),
        logs: (0..TRACE_LOG_LINES).map(said).collect(),
    }
}

fn log_line(number: u64, unix_ns: u64) -> LogLine {
    let body = match number % 4 {
        0 => format!("charge of order {number} failed: upstream answered 503 after {number} ms"),
        1 => format!("reserved {} pieces of \"article-{}\" in stock", number % 9, number % 77),
        2 => format!("retry {} of 3 for payment 7f3c9d2e{number:08x} in 250 ms", number % 3),
        _ => format!("user u{number:06x} has checked out with {} articles", number % 12),
    };
    LogLine {
        unix_ns,
        service: format!("service-{:02}", number % 20),
        severity: ["INFO", "DEBUG", "WARN", "ERROR"][(number % 4) as usize].to_owned(),
        body,
        event: String::new(),
        trace_id: Some(trace_id(number + 1)),
        span_id: Some(span_id(number + 1)),
        correlation_id: format!("u{number:06x}-{number:06}").parse().ok(),
        attributes: attributes(number),
    }
}

fn call(number: u64) -> CallRow {
    let Edge { caller, callee } =
        Edge::new(format!("service-{:02}", number / 3), format!("database-{number:02}"));
    CallRow {
        caller,
        callee,
        calls: number * 1_000,
        errors: number,
        server: Durations::default(),
        client: Durations::default(),
    }
}
