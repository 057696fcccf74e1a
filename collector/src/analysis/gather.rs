//! Reading what the answers are made of, through ordinary questions to a run, within bounds.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use model::frame::{Event, EventKind, Frame, LogLine, RunHead, Trace};
use model::id::{CorrelationId, TraceId};
use serde::Deserialize;

use super::blame::{BlameQuery, BlameReport, blame};
use super::completeness::{Completeness, Counts, completeness};
use super::correlation::{Beside, Exemplar, RequestView, request_view};
use super::faults::{FaultReport, faults};
use super::retries::{RetryReport, retries};
use super::sample::{Gathered, RunTime};
use crate::core::Core;
use crate::query::{EventQuery, LIMIT_MAX, LogQuery, TraceQuery};
use crate::store::StoreError;
use crate::store::read::Reader;

/// Traces of an answer when the question does not say.
const TRACES_DEFAULT: usize = 2_000;
/// Most traces of one answer: all of them are in memory at once.
const TRACES_MAX: usize = 5_000;
/// Frames of a file that are in memory at once.
const FRAMES_AT_ONCE: usize = 256;
/// Most traces of one correlation id.
const REQUEST_TRACES_MAX: usize = 100;
/// Spans that ended before have come, unless they are lost: emitters send twice a second or more.
const SETTLED_NS: u64 = 5_000_000_000;

/// How many traces an answer may read.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) limit: Option<usize>,
}

/// A run that can be asked: the running one, or one that lies in a file.
pub(crate) trait Source {
    /// The newest first.
    fn found(&self, query: &TraceQuery) -> Result<Vec<Found>, StoreError>;
    /// All of these at once, by id.
    fn wholes(&self, ids: &BTreeSet<TraceId>) -> Result<Vec<Trace>, StoreError>;
    fn lines(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError>;
    fn run(&self) -> Result<RunHead, StoreError>;
    fn events(&self) -> Result<Vec<Event>, StoreError>;
    /// Of metrics that name these traces.
    fn exemplars(&self, traces: &BTreeSet<TraceId>) -> Result<Vec<Exemplar>, StoreError>;
    /// Calls `each` with the frames in order.
    fn each_frame(&self, each: &mut dyn FnMut(&Frame)) -> Result<(), StoreError>;
    /// Everything but what the frames say.
    fn counts(&self) -> Result<Counts, StoreError>;
    /// Spans that end later may still come.
    fn settled_unix_ns(&self) -> u64;
}

/// A trace that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) trace_id: TraceId,
    /// A fault has hit it.
    pub(crate) hit: bool,
}

impl Source for Core {
    fn found(&self, query: &TraceQuery) -> Result<Vec<Found>, StoreError> {
        let heads = self.traces(query)?.into_iter().map(|line| line.head);
        Ok(heads.map(|it| Found { trace_id: it.trace_id, hit: it.fault.is_some() }).collect())
    }

    fn wholes(&self, ids: &BTreeSet<TraceId>) -> Result<Vec<Trace>, StoreError> {
        self.wholes(ids)
    }

    fn lines(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError> {
        self.logs(query)
    }

    fn run(&self) -> Result<RunHead, StoreError> {
        Ok(self.live().head().clone())
    }

    fn events(&self) -> Result<Vec<Event>, StoreError> {
        let frames = self.frame_pages(0, usize::MAX).flatten();
        Ok(frames.flat_map(|frame| frame.events).collect())
    }

    fn exemplars(&self, traces: &BTreeSet<TraceId>) -> Result<Vec<Exemplar>, StoreError> {
        self.reader.exemplars(traces)
    }

    fn each_frame(&self, each: &mut dyn FnMut(&Frame)) -> Result<(), StoreError> {
        for frame in self.frame_pages(0, usize::MAX).flatten() {
            each(&frame);
        }
        Ok(())
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        {
            let load = self.load();
            counts.add_load(&load.totals());
            counts.load_ended = !load.done().is_empty();
        }
        {
            let live = self.live();
            (counts.rejected, counts.late) = (live.rejected(), live.late());
            counts.duplicates = live.duplicates();
        }
        counts.spans_written = self.store.progress().spans.load(Ordering::Relaxed);
        counts.sampling = self.sampled();
        counts.dropped = self.dropped();
        counts.dropped.retain(|drop| drop.count > 0);
        Ok(counts)
    }

    fn settled_unix_ns(&self) -> u64 {
        self.clock.unix_ns().saturating_sub(SETTLED_NS)
    }
}

impl Source for Reader {
    fn found(&self, query: &TraceQuery) -> Result<Vec<Found>, StoreError> {
        let heads = self.traces(query)?.into_iter().map(|line| line.head);
        Ok(heads.map(|it| Found { trace_id: it.trace_id, hit: it.fault.is_some() }).collect())
    }

    fn wholes(&self, ids: &BTreeSet<TraceId>) -> Result<Vec<Trace>, StoreError> {
        self.wholes(ids)
    }

