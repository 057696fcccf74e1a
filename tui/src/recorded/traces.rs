//! The traces of a recording, with what a list says about each.
//!
//! Bounded by number and by bytes. When there are too many, those go first that nothing speaks for:
//! no error, no fault, no event or verdict that names them; among equals the oldest.

use std::collections::{BTreeMap, BTreeSet};

use model::answer::TraceLine;
use model::edge::Edge;
use model::frame::{Span, Trace, TraceHead};
use model::id::{CorrelationId, TraceId};
use model::names::attribute;
use model::trace::{attribute_text, correlation_id, is_request};

use super::Bounds;
use super::size::trace_bytes;

/// Ids that events and verdicts have named and that are remembered.
const CHERISHED_MAX: usize = 10_000;

/// A trace without its logs.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) trace: Trace,
    /// What a list of traces says about it.
    pub(super) line: TraceLine,
    bytes: usize,
}

#[derive(Debug, Default)]
pub(super) struct Traces {
    kept: BTreeMap<TraceId, Kept>,
    /// In which order they go: worth, start, id.
    order: BTreeSet<(bool, u64, TraceId)>,
    cherished: BTreeSet<TraceId>,
    bytes: usize,
    spans: u64,
    evicted: u64,
    bounds: Bounds,
}

impl Traces {
    pub(super) fn bounded(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Keeps these longer than others, also when they come later.
    pub(super) fn cherish(&mut self, ids: impl Iterator<Item = TraceId>) {
        for id in ids {
            if self.cherished.len() >= CHERISHED_MAX || !self.cherished.insert(id) {
                continue;
            }
            if let Some(kept) = self.kept.get(&id) {
                let start = kept.line.head.start_unix_ns;
                self.order.remove(&(false, start, id));
                self.order.insert((true, start, id));
            }
        }
    }

    /// Takes a trace without logs. What is known of it already is completed.
    pub(super) fn insert(&mut self, trace: Trace) {
        let trace = match self.remove(trace.trace_id) {
            Some(before) => joined(before.trace, trace),
            None => trace,
        };
        let Some(line) = line_of(&trace) else { return };
        let bytes = trace_bytes(&trace);
        self.bytes += bytes;
        self.spans += trace.spans.len() as u64;
        self.order.insert(self.place(&line));
        self.kept.insert(trace.trace_id, Kept { trace, line, bytes });
        while self.kept.len() > self.bounds.traces || self.bytes > self.bounds.bytes {
            let Some((.., id)) = self.order.first().copied() else { return };
            self.remove(id);
            self.evicted += 1;
        }
    }

    fn place(&self, line: &TraceLine) -> (bool, u64, TraceId) {
        let head = &line.head;
        let telling = head.error || head.fault.is_some() || self.cherished.contains(&head.trace_id);
        (telling, head.start_unix_ns, head.trace_id)
    }

    fn remove(&mut self, id: TraceId) -> Option<Kept> {
        let kept = self.kept.remove(&id)?;
        self.order.remove(&self.place(&kept.line));
        self.bytes -= kept.bytes;
        self.spans -= kept.trace.spans.len() as u64;
        Some(kept)
    }

    pub(super) fn get(&self, id: TraceId) -> Option<&Kept> {
        self.kept.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values()
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// All spans of both, by start.
fn joined(mut before: Trace, after: Trace) -> Trace {
    let key = |span: &Span| (span.start_unix_ns, span.span_id, span.kind.clone());
    let known: BTreeSet<_> = before.spans.iter().map(key).collect();
    before.spans.extend(after.spans.into_iter().filter(|span| !known.contains(&key(span))));
    before.spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
    before
}

fn line_of(trace: &Trace) -> Option<TraceLine> {
    let head = head_of(trace.trace_id, &trace.spans)?;
    let root = trace.spans.iter().find(|span| span.parent.is_none());
    Some(TraceLine {
        head,
        service: root.map(|root| root.service.clone()),
        name: root.map(|root| root.name.clone()),
        spans: trace.spans.len() as u64,
        errors: trace.spans.iter().filter(|span| span.error).count() as u64,
    })
}

/// One line about some spans of a trace; `None` without spans.
pub(super) fn head_of<'a>(
    trace_id: TraceId,
    spans: impl IntoIterator<Item = &'a Span>,
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
        end = end.max(span.start_unix_ns.saturating_add(span.duration_ns));
        head.duration_ns = end.saturating_sub(head.start_unix_ns);
        head.error |= span.error;
        if head.correlation_id.is_none() {
            head.correlation_id = correlation_id(span).and_then(|id| id.parse().ok());
        }
        faults.extend(fault_names(span));
    }
    let mut head = head?;
    if !faults.is_empty() {
        head.fault = Some(faults.into_iter().collect::<Vec<_>>().join(","));
    }
    Some(head)
}

/// The faults that hit a span.
pub(super) fn fault_names(span: &Span) -> impl Iterator<Item = &str> {
    attribute_text(span, attribute::FAULT)
        .into_iter()
        .flat_map(|names| names.split(','))
        .map(str::trim)
}

pub(super) fn has_correlation(span: &Span, id: &CorrelationId) -> bool {
    correlation_id(span) == Some(id.as_str())
}

/// Is this a request on the edge, as the gateway served it?
pub(super) fn is_on(span: &Span, edge: &Edge) -> bool {
    is_request(span)
        && attribute_text(span, attribute::EDGE)
            .is_some_and(|text| text.parse::<Edge>().as_ref() == Ok(edge))
}
