//! The load generator, all flows together.

use model::hist::{Histogram, Tally};
use model::load::{Group, LoadModel, Validity};

use super::{MINUTE_S, Sum, TEN_S};
use crate::kept::Frame;

/// Journeys, not steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadSum<H = Histogram> {
    /// Seconds with data.
    pub(crate) seconds: u64,
    pub(crate) offered: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) lateness: H,
    pub(crate) connection_wait: H,
    /// Response times by group and by whether a fault hit: see [`slot`].
    responses: [H; 4],
    /// The most.
    pub(crate) in_flight: Option<u64>,
    /// The most.
    pub(crate) cpu_cores: Option<f64>,
    /// The worst.
    pub(crate) validity: Option<Validity>,
    pub(crate) model: LoadModel,
}

fn slot(group: Group, hit: bool) -> usize {
    usize::from(group == Group::Exposed) * 2 + usize::from(hit)
}

impl LoadSum {
    /// Of all responses of the wanted groups.
    pub(crate) fn responses(&self, wanted: impl Fn(Group, bool) -> bool) -> Histogram {
        let mut merged = Tally::default();
        for group in [Group::Control, Group::Exposed] {
            for hit in [false, true] {
                if wanted(group, hit) {
                    merged.merge(&self.responses[slot(group, hit)]);
                }
            }
        }
        merged.histogram()
    }
}

impl<H> LoadSum<H> {
    /// Everything but the durations.
    fn add_numbers<G>(&mut self, other: &LoadSum<G>) {
        self.seconds += other.seconds;
        self.offered = self.offered.saturating_add(other.offered);
        self.completed = self.completed.saturating_add(other.completed);
        self.failed = self.failed.saturating_add(other.failed);
        self.in_flight = self.in_flight.max(other.in_flight);
        let cpu_cores = self.cpu_cores.into_iter().chain(other.cpu_cores);
        self.cpu_cores = cpu_cores.reduce(f64::max);
        self.validity = self.validity.max(other.validity);
        self.model = self.model.max(other.model);
    }
}

impl Sum for LoadSum {
    type About = ();
    type Open = LoadSum<Tally>;
    const KEPT_S: &[u64] = &[MINUTE_S, TEN_S];

    fn add(open: &mut Self::Open, (): &(), frame: &Frame) {
        let load = &frame.load;
        let mut numbers: LoadSum<()> = LoadSum {
            seconds: 1,
            offered: load.offered,
            in_flight: Some(load.in_flight),
            cpu_cores: Some(load.cpu_cores).filter(|it| it.is_finite()),
            validity: load.validity,
            model: load.model,
            ..LoadSum::default()
        };
        open.lateness.merge_packed(&load.lateness);
        open.connection_wait.merge_packed(&load.connection_wait);
        for cell in load.cells.iter().filter(|cell| cell.step.is_none()) {
            let is_error = cell.outcome.is_error();
            let sum = if is_error { &mut numbers.failed } else { &mut numbers.completed };
            *sum = sum.saturating_add(cell.count);
            open.responses[slot(cell.group, cell.hit)].merge_packed(&cell.response);
        }
        open.add_numbers(&numbers);
    }

    fn merge(open: &mut Self::Open, later: &Self) {
        open.add_numbers(later);
        open.lateness.merge(&later.lateness);
        open.connection_wait.merge(&later.connection_wait);
        for (sum, later) in open.responses.iter_mut().zip(&later.responses) {
            sum.merge(later);
        }
    }

    fn close(open: Self::Open) -> Self {
        let mut sum = Self {
            lateness: open.lateness.histogram(),
            connection_wait: open.connection_wait.histogram(),
            responses: open.responses.each_ref().map(Tally::histogram),
            ..Self::default()
        };
        sum.add_numbers(&open);
        sum
    }
}
