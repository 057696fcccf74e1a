use model::fault::{FaultState, Window};
use model::frame::Frame;
use model::phase::{Phase, Timeline};
use model::policy::BreakerState;
use model::units::Share;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::decode::decode;
use crate::record::Signal;
use crate::testing::{attribute, logs, span, text, traces};

/// The collector starts in second 100.
const START_MS: u64 = 100_200;
const EDGE: &str = "orders -> payments";

fn live() -> Live {
    Live::new("run-1", START_MS)
}

fn gateway(kind: i32, id: u8, end_ms: u64, ms: u64, blame: Option<&str>) -> Span {
    let mut sent = span(id, id, end_ms, ms);
    sent.kind = kind;
    sent.attributes = vec![text("shakedown.edge", EDGE)];
    sent.attributes.extend(blame.map(|blame| text("shakedown.blame", blame)));
    sent
}

fn send(live: &mut Live, now_ms: u64, spans: Vec<Span>) -> Items {
    let request = traces("gateway", spans).encode_to_vec();
    live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), now_ms)
}

fn tell(live: &mut Live, now_ms: u64, records: Vec<LogRecord>) -> Items {
    let request = logs("gateway", records).encode_to_vec();
    live.ingest(decode(Signal::Logs, &request.into(), 0).unwrap(), now_ms)
}

fn told(event: &str, at_ms: u64, attributes: &[(&str, &str)]) -> LogRecord {
    LogRecord {
        time_unix_nano: at_ms * 1_000_000,
        event_name: event.to_owned(),
        trace_id: vec![9; 16],
        span_id: vec![9; 8],
        attributes: attributes.iter().map(|(key, value)| text(key, value)).collect(),
        ..LogRecord::default()
    }
}

fn decision(at_ms: u64, span: u8, outcome: &str) -> LogRecord {
    let mut record = told(
        "shakedown.fault.decision",
        at_ms,
        &[("shakedown.fault.name", "slow"), ("shakedown.fault.outcome", outcome)],
    );
    record.span_id = vec![span; 8];
    record
}

fn frame_at(live: &Live, unix_s: u64) -> Frame {
    live.frames(0, usize::MAX).into_iter().find(|frame| frame.unix_s == unix_s).unwrap()
}

#[test]
fn requests_count_in_the_second_of_their_end_with_errors_by_blame_and_attempts() {
    let mut live = live();
    send(
        &mut live,
        102_000,
        vec![
            gateway(2, 1, 100_900, 10, None),
            gateway(2, 2, 101_000, 600, Some("injected")),
            gateway(2, 3, 101_999, 30, Some("upstream")),
            gateway(3, 4, 101_500, 20, Some("upstream")),
            gateway(3, 5, 101_600, 20, None),
            gateway(1, 6, 101_600, 20, None),
        ],
    );
    live.emit_due(103_000, &[]);
    let first = &frame_at(&live, 100).edges[0];
    assert_eq!((first.requests, first.error_count(), first.attempts), (1, 0, 0));
    let second = &frame_at(&live, 101).edges[0];
    assert_eq!((second.edge.to_string().as_str(), second.requests, second.attempts), (EDGE, 2, 2));
    assert_eq!(second.errors, BTreeMap::from([("injected".into(), 1), ("upstream".into(), 1)]));
    assert_eq!(second.duration.count(), 2);
    assert_eq!(second.duration.max().as_millis(), 600);
    // The slowest request is also the slowest failed one, so there is one exemplar.
    assert_eq!(second.exemplars.len(), 1);
    assert!(second.exemplars[0].error);
}

