use model::frame::{LogLine, Trace};
use model::limits::OTLP_REQUEST_BYTES_MAX;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{RpcStatus, bomb, gzip, partial, partly_good_of, zstd};
use crate::record::Signal;
use crate::testing::{PATIENCE, collector, collector_with, end, get, logs, post, span, traces};

pub(super) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const ZSTD: (&str, &str) = ("content-encoding", "zstd");
pub(super) const TRACE: &str = "01010101010101010101010101010101";

/// SV1, SV4, SV5, SH1, SH2, SH3, SH4.
#[tokio::test]
async fn full_success_is_200_with_an_empty_message_in_the_encoding_of_the_request() {
    let (handle, _folder) = collector().await;
    let good = traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec();
    let log = LogRecord { trace_id: vec![1; 16], span_id: vec![1; 8], ..LogRecord::default() };
    let log = logs("shop", vec![log]).encode_to_vec();
    // Both ports serve both transports.
    for to in [handle.addresses().http, handle.addresses().grpc] {
        for (headers, path, body) in [
            (&[PROTOBUF][..], "/v1/traces", good.clone()),
            (&[PROTOBUF, GZIP], "/v1/traces", gzip(&good)),
            (&[PROTOBUF, ZSTD], "/v1/traces", zstd(&good)),
            (&[("content-type", "Application/X-Protobuf; v=1")], "/v1/traces", good.clone()),
            (&[PROTOBUF], "/v1/logs", log.clone()),
            (&[PROTOBUF], "/v1/metrics", Vec::new()),
            (&[PROTOBUF], "/v1/traces", Vec::new()),
            (&[PROTOBUF], "/v1/traces", traces("shop", Vec::new()).encode_to_vec()),
        ] {
            let response = post(to, path, headers, body).await;
            assert_eq!((response.status(), response.body().len()), (200.try_into().unwrap(), 0));
            assert_eq!(response.headers()["content-type"], "application/x-protobuf");
        }
        let headers = [("content-type", "application/json; charset=utf-8")];
        let response = post(to, "/v1/traces", &headers, "{}").await;
        assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"{}"[..]));
        assert_eq!(response.headers()["content-type"], "application/json");
    }
    let api = handle.addresses().api;
    let found: Trace =
        serde_json::from_slice(get(api, &format!("/v1/traces/{TRACE}")).await.body()).unwrap();
    assert_eq!(found.spans.len(), 1);
    let lines: Vec<LogLine> =
        serde_json::from_slice(get(api, &format!("/v1/logs?trace_id={TRACE}")).await.body())
            .unwrap();
    assert_eq!(lines.len(), 2);
    end(handle).await;
}

/// SH10.
#[tokio::test]
async fn http_2_with_prior_knowledge_is_served_too() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let request = ::http::Request::post(format!("http://{to}/v1/traces"))
        .header(PROTOBUF.0, PROTOBUF.1)
        .body(bytes::Bytes::from(traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec()))
        .unwrap()
        .map(http_body_util::Full::new);
    let response = super::grpc::connect(to).await.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, ::http::Version::HTTP_2));
    end(handle).await;
}

/// SV6, J4.
#[tokio::test]
async fn partial_success_has_the_exact_count_for_every_signal_in_both_encodings() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    for (signal, reason) in [
        (Signal::Traces, "the trace id is not 16 bytes"),
        (Signal::Metrics, "the data point has no value (2)"),
        (Signal::Logs, "text is not UTF-8 (1)"),
    ] {
        let (request, count) = partly_good_of(signal);
        let response = post(to, signal.http_path(), &[PROTOBUF], request).await;
        assert_eq!(response.status(), 200);
        let rejected = partial(response.body()).unwrap();
        assert_eq!(rejected.rejected_spans as u64, count);
        assert!(rejected.error_message.contains(reason), "{}", rejected.error_message);
    }
    let nested =
        (0..36).fold(json!({"intValue": 1}), |value, _| json!({"arrayValue": {"values": [value]}}));
    for (signal, request, count_name) in [
        (
            Signal::Traces,
            json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}),
            "rejectedSpans",
        ),
        (
            Signal::Metrics,
            json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
                {"gauge": {"dataPoints": [{}]}}]}]}]}),
            "rejectedDataPoints",
        ),
        (
            Signal::Logs,
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": nested}]}]}]}),
            "rejectedLogRecords",
        ),
    ] {
        let response = post(to, signal.http_path(), &[JSON], request.to_string()).await;
        let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(response.status(), 200, "{answer}");
        assert_eq!(answer["partialSuccess"][count_name], json!("1"));
        assert!(answer["partialSuccess"]["errorMessage"].is_string());
    }
    end(handle).await;
}

