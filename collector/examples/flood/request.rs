//! Requests as SDKs send them: 8 attributes an item, 8 spans a trace.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub(crate) fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    pub(crate) fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

const ITEMS_PER_TRACE: usize = 8;
const POINTS_PER_METRIC: usize = 16;
/// Stands where a trace id has to be written.
const BLANK: [u8; 16] = [0xa5; 16];

/// A request that only lacks its trace ids.
pub(crate) struct Template {
    bytes: Vec<u8>,
    blanks: Vec<usize>,
}

impl Template {
    pub(crate) fn build(signal: Signal, number: u64, items: usize, unix_ns: u64) -> Self {
        let mut random = StdRng::seed_from_u64(number);
        let bytes = match signal {
            Signal::Traces => traces(&mut random, number, items, unix_ns),
            Signal::Metrics => metrics(&mut random, number, items, unix_ns),
            Signal::Logs => logs(&mut random, number, items, unix_ns),
        };
        let is_blank = |at: &usize| bytes[*at..].starts_with(&BLANK);
        let blanks = (0..bytes.len()).filter(is_blank).collect();
        Self { bytes, blanks }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The request with ids that follow from the seed.
    pub(crate) fn with_ids(&self, seed: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut random = StdRng::seed_from_u64(seed);
        let mut id = BLANK;
        for (number, at) in self.blanks.iter().enumerate() {
            if number % ITEMS_PER_TRACE == 0 {
                random.fill(&mut id);
            }
            bytes[*at..*at + id.len()].copy_from_slice(&id);
        }
        bytes
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn attributes(random: &mut StdRng) -> Vec<KeyValue> {
    let number: u32 = random.random_range(0..100_000);
    let status = if number.is_multiple_of(50) { 503 } else { 200 };
    vec![
        text("http.request.method", if number.is_multiple_of(4) { "POST" } else { "GET" }),
        text("http.route", format!("/api/v1/items/{{id}}/{}", number % 20)),
        text("url.path", format!("/api/v1/items/{number}")),
        attribute("http.response.status_code", Value::IntValue(status)),
        text("server.address", "gateway.internal"),
        attribute("server.port", Value::IntValue(8443)),
        text("user_agent.original", "flood/1.0 (loopback)"),
        attribute("retry", Value::BoolValue(number.is_multiple_of(10))),
    ]
}

fn resource(number: u64) -> Resource {
    let attributes = vec![
        text("service.name", format!("service-{}", number % 8)),
        text("service.instance.id", format!("instance-{number}")),
        text("host.name", "flood"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "flood".to_owned(), ..InstrumentationScope::default() }
}

fn traces(random: &mut StdRng, number: u64, items: usize, unix_ns: u64) -> Vec<u8> {
    let span = |at: usize| {
        let (id, start) = (at as u64 + 1, unix_ns + at as u64 * 1_000);
        let duration: u64 = random.random_range(0..5_000_000);
        let code = if duration.is_multiple_of(50) { 2 } else { 1 };
        Span {
            trace_id: BLANK.to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: match at % ITEMS_PER_TRACE {
                0 => Vec::new(),
                _ => (id - 1).to_be_bytes().to_vec(),
            },
            name: format!("GET /api/v1/items/{}", at % 20),
            // Those that ask and those that serve take turns.
            kind: if at.is_multiple_of(2) { 2 } else { 3 },
            start_time_unix_nano: start,
            end_time_unix_nano: start + duration,
            attributes: attributes(random),
            status: Some(Status { code, ..Status::default() }),
            ..Span::default()
        }
    };
    let spans = (0..items).map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource = Some(resource(number));
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn logs(random: &mut StdRng, number: u64, items: usize, unix_ns: u64) -> Vec<u8> {
    let record = |at: usize| LogRecord {
        time_unix_nano: unix_ns + at as u64 * 1_000,
        observed_time_unix_nano: unix_ns + at as u64 * 1_000,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(format!("request {at} was served"))),
        }),
        attributes: attributes(random),
        trace_id: BLANK.to_vec(),
        span_id: (at as u64 + 1).to_be_bytes().to_vec(),
        ..LogRecord::default()
    };
    let log_records = (0..items).map(record).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
    let resource = Some(resource(number));
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn metrics(random: &mut StdRng, number: u64, items: usize, unix_ns: u64) -> Vec<u8> {
    let mut metric = |at: usize| {
        let point = |_| NumberDataPoint {
            attributes: attributes(random),
            start_time_unix_nano: unix_ns - 60_000_000_000,
            time_unix_nano: unix_ns,
            value: Some(Number::AsInt(random.random_range(0..100_000))),
            ..NumberDataPoint::default()
        };
        let data_points = (0..POINTS_PER_METRIC).map(point).collect();
        let sum = Sum { data_points, aggregation_temporality: 2, is_monotonic: true };
        Metric {
            name: format!("flood.requests.{}", at % 32),
            unit: "{request}".to_owned(),
            data: Some(Data::Sum(sum)),
            ..Metric::default()
        }
    };
    let metrics = (0..items / POINTS_PER_METRIC).map(&mut metric).collect();
    let scope_metrics =
        vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
    let resource = Some(resource(number));
    let resource_metrics =
        vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}