#[test]
fn the_slowest_and_one_failed_request_are_the_exemplars() {
    let mut live = live();
    let spans =
        vec![gateway(2, 1, 100_900, 300, None), gateway(2, 2, 100_900, 10, Some("internal"))];
    send(&mut live, 100_950, spans);
    live.emit_due(102_000, &[]);
    let ids: Vec<u8> = frame_at(&live, 100).edges[0]
        .exemplars
        .iter()
        .map(|head| head.trace_id.as_bytes()[0])
        .collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn a_second_is_emitted_one_watermark_after_its_end_and_without_holes() {
    let mut live = live();
    assert!(live.emit_due(101_999, &[]).due.is_empty());
    let due = live.emit_due(102_000, &[]).due;
    assert_eq!((due.len(), due[0].seq, due[0].unix_s), (1, 0, 100));
    // A process that was held up makes up for it.
    let due = live.emit_due(106_500, &[]).due;
    let numbers: Vec<u64> = due.iter().map(|frame| frame.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(due[0].edges.is_empty());
}

#[test]
fn late_data_changes_the_kept_second_and_is_counted() {
    let mut live = live();
    live.emit_due(103_500, &[]);
    send(&mut live, 103_600, vec![gateway(2, 1, 101_500, 10, None)]);
    assert_eq!(frame_at(&live, 101).edges[0].requests, 1);
    // A quiet edge is still in the other frames.
    assert_eq!(frame_at(&live, 100).edges[0].requests, 0);
    assert_eq!(live.late(), 1);
}

#[test]
fn what_lies_before_the_start_or_far_ahead_is_counted_and_left_out() {
    let mut live = live();
    let spans = vec![gateway(2, 1, 99_000, 10, None), gateway(2, 2, 200_000, 10, None)];
    let items = send(&mut live, 100_500, spans);
    assert_eq!(items.spans.len(), 2);
    let outside = live.drops().into_iter().find(|drop| drop.what.contains("outside")).unwrap();
    assert_eq!(outside.count, 2);
}

#[test]
fn a_repeated_span_is_counted_and_written_once() {
    let mut live = live();
    for _ in 0..2 {
        send(&mut live, 100_950, vec![gateway(2, 1, 100_900, 300, None)]);
    }
    live.emit_due(102_000, &[]);
    assert_eq!(frame_at(&live, 100).edges[0].requests, 1);
    assert_eq!(live.duplicates(), 1);
}

fn slow() -> FaultFrame {
    FaultFrame {
        name: "slow".to_owned(),
        what: "latency 1s".to_owned(),
        edges: vec![EDGE.parse().unwrap()],
        share: Share::WHOLE,
        state: FaultState::Planned,
        schedule: Vec::new(),
        hit: 0,
        skipped: 0,
        hit_now: 0,
    }
}

#[test]
fn the_ledger_counts_decisions_once_and_by_second() {
    let mut live = live();
    live.set_faults(vec![slow()]);
    let records = vec![
        decision(100_500, 1, "hit"),
        decision(101_500, 2, "hit"),
        decision(101_600, 3, "skipped"),
        decision(101_500, 2, "hit"),
    ];
    let items = tell(&mut live, 101_900, records);
    assert_eq!((items.facts.decisions.len(), items.logs.len()), (3, 3));
    assert_eq!(live.ledger()["slow"], LedgerCount { hit: 2, skipped: 1 });
    live.emit_due(103_000, &[]);
    let counts = |second| {
        let fault = &frame_at(&live, second).faults[0];
        (fault.hit, fault.skipped, fault.hit_now)
    };
    assert_eq!((counts(100), counts(101)), ((1, 0, 1), (2, 1, 1)));
}

#[test]
fn faults_stand_as_they_did_at_the_end_of_each_second() {
    let mut live = live();
    live.set_faults(vec![slow()]);
    let at = |at_ms, state, cause| {
        told(
            "shakedown.fault.transition",
            at_ms,
            &[
                ("shakedown.fault.name", "slow"),
                ("shakedown.fault.state", state),
                ("shakedown.fault.cause", cause),
            ],
        )
    };
    // Out of order, and one twice.
    let records = vec![
        at(102_100, "done", "schedule"),
        at(101_100, "active", "schedule"),
        at(101_100, "active", "schedule"),
    ];
    tell(&mut live, 102_200, records);
    live.emit_due(104_000, &[]);
    let states: Vec<FaultState> =
        (100..103).map(|second| frame_at(&live, second).faults[0].state).collect();
    assert_eq!(states, [FaultState::Planned, FaultState::Active, FaultState::Done]);
    let events = frame_at(&live, 101).events;
    assert_eq!((events.len(), events[0].text.as_str()), (1, "active: schedule"));
}

#[test]
fn a_fault_that_no_plan_has_gets_a_row_from_the_second_in_which_it_shows_itself() {
    let mut live = live();
    live.set_faults(vec![slow()]);
    let at = |at_ms, state, words: &[(&str, &str)]| {
        let told_always = [("shakedown.fault.name", "by hand"), ("shakedown.fault.state", state)];
        told("shakedown.fault.transition", at_ms, &[&told_always[..], words].concat())
    };
    let words = [
        ("shakedown.fault.source", "api"),
        ("shakedown.fault.effect", "latency fixed 1s"),
        ("shakedown.fault.share", "25%"),
        ("shakedown.fault.edges", "orders -> payments, client -> orders"),
    ];
    let mut stray = decision(103_100, 7, "hit");
    stray.attributes[0] = text("shakedown.fault.name", "stray");
    let records = vec![at(101_100, "active", &words), at(102_100, "done", &[]), stray];
    tell(&mut live, 103_200, records);
    live.emit_due(106_000, &[]);
    let rows = |second| {
        let rows = frame_at(&live, second).faults.into_iter().skip(1);
        rows.map(|row| (row.name, row.state, row.hit)).collect::<Vec<_>>()
    };
    let by_hand = |state| ("by hand".to_owned(), state, 0);
    let stray = |state| ("stray".to_owned(), state, 1);
    assert_eq!(rows(100), []);
    assert_eq!(rows(101), [by_hand(FaultState::Active)]);
    assert_eq!(rows(102), [by_hand(FaultState::Done)]);
    assert_eq!(rows(103), [by_hand(FaultState::Done), stray(FaultState::Active)]);
    assert_eq!(rows(104), [by_hand(FaultState::Done), stray(FaultState::Done)]);
    assert!(frame_at(&live, 101).faults[1].schedule.is_empty(), "nobody said when it ends");
    let row = &frame_at(&live, 101).faults[1];
    assert_eq!((row.what.as_str(), row.share.to_string().as_str()), ("latency fixed 1s", "25%"));
    assert_eq!(row.edges, [EDGE.parse().unwrap(), "client -> orders".parse().unwrap()]);
    let spells: Vec<_> = live
        .unplanned()
        .into_iter()
        .map(|it| (it.name, it.from_unix_ms, it.until_unix_ms, it.ledger.hit))
        .collect();
    let expected = [
        ("by hand".to_owned(), Some(101_100), Some(102_100), 0),
        ("stray".to_owned(), None, None, 1),
    ];
    assert_eq!(spells, expected);
}

#[test]
fn breakers_are_closed_until_they_say_otherwise() {
    let mut live = live();
    live.set_breakers(vec![EDGE.parse().unwrap(), "client -> orders".parse().unwrap()]);
    let mut record = told(
        "shakedown.breaker.transition",
        101_250,
        &[
            ("shakedown.edge", EDGE),
            ("shakedown.breaker.from", "closed"),
            ("shakedown.breaker.to", "open"),
            ("shakedown.breaker.reason", "failure rate 12 of 20 calls (limit 50%)"),
        ],
    );
    record.attributes.push(attribute("shakedown.breaker.open_ms", Any::IntValue(2_000)));
    tell(&mut live, 101_300, vec![record]);
    live.emit_due(103_000, &[]);
    let before = frame_at(&live, 100).breakers;
    assert!(before.iter().all(|breaker| breaker.state == BreakerState::Closed));
    let frame = frame_at(&live, 101);
    let open = &frame.breakers[1];
    assert_eq!((open.edge.to_string().as_str(), open.state), (EDGE, BreakerState::Open));
    assert_eq!((open.since_unix_ms, open.probe_at_unix_ms), (101_250, Some(103_250)));
    assert!(open.trace_id.is_some());
    assert_eq!(frame.events[0].text, "closed -> open: failure rate 12 of 20 calls (limit 50%)");
}

#[test]
fn forgotten_seconds_still_count_in_the_totals() {
    let mut live = live();
    live.seconds.keep(2);
    live.set_faults(vec![slow()]);
    tell(&mut live, 100_900, vec![decision(100_500, 1, "hit")]);
    let emitted = live.emit_due(106_000, &[]);
    let forgotten: Vec<u64> = emitted.forgotten.iter().map(|frame| frame.seq).collect();
    assert_eq!(forgotten, [0, 1, 2]);
    assert_eq!(emitted.forgotten[0].faults[0].hit_now, 1);
    let kept = live.frames(0, usize::MAX);
    assert_eq!(kept.iter().map(|frame| frame.seq).collect::<Vec<_>>(), [3, 4]);
    assert!(kept.iter().all(|frame| frame.faults[0].hit == 1));
}

#[test]
fn the_phase_of_a_frame_follows_the_timeline() {
    let mut live = live();
    let timeline = Timeline { before_ms: 0, during_ms: 1_000, after_ms: 2_000, end_ms: 3_000 };
    live.set_head(RunHead {
        start_unix_ms: Some(101_000),
        timeline: Some(timeline),
        ..RunHead::default()
    });
    live.emit_due(107_000, &[]);
    let phases: Vec<Option<Phase>> =
        live.frames(0, 5).into_iter().map(|frame| frame.run.phase).collect();
    let expected =
        [None, Some(Phase::Before), Some(Phase::During), Some(Phase::After), Some(Phase::End)];
    assert_eq!(phases, expected);
}

#[test]
fn a_crowded_second_keeps_a_bounded_number_of_events() {
    let mut live = live();
    let event = event(101_000_000_000, EventKind::Warning, "s".into(), "t".into(), None);
    for _ in 0..300 {
        live.add_event(event.clone(), 101_000);
    }
    live.emit_due(103_000, &[]);
    assert_eq!(frame_at(&live, 101).events.len(), model::limits::FRAME_EVENTS_MAX);
    let crowded = live.drops().into_iter().find(|drop| drop.what.contains("crowded")).unwrap();
    assert_eq!(crowded.count, 44);
}

#[test]
fn a_fault_that_was_armed_by_hand_says_so_and_when_it_ends() {
    let mut live = live();
    let timeline = Timeline { before_ms: 0, during_ms: 1_000, after_ms: 90_000, end_ms: 100_000 };
    live.set_head(RunHead {
        start_unix_ms: Some(100_000),
        timeline: Some(timeline),
        ..RunHead::default()
    });
    let mut record = told(
        "shakedown.fault.transition",
        102_100,
        &[
            ("shakedown.fault.name", "slow by hand"),
            ("shakedown.fault.state", "active"),
            ("shakedown.fault.cause", "by hand"),
            ("shakedown.fault.source", "api"),
            ("shakedown.fault.edges", EDGE),
        ],
    );
    record.attributes.push(attribute("shakedown.fault.left_ms", Any::IntValue(60_000)));
    tell(&mut live, 102_200, vec![record]);
    live.emit_due(106_000, &[]);
    let frame = frame_at(&live, 102);
    assert_eq!(frame.events[0].text, "active: by hand, for 1m");
    let window = Window { start_ms: 1_100, end_ms: 61_100 };
    assert_eq!(frame.faults[0].schedule, [window]);
}
