use std::collections::BTreeMap;

use model::id::SpanId;
use serde_json::json;

use super::*;

fn span(id: u8, parent: Option<u8>, from_ms: u64, ms: u64) -> Span {
    let id_of = |id: u8| SpanId::from_bytes([id; 8]).unwrap();
    Span {
        span_id: id_of(id),
        parent: parent.map(id_of),
        service: "orders".to_owned(),
        name: format!("step {id}"),
        kind: "server".to_owned(),
        start_unix_ns: 1_000_000_000 + from_ms * 1_000_000,
        duration_ns: ms * 1_000_000,
        error: false,
        status_message: String::new(),
        attributes: BTreeMap::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn trace() -> Trace {
    let mut failed = span(2, Some(1), 50, 50);
    failed.error = true;
    failed.attributes.insert(attribute::ERROR_TYPE.to_owned(), json!("timeout"));
    failed.attributes.insert(attribute::FAULT.to_owned(), json!("slow \u{1b}[31m payments"));
    let log = LogLine {
        unix_ns: 1_075_000_000,
        service: "orders".to_owned(),
        severity: "WARN".to_owned(),
        body: "payment is late\nagain".to_owned(),
        event: String::new(),
        trace_id: None,
        span_id: None,
        correlation_id: None,
        attributes: BTreeMap::new(),
    };
    let trace_id = "01".repeat(16).parse().unwrap();
    Trace { trace_id, spans: vec![span(1, None, 0, 100), failed], logs: vec![log] }
}

fn screen(width: usize, ascii: bool) -> Screen {
    Screen { width, color: false, ascii }
}

#[test]
fn every_span_is_a_bar_at_its_place_with_what_went_wrong() {
    let expected = "\
01010101010101010101010101010101
100 ms, 2 spans, 1 error, from 1970-01-01 00:00:01.000 UTC
orders  step 1                    ==================    100 ms
  orders  step 2                  .........=========   50.0 ms ! timeout * slow~
      +75.0 ms  WARN   orders  payment is late again
";
    assert_eq!(page(&trace(), &screen(80, true)), expected);
}

#[test]
fn no_line_is_wider_than_the_screen_and_nothing_from_outside_moves_the_cursor() {
    let mut wide = trace();
    for depth in 3..40 {
        let mut span = span(depth, Some(depth - 1), 60, 0);
        span.name = "a name that is long ".repeat(9);
        wide.spans.push(span);
    }
    for (width, ascii) in [(60, true), (60, false), (80, false), (240, false)] {
        for line in page(&wide, &screen(width, ascii)).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
            assert!(!ascii || line.is_ascii(), "{line}");
        }
    }
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let plain = page(&trace(), &screen(80, false));
    let painted = page(&trace(), &Screen { color: true, ..screen(80, false) });
    assert!(!plain.contains('\u{1b}') && painted.contains("\u{1b}[31m"));
    assert_eq!(page(&Trace { spans: vec![], ..trace() }, &screen(80, true)).lines().count(), 3);
}
