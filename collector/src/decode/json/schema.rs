//! The messages of OTLP by their JSON names: what `opentelemetry/proto` says, as tables.

use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::record::Signal;

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) tag: u32,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Message(&'static Message),
    Text,
    /// Bytes that JSON writes as hex.
    Hex,
    Base64,
    Bool,
    /// `uint32` and `uint64`.
    Unsigned,
    /// `int32` and `int64`.
    Signed,
    /// `sint32`.
    Zigzag,
    Fixed32,
    Fixed64,
    /// `sfixed64`.
    SignedFixed64,
    Double,
    /// A number; names are accepted too.
    Enum(fn(&str) -> i32),
}

impl Kind {
    /// For error texts.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Message(_) => "an object",
            Self::Text => "a string",
            Self::Hex => "hex digits",
            Self::Base64 => "base64",
            Self::Bool => "true or false",
            Self::Unsigned | Self::Fixed64 => "a whole number that is not negative",
            Self::Fixed32 => "a whole number of 32 bits that is not negative",
            Self::Signed | Self::SignedFixed64 | Self::Zigzag => "a whole number",
            Self::Enum(_) => "a whole number or a name",
            Self::Double => "a number",
        }
    }

    /// Protobuf's wire type.
    pub(crate) fn wire_type(self) -> u64 {
        match self {
            Self::Bool | Self::Unsigned | Self::Signed | Self::Zigzag | Self::Enum(_) => 0,
            Self::Fixed64 | Self::SignedFixed64 | Self::Double => 1,
            Self::Message(_) | Self::Text | Self::Hex | Self::Base64 => 2,
            Self::Fixed32 => 5,
        }
    }
}

/// The export request of a signal.
pub(crate) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

const fn one(name: &'static str, tag: u32, kind: Kind) -> Field {
    Field { name, tag, kind, repeated: false }
}

const fn many(name: &'static str, tag: u32, kind: Kind) -> Field {
    Field { name, tag, kind, repeated: true }
}

const fn part(name: &'static str, tag: u32, message: &'static Message) -> Field {
    one(name, tag, Kind::Message(message))
}

const fn parts(name: &'static str, tag: u32, message: &'static Message) -> Field {
    many(name, tag, Kind::Message(message))
}

macro_rules! messages {
    ($($name:ident = [$($field:expr),* $(,)?];)*) => {
        $(static $name: Message = Message { fields: &[$($field),*] };)*
    };
}

// A name that is unknown here counts as unspecified, like a number that is unknown.
fn span_kind(name: &str) -> i32 {
    SpanKind::from_str_name(name).map_or(0, |kind| kind as i32)
}

fn status_code(name: &str) -> i32 {
    StatusCode::from_str_name(name).map_or(0, |code| code as i32)
}

fn temporality(name: &str) -> i32 {
    AggregationTemporality::from_str_name(name).map_or(0, |temporality| temporality as i32)
}

fn severity(name: &str) -> i32 {
    SeverityNumber::from_str_name(name).map_or(0, |severity| severity as i32)
}

