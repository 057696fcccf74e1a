use std::net::SocketAddr;

use http_body_util::BodyExt as _;
use model::names::attribute;
use model::plan::ApiError;
use model::trace::Work;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde::de::DeserializeOwned;
use telemetry::client::Client;
use telemetry::clock::Clock;

use crate::analysis::blame::BlameReport;
use crate::analysis::completeness::{Completeness, Trust};
use crate::analysis::correlation::{LineKind, RequestView};
use crate::analysis::faults::FaultReport;
use crate::analysis::path::CriticalPath;
use crate::analysis::propagation::Loss;
use crate::analysis::retries::RetryReport;
use crate::testing::{PATIENCE, collector, end, get, post, span, text, traces};
use crate::{CollectorConfig, CollectorHandle, RunFolder, RunName};

const TRACE: &str = "01010101010101010101010101010101";

/// The parent is another span of the trace; 0 is none.
fn call(id: u8, parent: u8, kind: SpanKind, (from_ms, to_ms): (u64, u64)) -> Span {
    let mut span = span(1, id, 1_000_000 + to_ms, to_ms - from_ms);
    span.kind = kind.into();
    if parent > 0 {
        span.parent_span_id = vec![parent; 8];
    }
    span.attributes.push(text(attribute::CORRELATION_ID, "u1-1"));
    span
}

fn on_edge(mut span: Span) -> Span {
    span.attributes.push(text(attribute::EDGE, "client -> shop"));
    span
}

/// A user's call through the gateway; the shop's call of the bank loses its context.
async fn send(handle: &CollectorHandle) {
    let elsewhere = Span { trace_id: vec![2; 16], ..call(7, 0, SpanKind::Server, (30, 50)) };
    for (service, spans) in [
        ("load", vec![call(1, 0, SpanKind::Client, (0, 100))]),
        (
            "gateway",
            vec![
                on_edge(call(2, 1, SpanKind::Server, (5, 95))),
                on_edge(call(3, 2, SpanKind::Client, (10, 90))),
            ],
        ),
        (
            "shop",
            vec![call(4, 3, SpanKind::Server, (15, 85)), call(5, 4, SpanKind::Client, (25, 55))],
        ),
        ("bank", vec![elsewhere]),
    ] {
        let body = traces(service, spans).encode_to_vec();
        let headers = [("content-type", "application/x-protobuf")];
        let response = post(handle.addresses().http, "/v1/traces", &headers, body).await;
        assert_eq!(response.status(), 200);
    }
}

async fn ask<T: DeserializeOwned>(api: SocketAddr, path: &str) -> T {
    let response = get(api, path).await;
    assert_eq!(response.status(), 200, "{path}: {response:?}");
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn every_question_about_meaning_is_answered_from_what_came_in() {
    let (handle, _folder) = collector().await;
    send(&handle).await;
    let api = handle.addresses().api;
    let path: CriticalPath = ask(api, &format!("/v1/traces/{TRACE}/critical-path")).await;
    let works: Vec<(&str, Work, u64)> = path
        .pieces
        .iter()
        .map(|piece| (piece.service.as_str(), piece.work, piece.duration_ns / 1_000_000))
        .collect();
    let expected = [
        ("load", Work::Transit, 5),
        ("gateway", Work::Queue, 5),
        ("gateway", Work::Transit, 5),
        ("shop", Work::Own, 10),
        ("shop", Work::Unseen, 30),
        ("shop", Work::Own, 30),
        ("gateway", Work::Transit, 5),
        ("gateway", Work::Own, 5),
        ("load", Work::Transit, 5),
    ];
    assert_eq!(works, expected);
    let blame: BlameReport =
        ask(api, "/v1/analysis/blame?edge=client%20-%3E%20shop&quantile=0.99&limit=10").await;
    assert_eq!((blame.groups[0].counted, blame.groups[0].total_ns), (1, 90_000_000));
    let view: RequestView = ask(api, "/v1/correlation/u1-1").await;
    assert_eq!(view.lines.iter().filter(|line| line.kind == LineKind::Span).count(), 6);
    assert_eq!(view.lost.len(), 1);
    let lost = &view.lost[0];
    assert_eq!((lost.loss, &*lost.from, &*lost.to), (Loss::TraceContext, "shop", "bank"));
    let retries: RetryReport = ask(api, "/v1/analysis/retries").await;
    assert_eq!((retries.edges[0].requests, retries.edges[0].attempts), (1, 1));
    assert_eq!(ask::<FaultReport>(api, "/v1/analysis/faults?limit=5").await.faults, []);
    let complete: Completeness = ask(api, "/v1/analysis/completeness").await;
    // Spans of 1970 are in no second of this run.
    assert_eq!((complete.trust, complete.findings.spans), (Trust::Untrustworthy, 6));
    assert_eq!(complete.causes[0].what, "collector items outside the kept seconds");
    end(handle).await;
}

#[tokio::test]
async fn exemplars_of_metrics_stand_among_the_spans_of_the_trace_that_they_name() {
    let (handle, _folder) = collector().await;
    send(&handle).await;
    let exemplar = |trace: &str| {
        serde_json::json!({"timeUnixNano": "1000050000000", "asDouble": 0.25, "traceId": trace,
            "spanId": "0404040404040404"})
    };
    let point = serde_json::json!({"count": "2", "sum": 1.0, "bucketCounts": ["2"],
        "exemplars": [exemplar(TRACE), exemplar("09090909090909090909090909090909")]});
    let metric = serde_json::json!({"name": "http.server.request.duration", "unit": "s",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}});
    let request = serde_json::json!({"resourceMetrics": [{"resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeMetrics": [{"metrics": [metric]}]}]});
    let headers = [("content-type", "application/json")];
    let response =
        post(handle.addresses().http, "/v1/metrics", &headers, request.to_string()).await;
    assert_eq!(response.status(), 200);
    // Everything is in the file then.
    handle.seal().await.unwrap();
    let view: RequestView = ask(handle.addresses().api, "/v1/correlation/u1-1").await;
    let exemplars: Vec<(&str, &str)> = view
        .lines
        .iter()
        .filter(|line| line.kind == LineKind::Exemplar)
        .map(|line| (line.service.as_str(), line.text.as_str()))
        .collect();
    assert_eq!(exemplars, [("shop", "http.server.request.duration 0.25 s")]);
    end(handle).await;
}

