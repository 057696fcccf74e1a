//! Log lines: from frames and answers to what is shown.
//!
//! A list of one request is asked for without a time: everything that belongs to it is wanted,
//! whenever it was. Any other list is of the seconds that the time axis shows, up to the cursor.

use std::collections::BTreeSet;

use model::frame::LogLine;

use super::time::Times;
use crate::ask::{Answer, LogsQuestion, Question};
use crate::derive::patterns::Patterns;
use crate::derive::record;
use crate::derive::severity::Severity;
use crate::derive::volume::{Columns, Volume};
use crate::derive::words;
use crate::filter::Filter;
use crate::screen::Asked;
use crate::screen::logs::{
    CONTEXT_MAX, CONTEXT_MS, Context, LINES_MAX, LineId, LogRow, LogsQuery, LogsView, place_of,
};
use crate::store::Store;
use crate::store::answers::{Answers, Slot};

/// The list, and what is around its selected line.
pub(super) fn questions(
    _store: &Store,
    answers: &Answers,
    times: &Times,
    query: &LogsQuery,
) -> Vec<(Slot, Question)> {
    let mut questions = vec![(Slot::Logs, Question::Logs(list(answers, times, query)))];
    if query.context {
        let wanted = wanted(answers, query);
        let line = wanted.lines.get(wanted.place(query));
        questions.extend(line.map(|line| (Slot::Context, Question::Logs(around(line.unix_ns)))));
    }
    questions
}

/// A line that was chosen stays where it is: new lines do not push it out of the list.
fn list(answers: &Answers, times: &Times, query: &LogsQuery) -> LogsQuestion {
    let fresh = newest(times, query);
    let held = match answers.with_question(Slot::Logs) {
        Some((Question::Logs(held), _)) if query.selected.is_some() && times.is_live() => held,
        _ => return fresh,
    };
    let (from, to) = (held.from_unix_ms.min(fresh.from_unix_ms), held.to_unix_ms);
    let held = LogsQuestion { from_unix_ms: from, to_unix_ms: to, ..held.clone() };
    let (from_unix_ms, to_unix_ms) = (fresh.from_unix_ms, fresh.to_unix_ms);
    let same = LogsQuestion { from_unix_ms, to_unix_ms, ..held.clone() } == fresh;
    if same { held } else { fresh }
}

fn newest(times: &Times, query: &LogsQuery) -> LogsQuestion {
    let asked = query.filter.as_ref().map(Filter::logs).unwrap_or_default();
    let (from_s, _) = times.span();
    let bounds = (!is_of_request(&asked)).then_some((from_s, times.cursor_s.saturating_add(1)));
    LogsQuestion {
        from_unix_ms: bounds.map(|(from_s, _)| from_s.saturating_mul(1_000)),
        to_unix_ms: bounds.map(|(_, to_s)| to_s.saturating_mul(1_000)),
        limit: LINES_MAX,
        ..asked
    }
}

fn is_of_request(asked: &LogsQuestion) -> bool {
    asked.trace_id.is_some() || asked.correlation_id.is_some()
}

fn around(unix_ns: u64) -> LogsQuestion {
    let at_ms = unix_ns / 1_000_000;
    LogsQuestion {
        from_unix_ms: Some(at_ms.saturating_sub(CONTEXT_MS)),
        to_unix_ms: Some(at_ms.saturating_add(CONTEXT_MS + 1)),
        limit: CONTEXT_MAX,
        ..LogsQuestion::default()
    }
}

/// Can lines come in that belong into an answer which says nothing about time, or only about a
/// time that is just over? `newest_ms` is the end of the newest second, `grows_ms` how long lines
/// are on their way.
pub(super) fn grows(answers: &Answers, slot: Slot, newest_ms: u64, grows_ms: u64) -> bool {
    let Some((Question::Logs(asked), Answer::Logs(lines))) = answers.with_question(slot) else {
        return false;
    };
    let last_ms = match asked.to_unix_ms {
        Some(to_ms) if slot == Slot::Context => to_ms,
        Some(_) => return false,
        None => lines.last().map_or(u64::MAX, |line| line.unix_ns / 1_000_000),
    };
    last_ms.saturating_add(grows_ms) >= newest_ms
}

/// Lines of an answer that are wanted, in order of time, each with its id.
struct Wanted<'a> {
    lines: Vec<&'a LogLine>,
    ids: Vec<LineId>,
    /// There are older ones than could be asked for.
    cut: bool,
    of_request: bool,
    /// The answer is to this very list, maybe of another time.
    is_current: bool,
}

impl Wanted<'_> {
    /// Index of the selected line.
    fn place(&self, query: &LogsQuery) -> usize {
        let line = |at: usize| (self.ids[at], record::is_telling(self.lines[at]));
        place_of(self.lines.len(), line, query.selected, self.of_request)
    }
}

