//! From a question to the plain data of one screen.
//!
//! Every percentile is read from the merged histogram of exactly the seconds it stands for: the
//! last ones up to the cursor for numbers, the seconds of one column for plots.
//! Built when a frame has come or the question has changed, never on a timer.

use model::frame::Span;
use model::hist::Histogram;

pub(super) use self::sums::Sums;
use self::time::Times;
use super::Store;
use super::answers::{Answers, Slot};
use crate::ask::{Answer, Question};
use crate::derive::insight::{self, Insight};
use crate::kept::Frame;
use crate::screen::{Detail, DetailView, EventRow, FRACTIONS, Head, Snapshot, Subject, ViewQuery};

mod effect;
mod faults;
mod lanes;
mod load;
mod load_summary;
mod logs;
mod own;
mod plot;
mod rows;
mod sums;
mod time;
mod topology;
mod traces;
mod trend;
mod verdicts;

/// A minute, for which the rate of flapping is said.
const INSIGHT_SECONDS: u64 = 60;
/// Spans of a trace, and log lines, come in for so long after they were written.
const GROWS_S: u64 = 5;
/// Events are looked for in this many seconds before the cursor.
const EVENT_SECONDS_MAX: u64 = 600;

/// What has to be asked for this view.
pub fn questions(store: &Store, answers: &Answers, query: &ViewQuery) -> Vec<(Slot, Question)> {
    let Some(times) = Times::of(store, query) else { return Vec::new() };
    let times = &times;
    match &query.detail {
        // Frames tell everything that these show.
        Detail::Overview
        | Detail::Faults(_)
        | Detail::Verdicts(_)
        | Detail::Load(_)
        | Detail::Own => Vec::new(),
        Detail::Topology(query) => topology::questions(store, answers, times, query),
        Detail::Traces(query) => traces::questions(store, answers, times, query),
        Detail::Logs(query) => logs::questions(store, answers, times, query),
    }
}

/// Answers about what may still have grown.
pub fn unfinished(store: &Store, answers: &Answers) -> Vec<Slot> {
    let Some(newest) = store.at_or_before(u64::MAX) else { return Vec::new() };
    let settled_ns = newest.unix_s.saturating_sub(GROWS_S).saturating_mul(1_000_000_000);
    let grows = |slot: &Slot| match answers.get(*slot) {
        Some(Answer::Trace(Some(trace))) => {
            let end = |span: &Span| span.start_unix_ns.saturating_add(span.duration_ns);
            trace.spans.iter().map(end).max().is_none_or(|end| end > settled_ns)
        },
        Some(Answer::Trace(None)) => true,
        _ => false,
    };
    let newest_ms = newest.unix_s.saturating_add(1).saturating_mul(1_000);
    let grew = |slot: &Slot| logs::grows(answers, *slot, newest_ms, GROWS_S * 1_000);
    let traces = [Slot::Trace, Slot::Compared].into_iter().filter(grows);
    let lines = [Slot::Logs, Slot::Context].into_iter().filter(grew);
    // Calls are counted as long as the run goes on.
    traces.chain(lines).chain([Slot::Calls]).collect()
}

fn detail(store: &Store, answers: &Answers, times: &Times, detail: &Detail) -> DetailView {
    match detail {
        Detail::Overview => DetailView::Overview,
        Detail::Topology(query) => {
            DetailView::Topology(Box::new(topology::build(store, answers, times, query)))
        },
        Detail::Traces(query) => {
            DetailView::Traces(Box::new(traces::build(store, answers, times, query)))
        },
        Detail::Logs(query) => {
            DetailView::Logs(Box::new(logs::build(store, answers, times, query)))
        },
        Detail::Faults(query) => DetailView::Faults(Box::new(faults::build(store, times, query))),
        Detail::Verdicts(query) => {
            DetailView::Verdicts(Box::new(verdicts::build(store, times, query)))
        },
        Detail::Load(query) => DetailView::Load(Box::new(load::build(store, times, query))),
        Detail::Own => DetailView::Own(Box::new(own::build(store))),
    }
}

/// A screen before the first frame.
fn nothing(store: &Store, detail: &Detail) -> DetailView {
    match detail {
        Detail::Overview => DetailView::Overview,
        Detail::Topology(_) => DetailView::Topology(Box::default()),
        Detail::Traces(_) => DetailView::Traces(Box::default()),
        Detail::Logs(_) => DetailView::Logs(Box::default()),
        Detail::Faults(_) => DetailView::Faults(Box::default()),
        Detail::Verdicts(_) => DetailView::Verdicts(Box::default()),
        Detail::Load(_) => DetailView::Load(Box::default()),
        Detail::Own => DetailView::Own(Box::new(own::build(store))),
    }
}

