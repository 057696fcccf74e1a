//! A long run of a large system, the same every time: thirty edges with a breaker each, load in
//! several flows, faults that come and go. For benchmarks and for tests of bounds.

use std::time::Duration;

use model::edge::Edge;
use model::fault::{FaultState, Window};
use model::frame::{
    BreakerFrame, EdgeFrame, Event, EventKind, FaultFrame, Frame, LoadCellFrame, LoadFrame,
    RunHead, TraceHead, Verdict, VerdictFrame,
};
use model::hist::Histogram;
use model::load::{Group, LoadModel, Outcome, Validity};
use model::phase::{Phase, Timeline};
use model::policy::BreakerState;
use model::units::Share;

/// Start of load, in seconds since the Unix epoch.
pub(crate) const START_S: u64 = 1_800_000_000;
pub(crate) const EDGES: u64 = 30;
const FAULTS: u64 = 4;
const FLOWS: u64 = 3;
const STEPS: u64 = 3;
const TIMELINE: Timeline =
    Timeline { before_ms: 60_000, during_ms: 300_000, after_ms: 3_000_000, end_ms: 3_600_000 };
/// A fault acts for a minute, and for a minute it does not.
const FAULT_S: u64 = 60;

/// One second of it, as it comes over the wire.
pub(crate) fn second(at: u64) -> Frame {
    let json = serde_json::to_string(&made(at)).expect("a frame can be written");
    serde_json::from_str(&json).expect("what was written can be read")
}

fn made(at: u64) -> Frame {
    let phase = TIMELINE.phase_at(at * 1_000);
    Frame {
        seq: at,
        unix_s: START_S + at,
        run: RunHead {
            run_id: "20260115-080000-large-system-7f3c".to_owned(),
            title: "a large system".to_owned(),
            seed: 42,
            start_unix_ms: Some(START_S * 1_000),
            timeline: Some(TIMELINE),
            phase: Some(phase),
            verdict: None,
        },
        edges: (0..EDGES).map(|number| edge_frame(at, number)).collect(),
        breakers: (0..EDGES).map(|number| breaker(at, number)).collect(),
        faults: (0..FAULTS).map(|number| fault(at, number)).collect(),
        load: load(at, phase),
        events: events(at),
        verdicts: (0..8).map(|number| verdict(at, number)).collect(),
        dropped: Vec::new(),
    }
}

