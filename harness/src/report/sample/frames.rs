//! The seconds of the made-up run. Nothing is random: the values of a second are the quantiles of
//! a distribution whose size goes up and down.

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::{
    BreakerFrame, EdgeFrame, Event, EventKind, FaultFrame, Frame, LoadCellFrame, LoadFrame,
};
use model::hist::Histogram;
use model::load::{Group, LoadModel, Outcome, Validity};
use model::phase::Phase;
use model::policy::BreakerState;
use model::shop;

use super::{GROUPS, STARTED_UNIX_MS, TIMELINE, faults, trace_id};

/// Breaker of orders -> payments, in milliseconds after the end of the baseline.
const BREAKER: [(i64, BreakerState, &str); 8] = [
    (2_400, BreakerState::Open, "slow calls 12 of 20 (limit 50%)"),
    (7_400, BreakerState::HalfOpen, "3 probes"),
    (8_900, BreakerState::Open, "2 of 3 probes slow"),
    (13_900, BreakerState::HalfOpen, "3 probes"),
    (15_600, BreakerState::Open, "3 of 3 probes slow"),
    (38_600, BreakerState::HalfOpen, "3 probes"),
    (41_100, BreakerState::Closed, "3 of 3 probes good"),
    (i64::MAX, BreakerState::Closed, ""),
];

pub(super) fn frames() -> Vec<Frame> {
    let first_s = STARTED_UNIX_MS / 1_000;
    (0..123).filter(|second| *second != 97).map(|second| frame(second, first_s + second)).collect()
}

fn frame(second: u64, unix_s: u64) -> Frame {
    // The start of load lies 400 ms inside its second.
    let since_zero_ms = second.cast_signed() * 1_000 - 400 - TIMELINE.during_ms.cast_signed();
    let phase = TIMELINE.phase_at(second * 1_000);
    let slow = slowness(since_zero_ms);
    Frame {
        seq: second,
        unix_s,
        edges: shop::edges().into_iter().map(|edge| edge_frame(edge, second, slow)).collect(),
        breakers: shop::edges().into_iter().map(|edge| breaker(edge, since_zero_ms)).collect(),
        faults: faults().into_iter().map(|fault| fault_now(fault, since_zero_ms, second)).collect(),
        load: load(second, phase, slow),
        events: events(since_zero_ms),
        ..Frame::default()
    }
}

/// 0 when all is well, 1 when payments are as slow as they get.
fn slowness(since_zero_ms: i64) -> f64 {
    match since_zero_ms {
        at if at < -500 => 0.0,
        at if at < 3_000 => 1.0,
        at if at < 40_000 && breaker_state(at) != BreakerState::Open => 0.8,
        at if at < 40_000 => 0.25,
        at if at < 44_000 => 0.1,
        _ => 0.0,
    }
}

fn breaker_state(since_zero_ms: i64) -> BreakerState {
    let now = BREAKER.iter().rev().find(|(at, _, _)| *at <= since_zero_ms + 1_000);
    now.map_or(BreakerState::Closed, |(_, state, _)| *state)
}

fn spread(count: u64, median_ms: f64, width: f64) -> Histogram {
    let mut histogram = Histogram::default();
    for number in 0..count {
        let part = (number as f64 + 0.5) / count as f64;
        // The logistic distribution, on a log scale: a body with a tail, without a random source.
        let away = (part / (1.0 - part)).ln() * width;
        histogram.record_ns((median_ms * away.exp() * 1e6) as u64, 1);
    }
    histogram
}

fn wobble(second: u64) -> f64 {
    1.0 + 0.12 * (second as f64 * 0.9).sin() + 0.06 * (second as f64 * 2.3).cos()
}

fn edge_frame(edge: Edge, second: u64, slow: f64) -> EdgeFrame {
    let ends = second > 119;
    let payments = edge == Edge::new("orders", "payments");
    let orders = edge.callee == "orders";
    let requests = if ends { 0 } else { 60 + second % 7 };
    let base_ms = 3.0 + edge.callee.len() as f64;
    let median_ms = match slow {
        _ if payments => base_ms + 1_450.0 * if slow > 0.5 { slow } else { slow * 0.01 },
        _ if orders => base_ms * 4.0 + 900.0 * slow,
        _ => base_ms,
    };
    let mut duration = spread(requests, median_ms * wobble(second), 0.22);
    if payments && slow > 0.5 {
        duration.merge(&spread(requests / 2, base_ms, 0.2));
    }
    let failed = if payments && slow > 0.0 { (slow * 30.0) as u64 } else { 0 };
    let mut errors = std::collections::BTreeMap::new();
    if failed > 0 {
        errors.insert("internal".to_owned(), failed);
        errors.insert("injected".to_owned(), 1);
    }
    let requests = duration.count();
    EdgeFrame { edge, requests, errors, attempts: requests, duration, exemplars: Vec::new() }
}

