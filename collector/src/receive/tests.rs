//! The conformance checklist of `docs/receive.md` over real sockets. The doc comment of a test names
//! the lines that it covers.

mod beside;
mod checklist;
mod fuzz;
mod grpc;
mod hostile;
mod http;
mod items;
mod json;
mod life;
mod lines;
mod metrics;
mod sdk;
mod sizes;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::limits::OTLP_REQUEST_BYTES_MAX;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use prost::Message as _;

use crate::record::Signal;
use crate::testing::{logs, resource, span, traces};

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

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
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

/// The same for metrics, and for logs.
fn partly_good_of(signal: Signal) -> (Vec<u8>, u64) {
    match signal {
        Signal::Traces => (partly_good(), 2),
        Signal::Metrics => {
            let point = |value| NumberDataPoint { value, ..NumberDataPoint::default() };
            let data_points = vec![point(Some(Number::AsInt(1))), point(None), point(None)];
            let gauge = Some(Data::Gauge(Gauge { data_points }));
            let no_temporality = Some(Data::Sum(Sum {
                data_points: vec![point(Some(Number::AsInt(1)))],
                ..Sum::default()
            }));
            (metrics(vec![gauge, no_temporality]).encode_to_vec(), 3)
        },
        Signal::Logs => {
            let named = |event_name: &str| LogRecord {
                event_name: event_name.to_owned(),
                ..LogRecord::default()
            };
            let request = logs("shop", vec![named("started"), named("spoiled")]);
            let mut bytes = request.encode_to_vec();
            let at = bytes.windows(7).position(|part| part == b"spoiled").unwrap();
            bytes[at] = 0xff;
            (bytes, 1)
        },
    }
}

fn metrics(data: Vec<Option<Data>>) -> ExportMetricsServiceRequest {
    let metrics = data.into_iter().enumerate().map(|(index, data)| Metric {
        name: format!("m{index}"),
        data,
        ..Metric::default()
    });
    let scope_metrics =
        vec![ScopeMetrics { metrics: metrics.collect(), ..ScopeMetrics::default() }];
    let resource = Some(resource("shop"));
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource,
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

/// All three responses have the same shape.
pub(super) fn partial(response: &[u8]) -> Option<ExportTracePartialSuccess> {
    ExportTraceServiceResponse::decode(response).unwrap().partial_success
}
