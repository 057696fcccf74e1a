use model::edge::Edge;
use model::frame::{EdgeFrame, EventKind, TraceHead};
use model::hist::Histogram;

use super::super::testing::{MS, START_MS, decision, span, trace, trace_id};
use super::*;

fn log(at_ms: u64, body: &str, in_trace: Option<u64>) -> LogLine {
    LogLine {
        event: String::new(),
        body: body.to_owned(),
        trace_id: in_trace.map(trace_id),
        span_id: None,
        ..decision("slow", "a -> b", 1, at_ms, true)
    }
}

fn view(traces: &[Trace], beside: Beside) -> RequestView {
    request_view("u1-1".parse().unwrap(), traces, beside)
}

#[test]
fn spans_logs_events_and_exemplars_of_all_traces_stand_in_one_order_of_time() {
    let traces = [
        trace(2, vec![span(1, 0, "bank server", (50, 90))], vec![log(60, "charged", Some(2))]),
        trace(
            1,
            vec![span(1, 0, "shop server", (0, 100)), span(2, 1, "shop client", (10, 95))],
            Vec::new(),
        ),
    ];
    let ids: BTreeSet<TraceId> = [1, 2].map(trace_id).into();
    let head = |trace: u64| TraceHead {
        trace_id: trace_id(trace),
        correlation_id: None,
        start_unix_ns: START_MS * MS,
        duration_ns: 100 * MS,
        error: false,
        fault: None,
    };
    let event = |trace: u64| Event {
        unix_ms: START_MS + 70,
        kind: EventKind::Breaker,
        subject: "shop -> bank".to_owned(),
        text: "closed -> open".to_owned(),
        trace_id: Some(trace_id(trace)),
    };
    let edge = EdgeFrame {
        edge: Edge::new("client", "shop"),
        requests: 2,
        errors: std::collections::BTreeMap::new(),
        attempts: 2,
        duration: Histogram::default(),
        exemplars: vec![head(1), head(9)],
    };
    let frame = Frame { edges: vec![edge], events: vec![event(1), event(9)], ..Frame::default() };
    // The line of the trace comes again by its correlation id, and one line has no trace.
    let logs = vec![log(60, "charged", Some(2)), log(5, "no trace", None)];
    let mut beside = Beside { logs, ..Beside::default() };
    beside.add_frame(&frame, &ids);
    let view = view(&traces, beside);
    let lines: Vec<(u64, LineKind, &str)> = view
        .lines
        .iter()
        .map(|line| (line.unix_ns / MS - START_MS, line.kind, line.text.as_str()))
        .collect();
    let expected = [
        (0, LineKind::Span, "server server 1"),
        (5, LineKind::Log, "INFO no trace"),
        (10, LineKind::Span, "client client 2"),
        (50, LineKind::Span, "server server 1"),
        (60, LineKind::Log, "INFO charged"),
        (70, LineKind::Event, "breaker shop -> bank: closed -> open"),
        (100, LineKind::Exemplar, "the slowest request of its second on client -> shop"),
    ];
    assert_eq!(lines, expected);
    let parts: Vec<TraceId> = view.traces.iter().map(|part| part.trace_id).collect();
    assert_eq!(parts, [trace_id(1), trace_id(2)]);
    assert_eq!(view.lines[2].depth, 1);
}

#[test]
fn a_view_is_bounded_and_says_what_it_left_out() {
    let logs = (0..LINES_MAX as u64 + 3).map(|at| log(at, "again", None)).collect();
    let view = view(&[], Beside { logs, ..Beside::default() });
    assert_eq!((view.lines.len(), view.left_out), (LINES_MAX, 3));
    assert_eq!(view.lines[0].unix_ns, START_MS * MS);
}
