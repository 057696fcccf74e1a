//! Everything about one edge, from the frames.

use std::collections::BTreeMap;

use model::edge::Edge;
use model::frame::TraceHead;

use super::super::time::Times;
use super::super::{lanes, plot, table_window};
use crate::kept::{EdgeFrame, Frame, VerdictFrame};
use crate::screen::topology::{BlameRow, EdgeDetail, EdgeNumbers};
use crate::screen::{FaultLane, Subject};
use crate::store::Store;

pub(super) fn detail(store: &Store, times: &Times, numbers: &EdgeNumbers) -> EdgeDetail {
    let edge = &numbers.edge;
    let at_cursor = store.at_or_before(times.cursor_s);
    let subject = Subject::Edge(edge.clone());
    let heads = || {
        table_window(store, times).flat_map(|it| of(it, edge)).flat_map(|it| it.exemplars.iter())
    };
    EdgeDetail {
        errors: errors(store, times, edge),
        breaker: lanes::breaker(store, times, edge),
        opened: store.opened(times.cursor_s, edge),
        faults: faults(store, times, edge),
        verdicts: at_cursor.map(|frame| verdicts(&frame.verdicts, edge)).unwrap_or_default(),
        plot: plot::build(store, times, Some(&subject), 0),
        error_columns: error_columns(store, times, edge),
        slowest: heads().max_by_key(|head| head.duration_ns),
        failed: heads().filter(|head| head.error).max_by_key(end_ns),
        numbers: numbers.clone(),
    }
}

fn of<'a>(frame: &'a Frame, edge: &Edge) -> impl Iterator<Item = &'a EdgeFrame> {
    frame.edges.iter().filter(move |it| it.edge == *edge)
}

fn end_ns(head: &TraceHead) -> u64 {
    head.start_unix_ns.saturating_add(head.duration_ns)
}

fn errors(store: &Store, times: &Times, edge: &Edge) -> Vec<BlameRow> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut requests = 0_u64;
    for it in table_window(store, times).flat_map(|frame| of(frame, edge)) {
        requests = requests.saturating_add(it.requests);
        for (blame, count) in &it.errors {
            let sum = counts.entry(blame).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    let seconds = table_window(store, times).count().max(1) as f64;
    let mut rows: Vec<BlameRow> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(blame, count)| BlameRow {
            blame: blame.to_owned(),
            per_s: count as f64 / seconds,
            percent: count as f64 * 100.0 / requests.max(1) as f64,
        })
        .collect();
    rows.sort_by(|one, other| other.per_s.total_cmp(&one.per_s));
    rows
}

/// Those that act here, whenever.
fn faults(store: &Store, times: &Times, edge: &Edge) -> Vec<FaultLane> {
    let Some(frame) = store.at_or_before(times.cursor_s) else { return Vec::new() };
    let lanes = lanes::faults(store, times).into_iter().zip(&frame.faults);
    lanes.filter(|(_, fault)| fault.edges.contains(edge)).map(|(lane, _)| lane).collect()
}

fn verdicts(all: &[VerdictFrame], edge: &Edge) -> Vec<model::frame::VerdictFrame> {
    all.iter().filter(|it| names(&it.text, edge)).map(VerdictFrame::told).collect()
}

/// Is the edge written in this text, and not as a part of longer names?
fn names(text: &str, edge: &Edge) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || "_-".contains(letter);
    let written = |form: &String| {
        text.match_indices(form.as_str()).any(|(at, found)| {
            let before = text[..at].chars().next_back();
            let after = text[at + found.len()..].chars().next();
            !before.is_some_and(goes_on) && !after.is_some_and(goes_on)
        })
    };
    let compact = format!("{}->{}", edge.caller, edge.callee);
    [edge.to_string(), compact, edge.short()].iter().any(written)
}

fn error_columns(store: &Store, times: &Times, edge: &Edge) -> Vec<Option<f64>> {
    let column =
        |span: Option<(u64, u64)>| store.sums.counts.of(store, &(), span?).of(edge).error_percent();
    times.plot_columns().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_named_whole_or_not_at_all() {
        let edge = Edge::new("orders", "payments");
        for (text, named) in [
            ("breaker orders -> payments opens", true),
            ("orders->payments p99 < 1s", true),
            ("errors on orders>payments.", true),
            ("breaker orders -> payments-eu opens", false),
            ("breaker pre-orders -> payments opens", false),
            ("payments -> orders", false),
            ("", false),
        ] {
            assert_eq!(names(text, &edge), named, "{text}");
        }
    }
}
