mod oracle;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;

use super::*;
use crate::record::PointView;
use crate::testing::{attribute, logs, resource, span, text as text_attribute, traces, value_of};

fn metrics(data: Vec<Option<Data>>) -> ExportMetricsServiceRequest {
    let metrics = data
        .into_iter()
        .map(|data| Metric {
            name: "m".to_owned(),
            unit: "s".to_owned(),
            data,
            ..Metric::default()
        })
        .collect();
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource("shop")),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

fn decoded(signal: Signal, request: &[u8]) -> Batch {
    decode(signal, &Bytes::copy_from_slice(request), 77).unwrap()
}

fn written(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

fn read(write: impl FnOnce(&mut String)) -> serde_json::Value {
    serde_json::from_str(&written(write)).unwrap()
}

fn detail(point: PointView<'_>) -> String {
    let mut scratch = points::Scratch::default();
    point.fields(&mut scratch);
    written(|out| point.write_detail(&scratch, out))
}

fn fields(point: PointView<'_>) -> points::Fields {
    point.fields(&mut points::Scratch::default())
}

fn from_json(signal: Signal, request: &serde_json::Value) -> Result<Batch, DecodeError> {
    decode(signal, &json::to_protobuf(signal, request.to_string().as_bytes())?.into(), 77)
}

#[test]
fn every_field_of_a_span_arrives() {
    let mut sent = span(1, 2, 5_000, 250);
    sent.parent_span_id = vec![3; 8];
    sent.trace_state = "a=1".to_owned();
    sent.kind = 2;
    sent.flags = 0x301;
    sent.status = Some(Status { code: 2, message: "broken".to_owned() });
    sent.attributes = vec![
        text_attribute("shakedown.edge", "orders -> payments"),
        text_attribute("shakedown.blame", "upstream"),
        text_attribute("shakedown.correlation_id", "u1-2"),
        attribute("http.response.status_code", Value::IntValue(503)),
        attribute("a", Value::BytesValue(vec![255])),
        attribute(
            "b",
            Value::ArrayValue(ArrayValue { values: vec![value_of(Value::BoolValue(true))] }),
        ),
        attribute(
            "c",
            Value::KvlistValue(KeyValueList { values: vec![text_attribute("x", "\"")] }),
        ),
        attribute("d", Value::DoubleValue(f64::NAN)),
    ];
    sent.events = vec![Event { time_unix_nano: 9, name: "e".to_owned(), ..Event::default() }];
    sent.links = vec![Link { trace_id: vec![4; 16], span_id: vec![5; 8], ..Link::default() }];
    let batch = decoded(Signal::Traces, &traces("shop", vec![sent]).encode_to_vec());
    let span = batch.span(0).unwrap();
    assert_eq!(span.origin().resource.service, "shop");
    assert_eq!(span.parent.unwrap().as_bytes(), &[3; 8]);
    assert_eq!((span.kind, span.flags, span.status), (2, 0x301, 2));
    assert_eq!((span.trace_state(), span.status_message()), ("a=1", "broken"));
    assert_eq!(span.duration_ns(), 250_000_000);
    assert_eq!(span.edge().unwrap().to_string(), "orders -> payments");
    assert_eq!(span.correlation_id().unwrap().as_str(), "u1-2");
    assert_eq!((span.blame().as_deref(), span.http_status()), (Some("upstream"), Some(503)));
    let attributes = read(|out| span.write_attributes(out));
    assert_eq!(attributes["a"], json!("/w=="));
    assert_eq!(attributes["b"], json!([true]));
    assert_eq!(attributes["c"], json!({"x": "\""}));
    assert_eq!(attributes["d"], json!("NaN"));
    let events: Vec<(u64, &str)> = span.events().map(|event| (event.unix_ns, event.name)).collect();
    assert_eq!(events, [(9, "e")]);
    let links = read(|out| span.write_links(out));
    assert_eq!(links[0]["span_id"], json!("0505050505050505"));
}

#[test]
fn spans_with_invalid_ids_are_rejected_one_by_one_and_counted() {
    let mut spans = vec![span(1, 1, 10, 1)];
    for (trace_id, span_id, parent) in [
        (vec![], vec![1; 8], vec![]),
        (vec![0; 16], vec![1; 8], vec![]),
        (vec![1; 15], vec![1; 8], vec![]),
        (vec![1; 16], vec![0; 8], vec![]),
        (vec![1; 16], vec![1; 7], vec![]),
        (vec![1; 16], vec![1; 8], vec![1; 3]),
    ] {
        let mut bad = span(1, 1, 10, 1);
        (bad.trace_id, bad.span_id, bad.parent_span_id) = (trace_id, span_id, parent);
        spans.push(bad);
    }
    let batch = decoded(Signal::Traces, &traces("shop", spans).encode_to_vec());
    assert_eq!((batch.spans.len(), batch.rejected.count()), (1, 6));
    assert!(batch.rejected.to_string().contains("the trace id is not 16 bytes, or all zero (3)"));
}

#[test]
fn a_log_with_an_invalid_trace_id_is_kept_without_correlation() {
    let record = LogRecord { trace_id: vec![1; 3], span_id: vec![2; 8], ..LogRecord::default() };
    let batch = decoded(Signal::Logs, &logs("shop", vec![record]).encode_to_vec());
    assert_eq!(batch.rejected.count(), 0);
    assert_eq!((batch.logs[0].trace_id, batch.logs[0].span_id), (None, None));
    // Neither time was given, so both are when it came.
    assert_eq!((batch.logs[0].unix_ns, batch.logs[0].observed_unix_ns), (77, 77));
}

#[test]
fn invalid_utf8_rejects_its_item_and_one_in_the_resource_all_below() {
    let mut request = traces("shop", vec![span(1, 1, 10, 1), span(1, 2, 10, 1)]).encode_to_vec();
    let name = request.windows(5).position(|bytes| bytes == b"GET /").unwrap();
    request[name] = 0xff;
    let batch = decoded(Signal::Traces, &request);
    assert_eq!((batch.spans.len(), batch.rejected.count()), (1, 1));

    let mut request = traces("shop", vec![span(1, 1, 10, 1), span(1, 2, 10, 1)]).encode_to_vec();
    let service = request.windows(4).position(|bytes| bytes == b"shop").unwrap();
    request[service] = 0xff;
    let batch = decoded(Signal::Traces, &request);
    assert_eq!((batch.spans.len(), batch.rejected.count()), (0, 2));
}

#[test]
fn a_truncated_request_is_refused_as_a_whole() {
    let request = traces("shop", vec![span(1, 1, 10, 1)]).encode_to_vec();
    let request = Bytes::from(request);
    assert!(decode(Signal::Traces, &request.slice(..request.len() - 1), 0).is_err());
}

#[test]
fn a_value_that_is_nested_too_deep_rejects_its_item() {
    let mut value = Value::IntValue(1);
    for _ in 0..60 {
        value = Value::ArrayValue(ArrayValue { values: vec![value_of(value)] });
    }
    let mut deep = span(1, 1, 10, 1);
    deep.attributes = vec![attribute("deep", value)];
    let batch = decoded(Signal::Traces, &traces("shop", vec![deep]).encode_to_vec());
    assert_eq!((batch.spans.len(), batch.rejected.count()), (0, 1));
}

#[test]
fn all_five_kinds_of_metrics_become_points() {
    let number = NumberDataPoint { value: Some(Number::AsInt(-3)), ..NumberDataPoint::default() };
    let buckets = Some(Buckets { offset: -2, bucket_counts: vec![1, 300] });
    let request = metrics(vec![
        Some(Data::Gauge(Gauge { data_points: vec![number.clone()] })),
        Some(Data::Sum(Sum {
            data_points: vec![number],
            aggregation_temporality: 2,
            is_monotonic: true,
        })),
        Some(Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                count: 3,
                sum: Some(4.5),
                bucket_counts: vec![1, 2],
                explicit_bounds: vec![0.5],
                ..HistogramDataPoint::default()
            }],
            aggregation_temporality: 1,
        })),
        Some(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                count: 301,
                scale: -1,
                positive: buckets,
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: 2,
        })),
        Some(Data::Summary(Summary {
            data_points: vec![SummaryDataPoint {
                count: 2,
                quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 1.5 }],
                ..SummaryDataPoint::default()
            }],
        })),
    ]);
    let batch = decoded(Signal::Metrics, &request.encode_to_vec());
    assert_eq!(batch.rejected.count(), 0);
    let points: Vec<PointView<'_>> = batch.points().collect();
    let kinds: Vec<&str> = points.iter().map(|point| point.metric().head.kind.as_str()).collect();
    assert_eq!(kinds, ["gauge", "sum", "histogram", "exponential_histogram", "summary"]);
    assert_eq!(fields(points[0]).int_value, Some(-3));
    assert!(points[1].metric().head.monotonic);
    assert_eq!((fields(points[2]).count, fields(points[2]).sum), (Some(3), Some(4.5)));
    assert_eq!(detail(points[2]), r#"{"bounds":[0.5],"counts":[1,2]}"#);
    assert!(detail(points[3]).contains(r#""positive":{"offset":-2,"counts":[1,300]}"#));
    assert!(detail(points[3]).starts_with(r#"{"scale":-1,"#));
    assert_eq!(detail(points[4]), r#"{"quantiles":[[0.5,1.5]]}"#);
}

#[test]
fn senseless_metric_points_are_rejected_and_counted() {
    let histogram = |bucket_counts: Vec<u64>, explicit_bounds: Vec<f64>| {
        let point = HistogramDataPoint { bucket_counts, explicit_bounds, ..<_>::default() };
        Some(Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 1 }))
    };
    let valueless = NumberDataPoint::default();
    let stale = NumberDataPoint { flags: 1, ..NumberDataPoint::default() };
    for (data, taken, rejected) in [
        (histogram(vec![1], vec![1.0]), 0, 1),
        (histogram(vec![1, 2, 3], vec![2.0, 1.0]), 0, 1),
        (histogram(vec![], vec![]), 1, 0),
        (Some(Data::Gauge(Gauge { data_points: vec![valueless.clone(), stale] })), 1, 1),
        // Without a temporality every point of the metric is meaningless.
        (Some(Data::Sum(Sum { data_points: vec![valueless; 3], ..Sum::default() })), 0, 3),
        (None, 0, 0),
    ] {
        let batch = decoded(Signal::Metrics, &metrics(vec![data.clone()]).encode_to_vec());
        assert_eq!((batch.points.len(), batch.rejected.count()), (taken, rejected), "{data:?}");
    }
}

fn json_span(change: &serde_json::Value) -> serde_json::Value {
    let mut span = json!({
        "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
        "name": "s", "startTimeUnixNano": "1000", "endTimeUnixNano": 3000,
    });
    for (key, value) in change.as_object().unwrap() {
        span[key] = value.clone();
    }
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

#[test]
fn liberal_json_is_taken() {
    for change in [
        json!({}),
        json!({"unknown": {"deep": [1]}, "kind": "SPAN_KIND_SERVER", "parentSpanId": ""}),
        json!({"attributes": null, "events": null, "status": null, "name": null, "flags": "257"}),
        json!({"kind": "A_KIND_FROM_THE_FUTURE", "status": {"code": 99}}),
        json!({"attributes": [{"key": "k", "value": {}}, {"key": "k2"}]}),
        json!({"attributes": [{"key": "k", "value": {"arrayValue": {}}}]}),
        json!({"attributes": [{"key": "k", "value": {"kvlistValue": {"values": null}}}]}),
        json!({"attributes": [{"key": "k", "value": {"doubleValue": "NaN"}}]}),
        json!({"attributes": [{"key": "k", "value": {"doubleValue": "1.5"}}]}),
        json!({"attributes": [{"key": "k", "value": {"intValue": 5}}]}),
        json!({"attributes": [{"key": "k", "value": {"bytesValue": "_-8"}}]}),
        json!({"attributes": [{"key": "k", "value": {"bytesValue": "/+8="}}]}),
    ] {
        let batch = from_json(Signal::Traces, &json_span(&change)).unwrap();
        assert_eq!((batch.spans.len(), batch.rejected.count()), (1, 0), "{change}");
        assert_eq!(batch.spans[0].trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
        assert_eq!((batch.spans[0].start_unix_ns, batch.spans[0].end_unix_ns), (1_000, 3_000));
    }
    assert!(from_json(Signal::Traces, &json!({})).unwrap().spans.is_empty());
}

#[test]
fn json_items_with_invalid_ids_are_rejected_one_by_one() {
    for change in [
        json!({"traceId": "5b8e"}),
        json!({"traceId": "0x8EFFF798038103D269B633813FC60C"}),
        json!({"traceId": "W47/95gDgQPSabYzgT/GDA=="}),
        json!({"traceId": null}),
        json!({"spanId": "0000000000000000"}),
        json!({"parentSpanId": "zz"}),
    ] {
        let batch = from_json(Signal::Traces, &json_span(&change)).unwrap();
        assert_eq!((batch.spans.len(), batch.rejected.count()), (0, 1), "{change}");
    }
    let snake = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"trace_id": "00"}]}]}]});
    assert_eq!(from_json(Signal::Traces, &snake).unwrap().rejected.count(), 1);
}

