//! Messages that prost builds, written as JSON in every way that OTLP allows, must come back equal.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Metric, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Map, Value, json};

use base64::Engine as _;

use super::*;

/// Which of the allowed forms is written.
#[derive(Debug, Clone, Copy)]
struct Form {
    has_strings: bool,
    has_names: bool,
    is_upper: bool,
    has_nulls: bool,
}

impl Form {
    fn int(self, number: impl ToString + Into<Value>) -> Value {
        if self.has_strings { Value::String(number.to_string()) } else { number.into() }
    }

    fn double(self, number: f64) -> Value {
        match number {
            f64::INFINITY => json!("Infinity"),
            f64::NEG_INFINITY => json!("-Infinity"),
            _ if self.has_strings => Value::String(number.to_string()),
            _ => json!(number),
        }
    }

    fn hex(self, bytes: &[u8]) -> Value {
        let digits = bytes
            .iter()
            .map(|byte| if self.is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        Value::String(digits.collect())
    }

    fn any(self, value: &AnyValue) -> Value {
        let (name, value) = match &value.value {
            None if self.has_nulls => return Value::Null,
            None => return json!({}),
            Some(Any::StringValue(text)) => ("stringValue", json!(text)),
            Some(Any::BoolValue(flag)) => ("boolValue", json!(flag)),
            Some(Any::IntValue(number)) => ("intValue", self.int(*number)),
            Some(Any::DoubleValue(number)) => ("doubleValue", self.double(*number)),
            Some(Any::BytesValue(bytes)) if self.is_upper => {
                ("bytesValue", json!(URL_SAFE_NO_PAD.encode(bytes)))
            },
            Some(Any::BytesValue(bytes)) => ("bytesValue", json!(STANDARD.encode(bytes))),
            Some(Any::ArrayValue(list)) => {
                let values: Vec<Value> = list.values.iter().map(|item| self.any(item)).collect();
                ("arrayValue", json!({ "values": values }))
            },
            Some(Any::KvlistValue(list)) => {
                ("kvlistValue", json!({ "values": self.attributes(&list.values) }))
            },
            Some(other) => panic!("not built here: {other:?}"),
        };
        json!({ name: value })
    }

    fn attributes(self, attributes: &[KeyValue]) -> Value {
        let entries = attributes.iter().map(|entry| {
            let value = entry.value.as_ref().map(|value| self.any(value));
            json!({ "key": entry.key, "value": value, "fromTheFuture": [{}] })
        });
        entries.collect()
    }

    fn span(self, span: &Span) -> Value {
        let kind =
            if self.has_names { json!(span.kind().as_str_name()) } else { self.int(span.kind) };
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("traceId", self.hex(&span.trace_id));
        put("spanId", self.hex(&span.span_id));
        put("name", json!(span.name));
        put("kind", kind);
        put("startTimeUnixNano", self.int(span.start_time_unix_nano));
        put("flags", self.int(span.flags));
        put("attributes", self.attributes(&span.attributes));
        put("status", json!({ "message": span.status.as_ref().unwrap().message }));
        if self.has_nulls {
            put("events", Value::Null);
            put("traceState", Value::Null);
        }
        Value::Object(object)
    }

    fn point(self, point: &ExponentialHistogramDataPoint) -> Value {
        let buckets = point.positive.as_ref().unwrap();
        let counts: Vec<Value> = buckets.bucket_counts.iter().map(|n| self.int(*n)).collect();
        json!({
            "count": self.int(point.count), "sum": self.double(point.sum.unwrap()),
            "scale": self.int(point.scale), "zeroThreshold": self.double(point.zero_threshold),
            "positive": { "offset": self.int(buckets.offset), "bucketCounts": counts },
        })
    }
}

fn forms() -> impl Strategy<Value = Form> {
    any::<[bool; 4]>().prop_map(|[has_strings, has_names, is_upper, has_nulls]| Form {
        has_strings,
        has_names,
        is_upper,
        has_nulls,
    })
}

fn doubles() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("no number equals itself but NaN", |number| !number.is_nan()),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.1),
    ]
}

fn values() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,9}".prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Any::BoolValue(flag))),
        any::<i64>().prop_map(|number| Some(Any::IntValue(number))),
        doubles().prop_map(|number| Some(Any::DoubleValue(number))),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Some(Any::BytesValue(bytes))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(3, 20, 4, |inner| {
        let list = prop::collection::vec(inner, 0..4);
        (list, any::<bool>()).prop_map(|(values, is_map)| {
            let value = if is_map {
                let values = values.into_iter().map(|value| entry("k", value)).collect();
                Any::KvlistValue(KeyValueList { values })
            } else {
                Any::ArrayValue(ArrayValue { values })
            };
            AnyValue { value: Some(value) }
        })
    })
}

