use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::decision::indexed;
use crate::edge::Edge;
use crate::fault::FaultState;
use crate::frame::{
    BreakerFrame, EdgeFrame, Event, EventKind, FaultFrame, LoadCellFrame, LoadFrame, TraceHead,
    Verdict, VerdictFrame,
};
use crate::hist::Histogram;
use crate::load::{Group, LoadCell, LoadInterval, LoadKey, Outcome, Validity};
use crate::policy::BreakerState;
use crate::scenario::Scenario;
use crate::units::Share;

mod judged;
mod seen;

/// Baseline 0..20 s, faults until 40 s, recovery until 60 s.
const TIMELINE: Timeline =
    Timeline { before_ms: 0, during_ms: 20_000, after_ms: 40_000, end_ms: 60_000 };
const START_UNIX_S: u64 = 1_000_000;

/// What a test puts into a run.
#[derive(Default)]
struct World {
    load: LoadTotals,
    frames: Vec<Frame>,
    invariants: Option<Vec<InvariantFinding>>,
    reached_ms: u64,
}

fn key(phase: Phase, outcome: Outcome) -> LoadKey {
    LoadKey {
        model: crate::load::LoadModel::Open,
        flow: "checkout".to_owned(),
        step: None,
        phase,
        group: Group::Exposed,
        hit: false,
        outcome,
    }
}

impl World {
    /// A finished run without a single request.
    fn new() -> Self {
        let frame =
            |second: u64| Frame { seq: second, unix_s: START_UNIX_S + second, ..Frame::default() };
        Self { frames: (0..60).map(frame).collect(), reached_ms: 60_000, ..Self::default() }
    }

    /// Adds journeys that took so many milliseconds.
    fn journeys(&mut self, key: LoadKey, ms: &[u64]) {
        let mut response = crate::hdr::empty();
        for ms in ms {
            response.record(ms * 1_000).unwrap();
        }
        let empty = crate::hdr::encode(&crate::hdr::empty());
        let cell =
            LoadCell::new(key, ms.len() as u64, crate::hdr::encode(&response), empty.clone());
        let interval = LoadInterval {
            run_id: "r".to_owned(),
            worker: 0,
            sequence: 0,
            unix_s: START_UNIX_S,
            offered: 0,
            cells: vec![cell],
            lateness_hdr: empty.clone(),
            connection_wait_hdr: empty,
            dials: crate::load::DialHdr::default(),
            body_bytes: 0,
            in_flight: 0,
            cpu_cores: 0.0,
            validity: Validity::Valid,
            spans_dropped: 0,
            exemplars: Vec::new(),
        };
        self.load.add(&interval).unwrap();
    }

    fn edge(&mut self, second: usize, requests: &[u64], errors: u64, attempts: u64) {
        let mut duration = Histogram::default();
        for ms in requests {
            duration.record(Duration::from_millis(*ms));
        }
        let errors = BTreeMap::from([("upstream".to_owned(), errors)]);
        let head = TraceHead {
            trace_id: trace(second as u8 + 1),
            correlation_id: None,
            start_unix_ns: 0,
            duration_ns: requests.iter().max().copied().unwrap_or(0) * 1_000_000,
            error: errors["upstream"] > 0,
            fault: Some("slow".to_owned()),
        };
        self.frames[second].edges.push(EdgeFrame {
            edge: payments(),
            requests: requests.len() as u64,
            errors,
            attempts,
            duration,
            exemplars: vec![head],
        });
    }

    fn judge(&self, phase: Phase, text: &str) -> VerdictFrame {
        self.judge_as(phase, text, false)
    }

    fn judge_as(&self, phase: Phase, text: &str, sometimes: bool) -> VerdictFrame {
        let evidence = Evidence {
            timeline: TIMELINE,
            start_unix_ms: START_UNIX_S * 1_000,
            reached_ms: self.reached_ms,
            frames: &self.frames,
            load: &self.load,
            invariants: self.invariants.as_deref(),
        };
        let expectation = expectation(phase, text, sometimes);
        judge(&[expectation], &evidence).remove(0)
    }
}

fn payments() -> Edge {
    Edge::new("orders", "payments")
}

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16]).unwrap()
}

/// Read by the same reader that scenario files go through.
fn expectation(phase: Phase, text: &str, sometimes: bool) -> Expectation {
    let list = if sometimes { "sometimes" } else { "that" };
    let file = format!(
        r#"
[gateway.defaults]
breaker = {{ opens_at = "50% of 20 calls" }}
[run]
control = "20%"
[[load]]
name = "l"
flow = "checkout"
rate = "1/s"
[[fault]]
name = "slow"
on = "orders -> payments"
kind = "reset"
for = "20s"
[[expect]]
phase = "{phase}"
{list} = '{text}'
"#
    );
    let scenario = Scenario::parse("test.toml", &file);
    scenario.unwrap_or_else(|problems| panic!("{problems}")).expectations.remove(0)
}
