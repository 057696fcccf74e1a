use std::convert::Infallible;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpStream;

use super::{RpcStatus, bomb, gzip, partial, partly_good_of, zstd};
use crate::record::Signal;
use crate::testing::{collector, end, span, traces};

pub(super) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(super) async fn connect<B>(to: SocketAddr) -> SendRequest<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let socket = TcpStream::connect(to).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(super) fn frame(compressed: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[compressed][..], &length, message].concat()
}

/// What came back: headers and trailers together, and the message without its frame.
pub(super) struct Answer {
    headers: HeaderMap,
    message: Bytes,
}

impl Answer {
    pub(super) fn code(&self) -> &str {
        self.headers["grpc-status"].to_str().unwrap()
    }
}

pub(super) async fn call(
    to: SocketAddr,
    path: &str,
    encoding: Option<&str>,
    body: Vec<u8>,
) -> Answer {
    let mut request = Request::post(format!("http://{to}{path}"))
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = connect(to).await.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let mut headers = response.headers().clone();
    let body = response.into_body().collect().await.unwrap();
    headers.extend(body.trailers().cloned().unwrap_or_default());
    let framed = body.to_bytes();
    Answer { headers, message: framed.slice(framed.len().min(5)..) }
}

/// SV1, SV5, SH11, SG1.
#[tokio::test]
async fn an_export_succeeds_plain_and_packed_on_both_ports() {
    let (handle, _folder) = collector().await;
    let (grpc, http) = (handle.addresses().grpc, handle.addresses().http);
    for (to, id) in [(grpc, 1), (http, 2)] {
        let good = traces("shop", vec![span(id, 1, 10, 1)]).encode_to_vec();
        let answer = call(to, EXPORT, None, frame(0, &good)).await;
        assert_eq!((answer.code(), answer.message.len()), ("0", 0));
        let good = traces("shop", vec![span(id, 2, 10, 1)]).encode_to_vec();
        for (name, packed) in [("gzip", gzip(&good)), ("zstd", zstd(&good))] {
            let answer = call(to, EXPORT, Some(name), frame(1, &packed)).await;
            assert_eq!((answer.code(), partial(&answer.message)), ("0", None));
        }
        // With an encoding agreed on, a message may still come plain.
        assert_eq!(call(to, EXPORT, Some("gzip"), frame(0, &good)).await.code(), "0");
    }
    for id in ["01", "02"] {
        let trace = handle.trace(id.repeat(16).parse().unwrap()).unwrap();
        assert_eq!(trace.spans.len(), 2);
    }
    end(handle).await;
}

/// SV4, SV5, SG1.
#[tokio::test]
async fn an_empty_request_and_an_empty_envelope_are_full_successes() {
    let (handle, _folder) = collector().await;
    for signal in Signal::ALL {
        for message in [Vec::new(), traces("shop", Vec::new()).encode_to_vec()] {
            let path = signal.grpc_path();
            let answer = call(handle.addresses().grpc, path, None, frame(0, &message)).await;
            assert_eq!((answer.code(), answer.message.len()), ("0", 0), "{path}");
        }
    }
    end(handle).await;
}

/// SV6.
#[tokio::test]
async fn partial_success_has_the_exact_count_for_every_signal() {
    let (handle, _folder) = collector().await;
    for signal in Signal::ALL {
        let (request, count) = partly_good_of(signal);
        let answer = call(handle.addresses().grpc, signal.grpc_path(), None, frame(0, &request));
        let answer = answer.await;
        let rejected = partial(&answer.message).unwrap().rejected_spans;
        assert_eq!((answer.code(), rejected as u64), ("0", count), "{signal:?}");
    }
    end(handle).await;
}

/// SV2, SV8, SG2, SG4.
#[tokio::test]
async fn errors_have_the_codes_that_senders_do_not_retry() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().grpc;
    let huge_prefix = [&[0][..], &u32::MAX.to_be_bytes(), b"x"].concat();
    let other = "/opentelemetry.proto.collector.trace.v1.TraceService/Other";
    for (path, encoding, body, code) in [
        (EXPORT, None, frame(0, b"\x0a\xff"), "3"),
        (EXPORT, None, huge_prefix, "8"),
        (EXPORT, Some("gzip"), frame(1, &bomb()), "8"),
        (EXPORT, Some("gzip"), frame(1, b"no gzip"), "3"),
        (EXPORT, Some("zstd"), frame(1, b"no zstd"), "3"),
        (EXPORT, Some("snappy"), frame(1, b"x"), "12"),
        (EXPORT, None, frame(1, b"x"), "13"),
        (EXPORT, None, Vec::new(), "13"),
        (EXPORT, None, [frame(0, b""), frame(0, b"")].concat(), "13"),
        (other, None, frame(0, b""), "12"),
    ] {
        let answer = call(to, path, encoding, body).await;
        assert_eq!(answer.code(), code, "{path} {encoding:?}");
        assert!(!answer.headers["grpc-message"].is_empty());
        assert!(answer.headers.get("grpc-status-details-bin").is_none());
        assert_eq!(answer.headers["grpc-accept-encoding"], "identity,gzip,zstd");
    }
    end(handle).await;
}

/// SV8, SG3.
#[tokio::test]
async fn a_full_collector_is_unavailable_and_says_when_to_come_back() {
    let (handle, _folder) = collector().await;
    handle.core().admission.close();
    let answer = call(handle.addresses().grpc, EXPORT, None, frame(0, b"")).await;
    assert_eq!(answer.code(), "14");
    let details = answer.headers["grpc-status-details-bin"].to_str().unwrap();
    let status = RpcStatus::decode(&*STANDARD_NO_PAD.decode(details).unwrap()).unwrap();
    assert_eq!(status.code, 14);
    assert!(status.details[0].type_url.ends_with("google.rpc.RetryInfo"));
    // { retry_delay: { seconds: 1 } }
    assert_eq!(status.details[0].value, [0x0a, 2, 0x08, 1]);
    end(handle).await;
}

/// SG1.
#[tokio::test]
async fn many_calls_share_one_connection_at_once() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().grpc;
    let sender = connect(to).await;
    let mut calls = tokio::task::JoinSet::new();
    for id in 1..=100 {
        let mut sender = sender.clone();
        calls.spawn(async move {
            let message = traces("shop", vec![span(7, id, 10, 1)]).encode_to_vec();
            let request = Request::post(format!("http://{to}{EXPORT}"))
                .header("content-type", "application/grpc")
                .body(Full::new(frame(0, &message).into()))
                .unwrap();
            sender.ready().await.unwrap();
            let response = sender.send_request(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        });
    }
    while let Some(called) = calls.join_next().await {
        called.unwrap();
    }
    assert_eq!(handle.trace("07".repeat(16).parse().unwrap()).unwrap().spans.len(), 100);
    end(handle).await;
}
