use model::frame::{LogLine, Trace};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{RpcStatus, bomb, gzip, partial, partly_good};
use crate::testing::{collector, end, get, logs, post, span, traces};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const TRACE: &str = "01010101010101010101010101010101";

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
            (&[("content-type", "Application/X-Protobuf; v=1")], "/v1/traces", good.clone()),
            (&[PROTOBUF], "/v1/logs", log.clone()),
            (&[PROTOBUF], "/v1/metrics", Vec::new()),
            (&[PROTOBUF], "/v1/traces", Vec::new()),
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

#[tokio::test]
async fn partial_success_has_the_exact_count_in_both_encodings() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let response = post(to, "/v1/traces", &[PROTOBUF], partly_good()).await;
    assert_eq!(response.status(), 200);
    let rejected = partial(response.body()).unwrap();
    assert_eq!(rejected.rejected_spans, 2);
    assert!(rejected.error_message.contains("trace id"));
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]});
    let response = post(to, "/v1/traces", &[JSON], body.to_string()).await;
    assert_eq!(response.status(), 200);
    let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], json!("1"));
    assert!(answer["partialSuccess"]["errorMessage"].is_string());
    end(handle).await;
}

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
        ("/v1/traces", &[PROTOBUF, GZIP], bomb(), 413),
        ("/v1/traces", &[], Vec::new(), 415),
        ("/v1/traces", &[("content-type", "text/plain")], Vec::new(), 415),
        ("/v1/traces", &[PROTOBUF, ("content-encoding", "br")], Vec::new(), 415),
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
    }
    let response = get(to, "/v1/traces").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    end(handle).await;
}

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

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_asked_for_again_later() {
    let (handle, _folder) = collector().await;
    let mut socket = TcpStream::connect(handle.addresses().http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
                content-length: 10\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    drop(socket);
    end(handle).await;
}

#[tokio::test]
async fn json_whose_tree_finds_no_memory_is_refused_before_it_is_built() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let text = |bytes| format!("{{{}}}", " ".repeat(bytes));
    assert_eq!(post(to, "/v1/traces", &[JSON], text(9 << 20)).await.status(), 413);
    assert_eq!(post(to, "/v1/traces", &[JSON], text(1 << 20)).await.status(), 200);
    // Room for the text of another request, but not for its tree.
    handle.core().admission.drained().await;
    let mut other = handle.core().admission.enter().unwrap();
    other.grow(250 << 20).unwrap();
    let response = post(to, "/v1/traces", &[JSON], text(1 << 20)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(other);
    assert_eq!(post(to, "/v1/traces", &[JSON], text(1 << 20)).await.status(), 200);
    assert_eq!(handle.core().admission.refused(), 1);
    end(handle).await;
}

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
        let answer = client.send(handle.addresses().http, request, crate::testing::PATIENCE).await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(handle.trace(TRACE.parse().unwrap()).unwrap().spans.len(), 1_000);
    let sealed = handle.seal().await.unwrap();
    assert_eq!((sealed.spans, sealed.rejected, sealed.dropped), (1_000, 0, 0));
    end(handle).await;
}
