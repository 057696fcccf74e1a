//! A second of an engine as the report of a worker, and whether the generator kept its promise.

use std::sync::Arc;
use std::time::Duration;

use model::hdr::encode;
use model::load::{DialHdr, LoadCell, LoadInterval, LoadKey, LoadModel, LoadPlan, Validity};

use crate::client::Failure;
use crate::engine::Report;
use crate::plan::Resolved;
use crate::record::{Came, Cell, CellKey, Dials, Second};
use crate::samples::Samples;
use crate::spans::SpanCounts;

/// Lateness of the generator that no measurement of a web system minds.
const LATENESS_MAX: Duration = Duration::from_millis(5);
/// Lateness above this share of the median response time is worth a doubt.
const LATENESS_SHARE_MAX: f64 = 0.05;
/// Share of the offered arrivals that must have been released in time.
const IN_TIME_SHARE_MIN: f64 = 0.99;
/// An engine thread busier than this is late for reasons of its own.
const ENGINE_CORES_MAX: f64 = 0.85;

/// Numbers the reports of one worker.
#[derive(Debug)]
pub(crate) struct Intervals {
    run_id: String,
    worker: u32,
    sequence: u64,
    plan: Arc<Resolved>,
    spans: SpanCounts,
    /// The load is to be as fast as it goes, so a busy generator is no surprise.
    as_fast: bool,
}

impl Intervals {
    pub(crate) fn new(plan: &LoadPlan, resolved: Arc<Resolved>, spans: SpanCounts) -> Self {
        Self {
            run_id: plan.run_id.clone(),
            worker: plan.worker,
            sequence: 0,
            plan: resolved,
            spans,
            as_fast: plan.loads.iter().any(|load| load.model != LoadModel::Open),
        }
    }

    pub(crate) fn next(&mut self, report: Report) -> LoadInterval {
        let sequence = self.sequence;
        self.sequence += 1;
        let validity = validity(&report, self.as_fast);
        let Report { unix_s, second, in_flight, cores } = report;
        LoadInterval {
            run_id: self.run_id.clone(),
            worker: self.worker,
            sequence,
            unix_s,
            offered: second.offered,
            cells: second.cells.iter().map(|(key, cell)| self.cell(*key, cell)).collect(),
            lateness_hdr: encode(&second.lateness.to_histogram()),
            connection_wait_hdr: encode(&second.connection_wait.to_histogram()),
            dials: dials(&second.dials),
            body_bytes: second.body_bytes,
            in_flight,
            cpu_cores: cores.process,
            validity,
            spans_dropped: self.spans.dropped(),
            exemplars: second.exemplars.into_iter().collect(),
        }
    }

    fn cell(&self, key: CellKey, cell: &Cell) -> LoadCell {
        let flow = &self.plan.flows[key.flow];
        let about = key.step.map(|step| &flow.steps[step]);
        let key = LoadKey {
            model: key.model,
            flow: flow.name.clone(),
            step: about.map(|step| step.name.clone()),
            phase: key.phase,
            group: key.group,
            hit: key.hit,
            outcome: key.outcome,
        };
        let [response, service] =
            [&cell.response, &cell.service].map(|samples| encode(&samples.to_histogram()));
        let texts = about.into_iter().flat_map(|step| &step.check).map(ToString::to_string);
        LoadCell {
            attempts: cell.attempts,
            checks: texts.zip(cell.checks.iter().copied()).collect(),
            results: cell.answers.iter().map(|(answer, count)| (word(*answer), *count)).collect(),
            body_bytes: cell.body_bytes,
            ..LoadCell::new(key, cell.count, response, service)
        }
    }
}

fn dials(dials: &Dials) -> DialHdr {
    let hdr = |samples: &Samples| (!samples.is_empty()).then(|| encode(&samples.to_histogram()));
    DialHdr { dns_hdr: hdr(&dials.dns), connect_hdr: hdr(&dials.connect), tls_hdr: hdr(&dials.tls) }
}

fn word(came: Came) -> String {
    match came {
        Came::Status(status) => status.to_string(),
        Came::Failure(kind) => kind.to_owned(),
    }
}

fn validity(report: &Report, as_fast: bool) -> Validity {
    let Report { second, cores, .. } = report;
    let in_time_min = second.offered as f64 * IN_TIME_SHARE_MIN;
    let busy = cores.thread > ENGINE_CORES_MAX;
    let unsent = unsent(second);
    if (second.in_time as f64) < in_time_min
        || unsent as f64 > second.offered as f64 * (1.0 - IN_TIME_SHARE_MIN)
        || (busy && !as_fast)
    {
        return Validity::Invalid;
    }
    if busy || unsent > 0 {
        return Validity::Suspect;
    }
    let late_us = second.lateness.to_histogram().value_at_quantile(0.99) as f64;
    let doubtful_us = median_response_us(second) as f64 * LATENESS_SHARE_MAX;
    if late_us > LATENESS_MAX.as_micros() as f64 && late_us > doubtful_us {
        return Validity::Suspect;
    }
    Validity::Valid
}

