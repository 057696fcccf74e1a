//! Rules for spans and log records, over HTTP with protobuf.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message as _;
use serde_json::{Value as Json, json};

use super::http::{PROTOBUF, TRACE};
use super::partial;
use crate::testing::{attribute, collector, end, logs, post, resource, span, traces, value_of};
use crate::wire::{put_bytes, put_varint};
use crate::{CollectorHandle, LogQuery};

async fn send(handle: &CollectorHandle, path: &str, request: Vec<u8>) -> u64 {
    let response = post(handle.addresses().http, path, &[PROTOBUF], request).await;
    assert_eq!(response.status(), 200);
    partial(response.body()).map_or(0, |partial| partial.rejected_spans as u64)
}

async fn send_spans(handle: &CollectorHandle, spans: Vec<Span>) -> u64 {
    send(handle, "/v1/traces", traces("shop", spans).encode_to_vec()).await
}

async fn send_logs(handle: &CollectorHandle, records: Vec<LogRecord>) -> u64 {
    send(handle, "/v1/logs", logs("shop", records).encode_to_vec()).await
}

/// Adds a field that no version of OTLP has.
fn with_unknown(mut message: Vec<u8>) -> Vec<u8> {
    put_bytes(1_000, b"from the future", &mut message);
    put_varint(1_001 << 3, &mut message);
    put_varint(u64::MAX, &mut message);
    message
}

/// SV9.
#[tokio::test]
async fn unknown_fields_and_enum_numbers_are_ignored_at_every_level() {
    let (handle, _folder) = collector().await;
    let mut sent = span(1, 1, 10, 1);
    sent.kind = 77;
    sent.status = Some(Status { code: 77, message: String::new() });
    let mut scope = Vec::new();
    put_bytes(2, &with_unknown(sent.encode_to_vec()), &mut scope);
    let mut entry = Vec::new();
    put_bytes(1, &with_unknown(resource("shop").encode_to_vec()), &mut entry);
    put_bytes(2, &with_unknown(scope), &mut entry);
    let mut request = Vec::new();
    put_bytes(1, &with_unknown(entry), &mut request);
    assert_eq!(send(&handle, "/v1/traces", with_unknown(request)).await, 0);
    let trace = handle.trace(TRACE.parse().unwrap()).unwrap();
    assert_eq!((&*trace.spans[0].service, &*trace.spans[0].kind), ("shop", "internal"));
    assert!(!trace.spans[0].error);
    end(handle).await;
}

/// SV10, J8.
#[tokio::test]
async fn every_kind_of_attribute_value_is_stored() {
    let (handle, _folder) = collector().await;
    let empty = AnyValue { value: None };
    let mixed = ArrayValue {
        values: vec![
            value_of(Value::IntValue(-1)),
            empty.clone(),
            value_of(Value::ArrayValue(ArrayValue { values: vec![] })),
        ],
    };
    let list = KeyValueList { values: vec![attribute("deep", Value::BoolValue(false))] };
    let mut sent = span(1, 1, 10, 1);
    sent.attributes = vec![
        KeyValue { key: "empty".to_owned(), value: Some(empty), ..KeyValue::default() },
        KeyValue { key: "absent".to_owned(), value: None, ..KeyValue::default() },
        attribute("bytes", Value::BytesValue(vec![0, 255])),
        attribute("mixed", Value::ArrayValue(mixed)),
        attribute("list", Value::KvlistValue(list)),
        attribute("double", Value::DoubleValue(f64::INFINITY)),
    ];
    assert_eq!(send_spans(&handle, vec![sent]).await, 0);
    let trace = handle.trace(TRACE.parse().unwrap()).unwrap();
    let stored: Json = serde_json::to_value(&trace.spans[0].attributes).unwrap();
    let expected = json!({
        "empty": null, "absent": null, "bytes": "AP8=", "mixed": [-1, null, []],
        "list": {"deep": false}, "double": "Infinity",
    });
    assert_eq!(stored, expected);
    end(handle).await;
}

/// SV11: numbers 8 and 3 are `string_value_strindex` and `key_strindex`.
#[tokio::test]
async fn the_string_table_of_profiles_is_absent_elsewhere() {
    let (handle, _folder) = collector().await;
    let (mut value, mut key_value) = (Vec::new(), Vec::new());
    put_varint(8 << 3, &mut value);
    put_varint(5, &mut value);
    put_bytes(1, b"key", &mut key_value);
    put_bytes(2, &value, &mut key_value);
    put_varint(3 << 3, &mut key_value);
    put_varint(5, &mut key_value);
    let mut sent = span(1, 1, 10, 1).encode_to_vec();
    put_bytes(9, &key_value, &mut sent);
    let (mut scope, mut entry, mut request) = (Vec::new(), Vec::new(), Vec::new());
    put_bytes(2, &sent, &mut scope);
    put_bytes(2, &scope, &mut entry);
    put_bytes(1, &entry, &mut request);
    assert_eq!(send(&handle, "/v1/traces", request).await, 0);
    let trace = handle.trace(TRACE.parse().unwrap()).unwrap();
    assert_eq!(trace.spans[0].attributes["key"], Json::Null);
    end(handle).await;
}

