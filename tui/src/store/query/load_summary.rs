//! What the load generator offered, got, and how late it was itself.

use model::load::Group;

use super::quantile_ms;
use super::sums::load::LoadSum;
use super::time::Times;
use crate::screen::{LoadColumn, LoadSummary};
use crate::store::Store;

pub(super) fn build(store: &Store, times: &Times) -> LoadSummary {
    let sum = store.sums.load.of(store, &(), times.window());
    let seconds = sum.seconds.max(1) as f64;
    let last = store.at_or_before(times.cursor_s).map(|frame| &frame.load);
    let p99_of = |wanted: fn(Group, bool) -> bool| quantile_ms(&sum.responses(wanted), 0.99);
    LoadSummary {
        model: sum.model,
        offered_per_s: sum.offered as f64 / seconds,
        completed_per_s: sum.completed as f64 / seconds,
        failed_per_s: sum.failed as f64 / seconds,
        in_flight: last.map_or(0, |load| load.in_flight),
        lateness_ms: [0.5, 0.99].map(|fraction| quantile_ms(&sum.lateness, fraction)),
        connection_wait_p99_ms: quantile_ms(&sum.connection_wait, 0.99),
        cpu_cores: last.map_or(0.0, |load| load.cpu_cores),
        validity: sum.validity,
        control_p99_ms: p99_of(|group, _| group == Group::Control),
        exposed_p99_ms: p99_of(|group, _| group == Group::Exposed),
        hit_p99_ms: p99_of(|_, hit| hit),
        columns: columns(store, times),
    }
}

fn columns(store: &Store, times: &Times) -> Vec<LoadColumn> {
    let column = |span: Option<(u64, u64)>| match span {
        Some(span) => column(&store.sums.load.of(store, &(), span)),
        None => LoadColumn::default(),
    };
    times.plot_columns().map(column).collect()
}

fn column(sum: &LoadSum) -> LoadColumn {
    if sum.seconds == 0 {
        return LoadColumn::default();
    }
    let per_s = |count: u64| Some(count as f64 / sum.seconds as f64);
    LoadColumn {
        offered: per_s(sum.offered),
        completed: per_s(sum.completed),
        failed: per_s(sum.failed),
        lateness_p99_ms: quantile_ms(&sum.lateness, 0.99),
    }
}
