//! Reading what the answers are made of, through the collector's ordinary questions, within bounds.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use model::frame::{Event, RunHead, Trace, TraceHead};
use model::id::{CorrelationId, TraceId};

use super::blame::{BlameQuery, BlameReport, blame};
use super::completeness::{Completeness, Counts, completeness};
use super::correlation::{Beside, RequestView, request_view};
use super::faults::{FaultReport, faults};
use super::retries::{RetryReport, retries};
use super::sample::{Gathered, RunTime};
use crate::core::Core;
use crate::query::{LIMIT_MAX, LogQuery, TraceQuery};
use crate::store::StoreError;

/// Traces of an answer when the question does not say.
const TRACES_DEFAULT: usize = 2_000;
/// Most traces of one answer: all of them are in memory at once.
const TRACES_MAX: usize = 5_000;
/// Most traces of one correlation id.
const REQUEST_TRACES_MAX: usize = 100;
/// Spans that ended before have come, unless they are lost: emitters send twice a second or more.
const SETTLED_NS: u64 = 5_000_000_000;

/// Traces of all the run: those that a fault touched first, of the others evenly many of all times.
fn gather(core: &Core, query: TraceQuery, limit: Option<usize>) -> Result<Gathered, StoreError> {
    let limit = limit.unwrap_or(TRACES_DEFAULT).clamp(1, TRACES_MAX);
    let lines = core.traces(&TraceQuery { limit: Some(LIMIT_MAX), ..query })?;
    let heads: Vec<TraceHead> = lines.into_iter().map(|line| line.head).collect();
    let found = heads.len() as u64;
    let traces = read(core, chosen(&heads, limit))?;
    Ok(Gathered { traces, found })
}

/// Half of the places are for traces with a fault, as far as there are such.
fn chosen(heads: &[TraceHead], limit: usize) -> Vec<TraceId> {
    let (hit, calm): (Vec<&TraceHead>, Vec<&TraceHead>) =
        heads.iter().partition(|head| head.fault.is_some());
    let for_calm = limit.saturating_sub(hit.len()).max(limit / 2).min(calm.len());
    let for_hit = (limit - for_calm).min(hit.len());
    evenly(&hit, for_hit).chain(evenly(&calm, for_calm)).map(|head| head.trace_id).collect()
}

fn evenly<'a>(heads: &'a [&'a TraceHead], count: usize) -> impl Iterator<Item = &'a TraceHead> {
    (0..count).map(move |at| heads[at * heads.len() / count])
}

fn read(core: &Core, ids: impl IntoIterator<Item = TraceId>) -> Result<Vec<Trace>, StoreError> {
    ids.into_iter().filter_map(|id| core.trace(id).transpose()).collect()
}

fn run_time(core: &Core) -> RunTime {
    let head: RunHead = core.live().head().clone();
    let events: Vec<Event> =
        core.frame_pages(0, usize::MAX).flatten().flat_map(|frame| frame.events).collect();
    RunTime::of(head, &events)
}

pub(crate) fn blame_of(core: &Core, query: &BlameQuery) -> Result<BlameReport, StoreError> {
    let traces = TraceQuery { edge: query.edge.clone(), ..TraceQuery::default() };
    let gathered = gather(core, traces, query.limit)?;
    Ok(blame(&gathered, &run_time(core), query))
}

pub(crate) fn faults_of(core: &Core, limit: Option<usize>) -> Result<FaultReport, StoreError> {
    let gathered = gather(core, TraceQuery::default(), limit)?;
    Ok(faults(&gathered, &run_time(core)))
}

pub(crate) fn retries_of(core: &Core, limit: Option<usize>) -> Result<RetryReport, StoreError> {
    Ok(retries(&gather(core, TraceQuery::default(), limit)?))
}

pub(crate) fn completeness_of(
    core: &Core,
    limit: Option<usize>,
) -> Result<Completeness, StoreError> {
    let gathered = gather(core, TraceQuery::default(), limit)?;
    let settled_unix_ns = core.clock.unix_ns().saturating_sub(SETTLED_NS);
    let mut counts = Counts::default();
    {
        let load = core.load();
        counts.add_load(&load.totals());
        counts.load_ended = !load.done().is_empty();
    }
    for frame in core.frame_pages(0, usize::MAX).flatten() {
        counts.add_frame(&frame);
    }
    {
        let live = core.live();
        (counts.rejected, counts.late) = (live.rejected(), live.late());
        counts.duplicates = live.duplicates();
    }
    counts.spans_written = core.store.progress().spans.load(Ordering::Relaxed);
    counts.sampling = core.sampled();
    counts.dropped = core.dropped();
    counts.dropped.retain(|drop| drop.count > 0);
    Ok(completeness(&gathered, counts, settled_unix_ns))
}

/// `None` when nothing has this correlation id.
pub(crate) fn request_of(
    core: &Core,
    correlation_id: CorrelationId,
) -> Result<Option<RequestView>, StoreError> {
    let of_id = Some(correlation_id.clone());
    let heads = core.traces(&TraceQuery {
        correlation_id: of_id.clone(),
        limit: Some(REQUEST_TRACES_MAX),
        ..TraceQuery::default()
    })?;
    let traces = read(core, heads.iter().map(|line| line.head.trace_id))?;
    let logs = core.logs(&LogQuery {
        correlation_id: of_id,
        limit: Some(LIMIT_MAX),
        ..LogQuery::default()
    })?;
    if traces.is_empty() && logs.is_empty() {
        return Ok(None);
    }
    let ids: BTreeSet<TraceId> = traces.iter().map(|trace| trace.trace_id).collect();
    let mut beside = Beside { logs, ..Beside::default() };
    for frame in core.frame_pages(0, usize::MAX).flatten() {
        beside.add_frame(&frame, &ids);
    }
    Ok(Some(request_view(correlation_id, &traces, beside)))
}
