//! The newest traces and logs, at hand by trace id and by correlation id.
//!
//! Bounded by count and by bytes; the oldest trace goes first, as a whole. Once something was
//! forgotten, questions also have to ask the run file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::frame::{LogLine, Trace, TraceHead};
use model::id::{CorrelationId, SpanId, TraceId};

use super::is_request;
use crate::query::{self, LogQuery, TraceQuery};
use crate::record::{LogRecord, SpanRecord};

const SPANS_MAX: usize = 100_000;
const LOGS_MAX: usize = 100_000;
/// For spans, and as much for logs.
const BYTES_MAX: usize = 192 * 1024 * 1024;
/// A record beside its texts.
const RECORD_BYTES: usize = 512;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) spans: usize,
    pub(crate) logs: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct Entry {
    spans: Vec<Arc<SpanRecord>>,
    /// Span id, kind and start: a repetition has all three.
    seen: BTreeSet<(SpanId, i32, u64)>,
    correlation_ids: BTreeSet<CorrelationId>,
}

#[derive(Debug)]
pub(crate) struct Index {
    bounds: Bounds,
    traces: BTreeMap<TraceId, Entry>,
    /// By first arrival.
    order: VecDeque<TraceId>,
    by_correlation_id: BTreeMap<CorrelationId, BTreeSet<TraceId>>,
    logs: VecDeque<Arc<LogRecord>>,
    spans: usize,
    span_bytes: usize,
    log_bytes: usize,
    forgotten: bool,
}

impl Default for Index {
    fn default() -> Self {
        Self::bounded(Bounds { spans: SPANS_MAX, logs: LOGS_MAX, bytes: BYTES_MAX })
    }
}

impl Index {
    pub(crate) fn bounded(bounds: Bounds) -> Self {
        Self {
            bounds,
            traces: BTreeMap::new(),
            order: VecDeque::new(),
            by_correlation_id: BTreeMap::new(),
            logs: VecDeque::new(),
            spans: 0,
            span_bytes: 0,
            log_bytes: 0,
            forgotten: false,
        }
    }

    /// True when the run file knows more than this.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.forgotten
    }

    /// False when this span is here already.
    pub(crate) fn add_span(&mut self, span: &Arc<SpanRecord>) -> bool {
        let entry = self.traces.entry(span.trace_id).or_insert_with(|| {
            self.order.push_back(span.trace_id);
            Entry::default()
        });
        if !entry.seen.insert((span.span_id, span.kind, span.start_unix_ns)) {
            return false;
        }
        entry.spans.push(Arc::clone(span));
        if let Some(id) = &span.known.correlation_id
            && entry.correlation_ids.insert(id.clone())
        {
            self.by_correlation_id.entry(id.clone()).or_default().insert(span.trace_id);
        }
        self.spans += 1;
        self.span_bytes += span_bytes(span);
        while self.spans > self.bounds.spans || self.span_bytes > self.bounds.bytes {
            self.forget_oldest_trace();
        }
        true
    }

    fn forget_oldest_trace(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        let Some(entry) = self.traces.remove(&oldest) else { return };
        self.forgotten = true;
        self.spans -= entry.spans.len();
        self.span_bytes -= entry.spans.iter().map(|span| span_bytes(span)).sum::<usize>();
        for id in entry.correlation_ids {
            if let Some(traces) = self.by_correlation_id.get_mut(&id) {
                traces.remove(&oldest);
                if traces.is_empty() {
                    self.by_correlation_id.remove(&id);
                }
            }
        }
    }

    pub(crate) fn add_log(&mut self, log: &Arc<LogRecord>) {
        self.log_bytes += log_bytes(log);
        self.logs.push_back(Arc::clone(log));
        while self.logs.len() > self.bounds.logs || self.log_bytes > self.bounds.bytes {
            let Some(oldest) = self.logs.pop_front() else { return };
            self.log_bytes -= log_bytes(&oldest);
            self.forgotten = true;
        }
    }

    pub(crate) fn trace(&self, trace_id: TraceId) -> Option<Trace> {
        let entry = self.traces.get(&trace_id)?;
        let mut spans: Vec<_> = entry.spans.iter().map(|span| query::span(span)).collect();
        spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
        let logs = LogQuery {
            trace_id: Some(trace_id),
            limit: Some(query::LIMIT_MAX),
            ..LogQuery::default()
        };
        Some(Trace { trace_id, spans, logs: self.logs(&logs) })
    }

    /// The newest first.
    pub(crate) fn traces(&self, query: &TraceQuery) -> Vec<TraceHead> {
        let ids: Vec<TraceId> = match &query.correlation_id {
            Some(id) => self.by_correlation_id.get(id).into_iter().flatten().copied().collect(),
            None => self.order.iter().rev().copied().collect(),
        };
        let mut heads: Vec<TraceHead> = ids
            .into_iter()
            .filter_map(|id| self.head(id, query))
            .filter(|head| query.accepts(head))
            .take(query.limit())
            .collect();
        heads.sort_by_key(|head| std::cmp::Reverse(head.start_unix_ns));
        heads
    }

    fn head(&self, trace_id: TraceId, query: &TraceQuery) -> Option<TraceHead> {
        let spans = self.traces.get(&trace_id)?.spans.iter().filter(|span| match &query.edge {
            Some(edge) => is_request(span) && span.known.edge.as_ref() == Some(edge),
            None => true,
        });
        head_of(trace_id, spans.map(AsRef::as_ref))
    }

    /// The newest up to the limit, in order of time.
    pub(crate) fn logs(&self, query: &LogQuery) -> Vec<LogLine> {
        let mut lines: Vec<LogLine> = self
            .logs
            .iter()
            .rev()
            .filter(|log| query.accepts(log))
            .take(query.limit())
            .map(|log| query::log_line(log))
            .collect();
        lines.sort_by_key(|line| line.unix_ns);
        lines
    }
}

/// One line about some spans of a trace; `None` without spans.
pub(super) fn head_of<'a>(
    trace_id: TraceId,
    spans: impl Iterator<Item = &'a SpanRecord>,
) -> Option<TraceHead> {
    let mut head: Option<TraceHead> = None;
    let (mut end, mut faults) = (0, BTreeSet::new());
    for span in spans {
        let head = head.get_or_insert(TraceHead {
            trace_id,
            correlation_id: None,
            start_unix_ns: span.start_unix_ns,
            duration_ns: 0,
            error: false,
            fault: None,
        });
        head.start_unix_ns = head.start_unix_ns.min(span.start_unix_ns);
        end = end.max(span.end_unix_ns);
        head.duration_ns = end.saturating_sub(head.start_unix_ns);
        head.error |= span.is_error();
        if head.correlation_id.is_none() {
            head.correlation_id.clone_from(&span.known.correlation_id);
        }
        faults.extend(span.known.fault.iter().flat_map(|names| names.split(',')).map(str::trim));
    }
    let mut head = head?;
    if !faults.is_empty() {
        head.fault = Some(faults.into_iter().collect::<Vec<_>>().join(","));
    }
    Some(head)
}

fn span_bytes(span: &SpanRecord) -> usize {
    let events: usize =
        span.events.iter().map(|event| event.name.len() + event.attributes.len()).sum();
    RECORD_BYTES + span.name.len() + span.attributes.len() + span.links.len() + events
}

fn log_bytes(log: &LogRecord) -> usize {
    RECORD_BYTES + log.body.len() + log.attributes.len()
}

#[cfg(test)]
mod tests;
