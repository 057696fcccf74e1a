use std::collections::BTreeMap;

use super::super::{Settings, Signal, misbehave};
use super::*;

fn target(settings: &str) -> Target {
    let settings = Settings::parse(settings, &BTreeMap::new(), "tester/1").unwrap();
    settings.target(Signal::Logs).clone()
}

fn body(request: Request<Pieces>) -> Vec<u8> {
    request.into_body().left.iter().flatten().copied().collect()
}

#[test]
fn a_message_has_the_headers_of_its_protocol_and_no_others() {
    for (settings, uri, expected) in [
        (
            "http://h:4318/base",
            "/base/v1/logs",
            &[("content-type", "application/x-protobuf"), ("host", "h:4318")][..],
        ),
        (
            "http://h compression=gzip protocol=http/json",
            "/v1/logs",
            &[("content-type", "application/json"), ("host", "h"), ("content-encoding", "gzip")],
        ),
        (
            "http://h:4317 protocol=grpc compression=zstd headers=a=b",
            "http://h:4317/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            &[
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                ("grpc-encoding", "zstd"),
                ("a", "b"),
            ],
        ),
    ] {
        let request = request(&target(settings), [Bytes::from_static(b"x")]);
        assert_eq!((request.method().as_str(), &*request.uri().to_string()), ("POST", uri));
        let headers = request.headers();
        assert_eq!(headers.len(), expected.len() + 1, "{settings}: {headers:?}");
        for (name, value) in expected {
            assert_eq!(headers[*name], *value, "{settings}");
        }
        let agent = headers["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("tester/1 OTel-OTLP-Exporter-Rust/"), "{agent}");
    }
}

#[test]
fn pieces_are_framed_and_compressed_as_one_message() {
    let pieces = [Bytes::from_static(b"ab"), Bytes::from(vec![b'c'; 10_000])];
    let whole: Vec<u8> = pieces.iter().flatten().copied().collect();
    for protocol in ["grpc", "http/protobuf"] {
        for compression in ["none", "gzip", "zstd"] {
            let target = target(&format!("http://h protocol={protocol} compression={compression}"));
            let message = match target.compression {
                Some(compression) => vec![compress(compression, &pieces)],
                None => pieces.to_vec(),
            };
            let request = request(&target, message);
            assert_eq!(
                request.body().size_hint().exact(),
                Some(body(request.clone()).len() as u64)
            );
            let headers = request.headers().clone();
            let read = misbehave::message_of(target.protocol, &headers, &body(request)).unwrap();
            assert_eq!(read, whole, "{protocol} {compression}");
        }
    }
}