/// SV8, SH5, SH6, SH9.
#[tokio::test]
async fn every_error_has_its_status_and_a_status_body_in_the_encoding_of_the_request() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    for (path, headers, body, status) in [
        ("/v1/traces", &[PROTOBUF][..], b"\x0a\xff".to_vec(), 400),
        ("/v1/traces", &[PROTOBUF, GZIP], b"no gzip".to_vec(), 400),
        ("/v1/traces", &[JSON], b"{".to_vec(), 400),
        ("/v1/traces", &[JSON], br#"{"resourceSpans": 5}"#.to_vec(), 400),
        ("/v1/profiles", &[PROTOBUF], Vec::new(), 404),
        ("/v1development/profiles", &[PROTOBUF], Vec::new(), 404),
        ("/", &[JSON], Vec::new(), 404),
        ("/v1/traces", &[PROTOBUF, GZIP], bomb(), 413),
        ("/v1/traces", &[JSON, ZSTD], zstd(&vec![b' '; OTLP_REQUEST_BYTES_MAX + 1]), 413),
        ("/v1/traces", &[PROTOBUF, ZSTD], b"no zstd".to_vec(), 400),
        ("/v1/traces", &[], Vec::new(), 415),
        ("/v1/traces", &[("content-type", "text/plain")], Vec::new(), 415),
        ("/v1/traces", &[PROTOBUF, ("content-encoding", "br")], Vec::new(), 415),
        ("/v1/traces", &[PROTOBUF, GZIP, GZIP], Vec::new(), 415),
    ] {
        let response = post(to, path, headers, body).await;
        assert_eq!(response.status(), status, "{path} {headers:?}");
        let message = if headers.contains(&PROTOBUF) {
            assert_eq!(response.headers()["content-type"], "application/x-protobuf");
            let answer = RpcStatus::decode(response.body().clone()).unwrap();
            if status == 400 {
                assert!(answer.details[0].type_url.ends_with("google.rpc.BadRequest"));
            }
            answer.message
        } else {
            assert_eq!(response.headers()["content-type"], "application/json");
            let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            answer["message"].as_str().unwrap().to_owned()
        };
        assert!(!message.is_empty());
        if status == 415 {
            let (name, expected) = if headers.len() > 1 {
                ("accept-encoding", "gzip, zstd")
            } else {
                ("accept", "application/x-protobuf, application/json")
            };
            assert_eq!(response.headers()[name], expected);
        }
    }
    let response = get(to, "/v1/traces").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(answer["message"], "/v1/traces takes POST, not GET");
    end(handle).await;
}

