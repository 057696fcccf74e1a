//! One second of one engine.

use std::time::Duration;

use model::load::{Attempts, CheckCount, Group, LoadExemplar, LoadModel, Outcome};
use model::phase::Phase;

use crate::client::DialTimes;
use crate::samples::Samples;

/// An arrival released later than this was not dispatched in time: no percentile of a web system
/// survives it.
const IN_TIME: Duration = Duration::from_millis(100);

/// [`model::load::LoadKey`] by indices into the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) model: LoadModel,
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
    pub(crate) attempts: Attempts,
    /// Of each check of the step, how often it held.
    pub(crate) checks: Vec<CheckCount>,
    /// Of steps: what came of them.
    /// There are hardly ever more than two.
    pub(crate) answers: Vec<(Came, u64)>,
    pub(crate) body_bytes: u64,
}

/// What came of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    Status(u16),
    /// No answer; the kind of failure.
    Failure(&'static str),
}

impl Cell {
    pub(super) fn came(&mut self, came: Came, body_bytes: u64) {
        *self.count_of(came) += 1;
        self.body_bytes += body_bytes;
    }

    fn count_of(&mut self, came: Came) -> &mut u64 {
        let at = self.answers.iter().position(|(other, _)| *other == came).unwrap_or_else(|| {
            self.answers.push((came, 0));
            self.answers.len() - 1
        });
        &mut self.answers[at].1
    }

    pub(super) fn checked(&mut self, held: &[bool]) {
        if self.checks.len() < held.len() {
            self.checks.resize(held.len(), CheckCount::default());
        }
        for (count, held) in self.checks.iter_mut().zip(held) {
            *if *held { &mut count.passed } else { &mut count.failed } += 1;
        }
    }
}

/// What new connections took, part by part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dials {
    pub(crate) dns: Samples,
    pub(crate) connect: Samples,
    pub(crate) tls: Samples,
}

impl Dials {
    pub(super) fn record(&mut self, times: DialTimes) {
        let parts = [
            (&mut self.dns, times.dns),
            (&mut self.connect, times.connect),
            (&mut self.tls, times.tls),
        ];
        for (samples, took) in parts {
            if let Some(took) = took {
                samples.record(took);
            }
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.dns.absorb(&other.dns);
        self.connect.absorb(&other.connect);
        self.tls.absorb(&other.tls);
    }
}

/// The cells of a second. There are a few dozen at most, and the next record is nearly always for
/// the same one or two as the last: looking through a short list is faster than any map.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cells {
    list: Vec<(CellKey, Cell)>,
}

impl Cells {
    pub(crate) fn of(&mut self, key: CellKey) -> &mut Cell {
        let at = self.list.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
            self.list.push((key, Cell::default()));
            self.list.len() - 1
        });
        &mut self.list[at].1
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    #[cfg(test)]
    pub(crate) fn get(&self, key: &CellKey) -> Option<&Cell> {
        self.list.iter().find(|(other, _)| other == key).map(|(_, cell)| cell)
    }

    /// In the order of the keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CellKey, &Cell)> {
        let mut cells: Vec<_> = self.list.iter().map(|(key, cell)| (key, cell)).collect();
        cells.sort_by_key(|(key, _)| **key);
        cells.into_iter()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Second {
    pub(crate) offered: u64,
    pub(crate) in_time: u64,
    pub(crate) lateness: Samples,
    pub(crate) connection_wait: Samples,
    pub(crate) dials: Dials,
    /// Of all bodies that were read.
    pub(crate) body_bytes: u64,
    pub(crate) cells: Cells,
    pub(crate) exemplars: Exemplars,
}

impl Second {
    pub(super) fn offer(&mut self, lateness: Duration) {
        self.offered += 1;
        self.in_time += u64::from(lateness <= IN_TIME);
        self.lateness.record(lateness);
    }

    pub(super) fn start(&mut self) {
        self.offered += 1;
        self.in_time += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offered == 0 && self.cells.len() == 0 && self.connection_wait.is_empty()
    }

    pub(super) fn ended(&mut self, key: CellKey, timing: Timing) -> &mut Cell {
        let cell = self.cells.of(key);
        cell.count += 1;
        cell.response.record(timing.response);
        if let Some(service) = timing.service {
            cell.service.record(service);
        }
        cell
    }

    /// Joins another second into this one.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.offered += other.offered;
        self.in_time += other.in_time;
        self.lateness.absorb(&other.lateness);
        self.connection_wait.absorb(&other.connection_wait);
        self.dials.absorb(&other.dials);
        self.body_bytes += other.body_bytes;
        for (key, cell) in other.cells.list {
            let into = self.cells.of(key);
            into.count += cell.count;
            into.response.absorb(&cell.response);
            into.service.absorb(&cell.service);
            into.attempts += cell.attempts;
            into.checks.resize(into.checks.len().max(cell.checks.len()), CheckCount::default());
            for (count, more) in into.checks.iter_mut().zip(&cell.checks) {
                *count += *more;
            }
            for (came, count) in cell.answers {
                *into.count_of(came) += count;
            }
            into.body_bytes += cell.body_bytes;
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

/// What decides whether a journey is kept as an example.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rank {
    pub(crate) response_us: u64,
    pub(crate) outcome: Outcome,
    pub(crate) hit: bool,
}

impl Exemplars {
    pub(super) fn wants(&self, rank: Rank) -> bool {
        (rank.hit && self.hit.is_none())
            || (rank.outcome.is_error() && self.failed.is_none())
            || self.slowest.as_ref().is_none_or(|other| other.response_us < rank.response_us)
    }

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
            model: LoadModel::Open,
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
            second.cells.of(key).came(Came::Status(503), ms);
            second
        };
        let mut sum = second(1);
        sum.absorb(second(200));
        assert_eq!((sum.offered, sum.in_time), (2, 1));
        let cell = sum.cells.get(&key).unwrap();
        assert_eq!((cell.count, cell.response.to_histogram().len()), (2, 2));
        assert!(cell.service.to_histogram().is_empty());
        assert_eq!(
            (cell.answers.as_slice(), cell.body_bytes),
            (&[(Came::Status(503), 2)][..], 201)
        );
    }
}
