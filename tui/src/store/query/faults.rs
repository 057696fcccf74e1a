//! Every fault at full length: from frames to what is shown.

use std::cmp::Reverse;

use model::fault::{FOREVER_MS, FaultState, Window};
use model::frame::EventKind;

use super::time::Times;
use super::{effect, lanes, plot, rows, table_window};
use crate::kept::{FaultFrame, Frame};
use crate::screen::faults::{
    FaultDetail, FaultOrder, FaultRow, FaultsQuery, FaultsView, Moment, Reach, WindowRow,
};
use crate::screen::{FaultCell, Plot, Row, Subject};
use crate::store::Store;

/// Newest moments that are kept for going from one to the next.
const MOMENTS_MAX: usize = 500;

pub(super) fn build(store: &Store, times: &Times, query: &FaultsQuery) -> FaultsView {
    let Some(frame) = store.at_or_before(times.cursor_s) else { return FaultsView::default() };
    let zero_ms = zero_ms(frame);
    let mut found: Vec<(&FaultFrame, FaultRow)> = frame
        .faults
        .iter()
        .zip(lanes::faults(store, times))
        .filter(|(fault, _)| query.filter.as_ref().is_none_or(|filter| filter.matches(*fault)))
        .map(|(fault, mut lane)| {
            plan_cells(&mut lane.cells, &fault.schedule, zero_ms, times);
            let reach = reach(table_window(store, times), fault);
            (fault, FaultRow { lane, reach, hits: hits(store, times, &fault.name) })
        })
        .collect();
    sort(&mut found, query);
    let selected = selected(&found, query.selected.as_deref());
    let detail = found.get(selected).map(|(fault, _)| FaultDetail {
        edges: fault.edges.clone(),
        windows: windows(fault, zero_ms, times),
        reach: reach_of_axis(store, times, fault),
        events: moments(store, times, Some(&fault.name)),
        effect: effect::build(store, times, fault),
        latency: latency(store, times, fault),
    });
    let hits = found.iter().flat_map(|(_, row)| &row.hits).copied().flatten();
    FaultsView {
        hits_max: hits.fold(0.0, f64::max),
        known: frame.faults.len(),
        rows: found.into_iter().map(|(_, row)| row).collect(),
        selected,
        order: query.order,
        reverse: query.reverse,
        detail,
        moments: moments(store, times, None),
    }
}

fn latency(store: &Store, times: &Times, fault: &FaultFrame) -> Option<(Row, Plot)> {
    let subject = Subject::Edge(fault.edges.first()?.clone());
    let plot = plot::build(store, times, Some(&subject), 0);
    Some((rows::build(store, times, &[&subject]).pop()?, plot))
}

/// From where schedules count, in milliseconds since the Unix epoch.
fn zero_ms(frame: &Frame) -> Option<u64> {
    Some(frame.run.start_unix_ms?.saturating_add(frame.run.timeline?.during_ms))
}

/// Equals stay in the order of the scenario, either way round.
fn sort(found: &mut [(&FaultFrame, FaultRow)], query: &FaultsQuery) {
    let start = |fault: &FaultFrame| fault.schedule.iter().map(|window| window.start_ms).min();
    found.sort_by(|(one, _), (other, _)| {
        let order = match query.order {
            FaultOrder::Start => {
                start(one).unwrap_or(u64::MAX).cmp(&start(other).unwrap_or(u64::MAX))
            },
            FaultOrder::Hits => Reverse(one.hit).cmp(&Reverse(other.hit)),
            FaultOrder::Name => one.name.cmp(&other.name),
        };
        if query.reverse { order.reverse() } else { order }
    });
}

/// The one that was chosen, else the first that acts, else the first.
fn selected(found: &[(&FaultFrame, FaultRow)], wanted: Option<&str>) -> usize {
    let chosen = wanted.and_then(|name| found.iter().position(|(fault, _)| fault.name == name));
    let active = || found.iter().position(|(fault, _)| fault.state == FaultState::Active);
    chosen.or_else(active).unwrap_or(0)
}