/// A number without any pattern that could be seen.
fn mixed(at: u64, salt: u64) -> u64 {
    let mut number =
        at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn fraction(at: u64, salt: u64) -> f64 {
    (mixed(at, salt) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Durations around `middle_us` with a long tail.
fn durations(at: u64, salt: u64, count: u64, middle_us: f64) -> Histogram {
    let mut histogram = Histogram::default();
    for index in 0..count {
        let share = fraction(at * 4_096 + index, salt);
        let spread = 0.6 + share * 0.8 + share.powi(40) * 6.0;
        histogram.record(Duration::from_secs_f64(middle_us * spread / 1e6));
    }
    histogram
}

fn edge(number: u64) -> Edge {
    // A tree of services, three calls each.
    let caller =
        if number < 3 { "client".to_owned() } else { format!("service-{:02}", number / 3) };
    Edge::new(caller, format!("service-{:02}", number + 1))
}

/// Is this edge slow and failing in this second?
fn is_hit(at: u64, number: u64) -> bool {
    number < FAULTS && (at + number * 17) / FAULT_S % 2 == 1
}

fn edge_frame(at: u64, number: u64) -> EdgeFrame {
    let requests = 40 + mixed(at, number) % 40;
    let hit = is_hit(at, number);
    let failed =
        if hit { requests / 5 } else { u64::from(mixed(at, number + 99).is_multiple_of(50)) };
    let middle_us = 2_000.0 * (1 + number % 7) as f64 * if hit { 40.0 } else { 1.0 };
    let head = |error: bool| TraceHead {
        trace_id: format!("{:016x}{:016x}", mixed(at, number), at * 100 + number + 1)
            .parse()
            .expect("a valid trace id"),
        correlation_id: format!("u{number:06x}-{at:06}").parse().ok(),
        start_unix_ns: (START_S + at) * 1_000_000_000,
        duration_ns: 9_000_000,
        error,
        fault: (hit && error).then(|| format!("fault-{number}")),
    };
    EdgeFrame {
        edge: edge(number),
        requests,
        errors: (failed > 0).then(|| ("upstream".to_owned(), failed)).into_iter().collect(),
        attempts: requests + failed / 3,
        duration: durations(at, number, requests, middle_us),
        exemplars: [false, true].into_iter().take(1 + usize::from(failed > 0)).map(head).collect(),
    }
}

fn breaker(at: u64, number: u64) -> BreakerFrame {
    let open = is_hit(at, number) && at % 10 > 4;
    BreakerFrame {
        edge: edge(number),
        state: if open { BreakerState::Open } else { BreakerState::Closed },
        since_unix_ms: (START_S + at - at % 10) * 1_000,
        reason: format!("failures {} of 100 (limit 50%)", mixed(at, number) % 8),
        probe_at_unix_ms: open.then(|| (START_S + at + 5) * 1_000),
        trace_id: None,
    }
}

fn fault(at: u64, number: u64) -> FaultFrame {
    let active = is_hit(at, number);
    FaultFrame {
        name: format!("fault-{number}"),
        what: "latency uniform 1.2s..1.8s".to_owned(),
        edges: vec![edge(number)],
        share: Share::from_ppm(300_000),
        state: if active { FaultState::Active } else { FaultState::Planned },
        schedule: vec![Window { start_ms: 0, end_ms: 30_000 }],
        hit: at * 6,
        skipped: at / 9,
        hit_now: if active { 12 } else { 0 },
    }
}

fn load(at: u64, phase: Phase) -> LoadFrame {
    let cell = |flow: u64, step: Option<u64>, exposed: bool| {
        let response = durations(at, 1_000 + flow, 40, 30_000.0 * (flow + 1) as f64);
        LoadCellFrame {
            flow: format!("flow-{flow}"),
            step: step.map(|step| format!("step-{step}")),
            phase,
            group: if exposed { Group::Exposed } else { Group::Control },
            hit: false,
            outcome: Outcome::Completed,
            count: response.count(),
            response,
        }
    };
    let steps = || std::iter::once(None).chain((0..STEPS).map(Some));
    let cells = (0..FLOWS)
        .flat_map(|flow| steps().map(move |step| (flow, step)))
        .flat_map(|(flow, step)| [false, true].map(|exposed| cell(flow, step, exposed)))
        .collect();
    LoadFrame {
        model: LoadModel::Open,
        offered: 240,
        in_flight: 12,
        cells,
        lateness: durations(at, 2_000, 240, 90.0),
        connection_wait: durations(at, 2_001, 240, 30.0),
        cpu_cores: 0.12,
        validity: Some(Validity::Valid),
    }
}

fn events(at: u64) -> Vec<Event> {
    let turned =
        (0..FAULTS).filter(|number| at > 0 && is_hit(at, *number) != is_hit(at - 1, *number));
    turned
        .map(|number| Event {
            unix_ms: (START_S + at) * 1_000 + 66,
            kind: EventKind::Fault,
            subject: format!("fault-{number}"),
            text: "planned -> active: schedule".to_owned(),
            trace_id: None,
        })
        .collect()
}

fn verdict(at: u64, number: u64) -> VerdictFrame {
    VerdictFrame {
        phase: Phase::During,
        text: format!("flow-{} p99 < {}ms", number % FLOWS, 100 * (number + 1)),
        verdict: if at < 600 { Verdict::Waiting } else { Verdict::Pass },
        observed: format!("{}ms (41ms..44ms, n={})", 42 + number, at * 20),
        detail: String::new(),
        trace_ids: Vec::new(),
    }
}