fn entry(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// An entry without a value and one with an empty value mean the same.
fn settled(mut value: AnyValue) -> AnyValue {
    match &mut value.value {
        Some(Any::ArrayValue(list)) => {
            list.values = std::mem::take(&mut list.values).into_iter().map(settled).collect();
        },
        Some(Any::KvlistValue(list)) => {
            list.values = std::mem::take(&mut list.values).into_iter().map(settled_entry).collect();
        },
        _ => {},
    }
    value
}

fn settled_entry(mut entry: KeyValue) -> KeyValue {
    entry.value = Some(settled(entry.value.unwrap_or_default()));
    entry
}

fn spans() -> impl Strategy<Value = Span> {
    let attributes = prop::collection::vec(("\\PC{0,9}", values()), 0..4);
    (any::<[u8; 16]>(), any::<[u8; 8]>(), ".{0,300}", 0..6, any::<u64>(), any::<u32>(), attributes)
        .prop_map(|(trace_id, span_id, name, kind, start, flags, attributes)| Span {
            trace_id: trace_id.to_vec(),
            span_id: span_id.to_vec(),
            status: Some(Status { message: name.clone(), code: 0 }),
            name,
            kind,
            start_time_unix_nano: start,
            flags,
            attributes: attributes.into_iter().map(|(key, value)| entry(&key, value)).collect(),
            ..Span::default()
        })
}

fn request(signal: Signal, text: &Value) -> Vec<u8> {
    to_protobuf(signal, text.to_string().as_bytes()).unwrap()
}

proptest! {
    #[test]
    fn spans_come_back_equal_in_every_form(
        spans in prop::collection::vec(spans(), 0..4), form in forms(),
    ) {
        let items: Vec<Value> = spans.iter().map(|span| form.span(span)).collect();
        let text = json!({"resourceSpans": [{"scopeSpans": [{"spans": items}]}]});
        let read = ExportTraceServiceRequest::decode(&*request(Signal::Traces, &text)).unwrap();
        let mut read = read.resource_spans[0].scope_spans[0].spans.clone();
        for span in &mut read {
            let entries = std::mem::take(&mut span.attributes);
            span.attributes = entries.into_iter().map(settled_entry).collect();
        }
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let sent = ResourceSpans { scope_spans, ..ResourceSpans::default() };
        prop_assert_eq!(&read, &sent.scope_spans[0].spans);
    }

    #[test]
    fn exponential_histograms_come_back_equal_in_every_form(
        count in any::<u64>(), sum in doubles(), scale in any::<i32>(), offset in any::<i32>(),
        counts in prop::collection::vec(any::<u64>(), 0..9), form in forms(),
    ) {
        let positive = Some(Buckets { offset, bucket_counts: counts });
        let zero_threshold = sum.abs();
        let point = ExponentialHistogramDataPoint {
            count, sum: Some(sum), scale, positive, zero_threshold, ..<_>::default()
        };
        let text = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{
            "exponentialHistogram": {"dataPoints": [form.point(&point)]},
        }]}]}]});
        let histogram = ExponentialHistogram { data_points: vec![point], ..<_>::default() };
        let data = Some(Data::ExponentialHistogram(histogram));
        let metrics = vec![Metric { data, ..Metric::default() }];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let sent = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
        };
        let read = ExportMetricsServiceRequest::decode(&*request(Signal::Metrics, &text)).unwrap();
        prop_assert_eq!(read, sent);
    }
}

#[test]
fn a_value_that_fits_no_field_names_its_path_and_what_was_expected() {
    for (text, said) in [
        (json!([]), "the document: expected an object, got an array"),
        (json!({"resourceSpans": {}}), "resourceSpans: expected an array, got an object"),
        (json!({"resourceSpans": [5]}), "resourceSpans[0]: expected an object, got 5"),
        (
            json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"flags": 4_294_967_296_u64}]}]}]}),
            "resourceSpans[0].scopeSpans[0].spans[0].flags: expected a whole number of 32 bits that \
             is not negative, got 4294967296",
        ),
        (
            json!({"resourceSpans": [{}, {"resource": {"attributes": [{"value": true}]}}]}),
            "resourceSpans[1].resource.attributes[0].value: expected an object, got true",
        ),
    ] {
        let refused = to_protobuf(Signal::Traces, text.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), said);
    }
    let counts = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"histogram": {
        "dataPoints": [{"bucketCounts": [1, "x"]}]}}]}]}]});
    let refused = to_protobuf(Signal::Metrics, counts.to_string().as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("bucketCounts[1]: expected a whole number"), "{refused}");
}

#[test]
fn bad_syntax_says_where_it_is() {
    for text in ["", "{", "{}x", "{\"resourceSpans\": [}", "\u{feff}{}"] {
        let refused = to_protobuf(Signal::Traces, text.as_bytes()).unwrap_err();
        assert!(matches!(refused, DecodeError::Syntax(_)), "{text}: {refused}");
    }
}

#[test]
fn memory_is_asked_for_before_it_is_used() {
    let text = format!("{{\"resourceSpans\": [{}{{}}]}}", "{},".repeat(10_000));
    let mut asked = Vec::new();
    let written = to_protobuf_within(Signal::Traces, text.as_bytes(), |bytes| {
        asked.push(bytes);
        Ok(())
    });
    assert_eq!(written.unwrap().unwrap().len(), 2 * 10_001);
    assert!(asked.last().is_some_and(|last| *last >= 2 * 10_001) && asked.is_sorted());
    let refused = to_protobuf_within(Signal::Traces, text.as_bytes(), |bytes| {
        if bytes > 1_000 { Err(Refused) } else { Ok(()) }
    });
    assert_eq!(refused.unwrap(), Err(Refused));
}
