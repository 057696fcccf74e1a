//! What the load generator offered, got, and how late it was itself.

use model::hist::Histogram;
use model::load::Group;

use super::time::Times;
use super::{quantile_ms, table_window};
use crate::kept::{Frame, LoadCellFrame};
use crate::screen::{LoadColumn, LoadSummary};
use crate::store::Store;

pub(super) fn build(store: &Store, times: &Times) -> LoadSummary {
    let frames = || table_window(store, times);
    let seconds = frames().count().max(1) as f64;
    let totals = Totals::of(frames());
    let last = store.at_or_before(times.cursor_s).map(|frame| &frame.load);
    let p99_of = |wanted: fn(&LoadCellFrame) -> bool| {
        let mut merged = Histogram::default();
        let cells = frames().flat_map(|frame| &frame.load.cells);
        for cell in cells.filter(|cell| cell.step.is_none() && wanted(cell)) {
            merged.merge_packed(&cell.response);
        }
        quantile_ms(&merged, 0.99)
    };
    LoadSummary {
        model: frames().map(|frame| frame.load.model).max().unwrap_or_default(),
        offered_per_s: totals.offered as f64 / seconds,
        completed_per_s: totals.completed as f64 / seconds,
        failed_per_s: totals.failed as f64 / seconds,
        in_flight: last.map_or(0, |load| load.in_flight),
        lateness_ms: [0.5, 0.99].map(|fraction| quantile_ms(&totals.lateness, fraction)),
        connection_wait_p99_ms: quantile_ms(&totals.connection_wait, 0.99),
        cpu_cores: last.map_or(0.0, |load| load.cpu_cores),
        validity: frames().filter_map(|frame| frame.load.validity).max(),
        control_p99_ms: p99_of(|cell| cell.group == Group::Control),
        exposed_p99_ms: p99_of(|cell| cell.group == Group::Exposed),
        hit_p99_ms: p99_of(|cell| cell.hit),
        columns: columns(store, times),
    }
}

fn columns(store: &Store, times: &Times) -> Vec<LoadColumn> {
    let column = |span: Option<(u64, u64)>| match span {
        Some(span) => *store.sums.load.of((), span, || column(store, span)),
        None => LoadColumn::default(),
    };
    times.plot_columns().map(column).collect()
}

fn column(store: &Store, (first, last): (u64, u64)) -> LoadColumn {
    let frames = || store.between(first, last);
    let present = frames().count();
    if present == 0 {
        return LoadColumn::default();
    }
    let totals = Totals::of(frames());
    let per_s = |count: u64| Some(count as f64 / present as f64);
    LoadColumn {
        offered: per_s(totals.offered),
        completed: per_s(totals.completed),
        failed: per_s(totals.failed),
        lateness_p99_ms: quantile_ms(&totals.lateness, 0.99),
    }
}

/// Sums over some frames; journeys, not steps.
#[derive(Debug, Default)]
struct Totals {
    offered: u64,
    completed: u64,
    failed: u64,
    lateness: Histogram,
    connection_wait: Histogram,
}

impl Totals {
    fn of<'a>(frames: impl Iterator<Item = &'a Frame>) -> Self {
        let mut totals = Self::default();
        for frame in frames {
            let load = &frame.load;
            totals.offered = totals.offered.saturating_add(load.offered);
            totals.lateness.merge_packed(&load.lateness);
            totals.connection_wait.merge_packed(&load.connection_wait);
            for cell in load.cells.iter().filter(|cell| cell.step.is_none()) {
                let sum = if cell.outcome.is_error() {
                    &mut totals.failed
                } else {
                    &mut totals.completed
                };
                *sum = sum.saturating_add(cell.count);
            }
        }
        totals
    }
}