#[test]
fn json_that_fits_no_field_refuses_the_request_and_names_the_path() {
    for (change, path) in [
        (json!({"startTimeUnixNano": "noon"}), "startTimeUnixNano"),
        (json!({"endTimeUnixNano": -1}), "endTimeUnixNano"),
        (json!({"name": 5}), "name"),
        (json!({"traceId": 5}), "traceId"),
        (json!({"attributes": {}}), "attributes"),
        (json!({"attributes": [{"key": "k", "value": {"intValue": 1.5}}]}), "intValue"),
        (json!({"attributes": [{"key": "k", "value": {"bytesValue": "***"}}]}), "bytesValue"),
    ] {
        let refused = from_json(Signal::Traces, &json_span(&change)).unwrap_err().to_string();
        assert!(refused.starts_with("resourceSpans[0].scopeSpans[0].spans[0]."), "{refused}");
        assert!(refused.contains(path), "{refused}");
    }
    assert!(json::to_protobuf(Signal::Traces, b"{").is_err());
}

#[test]
fn a_json_gauge_of_nan_keeps_its_value() {
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "g", "gauge": {"dataPoints": [{"asDouble": "NaN", "timeUnixNano": "5"}]}},
        {"name": "s", "sum": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
            "dataPoints": [{"asInt": "-7", "attributes": null}]}},
    ]}]}]});
    let batch = from_json(Signal::Metrics, &request).unwrap();
    let points: Vec<points::Fields> = batch.points().map(fields).collect();
    assert!(points[0].double_value.unwrap().is_nan());
    assert_eq!(points[1].int_value, Some(-7));
}

