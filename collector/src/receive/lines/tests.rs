use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::buffer::LineBuffer;
use super::record::NAMES;
use super::*;

fn converted(text: &[u8]) -> (Converted, ExportLogsServiceRequest) {
    let source = LineSource { service: "shop".to_owned(), instance: "1".to_owned() };
    let converted = convert(&source, text, 77, |_bytes| Ok(())).unwrap();
    let request = ExportLogsServiceRequest::decode(&*converted.payload).unwrap();
    (converted, request)
}

fn record(line: &Value) -> LogRecord {
    record::read(line.to_string().as_bytes(), false).1
}

fn text(value: Option<&AnyValue>) -> &str {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

#[test]
fn a_line_of_json_gives_its_fields_by_the_names_that_loggers_use() {
    let line = json!({
        "ts": "2026-11-25T19:22:45.5Z", "lvl": "warn", "msg": "charged", "service": "payments",
        "trace_id": "5b8efff798038103d269b633813fc60c", "span_id": "eee19b7ec3c1b174",
        "trace_flags": "01", "x-request-id": "u1-7", "amount": 4_900, "card": {"last": [1, null]},
    });
    let (_, request) = converted(line.to_string().as_bytes());
    let resource = request.resource_logs[0].resource.as_ref().unwrap();
    let named: Vec<_> =
        resource.attributes.iter().map(|entry| (&*entry.key, text(entry.value.as_ref()))).collect();
    assert_eq!(named, [("service.name", "payments"), ("service.instance.id", "1")]);
    let scope = &request.resource_logs[0].scope_logs[0];
    assert_eq!(scope.scope.as_ref().unwrap().name, "lines");
    let record = &scope.log_records[0];
    assert_eq!(record.time_unix_nano, 1_795_634_565_500_000_000);
    assert_eq!(record.observed_time_unix_nano, 77);
    assert_eq!((record.severity_number, &*record.severity_text), (13, "warn"));
    assert_eq!(text(record.body.as_ref()), "charged");
    assert_eq!((record.trace_id[0], record.span_id[0], record.flags), (0x5b, 0xee, 1));
    let keys: Vec<_> = record.attributes.iter().map(|entry| &*entry.key).collect();
    assert_eq!(keys, ["shakedown.correlation_id", "amount", "card"]);
    assert_eq!(text(record.attributes[0].value.as_ref()), "u1-7");
}

#[test]
fn what_makes_no_sense_for_its_name_stays_an_attribute() {
    let line = json!({
        "time": "noon", "level": "loud", "trace_id": "5b8e", "span_id": "0000000000000000",
        "service": {"name": "shop"}, "request_id": 5, "trace_flags": "1",
    });
    let (service, record) = record::read(line.to_string().as_bytes(), false);
    let plain = LogRecord { attributes: Vec::new(), ..record.clone() };
    assert_eq!((service, plain), (None, LogRecord::default()));
    let keys: Vec<_> = record.attributes.iter().map(|entry| &*entry.key).collect();
    let expected = ["level", "request_id", "service", "span_id", "time", "trace_flags", "trace_id"];
    assert_eq!(keys, expected);
}

#[test]
fn the_best_name_wins_and_the_others_stay_attributes() {
    let named = record(&json!({"message": "m", "msg": "n", "body": "b"}));
    assert_eq!((text(named.body.as_ref()), named.attributes.len()), ("m", 2));
    // The `tracing` crate nests what a line says.
    let nested = record(&json!({"level": "INFO", "fields": {"message": "m", "level": 5, "n": 1}}));
    assert_eq!((text(nested.body.as_ref()), nested.severity_number), ("m", 9));
    assert_eq!(nested.attributes.len(), 1);
}

#[test]
fn a_line_that_is_no_json_object_is_kept_as_it_is() {
    let lines = b"plain text\r\n\n  \n{\"open\": \n[1, 2]\n42\n\xff\xfe\nlast";
    let (converted, request) = converted(lines);
    let records = &request.resource_logs[0].scope_logs[0].log_records;
    let bodies: Vec<_> = records.iter().map(|record| text(record.body.as_ref())).collect();
    assert_eq!(bodies, ["plain text", "{\"open\":", "[1, 2]", "42", "\u{fffd}\u{fffd}", "last"]);
    assert_eq!((converted.records, converted.cut), (6, 0));
}

#[test]
fn times_are_told_apart_by_their_form_and_size() {
    let second = 1_795_634_565_000_000_000;
    for (written, expected) in [
        (json!("2026-11-25T19:22:45Z"), Some(second)),
        (json!("2026-11-25 19:22:45"), Some(second)),
        (json!("2026-11-25T19:22:45,000000001Z"), Some(second + 1)),
        (json!("2026-11-25T19:22:45.1234567891Z"), Some(second + 123_456_789)),
        (json!("2026-11-25T20:52:45+01:30"), Some(second)),
        (json!("2026-11-25T18:22:45-0100"), Some(second)),
        (json!("1970-01-01T00:00:01Z"), Some(1_000_000_000)),
        (json!("2000-02-29T00:00:00Z"), Some(951_782_400_000_000_000)),
        (json!(1_795_634_565_u64), Some(second)),
        (json!(1_795_634_565.25), Some(second + 250_000_000)),
        (json!(1_795_634_565_000_u64), Some(second)),
        (json!(1_795_634_565_000_000_u64), Some(second)),
        (json!(1_795_634_565_000_000_000_u64), Some(second)),
        (json!("1795634565"), Some(second)),
        (json!(1_795_634_565_000.5), Some(second + 500_000)),
        (json!("2026-13-25T19:22:45Z"), None),
        (json!("2026-11-25T25:22:45Z"), None),
        (json!("2026-11-25T19:22:45+1"), None),
        (json!("2026-11-25"), None),
        (json!("1960-01-01T00:00:00Z"), None),
        (json!("9999-01-01T00:00:00Z"), None),
        (json!(0), None),
        (json!(-5), None),
        (json!("NaN"), None),
        (json!(null), None),
    ] {
        assert_eq!(time::unix_ns(&written), expected, "{written}");
    }
}

#[test]
fn levels_are_known_by_name_and_by_number() {
    for (written, expected) in [
        (json!("INFO"), Some((9, "INFO"))),
        (json!("Warning"), Some((13, "Warning"))),
        (json!("err"), Some((17, "err"))),
        (json!("critical"), Some((21, "critical"))),
        (json!(30), Some((9, "INFO"))),
        (json!(50), Some((17, "ERROR"))),
        (json!(18), Some((18, "ERROR"))),
        (json!(0), None),
        (json!(99), None),
        (json!("loud"), None),
        (json!(true), None),
    ] {
        let found = level::severity(&written);
        let found = found.as_ref().map(|(number, text)| (*number, text.as_str()));
        assert_eq!(found, expected, "{written}");
    }
}

#[test]
fn a_line_that_is_too_long_keeps_its_beginning_and_says_so() {
    let long = format!("{{\"msg\": \"{}\"}}", "x".repeat(LINE_BYTES_MAX));
    let (converted, request) = converted(format!("{long}\nshort\n").as_bytes());
    assert_eq!((converted.records, converted.cut), (2, 1));
    let record = &request.resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!(text(record.body.as_ref()), &long[..LINE_BYTES_MAX]);
    assert_eq!(record.attributes[0].key, "shakedown.line.cut");
}

#[test]
fn lines_are_bounded_in_number_and_in_memory() {
    let lines = "1\n".repeat(LINES_MAX);
    assert_eq!(converted(lines.as_bytes()).0.records, LINES_MAX as u64);
    let source = LineSource::default();
    let too_many = convert(&source, format!("{lines}1").as_bytes(), 0, |_bytes| Ok(()));
    assert!(matches!(too_many, Err(LinesError::TooMany)));
    let room = |bytes| if bytes > 1_000 { Err(Refused) } else { Ok(()) };
    assert!(matches!(convert(&source, lines.as_bytes(), 0, room), Err(LinesError::Refused(_))));
}

#[test]
fn the_guide_names_every_name() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/receive.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    for (meaning, names) in NAMES {
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        assert!(guide.contains(&format!("| {names} |")), "{meaning:?}: {names}");
    }
}

proptest! {
    #[test]
    fn however_a_stream_is_cut_into_pieces_the_lines_are_the_same(
        lines in prop::collection::vec("[a-z]{0,9}", 0..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let stream = lines.join("\n");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let (mut buffer, mut whole) = (LineBuffer::default(), Vec::new());
        for piece in cuts.windows(2) {
            whole.extend(buffer.push(&stream.as_bytes()[piece[0]..piece[1]]));
        }
        whole.extend(buffer.end());
        prop_assert_eq!(whole, stream.as_bytes());
    }

    #[test]
    fn arbitrary_lines_never_panic_and_none_is_lost(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.trim_ascii().is_empty()).count();
        let (converted, request) = converted(&bytes);
        let records: usize = request.resource_logs.iter()
            .flat_map(|entry| &entry.scope_logs)
            .map(|scope| scope.log_records.len())
            .sum();
        prop_assert_eq!((converted.records as usize, records), (lines, lines));
    }
}
