//! Answers about the running run: from memory while that knows everything, else from memory and
//! file together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use model::frame::{Event, LogLine, Trace};
use model::id::TraceId;

use super::Core;
use crate::live::{RouteRed, SpanMetric};
use crate::query::{
    Durations, EdgeCounts, EdgeQuery, EventQuery, FaultRow, LogQuery, OperationCounts,
    OperationQuery, OperationRow, RouteQuery, TraceLine, TraceQuery, Window, operation_rows,
};
use crate::runs::{RunEntry, RunsError};
use crate::store::{Rollup, StoreError};

impl Core {
    /// Blocks on the file when the live state has forgotten something.
    pub(crate) fn trace(&self, trace_id: TraceId) -> Result<Option<Trace>, StoreError> {
        Ok(self.wholes(&BTreeSet::from([trace_id]))?.pop())
    }

    /// Those of these traces of which something has come in. Blocks on the file, once for all of
    /// them, when the live state has forgotten something.
    pub(crate) fn wholes(&self, ids: &BTreeSet<TraceId>) -> Result<Vec<Trace>, StoreError> {
        let live = |id: &TraceId| Some((*id, self.live().index.trace(*id)?));
        let mut here: BTreeMap<TraceId, Trace> = ids.iter().filter_map(live).collect();
        if !self.live().index.has_forgotten() {
            return Ok(here.into_values().collect());
        }
        for filed in self.reader.wholes(ids)? {
            let whole = match here.remove(&filed.trace_id) {
                Some(here) => joined(here, filed),
                None => filed,
            };
            here.insert(whole.trace_id, whole);
        }
        Ok(here.into_values().collect())
    }

    /// Blocks on the file when the live state has forgotten something.
    pub(crate) fn traces(&self, query: &TraceQuery) -> Result<Vec<TraceLine>, StoreError> {
        let (here, complete) = {
            let live = self.live();
            (live.index.traces(query), !live.index.has_forgotten())
        };
        if complete {
            return Ok(here);
        }
        // The file knows every part of a trace, except what is not written yet.
        let mut lines = BTreeMap::new();
        for line in here.into_iter().chain(self.reader.traces(query)?) {
            let place = match query.edge {
                Some(_) => (line.head.trace_id, line.head.start_unix_ns),
                None => (line.head.trace_id, 0),
            };
            lines.insert(place, line);
        }
        Ok(query.page(lines.into_values().collect()))
    }

