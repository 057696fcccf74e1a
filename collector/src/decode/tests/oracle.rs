//! Views beside what prost says of the same bytes, for arbitrary spans.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::{decoded, read, written};
use crate::record::{Signal, SpanView};
use crate::testing::traces;

fn any_value() -> impl Strategy<Value = Option<AnyValue>> {
    let leaf = prop_oneof![
        Just(None),
        "\\PC{0,12}".prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Any::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Any::IntValue(value))),
        any::<f64>().prop_map(|value| Some(Any::DoubleValue(value))),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Some(Any::BytesValue(bytes))),
    ];
    let leaf = prop_oneof![
        9 => leaf.prop_map(|value| Some(AnyValue { value })),
        1 => Just(None),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        let map = prop::collection::vec(("\\PC{0,6}", inner), 0..4);
        prop_oneof![
            list.prop_map(|list| {
                let values = list.into_iter().map(Option::unwrap_or_default).collect();
                Some(AnyValue { value: Some(Any::ArrayValue(ArrayValue { values })) })
            }),
            map.prop_map(|map| {
                let values = map.into_iter().map(entry).collect();
                Some(AnyValue { value: Some(Any::KvlistValue(KeyValueList { values })) })
            }),
        ]
    })
}

fn entry((key, value): (String, Option<AnyValue>)) -> KeyValue {
    KeyValue { key, value, ..KeyValue::default() }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        Just("http.route".to_owned()),
        Just("http.request.method".to_owned()),
        Just("http.response.status_code".to_owned()),
        Just("shakedown.blame".to_owned()),
        Just("shakedown.attempt".to_owned()),
        Just("shakedown.control".to_owned()),
        Just("x-request-id".to_owned()),
        Just("shakedown.correlation_id".to_owned()),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec((key(), any_value()).prop_map(entry), 0..8)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(1_u8.., length),
        1 => Just(vec![0; length]),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (any::<u64>(), "\\PC{0,9}", attributes());
    let event = event.prop_map(|(time_unix_nano, name, attributes)| Event {
        time_unix_nano,
        name,
        attributes,
        ..Event::default()
    });
    prop::collection::vec(event, 0..3)
}

fn links() -> impl Strategy<Value = Vec<Link>> {
    let link = (id(16), id(8), "\\PC{0,9}", attributes());
    let link = link.prop_map(|(trace_id, span_id, trace_state, attributes)| Link {
        trace_id,
        span_id,
        trace_state,
        attributes,
        ..Link::default()
    });
    prop::collection::vec(link, 0..3)
}

fn spans() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)]);
    let texts = ("\\PC{0,20}", "\\PC{0,20}", "\\PC{0,20}");
    let numbers = (any::<i32>(), any::<i32>(), any::<u32>(), any::<u64>(), any::<u64>());
    (ids, texts, numbers, attributes(), events(), links()).prop_map(
        |(ids, texts, numbers, attributes, events, links)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            name: texts.0,
            trace_state: texts.1,
            status: Some(Status { message: texts.2, code: numbers.1 }),
            kind: numbers.0,
            flags: numbers.2,
            start_time_unix_nano: numbers.3,
            end_time_unix_nano: numbers.4,
            attributes,
            events,
            links,
            ..Span::default()
        },
    )
}

/// The reading of a value that the collector promises, by another way.
fn expected(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::BoolValue(value)) => json!(value),
        Some(Any::IntValue(number)) => json!(number),
        Some(Any::DoubleValue(number)) if number.is_nan() => json!("NaN"),
        Some(Any::DoubleValue(number)) if *number == f64::INFINITY => json!("Infinity"),
        Some(Any::DoubleValue(number)) if *number == f64::NEG_INFINITY => json!("-Infinity"),
        Some(Any::DoubleValue(number)) => json!(number),
        Some(Any::BytesValue(bytes)) => json!(STANDARD.encode(bytes)),
        Some(Any::ArrayValue(list)) => list.values.iter().map(|it| expected(Some(it))).collect(),
        Some(Any::KvlistValue(map)) => expected_map(&map.values),
        _ => Value::Null,
    }
}

/// The last of several entries of one name counts, as in every reader of JSON.
fn expected_map(entries: &[KeyValue]) -> Value {
    let entries = entries.iter().map(|it| (it.key.clone(), expected(it.value.as_ref())));
    Value::Object(entries.collect::<BTreeMap<_, _>>().into_iter().collect())
}

