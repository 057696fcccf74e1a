use super::super::testing::{With, attempt, request, span, span_id, trace, trace_id};
use super::*;

const ID: &str = attribute::CORRELATION_ID;
const STATUS: &str = attribute::HTTP_STATUS;

/// `(loss, from, to, last span that had it, first without)`
type Hop = (Loss, String, String, Option<(u64, u64)>, Option<(u64, u64)>);

fn hops(traces: &[Trace]) -> Vec<Hop> {
    let number = |(trace, span): (TraceId, SpanId)| {
        let find = |wanted: &dyn Fn(u64) -> bool| (1..100).find(|it| wanted(*it)).unwrap();
        (find(&|it| trace_id(it) == trace), find(&|it| span_id(it) == span))
    };
    lost_hops(traces)
        .into_iter()
        .map(|hop| (hop.loss, hop.from, hop.to, hop.from_span.map(number), hop.to_span.map(number)))
        .collect()
}

fn hop(loss: Loss, from: &str, to: &str, spans: [Option<(u64, u64)>; 2]) -> Hop {
    (loss, from.to_owned(), to.to_owned(), spans[0], spans[1])
}

/// User, gateway, shop, and the shop's call of the bank: spans 1 to 5, all with the id.
fn order() -> Vec<Span> {
    [
        span(1, 0, "load client", (0, 100)).with(STATUS, 200),
        request(2, 1, "client -> shop", (1, 99)),
        attempt(3, 2, "client -> shop", (2, 98)).with(STATUS, 200),
        span(4, 3, "shop server", (3, 97)),
        span(5, 4, "shop client", (10, 60)).with(STATUS, 200),
    ]
    .map(|span| span.with(ID, "u1-1"))
    .into()
}

fn bank(parent: u64) -> Vec<Span> {
    [
        request(6, parent, "shop -> bank", (11, 59)),
        attempt(7, 6, "shop -> bank", (12, 58)).with(STATUS, 200),
        span(8, 7, "bank server", (13, 57)),
    ]
    .map(|span| span.with(ID, "u1-1"))
    .into()
}

#[test]
fn a_whole_trace_has_lost_nothing() {
    assert_eq!(hops(&[trace(1, [order(), bank(5)].concat(), Vec::new())]), []);
}

#[test]
fn the_hop_that_dropped_the_trace_context_is_the_open_call_at_that_time() {
    let traces = [trace(1, order(), Vec::new()), trace(2, bank(0), Vec::new())];
    let expected = hop(Loss::TraceContext, "shop", "gateway", [Some((1, 5)), Some((2, 6))]);
    assert_eq!(hops(&traces), [expected]);
    // With another id, or much later, it is a request of its own.
    let other = bank(0).into_iter().map(|span| span.with(ID, "u2-1")).collect();
    assert_eq!(hops(&[traces[0].clone(), trace(2, other, Vec::new())]), []);
    let mut late = bank(0);
    late[0].start_unix_ns += 10_000_000_000;
    assert_eq!(hops(&[traces[0].clone(), trace(2, late, Vec::new())]), []);
}

#[test]
fn services_that_say_the_correlation_id_by_another_name_are_understood() {
    for name in ["x-correlation-id", "request_id", "http.request.header.x-request-id"] {
        let renamed = |spans: Vec<Span>| -> Vec<Span> {
            let mut spans = spans;
            for span in &mut spans {
                let id = span.attributes.remove(ID).unwrap();
                let list = serde_json::Value::Array(vec![id.clone()]);
                let id = if name.starts_with("http.") { list } else { id };
                span.attributes.insert(name.to_owned(), id);
            }
            spans
        };
        let traces =
            [trace(1, renamed(order()), Vec::new()), trace(2, renamed(bank(0)), Vec::new())];
        let expected = hop(Loss::TraceContext, "shop", "gateway", [Some((1, 5)), Some((2, 6))]);
        assert_eq!(hops(&traces), [expected], "{name}");
    }
}

#[test]
fn a_caller_without_a_client_span_is_found_by_who_was_at_work() {
    let mut spans = order();
    spans.truncate(4);
    let traces = [trace(1, spans, Vec::new()), trace(2, bank(0), Vec::new())];
    let expected = hop(Loss::TraceContext, "shop", "gateway", [None, Some((2, 6))]);
    assert_eq!(hops(&traces), [expected]);
}

#[test]
fn an_answered_call_of_a_service_that_sends_spans_must_have_its_server_span() {
    let mut without = bank(5);
    without.truncate(2);
    let known =
        trace(2, bank(0).into_iter().map(|span| span.with(ID, "u9-9")).collect(), Vec::new());
    let lost = trace(1, [order(), without.clone()].concat(), Vec::new());
    let expected = hop(Loss::ServerSpan, "gateway", "bank", [Some((1, 7)), None]);
    assert_eq!(hops(&[lost.clone(), known.clone()]), [expected]);
    // A callee that never sends spans is not missing.
    assert_eq!(hops(&[lost]), []);
    // A made up answer was served by nobody.
    without[1] = without[1].clone().with(attribute::BLAME, "injected");
    assert_eq!(hops(&[trace(1, [order(), without].concat(), Vec::new()), known]), []);
}

#[test]
fn a_parent_that_never_came_and_ids_that_were_dropped_or_replaced_are_named() {
    let mut spans = [order(), bank(77)].concat();
    spans[3].attributes.remove(ID);
    spans[4] = spans[4].clone().with(ID, "u1-1");
    spans[7] = spans[7].clone().with(ID, "new-1");
    let expected = [
        hop(Loss::CorrelationId, "gateway", "shop", [Some((1, 3)), Some((1, 4))]),
        hop(Loss::ParentSpan, "shop", "gateway", [None, Some((1, 6))]),
        hop(Loss::OtherCorrelationId, "gateway", "bank", [Some((1, 7)), Some((1, 8))]),
    ];
    assert_eq!(hops(&[trace(1, spans, Vec::new())]), expected);
}
