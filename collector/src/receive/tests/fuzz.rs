//! Whatever bytes come, in every encoding and framing: no panic, and an answer that conforms.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Version};
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost::Message as _;
use tempfile::TempDir;

use super::super::{ReceiveConfig, Receiver, Settings, answer};
use super::grpc::{EXPORT, frame};
use super::{RpcStatus, gzip, zstd};
use crate::CollectorHandle;
use crate::record::Signal;
use crate::testing::{collector, end, span, traces};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How a body is dressed before it is sent.
#[derive(Debug, Clone)]
struct Dress {
    content_type: &'static str,
    encoding: Option<&'static str>,
    /// Pack the body as the encoding says, or leave it a lie.
    is_packed: bool,
    path: &'static str,
}

fn dresses() -> impl Strategy<Value = Dress> {
    (
        prop::sample::select(vec![
            "application/x-protobuf",
            "application/json",
            "application/json; charset=utf-8",
            "application/grpc",
            "application/grpc+json",
            "text/plain",
            "",
        ]),
        prop::sample::select(vec![None, Some("gzip"), Some("zstd"), Some("identity"), Some("br")]),
        any::<bool>(),
        prop::sample::select(vec![
            "/v1/traces",
            "/v1/metrics",
            "/v1/logs",
            "/v1/lines",
            EXPORT,
            "/",
        ]),
    )
        .prop_map(|(content_type, encoding, is_packed, path)| Dress {
            content_type,
            encoding,
            is_packed,
            path,
        })
}

/// Arbitrary bytes, and sound requests with some bytes changed.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let protobuf = traces("shop", vec![span(1, 1, 10, 1), span(0, 1, 10, 1)]).encode_to_vec();
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01","flags":1.5}]}]}]}"#;
    let changed = |sound: Vec<u8>| {
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4).prop_map(
            move |changes| {
                let mut bytes = sound.clone();
                for (at, byte) in changes {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                bytes
            },
        )
    };
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        changed(protobuf.clone()),
        changed(json.to_vec()),
        changed(frame(0, &protobuf)),
        changed(frame(1, &gzip(&protobuf))),
        changed(zstd(&protobuf)),
    ]
}

fn request(dress: &Dress, body: &[u8]) -> Request<Full<Bytes>> {
    let is_grpc = dress.content_type.starts_with("application/grpc");
    let name = if is_grpc { "grpc-encoding" } else { "content-encoding" };
    let mut request = Request::post(dress.path).header("content-type", dress.content_type);
    if is_grpc {
        request = request.version(Version::HTTP_2);
    }
    if let Some(encoding) = dress.encoding {
        request = request.header(name, encoding);
    }
    let body = match dress.encoding {
        Some("gzip") if dress.is_packed => gzip(body),
        Some("zstd") if dress.is_packed => zstd(body),
        _ => body.to_vec(),
    };
    let body = if is_grpc && dress.is_packed { frame(1, &body) } else { body };
    request.body(Full::new(body.into())).unwrap()
}

/// Checks an answer of OTLP/HTTP.
fn check_http(status: u16, headers: &HeaderMap, asked: &str, body: &[u8]) {
    let content_type = headers["content-type"].to_str().unwrap();
    let is_protobuf = asked.starts_with("application/x-protobuf");
    let expected = if is_protobuf { "application/x-protobuf" } else { "application/json" };
    assert_eq!(content_type, expected);
    if status == 200 {
        if is_protobuf {
            super::partial(body);
        } else {
            let answer: serde_json::Value = serde_json::from_slice(body).unwrap();
            assert!(answer.as_object().unwrap().keys().all(|key| key == "partialSuccess"));
        }
        return;
    }
    assert!([400, 404, 413, 415].contains(&status), "{status}");
    let message = if is_protobuf {
        RpcStatus::decode(body).unwrap().message
    } else {
        let answer: serde_json::Value = serde_json::from_slice(body).unwrap();
        answer["message"].as_str().unwrap().to_owned()
    };
    assert!(!message.is_empty());
}

/// Checks an answer of OTLP/gRPC.
fn check_grpc(headers: &HeaderMap, body: &[u8]) {
    assert_eq!(headers["content-type"], "application/grpc");
    match headers["grpc-status"].to_str().unwrap() {
        "0" => {
            let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
            assert_eq!((body[0], length as usize), (0, body.len() - 5));
            super::partial(&body[5..]);
        },
        // None of the codes that OTLP calls retryable.
        code => {
            assert!(["3", "8", "12", "13"].contains(&code), "{code}");
            assert!(body.is_empty() && !headers["grpc-message"].is_empty());
        },
    }
}

async fn answered(receiver: &Arc<Receiver>, dress: &Dress, body: &[u8]) {
    let response = answer(receiver, PEER, request(dress, body)).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let mut headers = head.headers;
    headers.extend(body.trailers().cloned().unwrap_or_default());
    if dress.content_type.starts_with("application/grpc") {
        assert_eq!(head.status, 200);
        check_grpc(&headers, &body.to_bytes());
    } else {
        check_http(head.status.as_u16(), &headers, dress.content_type, &body.to_bytes());
    }
}

/// A collector, and a way into it beside its sockets.
async fn receiver() -> (CollectorHandle, Arc<Receiver>, TempDir) {
    let (handle, folder) = collector().await;
    let settings = Settings::check(ReceiveConfig::default()).unwrap();
    let receiver = Receiver::new(Arc::clone(handle.core()), settings);
    (handle, receiver, folder)
}

/// SV8, SV9, SH5.
#[test]
fn whatever_comes_gets_an_answer_that_conforms() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (handle, receiver, _folder) = runtime.block_on(receiver());
    let config = ProptestConfig { cases: 1_000, failure_persistence: None, ..<_>::default() };
    let tried = TestRunner::new(config).run(&(dresses(), bodies()), |(dress, body)| {
        runtime.block_on(answered(&receiver, &dress, &body));
        Ok(())
    });
    tried.unwrap();
    runtime.block_on(end(handle));
}

/// SV6: accepted and rejected add up to what was sent, in both encodings and over both transports.
#[tokio::test]
async fn what_is_accepted_and_what_is_rejected_add_up() {
    let (handle, receiver, _folder) = receiver().await;
    let (mut sent, mut rejected) = (0, 0);
    for round in 0..100_u8 {
        let spans = (0..=round % 7).map(|id| span(round % 3, id, 10, 1)).collect::<Vec<_>>();
        sent += spans.len() as u64;
        let request = Request::post(Signal::Traces.http_path())
            .header("content-type", "application/x-protobuf")
            .body(Full::new(Bytes::from(traces("shop", spans).encode_to_vec())))
            .unwrap();
        let body = answer(&receiver, PEER, request).await.into_body().collect().await.unwrap();
        let partial = super::partial(&body.to_bytes());
        rejected += partial.map_or(0, |partial| partial.rejected_spans as u64);
    }
    let sealed = handle.seal().await.unwrap();
    assert_eq!(sealed.rejected, rejected);
    // The same few spans come again and again, and are kept once.
    assert_eq!(sealed.spans, 2 * 6);
    assert!(rejected > 0 && sent > rejected + sealed.spans);
    end(handle).await;
}
