//! That what is kept is all of what came.

use std::sync::Arc;

use model::edge::Edge;
use model::frame::{self as told, EventKind, TraceHead};
use model::hist::Histogram;
use proptest::prelude::*;

use super::*;
use crate::recording;

#[test]
fn a_run_is_told_again_as_it_came() {
    let frames = recording::until(100);
    let told: Vec<told::Frame> = of(&frames).iter().map(Frame::told).collect();
    assert_eq!(told, frames);
}

#[test]
fn what_stays_the_same_is_held_once() {
    let frames = recording::until(52);
    let kept = of(&frames[50..]);
    let [one, next] = &kept[..] else { panic!("two were kept") };
    assert!(Arc::ptr_eq(&one.run, &next.run));
    assert!(Arc::ptr_eq(&one.dropped, &next.dropped));
    for (one, next) in one.edges.iter().zip(&next.edges) {
        assert!(Arc::ptr_eq(&one.about, &next.about), "{next:?}");
    }
    for (one, next) in one.faults.iter().zip(&next.faults) {
        assert!(Arc::ptr_eq(&one.about, &next.about), "{next:?}");
    }
    for (one, next) in one.load.cells.iter().zip(&next.load.cells) {
        assert!(Arc::ptr_eq(&one.about, &next.about), "{next:?}");
    }
    for (one, next) in one.verdicts.iter().zip(&next.verdicts) {
        assert_eq!(Arc::ptr_eq(&one.about, &next.about), one.told() == next.told(), "{next:?}");
    }
}

fn head() -> impl Strategy<Value = TraceHead> {
    let correlation = prop::option::of("[!-~]{1,128}");
    let fault = prop::option::of(".{0,40}");
    ((1_u8.., any::<u8>()), correlation, any::<[u64; 2]>(), any::<bool>(), fault).prop_map(
        |((first, last), correlation, [start_unix_ns, duration_ns], error, fault)| TraceHead {
            trace_id: format!("{first:02x}{:028x}{last:02x}", 0).parse().unwrap(),
            correlation_id: correlation.map(|text| text.parse().unwrap()),
            start_unix_ns,
            duration_ns,
            error,
            fault,
        },
    )
}

/// Few names, so that seconds share them, at places that change.
fn edge_frame() -> impl Strategy<Value = told::EdgeFrame> {
    let errors = prop::collection::btree_map("[a-c]{0,2}", any::<u64>(), 0..3);
    let durations = prop::collection::vec((any::<u64>(), 0..1_000_u64), 0..20);
    let heads = prop::collection::vec(head(), 0..3);
    ("[ab]", any::<[u64; 2]>(), errors, durations, heads).prop_map(
        |(callee, [requests, attempts], errors, durations, exemplars)| {
            let mut duration = Histogram::default();
            for (ns, count) in durations {
                duration.record_ns(ns, count);
            }
            let edge = Edge::new("a", callee);
            told::EdgeFrame { edge, requests, errors, attempts, duration, exemplars }
        },
    )
}

fn breaker() -> impl Strategy<Value = told::BreakerFrame> {
    let state = prop::sample::select(vec![BreakerState::Closed, BreakerState::ForcedOpen]);
    ("[ab]", state, 0..2_u64, "[ab]?", prop::option::of(0..2_u64), any::<bool>()).prop_map(
        |(callee, state, since_unix_ms, reason, probe_at_unix_ms, traced)| told::BreakerFrame {
            edge: Edge::new("a", callee),
            state,
            since_unix_ms,
            reason,
            probe_at_unix_ms,
            trace_id: traced.then(|| "1".repeat(32).parse().unwrap()),
        },
    )
}

fn fault() -> impl Strategy<Value = told::FaultFrame> {
    let names = ["[ab]", "[ab]?", "[ab]"];
    let windows = prop::collection::vec(0..2_u64, 0..3);
    (names, 0..2_u32, windows, any::<[u64; 3]>(), any::<bool>()).prop_map(
        |([name, what, callee], ppm, windows, [hit, skipped, hit_now], active)| told::FaultFrame {
            name,
            what,
            edges: windows.iter().map(|_| Edge::new("a", callee.as_str())).collect(),
            share: Share::from_ppm(ppm),
            state: if active { FaultState::Active } else { FaultState::Done },
            schedule: windows
                .into_iter()
                .map(|start_ms| Window { start_ms, end_ms: u64::MAX })
                .collect(),
            hit,
            skipped,
            hit_now,
        },
    )
}

fn cell() -> impl Strategy<Value = told::LoadCellFrame> {
    let phase = prop::sample::select(Phase::ALL.to_vec());
    ("[ab]", prop::option::of("[ab]"), phase, any::<[bool; 3]>(), any::<u64>()).prop_map(
        |(flow, step, phase, [hit, exposed, failed], count)| {
            let mut response = Histogram::default();
            response.record_ns(count, 1);
            told::LoadCellFrame {
                flow,
                step,
                phase,
                group: if exposed { Group::Exposed } else { Group::Control },
                hit,
                outcome: if failed { Outcome::Status } else { Outcome::Completed },
                count,
                response,
            }
        },
    )
}

fn verdict() -> impl Strategy<Value = told::VerdictFrame> {
    let verdict = prop::sample::select(vec![Verdict::Waiting, Verdict::Fail]);
    (["[ab]", "[ab]?", "[ab]?"], verdict, any::<bool>()).prop_map(
        |([text, observed, detail], verdict, proved)| told::VerdictFrame {
            phase: Phase::During,
            text,
            verdict,
            observed,
            detail,
            trace_ids: proved.then(|| "2".repeat(32).parse().unwrap()).into_iter().collect(),
        },
    )
}

fn frame() -> impl Strategy<Value = told::Frame> {
    let many = 0..4;
    let lists = (
        prop::collection::vec(edge_frame(), many.clone()),
        prop::collection::vec(breaker(), many.clone()),
        prop::collection::vec(fault(), many.clone()),
        prop::collection::vec(cell(), many.clone()),
        prop::collection::vec(verdict(), many),
    );
    (lists, any::<[u64; 4]>(), "[ab]?", -1e9..1e9).prop_map(
        |((edges, breakers, faults, cells, verdicts), [seq, unix_s, some, other], text, cpu)| {
            let event = Event {
                unix_ms: some,
                kind: EventKind::Warning,
                subject: text.clone(),
                text: text.clone(),
                trace_id: None,
            };
            told::Frame {
                seq,
                unix_s,
                run: RunHead { title: text.clone(), ..RunHead::default() },
                edges,
                breakers,
                faults,
                load: told::LoadFrame {
                    model: LoadModel::Closed,
                    offered: some,
                    in_flight: other,
                    cells,
                    cpu_cores: cpu,
                    validity: text.is_empty().then_some(Validity::Invalid),
                    ..told::LoadFrame::default()
                },
                events: vec![event],
                verdicts,
                dropped: vec![DropCount { what: text, count: 1 }],
            }
        },
    )
}

proptest! {
    #[test]
    fn frames_of_any_kind_are_told_again_as_they_came(
        frames in prop::collection::vec(frame(), 1..6),
    ) {
        let told: Vec<told::Frame> = of(&frames).iter().map(Frame::told).collect();
        prop_assert_eq!(told, frames);
    }
}
