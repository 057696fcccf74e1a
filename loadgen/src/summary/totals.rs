//! From the book to its figures.

use std::collections::BTreeMap;

use model::hdr::Durations;
use model::load::{Attempts, LoadKey, Outcome, Validity};
use model::phase::Phase;

use super::book::{Book, judged};
use super::decoded::Cell;
use super::distribute::{distribution, ms, spectrum};
use super::figures::{
    CellFigures, DialFigures, Distribution, Group, Phased, PointOfTime, Rates, Summary,
};
use super::series::Slot;
use super::spread::Spread;
use super::validity;
use crate::account::Account;

/// A flow, or one of its steps.
type Of<'a> = (&'a str, Option<&'a str>);
type Cells<'a> = Vec<(&'a LoadKey, &'a Cell)>;

impl Book {
    /// What is in so far. `reached_ms` is how far load has come after its start; `over` says that
    /// no more reports will come, so what is missing now is lost.
    pub fn summary(&self, reached_ms: u64, over: bool) -> Summary {
        let timeline = &self.setting.timeline;
        let reached_ms = reached_ms.min(timeline.end_ms);
        let judged_s = reached_ms.saturating_sub(timeline.before_ms) as f64 / 1_000.0;
        let account = Account { offered: self.offered, ..self.account_of(|_| true) };
        let mut counted = self.account_of(|key| judged(key.phase));
        counted.offered = counted.ended();
        let steps = self.cells.iter().filter(|(key, _)| judged(key.phase) && key.step.is_some());
        let (results, body_bytes) = answers(steps);
        let response = self.spread(|_| true);
        let requests: u64 = results.values().sum();
        let per_s = |count: u64| if judged_s > 0.0 { count as f64 / judged_s } else { 0.0 };
        let rates = Rates {
            offered_per_s: per_s(counted.offered),
            completed_per_s: per_s(counted.completed),
            requests_per_s: per_s(requests),
            body_bytes_per_s: per_s(body_bytes),
        };
        Summary {
            started_unix_ms: self.setting.start_unix_ms,
            elapsed_s: reached_ms as f64 / 1_000.0,
            judged_s,
            judged: counted,
            rates,
            spectrum: spectrum(&response),
            response: distribution(&response),
            completed: distribution(&self.spread(|key| key.outcome == Outcome::Completed)),
            service: self.service(),
            attempts: self.attempts(),
            dials: DialFigures {
                dns: of_durations(&self.dials.dns),
                connect: of_durations(&self.dials.connect),
                tls: of_durations(&self.dials.tls),
            },
            lateness: self.of_seconds(|slot| &slot.lateness),
            connection_wait: self.of_seconds(|slot| &slot.connection_wait),
            results,
            errors: self.errors(|key| key.step.is_none()),
            body_bytes,
            phases: self.phases(),
            groups: self.groups(),
            cells: self.cells.iter().map(figures).collect(),
            point_s: self.series.width_s(),
            points: self.series.slots().map(|(at, slot)| self.point(at, slot)).collect(),
            trust: validity::judge(self, &account, reached_ms, over),
            account,
        }
    }

    fn attempts(&self) -> Attempts {
        let mut attempts = Attempts::default();
        let journeys = self.cells.iter().filter(|(key, _)| judged(key.phase) && key.step.is_none());
        journeys.for_each(|(_, cell)| attempts += cell.attempts);
        attempts
    }

    fn account_of(&self, wanted: impl Fn(&LoadKey) -> bool) -> Account {
        let mut account = Account::default();
        for (key, cell) in self.cells.iter().filter(|(key, _)| key.step.is_none() && wanted(key)) {
            account.ended_by(key.outcome, cell.count);
        }
        account
    }

    /// Response times of judged journeys.
    pub fn spread(&self, wanted: impl Fn(&LoadKey) -> bool) -> Spread {
        let mut spread = Spread::default();
        let cells = self.cells.iter().filter(|(key, _)| judged(key.phase) && key.step.is_none());
        cells.filter(|(key, _)| wanted(key)).for_each(|(key, cell)| spread.add(key.outcome, cell));
        spread
    }

    /// Of judged journeys of which a byte was written and whose end is known.
    fn service(&self) -> Distribution {
        let mut spread = Spread::default();
        for (key, cell) in &self.cells {
            if judged(key.phase) && key.step.is_none() {
                add_service(&mut spread, key.outcome, cell);
            }
        }
        distribution(&spread)
    }

    fn of_seconds(&self, part: impl Fn(&Slot) -> &Durations) -> Distribution {
        let mut known = Durations::default();
        for (at, slot) in self.series.slots() {
            if !self.setting.is_warmup(at + self.series.width_s() / 2) {
                known.add(part(slot));
            }
        }
        of_durations(&known)
    }

