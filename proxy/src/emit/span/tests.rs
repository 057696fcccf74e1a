use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// A value as a test owns it.
#[derive(Debug, Clone)]
enum Owned {
    Text(String),
    Int(i64),
    Bool(bool),
    Absent,
}

/// Keys are constants in the program; these are of every length that matters.
const KEYS: [&str; 6] = [
    "",
    "k",
    "shakedown.correlation_id",
    "schlüssel",
    "sixty-bytes-sixty-bytes-sixty-bytes-sixty-bytes-sixty-bytes-",
    "a key of more than one hundred and twenty-seven bytes, which is where the length of a field \
     begins to need a second byte on the wire",
];

impl Owned {
    fn lend<'a>(&'a self, key: &'static str) -> Attr<'a> {
        match self {
            Self::Text(text) => Attr::Text(key, text),
            Self::Int(number) => Attr::Int(key, *number),
            Self::Bool(truth) => Attr::Bool(key, *truth),
            Self::Absent => Attr::Absent,
        }
    }

    fn as_proto(&self, key: &str) -> Option<KeyValue> {
        let value = match self {
            Self::Text(text) => Value::StringValue(text.clone()),
            Self::Int(number) => Value::IntValue(*number),
            Self::Bool(truth) => Value::BoolValue(*truth),
            Self::Absent => return None,
        };
        Some(KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        })
    }
}

/// Texts around the places where a length needs another byte, and texts of any characters.
fn text() -> impl Strategy<Value = String> {
    let long = prop::sample::select(vec![0_usize, 1, 99, 118, 127, 128, 16_300, 16_384, 70_000]);
    prop_oneof![
        4 => any::<String>(),
        2 => "[a-z/]{0,140}",
        1 => (long, any::<char>()).prop_map(|(length, letter)| {
            std::iter::repeat_n(letter, length).collect()
        }),
        1 => Just("\0\u{7f}\r\n\"\\{}<script>%00\u{202e}\u{feff}𝕏".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        4 => text().prop_map(Owned::Text),
        2 => any::<i64>().prop_map(Owned::Int),
        1 => any::<bool>().prop_map(Owned::Bool),
        1 => Just(Owned::Absent),
    ]
}

/// What a test keeps of a span to compare.
#[derive(Debug, Clone)]
struct Kept {
    ids: SpanIds,
    name: String,
    server: bool,
    times: (u64, u64),
    attributes: Vec<(&'static str, Owned)>,
    error: Option<String>,
    tracestate: Option<String>,
    remote_parent: bool,
}

fn kept() -> impl Strategy<Value = Kept> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<Option<[u8; 8]>>(), 0_u8..4).prop_map(
        |(trace_id, span_id, parent, flags)| SpanIds {
            trace_id,
            span_id,
            parent,
            flags,
            sampled: true,
        },
    );
    let attributes = prop::collection::vec((prop::sample::select(KEYS.to_vec()), value()), 0..12);
    let texts = (text(), prop::option::of(text()), prop::option::of(text()));
    let rest = (any::<bool>(), any::<(u64, u64)>(), any::<bool>());
    (ids, texts, rest, attributes).prop_map(
        |(ids, (name, error, tracestate), (server, times, remote_parent), attributes)| Kept {
            ids,
            name,
            server,
            times,
            attributes,
            error,
            tracestate,
            remote_parent,
        },
    )
}

impl Kept {
    fn write(&self, out: &mut Vec<u8>) {
        let attributes: Vec<Attr<'_>> =
            self.attributes.iter().map(|(key, value)| value.lend(key)).collect();
        let record = SpanRecord {
            ids: self.ids,
            name: &self.name,
            kind: if self.server { Kind::Server } else { Kind::Client },
            start_unix_ns: self.times.0,
            end_unix_ns: self.times.1,
            attributes: &attributes,
            error: self.error.as_deref(),
            tracestate: self.tracestate.as_deref(),
            remote_parent: self.remote_parent,
        };
        encode(&record, out);
    }

    fn as_proto(&self) -> Span {
        let status = self.error.clone().map(|message| Status { message, code: 2 });
        Span {
            trace_id: self.ids.trace_id.to_vec(),
            span_id: self.ids.span_id.to_vec(),
            trace_state: self.tracestate.clone().unwrap_or_default(),
            parent_span_id: self.ids.parent.map(Vec::from).unwrap_or_default(),
            flags: u32::from(self.ids.flags) | 0x100 | if self.remote_parent { 0x200 } else { 0 },
            name: self.name.clone(),
            kind: if self.server { 2 } else { 3 },
            start_time_unix_nano: self.times.0,
            end_time_unix_nano: self.times.1,
            attributes: self
                .attributes
                .iter()
                .filter_map(|(key, value)| value.as_proto(key))
                .collect(),
            status,
            ..Span::default()
        }
    }
}

proptest! {
    #[test]
    fn what_a_collector_reads_is_exactly_what_was_recorded(
        all in prop::collection::vec(kept(), 1..4),
    ) {
        let mut bytes = Vec::new();
        for kept in &all {
            kept.write(&mut bytes);
        }
        let read = ScopeSpans::decode(bytes.as_slice()).unwrap();
        let expected: Vec<Span> = all.iter().map(Kept::as_proto).collect();
        prop_assert_eq!(read.spans, expected);
    }
}

#[test]
fn a_buffer_with_room_is_not_allocated_anew() {
    let ids = SpanIds::under(None, true);
    let record = SpanRecord {
        ids,
        name: "GET",
        kind: Kind::Client,
        start_unix_ns: 1,
        end_unix_ns: 2,
        attributes: &[Attr::Text("url.path", "/orders"), Attr::Int("shakedown.attempt", 0)],
        error: Some("the callee answered 500"),
        tracestate: None,
        remote_parent: false,
    };
    let mut bytes = Vec::with_capacity(4_096);
    let place = bytes.as_ptr();
    for _ in 0..20 {
        encode(&record, &mut bytes);
    }
    assert!(bytes.len() <= 4_096 && bytes.as_ptr() == place);
}