fn wanted<'a>(answers: &'a Answers, query: &LogsQuery) -> Wanted<'a> {
    let pushed = query.filter.as_ref().map(Filter::logs).unwrap_or_default();
    let of_request = is_of_request(&pushed);
    let (asked, all) = match answers.with_question(Slot::Logs) {
        Some((Question::Logs(asked), Answer::Logs(lines))) => (Some(asked), lines.as_slice()),
        _ => (None, [].as_slice()),
    };
    let same = |asked: &LogsQuestion| {
        let asked =
            LogsQuestion { from_unix_ms: None, to_unix_ms: None, limit: 0, ..asked.clone() };
        asked == LogsQuestion { limit: 0, ..pushed }
    };
    let is_current = asked.is_some_and(same);
    let fits = |line: &&LogLine| query.filter.as_ref().is_none_or(|it| it.matches(*line));
    let mut lines = Vec::new();
    let mut ids = Vec::new();
    let mut last: Option<LineId> = None;
    for line in all {
        let nth = last.filter(|it| it.unix_ns == line.unix_ns).map_or(0, |it| it.nth + 1);
        let id = LineId { unix_ns: line.unix_ns, nth };
        last = Some(id);
        if fits(&line) {
            lines.push(line);
            ids.push(id);
        }
    }
    Wanted { lines, ids, cut: all.len() >= LINES_MAX, of_request, is_current }
}

pub(super) fn build(
    _store: &Store,
    answers: &Answers,
    times: &Times,
    query: &LogsQuery,
) -> LogsView {
    let wanted = wanted(answers, query);
    let rows: Vec<LogRow> = wanted
        .lines
        .iter()
        .zip(&wanted.ids)
        .map(|(line, id)| row(line, *id, times.origin_ms))
        .collect();
    let selected = wanted.place(query);
    let services: BTreeSet<&str> = wanted.lines.iter().map(|it| it.service.as_str()).collect();
    let line = wanted.lines.get(selected).copied();
    let columns = columns(times);
    let oldest_ns = wanted.lines.first().map(|line| line.unix_ns);
    LogsView {
        asked: asked(answers, &wanted),
        selected,
        cut: wanted.cut,
        of_request: wanted.of_request,
        services: services.len(),
        volume: Volume::of(wanted.lines.iter().copied(), columns),
        unknown_columns: if wanted.cut { before(columns, oldest_ns) } else { 0 },
        record: line.map(record::record).unwrap_or_default(),
        context: line
            .filter(|_| query.context)
            .map(|line| context(answers, times, &wanted, (line, &services))),
        patterns: if query.patterns {
            Patterns::of(wanted.lines.iter().copied())
        } else {
            Vec::new()
        },
        rows,
    }
}

/// Nothing of a new list can be said from the answer to the one before.
fn asked(answers: &Answers, wanted: &Wanted<'_>) -> Asked {
    match answers.state(Slot::Logs) {
        Asked::Answered if !wanted.is_current => Asked::Waiting,
        state => state,
    }
}

fn columns(times: &Times) -> Columns {
    Columns {
        from_unix_ms: times.span().0.saturating_mul(1_000),
        column_ms: times.column_s().saturating_mul(1_000),
        count: times.columns(),
    }
}

/// Columns that are over before this time.
fn before(columns: Columns, unix_ns: Option<u64>) -> usize {
    let Some(unix_ns) = unix_ns else { return 0 };
    let since_ms = (unix_ns / 1_000_000).saturating_sub(columns.from_unix_ms);
    let whole = since_ms.checked_div(columns.column_ms).unwrap_or(0);
    usize::try_from(whole).unwrap_or(usize::MAX).min(columns.count)
}

fn row(line: &LogLine, id: LineId, origin_ms: u64) -> LogRow {
    let at_ms = (line.unix_ns / 1_000_000).cast_signed().saturating_sub_unsigned(origin_ms);
    LogRow {
        id,
        at_ms,
        service: words::safe(&line.service),
        severity: Severity::of(&line.severity),
        event: words::safe(&line.event),
        message: record::message(line),
        said: record::said(line),
        trace_id: line.trace_id,
        span_id: line.span_id,
        correlation_id: line.correlation_id.as_ref().map(|id| id.as_str().to_owned()),
        of_fault: record::is_of_fault(line),
        telling: record::is_telling(line),
    }
}

/// Lines of the same services that are not in the list.
fn context(
    answers: &Answers,
    times: &Times,
    wanted: &Wanted<'_>,
    (selected, services): (&LogLine, &BTreeSet<&str>),
) -> Context {
    let lines = match answers.with_question(Slot::Context) {
        Some((Question::Logs(asked), Answer::Logs(lines)))
            if *asked == around(selected.unix_ns) =>
        {
            lines.as_slice()
        },
        _ => {
            let asked = match answers.state(Slot::Context) {
                Asked::Answered => Asked::Waiting,
                state => state,
            };
            return Context { asked, ..Context::default() };
        },
    };
    let is_listed = |line: &LogLine| {
        let from = wanted.lines.partition_point(|it| it.unix_ns < line.unix_ns);
        let same_time = wanted.lines[from..].iter().take_while(|it| it.unix_ns == line.unix_ns);
        same_time.into_iter().any(|it| *it == line)
    };
    let rows = lines
        .iter()
        .filter(|line| services.contains(line.service.as_str()) && !is_listed(line))
        .map(|line| row(line, LineId { unix_ns: line.unix_ns, nth: 0 }, times.origin_ms))
        .collect();
    Context { asked: answers.state(Slot::Context), rows, cut: lines.len() >= CONTEXT_MAX }
}

#[cfg(test)]
mod tests;
