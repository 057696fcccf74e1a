use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::decode::decode;
use crate::record::Signal;
use crate::testing::{span, text, traces};

fn records(spans: Vec<Span>) -> Vec<Arc<SpanRecord>> {
    decode(Signal::Traces, &traces("shop", spans).encode_to_vec(), 0).unwrap().spans
}

fn request(trace: u8, id: u8, ms: u64) -> Span {
    let mut request = span(trace, id, 10_000, ms);
    request.kind = 2;
    request.attributes = vec![
        text("shakedown.edge", "client -> orders"),
        text("shakedown.correlation_id", &format!("u1-{trace}")),
    ];
    request
}

#[test]
fn the_oldest_trace_goes_first_and_as_a_whole() {
    let mut index = Index::bounded(Bounds { spans: 3, logs: 3, bytes: usize::MAX });
    for record in records(vec![request(1, 1, 5), request(1, 2, 5), request(2, 1, 5)]) {
        assert!(index.add_span(&record));
    }
    assert!(!index.has_forgotten());
    for record in records(vec![request(3, 1, 5)]) {
        assert!(index.add_span(&record));
    }
    assert!(index.has_forgotten());
    let ids: Vec<u8> = index
        .traces(&TraceQuery::default())
        .iter()
        .map(|head| head.trace_id.as_bytes()[0])
        .collect();
    assert_eq!(ids, [3, 2]);
    let gone =
        TraceQuery { correlation_id: Some("u1-1".parse().unwrap()), ..TraceQuery::default() };
    assert!(index.traces(&gone).is_empty());
}

#[test]
fn a_span_that_comes_twice_is_kept_once() {
    let mut index = Index::default();
    let records = records(vec![request(1, 1, 5), request(1, 1, 5)]);
    assert!(index.add_span(&records[0]));
    assert!(!index.add_span(&records[1]));
    assert_eq!(index.trace(records[0].trace_id).unwrap().spans.len(), 1);
}

#[test]
fn traces_are_found_by_edge_duration_error_and_correlation_id() {
    let mut index = Index::default();
    let mut failed = request(3, 1, 900);
    failed.attributes.push(text("shakedown.blame", "upstream"));
    let mut inner = span(1, 9, 10_000, 700);
    inner.kind = 3;
    for record in records(vec![request(1, 1, 5), inner, request(2, 1, 50), failed]) {
        index.add_span(&record);
    }
    let found = |query: TraceQuery| -> Vec<u8> {
        let mut ids: Vec<u8> =
            index.traces(&query).iter().map(|head| head.trace_id.as_bytes()[0]).collect();
        ids.sort_unstable();
        ids
    };
    let edge = Some("client -> orders".parse().unwrap());
    assert_eq!(found(TraceQuery { edge: edge.clone(), ..<_>::default() }), [1, 2, 3]);
    // On the edge trace 1 took 5 ms, although a part of it lasted longer.
    let slow = TraceQuery { edge, min_ms: Some(20.0), max_ms: Some(100.0), ..<_>::default() };
    assert_eq!(found(slow), [2]);
    assert_eq!(found(TraceQuery { error: Some(true), ..<_>::default() }), [3]);
    let id = Some("u1-2".parse().unwrap());
    assert_eq!(found(TraceQuery { correlation_id: id, ..<_>::default() }), [2]);
    assert_eq!(found(TraceQuery { limit: Some(1), ..<_>::default() }).len(), 1);
}
