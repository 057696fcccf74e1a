//! The RED table: journeys on top, then edges.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::edge::Edge;
use model::fault::FaultState;
use model::policy::BreakerState;

use super::quantiles_ms;
use super::sums::window::{Red, Window};
use super::time::Times;
use crate::kept::Frame;
use crate::screen::{Row, Sort, SortBy, Subject};
use crate::store::Store;

/// Flows stay above edges; rows that are equal stay in the order of their names.
pub(super) fn sort(rows: &mut [Row], sort: Sort) {
    let is_edge = |row: &Row| matches!(row.subject, Subject::Edge(_));
    if sort.by == SortBy::Name && !sort.reversed {
        return;
    }
    let value = |row: &Row| sort.by.value(row).unwrap_or(f64::NEG_INFINITY);
    rows.sort_by(|one, next| {
        let by_value = match sort.by {
            SortBy::Name => one.subject.cmp(&next.subject),
            _ => value(next).total_cmp(&value(one)),
        };
        let by_value = if sort.reversed { by_value.reverse() } else { by_value };
        is_edge(one).cmp(&is_edge(next)).then(by_value)
    });
}

/// The row of the wanted subject; without a wish the first edge of the first fault, because that
/// is where something will happen, then the first edge.
pub(super) fn selected(
    subjects: &[&Subject],
    wanted: Option<&Subject>,
    frame: Option<&Frame>,
) -> usize {
    let find = |wanted: &Subject| subjects.iter().position(|subject| *subject == wanted);
    let faulty = || {
        let fault = frame?.faults.iter().find(|fault| !fault.edges.is_empty())?;
        find(&Subject::Edge(fault.edges.first()?.clone()))
    };
    let first_edge = || subjects.iter().position(|subject| matches!(subject, Subject::Edge(_)));
    wanted.and_then(find).or_else(faulty).or_else(first_edge).unwrap_or(0)
}

pub(super) fn build(store: &Store, times: &Times, subjects: &[&Subject]) -> Vec<Row> {
    let at_cursor = store.at_or_before(times.cursor_s);
    let breakers: BTreeMap<&Edge, BreakerState> = at_cursor
        .map(|frame| frame.breakers.iter().map(|it| (&it.edge, it.state)).collect())
        .unwrap_or_default();
    let window = window(store, times);
    subjects
        .iter()
        .map(|subject| row(&window, subject))
        .map(|row| match &row.subject {
            Subject::Flow(_) => row,
            Subject::Edge(edge) => Row {
                breaker: breakers.get(edge).copied(),
                faults: at_cursor.map_or(0, |frame| active_faults(frame, edge)),
                ..row
            },
        })
        .collect()
}

/// The window of the tables.
pub(super) fn window(store: &Store, times: &Times) -> Arc<Window> {
    let span = times.window();
    store.sums.windows.of((), span, || Window::over(store.between(span.0, span.1)))
}

fn row(window: &Window, subject: &Subject) -> Row {
    let unknown = Red::default();
    let red = window.of(subject).unwrap_or(&unknown);
    let share = |part: u64| (red.requests > 0).then(|| part as f64 / red.requests as f64);
    Row {
        subject: subject.clone(),
        per_s: red.requests as f64 / window.seconds(),
        error_percent: share(red.failed).map(|share| share * 100.0),
        quantiles_ms: quantiles_ms(&red.durations),
        attempts_per_request: match subject {
            Subject::Edge(_) => share(red.attempts),
            Subject::Flow(_) => None,
        },
        breaker: None,
        faults: 0,
    }
}

fn active_faults(frame: &Frame, edge: &Edge) -> usize {
    let active = frame.faults.iter().filter(|fault| fault.state == FaultState::Active);
    active.filter(|fault| fault.edges.contains(edge)).count()
}