messages! {
    ANY = [
        one("stringValue", 1, Kind::Text),
        one("boolValue", 2, Kind::Bool),
        one("intValue", 3, Kind::Signed),
        one("doubleValue", 4, Kind::Double),
        part("arrayValue", 5, &ARRAY),
        part("kvlistValue", 6, &MAP),
        one("bytesValue", 7, Kind::Base64),
    ];
    ARRAY = [parts("values", 1, &ANY)];
    MAP = [parts("values", 1, &KEY_VALUE)];
    KEY_VALUE = [one("key", 1, Kind::Text), part("value", 2, &ANY)];
    ENTITY = [
        one("schemaUrl", 1, Kind::Text),
        one("type", 2, Kind::Text),
        many("idKeys", 3, Kind::Text),
        many("descriptionKeys", 4, Kind::Text),
    ];
    RESOURCE = [
        parts("attributes", 1, &KEY_VALUE),
        one("droppedAttributesCount", 2, Kind::Unsigned),
        parts("entityRefs", 3, &ENTITY),
    ];
    SCOPE = [
        one("name", 1, Kind::Text),
        one("version", 2, Kind::Text),
        parts("attributes", 3, &KEY_VALUE),
        one("droppedAttributesCount", 4, Kind::Unsigned),
    ];

    TRACES = [parts("resourceSpans", 1, &RESOURCE_SPANS)];
    RESOURCE_SPANS = [
        part("resource", 1, &RESOURCE),
        parts("scopeSpans", 2, &SCOPE_SPANS),
        one("schemaUrl", 3, Kind::Text),
    ];
    SCOPE_SPANS = [
        part("scope", 1, &SCOPE),
        parts("spans", 2, &SPAN),
        one("schemaUrl", 3, Kind::Text),
    ];
    SPAN = [
        one("traceId", 1, Kind::Hex),
        one("spanId", 2, Kind::Hex),
        one("traceState", 3, Kind::Text),
        one("parentSpanId", 4, Kind::Hex),
        one("name", 5, Kind::Text),
        one("kind", 6, Kind::Enum(span_kind)),
        one("startTimeUnixNano", 7, Kind::Fixed64),
        one("endTimeUnixNano", 8, Kind::Fixed64),
        parts("attributes", 9, &KEY_VALUE),
        one("droppedAttributesCount", 10, Kind::Unsigned),
        parts("events", 11, &SPAN_EVENT),
        one("droppedEventsCount", 12, Kind::Unsigned),
        parts("links", 13, &LINK),
        one("droppedLinksCount", 14, Kind::Unsigned),
        part("status", 15, &STATUS),
        one("flags", 16, Kind::Fixed32),
    ];
    SPAN_EVENT = [
        one("timeUnixNano", 1, Kind::Fixed64),
        one("name", 2, Kind::Text),
        parts("attributes", 3, &KEY_VALUE),
        one("droppedAttributesCount", 4, Kind::Unsigned),
    ];
    LINK = [
        one("traceId", 1, Kind::Hex),
        one("spanId", 2, Kind::Hex),
        one("traceState", 3, Kind::Text),
        parts("attributes", 4, &KEY_VALUE),
        one("droppedAttributesCount", 5, Kind::Unsigned),
        one("flags", 6, Kind::Fixed32),
    ];
    STATUS = [one("message", 2, Kind::Text), one("code", 3, Kind::Enum(status_code))];

    LOGS = [parts("resourceLogs", 1, &RESOURCE_LOGS)];
    RESOURCE_LOGS = [
        part("resource", 1, &RESOURCE),
        parts("scopeLogs", 2, &SCOPE_LOGS),
        one("schemaUrl", 3, Kind::Text),
    ];
    SCOPE_LOGS = [
        part("scope", 1, &SCOPE),
        parts("logRecords", 2, &LOG_RECORD),
        one("schemaUrl", 3, Kind::Text),
    ];
    LOG_RECORD = [
        one("timeUnixNano", 1, Kind::Fixed64),
        one("severityNumber", 2, Kind::Enum(severity)),
        one("severityText", 3, Kind::Text),
        part("body", 5, &ANY),
        parts("attributes", 6, &KEY_VALUE),
        one("droppedAttributesCount", 7, Kind::Unsigned),
        one("flags", 8, Kind::Fixed32),
        one("traceId", 9, Kind::Hex),
        one("spanId", 10, Kind::Hex),
        one("observedTimeUnixNano", 11, Kind::Fixed64),
        one("eventName", 12, Kind::Text),
    ];

    METRICS = [parts("resourceMetrics", 1, &RESOURCE_METRICS)];
    RESOURCE_METRICS = [
        part("resource", 1, &RESOURCE),
        parts("scopeMetrics", 2, &SCOPE_METRICS),
        one("schemaUrl", 3, Kind::Text),
    ];
    SCOPE_METRICS = [
        part("scope", 1, &SCOPE),
        parts("metrics", 2, &METRIC),
        one("schemaUrl", 3, Kind::Text),
    ];
    METRIC = [
        one("name", 1, Kind::Text),
        one("description", 2, Kind::Text),
        one("unit", 3, Kind::Text),
        part("gauge", 5, &GAUGE),
        part("sum", 7, &SUM),
        part("histogram", 9, &HISTOGRAM),
        part("exponentialHistogram", 10, &EXPONENTIAL),
        part("summary", 11, &SUMMARY),
        parts("metadata", 12, &KEY_VALUE),
    ];
    GAUGE = [parts("dataPoints", 1, &NUMBER_POINT)];
    SUM = [
        parts("dataPoints", 1, &NUMBER_POINT),
        one("aggregationTemporality", 2, Kind::Enum(temporality)),
        one("isMonotonic", 3, Kind::Bool),
    ];
    HISTOGRAM = [
        parts("dataPoints", 1, &HISTOGRAM_POINT),
        one("aggregationTemporality", 2, Kind::Enum(temporality)),
    ];
    EXPONENTIAL = [
        parts("dataPoints", 1, &EXPONENTIAL_POINT),
        one("aggregationTemporality", 2, Kind::Enum(temporality)),
    ];
    SUMMARY = [parts("dataPoints", 1, &SUMMARY_POINT)];
    NUMBER_POINT = [
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("asDouble", 4, Kind::Double),
        parts("exemplars", 5, &EXEMPLAR),
        one("asInt", 6, Kind::SignedFixed64),
        parts("attributes", 7, &KEY_VALUE),
        one("flags", 8, Kind::Unsigned),
    ];
    HISTOGRAM_POINT = [
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        many("bucketCounts", 6, Kind::Fixed64),
        many("explicitBounds", 7, Kind::Double),
        parts("exemplars", 8, &EXEMPLAR),
        parts("attributes", 9, &KEY_VALUE),
        one("flags", 10, Kind::Unsigned),
        one("min", 11, Kind::Double),
        one("max", 12, Kind::Double),
    ];
    EXPONENTIAL_POINT = [
        parts("attributes", 1, &KEY_VALUE),
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        one("scale", 6, Kind::Zigzag),
        one("zeroCount", 7, Kind::Fixed64),
        part("positive", 8, &BUCKETS),
        part("negative", 9, &BUCKETS),
        one("flags", 10, Kind::Unsigned),
        parts("exemplars", 11, &EXEMPLAR),
        one("min", 12, Kind::Double),
        one("max", 13, Kind::Double),
        one("zeroThreshold", 14, Kind::Double),
    ];
    BUCKETS = [one("offset", 1, Kind::Zigzag), many("bucketCounts", 2, Kind::Unsigned)];
    SUMMARY_POINT = [
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        parts("quantileValues", 6, &QUANTILE),
        parts("attributes", 7, &KEY_VALUE),
        one("flags", 8, Kind::Unsigned),
    ];
    QUANTILE = [one("quantile", 1, Kind::Double), one("value", 2, Kind::Double)];
    EXEMPLAR = [
        one("timeUnixNano", 2, Kind::Fixed64),
        one("asDouble", 3, Kind::Double),
        one("spanId", 4, Kind::Hex),
        one("traceId", 5, Kind::Hex),
        one("asInt", 6, Kind::SignedFixed64),
        parts("filteredAttributes", 7, &KEY_VALUE),
    ];
}