/// SH6.
#[tokio::test]
async fn a_request_that_announces_too_many_bytes_is_refused_before_they_come() {
    let (handle, _folder) = collector().await;
    let mut socket = TcpStream::connect(handle.addresses().http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
                content-length: 67108865\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    end(handle).await;
}

/// SV8, SH7.
#[tokio::test]
async fn a_full_collector_asks_to_try_again_later() {
    let (handle, _folder) = collector().await;
    handle.core().admission.close();
    let response = post(handle.addresses().http, "/v1/traces", &[PROTOBUF], Vec::new()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let refused = handle.dropped().into_iter().find(|drop| drop.what.contains("refused"));
    assert!(refused.is_some());
    end(handle).await;
}

#[tokio::test]
async fn json_that_finds_no_memory_for_its_protobuf_is_asked_for_again_later() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let counts = "1,".repeat(1 << 20);
    let text = format!(
        "{{\"resourceMetrics\": [{{\"scopeMetrics\": [{{\"metrics\": [{{\"histogram\":
         {{\"dataPoints\": [{{\"bucketCounts\": [{counts}1]}}]}}}}]}}]}}]}}"
    );
    assert_eq!(post(to, "/v1/metrics", &[JSON], text.clone()).await.status(), 200);
    // Room for the text, but not for the numbers in it, which are four times as long.
    handle.core().admission.emptied().await;
    let mut other = handle.core().admission.enter().unwrap();
    other.grow(250 << 20).unwrap();
    let response = post(to, "/v1/metrics", &[JSON], text.clone()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(other);
    assert_eq!(post(to, "/v1/metrics", &[JSON], text).await.status(), 200);
    assert_eq!(handle.core().admission.refused(), 1);
    end(handle).await;
}

/// SV2: of JSON, too.
#[tokio::test]
async fn a_long_json_request_is_taken() {
    let (handle, _folder) = collector().await;
    let text = format!("{{{}}}", " ".repeat(30 << 20));
    let response = post(handle.addresses().http, "/v1/traces", &[JSON], text).await;
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"{}"[..]));
    end(handle).await;
}

/// SH10.
#[tokio::test]
async fn a_thousand_requests_pass_over_one_connection() {
    let (handle, _folder) = collector().await;
    let client = telemetry::client::Client::new();
    for number in 0..1_000_u32 {
        let mut one = span(1, 1, 10, 1);
        one.span_id = u64::from(number + 1).to_be_bytes().to_vec();
        let request = ::http::Request::post("/v1/traces")
            .header(PROTOBUF.0, PROTOBUF.1)
            .body(traces("shop", vec![one]).encode_to_vec().into())
            .unwrap();
        let answer = client.send(handle.addresses().http, request, PATIENCE).await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(handle.trace(TRACE.parse().unwrap()).unwrap().spans.len(), 1_000);
    let sealed = handle.seal().await.unwrap();
    assert_eq!((sealed.spans, sealed.rejected, sealed.dropped), (1_000, 0, 0));
    end(handle).await;
}

/// SH10.
#[tokio::test]
async fn many_connections_send_at_once() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let mut senders = tokio::task::JoinSet::new();
    for id in 1..=200 {
        senders.spawn(async move {
            let request = traces("shop", vec![span(1, id, 10, 1)]).encode_to_vec();
            // Each has a client, and so a connection, of its own.
            post(to, "/v1/traces", &[PROTOBUF], request).await.status()
        });
    }
    while let Some(status) = senders.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(handle.trace(TRACE.parse().unwrap()).unwrap().spans.len(), 200);
    end(handle).await;
}

/// SH1.
#[tokio::test]
async fn the_paths_may_stand_below_another() {
    let (handle, _folder) =
        collector_with(|config| config.receive.http_path_prefix = "/otlp".to_owned()).await;
    let to = handle.addresses().http;
    for (path, status) in [("/otlp/v1/traces", 200), ("/v1/traces", 404), ("/otlpv1/traces", 404)] {
        assert_eq!(post(to, path, &[JSON], "{}").await.status(), status, "{path}");
    }
    let response = post(to, "/v1/traces", &[JSON], "{}").await;
    assert!(String::from_utf8_lossy(response.body()).contains("expected /otlp/v1/traces, "));
    end(handle).await;
}

/// SH12.
#[tokio::test]
async fn web_pages_may_send_if_their_origin_is_allowed() {
    const PAGE: (&str, &str) = ("origin", "http://localhost:3000");
    let (handle, _folder) = collector_with(|config| {
        config.receive.cors_origins = vec!["http://localhost:*".to_owned()];
    })
    .await;
    let (open, strict) = (handle.addresses().http, collector().await);
    let ask = async |to| {
        let request = ::http::Request::options("/v1/traces")
            .header(PAGE.0, PAGE.1)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-team")
            .body(bytes::Bytes::new())
            .unwrap();
        telemetry::client::Client::new().send(to, request, PATIENCE).await.unwrap()
    };
    let answer = ask(open).await;
    assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0));
    assert_eq!(answer.headers()["access-control-allow-origin"], PAGE.1);
    assert_eq!(answer.headers()["access-control-allow-methods"], "POST");
    assert_eq!(answer.headers()["access-control-allow-headers"], "content-type,x-team");
    for (path, status) in [("/v1/traces", 200), ("/v1/other", 404)] {
        let answer = post(open, path, &[JSON, PAGE], "{}").await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["access-control-allow-origin"], PAGE.1);
        assert_eq!(answer.headers()["vary"], "origin");
    }
    let other = ("origin", "https://elsewhere.example");
    for (to, page) in [(open, other), (strict.0.addresses().http, PAGE)] {
        let answer = post(to, "/v1/traces", &[JSON, page], "{}").await;
        assert_eq!(answer.status(), 403);
        assert!(answer.headers().get("access-control-allow-origin").is_none());
    }
    assert_eq!(ask(strict.0.addresses().http).await.status(), 403);
    end(handle).await;
    end(strict.0).await;
}