    fn lines(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError> {
        self.logs(query)
    }

    fn run(&self) -> Result<RunHead, StoreError> {
        Ok(self.account()?.head)
    }

    fn events(&self) -> Result<Vec<Event>, StoreError> {
        let all = EventQuery { limit: Some(LIMIT_MAX), ..EventQuery::default() };
        self.events(&EventQuery { kind: Some(EventKind::Fault), ..all })
    }

    fn exemplars(&self, traces: &BTreeSet<TraceId>) -> Result<Vec<Exemplar>, StoreError> {
        self.exemplars(traces)
    }

    fn each_frame(&self, each: &mut dyn FnMut(&Frame)) -> Result<(), StoreError> {
        let mut from_seq = 0;
        loop {
            let page = self.frames(from_seq, FRAMES_AT_ONCE)?;
            let Some(last) = page.last() else { return Ok(()) };
            from_seq = last.seq + 1;
            page.iter().for_each(&mut *each);
        }
    }

    /// A file does not say what came twice, and what sampling left out.
    fn counts(&self) -> Result<Counts, StoreError> {
        let account = self.account()?;
        let mut counts = Counts {
            load_ended: account.load_ended,
            spans_written: account.spans,
            rejected: account.rejected,
            late: account.late,
            dropped: account.losses,
            ..Counts::default()
        };
        counts.add_load(&account.load);
        Ok(counts)
    }

    /// Nothing more comes.
    fn settled_unix_ns(&self) -> u64 {
        u64::MAX
    }
}

/// Traces of all the run: those that a fault touched first, of the others evenly many of all times.
fn gather(
    run: &impl Source,
    query: TraceQuery,
    limit: Option<usize>,
) -> Result<Gathered, StoreError> {
    let limit = limit.unwrap_or(TRACES_DEFAULT).clamp(1, TRACES_MAX);
    let mut traces = run.found(&TraceQuery { limit: Some(LIMIT_MAX), ..query })?;
    // A trace with several requests on an edge may be found for each.
    let mut seen = BTreeSet::new();
    traces.retain(|found| seen.insert(found.trace_id));
    let found = traces.len() as u64;
    Ok(Gathered { traces: run.wholes(&chosen(&traces, limit))?, found })
}

/// Half of the places are for traces with a fault, as far as there are such.
fn chosen(found: &[Found], limit: usize) -> BTreeSet<TraceId> {
    let (hit, calm): (Vec<Found>, Vec<Found>) = found.iter().partition(|found| found.hit);
    let for_calm = limit.saturating_sub(hit.len()).max(limit / 2).min(calm.len());
    let for_hit = (limit - for_calm).min(hit.len());
    evenly(&hit, for_hit).chain(evenly(&calm, for_calm)).map(|found| found.trace_id).collect()
}

fn evenly(found: &[Found], count: usize) -> impl Iterator<Item = Found> {
    (0..count).map(move |at| found[at * found.len() / count])
}

fn run_time(run: &impl Source) -> Result<RunTime, StoreError> {
    Ok(RunTime::of(run.run()?, &run.events()?))
}

pub(crate) fn blame_of(run: &impl Source, query: &BlameQuery) -> Result<BlameReport, StoreError> {
    let traces = TraceQuery { edge: query.edge.clone(), ..TraceQuery::default() };
    let gathered = gather(run, traces, query.limit)?;
    Ok(blame(&gathered, &run_time(run)?, query))
}

pub(crate) fn faults_of(
    run: &impl Source,
    limit: Option<usize>,
) -> Result<FaultReport, StoreError> {
    let gathered = gather(run, TraceQuery::default(), limit)?;
    Ok(faults(&gathered, &run_time(run)?))
}

pub(crate) fn retries_of(
    run: &impl Source,
    limit: Option<usize>,
) -> Result<RetryReport, StoreError> {
    Ok(retries(&gather(run, TraceQuery::default(), limit)?))
}

pub(crate) fn completeness_of(
    run: &impl Source,
    limit: Option<usize>,
) -> Result<Completeness, StoreError> {
    let gathered = gather(run, TraceQuery::default(), limit)?;
    let settled_unix_ns = run.settled_unix_ns();
    let mut counts = run.counts()?;
    run.each_frame(&mut |frame| counts.add_frame(frame))?;
    Ok(completeness(&gathered, counts, settled_unix_ns))
}

/// `None` when nothing has this correlation id.
pub(crate) fn request_of(
    run: &impl Source,
    correlation_id: CorrelationId,
) -> Result<Option<RequestView>, StoreError> {
    let of_id = Some(correlation_id.clone());
    let found = run.found(&TraceQuery {
        correlation_id: of_id.clone(),
        limit: Some(REQUEST_TRACES_MAX),
        ..TraceQuery::default()
    })?;
    let traces = run.wholes(&found.iter().map(|found| found.trace_id).collect())?;
    let logs = run.lines(&LogQuery {
        correlation_id: of_id,
        limit: Some(LIMIT_MAX),
        ..LogQuery::default()
    })?;
    if traces.is_empty() && logs.is_empty() {
        return Ok(None);
    }
    let ids: BTreeSet<TraceId> = traces.iter().map(|trace| trace.trace_id).collect();
    let mut beside = Beside { logs, exemplars: run.exemplars(&ids)?, ..Beside::default() };
    run.each_frame(&mut |frame| beside.add_frame(frame, &ids))?;
    Ok(Some(request_view(correlation_id, &traces, beside)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::trace_id;

    fn traces(count: u64, is_hit: impl Fn(u64) -> bool) -> Vec<Found> {
        let found = |number| Found { trace_id: trace_id(number), hit: is_hit(number) };
        (1..=count).map(found).collect()
    }

    #[test]
    fn of_too_many_traces_those_with_a_fault_get_half_and_the_others_are_taken_evenly() {
        let expected = |numbers: &[u64]| -> BTreeSet<TraceId> {
            numbers.iter().map(|number| trace_id(*number)).collect()
        };
        let few = traces(10, |number| number == 7);
        assert_eq!(chosen(&few, 100).len(), 10);
        assert_eq!(chosen(&few, 4), expected(&[7, 1, 4, 8]));
        let many = traces(12, |number| number > 4);
        assert_eq!(chosen(&many, 4), expected(&[5, 9, 1, 3]));
        assert_eq!(chosen(&traces(3, |_| true), 2), expected(&[1, 2]));
        assert_eq!(chosen(&[], 2), expected(&[]));
    }
}
