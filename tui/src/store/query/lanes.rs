//! Breakers and faults over time, one cell per plot column.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::edge::Edge;
use model::fault::FaultState;
use model::policy::BreakerState;

use super::table_window;
use super::time::Times;
use crate::kept::{BreakerFrame, FaultFrame, Frame};
use crate::screen::{BreakerLane, FaultCell, FaultLane};
use crate::store::Store;

pub(super) fn breakers(store: &Store, times: &Times) -> Vec<BreakerLane> {
    let Some(at_cursor) = store.at_or_before(times.cursor_s) else { return Vec::new() };
    let column = |span: Option<(u64, u64)>| {
        span.map(|span| store.sums.breakers.of((), span, || gravest(store, span)))
    };
    let columns: Vec<_> = times.plot_columns().map(column).collect();
    let end_ms = times.cursor_s.saturating_add(1).saturating_mul(1_000);
    let lane = |breaker: &BreakerFrame| BreakerLane {
        edge: breaker.edge.clone(),
        state: breaker.state,
        reason: breaker.reason.to_string(),
        age_s: end_ms.saturating_sub(breaker.since_unix_ms) / 1_000,
        probe_in_s: breaker.probe_at_unix_ms.map(|at| at.saturating_sub(end_ms).div_ceil(1_000)),
        cells: columns.iter().map(|column| column.as_ref()?.get(&breaker.edge).copied()).collect(),
    };
    at_cursor.breakers.iter().map(lane).collect()
}

fn gravest(store: &Store, (first, last): (u64, u64)) -> BTreeMap<Edge, BreakerState> {
    let mut states: BTreeMap<Edge, BreakerState> = BTreeMap::new();
    for breaker in store.between(first, last).flat_map(|frame| &frame.breakers) {
        match states.get_mut(&breaker.edge) {
            Some(state) if gravity(*state) > gravity(breaker.state) => {},
            Some(state) => *state = breaker.state,
            None => drop(states.insert(breaker.edge.clone(), breaker.state)),
        }
    }
    states
}

/// Of several states in one column the one is shown that must not be missed.
fn gravity(state: BreakerState) -> u8 {
    match state {
        BreakerState::Disabled | BreakerState::MetricsOnly => 0,
        BreakerState::Closed => 1,
        BreakerState::HalfOpen => 2,
        BreakerState::Open => 3,
        BreakerState::ForcedOpen => 4,
    }
}

pub(super) fn faults(store: &Store, times: &Times) -> Vec<FaultLane> {
    let Some(at_cursor) = store.at_or_before(times.cursor_s) else { return Vec::new() };
    let column = |span: Option<(u64, u64)>| {
        span.map(|span| store.sums.faults.of((), span, || acting(store, span)))
    };
    let columns: Vec<_> = times.plot_columns().map(column).collect();
    let hits = hits_by_fault(store, times);
    let seconds = table_window(store, times).count().max(1) as f64;
    at_cursor
        .faults
        .iter()
        .map(|fault| {
            let acts = |names: &Arc<BTreeSet<String>>| names.contains(&fault.name);
            let cells: Vec<bool> =
                columns.iter().map(|column| column.as_ref().is_some_and(acts)).collect();
            let hit = hits.get(fault.name.as_str()).copied().unwrap_or(0);
            FaultLane {
                hit_per_s: hit as f64 / seconds,
                cells: fault_cells(&cells, fault.state, times.cursor_plot_column()),
                ..fault_lane(fault, at_cursor, times)
            }
        })
        .collect()
}

fn acting(store: &Store, (first, last): (u64, u64)) -> BTreeSet<String> {
    let faults = store.between(first, last).flat_map(|frame| &frame.faults);
    faults.filter(|fault| was_active(fault)).map(|fault| fault.name.clone()).collect()
}

/// A window can begin and end within one second: its hits tell.
fn was_active(fault: &FaultFrame) -> bool {
    fault.state == FaultState::Active || fault.hit_now > 0
}

fn hits_by_fault<'a>(store: &'a Store, times: &Times) -> BTreeMap<&'a str, u64> {
    let mut hits = BTreeMap::new();
    for fault in table_window(store, times).flat_map(|frame| &frame.faults) {
        let sum: &mut u64 = hits.entry(fault.name.as_str()).or_default();
        *sum = sum.saturating_add(fault.hit_now);
    }
    hits
}

fn fault_lane(fault: &FaultFrame, frame: &Frame, times: &Times) -> FaultLane {
    let zero_ms = frame.run.timeline.and_then(|timeline| {
        frame.run.start_unix_ms.map(|start| start.saturating_add(timeline.during_ms))
    });
    let now_ms = times.cursor_s.saturating_add(1).saturating_mul(1_000);
    let ahead = |at_ms: &u64| {
        let at = zero_ms?.saturating_add(*at_ms);
        (at > now_ms).then(|| (at - now_ms).div_ceil(1_000))
    };
    let active = fault.state == FaultState::Active;
    let starts = fault.schedule.iter().filter_map(|window| ahead(&window.start_ms)).min();
    let ends = fault.schedule.iter().filter_map(|window| ahead(&window.end_ms)).min();
    FaultLane {
        name: fault.name.clone(),
        what: fault.what.clone(),
        share: fault.share.to_string(),
        edges: edges_text(&fault.edges),
        state: fault.state,
        hit: fault.hit,
        skipped: fault.skipped,
        hit_per_s: 0.0,
        starts_in_s: if active || fault.state == FaultState::Done { None } else { starts },
        ends_in_s: if active { ends } else { None },
        cells: Vec::new(),
    }
}

fn edges_text(edges: &[Edge]) -> String {
    match edges {
        [] => "no edge".to_owned(),
        [edge] => edge.short(),
        [edge, rest @ ..] => format!("{} and {} more", edge.short(), rest.len()),
    }
}

/// The stretch that reaches the cursor of an active fault is active; the others are over.
fn fault_cells(active: &[bool], state: FaultState, cursor: usize) -> Vec<FaultCell> {
    let mut cells: Vec<FaultCell> = active
        .iter()
        .map(|active| if *active { FaultCell::Done } else { FaultCell::Off })
        .collect();
    if state == FaultState::Active {
        let stretch = cells.iter_mut().take(cursor.saturating_add(1)).rev();
        for cell in stretch.take_while(|cell| **cell == FaultCell::Done) {
            *cell = FaultCell::Active;
        }
        let ahead = cells.iter_mut().skip(cursor.saturating_add(1));
        for cell in ahead.take_while(|cell| **cell == FaultCell::Done) {
            *cell = FaultCell::Active;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stretch_at_the_cursor_of_an_active_fault_is_active() {
        let active = [true, true, false, true, true, true, false];
        let text = |state, cursor| -> String {
            fault_cells(&active, state, cursor)
                .iter()
                .map(|cell| match cell {
                    FaultCell::Off | FaultCell::Planned => ' ',
                    FaultCell::Done => '=',
                    FaultCell::Active => '#',
                })
                .collect()
        };
        assert_eq!(text(FaultState::Active, 4), "== ### ");
        assert_eq!(text(FaultState::Active, 0), "## === ");
        assert_eq!(text(FaultState::Done, 6), "== === ");
    }
}
