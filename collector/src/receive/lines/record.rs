//! One line as a log record.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Map, Value};

use super::{level, time};

/// What a field of a line says, and the names by which loggers write it, the best first.
pub(super) const NAMES: [(Meaning, &[&str]); 8] = [
    (Meaning::Time, &["timestamp", "time", "ts", "@timestamp"]),
    (Meaning::Level, &["level", "severity", "lvl", "log.level"]),
    (Meaning::Message, &["message", "msg", "body", "event"]),
    (Meaning::Service, &["service.name", "service"]),
    (Meaning::TraceId, &["trace_id", "traceId", "trace.id"]),
    (Meaning::SpanId, &["span_id", "spanId", "span.id"]),
    (Meaning::TraceFlags, &["trace_flags", "traceFlags"]),
    (
        Meaning::CorrelationId,
        &[
            "correlation_id",
            "request_id",
            "x-correlation-id",
            "x-request-id",
            "correlationId",
            "requestId",
        ],
    ),
];

/// Deepest nesting that is kept as such; below it JSON text is kept.
const DEPTH_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Time,
    Level,
    Message,
    Service,
    TraceId,
    SpanId,
    TraceFlags,
    CorrelationId,
}

/// The service that the line names, and its record. A line that was cut is no JSON any more.
pub(super) fn read(line: &[u8], is_cut: bool) -> (Option<String>, LogRecord) {
    let object = match serde_json::from_slice(line) {
        Ok(Value::Object(object)) if !is_cut => object,
        _ => return (None, plain(line, is_cut)),
    };
    let mut fields = unnested(object);
    let (mut record, mut service) = (LogRecord::default(), None);
    for (meaning, names) in NAMES {
        for name in names {
            let Some(value) = fields.get(*name) else { continue };
            if learn(meaning, value, &mut record, &mut service) {
                fields.remove(*name);
                break;
            }
        }
    }
    let rest = fields.into_iter().map(|(key, value)| attribute(&key, any(value, 0)));
    record.attributes.extend(rest);
    (service, record)
}

fn plain(line: &[u8], is_cut: bool) -> LogRecord {
    let text = String::from_utf8_lossy(line).into_owned();
    let mut attributes = Vec::new();
    if is_cut {
        let name = model::names::attribute::LINE_CUT;
        attributes.push(attribute(name, AnyValue { value: Some(Any::BoolValue(true)) }));
    }
    let body = Some(AnyValue { value: Some(Any::StringValue(text)) });
    LogRecord { body, attributes, ..LogRecord::default() }
}

/// The `tracing` crate puts what a line says into an object `fields`.
fn unnested(mut object: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(inner)) = object.get_mut("fields") {
        let inner = std::mem::take(inner);
        object.remove("fields");
        for (key, value) in inner {
            object.entry(key).or_insert(value);
        }
    }
    object
}

/// Takes a value if it makes sense for its name; else it stays an attribute.
fn learn(
    meaning: Meaning,
    value: &Value,
    record: &mut LogRecord,
    service: &mut Option<String>,
) -> bool {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    let learnt = match meaning {
        Meaning::Time => time::unix_ns(value).map(|ns| record.time_unix_nano = ns),
        Meaning::Level => level::severity(value).map(|(number, text)| {
            (record.severity_number, record.severity_text) = (number, text);
        }),
        Meaning::Message => (!value.is_null()).then(|| record.body = Some(any(value.clone(), 0))),
        Meaning::Service => text.map(|text| *service = Some(text.to_owned())),
        Meaning::TraceId => hex(text, 16).map(|id| record.trace_id = id),
        Meaning::SpanId => hex(text, 8).map(|id| record.span_id = id),
        Meaning::TraceFlags => hex(text, 1).map(|flags| record.flags = u32::from(flags[0])),
        Meaning::CorrelationId => text.map(|text| {
            let name = model::names::attribute::CORRELATION_ID;
            record.attributes.push(text_attribute(name, text));
        }),
    };
    learnt.is_some()
}

/// So many bytes in hex, not all zero except for a single one.
fn hex(text: Option<&str>, bytes: usize) -> Option<Vec<u8>> {
    let text = text.filter(|text| text.len() == 2 * bytes && text.is_ascii())?;
    let pairs = (0..bytes).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok());
    let id: Vec<u8> = pairs.collect::<Option<_>>()?;
    (bytes == 1 || id.iter().any(|byte| *byte != 0)).then_some(id)
}

pub(super) fn text_attribute(name: &str, text: &str) -> KeyValue {
    attribute(name, AnyValue { value: Some(Any::StringValue(text.to_owned())) })
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn any(value: Value, depth: usize) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(value) => Some(Any::BoolValue(value)),
        Value::String(text) => Some(Any::StringValue(text)),
        Value::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Any::IntValue(whole),
            // A whole number that OTLP has no room for keeps its digits as text.
            (None, Some(double)) if !number.is_u64() => Any::DoubleValue(double),
            _ => Any::StringValue(number.to_string()),
        }),
        nested if depth == DEPTH_MAX => Some(Any::StringValue(nested.to_string())),
        Value::Array(items) => {
            let values = items.into_iter().map(|item| any(item, depth + 1)).collect();
            Some(Any::ArrayValue(ArrayValue { values }))
        },
        Value::Object(entries) => {
            let entries = entries.into_iter();
            let values = entries.map(|(key, value)| attribute(&key, any(value, depth + 1)));
            Some(Any::KvlistValue(KeyValueList { values: values.collect() }))
        },
    };
    AnyValue { value }
}
