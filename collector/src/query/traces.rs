//! Which traces are wanted, and what one line about a trace says.

use std::cmp::Reverse;
use std::time::Duration;

use model::answer::TraceLine;
use model::edge::Edge;
use model::frame::TraceHead;
use model::id::CorrelationId;
use serde::Deserialize;

use super::page::TraceCursor;
use crate::record::SpanView;

/// In which order traces come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceOrder {
    #[default]
    Newest,
    Slowest,
}

/// Which traces; what is not given does not matter.
///
/// `service`, `name`, `route` and `fault` are wanted of one span together.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// Requests on this edge, one line for each. Start, duration and error are then those of the
    /// request, not of the whole trace.
    pub edge: Option<Edge>,
    pub service: Option<String>,
    /// Name of a span.
    pub name: Option<String>,
    /// `http.route` of a span.
    pub route: Option<String>,
    pub correlation_id: Option<CorrelationId>,
    /// A fault that hit.
    pub fault: Option<String>,
    pub min_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub error: Option<bool>,
    /// Traces that began then or later.
    pub from_unix_ms: Option<u64>,
    /// Traces that began before.
    pub to_unix_ms: Option<u64>,
    #[serde(default)]
    pub order: TraceOrder,
    /// Only traces after those of an earlier answer.
    pub cursor: Option<TraceCursor>,
    pub limit: Option<usize>,
}

impl TraceQuery {
    pub(crate) fn limit(&self) -> usize {
        super::limited(self.limit)
    }

    /// Does this line of the list answer the question, as far as it tells?
    pub(crate) fn accepts(&self, head: &TraceHead) -> bool {
        let ms = Duration::from_nanos(head.duration_ns).as_secs_f64() * 1e3;
        self.min_ms.is_none_or(|min| ms >= min)
            && self.max_ms.is_none_or(|max| ms <= max)
            && self.error.is_none_or(|error| head.error == error)
            && self.from_unix_ms.is_none_or(|ms| head.start_unix_ns >= ms.saturating_mul(1_000_000))
            && self.to_unix_ms.is_none_or(|ms| head.start_unix_ns < ms.saturating_mul(1_000_000))
            && self.cursor.is_none_or(|cursor| {
                (self.key_ns(head), head.trace_id) < (cursor.key_ns, cursor.trace_id)
            })
    }

    /// Is anything wanted of a span that a line about its trace does not tell?
    pub(crate) fn wants_span(&self) -> bool {
        self.service.is_some()
            || self.name.is_some()
            || self.route.is_some()
            || self.fault.is_some()
    }

    pub(crate) fn accepts_span(&self, span: SpanView<'_>) -> bool {
        self.service.as_ref().is_none_or(|wanted| span.origin().resource.service == *wanted)
            && self.name.as_ref().is_none_or(|wanted| span.name() == *wanted)
            && self.route.as_ref().is_none_or(|wanted| span.http_route().as_deref() == Some(wanted))
            && self.fault.as_ref().is_none_or(|wanted| {
                span.fault().is_some_and(|names| names.split(',').any(|name| name.trim() == wanted))
            })
    }

    /// What the list is ordered by, in nanoseconds.
    pub(crate) fn key_ns(&self, head: &TraceHead) -> u64 {
        match self.order {
            TraceOrder::Newest => head.start_unix_ns,
            TraceOrder::Slowest => head.duration_ns,
        }
    }

    /// Orders lines, and keeps as many as the answer may have.
    pub(crate) fn page(&self, mut lines: Vec<TraceLine>) -> Vec<TraceLine> {
        lines.sort_by_key(|line| Reverse((self.key_ns(&line.head), line.head.trace_id)));
        lines.truncate(self.limit());
        lines
    }

    /// What asks for the traces after these; `None` when there can be none.
    pub(crate) fn next(&self, lines: &[TraceLine]) -> Option<TraceCursor> {
        let last = lines.last().filter(|_| lines.len() >= self.limit())?;
        Some(TraceCursor { key_ns: self.key_ns(&last.head), trace_id: last.head.trace_id })
    }
}
