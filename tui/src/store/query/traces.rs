//! The list of traces and the open one: from answers to what is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::answer::TraceLine;
use model::frame::Trace;
use model::id::TraceId;

use super::time::Times;
use crate::ask::{Answer, Question, TracesQuestion};
use crate::derive::compare::Comparison;
use crate::derive::waterfall::{Clocks, Waterfall};
use crate::filter::Filter;
use crate::screen::Asked;
use crate::screen::traces::{
    Bin, Group, LINES_MAX, LineId, Opened, TraceRow, TracesQuery, TracesView,
};
use crate::store::Store;
use crate::store::answers::{Answers, Slot};

/// Classes of durations in the little histogram.
const BINS: u64 = 6;
/// Faults that are listed.
const FAULTS_MAX: usize = 4;

/// The list of the span that is shown, and the open traces.
pub(super) fn questions(
    _store: &Store,
    answers: &Answers,
    times: &Times,
    query: &TracesQuery,
) -> Vec<(Slot, Question)> {
    let (from_s, _) = times.span();
    let asked = query.filter.as_ref().map(Filter::traces).unwrap_or_default();
    let list = TracesQuestion {
        from_unix_ms: Some(from_s.saturating_mul(1_000)),
        to_unix_ms: Some(times.cursor_s.saturating_add(1).saturating_mul(1_000)),
        slowest: query.slowest,
        limit: LINES_MAX,
        ..asked
    };
    let mut questions = vec![(Slot::Traces, Question::Traces(list))];
    let open = query.open.or_else(|| rows(answers, times, query).first().map(|it| it.id.trace_id));
    questions.extend(open.map(|id| (Slot::Trace, Question::Trace(id))));
    questions.extend(query.compared.map(|id| (Slot::Compared, Question::Trace(id))));
    questions
}

pub(super) fn build(
    _store: &Store,
    answers: &Answers,
    times: &Times,
    query: &TracesQuery,
) -> TracesView {
    let rows = rows(answers, times, query);
    let open = query.open.or_else(|| rows.first().map(|row| row.id.trace_id));
    TracesView {
        asked: answers.state(Slot::Traces),
        cut: lines(answers).len() >= LINES_MAX,
        groups: if query.grouped { groups(&rows) } else { Vec::new() },
        durations: bins(&rows),
        faults: faults(&rows),
        open_asked: open.map_or(Asked::Answered, |id| open_asked(answers, id)),
        open: open.and_then(|id| opened(answers, query, id)),
        rows,
    }
}

fn lines(answers: &Answers) -> &[TraceLine] {
    match answers.get(Slot::Traces) {
        Some(Answer::Traces(lines)) => lines,
        _ => &[],
    }
}

fn rows(answers: &Answers, times: &Times, query: &TracesQuery) -> Vec<TraceRow> {
    let wanted = |line: &&TraceLine| query.filter.as_ref().is_none_or(|it| it.matches(*line));
    let mut rows: Vec<TraceRow> =
        lines(answers).iter().filter(wanted).map(|line| row(line, times.origin_ms)).collect();
    if query.reversed {
        rows.reverse();
    }
    rows
}

fn row(line: &TraceLine, origin_ms: u64) -> TraceRow {
    let head = &line.head;
    let root = [line.service.as_deref(), line.name.as_deref()];
    TraceRow {
        id: LineId { trace_id: head.trace_id, start_unix_ns: head.start_unix_ns },
        correlation_id: head.correlation_id.as_ref().map(|id| id.as_str().to_owned()),
        at_ms: (head.start_unix_ns / 1_000_000).saturating_sub(origin_ms),
        duration_ns: head.duration_ns,
        root: root.into_iter().flatten().collect::<Vec<_>>().join(" "),
        spans: line.spans,
        errors: line.errors,
        error: head.error,
        fault: head.fault.clone(),
    }
}

/// By number of traces, then by name.
fn groups(rows: &[TraceRow]) -> Vec<Group> {
    let mut by_root: BTreeMap<&str, Group> = BTreeMap::new();
    for row in rows {
        let group = by_root.entry(&row.root).or_insert_with(|| Group {
            root: row.root.clone(),
            traces: 0,
            failed: 0,
            slowest_ns: 0,
        });
        group.traces += 1;
        group.failed += u64::from(row.error);
        group.slowest_ns = group.slowest_ns.max(row.duration_ns);
    }
    let mut groups: Vec<Group> = by_root.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.traces));
    groups
}

