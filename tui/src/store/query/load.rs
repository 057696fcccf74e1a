//! The load generator at full length: from frames to what is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::hist::Histogram;
use model::load::{Group, Outcome};
use model::phase::Phase;

use super::time::Times;
use super::{plot, quantile_ms, quantiles_ms, table_window};
use crate::kept::{Frame, LoadCellFrame, LoadFrame};
use crate::screen::load::{
    LoadItem, LoadMoment, LoadQuery, LoadRow, LoadView, PERCENTILES, Spectrum, SpectrumCurve, Split,
};
use crate::store::Store;

/// Rows of the table; flows and steps come from outside.
const ROWS_MAX: usize = 500;

pub(super) fn build(store: &Store, times: &Times, query: &LoadQuery) -> LoadView {
    let shown = || store.between(times.span().0, times.cursor_s);
    let seconds = shown().count() as u64;
    let columns: Vec<Arc<Cells>> = times
        .columns_to_cursor()
        .map(|(first, last)| {
            store.sums.cells.of((), (first, last), || cells(store.between(first, last)))
        })
        .collect();
    let rows = rows(&columns, seconds);
    let wanted = query.selected.as_ref();
    let selected = wanted.and_then(|wanted| rows.iter().position(|row| row.item == *wanted));
    let selected = selected.unwrap_or(0);
    let item = rows.get(selected).map(|row| &row.item);
    let column = |span: Option<(u64, u64)>| match span {
        Some((first, last)) => {
            let moment = || moment(store.between(first, last));
            *store.sums.moments.of((), (first, last), moment)
        },
        None => LoadMoment::default(),
    };
    let last = shown().rev().map(|frame| &frame.load);
    LoadView {
        model: last.into_iter().find(|load| load.validity.is_some()).map(|load| load.model),
        moments: times.plot_columns().map(column).collect(),
        now: moment(table_window(store, times)),
        spectrum: item.map(|item| spectrum(&columns, item, query.split)).unwrap_or_default(),
        rows,
        selected,
        seconds,
    }
}

/// Several seconds of all flows together.
fn moment<'a>(frames: impl Iterator<Item = &'a Frame> + Clone) -> LoadMoment {
    let seconds = frames.clone().count();
    if seconds == 0 {
        return LoadMoment::default();
    }
    let loads = || frames.clone().map(|frame| &frame.load);
    let per_s = |count: u64| Some(count as f64 / seconds as f64);
    let mut groups = [(); 3].map(|()| Histogram::default());
    let (mut lateness, mut connection) = (Histogram::default(), Histogram::default());
    let (mut completed, mut failed) = (0_u64, 0_u64);
    for load in loads() {
        lateness.merge_packed(&load.lateness);
        connection.merge_packed(&load.connection_wait);
        for cell in load.cells.iter().filter(|cell| cell.step.is_none()) {
            let sum = if cell.outcome.is_error() { &mut failed } else { &mut completed };
            *sum = sum.saturating_add(cell.count);
            groups[group(cell)].merge_packed(&cell.response);
        }
    }
    let most = |value: fn(&LoadFrame) -> f64| {
        loads().map(value).filter(|it| it.is_finite()).reduce(f64::max)
    };
    LoadMoment {
        offered_per_s: per_s(loads().fold(0, |sum, load| sum.saturating_add(load.offered))),
        completed_per_s: per_s(completed),
        failed_per_s: per_s(failed),
        in_flight: most(|load| load.in_flight as f64),
        late_ms: [0.5, 0.99].map(|fraction| quantile_ms(&lateness, fraction)),
        connection_ms: quantile_ms(&connection, 0.99),
        cpu_cores: most(|load| load.cpu_cores),
        validity: loads().filter_map(|load| load.validity).max(),
        groups_p99_ms: groups.each_ref().map(|group| quantile_ms(group, 0.99)),
    }
}

/// Names of the groups, in the order of [`group`].
const GROUPS: [&str; 3] = ["control", "not hit", "hit"];

fn group(cell: &LoadCellFrame) -> usize {
    match (cell.hit, cell.group) {
        (true, _) => 2,
        (false, Group::Exposed) => 1,
        (false, Group::Control) => 0,
    }
}

/// What ended in some seconds, by flow and step: each flow before its steps, by name.
pub(super) type Cells = BTreeMap<LoadItem, Sums>;

#[derive(Debug, Default)]
pub(super) struct Sums {
    count: u64,
    failed: u64,
    /// By phase and [`group`].
    durations: BTreeMap<(Phase, usize), Histogram>,
    outcomes: BTreeMap<Outcome, u64>,
}

