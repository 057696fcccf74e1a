//! Compression and limits of size, over both transports.

use std::net::SocketAddr;

use prost::Message as _;

use super::grpc::{EXPORT, call, frame};
use super::http::PROTOBUF;
use super::{gzip, partial, partly_good, zstd};
use crate::testing::{collector_with, end, post, span, traces};
use crate::wire::put_bytes;

const LIMIT: usize = 10_000;

/// A request with one span, filled up to so many bytes by a field that nobody knows.
fn request_of(bytes: usize) -> Vec<u8> {
    let mut request = traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec();
    // Two bytes each for the tag and for the length of the filling.
    let filling = vec![0; bytes - request.len() - 4];
    put_bytes(99, &filling, &mut request);
    assert_eq!(request.len(), bytes);
    request
}

async fn both(to: SocketAddr, name: Option<&str>, packed: &[u8]) -> (u16, String) {
    let mut headers = vec![PROTOBUF];
    headers.extend(name.map(|name| ("content-encoding", name)));
    let http = post(to, "/v1/traces", &headers, packed.to_vec()).await;
    let grpc = call(to, EXPORT, name, frame(u8::from(name.is_some()), packed)).await;
    (http.status().as_u16(), grpc.code().to_owned())
}

/// SV1, SV2, SH6, SG2.
#[tokio::test]
async fn a_request_may_be_as_large_as_the_limit_and_no_larger_before_and_after_inflating() {
    let (handle, _folder) = collector_with(|config| config.receive.request_bytes_max = LIMIT).await;
    let to = handle.addresses().http;
    for (bytes, http, grpc) in [(LIMIT, 200, "0"), (LIMIT + 1, 413, "8")] {
        let request = request_of(bytes);
        for (name, packed) in [
            (None, request.clone()),
            (Some("gzip"), gzip(&request)),
            (Some("zstd"), zstd(&request)),
        ] {
            assert_eq!(both(to, name, &packed).await, (http, grpc.to_owned()), "{name:?} {bytes}");
        }
    }
    end(handle).await;
}

/// SV1.
#[tokio::test]
async fn packed_bodies_may_have_several_members_and_must_be_whole() {
    let (handle, _folder) = collector_with(|_config| {}).await;
    let to = handle.addresses().http;
    let request = traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec();
    for (name, pack) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd), ("x-gzip", gzip)] {
        let (head, tail) = request.split_at(20);
        let members = [pack(head), pack(tail)].concat();
        assert_eq!(both(to, Some(name), &members).await, (200, "0".to_owned()), "{name}");
        let whole = pack(&request);
        for broken in [&whole[..whole.len() - 1], &[&whole, &b"garbage"[..]].concat(), &request] {
            assert_eq!(both(to, Some(name), broken).await, (400, "3".to_owned()), "{name}");
        }
    }
    end(handle).await;
}

/// A frame of zstd that needs more memory to inflate than HTTP allows.
#[tokio::test]
async fn a_zstd_window_beyond_8_mib_is_refused() {
    let (handle, _folder) = collector_with(|_config| {}).await;
    // Magic number, no content size, window of 2^(10 + 16), one empty last raw block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 16 << 3, 0x01, 0x00, 0x00];
    assert_eq!(both(handle.addresses().http, Some("zstd"), &frame).await, (400, "3".to_owned()));
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00];
    assert_eq!(both(handle.addresses().http, Some("zstd"), &frame).await, (200, "0".to_owned()));
    end(handle).await;
}

/// SV3.
#[tokio::test]
async fn a_response_that_does_not_fit_keeps_its_count() {
    let (handle, _folder) = collector_with(|config| config.receive.response_bytes_max = 128).await;
    let to = handle.addresses().http;
    let mut wrong = Vec::new();
    for (trace, id) in [(1, 0), (0, 1)] {
        let mut span = span(trace, id, 10, 1);
        wrong.push(span.clone());
        span.parent_span_id = vec![1];
        span.trace_id = vec![1; 16];
        span.span_id = vec![1; 8];
        wrong.push(span);
    }
    let request = traces("shop", wrong).encode_to_vec();
    let response = post(to, "/v1/traces", &[PROTOBUF], request).await;
    assert!(response.body().len() <= 128);
    let partial = partial(response.body()).unwrap();
    assert_eq!(partial.rejected_spans, 4);
    assert!(partial.error_message.starts_with("the parent span id"));
    end(handle).await;
}

/// SH8.
#[tokio::test]
async fn a_response_is_packed_with_gzip_if_the_client_asks_for_it_and_it_is_worth_it() {
    use std::io::Read as _;
    let (handle, _folder) = collector_with(|_config| {}).await;
    let to = handle.addresses().http;
    for (asked, is_packed) in [
        ("gzip", true),
        ("deflate, GZIP;q=0.5", true),
        ("gzip;q=0", false),
        ("br, zstd", false),
        ("identity", false),
    ] {
        let headers = [("content-type", "application/json"), ("accept-encoding", asked)];
        let long_path = format!("/{}", "x".repeat(500));
        let response = post(to, &long_path, &headers, "{}").await;
        assert_eq!(response.status(), 404);
        let packed = response.headers().get("content-encoding").is_some();
        assert_eq!(packed, is_packed, "{asked}");
        let mut text = String::new();
        if packed {
            flate2::read::GzDecoder::new(&response.body()[..]).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(response.body().to_vec()).unwrap();
        }
        assert!(text.contains("no such path"), "{text}");
        let small = post(to, "/v1/traces", &headers, "{}").await;
        assert_eq!((&small.body()[..], small.headers().len()), (&b"{}"[..], 3));
    }
    let headers = [PROTOBUF, ("accept-encoding", "gzip")];
    let short = post(to, "/v1/traces", &headers, partly_good()).await;
    assert_eq!(partial(short.body()).unwrap().rejected_spans, 2);
    end(handle).await;
}
