//! A made-up run for the tests of the report: payments turn slow for forty seconds, the breaker
//! opens three times, checkout gets slow and comes back, users of the control group see nothing.
//!
//! To look at the page: `SHAKEDOWN_SAMPLE_PAGE=/tmp/report.html cargo test -p harness sample_page`.

mod frames;
mod traces;

use std::collections::BTreeMap;

use model::expect::InvariantFinding;
use model::fault::{FaultState, Window};
use model::frame::{DropCount, FaultFrame, Frame, Trace, Verdict, VerdictFrame};
use model::hdr::{self, LoadTotals};
use model::hist::Histogram;
use model::id::TraceId;
use model::load::{
    Attempts, CheckCount, Group, LoadCell, LoadDone, LoadInterval, LoadKey, Outcome, Validity,
};
use model::phase::{Phase, Timeline};
use model::plan::FaultStatus;
use model::units::Share;

use crate::result::{Ending, Head, Hits, Inputs, RunResult};

pub(super) const STARTED_UNIX_MS: u64 = 1_795_225_327_400;
pub(super) const TIMELINE: Timeline =
    Timeline { before_ms: 10_000, during_ms: 40_000, after_ms: 80_000, end_ms: 120_000 };

#[derive(Clone)]
pub(super) struct Sample {
    pub(super) result: RunResult,
    pub(super) frames: Vec<Frame>,
    pub(super) traces: Vec<Trace>,
}

pub(super) fn trace_id(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16]).expect("the numbers of the sample are not zero")
}

pub(super) fn run() -> Sample {
    let frames = frames::frames();
    let result = RunResult::summarise(&Inputs {
        head: head("slow payments"),
        ending: Ending::Finished,
        started_unix_ms: Some(STARTED_UNIX_MS),
        frames: &frames,
        load: &load_totals(&frames),
        workers: 1,
        done: &[done(&frames)],
        expectations: &expectations(),
        faults: &faults(),
        by_hand: &[],
        ledger: &[
            ("payments slow".to_owned(), Hits { hit: 894, skipped: 3 }),
            ("replies lost".to_owned(), Hits { hit: 40, skipped: 0 }),
        ]
        .into(),
        proxy: Some(&[status("payments slow", 894, 3), status("replies lost", 40, 0)]),
        dropped: &[
            DropCount { what: "load spans".into(), count: 12 },
            DropCount { what: "collector spans".into(), count: 0 },
        ],
        invariants: Some(&invariants()),
    });
    Sample { result, frames, traces: traces::traces() }
}

pub(super) fn head(title: &str) -> Head {
    Head {
        run_id: "20261121-014207-7f3a".into(),
        title: title.into(),
        scenario: "scenarios/slow-payments.toml".into(),
        scenario_hash: "9b1c6a0f4d2e8735".into(),
        seed: 42,
        time_scale: 1.0,
        control: Share::from_ppm(200_000),
        timeline: TIMELINE,
        versions: BTreeMap::from([("shakedown".to_owned(), "0.1.0".to_owned())]),
    }
}

fn status(name: &str, hit: u64, skipped: u64) -> FaultStatus {
    let matched = hit + skipped;
    FaultStatus {
        name: name.into(),
        state: FaultState::Done,
        matched,
        hit,
        skipped,
        fidelity: None,
    }
}

pub(super) fn faults() -> Vec<FaultFrame> {
    let fault = |name: &str, what: &str, ppm, (start_ms, end_ms)| FaultFrame {
        name: name.into(),
        what: what.into(),
        edges: vec!["orders -> payments".parse().expect("a constant edge")],
        share: Share::from_ppm(ppm),
        state: FaultState::Done,
        schedule: vec![Window { start_ms, end_ms }],
        hit: 0,
        skipped: 0,
        hit_now: 0,
    };
    vec![
        fault("payments slow", "latency uniform 1.2s..1.8s", 600_000, (0, 40_000)),
        fault("replies lost", "lost-reply", 50_000, (10_000, 30_000)),
    ]
}