/// Equal steps from the shortest to the longest duration.
fn bins(rows: &[TraceRow]) -> Vec<Bin> {
    let durations = || rows.iter().map(|row| row.duration_ns);
    let (Some(least), Some(most)) = (durations().min(), durations().max()) else {
        return Vec::new();
    };
    let step = (most - least) / BINS + 1;
    let mut bins: Vec<Bin> = (0..BINS)
        .map(|at| {
            let from_ns = least.saturating_add(step.saturating_mul(at));
            Bin { from_ns, to_ns: from_ns.saturating_add(step), count: 0 }
        })
        .collect();
    for duration in durations() {
        bins[((duration - least) / step) as usize].count += 1;
    }
    bins
}

fn faults(rows: &[TraceRow]) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for list in rows.iter().filter_map(|row| row.fault.as_deref()) {
        for name in list.split(',').map(str::trim) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, u64)> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(FAULTS_MAX);
    counts
}

/// The answer, if it is about this trace.
fn trace(answers: &Answers, slot: Slot, id: TraceId) -> Option<&Arc<Trace>> {
    match answers.with_question(slot)? {
        (Question::Trace(asked), Answer::Trace(Some(trace))) if *asked == id => Some(trace),
        _ => None,
    }
}

/// An answer about the trace before is none about this one.
fn open_asked(answers: &Answers, id: TraceId) -> Asked {
    match (answers.state(Slot::Trace), answers.with_question(Slot::Trace)) {
        (Asked::Answered, Some((Question::Trace(asked), _))) if *asked != id => Asked::Waiting,
        (state, _) => state,
    }
}

fn opened(answers: &Answers, query: &TracesQuery, id: TraceId) -> Option<Opened> {
    let open = trace(answers, Slot::Trace, id)?;
    let waterfall = Waterfall::of(open, query.clocks);
    let of_span = || query.span.and_then(|id| waterfall.row_of(id));
    let row = query.row.or_else(of_span).or_else(|| waterfall.guilty()).unwrap_or(0);
    let row = row.min(waterfall.rows.len().saturating_sub(1));
    let comparison = query.compared.and_then(|id| {
        let other = Waterfall::of(trace(answers, Slot::Compared, id)?, Clocks::Corrected);
        Some((id, Comparison::of(&waterfall, &other)))
    });
    Some(Opened {
        row,
        trace: Arc::clone(open),
        details: waterfall.details(open, row),
        log_lines: open.logs.len(),
        comparison,
        waterfall,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(duration_ns: u64, root: &str, fault: Option<&str>) -> TraceRow {
        TraceRow {
            id: LineId {
                trace_id: format!("{:032x}", duration_ns + 1).parse().unwrap(),
                start_unix_ns: 0,
            },
            correlation_id: None,
            at_ms: 0,
            duration_ns,
            root: root.to_owned(),
            spans: 1,
            errors: 0,
            error: duration_ns > 100,
            fault: fault.map(str::to_owned),
        }
    }

    #[test]
    fn every_trace_is_in_one_class_of_durations() {
        assert!(bins(&[]).is_empty());
        for durations in [vec![5], vec![0, 1], vec![7; 9], vec![1, 100, 50, 600], vec![0, u64::MAX]]
        {
            let rows: Vec<TraceRow> =
                durations.iter().map(|ns| row((*ns).min(u64::MAX - 1), "a", None)).collect();
            let bins = bins(&rows);
            let counted: u64 = bins.iter().map(|bin| bin.count).sum();
            assert_eq!(counted, durations.len() as u64, "{durations:?}: {bins:?}");
        }
    }

    #[test]
    fn groups_and_faults_are_counted_the_most_frequent_first() {
        let rows = [
            row(10, "client buy", Some("slow, cut")),
            row(200, "client look", None),
            row(300, "client look", Some("cut")),
        ];
        let groups = groups(&rows);
        assert_eq!(
            (groups[0].root.as_str(), groups[0].traces, groups[0].failed),
            ("client look", 2, 2)
        );
        assert_eq!(groups[0].slowest_ns, 300);
        assert_eq!(faults(&rows), [("cut".to_owned(), 2), ("slow".to_owned(), 1)]);
    }
}