/// SV12.
#[tokio::test]
async fn a_span_needs_sound_ids_and_a_log_record_does_not() {
    let (handle, _folder) = collector().await;
    let mut spans = vec![span(1, 1, 10, 1)];
    for (trace_id, span_id) in
        [(vec![], vec![1; 8]), (vec![1; 15], vec![1; 8]), (vec![1; 16], vec![0; 8])]
    {
        spans.push(Span { trace_id, span_id, ..span(1, 1, 10, 1) });
    }
    assert_eq!(send_spans(&handle, spans).await, 3);
    let trace = handle.trace(TRACE.parse().unwrap()).unwrap();
    assert_eq!((trace.spans.len(), trace.spans[0].parent), (1, None));
    let records = [(vec![1; 15], vec![1; 8]), (vec![0; 16], vec![1; 8]), (vec![1; 16], vec![1; 7])]
        .map(|(trace_id, span_id)| LogRecord { trace_id, span_id, ..LogRecord::default() });
    assert_eq!(send_logs(&handle, records.to_vec()).await, 0);
    let kept = handle.logs(LogQuery::default());
    let mut ids: Vec<_> =
        kept.iter().map(|line| (line.trace_id.is_some(), line.span_id.is_some())).collect();
    ids.sort_unstable();
    assert_eq!(ids, [(false, false), (false, false), (true, false)]);
    end(handle).await;
}

/// SV13, SV14.
#[tokio::test]
async fn flags_are_kept_as_sent_and_an_end_before_the_start_is_no_error() {
    let (handle, folder) = collector().await;
    let mut sent = span(1, 1, 10, 1);
    sent.flags = 0xffff_ff01;
    (sent.start_time_unix_nano, sent.end_time_unix_nano) = (2_000, 1_000);
    (sent.kind, sent.status) = (0, None);
    assert_eq!(send_spans(&handle, vec![sent]).await, 0);
    let trace = handle.trace(TRACE.parse().unwrap()).unwrap();
    let span = &trace.spans[0];
    assert_eq!((span.start_unix_ns, span.duration_ns), (2_000, 0));
    assert_eq!((&*span.kind, span.error), ("internal", false));
    handle.seal().await.unwrap();
    let file = rusqlite::Connection::open(folder.path().join("run.db")).unwrap();
    let stored = file.query_row("SELECT flags, start_ns, end_ns FROM span", [], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    assert_eq!(stored.unwrap(), (0xffff_ff01, 2_000, 1_000));
    end(handle).await;
}

/// SV15.
#[tokio::test]
async fn a_log_record_without_a_time_gets_the_one_when_it_was_observed_or_came() {
    let (handle, _folder) = collector().await;
    let before = handle.core_clock().unix_ns();
    let records = [(5, 7), (0, 7), (0, 0)].map(|(time_unix_nano, observed_time_unix_nano)| {
        LogRecord { time_unix_nano, observed_time_unix_nano, ..LogRecord::default() }
    });
    let mut records = records.to_vec();
    records[0].event_name = "order.placed".to_owned();
    assert_eq!(send_logs(&handle, records).await, 0);
    let lines = handle.logs(LogQuery::default());
    assert_eq!((lines[0].unix_ns, &*lines[0].event), (5, "order.placed"));
    assert_eq!((lines[1].unix_ns, &*lines[1].event), (7, ""));
    assert!(lines[2].unix_ns >= before);
    end(handle).await;
}

/// SV18.
#[tokio::test]
async fn a_span_that_comes_twice_is_a_success_and_is_kept_once() {
    let (handle, _folder) = collector().await;
    for _ in 0..2 {
        assert_eq!(send_spans(&handle, vec![span(1, 1, 10, 1), span(1, 2, 10, 1)]).await, 0);
    }
    assert_eq!(handle.trace(TRACE.parse().unwrap()).unwrap().spans.len(), 2);
    let sealed = handle.seal().await.unwrap();
    assert_eq!((sealed.spans, sealed.rejected, sealed.dropped), (2, 0, 0));
    end(handle).await;
}

#[tokio::test]
async fn a_log_record_without_a_severity_number_has_that_of_its_text() {
    let (handle, _folder) = collector().await;
    let record = |number, text: &str| LogRecord {
        severity_number: number,
        severity_text: text.to_owned(),
        body: Some(value_of(Value::StringValue(format!("{number} {text}")))),
        ..LogRecord::default()
    };
    let records = vec![
        record(0, "ERROR"),
        record(0, "warn2"),
        record(0, "Warning"),
        record(0, "info"),
        record(0, "loud"),
        record(0, ""),
        // A number is never doubted.
        record(5, "ERROR"),
    ];
    send_logs(&handle, records).await;
    let at_least = |severity_min| {
        let query = LogQuery { severity_min: Some(severity_min), ..LogQuery::default() };
        let mut lines: Vec<(String, String)> =
            handle.logs(query).into_iter().map(|line| (line.body, line.severity)).collect();
        lines.sort_unstable();
        lines
    };
    let line = |body: &str, severity: &str| (body.to_owned(), severity.to_owned());
    assert_eq!(
        at_least(13),
        [line("0 ERROR", "ERROR"), line("0 Warning", "WARN"), line("0 warn2", "WARN")]
    );
    assert_eq!(at_least(5).len(), 5);
    end(handle).await;
}
