//! Journeys of every flow and their steps.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use model::hist::{Histogram, Tally};
use model::load::{Group, Outcome};
use model::phase::Phase;

use super::{Names, Sum};
use crate::kept::{Frame, LoadCellFrame};
use crate::screen::load::LoadItem;

/// What ended, by flow and step: each flow before its steps, by name.
#[derive(Debug, Default)]
pub(crate) struct Cells(pub(crate) Names<LoadItem, Ended>);

#[derive(Debug)]
pub(crate) struct Ended<H = Histogram> {
    pub(crate) count: u64,
    pub(crate) failed: u64,
    /// By phase and [`group`].
    pub(crate) durations: BTreeMap<(Phase, usize), H>,
    /// Of those that failed.
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
}

impl<H> Default for Ended<H> {
    fn default() -> Self {
        Self { count: 0, failed: 0, durations: BTreeMap::new(), outcomes: BTreeMap::new() }
    }
}

/// Names of the groups, in the order of [`group`].
pub(crate) const GROUPS: [&str; 3] = ["control", "not hit", "hit"];

fn group(cell: &LoadCellFrame) -> usize {
    match (cell.hit, cell.group) {
        (true, _) => 2,
        (false, Group::Exposed) => 1,
        (false, Group::Control) => 0,
    }
}

fn order(item: &LoadItem, (flow, step): (&str, Option<&str>)) -> Ordering {
    item.flow.as_str().cmp(flow).then_with(|| item.step.as_deref().cmp(&step))
}

impl Ended {
    pub(crate) fn merged(&self) -> Histogram {
        let mut merged = Tally::default();
        for durations in self.durations.values() {
            merged.merge(durations);
        }
        merged.histogram()
    }
}

impl Ended<Tally> {
    fn add(&mut self, cell: &LoadCellFrame) {
        self.count = self.count.saturating_add(cell.count);
        self.durations.entry((cell.phase, group(cell))).or_default().merge_packed(&cell.response);
        if cell.outcome.is_error() {
            self.failed = self.failed.saturating_add(cell.count);
            self.came_of(cell.outcome, cell.count);
        }
    }

    fn merge(&mut self, later: &Ended) {
        self.count = self.count.saturating_add(later.count);
        self.failed = self.failed.saturating_add(later.failed);
        for (key, durations) in &later.durations {
            self.durations.entry(*key).or_default().merge(durations);
        }
        for (outcome, count) in &later.outcomes {
            self.came_of(*outcome, *count);
        }
    }

    fn came_of(&mut self, outcome: Outcome, count: u64) {
        let sum = self.outcomes.entry(outcome).or_default();
        *sum = sum.saturating_add(count);
    }

    fn close(self) -> Ended {
        let durations = self.durations.into_iter().map(|(key, tally)| (key, tally.histogram()));
        Ended {
            count: self.count,
            failed: self.failed,
            durations: durations.collect(),
            outcomes: self.outcomes,
        }
    }
}

impl Sum for Cells {
    type About = ();
    type Open = Names<LoadItem, Ended<Tally>>;
    /// No column asks for it, only the whole axis and its pieces.
    const REMEMBERED: usize = 16;

    fn add(open: &mut Self::Open, (): &(), frame: &Frame) {
        let mut next = 0;
        for cell in &frame.load.cells {
            let key = (cell.flow.as_str(), cell.step.as_deref());
            let item = || LoadItem { flow: cell.flow.clone(), step: cell.step.clone() };
            if let Some(ended) = open.at(&mut next, |item| order(item, key), item) {
                ended.add(cell);
            }
        }
    }

    fn merge(open: &mut Self::Open, later: &Self) {
        let mut next = 0;
        for (item, ended) in later.0.iter() {
            if let Some(sum) = open.at(&mut next, |it| it.cmp(item), || item.clone()) {
                sum.merge(ended);
            }
        }
    }

    fn close(open: Self::Open) -> Self {
        Self(open.map(Ended::close))
    }
}
