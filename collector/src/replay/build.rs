//! Messages of OTLP from what a run has kept.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use serde_json::Value as Json;

/// Who emitted an item: the JSON object of the resource's attributes, and the scope's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) resource: String,
    pub(super) scope: String,
}

/// One item as OTLP has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Span(Span),
    Log(LogRecord),
    /// A metric of one point.
    Metric(Metric),
}

/// The request for items of one signal; those of one origin stand together.
pub(super) fn request(items: Vec<(Origin, Item)>) -> Vec<u8> {
    let mut by_origin: BTreeMap<Origin, Vec<Item>> = BTreeMap::new();
    for (origin, item) in items {
        by_origin.entry(origin).or_default().push(item);
    }
    let (mut spans, mut logs, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
    for (origin, items) in by_origin {
        let resource =
            Some(Resource { attributes: attributes(&origin.resource), ..Resource::default() });
        let named = InstrumentationScope { name: origin.scope, ..InstrumentationScope::default() };
        let scope = (!named.name.is_empty()).then_some(named);
        let mut parts = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Span(span) => parts.0.push(span),
                Item::Log(record) => parts.1.push(record),
                Item::Metric(metric) => parts.2.push(metric),
            }
        }
        if !parts.0.is_empty() {
            let scope_spans = vec![ScopeSpans { scope, spans: parts.0, ..ScopeSpans::default() }];
            spans.push(ResourceSpans { resource, scope_spans, ..ResourceSpans::default() });
        } else if !parts.1.is_empty() {
            let scope_logs =
                vec![ScopeLogs { scope, log_records: parts.1, ..ScopeLogs::default() }];
            logs.push(ResourceLogs { resource, scope_logs, ..ResourceLogs::default() });
        } else {
            let scope_metrics =
                vec![ScopeMetrics { scope, metrics: parts.2, ..ScopeMetrics::default() }];
            metrics.push(ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() });
        }
    }
    // Items of one signal fill one of the three.
    let mut bytes = ExportTraceServiceRequest { resource_spans: spans }.encode_to_vec();
    bytes.extend(ExportLogsServiceRequest { resource_logs: logs }.encode_to_vec());
    bytes.extend(ExportMetricsServiceRequest { resource_metrics: metrics }.encode_to_vec());
    bytes
}

/// Attributes from the JSON object in which they are kept.
pub(super) fn attributes(json: &str) -> Vec<KeyValue> {
    match serde_json::from_str(json) {
        Ok(Json::Object(object)) => pairs(object),
        _ => Vec::new(),
    }
}

/// The same from a JSON value.
pub(super) fn attributes_of(json: &Json) -> Vec<KeyValue> {
    json.as_object().cloned().map(pairs).unwrap_or_default()
}

fn pairs(object: serde_json::Map<String, Json>) -> Vec<KeyValue> {
    let pair = |(key, value)| KeyValue { key, value: Some(any(value)), ..KeyValue::default() };
    object.into_iter().map(pair).collect()
}

fn any(json: Json) -> AnyValue {
    let value = match json {
        Json::Null => None,
        Json::Bool(flag) => Some(Value::BoolValue(flag)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(number) => Value::IntValue(number),
            None => Value::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Array(items) => {
            let values = items.into_iter().map(any).collect();
            Some(Value::ArrayValue(ArrayValue { values }))
        },
        Json::Object(object) => Some(Value::KvlistValue(KeyValueList { values: pairs(object) })),
    };
    AnyValue { value }
}

pub(super) fn text(text: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text)) }
}

/// A number, or one of the words that stand for what JSON has no number for.
pub(super) fn double(json: &Json) -> Option<f64> {
    match json {
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        number => number.as_f64(),
    }
}

/// Bytes of a hex id; empty when it is none.
pub(super) fn id(json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap_or_default().as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    text.as_chunks::<2>().0.iter().map(pair).collect::<Option<_>>().unwrap_or_default()
}
