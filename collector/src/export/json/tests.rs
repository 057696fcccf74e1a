use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use prost::Message as _;
use serde_json::{Value as Json, json};

use super::*;
use crate::decode::json::to_protobuf;
use crate::testing::{attribute, logs, span, traces, value_of};

fn written(signal: Signal, bytes: &[u8]) -> Json {
    let text = from_protobuf(signal, bytes);
    assert!(!text.contains('\n'));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn j1_j2_j4_ids_are_hex_enums_integers_and_64_bits_strings() {
    let mut span = span(0xAB, 0xCD, 2_000, 1_000);
    span.dropped_attributes_count = 3;
    span.flags = 257;
    span.attributes = vec![attribute("n", Any::IntValue(-5))];
    let json = written(Signal::Traces, &traces("shop", vec![span]).encode_to_vec());
    let expected = json!({
        "traceId": "ab".repeat(16),
        "spanId": "cd".repeat(8),
        "name": "GET /",
        "kind": 1,
        "startTimeUnixNano": "1000000000",
        "endTimeUnixNano": "2000000000",
        "attributes": [{"key": "n", "value": {"intValue": "-5"}}],
        "droppedAttributesCount": 3,
        "flags": 257,
    });
    assert_eq!(json["resourceSpans"][0]["scopeSpans"][0]["spans"], json!([expected]));
}

#[test]
fn j5_j7_j8_values_of_every_kind_are_written_so_that_they_can_be_read() {
    let pair = |value| KeyValue { key: "k".into(), value: Some(value), ..KeyValue::default() };
    let values = vec![
        value_of(Any::DoubleValue(f64::NAN)),
        value_of(Any::DoubleValue(f64::NEG_INFINITY)),
        value_of(Any::DoubleValue(0.5)),
        value_of(Any::BytesValue(vec![0xfb, 0xff])),
        value_of(Any::BoolValue(false)),
        value_of(Any::StringValue("a\"\n\u{1}ü".into())),
        opentelemetry_proto::tonic::common::v1::AnyValue::default(),
        value_of(Any::KvlistValue(KeyValueList { values: vec![pair(value_of(Any::IntValue(1)))] })),
    ];
    let body = Some(value_of(Any::ArrayValue(ArrayValue { values })));
    let record = LogRecord { body, ..LogRecord::default() };
    let json = written(Signal::Logs, &logs("shop", vec![record]).encode_to_vec());
    let body = &json["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"];
    let expected = json!([
        {"doubleValue": "NaN"},
        {"doubleValue": "-Infinity"},
        {"doubleValue": 0.5},
        {"bytesValue": "+/8="},
        {"boolValue": false},
        {"stringValue": "a\"\n\u{1}ü"},
        {},
        {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}},
    ]);
    assert_eq!(body["arrayValue"]["values"], expected);
}

fn metrics() -> Vec<u8> {
    let gauge = NumberDataPoint {
        time_unix_nano: 7,
        value: Some(number_data_point::Value::AsInt(i64::MIN)),
        ..NumberDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        count: u64::MAX,
        scale: -3,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![1, u64::MAX, 0] }),
        min: Some(0.0),
        ..ExponentialHistogramDataPoint::default()
    };
    let metric = |data| Metric { name: "m".into(), data: Some(data), ..Metric::default() };
    let metrics = vec![
        metric(metric::Data::Gauge(Gauge { data_points: vec![gauge] })),
        metric(metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential],
            aggregation_temporality: 2,
        })),
    ];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[test]
fn points_keep_every_bit_of_their_numbers() {
    let json = written(Signal::Metrics, &metrics());
    let metrics = &json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let gauge = &metrics[0]["gauge"]["dataPoints"][0];
    assert_eq!(*gauge, json!({"timeUnixNano": "7", "asInt": "-9223372036854775808"}));
    let point = &metrics[1]["exponentialHistogram"]["dataPoints"][0];
    assert_eq!(point["scale"], -3);
    assert_eq!(point["min"], 0.0);
    let buckets = json!({"offset": -2, "bucketCounts": ["1", "18446744073709551615", "0"]});
    assert_eq!((&point["count"], &point["positive"]), (&json!("18446744073709551615"), &buckets));
}

#[test]
fn what_is_written_here_is_read_back_without_a_difference() {
    let spans = traces("shop", vec![span(1, 2, 2_000, 5), span(1, 3, 2_001, 5)]);
    let record = LogRecord { severity_number: 9, event_name: "e".into(), ..LogRecord::default() };
    let record = logs("shop", vec![record]);
    let back = |signal, bytes: Vec<u8>| {
        to_protobuf(signal, from_protobuf(signal, &bytes).as_bytes()).unwrap()
    };
    let read = back(Signal::Traces, spans.encode_to_vec());
    assert_eq!(prost::Message::decode(&*read), Ok(spans));
    let read = back(Signal::Logs, record.encode_to_vec());
    assert_eq!(prost::Message::decode(&*read), Ok(record));
    let read = back(Signal::Metrics, metrics());
    assert_eq!(
        <ExportMetricsServiceRequest as prost::Message>::decode(&*read),
        ExportMetricsServiceRequest::decode(&*metrics())
    );
}

#[test]
fn no_bytes_are_too_strange() {
    let bytes = metrics();
    for cut in 0..bytes.len() {
        let mut strange = bytes[..cut].to_vec();
        strange.extend([0xff, 0x00, 0x7f]);
        written(Signal::Metrics, &strange);
        written(Signal::Traces, &strange);
    }
}