    fn errors(&self, wanted: impl Fn(&LoadKey) -> bool) -> BTreeMap<String, u64> {
        let mut errors = BTreeMap::new();
        for (key, cell) in &self.cells {
            if judged(key.phase) && key.outcome.is_error() && wanted(key) {
                *errors.entry(key.outcome.as_str().to_owned()).or_default() += cell.count;
            }
        }
        errors
    }

    fn phases(&self) -> Vec<Phased> {
        let mut phases = Vec::new();
        for phase in Phase::ALL.into_iter().filter(|phase| judged(*phase)) {
            let any_hit = self.cells.keys().any(|key| key.phase == phase && key.hit);
            let parts = [None, Some(false), Some(true)];
            for hit in parts.into_iter().filter(|hit| hit.is_none() || any_hit) {
                let wanted =
                    |key: &LoadKey| key.phase == phase && hit.is_none_or(|hit| key.hit == hit);
                let account = self.account_of(wanted);
                if account.ended() > 0 {
                    let response = distribution(&self.spread(wanted));
                    let (count, errors) = (account.ended(), account.errors());
                    phases.push(Phased { phase, hit, count, errors, response });
                }
            }
        }
        phases
    }

    fn groups(&self) -> Vec<Group> {
        let cells = self.cells.iter().filter(|(key, _)| judged(key.phase));
        let mut groups: BTreeMap<Of<'_>, Cells<'_>> = BTreeMap::new();
        for (key, cell) in cells {
            groups.entry((&key.flow, key.step.as_deref())).or_default().push((key, cell));
        }
        let group = |((flow, step), cells): (Of<'_>, Cells<'_>)| {
            let (mut response, mut service) = (Spread::default(), Spread::default());
            for (key, cell) in &cells {
                response.add(key.outcome, cell);
                add_service(&mut service, key.outcome, cell);
            }
            let (results, body_bytes) = answers(cells.iter().copied());
            let mut sum = Cell::default();
            for (_, cell) in &cells {
                sum.add(cell);
            }
            Group {
                flow: flow.to_owned(),
                step: step.map(str::to_owned),
                count: sum.count,
                errors: self.errors(|key| key.flow == flow && key.step.as_deref() == step),
                results,
                body_bytes,
                attempts: sum.attempts,
                checks: sum.checks,
                response: distribution(&response),
                service: distribution(&service),
            }
        };
        groups.into_iter().map(group).collect()
    }

    fn point(&self, at: u64, slot: &Slot) -> PointOfTime {
        let mut account = Account { offered: slot.offered, ..Account::default() };
        for (outcome, count) in &slot.ended {
            account.ended_by(*outcome, *count);
        }
        let response =
            Spread { known: slot.response.clone(), censored: slot.censored.clone(), untimed: 0 };
        let low = |fraction| response.quantile(fraction).map(|bounds| ms(bounds.low_us));
        let width_s = self.series.width_s();
        let doubts = self.doubts.range(at..at + width_s).map(|(_, (validity, _))| *validity);
        PointOfTime {
            unix_s: at,
            phase: self.setting.phase_of(at + width_s / 2).unwrap_or(Phase::Warmup),
            account,
            p50_ms: low(0.5),
            p90_ms: low(0.9),
            p99_ms: low(0.99),
            max_ms: low(1.0),
            service_p99_ms: slot.service.quantile(0.99).map(ms),
            lateness_p99_ms: slot.lateness.quantile(0.99).map(ms),
            connection_wait_p99_ms: slot.connection_wait.quantile(0.99).map(ms),
            in_flight: self.series.in_flight(slot),
            cpu_cores: self.series.cpu_cores(slot),
            body_bytes: slot.body_bytes,
            validity: doubts.max().unwrap_or(Validity::Valid),
        }
    }
}

fn add_service(spread: &mut Spread, outcome: Outcome, cell: &Cell) {
    let censored = super::spread::is_censored(outcome);
    let into = if censored { &mut spread.censored } else { &mut spread.known };
    into.add(&cell.service);
}

fn of_durations(known: &Durations) -> Distribution {
    distribution(&Spread { known: known.clone(), ..Spread::default() })
}

fn answers<'a>(
    cells: impl Iterator<Item = (&'a LoadKey, &'a Cell)>,
) -> (BTreeMap<String, u64>, u64) {
    let (mut results, mut body_bytes) = (BTreeMap::new(), 0);
    for (_, cell) in cells {
        for (result, count) in &cell.results {
            *results.entry(result.clone()).or_default() += count;
        }
        body_bytes += cell.body_bytes;
    }
    (results, body_bytes)
}

fn figures((key, cell): (&LoadKey, &Cell)) -> CellFigures {
    let (mut response, mut service) = (Spread::default(), Spread::default());
    response.add(key.outcome, cell);
    add_service(&mut service, key.outcome, cell);
    CellFigures {
        key: key.clone(),
        count: cell.count,
        response: distribution(&response),
        service: distribution(&service),
    }
}
