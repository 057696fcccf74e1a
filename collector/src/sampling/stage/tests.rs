use model::edge::Edge;
use model::names::attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use rusqlite::Connection;
use telemetry::clock::Clock;

use super::*;
use crate::decode::decode;
use crate::live::Live;
use crate::record::Signal;
use crate::testing::{config, end, post, span, text, traces};

const NOW_MS: u64 = 1_000_000;

/// A request of the gateway, in a trace of its own.
fn request(trace: u16, end_ms: u64) -> Span {
    let mut span = span(1, 1, end_ms, 10);
    span.trace_id = [vec![1; 14], trace.to_be_bytes().to_vec()].concat();
    span.kind = SpanKind::Server.into();
    span.attributes.push(text(attribute::EDGE, "client -> shop"));
    span
}

/// What a collector would write of a request with these spans.
fn items(live: &mut Live, spans: Vec<Span>) -> Items {
    let payload = traces("gateway", spans).encode_to_vec().into();
    let batch = decode(Signal::Traces, &payload, NOW_MS * 1_000_000).unwrap();
    live.ingest(batch, NOW_MS)
}

fn written(items: &Items) -> usize {
    items.sampled.iter().map(|sampled| sampled.spans.len()).sum()
}

#[test]
fn spans_wait_with_their_batch_and_come_out_by_batch_when_they_are_decided() {
    let stage = Stage::bounded(Policy::keeping(7, Share::WHOLE), usize::MAX);
    let mut live = Live::new("run-1", NOW_MS);
    for first in [0, 2] {
        let spans = vec![request(first, NOW_MS), request(first + 1, NOW_MS)];
        let passed = stage.pass(items(&mut live, spans), NOW_MS);
        assert_eq!((passed.spans.len(), written(&passed)), (0, 0));
    }
    assert!(stage.bytes.load(Ordering::Relaxed) > 0);
    let done = stage.tick(NOW_MS + 10_000);
    let picks: Vec<usize> = done.sampled.iter().map(|sampled| sampled.spans.len()).collect();
    assert_eq!((picks, done.weights.len()), (vec![2, 2], 0));
    assert_eq!(stage.bytes.load(Ordering::Relaxed), 0);
}

#[test]
fn batches_that_take_too_much_memory_are_let_go_by_deciding_early() {
    let mut live = Live::new("run-1", NOW_MS);
    let one = items(&mut live, vec![request(0, NOW_MS)]);
    let stage = Stage::bounded(Policy::keeping(7, Share::WHOLE), 2 * one.batch.size_bytes());
    let mut out = written(&stage.pass(one, NOW_MS));
    for trace in 1..10 {
        let next = items(&mut live, vec![request(trace, NOW_MS)]);
        out += written(&stage.pass(next, NOW_MS));
        assert!(stage.bytes.load(Ordering::Relaxed) <= stage.bytes_max);
    }
    assert_eq!((out, stage.counts().traces_early), (8, 8));
    assert_eq!(written(&stage.finish()), 2);
}

#[tokio::test]
async fn a_sampled_run_counts_everything_keeps_what_matters_and_has_weights_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder);
    config.keep_share = Share::from_ppm(250_000);
    let handle = crate::start(config, Clock::system()).await.unwrap();
    let end_ms = handle.core_clock().unix_ms();
    let mut spans: Vec<Span> = (0..1_000).map(|trace| request(trace, end_ms)).collect();
    spans[3].attributes.push(text(attribute::BLAME, "upstream"));
    spans[4].attributes.push(text(attribute::FAULT, "slow"));
    let body = traces("gateway", spans).encode_to_vec();
    let headers = [("content-type", "application/x-protobuf")];
    let response = post(handle.addresses().http, "/v1/traces", &headers, body).await;
    assert_eq!(response.status(), 200);
    let sealed = handle.seal().await.unwrap();
    let counted: u64 = handle
        .frames()
        .iter()
        .flat_map(|frame| &frame.edges)
        .filter(|edge| edge.edge == Edge::new("client", "shop"))
        .map(|edge| edge.requests)
        .sum();
    assert_eq!(counted, 1_000);
    let counts = handle.core().sampled();
    assert_eq!(counts.spans_kept, sealed.spans);
    assert_eq!(counts.spans_kept + counts.spans_left, 1_000);
    let file = Connection::open(folder.path().join("run.db")).unwrap();
    let ask = |sql: &str| -> f64 { file.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(ask("SELECT count(*) * 1.0 FROM span WHERE fault IS NOT NULL OR error") as u64, 2);
    // 998 draws at a quarter: the estimate has a standard deviation of 55; five of them either side.
    let estimate =
        ask("SELECT sum(ifnull(w.weight, 1)) FROM span LEFT JOIN trace_weight w USING (trace_id)");
    assert!((estimate - 1_000.0).abs() < 275.0, "{estimate}");
    let rolled = ask("SELECT sum(spans) * 1.0 FROM op_rollup");
    assert!((rolled - estimate).abs() <= 2.0, "{rolled} in the rollups, {estimate} by weight");
    end(handle).await;
}
