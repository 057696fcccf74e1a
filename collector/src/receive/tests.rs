//! The conformance checklist over real sockets, one test per line of it.

mod beside;
mod grpc;
mod http;
mod sdk;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::limits::OTLP_REQUEST_BYTES_MAX;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;

use crate::testing::{span, traces};

/// `google.rpc.Status`, as a client reads it.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcAny>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcAny {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One good span, and two that must be rejected.
fn partly_good() -> Vec<u8> {
    let mut nameless = span(0, 1, 10, 1);
    nameless.trace_id = Vec::new();
    traces("shop", vec![span(1, 1, 10, 1), nameless, span(1, 0, 10, 1)]).encode_to_vec()
}

/// Small on the wire, one byte too large when inflated.
fn bomb() -> Vec<u8> {
    gzip(&vec![0; OTLP_REQUEST_BYTES_MAX + 1])
}

fn partial(response: &[u8]) -> Option<ExportTracePartialSuccess> {
    ExportTraceServiceResponse::decode(response).unwrap().partial_success
}
