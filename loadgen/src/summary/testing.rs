//! Reports of made-up loads.

use model::hdr::{empty, encode};
use model::load::{
    AtLimit, Group, LoadCell, LoadDone, LoadInterval, LoadKey, LoadModel, Outcome, Validity,
};
use model::phase::{Phase, Timeline};

use super::book::Setting;

/// Load begins at this second.
pub(super) const START_S: u64 = 1_000;

/// Two seconds of warm-up, ten that are judged.
pub(super) fn setting(workers: u32) -> Setting {
    Setting {
        run_id: "run-1".into(),
        start_unix_ms: START_S * 1_000,
        timeline: Timeline { before_ms: 2_000, during_ms: 2_000, after_ms: 12_000, end_ms: 12_000 },
        workers,
        at_limit: AtLimit::Queue,
    }
}

/// One journey of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    pub(super) second: u64,
    pub(super) outcome: Outcome,
    pub(super) us: u64,
    pub(super) hit: bool,
    pub(super) lateness_us: u64,
}

pub(super) fn hdr(values: impl IntoIterator<Item = u64>) -> String {
    let mut histogram = empty();
    for us in values {
        histogram.record(us).unwrap();
    }
    encode(&histogram)
}

fn cell(step: Option<&str>, journey: &Journey, phase: Phase) -> LoadCell {
    let key = LoadKey {
        model: LoadModel::Open,
        flow: "look".into(),
        step: step.map(str::to_owned),
        phase,
        group: Group::Exposed,
        hit: journey.hit,
        outcome: journey.outcome,
    };
    let mut cell = LoadCell::new(key, 1, hdr([journey.us]), hdr([journey.us]));
    if step.is_some() {
        cell.results.insert(journey.outcome.as_str().to_owned(), 1);
        cell.body_bytes = 10;
    }
    cell
}

/// One report for each second, in which each journey is offered and ends.
pub(super) fn reports(worker: u32, journeys: &[Journey]) -> Vec<LoadInterval> {
    let setting = setting(1);
    let seconds = journeys.iter().map(|journey| journey.second).max().map_or(0, |last| last + 1);
    let of = |second: u64| journeys.iter().filter(move |journey| journey.second == second);
    let report = |second: u64| {
        let unix_s = START_S + second;
        let phase = setting.phase_of(unix_s).unwrap();
        let cells =
            of(second).flat_map(|it| [cell(None, it, phase), cell(Some("home"), it, phase)]);
        LoadInterval {
            run_id: "run-1".into(),
            worker,
            sequence: second,
            unix_s,
            offered: of(second).count() as u64,
            cells: cells.collect(),
            lateness_hdr: hdr(of(second).map(|journey| journey.lateness_us)),
            connection_wait_hdr: hdr(of(second).map(|journey| journey.us / 10 + 1)),
            dials: model::load::DialHdr::default(),
            body_bytes: 0,
            in_flight: of(second).count() as u64,
            cpu_cores: 0.25,
            validity: Validity::Valid,
            spans_dropped: 0,
            exemplars: Vec::new(),
        }
    };
    (0..seconds).map(report).collect()
}

/// The final account that fits the journeys.
pub(super) fn done(worker: u32, journeys: &[Journey]) -> LoadDone {
    let of = |wanted: &[Outcome]| {
        journeys.iter().filter(|journey| wanted.contains(&journey.outcome)).count() as u64
    };
    LoadDone {
        run_id: "run-1".into(),
        worker,
        offered: journeys.len() as u64,
        completed: of(&[Outcome::Completed]),
        failed: of(&[Outcome::Status, Outcome::Connection, Outcome::Answer, Outcome::Check]),
        timed_out: of(&[Outcome::Timeout]),
        dropped: of(&[Outcome::Dropped]),
        unfinished: of(&[Outcome::Unfinished]),
        acknowledged: Vec::new(),
        acknowledged_dropped: 0,
        spans_dropped: 0,
        plan_hash: "0".into(),
        stopped: None,
    }
}