/// Phase, text, verdict, observed, detail.
type Row = (Phase, &'static str, Verdict, &'static str, &'static str);

#[rustfmt::skip]
const EXPECTATIONS: [Row; 11] = [
    (Phase::Before, "p99(checkout) < 300ms", Verdict::Pass, "121ms (115ms..128ms, n=1800)", ""),
    (Phase::Before, "errors(checkout) < 0.1%", Verdict::Pass, "0% (0%..0.2%, n=1800)", ""),
    (Phase::During, "p99(checkout) < 1500ms", Verdict::Fail, "1.84s (1.79s..1.92s, n=1920)",
     "the whole interval is above the limit; 6.1% of the journeys took longer"),
    (Phase::During, "errors(checkout) < 2%", Verdict::Pass, "1.1% (0.7%..1.6%, n=1920)", ""),
    (Phase::During, "attempts(orders -> payments) < 1.2", Verdict::Pass, "1.08 (n=1440)", ""),
    (Phase::During, "breaker(orders -> payments) opens", Verdict::Pass,
     "3 times, first at +2.4s", ""),
    (Phase::During, "fallback(pay-later) used", Verdict::NotExercised, "0 times",
     "no span of the fallback was seen"),
    (Phase::After, "recovered within 10s", Verdict::Pass, "4.2s", ""),
    (Phase::After, "p999(checkout) < 200ms", Verdict::Unclear, "188ms (131ms..402ms, n=2400)",
     "the limit lies inside the interval; about 9000 journeys would decide it"),
    (Phase::End, "money conserved", Verdict::Pass, "difference 0 cents", ""),
    (Phase::End, "one charge per order", Verdict::Fail, "2 orders charged twice",
     "ord-000412 and ord-000977"),
];

fn expectations() -> Vec<VerdictFrame> {
    let frame = |(phase, text, verdict, observed, detail): Row| VerdictFrame {
        phase,
        text: text.into(),
        verdict,
        observed: observed.into(),
        detail: detail.into(),
        trace_ids: Vec::new(),
    };
    let mut all: Vec<_> = EXPECTATIONS.into_iter().map(frame).collect();
    all[2].trace_ids = vec![trace_id(1), trace_id(7)];
    all[10].trace_ids = vec![trace_id(2)];
    all
}

fn invariants() -> Vec<InvariantFinding> {
    let finding = |name: &str, holds, detail: &str, trace_ids| InvariantFinding {
        name: name.into(),
        holds,
        detail: detail.into(),
        trace_ids,
    };
    vec![
        finding(
            "money conserved",
            Some(true),
            "customers and merchant together hold 80,000,000 cents, as at the start",
            vec![],
        ),
        finding("stock conserved", None, "inventory did not answer within 5 s", vec![]),
        finding(
            "one charge per order",
            Some(false),
            "2 of 4120 orders were charged twice: ord-000412 (2 x 1250 cents), \
             ord-000977 (2 x 650 cents)",
            vec![trace_id(2)],
        ),
    ]
}

fn done(frames: &[Frame]) -> LoadDone {
    let of = |wanted: fn(&Outcome) -> bool| -> u64 {
        let cells = frames.iter().flat_map(|frame| &frame.load.cells);
        cells.filter(|cell| wanted(&cell.outcome)).map(|cell| cell.count).sum()
    };
    let completed = of(|outcome| *outcome == Outcome::Completed);
    let failed = of(|outcome| *outcome == Outcome::Status);
    LoadDone {
        run_id: "20261121-014207-7f3a".into(),
        worker: 0,
        offered: completed + failed + 3,
        completed,
        failed,
        timed_out: 0,
        dropped: 0,
        unfinished: 3,
        acknowledged: Vec::new(),
        acknowledged_dropped: 0,
        spans_dropped: 12,
        plan_hash: "77aa".into(),
        stopped: None,
    }
}

/// The exact histograms that go with the frames.
fn load_totals(frames: &[Frame]) -> LoadTotals {
    let mut sums: BTreeMap<LoadKey, Histogram> = BTreeMap::new();
    for cell in frames.iter().flat_map(|frame| &frame.load.cells) {
        let key = LoadKey {
            model: model::load::LoadModel::Open,
            flow: cell.flow.clone(),
            step: cell.step.clone(),
            phase: cell.phase,
            group: cell.group,
            hit: cell.hit,
            outcome: cell.outcome,
        };
        sums.entry(key).or_default().merge(&cell.response);
    }
    let cells = sums.into_iter().map(|(key, sum)| {
        let mut response = hdr::empty();
        for (bucket, count) in sum.buckets() {
            let us = (model::hist::middle_ns(bucket) / 1_000).max(1);
            response.record_n(us, count).expect("sample durations are below ten minutes");
        }
        let response_hdr = hdr::encode(&response);
        let retries = if key.outcome.is_error() { sum.count() / 3 } else { 0 };
        let attempts = Attempts { sent: sum.count() + retries, retries, ..Attempts::default() };
        let cell = LoadCell::new(key, sum.count(), response_hdr.clone(), response_hdr);
        LoadCell { attempts, ..cell }
    });
    let cells = cells.flat_map(|cell| [paying(&cell), cell]);
    let mut totals = LoadTotals::default();
    totals.add(&interval(cells.collect())).expect("the histograms are our own");
    totals
}

/// The one step of the journeys of a cell, which is all that their clients did.
fn paying(journeys: &LoadCell) -> LoadCell {
    let key = LoadKey { step: Some("pay".into()), ..journeys.key.clone() };
    let failed = if key.outcome.is_error() { journeys.count } else { 0 };
    let held = CheckCount { passed: journeys.count - failed, failed };
    let checks = BTreeMap::from([("status == 201".to_owned(), held)]);
    LoadCell { key, checks, ..journeys.clone() }
}

fn interval(cells: Vec<LoadCell>) -> LoadInterval {
    LoadInterval {
        run_id: String::new(),
        worker: 0,
        sequence: 0,
        unix_s: 0,
        offered: 0,
        cells,
        lateness_hdr: hdr::encode(&hdr::empty()),
        connection_wait_hdr: hdr::encode(&hdr::empty()),
        dials: model::load::DialHdr::default(),
        body_bytes: 0,
        in_flight: 0,
        cpu_cores: 0.0,
        validity: Validity::Valid,
        spans_dropped: 0,
        exemplars: Vec::new(),
    }
}

pub(super) const GROUPS: [Group; 2] = [Group::Control, Group::Exposed];
