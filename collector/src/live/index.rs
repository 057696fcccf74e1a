//! The newest traces and logs, at hand by trace id and by correlation id.
//!
//! Bounded by count and by bytes; the oldest batch goes first. Once something was forgotten,
//! questions also have to ask the run file.

mod find;
mod operations;

use std::sync::Arc;

use model::frame::{LogLine, Trace, TraceHead};
use model::id::{SpanId, TraceId};

use super::keys::Keys;
use super::shelf::{Entry, Room, Shelf, Slot};
use crate::query::{self, LogQuery, fault_names};
use crate::record::{Batch, LogView, SpanView, kind};

const SPANS_MAX: usize = 100_000;
const LOGS_MAX: usize = 100_000;
/// For spans, and as much for logs.
const BYTES_MAX: usize = 192 * 1024 * 1024;
/// A trace with more spans is crowded: its spans are looked up by a hash of their own, because
/// looking at all of them for each new one would take too long.
const CROWD: u32 = 64;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) spans: usize,
    pub(crate) logs: usize,
    pub(crate) bytes: usize,
}

/// What the index says while spans are added.
#[derive(Debug)]
pub(super) enum Arrival<'a> {
    /// One of the two has just come.
    Pair { caller: SpanView<'a>, callee: SpanView<'a> },
    /// With its number in the batch.
    New { number: u32, span: SpanView<'a> },
}

#[derive(Debug)]
pub(crate) struct Index {
    spans: Shelf,
    logs: Shelf,
    /// Spans of crowded traces by trace and span id.
    crowd: Keys,
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
            spans: Shelf::bounded(Room { items: bounds.spans, bytes: bounds.bytes }),
            logs: Shelf::bounded(Room { items: bounds.logs, bytes: bounds.bytes }),
            crowd: Keys::default(),
            forgotten: false,
        }
    }

    /// True when the run file knows more than this.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Adds the spans of a batch; tells of every span that is not here already, and before that of
    /// every pair that it completes.
    pub(super) fn add_spans(&mut self, batch: &Arc<Batch>, mut tell: impl FnMut(Arrival<'_>)) {
        if batch.spans.is_empty() {
            return;
        }
        self.spans.begin(batch);
        for (number, span) in (0..).zip(batch.spans()) {
            if self.add_span(number, span, &mut tell) {
                tell(Arrival::New { number, span });
            }
        }
        if self.spans.end() {
            self.forgotten = true;
            let (oldest, next) = self.spans.range();
            self.crowd.forget_before(oldest, next);
        }
    }

    /// False when this span is here already.
    fn add_span(
        &mut self,
        number: u32,
        span: SpanView<'_>,
        tell: &mut impl FnMut(Arrival<'_>),
    ) -> bool {
        let trace = self.spans.hash_trace(span.trace_id);
        let before = self.spans.trace(trace).map_or(0, |newest| newest.count);
        let (own, parent) = (print(Some(span.span_id)), print(span.parent));
        if before > 0 && !self.meet(span, trace, before, tell) {
            return false;
        }
        let correlation = span.correlation().map(|text| self.spans.hash_text(&text));
        let entry = Entry { trace: Some(trace), correlation, own, parent };
        self.spans.add(number, entry);
        if before + 1 >= CROWD {
            self.join_crowd(trace, before + 1);
        }
        true
    }

    /// Compares a new span with those of its trace: false when it is one of them.
    fn meet(
        &self,
        span: SpanView<'_>,
        trace: u64,
        before: u32,
        tell: &mut impl FnMut(Arrival<'_>),
    ) -> bool {
        let (own, parent) = (print(Some(span.span_id)), print(span.parent));
        let crowded = before >= CROWD;
        let relatives = self
            .spans
            .of_trace(trace)
            .take(CROWD as usize)
            .filter(|(_, slot)| slot.own == own || slot.own == parent || slot.parent == own)
            .map(|(_, slot)| slot);
        let by_id = [Some(span.span_id), span.parent]
            .into_iter()
            .flatten()
            .filter(|_| crowded)
            .filter_map(|id| self.of_crowd(trace, id));
        let mut callers = 0;
        for slot in by_id.chain(relatives) {
            let Some(other) = self.span_at(slot).filter(|other| other.trace_id == span.trace_id)
            else {
                continue;
            };
            if is_same(span, other) {
                return false;
            }
            // A crowded trace may name the same caller twice.
            if is_call(other, span) && callers == 0 {
                callers += 1;
                tell(Arrival::Pair { caller: other, callee: span });
            } else if is_call(span, other) {
                tell(Arrival::Pair { caller: span, callee: other });
            }
        }
        true
    }

    fn join_crowd(&mut self, trace: u64, count: u32) {
        let newcomers = if count == CROWD { CROWD as usize } else { 1 };
        let spans: Vec<(u64, SpanId)> = self
            .spans
            .of_trace(trace)
            .take(newcomers)
            .filter_map(|(sequence, slot)| Some((sequence, self.span_at(slot)?.span_id)))
            .collect();
        let oldest = self.spans.range().0;
        for (sequence, id) in spans.into_iter().rev() {
            self.crowd.replace(self.hash_of(trace, id), sequence, oldest);
        }
    }

    fn of_crowd(&self, trace: u64, id: SpanId) -> Option<Slot> {
        let newest = self.crowd.find(self.hash_of(trace, id), self.spans.range().0)?;
        self.spans.slot(newest.sequence).map(|(_, slot)| slot)
    }

    fn hash_of(&self, trace: u64, id: SpanId) -> u64 {
        self.spans.hash_number(trace ^ u64::from_ne_bytes(*id.as_bytes()))
    }

    fn span_at(&self, slot: Slot) -> Option<SpanView<'_>> {
        let (batch, number) = self.spans.item(slot)?;
        batch.span(number)
    }

    fn log_at(&self, slot: Slot) -> Option<LogView<'_>> {
        let (batch, number) = self.logs.item(slot)?;
        batch.log(number)
    }

    /// Adds those logs of a batch that `keep` says yes to.
    pub(super) fn add_logs(
        &mut self,
        batch: &Arc<Batch>,
        mut keep: impl FnMut(u32, LogView<'_>) -> bool,
    ) {
        if batch.logs.is_empty() {
            return;
        }
        self.logs.begin(batch);
        for (number, log) in (0..).zip(batch.logs()) {
            if keep(number, log) {
                let trace = log.trace_id.map(|id| self.logs.hash_trace(id));
                let correlation = log.correlation().map(|text| self.logs.hash_text(&text));
                self.logs.add(number, Entry { trace, correlation, ..Entry::default() });
            }
        }
        self.forgotten |= self.logs.end();
    }

    /// The kept spans of a trace, the newest first.
    pub(crate) fn spans_of(&self, trace_id: TraceId) -> impl Iterator<Item = SpanView<'_>> {
        self.spans
            .of_trace(self.spans.hash_trace(trace_id))
            .filter_map(|(_, slot)| self.span_at(slot))
            .filter(move |span| span.trace_id == trace_id)
    }

    pub(crate) fn trace(&self, trace_id: TraceId) -> Option<Trace> {
        let mut spans: Vec<_> = self.spans_of(trace_id).map(query::span).collect();
        if spans.is_empty() {
            return None;
        }
        spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
        let logs = LogQuery {
            trace_id: Some(trace_id),
            limit: Some(query::LIMIT_MAX),
            ..LogQuery::default()
        };
        Some(Trace { trace_id, spans, logs: self.logs(&logs) })
    }

    /// The newest up to the limit, in order of time.
    pub(crate) fn logs(&self, query: &LogQuery) -> Vec<LogLine> {
        let slots: Box<dyn Iterator<Item = Slot> + '_> =
            match (query.trace_id, &query.correlation_id) {
                (Some(id), _) => {
                    Box::new(self.logs.of_trace(self.logs.hash_trace(id)).map(|(_, slot)| slot))
                },
                (None, Some(id)) => {
                    let hash = self.logs.hash_text(id.as_str());
                    Box::new(self.logs.of_correlation(hash).map(|(_, slot)| slot))
                },
                (None, None) => Box::new(self.logs.newest_first()),
            };
        let mut lines: Vec<LogLine> = slots
            .filter_map(|slot| self.log_at(slot))
            .filter(|log| query.accepts(*log))
            .take(query.lookup())
            .map(query::log_line)
            .collect();
        lines.sort_by_key(|line| line.unix_ns);
        query.page(lines)
    }
}

