use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message as _;

use crate::decode::decode;
use crate::live::{Live, RouteRed, ServiceCall, SpanMetric};
use crate::record::Signal;
use crate::testing::{span, text, traces};

/// The collector starts in second 100.
const NOW_MS: u64 = 100_200;

fn live() -> Live {
    Live::new("run-1", NOW_MS)
}

fn send(live: &mut Live, service: &str, spans: Vec<Span>) {
    let request = traces(service, spans).encode_to_vec();
    live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), NOW_MS);
}

fn failed(mut span: Span) -> Span {
    span.status = Some(Status { code: 2, ..Status::default() });
    span
}

fn served(id: u8, end_ms: u64, ms: u64, route: &str) -> Span {
    let mut sent = span(id, id, end_ms, ms);
    sent.kind = 2;
    sent.attributes = vec![text("http.route", route), text("http.request.method", "GET")];
    sent
}

fn asked(id: u8, ms: u64) -> Span {
    let mut sent = span(1, id, 100_100, ms);
    sent.kind = 3;
    sent
}

fn below(mut span: Span, parent: u8) -> Span {
    (span.trace_id, span.parent_span_id) = (vec![1; 16], vec![parent; 8]);
    span
}

fn route_counts(rows: &[RouteRed]) -> Vec<(&str, &str, u64, u64)> {
    let counts = |row: &RouteRed| (row.requests, row.errors);
    rows.iter().map(|row| (&*row.service, &*row.route, counts(row).0, counts(row).1)).collect()
}

fn calls(rows: &[ServiceCall]) -> Vec<(&str, &str, u64, u64)> {
    rows.iter().map(|row| (&*row.caller, &*row.callee, row.calls, row.failed)).collect()
}

#[test]
fn requests_of_a_route_count_in_the_second_of_their_end() {
    let mut live = live();
    let mut inner = served(9, 100_900, 10, "/items/{id}");
    inner.kind = 1;
    send(
        &mut live,
        "catalog",
        vec![
            served(1, 99_500, 10, "/items/{id}"),
            failed(served(2, 100_000, 30, "/items/{id}")),
            served(3, 100_999, 20, "/items/{id}"),
            served(4, 100_100, 5, "/health"),
            inner,
        ],
    );
    let all = live.routes(0, u64::MAX);
    assert_eq!(
        route_counts(&all),
        [("catalog", "/health", 1, 0), ("catalog", "/items/{id}", 3, 1)]
    );
    assert_eq!((all[1].duration.max().as_millis(), all[1].method.as_str()), (30, "GET"));
    assert_eq!(all[1].slowest.unwrap().as_bytes(), &[2; 16]);
    assert_eq!(route_counts(&live.routes(99, 100)), [("catalog", "/items/{id}", 1, 0)]);
    assert!(live.routes(101, u64::MAX).is_empty());
}

#[test]
fn routes_and_seconds_are_bounded_and_what_is_left_out_is_counted() {
    let mut live = live();
    let spans =
        (0..200).map(|number| served(1 + number, 100_100, 5, &format!("/{number}"))).collect();
    send(&mut live, "catalog", spans);
    assert_eq!(live.routes(0, u64::MAX).len(), 128);
    let refused = live.uncounted().into_iter().find(|it| it.what.contains("routes")).unwrap();
    assert_eq!(refused.count, 72);
    // Hours later the seconds of now are kept, and those of then are gone.
    let request = traces("catalog", vec![served(1, 9_000_000, 5, "/0")]).encode_to_vec();
    live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), 9_000_000);
    assert_eq!(route_counts(&live.routes(0, u64::MAX)), [("catalog", "/0", 1, 0)]);
}

#[test]
fn a_sampled_span_counts_for_those_that_its_sender_left_out() {
    let mut live = live();
    let mut sampled = failed(served(1, 100_100, 10, "/items"));
    sampled.trace_state = "ot=th:c".to_owned();
    send(&mut live, "catalog", vec![sampled, served(2, 100_100, 10, "/items")]);
    assert_eq!(route_counts(&live.routes(0, u64::MAX)), [("catalog", "/items", 5, 4)]);
    let mut metrics: Vec<(u64, bool)> =
        live.span_metrics().iter().map(|row| (row.calls, row.error)).collect();
    metrics.sort_unstable();
    assert_eq!(metrics, [(1, false), (4, true)]);
}

#[test]
fn a_call_is_the_span_that_asked_and_the_one_that_served_whichever_comes_first() {
    for callee_first in [false, true] {
        let mut live = live();
        let caller = ("cart", vec![asked(1, 30)]);
        let callee = ("stock", vec![failed(below(served(2, 100_090, 20, "/"), 1))]);
        let both = if callee_first { [callee, caller] } else { [caller, callee] };
        for (service, spans) in both {
            send(&mut live, service, spans);
        }
        let graph = live.graph();
        assert_eq!(calls(&graph), [("cart", "stock", 1, 1)]);
        assert_eq!(graph[0].server.max().as_millis(), 20);
        assert_eq!(graph[0].client.max().as_millis(), 30);
    }
}

#[test]
fn the_gateway_names_both_sides_and_is_no_side_itself() {
    let mut live = live();
    let edge = || vec![text("shakedown.edge", "cart -> stock")];
    let (mut request, mut attempt) = (below(served(2, 100_090, 25, "/"), 1), asked(3, 22));
    (request.attributes, attempt.attributes) = (edge(), edge());
    send(&mut live, "cart", vec![asked(1, 30)]);
    send(&mut live, "gateway", vec![request, below(attempt, 2)]);
    send(&mut live, "stock", vec![below(served(4, 100_080, 20, "/"), 3)]);
    assert_eq!(calls(&live.graph()), [("cart", "stock", 1, 0)]);
}

#[test]
fn span_metrics_have_a_bound_and_a_row_for_what_is_above_it() {
    let mut live = live();
    for batch in 0..25_u32 {
        let spans = (0..100_u32).map(|number| {
            let mut sent = span(1, 1, 100_100, 5);
            sent.span_id = (1 + u64::from(batch * 100 + number)).to_be_bytes().to_vec();
            sent.name = format!("{batch} {number}");
            sent
        });
        send(&mut live, "noisy", spans.collect());
    }
    let metrics: Vec<SpanMetric> = live.span_metrics();
    assert_eq!(metrics.len(), 2_001);
    let other = metrics.iter().find(|row| row.name == "(other)").unwrap();
    assert_eq!(other.calls, 500);
    assert_eq!(metrics.iter().map(|row| row.calls).sum::<u64>(), 2_500);
    assert_eq!(live.uncounted()[0].count, 500);
    // They are at hand all the same: this is no loss.
    assert!(live.drops().iter().all(|drop| drop.count == 0));
}
