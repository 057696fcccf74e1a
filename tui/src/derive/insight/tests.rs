use std::collections::BTreeMap;
use std::time::Duration;

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::{DropCount, EdgeFrame, Event, EventKind, FaultFrame, Frame};
use model::hist::Histogram;
use model::load::Validity;
use proptest::prelude::*;

use super::{INSIGHTS_MAX, Insight, Noticed};
use crate::{kept, recording};

fn insights(frames: &[Frame]) -> Vec<Insight> {
    super::insights(&kept::of(frames))
}

fn edge(requests: u64, attempts: u64) -> EdgeFrame {
    EdgeFrame {
        edge: Edge::new("orders", "payments"),
        requests,
        errors: BTreeMap::new(),
        attempts,
        duration: Histogram::default(),
        exemplars: Vec::new(),
    }
}

fn calls(requests: u64, attempts: u64) -> Frame {
    Frame { edges: vec![edge(requests, attempts)], ..Frame::default() }
}

fn changes(at_ms: &[u64]) -> Frame {
    let event = |unix_ms: &u64| Event {
        unix_ms: *unix_ms,
        kind: EventKind::Breaker,
        subject: "orders -> payments".to_owned(),
        text: "closed -> open".to_owned(),
        trace_id: None,
    };
    Frame { events: at_ms.iter().map(event).collect(), ..Frame::default() }
}

fn late(ms: u64, count: u64, validity: Validity) -> Frame {
    let mut frame = Frame::default();
    for _ in 0..count {
        frame.load.lateness.record(Duration::from_millis(ms));
    }
    frame.load.validity = Some(validity);
    frame
}

fn lost(counts: &[(&str, u64)]) -> Frame {
    let dropped =
        counts.iter().map(|(what, count)| DropCount { what: (*what).to_owned(), count: *count });
    Frame { dropped: dropped.collect(), ..Frame::default() }
}

fn faulty(state: FaultState, hit_now: u64, skipped: u64, requests: u64) -> Frame {
    let fault = FaultFrame {
        name: "abort".to_owned(),
        what: "errors 503".to_owned(),
        edges: vec![Edge::new("orders", "payments")],
        share: model::units::Share::from_ppm(500_000),
        state,
        schedule: Vec::new(),
        hit: hit_now,
        skipped,
        hit_now,
    };
    Frame { faults: vec![fault], ..calls(requests, requests) }
}

#[test]
fn what_is_noticed_and_what_is_not() {
    let idle = |requests| vec![faulty(FaultState::Active, 0, 0, requests); 6];
    let cases: Vec<(&str, Vec<Frame>, &[&str])> = vec![
        ("nothing", vec![], &[]),
        (
            "storm",
            vec![calls(10, 30), calls(10, 20)],
            &["retry storm on orders>payments: 2.5 calls per request (50 for 20)"],
        ),
        ("too few requests", vec![calls(19, 190)], &[]),
        ("some retries", vec![calls(100, 150)], &[]),
        (
            "flapping",
            vec![changes(&[1_000, 20_000]), changes(&[50_000, 60_999, 200_000])],
            &["breaker orders>payments flaps: 4 changes within a minute"],
        ),
        ("slowly", vec![changes(&[1_000, 20_000, 50_000, 61_000, 90_000])], &[]),
        (
            "late",
            vec![late(20, 100, Validity::Valid)],
            &["the load generator is late: p99 20.0 ms after plan"],
        ),
        ("late once", vec![late(20, 99, Validity::Valid)], &[]),
        (
            "invalid",
            vec![late(0, 0, Validity::Valid), late(0, 0, Validity::Invalid)],
            &[
                "the load generator could not keep its plan: its measurements are invalid in 1 of 2 seconds",
            ],
        ),
        (
            "losses",
            vec![
                lost(&[("collector spans", 100)]),
                lost(&[("collector spans", 140), ("proxy logs", 50)]),
                lost(&[("collector spans", 5), ("proxy logs", 50)]),
            ],
            &["telemetry is being lost: 50 proxy logs, 45 collector spans"],
        ),
        ("losses before the window", vec![lost(&[("a", 9)]), lost(&[("a", 9)])], &[]),
        (
            "idle fault",
            idle(0),
            &["fault abort is active for 6 s and hits nothing: no request on orders>payments"],
        ),
        (
            "fault that misses",
            idle(10),
            &[
                "fault abort is active for 6 s and hits nothing: none of 60 requests on orders>payments",
            ],
        ),
        ("fault that is unlucky", idle(1), &[]),
        ("fault that hit", [idle(10), vec![faulty(FaultState::Active, 1, 0, 10)]].concat(), &[]),
        ("fault that is over", [idle(10), vec![faulty(FaultState::Done, 0, 0, 10)]].concat(), &[]),
        ("fault that just began", vec![faulty(FaultState::Active, 0, 0, 0); 4], &[]),
    ];
    for (case, frames, expected) in cases {
        let told: Vec<String> = insights(&frames).into_iter().map(|found| found.sentence).collect();
        assert_eq!(told, expected, "{case}");
    }
}

#[test]
fn the_gravest_come_first_and_are_three_at_most() {
    let frames = [
        late(30, 200, Validity::Invalid),
        calls(100, 400),
        changes(&[1, 2, 3, 4]),
        lost(&[("x", 1)]),
        lost(&[("x", 2)]),
    ];
    let noticed: Vec<Noticed> = insights(&frames).iter().map(|found| found.noticed).collect();
    let expected = [Noticed::GeneratorInvalid, Noticed::TelemetryDropped, Noticed::RetryStorm];
    assert_eq!(noticed, expected);
}

#[test]
fn the_slow_payments_run_has_a_flapping_breaker_and_a_fault_without_hits() {
    let noticed: Vec<String> =
        insights(&recording::until(75)).into_iter().map(|found| found.sentence).collect();
    assert_eq!(
        noticed,
        [
            "breaker orders>payments flaps: 9 changes within a minute",
            "fault stock-errors is active for 5 s and hits nothing: none of 300 requests on orders>inventory",
        ]
    );
    assert!(insights(&recording::until(25)).is_empty());
}

proptest! {
    #[test]
    fn any_frames_give_at_most_three_clean_sentences(
        frames in prop::collection::vec((any::<[u64; 4]>(), 0_usize..5, ".{0,9}"), 0..12),
    ) {
        let frames: Vec<Frame> = frames
            .into_iter()
            .map(|(numbers, kind, name)| match kind {
                0 => calls(numbers[0], numbers[1]),
                1 => changes(&numbers),
                2 => lost(&[(&name, numbers[0]), ("x", numbers[1])]),
                3 => faulty(FaultState::Active, 0, numbers[0], numbers[1]),
                _ => late(numbers[0] % 10_000_000, numbers[1] % 200, Validity::Suspect),
            })
            .collect();
        let found = insights(&frames);
        prop_assert!(found.len() <= INSIGHTS_MAX);
        prop_assert!(found.is_sorted_by_key(|found| found.noticed));
        prop_assert!(found.iter().all(|found| !found.sentence.chars().any(char::is_control)));
    }
}