    /// Blocks on the file when the live state has forgotten something.
    pub(crate) fn logs(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError> {
        let (here, complete) = {
            let live = self.live();
            (live.index.logs(query), !live.index.has_forgotten())
        };
        if complete || here.len() == query.limit() {
            return Ok(here);
        }
        let mut lines = self.reader.logs(query)?;
        lines.extend(here.into_iter().filter(|line| !lines.contains(line)).collect::<Vec<_>>());
        lines.sort_by_key(|line| line.unix_ns);
        let surplus = lines.len().saturating_sub(query.limit());
        Ok(lines.split_off(surplus))
    }

    /// From the kept seconds; what is older comes from the file.
    pub(crate) fn edges(&self, query: &EdgeQuery) -> Result<(Window, EdgeCounts), StoreError> {
        let (kept, now_s) = {
            let live = self.live();
            (live.seconds.oldest_s(), self.clock.unix_ms() / 1_000)
        };
        let filed = self.reader.window()?;
        let first = filed.map_or(kept, |window| window.from_s.min(kept));
        let window = query.within(Window { from_s: first, to_s: now_s + 1 });
        let older = Window { from_s: window.from_s, to_s: window.to_s.min(kept) };
        let mut counts = if older.from_s < older.to_s {
            self.reader.edges(query, older)?
        } else {
            EdgeCounts::new()
        };
        let asked = |unix_s: &u64| *unix_s >= window.from_s.max(kept) && *unix_s < window.to_s;
        for frame in self.frame_pages(0, usize::MAX).flatten() {
            for edge in frame.edges.iter().filter(|_| asked(&frame.unix_s)) {
                if edge.requests + edge.attempts == 0 || !query.accepts(&edge.edge) {
                    continue;
                }
                let place = (query.step_of(window, frame.unix_s), edge.edge.clone());
                counts.entry(place).or_default().merge(&Rollup::of(edge));
            }
        }
        Ok((window, counts))
    }

    /// As the kept frames have it.
    pub(crate) fn events(&self, query: &EventQuery) -> Vec<Event> {
        query.answer(self.frame_pages(0, usize::MAX).flatten().flat_map(|frame| frame.events))
    }

    /// Since the start of the run, counted before any span was left out; within a time, from the
    /// spans that are at hand.
    pub(crate) fn operations(&self, query: &OperationQuery) -> Vec<OperationRow> {
        if query.from_unix_ms.is_some() || query.to_unix_ms.is_some() {
            return self.live().index.operations(query);
        }
        let metrics = self.live().span_metrics();
        let wanted = |asked: &Option<String>, found: &String| {
            asked.as_ref().is_none_or(|asked| asked == found)
        };
        let mut counts = OperationCounts::new();
        for SpanMetric { service, name, kind, error, calls, duration, .. } in metrics {
            if wanted(&query.service, &service) && wanted(&query.kind, &kind) {
                let (errors, durations) = counts.entry((service, name, kind)).or_default();
                *errors += if error { calls } else { 0 };
                durations.merge(&duration);
            }
        }
        operation_rows(counts)
    }

    /// Routes in the kept seconds, counted before any span was left out.
    pub(crate) fn routes(&self, query: &RouteQuery) -> Vec<OperationRow> {
        let from_s = query.from_unix_ms.map_or(0, |ms| ms / 1_000);
        let until_s = query.to_unix_ms.map_or(u64::MAX, |ms| ms.div_ceil(1_000));
        let routes = self.live().routes(from_s, until_s);
        let wanted = |service: &String| query.service.as_ref().is_none_or(|it| it == service);
        let row = |route: RouteRed| OperationRow {
            service: route.service,
            operation: format!("{} {}", route.method, route.route).trim_start().to_owned(),
            kind: "server".to_owned(),
            spans: route.requests,
            errors: route.errors,
            durations: Durations::of(&route.duration),
        };
        routes.into_iter().filter(|route| wanted(&route.service)).map(row).collect()
    }

    /// The runs of the folder; without one the running run alone.
    pub(crate) fn run_entries(&self) -> Result<Vec<RunEntry>, RunsError> {
        let mut entries = match &self.runs {
            Some(runs) => runs.list()?,
            None => Vec::new(),
        };
        let head = self.live().head().clone();
        let own = entries.iter_mut().find(|entry| entry.run_id == head.run_id);
        let progress = self.store.progress();
        let count = |counter: &AtomicU64| Some(counter.load(Ordering::Relaxed));
        let counted = RunEntry {
            title: head.title,
            live: true,
            spans: count(&progress.spans),
            logs: count(&progress.logs),
            points: count(&progress.points),
            ..own.as_deref().cloned().unwrap_or_default()
        };
        match own {
            Some(own) => *own = counted,
            None => entries.insert(
                0,
                RunEntry {
                    run_id: head.run_id,
                    path: self.store.path().map(Path::to_owned).unwrap_or_default(),
                    ..counted
                },
            ),
        }
        Ok(entries)
    }

    /// Counts come from memory, the changes from the file.
    pub(crate) fn faults(&self) -> Result<Vec<FaultRow>, StoreError> {
        let (ledger, known) = {
            let live = self.live();
            (live.ledger(), live.faults().to_vec())
        };
        let mut changes = self.reader.fault_changes()?;
        let mut rows: BTreeMap<String, FaultRow> = BTreeMap::new();
        for fault in known {
            let edges = fault.edges.iter().map(ToString::to_string).collect();
            rows.entry(fault.name).or_default().edges = edges;
        }
        for (name, count) in ledger {
            let row = rows.entry(name).or_default();
            (row.hits, row.skipped) = (count.hit, count.skipped);
        }
        let unseen: Vec<String> = changes.keys().cloned().collect();
        for name in unseen {
            rows.entry(name).or_default();
        }
        for (name, row) in &mut rows {
            row.fault.clone_from(name);
            row.transitions = changes.remove(name).unwrap_or_default();
        }
        Ok(rows.into_values().collect())
    }
}

/// Parts of one trace from memory and from the file.
fn joined(here: Trace, mut filed: Trace) -> Trace {
    for span in here.spans {
        let known = filed.spans.iter().any(|other| {
            (other.span_id, other.start_unix_ns, &other.kind)
                == (span.span_id, span.start_unix_ns, &span.kind)
        });
        if !known {
            filed.spans.push(span);
        }
    }
    filed.spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
    for line in here.logs {
        if !filed.logs.contains(&line) {
            filed.logs.push(line);
        }
    }
    filed.logs.sort_by_key(|line| line.unix_ns);
    filed
}