fn reach<'a>(frames: impl Iterator<Item = &'a Frame>, fault: &FaultFrame) -> Reach {
    frames.fold(Reach::default(), |sum, frame| {
        let hits = frame.faults.iter().filter(|it| it.name == fault.name).map(|it| it.hit_now);
        let edges = frame.edges.iter().filter(|edge| fault.edges.contains(&edge.edge));
        Reach {
            hits: hits.fold(sum.hits, u64::saturating_add),
            requests: edges.map(|edge| edge.requests).fold(sum.requests, u64::saturating_add),
        }
    })
}

/// As [`reach`], over all columns up to the cursor.
fn reach_of_axis(store: &Store, times: &Times, fault: &FaultFrame) -> Reach {
    let span = (times.span().0, times.cursor_s);
    let counts = store.sums.counts.of(store, &(), span);
    let requests = counts.iter().filter(|(edge, _)| fault.edges.contains(edge));
    let requests = requests.fold(0_u64, |sum, (_, count)| sum.saturating_add(count.requests));
    Reach { hits: store.sums.faults.of(store, &(), span).of(&fault.name).hits, requests }
}

/// Hits per second, column by column.
fn hits(store: &Store, times: &Times, name: &str) -> Vec<Option<f64>> {
    let of_column = |span: Option<(u64, u64)>| {
        let column = store.sums.faults.of(store, &(), span?);
        let seconds = column.seconds;
        (seconds > 0).then(|| column.of(name).hits as f64 / seconds as f64)
    };
    times.plot_columns().map(of_column).collect()
}

/// Columns in which the schedule wants a fault that was not there.
fn plan_cells(cells: &mut [FaultCell], schedule: &[Window], zero_ms: Option<u64>, times: &Times) {
    let Some(zero_ms) = zero_ms else { return };
    for (cell, seconds) in cells.iter_mut().zip(times.plot_columns()) {
        let Some((first, last)) = seconds.filter(|_| *cell == FaultCell::Off) else { continue };
        let (from, to) =
            (first.saturating_mul(1_000), last.saturating_add(1).saturating_mul(1_000));
        let wanted = schedule.iter().any(|window| {
            zero_ms.saturating_add(window.start_ms) < to
                && zero_ms.saturating_add(window.end_ms) > from
        });
        if wanted {
            *cell = FaultCell::Planned;
        }
    }
}

fn windows(fault: &FaultFrame, zero_ms: Option<u64>, times: &Times) -> Vec<WindowRow> {
    let now_ms = times.cursor_s.saturating_add(1).saturating_mul(1_000);
    let clock_s = |at_ms: u64| match zero_ms {
        Some(zero_ms) => zero_ms.saturating_add(at_ms).saturating_sub(times.origin_ms) / 1_000,
        None => at_ms / 1_000,
    };
    let row = |window: &Window| {
        let over = |at_ms: u64| zero_ms.is_some_and(|zero| zero.saturating_add(at_ms) < now_ms);
        WindowRow {
            from_s: clock_s(window.start_ms),
            to_s: (window.end_ms < FOREVER_MS).then(|| clock_s(window.end_ms)),
            state: match (over(window.start_ms), over(window.end_ms)) {
                (false, _) => FaultState::Planned,
                (true, false) => FaultState::Active,
                (true, true) => FaultState::Done,
            },
        }
    };
    fault.schedule.iter().map(row).collect()
}

/// What happened to one fault, or to all of them, second by second; the newest of them.
fn moments(store: &Store, times: &Times, name: Option<&str>) -> Vec<Moment> {
    let moment = |frame: &Frame| {
        let events = frame.events.iter().filter(|event| {
            event.kind == EventKind::Fault && name.is_none_or(|name| event.subject == name)
        });
        let texts: Vec<String> = events
            .map(|event| match name {
                Some(_) => event.text.clone(),
                None => format!("{} {}", event.subject, event.text),
            })
            .collect();
        let clock_s = frame.unix_s.saturating_sub(times.origin_ms / 1_000);
        let text = texts.join("; ");
        (!texts.is_empty()).then_some(Moment { unix_s: frame.unix_s, clock_s, text })
    };
    let frames = store.fault_frames(times.newest_s);
    let mut moments: Vec<Moment> = frames.filter_map(moment).take(MOMENTS_MAX).collect();
    moments.reverse();
    moments
}

#[cfg(test)]
mod tests;