#[test]
fn json_and_protobuf_of_the_same_span_give_the_same_record() {
    let mut sent = span(1, 2, 5_000, 250);
    sent.attributes = vec![attribute("n", Value::IntValue(-5)), text_attribute("t", "x")];
    sent.flags = 257;
    let protobuf = decoded(Signal::Traces, &traces("shop", vec![sent]).encode_to_vec());
    let json = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": "01010101010101010101010101010101", "spanId": "0202020202020202",
            "name": "GET /", "kind": 1, "startTimeUnixNano": "4750000000",
            "endTimeUnixNano": "5000000000", "flags": 257,
            "attributes": [{"key": "n", "value": {"intValue": "-5"}},
                           {"key": "t", "value": {"stringValue": "x"}}],
        }]}],
    }]});
    let json = from_json(Signal::Traces, &json).unwrap();
    let views = |batch: &Batch| batch.spans().map(crate::query::span).collect::<Vec<_>>();
    assert_eq!(views(&json), views(&protobuf));
    assert_eq!(json.origins, protobuf.origins);
    assert_eq!(json.spans[0].flags, protobuf.spans[0].flags);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for signal in Signal::ALL {
            let _whatever_comes = decode(signal, &Bytes::copy_from_slice(&bytes), 0);
            let _whatever_comes = json::to_protobuf(signal, &bytes);
        }
    }

    #[test]
    fn a_damaged_request_never_panics_and_never_invents_items(
        at in 0_usize..200, byte in any::<u8>(),
    ) {
        let spans = vec![span(1, 1, 10, 1), span(1, 2, 10, 1)];
        let mut request = traces("shop", spans).encode_to_vec();
        let at = at % request.len();
        request[at] = byte;
        let request = Bytes::from(request);
        if let Ok(batch) = decode(Signal::Traces, &request, 0) {
            prop_assert!(batch.items() + batch.rejected.count() <= request.len() as u64 / 2);
            // What was taken can be read.
            prop_assert_eq!(batch.spans().map(crate::query::span).count(), batch.spans.len());
        }
    }

    #[test]
    fn the_walker_reads_what_prost_writes(
        ids in prop::collection::vec((1_u8..=255, 1_u8..=255), 0..8),
        name in "\\PC{0,20}", value in "\\PC{0,20}", start in any::<u64>(), kind in 0_i32..6,
    ) {
        let spans = ids.iter().map(|(trace, id)| {
            let mut sent = span(*trace, *id, 10, 1);
            sent.name.clone_from(&name);
            sent.kind = kind;
            sent.start_time_unix_nano = start;
            sent.attributes = vec![text_attribute("k", &value)];
            sent
        }).collect();
        let request: ExportTraceServiceRequest = traces("shop", spans);
        let batch = decoded(Signal::Traces, &request.encode_to_vec());
        prop_assert_eq!(batch.spans.len(), ids.len());
        for (span, (trace, id)) in batch.spans().zip(ids) {
            prop_assert_eq!(span.trace_id.as_bytes(), &[trace; 16]);
            prop_assert_eq!(span.span_id.as_bytes(), &[id; 8]);
            prop_assert_eq!((span.name(), span.kind), (name.as_str(), kind));
            prop_assert_eq!(span.start_unix_ns, start);
            let attributes = read(|out| span.write_attributes(out));
            prop_assert_eq!(attributes["k"].as_str(), Some(value.as_str()));
        }
    }
}
