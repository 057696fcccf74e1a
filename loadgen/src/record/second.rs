//! One second of one engine.

use std::collections::BTreeMap;
use std::time::Duration;

use model::load::{Group, LoadExemplar, Outcome};
use model::phase::Phase;

use crate::samples::Samples;

/// An arrival released later than this was not dispatched in time: no percentile of a web system
/// survives it.
const IN_TIME: Duration = Duration::from_millis(100);

/// [`model::load::LoadKey`] by indices into the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) flow: usize,
    /// `None` is the whole journey.
    pub(crate) step: Option<usize>,
    pub(crate) phase: Phase,
    pub(crate) group: Group,
    pub(crate) hit: bool,
    pub(crate) outcome: Outcome,
}

/// How long a journey or a step took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) response: Duration,
    /// `None` when no byte of a request was written.
    pub(crate) service: Option<Duration>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) count: u64,
    pub(crate) response: Samples,
    pub(crate) service: Samples,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Second {
    pub(crate) offered: u64,
    pub(crate) in_time: u64,
    pub(crate) lateness: Samples,
    pub(crate) connection_wait: Samples,
    pub(crate) cells: BTreeMap<CellKey, Cell>,
    pub(crate) exemplars: Exemplars,
}

impl Second {
    pub(super) fn offer(&mut self, lateness: Duration) {
        self.offered += 1;
        self.in_time += u64::from(lateness <= IN_TIME);
        self.lateness.record(lateness);
    }

    pub(super) fn ended(&mut self, key: CellKey, timing: Timing) {
        let cell = self.cells.entry(key).or_default();
        cell.count += 1;
        cell.response.record(timing.response);
        if let Some(service) = timing.service {
            cell.service.record(service);
        }
    }

    /// Joins another second into this one.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.offered += other.offered;
        self.in_time += other.in_time;
        self.lateness.absorb(&other.lateness);
        self.connection_wait.absorb(&other.connection_wait);
        for (key, cell) in other.cells {
            let into = self.cells.entry(key).or_default();
            into.count += cell.count;
            into.response.absorb(&cell.response);
            into.service.absorb(&cell.service);
        }
        other.exemplars.into_iter().for_each(|exemplar| self.exemplars.offer(exemplar));
    }
}

/// The slowest journey, one that failed and one that a fault hit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exemplars {
    slowest: Option<LoadExemplar>,
    failed: Option<LoadExemplar>,
    hit: Option<LoadExemplar>,
}

impl Exemplars {
    pub(super) fn offer(&mut self, offered: LoadExemplar) {
        if offered.hit && self.hit.is_none() {
            self.hit = Some(offered.clone());
        }
        if offered.outcome.is_error() && self.failed.is_none() {
            self.failed = Some(offered.clone());
        }
        if self.slowest.as_ref().is_none_or(|slowest| slowest.response_us < offered.response_us) {
            self.slowest = Some(offered);
        }
    }

    /// Each journey once.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = LoadExemplar> {
        let mut chosen: Vec<LoadExemplar> = Vec::with_capacity(3);
        for exemplar in [self.slowest, self.failed, self.hit].into_iter().flatten() {
            if chosen.iter().all(|other| other.trace_id != exemplar.trace_id) {
                chosen.push(exemplar);
            }
        }
        chosen.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(digit: char, response_us: u64, outcome: Outcome, hit: bool) -> LoadExemplar {
        LoadExemplar {
            flow: "checkout".into(),
            trace_id: digit.to_string().repeat(32).parse().unwrap(),
            correlation_id: model::id::CorrelationId::of_user(1, 1),
            response_us,
            outcome,
            hit,
        }
    }

    #[test]
    fn the_slowest_a_failed_and_a_hit_journey_are_kept_each_once() {
        let mut exemplars = Exemplars::default();
        exemplars.offer(exemplar('1', 10, Outcome::Completed, false));
        exemplars.offer(exemplar('2', 90, Outcome::Timeout, true));
        exemplars.offer(exemplar('3', 50, Outcome::Completed, true));
        exemplars.offer(exemplar('4', 99, Outcome::Completed, false));
        let kept: Vec<u64> = exemplars.into_iter().map(|one| one.response_us).collect();
        assert_eq!(kept, [99, 90]);
    }

    #[test]
    fn joined_seconds_add_up() {
        let key = CellKey {
            flow: 0,
            step: None,
            phase: Phase::During,
            group: Group::Control,
            hit: true,
            outcome: Outcome::Status,
        };
        let second = |ms: u64| {
            let mut second = Second::default();
            second.offer(Duration::from_millis(ms));
            let response = Duration::from_millis(ms);
            second.ended(key, Timing { response, service: None });
            second
        };
        let mut sum = second(1);
        sum.absorb(second(200));
        assert_eq!((sum.offered, sum.in_time), (2, 1));
        let cell = &sum.cells[&key];
        assert_eq!((cell.count, cell.response.to_histogram().len()), (2, 2));
        assert!(cell.service.to_histogram().is_empty());
    }
}