/// Requests that could not be sent because of the generator's own limits.
fn unsent(second: &Second) -> u64 {
    let own = |came: &Came| Failure::OWN.iter().any(|it| Came::Failure(it.as_str()) == *came);
    let answers = second.cells.iter().flat_map(|(_, cell)| &cell.answers);
    answers.filter(|(came, _)| own(came)).map(|(_, count)| count).sum()
}

/// Of whole journeys.
fn median_response_us(second: &Second) -> u64 {
    let mut journeys = Samples::default();
    let cells = second.cells.iter().filter(|(key, _)| key.step.is_none());
    cells.for_each(|(_, cell)| journeys.absorb(&cell.response));
    journeys.to_histogram().value_at_quantile(0.5)
}

#[cfg(test)]
mod tests {
    use model::load::{Group, LoadModel, Outcome};
    use model::phase::Phase;

    use super::*;
    use crate::cpu::Cores;
    use crate::record::{Recorder, Timing};

    fn report(lateness_ms: u64, response_ms: u64, late: u64, thread: f64) -> Report {
        let recorder = Recorder::default();
        for number in 0..1_000 {
            let lateness = if number < late { 150 } else { lateness_ms };
            recorder.offered(7, Duration::from_millis(lateness));
            let key = CellKey {
                model: LoadModel::Open,
                flow: 0,
                step: None,
                phase: Phase::Before,
                group: Group::Exposed,
                hit: false,
                outcome: Outcome::Completed,
            };
            let response = Duration::from_millis(response_ms);
            recorder.ended(7, key, Timing { response, service: Some(response) });
        }
        let cores = Cores { thread, process: 1.7 };
        Report { unix_s: 7, second: recorder.take(7), in_flight: 3, cores }
    }

    #[test]
    fn the_generator_admits_when_it_could_not_keep_its_promise() {
        let table = [
            (0, 20, 0, 0.3, Validity::Valid),
            // Late by more than 5 ms, but the system takes a second anyway.
            (20, 1_000, 0, 0.3, Validity::Valid),
            (4, 20, 0, 0.3, Validity::Valid),
            (20, 100, 0, 0.3, Validity::Suspect),
            (0, 5_000, 10, 0.3, Validity::Valid),
            (0, 5_000, 11, 0.3, Validity::Invalid),
            (0, 20, 0, 0.9, Validity::Invalid),
        ];
        for (lateness_ms, response_ms, late, thread, expected) in table {
            let given = report(lateness_ms, response_ms, late, thread);
            assert_eq!(
                validity(&given, false),
                expected,
                "{lateness_ms} {response_ms} {late} {thread}"
            );
        }
    }

    #[test]
    fn what_the_generator_had_no_files_for_is_its_own_fault() {
        let after = |failures: u64| {
            let mut report = report(0, 20, 0, 0.3);
            let key = CellKey { step: Some(0), ..*report.second.cells.iter().next().unwrap().0 };
            let came = Came::Failure(Failure::FilesExhausted.as_str());
            report.second.cells.of(key).answers.push((came, failures));
            validity(&report, false)
        };
        let table = [(1, Validity::Suspect), (10, Validity::Suspect), (11, Validity::Invalid)];
        for (failures, expected) in table {
            assert_eq!(after(failures), expected, "{failures} of 1000");
        }
    }

    #[test]
    fn a_second_without_arrivals_is_valid() {
        let second = Second::default();
        let report = Report { unix_s: 7, second, in_flight: 0, cores: Cores::default() };
        assert_eq!(validity(&report, false), Validity::Valid);
    }

    #[test]
    fn reports_are_numbered_and_say_the_names() {
        let plan = crate::testing::plan("127.0.0.1:1".parse().unwrap());
        let resolved = Arc::new(Resolved::new(&plan).unwrap());
        let mut intervals = Intervals::new(&plan, resolved, SpanCounts::default());
        assert_eq!(intervals.next(report(0, 20, 0, 0.1)).sequence, 0);
        let interval = intervals.next(report(0, 20, 0, 0.1));
        assert_eq!((interval.sequence, interval.unix_s, interval.offered), (1, 7, 1_000));
        assert_eq!((interval.cells[0].key.flow.as_str(), interval.cells[0].count), ("look", 1_000));
        let response = model::hdr::decode(&interval.cells[0].response_hdr).unwrap();
        assert_eq!(response.len(), 1_000);
        assert!(response.equivalent(response.value_at_quantile(0.5), 20_000));
    }
}
