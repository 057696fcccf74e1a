//! Lists of traces from what is at hand.
//!
//! Traces are first put in order by the fixed fields of their spans; what stands in the payloads is
//! only read of those that come first, until there are enough.

use std::cmp::Reverse;

use model::edge::Edge;
use model::frame::TraceHead;
use model::id::{CorrelationId, SpanId, TraceId};

use super::super::is_request;
use super::{Index, head_of};
use crate::query::{TraceLine, TraceQuery};
use crate::record::{SpanView, kind};

/// A trace, or a request of it, as far as fixed fields tell.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    trace_id: TraceId,
    /// Of a request; of a trace that of one of its spans.
    span_id: SpanId,
    start_unix_ns: u64,
    end_unix_ns: u64,
}

impl Candidate {
    fn of(span: SpanView<'_>) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            start_unix_ns: span.start_unix_ns,
            end_unix_ns: span.end_unix_ns,
        }
    }

    /// For those parts of a question that are about time.
    fn head(&self, error: bool) -> TraceHead {
        TraceHead {
            trace_id: self.trace_id,
            correlation_id: None,
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.end_unix_ns.saturating_sub(self.start_unix_ns),
            error,
            fault: None,
        }
    }
}

impl Index {
    /// In the order of the question.
    pub(crate) fn traces(&self, query: &TraceQuery) -> Vec<TraceLine> {
        let mut candidates = match &query.edge {
            Some(edge) => self.requests(edge, query),
            None => self.whole_traces(query),
        };
        let key = |candidate: &Candidate| query.key_ns(&candidate.head(false));
        candidates.sort_unstable_by_key(|candidate| Reverse((key(candidate), candidate.trace_id)));
        candidates
            .iter()
            .filter_map(|candidate| self.line(candidate, query))
            .filter(|line| query.accepts(&line.head))
            .take(query.limit())
            .collect()
    }

    /// Requests on an edge, each by itself.
    fn requests(&self, edge: &Edge, query: &TraceQuery) -> Vec<Candidate> {
        let text = edge.to_string();
        self.asked(query.correlation_id.as_ref())
            .filter(|span| span.kind == kind::SERVER)
            .filter(|span| span.edge_text().as_deref() == Some(text.as_str()))
            .map(Candidate::of)
            .filter(|candidate| in_time(candidate, query))
            .collect()
    }

    /// Whole traces; with a correlation id, those with a span of it.
    fn whole_traces(&self, query: &TraceQuery) -> Vec<Candidate> {
        let mut spans: Vec<Candidate> = match &query.correlation_id {
            None => self.kept().map(Candidate::of).collect(),
            Some(id) => {
                let mut ids: Vec<TraceId> =
                    self.asked(Some(id)).map(|span| span.trace_id).collect();
                ids.sort_unstable();
                ids.dedup();
                ids.into_iter().flat_map(|id| self.spans_of(id)).map(Candidate::of).collect()
            },
        };
        spans.sort_unstable_by_key(|span| span.trace_id);
        let whole = |spans: &[Candidate]| {
            let start = spans.iter().map(|span| span.start_unix_ns).min()?;
            let end = spans.iter().map(|span| span.end_unix_ns).max()?;
            Some(Candidate { start_unix_ns: start, end_unix_ns: end, ..*spans.first()? })
        };
        spans
            .chunk_by(|left, right| left.trace_id == right.trace_id)
            .filter_map(whole)
            .filter(|candidate| in_time(candidate, query))
            .collect()
    }

    /// All spans at hand, the newest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = SpanView<'_>> {
        self.spans.newest_first().filter_map(|slot| self.span_at(slot))
    }

    /// Spans of this correlation id, or all.
    fn asked<'a>(
        &'a self,
        id: Option<&'a CorrelationId>,
    ) -> Box<dyn Iterator<Item = SpanView<'a>> + 'a> {
        let Some(id) = id else { return Box::new(self.kept()) };
        let spans = self.spans.of_correlation(self.spans.hash_text(id.as_str()));
        let spans = spans.filter_map(|(_, slot)| self.span_at(slot));
        Box::new(spans.filter(|span| span.correlation().as_deref() == Some(id.as_str())))
    }

    fn line(&self, candidate: &Candidate, query: &TraceQuery) -> Option<TraceLine> {
        let spans = || self.spans_of(candidate.trace_id);
        if query.wants_span() && !spans().any(|span| query.accepts_span(span)) {
            return None;
        }
        let root = spans().find(|span| span.parent.is_none());
        let head = match &query.edge {
            None => head_of(candidate.trace_id, spans())?,
            Some(edge) => {
                let request = spans().find(|span| {
                    is_request(span)
                        && span.span_id == candidate.span_id
                        && span.start_unix_ns == candidate.start_unix_ns
                        && span.edge().as_ref() == Some(edge)
                })?;
                head_of(candidate.trace_id, std::iter::once(request))?
            },
        };
        Some(TraceLine {
            head,
            service: root.map(|root| root.origin().resource.service.clone()),
            name: root.map(|root| root.name().to_owned()),
            spans: spans().count() as u64,
            errors: spans().filter(|span| span.is_error()).count() as u64,
        })
    }
}

/// Could it be wanted, whether it has an error or not?
fn in_time(candidate: &Candidate, query: &TraceQuery) -> bool {
    query.accepts(&candidate.head(query.error.unwrap_or_default()))
}