#[tokio::test]
async fn a_run_that_lies_in_a_file_gives_the_answers_that_it_gave_while_it_ran() {
    let place = tempfile::tempdir().unwrap();
    let runs = RunFolder::create(&place.path().join("runs")).unwrap();
    let name = RunName::new(1_000, 7);
    let database = runs.file(&name);
    let config = CollectorConfig::on_loopback(name.run_id.clone(), Some(database));
    let first = crate::start(config, Clock::system()).await.unwrap();
    send(&first).await;
    first.seal().await.unwrap();
    let api = first.addresses().api;
    let path = format!("/v1/traces/{TRACE}/critical-path");
    let live_path: CriticalPath = ask(api, &path).await;
    let live_view: RequestView = ask(api, "/v1/correlation/u1-1").await;
    let live_blame: BlameReport = ask(api, "/v1/analysis/blame").await;
    end(first).await;
    let config = CollectorConfig {
        runs: Some(place.path().join("runs")),
        ..CollectorConfig::on_loopback("later", None)
    };
    let second = crate::start(config, Clock::system()).await.unwrap();
    let api = second.addresses().api;
    assert_eq!(ask::<CriticalPath>(api, &format!("{path}?run=latest")).await, live_path);
    assert_eq!(ask::<RequestView>(api, "/v1/correlation/u1-1?run=latest").await, live_view);
    assert_eq!(ask::<BlameReport>(api, "/v1/analysis/blame?run=latest").await, live_blame);
    let complete: Completeness = ask(api, "/v1/analysis/completeness?run=latest").await;
    assert_eq!((complete.findings.spans, complete.counts.spans_written), (6, 6));
    assert_eq!(ask::<FaultReport>(api, "/v1/analysis/faults?run=latest").await.faults, []);
    assert_eq!(ask::<RetryReport>(api, "/v1/analysis/retries?run=latest").await.edges.len(), 1);
    // Without a name the question is about the running run.
    assert_eq!(get(api, &path).await.status(), 404);
    end(second).await;
}

#[tokio::test]
async fn the_answer_is_text_for_those_who_ask_for_text() {
    let (handle, _folder) = collector().await;
    send(&handle).await;
    let path = format!("/v1/traces/{TRACE}/critical-path");
    let request = http::Request::get(path).header("accept", "text/plain");
    let request = request.body(bytes::Bytes::new()).unwrap();
    let response = Client::new().stream(handle.addresses().api, request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await.unwrap();
    let body = String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap();
    let expected = "\
trace 01010101010101010101010101010101: 100 ms
services  70.0% shop, 20.0% gateway, 10.0% load
work      45.0% own, 30.0% unseen, 20.0% transit, 5.0% queue
 at ms      ms  service  work     edge            span or fault
 0.000   5.000  load     transit                  GET /
 5.000   5.000  gateway  queue    client -> shop  GET /
10.000   5.000  gateway  transit  client -> shop  GET /
15.000  10.000  shop     own      client -> shop  GET /
25.000  30.000  shop     unseen   client -> shop  GET /
55.000  30.000  shop     own      client -> shop  GET /
85.000   5.000  gateway  transit  client -> shop  GET /
90.000   5.000  gateway  own      client -> shop  GET /
95.000   5.000  load     transit                  GET /
";
    assert_eq!(body, expected);
    end(handle).await;
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_told_what_is_wrong_with_it() {
    let (handle, _folder) = collector().await;
    let api = handle.addresses().api;
    for (path, status, word) in [
        ("/v1/traces/xyz/critical-path", 400, "trace id"),
        ("/v1/traces/09090909090909090909090909090909/critical-path", 404, "no span"),
        ("/v1/analysis/blame?edge=nonsense", 400, "edge"),
        ("/v1/analysis/blame?phase=lunch", 400, "before"),
        ("/v1/analysis/blame?quantile=99", 400, "0.99"),
        ("/v1/analysis/blame?quantile=NaN", 400, "0.99"),
        ("/v1/analysis/blame?unknown=1", 400, "unknown"),
        ("/v1/analysis/faults?limit=-1", 400, "limit"),
        ("/v1/analysis/retries?edge=a", 400, "edge"),
        ("/v1/correlation/a%20b", 400, "visible ASCII"),
        ("/v1/correlation/nobody", 404, "nobody"),
    ] {
        let response = get(api, path).await;
        let error: ApiError = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(response.status(), status, "{path}: {error:?}");
        assert!(error.error.contains(word), "{path}: {error:?}");
    }
    end(handle).await;
}