pub fn build(store: &Store, answers: &Answers, query: &ViewQuery) -> Snapshot {
    let link = store.link.clone();
    let Some(times) = Times::of(store, query) else {
        return Snapshot { link, detail: nothing(store, &query.detail), ..Snapshot::default() };
    };
    let subjects: Vec<&Subject> = store.subjects().collect();
    let at_cursor = store.at_or_before(times.cursor_s);
    let mut rows = rows::build(store, &times, &subjects);
    if let Some(filter) = &query.filter {
        rows.retain(|row| filter.matches(row));
    }
    rows::sort(&mut rows, query.sort);
    let subjects: Vec<&Subject> = rows.iter().map(|row| &row.subject).collect();
    let selected = rows::selected(&subjects, query.selected.as_ref(), at_cursor);
    let plot = plot::build(store, &times, subjects.get(selected).copied(), query.heat_rows);
    Snapshot {
        link,
        head: Head { phase: at_cursor.and_then(|frame| frame.run.phase), ..head(store, &times) },
        axis: times.axis(store),
        rows,
        selected,
        plot,
        breakers: lanes::breakers(store, &times),
        faults: lanes::faults(store, &times),
        verdicts: at_cursor.map(Frame::told_verdicts).unwrap_or_default(),
        events: events(store, &times, query.events),
        load: load_summary::build(store, &times),
        insights: insights(store, &times),
        detail: detail(store, answers, &times, &query.detail),
    }
}

/// What is noticed in the last minute before this second.
pub(crate) fn noticed(store: &Store, until_s: u64) -> Vec<Insight> {
    let from = until_s.saturating_sub(INSIGHT_SECONDS - 1);
    insight::insights(store.between(from, until_s))
}

fn insights(store: &Store, times: &Times) -> Vec<String> {
    let found = noticed(store, times.cursor_s).into_iter().map(|insight| insight.sentence);
    times.silence().into_iter().chain(found).collect()
}

fn head(store: &Store, times: &Times) -> Head {
    let Some(frame) = store.at_or_before(times.newest_s) else { return Head::default() };
    let run = &frame.run;
    let mut losses: Vec<(u64, &str)> =
        frame.dropped.iter().map(|loss| (loss.count, loss.what.as_str())).collect();
    losses.push((store.refused(), "frames refused by the dashboard"));
    let most = losses.iter().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0);
    Head {
        title: run.title.clone(),
        run_id: run.run_id.clone(),
        seed: run.seed,
        elapsed_s: match run.start_unix_ms {
            Some(start) => times.newest_s.saturating_add(1).checked_sub(start / 1_000),
            // Without a runner, since the first frame.
            None => run.timeline.is_none().then(|| times.clock_s(times.newest_s)),
        },
        total_s: run.timeline.map(|timeline| timeline.end_ms.div_ceil(1_000)),
        phase: run.phase,
        verdict: run.verdict,
        dropped: losses.iter().fold(0, |sum, (count, _)| sum.saturating_add(*count)),
        dropped_most: most.map(|(_, what)| (*what).to_owned()),
    }
}

fn events(store: &Store, times: &Times, wanted: usize) -> Vec<EventRow> {
    let from = times.cursor_s.saturating_sub(EVENT_SECONDS_MAX);
    let mut rows: Vec<EventRow> = store
        .between(from, times.cursor_s)
        .rev()
        .flat_map(|frame| frame.events.iter().rev())
        .take(wanted)
        .map(|event| EventRow {
            at_ms: event.unix_ms.saturating_sub(times.origin_ms),
            kind: event.kind,
            subject: event.subject.clone(),
            text: event.text.clone(),
            trace: event.trace_id.map(|id| id.to_string()),
        })
        .collect();
    rows.reverse();
    rows
}

fn quantile_ms(histogram: &Histogram, fraction: f64) -> Option<f64> {
    histogram.quantile(fraction).map(|duration| duration.as_secs_f64() * 1_000.0)
}

fn quantiles_ms(histogram: &Histogram) -> [Option<f64>; 4] {
    FRACTIONS.map(|fraction| quantile_ms(histogram, fraction))
}

/// The frames of the window of the tables.
fn table_window<'a>(
    store: &'a Store,
    times: &Times,
) -> impl DoubleEndedIterator<Item = &'a Frame> + Clone {
    let (first, last) = times.window();
    store.between(first, last)
}