fn breaker(edge: Edge, since_zero_ms: i64) -> BreakerFrame {
    let zero = (STARTED_UNIX_MS + TIMELINE.during_ms).cast_signed();
    let now = BREAKER.iter().rev().find(|(at, _, _)| *at <= since_zero_ms + 1_000);
    let now = now.filter(|_| edge == Edge::new("orders", "payments"));
    let (at, state, reason) = now.copied().unwrap_or((-60_000, BreakerState::Closed, ""));
    BreakerFrame {
        edge,
        state,
        since_unix_ms: (zero + at) as u64,
        reason: reason.to_owned(),
        probe_at_unix_ms: None,
        trace_id: None,
    }
}

fn fault_now(mut fault: FaultFrame, since_zero_ms: i64, second: u64) -> FaultFrame {
    let window = fault.schedule[0];
    let active = u64::try_from(since_zero_ms + 500).is_ok_and(|at| window.holds(at));
    let open = breaker_state(since_zero_ms) == BreakerState::Open;
    if active {
        fault.state = FaultState::Active;
        let most = if fault.name == "payments slow" { 36 } else { 3 };
        fault.hit_now = if open { most / 12 } else { most - second % 5 % most };
    }
    fault
}

fn load(second: u64, phase: Phase, slow: f64) -> LoadFrame {
    let mut cells = Vec::new();
    let rate = match second {
        0..10 => 6 * second,
        10..120 => 60,
        _ => 0,
    };
    for group in GROUPS {
        let (share, slow) = if group == Group::Control { (5, 0.0) } else { (1, slow) };
        let count = if group == Group::Control { rate / share } else { rate - rate / 5 };
        let failed = if slow > 0.2 { count / 40 } else { 0 };
        let mut response = spread(count - failed, 48.0 * wobble(second), 0.17);
        if slow > 0.0 {
            response = spread(count / 2, 48.0, 0.17);
            response.merge(&spread(count - failed - count / 2, 60.0 + 1_500.0 * slow, 0.05));
        }
        cells.push(cell(phase, group, Outcome::Completed, response));
        cells.push(cell(phase, group, Outcome::Status, spread(failed, 1_100.0, 0.05)));
    }
    LoadFrame {
        model: LoadModel::Open,
        offered: rate,
        in_flight: rate / 10 + (slow * 40.0) as u64,
        cells,
        lateness: spread(rate, 0.4, 0.1),
        connection_wait: spread(rate, 0.02, 0.1),
        cpu_cores: 0.21,
        validity: Some(Validity::Valid),
    }
}

fn cell(phase: Phase, group: Group, outcome: Outcome, response: Histogram) -> LoadCellFrame {
    let count = response.count();
    let flow = "checkout".to_owned();
    LoadCellFrame { flow, step: None, phase, group, hit: false, outcome, count, response }
}

fn events(since_zero_ms: i64) -> Vec<Event> {
    let zero = (STARTED_UNIX_MS + TIMELINE.during_ms).cast_signed();
    let now = |at: i64| (since_zero_ms..since_zero_ms + 1_000).contains(&at);
    let mut events = Vec::new();
    for (at, text) in [(0, "planned -> active: schedule"), (40_000, "active -> done: schedule")] {
        if now(at) {
            events.push(Event {
                unix_ms: (zero + at) as u64,
                kind: EventKind::Fault,
                subject: "payments slow".into(),
                text: text.into(),
                trace_id: None,
            });
        }
    }
    for (at, state, reason) in BREAKER.into_iter().filter(|(at, _, _)| now(*at)) {
        events.push(Event {
            unix_ms: (zero + at) as u64,
            kind: EventKind::Breaker,
            subject: "orders -> payments".into(),
            text: format!("{state}: {reason}"),
            trace_id: (at == 2_400).then(|| trace_id(1)),
        });
    }
    events
}
