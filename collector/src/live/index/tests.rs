use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::decode::decode;
use crate::query::TraceQuery;
use crate::record::Signal;
use crate::testing::{span, text, traces};

/// Adds the spans as one batch; how many of them were new.
fn add(index: &mut Index, spans: Vec<Span>) -> usize {
    let request = traces("shop", spans).encode_to_vec();
    let batch = Arc::new(decode(Signal::Traces, &request.into(), 0).unwrap());
    let mut added = 0;
    index.add_spans(&batch, |arrival| added += usize::from(matches!(arrival, Arrival::New { .. })));
    added
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

fn ids(index: &Index, query: &TraceQuery) -> Vec<u8> {
    index.traces(query).iter().map(|line| line.head.trace_id.as_bytes()[0]).collect()
}

#[test]
fn the_oldest_batch_goes_first_and_as_a_whole() {
    let mut index = Index::bounded(Bounds { spans: 3, logs: 3, bytes: usize::MAX });
    assert_eq!(add(&mut index, vec![request(1, 1, 5), request(1, 2, 5)]), 2);
    assert_eq!(add(&mut index, vec![request(2, 1, 5)]), 1);
    assert!(!index.has_forgotten());
    assert_eq!(add(&mut index, vec![request(3, 1, 5)]), 1);
    assert!(index.has_forgotten());
    assert_eq!(ids(&index, &TraceQuery::default()), [3, 2]);
    let gone =
        TraceQuery { correlation_id: Some("u1-1".parse().unwrap()), ..TraceQuery::default() };
    assert!(index.traces(&gone).is_empty());
    assert!(index.trace(TraceId::from_bytes([1; 16]).unwrap()).is_none());
}

#[test]
fn memory_is_bounded_by_bytes_too_and_what_is_too_large_for_it_is_not_kept() {
    let mut index = Index::bounded(Bounds { spans: 100, logs: 100, bytes: 1_000 });
    assert_eq!(add(&mut index, vec![request(1, 1, 5)]), 1);
    assert_eq!(ids(&index, &TraceQuery::default()), [1]);
    assert_eq!(add(&mut index, vec![request(2, 1, 5), request(3, 1, 5), request(4, 1, 5)]), 3);
    assert!(index.has_forgotten());
    assert!(ids(&index, &TraceQuery::default()).is_empty());
}

#[test]
fn a_span_that_comes_twice_is_kept_once() {
    let mut index = Index::default();
    assert_eq!(add(&mut index, vec![request(1, 1, 5), request(1, 1, 5)]), 1);
    assert_eq!(add(&mut index, vec![request(1, 1, 5)]), 0);
    // The same id on the other side of a call, or at another time, is another span.
    let mut other = request(1, 1, 5);
    other.kind = 3;
    assert_eq!(add(&mut index, vec![other, request(1, 1, 7)]), 2);
    assert_eq!(index.trace(TraceId::from_bytes([1; 16]).unwrap()).unwrap().spans.len(), 3);
}

fn numbered(id: u64, kind: i32, parent: u64) -> Span {
    let mut sent = span(7, 1, 10_000, 5);
    sent.span_id = id.to_be_bytes().to_vec();
    sent.kind = kind;
    if parent > 0 {
        sent.parent_span_id = parent.to_be_bytes().to_vec();
    }
    sent
}

#[test]
fn repetitions_and_callers_are_found_in_a_trace_of_thousands_of_spans() {
    let mut index = Index::default();
    let spans: Vec<Span> = (1..=3_000).map(|id| numbered(id, 3, 0)).collect();
    for part in spans.chunks(700) {
        assert_eq!(add(&mut index, part.to_vec()), part.len());
    }
    for part in spans.chunks(900) {
        assert_eq!(add(&mut index, part.to_vec()), 0);
    }
    let request = traces("shop", vec![numbered(5_000, 2, 17)]).encode_to_vec();
    let batch = Arc::new(decode(Signal::Traces, &request.into(), 0).unwrap());
    let mut callers = Vec::new();
    index.add_spans(&batch, |arrival| {
        if let Arrival::Pair { caller, .. } = arrival {
            callers.push(*caller.span_id.as_bytes());
        }
    });
    assert_eq!(callers, [17_u64.to_be_bytes()]);
}

#[test]
fn caller_and_callee_are_paired_whichever_comes_first() {
    for [first, second] in [[0, 1], [1, 0]] {
        let spans = [numbered(1, 3, 9), numbered(2, 2, 1)];
        let mut index = Index::default();
        let mut pairs = Vec::new();
        for which in [first, second] {
            let request = traces("shop", vec![spans[which].clone()]).encode_to_vec();
            let batch = Arc::new(decode(Signal::Traces, &request.into(), 0).unwrap());
            index.add_spans(&batch, |arrival| {
                if let Arrival::Pair { caller, callee } = arrival {
                    pairs.push((caller.span_id, callee.span_id));
                }
            });
        }
        let id = |id: u64| SpanId::from_bytes(id.to_be_bytes()).unwrap();
        assert_eq!(pairs, [(id(1), id(2))]);
    }
}

#[test]
fn two_requests_of_a_trace_that_begin_together_on_an_edge_are_each_themselves() {
    let mut index = Index::default();
    add(&mut index, vec![request(1, 1, 5), request(1, 2, 900)]);
    let edge = Some("client -> orders".parse().unwrap());
    let lines = index.traces(&TraceQuery { edge, ..TraceQuery::default() });
    let mut ms: Vec<u64> = lines.iter().map(|it| it.head.duration_ns / 1_000_000).collect();
    ms.sort_unstable();
    assert_eq!(ms, [5, 900]);
}

#[test]
fn traces_are_found_by_edge_duration_error_and_correlation_id() {
    let mut index = Index::default();
    let mut failed = request(3, 1, 900);
    failed.attributes.push(text("shakedown.blame", "upstream"));
    let mut inner = span(1, 9, 10_000, 700);
    inner.kind = 3;
    add(&mut index, vec![request(1, 1, 5), inner, request(2, 1, 50), failed]);
    let found = |query: TraceQuery| -> Vec<u8> {
        let mut ids: Vec<u8> =
            index.traces(&query).iter().map(|line| line.head.trace_id.as_bytes()[0]).collect();
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