impl Sums {
    fn merged(&self) -> Histogram {
        let mut merged = Histogram::default();
        for durations in self.durations.values() {
            merged.merge(durations);
        }
        merged
    }

    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.failed = self.failed.saturating_add(other.failed);
        for (key, durations) in &other.durations {
            self.durations.entry(*key).or_default().merge(durations);
        }
        for (outcome, count) in &other.outcomes {
            let sum = self.outcomes.entry(*outcome).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

fn cells<'a>(frames: impl Iterator<Item = &'a Frame>) -> Cells {
    let mut by_name: BTreeMap<(&str, Option<&str>), Sums> = BTreeMap::new();
    for cell in frames.flat_map(|frame| &frame.load.cells) {
        let key = (cell.flow.as_str(), cell.step.as_deref());
        if by_name.len() >= ROWS_MAX && !by_name.contains_key(&key) {
            continue;
        }
        let sum = by_name.entry(key).or_default();
        sum.count = sum.count.saturating_add(cell.count);
        sum.durations.entry((cell.phase, group(cell))).or_default().merge_packed(&cell.response);
        if cell.outcome.is_error() {
            sum.failed = sum.failed.saturating_add(cell.count);
            let outcome = sum.outcomes.entry(cell.outcome).or_default();
            *outcome = outcome.saturating_add(cell.count);
        }
    }
    let named = |(flow, step): (&str, Option<&str>)| LoadItem {
        flow: flow.to_owned(),
        step: step.map(str::to_owned),
    };
    by_name.into_iter().map(|(key, sums)| (named(key), sums)).collect()
}

fn rows(columns: &[Arc<Cells>], seconds: u64) -> Vec<LoadRow> {
    let mut all: BTreeMap<&LoadItem, Sums> = BTreeMap::new();
    for (item, sums) in columns.iter().flat_map(|column| column.iter()) {
        if all.len() < ROWS_MAX || all.contains_key(item) {
            all.entry(item).or_default().add(sums);
        }
    }
    all.into_iter().map(|(item, sums)| row(item, sums, seconds)).collect()
}

fn row(item: &LoadItem, sums: Sums, seconds: u64) -> LoadRow {
    let durations = sums.merged();
    let mut outcomes: Vec<(Outcome, u64)> =
        sums.outcomes.into_iter().filter(|(_, count)| *count > 0).collect();
    outcomes.sort_by_key(|(outcome, count)| (std::cmp::Reverse(*count), *outcome));
    LoadRow {
        item: item.clone(),
        count: sums.count,
        per_s: sums.count as f64 / seconds.max(1) as f64,
        error_percent: (sums.count > 0).then(|| sums.failed as f64 * 100.0 / sums.count as f64),
        quantiles_ms: quantiles_ms(&durations),
        outcomes,
    }
}

fn spectrum(columns: &[Arc<Cells>], item: &LoadItem, split: Split) -> Spectrum {
    let names: Vec<&'static str> = match split {
        Split::Phases => Phase::ALL.map(Phase::as_str).to_vec(),
        Split::Groups => GROUPS.to_vec(),
    };
    let mut merged = vec![Histogram::default(); names.len()];
    let sums = columns.iter().filter_map(|column| column.get(item));
    for ((phase, group), durations) in sums.flat_map(|sums| &sums.durations) {
        let curve = match split {
            Split::Phases => Phase::ALL.iter().position(|it| it == phase),
            Split::Groups => Some(*group),
        };
        if let Some(into) = curve.and_then(|curve| merged.get_mut(curve)) {
            into.merge(durations);
        }
    }
    let curves: Vec<SpectrumCurve> = names
        .into_iter()
        .zip(&merged)
        .enumerate()
        .filter(|(_, (_, histogram))| !histogram.is_empty())
        .map(|(place, (name, histogram))| SpectrumCurve {
            name,
            place,
            count: histogram.count(),
            values_ms: PERCENTILES.iter().map(|(it, _)| known(histogram, *it)).collect(),
        })
        .collect();
    let values = || curves.iter().flat_map(|curve| curve.values_ms.iter().flatten().copied());
    let (low_ms, high_ms) = plot::decades(values());
    Spectrum { low_ms, high_ms, curves }
}

/// A percentile, when at least one value lies beyond it.
fn known(histogram: &Histogram, fraction: f64) -> Option<f64> {
    let beyond = histogram.count() as f64 * (1.0 - fraction);
    quantile_ms(histogram, fraction).filter(|_| beyond >= 0.999)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{kept, recording};

    #[test]
    fn a_percentile_needs_a_value_beyond_it() {
        let mut histogram = Histogram::default();
        for _ in 0..100 {
            histogram.record(Duration::from_millis(5));
        }
        assert!(known(&histogram, 0.99).is_some());
        assert_eq!(known(&histogram, 0.999), None);
        assert_eq!(known(&Histogram::default(), 0.5), None);
    }

    #[test]
    fn journeys_count_once_and_steps_stand_behind_their_flow() {
        let frames = kept::of(recording::until(36));
        let rows = rows(&[Arc::new(cells(frames.iter()))], 36);
        let names: Vec<(&str, Option<&str>)> =
            rows.iter().map(|row| (row.item.flow.as_str(), row.item.step.as_deref())).collect();
        assert_eq!(names, [("browse", None), ("checkout", None), ("checkout", Some("pay"))]);
        // 36 s of six in the control group; 31 s of 36 exposed ones and 5 s of 54 that failed; 6 s
        // of 18 that were hit.
        assert_eq!(rows[1].count, 36 * 6 + 31 * 36 + 5 * 54 + 6 * 18);
        assert_eq!(rows[1].outcomes, [(Outcome::Status, 5 * 54)]);
        let now = moment(frames.iter());
        assert_eq!(now.failed_per_s, Some(5.0 * 54.0 / 36.0));
        assert_eq!(now.in_flight, Some(31.0));
        assert_eq!(moment(std::iter::empty()), LoadMoment::default());
    }

    #[test]
    fn the_groups_are_apart() {
        let frames = kept::of(recording::until(36));
        let item = LoadItem { flow: "checkout".to_owned(), step: None };
        let halves = [&frames[..20], &frames[20..]].map(|half| Arc::new(cells(half.iter())));
        let groups = spectrum(&halves, &item, Split::Groups);
        let p50: Vec<(&str, f64)> =
            groups.curves.iter().map(|it| (it.name, it.values_ms[0].unwrap())).collect();
        assert_eq!(p50.iter().map(|(name, _)| *name).collect::<Vec<_>>(), GROUPS);
        assert!(p50[2].1 > 1_000.0 && p50[0].1 < 100.0, "{p50:?}");
        let phases = spectrum(&halves, &item, Split::Phases);
        let names: Vec<&str> = phases.curves.iter().map(|it| it.name).collect();
        assert_eq!(names, ["warmup", "before", "during"]);
        assert!(groups.low_ms < groups.high_ms);
    }
}
