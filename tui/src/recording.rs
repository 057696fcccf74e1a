//! A run that never was, the same every time: healthy, then slow payments, the breaker opens,
//! probes, opens again, and closes when the fault has gone. For the tests of this crate.

use std::time::Duration;

use model::edge::Edge;
use model::fault::{FaultState, Window};
use model::frame::{
    BreakerFrame, EdgeFrame, Event, EventKind, FaultFrame, Frame, LoadCellFrame, LoadFrame,
    RunHead, Verdict, VerdictFrame,
};
use model::hist::Histogram;
use model::id::TraceId;
use model::load::{Group, LoadModel, Outcome, Validity};
use model::phase::{Phase, Timeline};
use model::policy::BreakerState;

/// Start of load, in seconds since the Unix epoch.
pub(crate) const START_S: u64 = 1_800_000_000;
const TIMELINE: Timeline =
    Timeline { before_ms: 5_000, during_ms: 25_000, after_ms: 75_000, end_ms: 100_000 };
/// The fault acts in these seconds of the run.
const FAULT_S: std::ops::Range<u64> = 25..55;

/// All hundred seconds.
pub(crate) fn run() -> Vec<Frame> {
    until(100)
}

/// The first seconds of the run.
pub(crate) fn until(seconds: u64) -> Vec<Frame> {
    (0..seconds).map(second).collect()
}

fn breaker_state(at: u64) -> BreakerState {
    match at {
        31..36 | 37..42 | 43..48 | 49..54 => BreakerState::Open,
        36 | 42 | 48 | 54..57 => BreakerState::HalfOpen,
        _ => BreakerState::Closed,
    }
}

fn second(at: u64) -> Frame {
    let faulty = FAULT_S.contains(&at);
    let phase = TIMELINE.phase_at(at * 1_000);
    Frame {
        seq: at,
        unix_s: START_S + at,
        run: RunHead {
            run_id: "20261121-014200-slow-payments-7f3c".to_owned(),
            title: "slow payments".to_owned(),
            seed: 42,
            start_unix_ms: Some(START_S * 1_000),
            timeline: Some(TIMELINE),
            phase: Some(phase),
            verdict: (at == 99).then_some(Verdict::Fail),
        },
        edges: edges(at, faulty),
        breakers: breakers(at),
        faults: faults(at, faulty),
        load: load(at, faulty, phase),
        events: events(at),
        verdicts: verdicts(at),
        dropped: Vec::new(),
    }
}

/// Durations around `middle_us` with a tail, without any chance in it.
fn durations(at: u64, count: u64, middle_us: f64) -> Histogram {
    let mut histogram = Histogram::default();
    for index in 0..count {
        let mixed = (at * 7_919 + index).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
        let share = mixed as f64 / (1_u64 << 53) as f64;
        let spread = 0.6 + share * 0.8 + share.powi(40) * 6.0;
        histogram.record(Duration::from_secs_f64(middle_us * spread / 1e6));
    }
    histogram
}

fn edge(names: (&str, &str), requests: u64, failed: u64, duration: Histogram) -> EdgeFrame {
    let blame = if failed > 0 { vec![("internal".to_owned(), failed)] } else { Vec::new() };
    EdgeFrame {
        edge: Edge::new(names.0, names.1),
        requests,
        errors: blame.into_iter().collect(),
        attempts: requests + failed / 3,
        duration,
        exemplars: Vec::new(),
    }
}

fn edges(at: u64, faulty: bool) -> Vec<EdgeFrame> {
    let open = breaker_state(at) == BreakerState::Open;
    let (payments, failed) = match (faulty, open) {
        (_, true) => (durations(at, 60, 240.0), 60),
        (true, false) => {
            let mut merged = durations(at, 42, 8_900.0);
            merged.merge(&durations(at, 18, 1_500_000.0));
            (merged, 0)
        },
        (false, false) => (durations(at, 60, 8_900.0), 0),
    };
    let mut orders = durations(at, 42, 21_000.0);
    orders.merge(&durations(at, 18, if faulty && !open { 1_520_000.0 } else { 24_000.0 }));
    vec![
        edge(("client", "catalog"), 140, 0, durations(at, 140, 2_100.0)),
        edge(("client", "cart"), 80, 0, durations(at, 80, 3_200.0)),
        edge(("client", "orders"), 60, failed, orders),
        edge(("orders", "inventory"), 60, 0, durations(at, 60, 4_300.0)),
        edge(("orders", "payments"), 60, failed, payments),
        edge(("orders", "notifications"), 12, 0, durations(at, 12, 1_700.0)),
    ]
}

fn breakers(at: u64) -> Vec<BreakerFrame> {
    let state = breaker_state(at);
    let since = (0..=at).rev().take_while(|second| breaker_state(*second) == state).last();
    let since = since.unwrap_or(0);
    let breaker = |callee: &str, state, since_s: u64, reason: &str| BreakerFrame {
        edge: Edge::new("orders", callee),
        state,
        since_unix_ms: (START_S + since_s) * 1_000,
        reason: reason.to_owned(),
        probe_at_unix_ms: None,
        trace_id: None,
    };
    let mut payments = match state {
        BreakerState::Open => breaker("payments", state, since, "slow calls 11 of 20 (limit 50%)"),
        BreakerState::HalfOpen => breaker("payments", state, since, "3 of 5 probes out"),
        _ => breaker("payments", state, since, "slow calls 0 of 20"),
    };
    if state == BreakerState::Open {
        payments.probe_at_unix_ms = Some((START_S + since + 5) * 1_000);
    }
    vec![payments, breaker("inventory", BreakerState::Closed, 0, "failures 0 of 20")]
}