/// Part of a span id, by which spans can be passed over without looking at them.
fn print(id: Option<SpanId>) -> u32 {
    id.map_or(0, |id| {
        let id = u64::from_ne_bytes(*id.as_bytes());
        (id ^ id >> 32) as u32 | 1
    })
}

/// A repetition has the same id, kind and start.
fn is_same(span: SpanView<'_>, other: SpanView<'_>) -> bool {
    (span.span_id, span.kind, span.start_unix_ns)
        == (other.span_id, other.kind, other.start_unix_ns)
}

/// Did the one span ask and the other serve?
fn is_call(caller: SpanView<'_>, callee: SpanView<'_>) -> bool {
    let kinds = matches!(
        (caller.kind, callee.kind),
        (kind::CLIENT, kind::SERVER) | (kind::PRODUCER, kind::CONSUMER)
    );
    kinds && callee.parent == Some(caller.span_id)
}

/// One line about some spans of a trace; `None` without spans.
pub(super) fn head_of<'a>(
    trace_id: TraceId,
    spans: impl Iterator<Item = SpanView<'a>>,
) -> Option<TraceHead> {
    let mut head: Option<TraceHead> = None;
    let (mut end, mut faults) = (0, Vec::new());
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
            head.correlation_id = span.correlation_id();
        }
        faults.extend(span.fault());
    }
    Some(TraceHead { fault: fault_names(faults), ..head? })
}

#[cfg(test)]
mod tests;
