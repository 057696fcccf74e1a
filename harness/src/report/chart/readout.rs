//! What the cursor reads: one line of text per column, made here so that the script on the page
//! only has to pick one.

use model::policy::BreakerState;

use crate::report::figures::{duration, offset, percent};
use crate::report::series::{Cell, Series};

pub(super) fn columns(series: &Series<'_>) -> Vec<String> {
    (0..series.axis.columns).map(|column| line(series, column)).collect()
}

fn line(series: &Series<'_>, column: usize) -> String {
    let start_ms = series.axis.column_start_ms(column);
    let mut parts = vec![offset(start_ms)];
    if !series.known[column] {
        parts.push("no data".to_owned());
        return parts.join("  ·  ");
    }
    for fault in &series.faults {
        if fault.active[column] || fault.hits[column] > 0 {
            let per_s = fault.hits[column] as f64 / series.axis.column_s();
            parts.push(format!("{}: {per_s:.1} hits/s", fault.fault.name));
        }
    }
    let middle_ms = start_ms + series.axis.column_ms / 2;
    for lane in &series.breakers {
        let state = lane.state_at(middle_ms).filter(|state| *state != BreakerState::Closed);
        parts.extend(state.map(|state| format!("{} {state}", lane.edge.short())));
    }
    for flow in &series.flows {
        parts.push(format!("{}: {}", flow.name, latency(&flow.exposed[column])));
        if flow.control[column].count > 0 {
            parts.push(format!("control: {}", latency(&flow.control[column])));
        }
    }
    parts.join("  ·  ")
}

fn latency(cell: &Cell) -> String {
    let at = |fraction| {
        let read = cell.duration.quantile(fraction);
        read.map_or_else(|| "–".to_owned(), |read| duration(read.as_secs_f64() * 1e3))
    };
    format!("p50 {} p99 {} errors {}", at(0.5), at(0.99), percent(cell.errors, cell.count))
}
