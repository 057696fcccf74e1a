//! Breakers and faults over time, one cell per plot column.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::Edge;
use model::fault::FaultState;

use super::sums::acted::Acted;
use super::sums::gravest::Gravest;
use super::table_window;
use super::time::Times;
use crate::kept::{BreakerFrame, FaultFrame, Frame};
use crate::screen::{BreakerLane, FaultCell, FaultLane};
use crate::store::Store;

pub(super) fn breakers(store: &Store, times: &Times) -> Vec<BreakerLane> {
    breakers_of(store, times, |_| true)
}

/// The lane of one breaker.
pub(super) fn breaker(store: &Store, times: &Times, edge: &Edge) -> Option<BreakerLane> {
    breakers_of(store, times, |breaker| breaker.edge == *edge).pop()
}

fn breakers_of(
    store: &Store,
    times: &Times,
    is_wanted: impl Fn(&BreakerFrame) -> bool,
) -> Vec<BreakerLane> {
    let Some(at_cursor) = store.at_or_before(times.cursor_s) else { return Vec::new() };
    let column = |span: Option<(u64, u64)>| Some(store.sums.breakers.of(store, &(), span?));
    let columns: Vec<_> = times.plot_columns().map(column).collect();
    let end_ms = times.cursor_s.saturating_add(1).saturating_mul(1_000);
    let cell =
        |column: &Option<Arc<Gravest>>, place: usize, edge: &Edge| column.as_ref()?.of(place, edge);
    let lane = |(place, breaker): (usize, &BreakerFrame)| BreakerLane {
        edge: breaker.edge.clone(),
        state: breaker.state,
        reason: breaker.reason.to_string(),
        age_s: end_ms.saturating_sub(breaker.since_unix_ms) / 1_000,
        probe_in_s: breaker.probe_at_unix_ms.map(|at| at.saturating_sub(end_ms).div_ceil(1_000)),
        cells: columns.iter().map(|column| cell(column, place, &breaker.edge)).collect(),
    };
    let breakers = at_cursor.breakers.iter().enumerate();
    breakers.filter(|(_, breaker)| is_wanted(breaker)).map(lane).collect()
}

pub(super) fn faults(store: &Store, times: &Times) -> Vec<FaultLane> {
    let Some(at_cursor) = store.at_or_before(times.cursor_s) else { return Vec::new() };
    let column = |span: Option<(u64, u64)>| Some(store.sums.faults.of(store, &(), span?));
    let columns: Vec<_> = times.plot_columns().map(column).collect();
    let hits = hits_by_fault(store, times);
    let seconds = table_window(store, times).count().max(1) as f64;
    at_cursor
        .faults
        .iter()
        .map(|fault| {
            let acted = |column: &Arc<Acted>| column.of(&fault.name).was_active;
            let cells: Vec<bool> =
                columns.iter().map(|column| column.as_ref().is_some_and(acted)).collect();
            let hit = hits.get(fault.name.as_str()).copied().unwrap_or(0);
            FaultLane {
                hit_per_s: hit as f64 / seconds,
                cells: fault_cells(&cells, fault.state, times.cursor_plot_column()),
                ..fault_lane(fault, at_cursor, times)
            }
        })
        .collect()
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
        planned: !fault.schedule.is_empty(),
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