fn faults(at: u64, faulty: bool) -> Vec<FaultFrame> {
    let hits = |until: u64| 18 * until.saturating_sub(FAULT_S.start).min(30);
    let fault = |name: &str, what: &str, callee: &str, window: (u64, u64)| FaultFrame {
        name: name.to_owned(),
        what: what.to_owned(),
        edges: vec![Edge::new("orders", callee)],
        share: model::units::Share::from_ppm(300_000),
        state: FaultState::Planned,
        schedule: vec![Window { start_ms: window.0, end_ms: window.1 }],
        hit: 0,
        skipped: 0,
        hit_now: 0,
    };
    let state = |from: u64, to: u64| match at {
        _ if at < from => FaultState::Planned,
        _ if at < to => FaultState::Active,
        _ => FaultState::Done,
    };
    let slow = fault("slow-payments", "latency uniform 1.2s..1.8s", "payments", (0, 30_000));
    let stock = fault("stock-errors", "errors 503", "inventory", (45_000, 50_000));
    vec![
        FaultFrame {
            state: state(FAULT_S.start, FAULT_S.end),
            hit: hits(at + 1),
            skipped: hits(at + 1) / 9,
            hit_now: if faulty { 18 } else { 0 },
            ..slow
        },
        FaultFrame { state: state(70, 75), ..stock },
    ]
}

fn load(at: u64, faulty: bool, phase: Phase) -> LoadFrame {
    let open = breaker_state(at) == BreakerState::Open;
    let cell = |flow: &str, group, hit, outcome, response: Histogram| LoadCellFrame {
        flow: flow.to_owned(),
        step: None,
        phase,
        group,
        hit,
        outcome,
        count: response.count(),
        response,
    };
    let (exposed, outcome) = if open {
        (durations(at, 54, 9_000.0), Outcome::Status)
    } else {
        (durations(at, 36, 31_000.0), Outcome::Completed)
    };
    let mut cells = vec![
        cell("browse", Group::Exposed, false, Outcome::Completed, durations(at, 140, 2_900.0)),
        cell("checkout", Group::Control, false, Outcome::Completed, durations(at, 6, 30_000.0)),
        cell("checkout", Group::Exposed, false, outcome, exposed),
    ];
    if faulty && !open {
        let slow = durations(at, 18, 1_540_000.0);
        cells.push(cell("checkout", Group::Exposed, true, Outcome::Completed, slow));
    }
    let mut step = cells[1].clone();
    step.step = Some("pay".to_owned());
    cells.push(step);
    LoadFrame {
        model: LoadModel::Open,
        offered: 200,
        in_flight: if faulty { 31 } else { 4 },
        cells,
        lateness: durations(at, 200, 90.0),
        connection_wait: durations(at, 200, 30.0),
        cpu_cores: 0.12,
        validity: Some(Validity::Valid),
    }
}

fn events(at: u64) -> Vec<Event> {
    let event = |kind, subject: &str, text: &str| Event {
        unix_ms: (START_S + at) * 1_000 + 66,
        kind,
        subject: subject.to_owned(),
        text: text.to_owned(),
        trace_id: None,
    };
    let payments = "orders -> payments";
    match at {
        5 => vec![event(EventKind::Phase, "before", "begins")],
        25 => vec![
            event(EventKind::Phase, "during", "begins"),
            event(EventKind::Fault, "slow-payments", "planned -> active: schedule"),
        ],
        31 => {
            let why = "closed -> open: slow-call rate 11 of 20 calls (limit 50%)";
            let trace_id: TraceId =
                "9c1e44d0a7f2b8135f60c1aa20d94e77".parse().expect("a valid trace id");
            vec![Event { trace_id: Some(trace_id), ..event(EventKind::Breaker, payments, why) }]
        },
        36 | 42 | 48 | 54 => {
            vec![event(EventKind::Breaker, payments, "open -> half-open: probes are let through")]
        },
        37 | 43 | 49 => {
            vec![event(EventKind::Breaker, payments, "half-open -> open: 2 of 5 probes slow")]
        },
        55 => vec![event(EventKind::Fault, "slow-payments", "active -> done: schedule")],
        57 => vec![event(EventKind::Breaker, payments, "half-open -> closed: 5 of 5 probes good")],
        75 => vec![event(EventKind::Phase, "after", "begins")],
        _ => Vec::new(),
    }
}

fn verdicts(at: u64) -> Vec<VerdictFrame> {
    let verdict = |phase, text: &str, decided_s: u64, verdict, observed: &str| VerdictFrame {
        phase,
        text: text.to_owned(),
        verdict: if at < decided_s { Verdict::Waiting } else { verdict },
        observed: if at < decided_s { String::new() } else { observed.to_owned() },
        detail: String::new(),
        trace_ids: Vec::new(),
    };
    vec![
        verdict(Phase::Before, "checkout p99 < 300ms", 25, Verdict::Pass, "42ms (41ms..44ms)"),
        verdict(Phase::During, "breaker orders -> payments opens", 31, Verdict::Pass, "4 times"),
        verdict(Phase::During, "checkout errors < 10%", 75, Verdict::Fail, "41.2% (40.1%..42.3%)"),
        verdict(Phase::During, "browse p99 < 50ms", 75, Verdict::Pass, "9ms (8ms..9ms, n=7000)"),
        verdict(Phase::After, "checkout recovers within 10s", 99, Verdict::Pass, "2s"),
        verdict(Phase::End, "money conserved", 99, Verdict::Unclear, ""),
    ]
}
