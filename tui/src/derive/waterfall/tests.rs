use std::collections::BTreeMap;

use model::frame::{LogLine, SpanEvent};
use model::names::{attribute, event};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const MS: u64 = 1_000_000;
const START: u64 = 1_000_000_000;

pub(crate) fn id(number: u8) -> SpanId {
    SpanId::from_bytes([number; 8]).unwrap()
}

/// Milliseconds from and to; parent 0 is none.
pub(crate) fn span(number: u8, parent: u8, about: (&str, &str), (from, to): (u64, u64)) -> Span {
    Span {
        span_id: id(number),
        parent: (parent > 0).then(|| id(parent)),
        service: about.0.to_owned(),
        name: format!("step {number}"),
        kind: about.1.to_owned(),
        start_unix_ns: START + from * MS,
        duration_ns: (to - from) * MS,
        error: false,
        status_message: String::new(),
        attributes: BTreeMap::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn with(mut span: Span, attributes: &[(&str, Value)]) -> Span {
    let owned = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    span.attributes.extend(owned);
    span
}

fn failed(mut span: Span, kind: &str, message: &str) -> Span {
    span.error = true;
    span.status_message = message.to_owned();
    with(span, &[(attribute::ERROR_TYPE, json!(kind))])
}

pub(crate) fn trace(spans: Vec<Span>, logs: Vec<LogLine>) -> Trace {
    Trace { trace_id: "9c1e44d0a7f2b8135f60c1aa20d94e77".parse().unwrap(), spans, logs }
}

fn log(number: u8, event: &str, body: &str, attributes: &[(&str, Value)]) -> LogLine {
    LogLine {
        unix_ns: START + 30 * MS,
        service: "gateway".to_owned(),
        severity: "WARN".to_owned(),
        body: body.to_owned(),
        event: event.to_owned(),
        trace_id: None,
        span_id: Some(id(number)),
        correlation_id: None,
        attributes: attributes.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
    }
}

/// A checkout whose payment was delayed by a fault, failed, and was then rejected by the breaker.
fn checkout() -> Trace {
    let edge = (attribute::EDGE, json!("orders -> payments"));
    let first = with(
        span(4, 3, ("gateway", "client"), (20, 250)),
        &[edge.clone(), (attribute::ATTEMPT, json!(0)), (attribute::FAULT, json!("abort"))],
    );
    let second = with(
        span(5, 3, ("gateway", "client"), (300, 305)),
        &[edge.clone(), (attribute::ATTEMPT, json!(1))],
    );
    let spans = vec![
        span(1, 0, ("load", "client"), (0, 400)),
        with(
            span(2, 1, ("orders", "server"), (10, 390)),
            &[
                (attribute::CORRELATION_ID, json!("u1-7")),
                (attribute::HTTP_METHOD, json!("POST")),
                (attribute::URL_PATH, json!("/checkout")),
                (attribute::HTTP_STATUS, json!(503)),
            ],
        ),
        with(span(3, 2, ("gateway", "server"), (15, 305)), &[edge]),
        failed(first, "injected-status", "503 by a fault"),
        failed(second, "breaker", "breaker open: failure rate 4 of 4"),
    ];
    let decision = [
        (attribute::FAULT, json!("abort")),
        (attribute::FAULT_OUTCOME, json!("hit")),
        (attribute::FAULT_PLACEMENT, json!("request")),
        (attribute::FAULT_DRAW, json!(0.113)),
        (attribute::FAULT_ACHIEVED_US, json!(230_000)),
    ];
    let logs = vec![
        log(4, event::FAULT_DECISION, "fault abort hit", &decision),
        log(4, event::BREAKER_TRANSITION, "closed -> open", &[]),
    ];
    trace(spans, logs)
}

fn text(waterfall: &Waterfall) -> Vec<String> {
    let row = |row: &WaterfallRow| {
        let path = if row.on_path { " *" } else { "" };
        let (start, length) = (row.start_ns / MS, row.length_ns / MS);
        let bar = row.bar.as_str();
        format!("{} {} {} {start}+{length} {bar}{path}", row.depth, row.service, row.name)
    };
    waterfall.rows.iter().map(row).collect()
}

#[test]
fn every_row_says_what_it_was_and_waits_between_attempts_are_rows() {
    let waterfall = Waterfall::of(&checkout(), Clocks::Corrected);
    assert_eq!(
        text(&waterfall),
        [
            "0 load step 1 0+400 ok *",
            "1 orders step 2 10+380 ok *",
            "2 gateway orders>payments 15+290 ok *",
            "3 gateway orders>payments 20+230 fault injected *",
            "3 gateway wait before try 2 250+50 wait",
            "3 gateway orders>payments try 2 300+5 rejected by breaker *",
        ]
    );
    let attempt = &waterfall.rows[3];
    assert_eq!(attempt.fault.as_deref(), Some("abort +230.0 ms"));
    assert_eq!(attempt.breaker.as_deref(), Some("closed -> open"));
    assert_eq!((attempt.attempt, attempt.start, attempt.length), (Some(1), 0.05, 0.575));
    let rejected = waterfall.rows[5].breaker.as_deref();
    assert_eq!(rejected, Some("breaker open: failure rate 4 of 4"));
    assert_eq!((waterfall.spans, waterfall.errors, waterfall.total_ns), (5, 2, 400 * MS));
    assert_eq!(waterfall.correlation_id.as_deref(), Some("u1-7"));
    assert!(waterfall.findings.is_empty(), "{:?}", waterfall.findings);
}

#[test]
fn the_parts_of_the_path_are_the_whole_and_the_fault_comes_first() {
    let waterfall = Waterfall::of(&checkout(), Clocks::Corrected);
    let parts: Vec<(&str, u64)> =
        waterfall.path.iter().map(|part| (part.what.as_str(), part.ns / MS)).collect();
    let expected = [
        ("fault abort on orders>payments", 230),
        ("orders: step 2", 90),
        ("gateway: wait before the next try", 50),
        ("on the way of step 1", 20),
        ("gateway: in a queue for orders>payments", 5),
        ("gateway: orders>payments, rejected by the breaker", 5),
    ];
    assert_eq!(parts, expected);
    assert_eq!(waterfall.path_total_ns, 400 * MS);
}

#[test]
fn callers_are_told_of_a_fault_but_it_is_no_bar_of_theirs() {
    let told = with(span(1, 0, ("load", "client"), (0, 9)), &[(attribute::FAULT, json!("abort"))]);
    let waterfall = Waterfall::of(&trace(vec![told], vec![]), Clocks::Corrected);
    assert_eq!(waterfall.rows[0].bar, BarKind::Ok);
    assert_eq!(waterfall.rows[0].fault.as_deref(), Some("abort"));
}

#[test]
fn the_focus_leaves_work_in_the_background_aside() {
    let spans = vec![
        span(1, 0, ("load", "client"), (0, 100)),
        span(2, 1, ("orders", "internal"), (390, 400)),
    ];
    let waterfall = Waterfall::of(&trace(spans, vec![]), Clocks::Corrected);
    assert_eq!((waterfall.focus, waterfall.total_ns), ((0.0, 0.25), 400 * MS));
    assert_eq!(waterfall.path_total_ns, 100 * MS);
}

#[test]
fn small_parts_are_told_together() {
    let spans = (1..=12).map(|at| {
        let parent = u8::from(at > 1);
        let times = if at == 1 { (0, 1_000) } else { (u64::from(at) * 10, u64::from(at) * 11) };
        span(at, parent, ("s", "internal"), times)
    });
    let waterfall = Waterfall::of(&trace(spans.collect(), vec![]), Clocks::Corrected);
    assert_eq!(waterfall.path.len(), 6);
    let last = waterfall.path.last().unwrap();
    assert_eq!((last.what.as_str(), last.work), ("everything else", None));
    let sum: u64 = waterfall.path.iter().map(|part| part.ns).sum();
    assert_eq!(sum, waterfall.path_total_ns);
}

#[test]
fn details_list_the_links_of_a_span() {
    let mut checkout = checkout();
    let link = model::frame::SpanLink {
        trace_id: "07".repeat(16).parse().unwrap(),
        span_id: id(9),
        attributes: [("why".to_owned(), json!("batch"))].into(),
    };
    let waterfall = Waterfall::of(&checkout, Clocks::Corrected);
    let at = waterfall.rows[1].span.unwrap();
    checkout.spans[at].links = vec![link];
    let told = waterfall.details(&checkout, 1);
    let at = told.iter().position(|line| line.label == "links").unwrap();
    assert_eq!(told[at].value, format!("{} / {}", "07".repeat(16), id(9)));
    assert_eq!((told[at + 1].label.as_str(), told[at + 1].value.as_str()), ("", "why=batch"));
}

#[test]
fn details_tell_ids_http_fault_breaker_attributes_and_logs() {
    let checkout = checkout();
    let waterfall = Waterfall::of(&checkout, Clocks::Corrected);
    let line = |detail: &Detail| format!("{}: {}", detail.label, detail.value);
    let told: Vec<String> = waterfall.details(&checkout, 3).iter().map(line).collect();
    for expected in [
        "trace / span: 9c1e44d0a7f2b8135f60c1aa20d94e77 / 0404040404040404",
        "correlation: u1-7",
        "start, length: +20.0 ms, 230.0 ms",
        "error: injected-status: 503 by a fault",
        "fault: abort +230.0 ms",
        ": abort: placement request  outcome hit  draw 0.113  achieved us 230000",
        "breaker: closed -> open",
        "shakedown.attempt: 0",
        "logs: +10.0 ms WARN  fault abort hit",
    ] {
        assert!(told.iter().any(|line| line == expected), "{expected} in {told:#?}");
    }
    let orders: Vec<String> = waterfall.details(&checkout, 1).iter().map(line).collect();
    assert!(orders.contains(&"http: POST /checkout -> 503".to_owned()), "{orders:#?}");
    let wait: Vec<String> = waterfall.details(&checkout, 4).iter().map(line).collect();
    assert_eq!(wait, ["start, length: +250.0 ms, 50.0 ms"]);
    assert!(waterfall.details(&checkout, 99).is_empty());
}

#[test]
fn a_clock_that_is_wrong_is_corrected_and_can_be_shown_raw() {
    let spans =
        vec![span(1, 0, ("a", "client"), (100, 200)), span(2, 1, ("b", "server"), (20, 80))];
    let trace = trace(spans, vec![]);
    let corrected = Waterfall::of(&trace, Clocks::Corrected);
    assert_eq!(text(&corrected), ["0 a step 1 0+100 ok *", "1 b step 2 20+60 ok *"]);
    let shift = ClockShift { service: "b".to_owned(), shift_ns: 100_000_000, spans: 1 };
    assert_eq!(corrected.shifts, [shift]);
    assert_eq!(corrected.findings, ["1 span moved by up to 100.0 ms: clocks disagree"]);
    let raw = Waterfall::of(&trace, Clocks::Raw);
    assert_eq!(text(&raw), ["0 a step 1 80+100 ok *", "1 b step 2 0+60 ok *"]);
    assert_eq!(raw.total_ns, 180 * MS);
}

#[test]
fn what_is_missing_doubled_or_in_a_circle_is_said() {
    let spans = vec![
        span(1, 9, ("a", "server"), (0, 10)),
        span(2, 3, ("b", "internal"), (1, 2)),
        span(3, 2, ("b", "internal"), (1, 3)),
        span(3, 2, ("b", "internal"), (1, 3)),
    ];
    let waterfall = Waterfall::of(&trace(spans, vec![]), Clocks::Corrected);
    assert_eq!(
        waterfall.findings[..3],
        [
            "1 span without the parent it names, of a",
            "1 circle of parents, cut at b",
            "1 span came twice; one of each is shown",
        ]
    );
    assert_eq!(waterfall.rows.iter().filter(|row| row.is_loose).count(), 2);
}

#[test]
fn the_next_failed_row_is_found_round_the_end() {
    let waterfall = Waterfall::of(&checkout(), Clocks::Corrected);
    assert_eq!(waterfall.next_failed(0), Some(3));
    assert_eq!(waterfall.next_failed(3), Some(5));
    assert_eq!(waterfall.next_failed(5), Some(3));
    assert_eq!(waterfall.next_failed(usize::MAX), Some(3));
    assert_eq!(waterfall.previous_failed(5), Some(3));
    assert_eq!(waterfall.previous_failed(3), Some(5));
    let healthy = trace(vec![span(1, 0, ("a", "server"), (0, 1))], vec![]);
    assert_eq!(Waterfall::of(&healthy, Clocks::Raw).next_failed(0), None);
}

#[test]
fn a_row_is_found_by_its_span() {
    let waterfall = Waterfall::of(&checkout(), Clocks::Corrected);
    let id = waterfall.rows[3].span_id.unwrap();
    assert_eq!(waterfall.row_of(id), Some(3));
    assert_eq!(waterfall.row_of(SpanId::from_bytes([255; 8]).unwrap()), None);
}

#[test]
fn a_trace_of_one_chain_that_is_very_deep_is_no_problem() {
    let mut spans = Vec::new();
    for at in 1..=20_000_u64 {
        let mut one = span(1, 0, ("a", "internal"), (0, 1));
        one.span_id = SpanId::from_bytes(at.to_be_bytes()).unwrap();
        one.parent = SpanId::from_bytes((at - 1).to_be_bytes());
        spans.push(one);
    }
    let waterfall = Waterfall::of(&trace(spans, vec![]), Clocks::Corrected);
    assert_eq!(waterfall.rows.last().unwrap().depth, 19_999);
}

/// Spans as hostile as senders can make them.
pub(crate) fn any_trace() -> impl Strategy<Value = Trace> {
    let kinds = prop::sample::select(vec!["server", "client", "internal", "\u{1b}[2J"]);
    let services = prop::sample::select(vec!["a", "b", "gateway", "支付\n"]);
    let times = prop_oneof![0_u64..1_000, Just(u64::MAX), any::<u64>()];
    let one = (1_u8..9, 0_u8..11, (services, kinds), times.clone(), times, 0_u64..4, any::<bool>());
    let one = one.prop_map(|(number, parent, about, from, length, attempt, edge)| {
        let mut span = span(number, parent, about, (0, 0));
        (span.start_unix_ns, span.duration_ns) = (from, length);
        if edge {
            let attributes = [
                (attribute::EDGE, json!("a -> b")),
                (attribute::ATTEMPT, json!(attempt)),
                (attribute::FAULT, json!("f\u{7}, , g")),
            ];
            span = failed(with(span, &attributes), "breaker", "open\r\n");
            span.events.push(SpanEvent {
                unix_ns: from / 2,
                name: "connection ready".to_owned(),
                attributes: BTreeMap::from([("k".to_owned(), json!({"a": [1]}))]),
            });
        }
        span
    });
    let hit = [(attribute::FAULT, json!("f")), (attribute::FAULT_OUTCOME, json!("hit"))];
    let logs = prop::collection::vec(1_u8..9, 0..4).prop_map(move |of| {
        of.into_iter().map(|at| log(at, event::FAULT_DECISION, "x", &hit)).collect()
    });
    (prop::collection::vec(one, 0..14), logs).prop_map(|(spans, logs)| trace(spans, logs))
}

proptest! {
    #[test]
    fn any_trace_becomes_rows_that_are_safe_to_draw(trace in any_trace(), raw in any::<bool>()) {
        let clocks = if raw { Clocks::Raw } else { Clocks::Corrected };
        let waterfall = Waterfall::of(&trace, clocks);
        let spans = waterfall.rows.iter().filter(|row| row.span.is_some()).count() as u64;
        prop_assert_eq!(spans, waterfall.spans);
        let parts = waterfall.path.iter().map(|part| u128::from(part.ns)).sum::<u128>();
        prop_assert_eq!(parts, u128::from(waterfall.path_total_ns));
        for (at, row) in waterfall.rows.iter().enumerate() {
            prop_assert!((0.0..=1.0).contains(&row.start) && row.start + row.length <= 1.000_001);
            let texts = [Some(&row.service), Some(&row.name), row.fault.as_ref()];
            prop_assert!(texts.iter().flatten().all(|text| !text.chars().any(char::is_control)));
            let details = waterfall.details(&trace, at);
            prop_assert!(details.iter().all(|line| !line.value.chars().any(char::is_control)));
        }
    }
}