fn expected_text(value: Option<&AnyValue>) -> Option<String> {
    match value?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        Any::ArrayValue(list) => match list.values.first()?.value.as_ref()? {
            Any::StringValue(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn expected_int(value: Option<&AnyValue>) -> Option<i64> {
    match value?.value.as_ref()? {
        Any::IntValue(number) => Some(*number),
        Any::StringValue(text) => text.parse().ok(),
        _ => None,
    }
}

fn last<'a>(span: &'a Span, name: &str) -> Option<&'a AnyValue> {
    span.attributes.iter().rfind(|it| it.key == name)?.value.as_ref()
}

fn is_id(bytes: &[u8], length: usize) -> bool {
    bytes.len() == length && bytes.iter().any(|byte| *byte != 0)
}

fn is_sound(span: &Span) -> bool {
    is_id(&span.trace_id, 16)
        && is_id(&span.span_id, 8)
        && [0, 8].contains(&span.parent_span_id.len())
}

fn same(view: SpanView<'_>, sent: &Span) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.trace_id.as_bytes().as_slice(), &sent.trace_id);
    prop_assert_eq!(view.span_id.as_bytes().as_slice(), &sent.span_id);
    let parent = view.parent.map(|id| id.as_bytes().to_vec());
    prop_assert_eq!(parent.is_some(), is_id(&sent.parent_span_id, 8));
    prop_assert_eq!(parent.unwrap_or(sent.parent_span_id.clone()), &*sent.parent_span_id);
    let status = sent.status.as_ref().unwrap();
    prop_assert_eq!((view.name(), view.trace_state()), (&*sent.name, &*sent.trace_state));
    prop_assert_eq!((view.status, view.status_message()), (status.code, &*status.message));
    prop_assert_eq!((view.kind, view.flags), (sent.kind, sent.flags));
    let times = (sent.start_time_unix_nano, sent.end_time_unix_nano);
    prop_assert_eq!((view.start_unix_ns, view.end_unix_ns), times);
    prop_assert_eq!(read(|out| view.write_attributes(out)), expected_map(&sent.attributes));
    let text = |name| expected_text(last(sent, name));
    prop_assert_eq!(view.http_route().map(Into::into), text("http.route"));
    prop_assert_eq!(view.http_method().map(Into::into), text("http.request.method"));
    prop_assert_eq!(view.blame().map(Into::into), text("shakedown.blame"));
    let int = |name| expected_int(last(sent, name));
    prop_assert_eq!(view.http_status(), int("http.response.status_code"));
    prop_assert_eq!(view.attempt(), int("shakedown.attempt"));
    let events: Vec<_> = view
        .events()
        .map(|it| (it.unix_ns, it.name.to_owned(), read(|out| it.write_attributes(out))))
        .collect();
    let sent_events: Vec<_> = sent
        .events
        .iter()
        .map(|it| (it.time_unix_nano, it.name.clone(), expected_map(&it.attributes)))
        .collect();
    prop_assert_eq!(events, sent_events);
    let links = written(|out| view.write_links(out));
    prop_assert_eq!(links.is_empty(), sent.links.is_empty());
    if !links.is_empty() {
        let links: Vec<Value> = serde_json::from_str(&links).unwrap();
        prop_assert_eq!(links.len(), sent.links.len());
        for (link, sent) in links.iter().zip(&sent.links) {
            prop_assert_eq!(&link["trace_state"], &json!(sent.trace_state));
            prop_assert_eq!(&link["attributes"], &expected_map(&sent.attributes));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn views_read_what_prost_reads(sent in prop::collection::vec(spans(), 0..5)) {
        let bytes = traces("shop", sent).encode_to_vec();
        let batch = decoded(Signal::Traces, &bytes);
        let read = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let read = &read.resource_spans[0].scope_spans[0].spans;
        let sound: Vec<&Span> = read.iter().filter(|span| is_sound(span)).collect();
        prop_assert_eq!(batch.spans.len(), sound.len());
        prop_assert_eq!(batch.rejected.count() as usize, read.len() - sound.len());
        for (view, sent) in batch.spans().zip(sound) {
            same(view, sent)?;
        }
    }
}
