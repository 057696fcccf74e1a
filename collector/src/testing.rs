//! What the tests share: a collector on port 0, requests built with prost, and peers by hand.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use telemetry::client::Client;
use telemetry::clock::Clock;
use tempfile::TempDir;

use crate::{CollectorConfig, CollectorHandle};

pub(crate) const RUN: &str = "run-1";
/// For answers that come at once unless something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn value_of(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value_of(value)), ..KeyValue::default() }
}

pub(crate) fn resource(service: &str) -> Resource {
    Resource { attributes: vec![text("service.name", service)], ..Resource::default() }
}

/// A span of `ms` milliseconds that ends at `end_ms`.
pub(crate) fn span(trace: u8, id: u8, end_ms: u64, ms: u64) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        name: "GET /".to_owned(),
        kind: 1,
        start_time_unix_nano: (end_ms - ms) * 1_000_000,
        end_time_unix_nano: end_ms * 1_000_000,
        ..Span::default()
    }
}

pub(crate) fn traces(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource = Some(resource(service));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

pub(crate) fn logs(service: &str, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource = Some(resource(service));
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }],
    }
}

pub(crate) fn config(folder: &TempDir) -> CollectorConfig {
    CollectorConfig::on_loopback(RUN, Some(folder.path().join("run.db")))
}

pub(crate) async fn collector() -> (CollectorHandle, TempDir) {
    collector_with(|_config| {}).await
}

pub(crate) async fn collector_with(
    change: impl FnOnce(&mut CollectorConfig),
) -> (CollectorHandle, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder);
    change(&mut config);
    let handle = crate::start(config, Clock::system()).await.unwrap();
    (handle, folder)
}

pub(crate) async fn end(mut handle: CollectorHandle) {
    handle.shutdown();
    tokio::time::timeout(PATIENCE, handle.done()).await.unwrap();
}

pub(crate) async fn post(
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Client::new().send(to, request.body(body.into()).unwrap(), PATIENCE).await.unwrap()
}

pub(crate) async fn get(to: SocketAddr, path: &str) -> Response<Bytes> {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    Client::new().send(to, request, PATIENCE).await.unwrap()
}
