//! One request over all of its traces, logs, events and exemplars, in order of time.

use std::collections::BTreeSet;

use model::frame::{Event, Frame, LogLine, Trace};
use model::id::{CorrelationId, SpanId, TraceId};
use model::trace::{Findings, Tree, UserRequest};
use serde::{Deserialize, Serialize};

use super::propagation::{LostHop, lost_hops};

/// Most lines of one view; the earliest are kept.
pub const LINES_MAX: usize = 20_000;

/// Everything that is known of one correlation id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestView {
    pub correlation_id: CorrelationId,
    /// By start.
    pub traces: Vec<TracePart>,
    /// In order of time.
    pub lines: Vec<ViewLine>,
    /// Lines above [`LINES_MAX`] that were left out.
    pub left_out: u64,
    /// Hops that lost the context of this request.
    pub lost: Vec<LostHop>,
    pub findings: Findings,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracePart {
    pub trace_id: TraceId,
    pub start_unix_ns: u64,
    pub end_unix_ns: u64,
    pub spans: u64,
    pub services: BTreeSet<String>,
    /// A request of the user failed in it.
    pub failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    Span,
    SpanEvent,
    Log,
    /// Of the run: a breaker that this request tripped, and the like.
    Event,
    /// Of a metric that names this request.
    Exemplar,
}

impl LineKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::SpanEvent => "span event",
            Self::Log => "log",
            Self::Event => "event",
            Self::Exemplar => "exemplar",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewLine {
    /// After the repair of clocks, for spans and their events.
    pub unix_ns: u64,
    pub kind: LineKind,
    /// Empty for events of the run.
    pub service: String,
    pub text: String,
    pub error: bool,
    /// Of spans.
    pub duration_ns: Option<u64>,
    /// Spans above it in its trace.
    pub depth: u64,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
}

/// A measured value that a metric names a request for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    pub unix_ns: u64,
    pub service: String,
    /// Name of the metric and what it is about.
    pub text: String,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
}

/// What belongs to a request beside its traces.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// With the correlation id; those of the traces may be among them.
    pub logs: Vec<LogLine>,
    pub events: Vec<Event>,
    pub exemplars: Vec<Exemplar>,
}

impl Beside {
    /// Takes the events and exemplars of a frame that name one of these traces.
    pub fn add_frame(&mut self, frame: &Frame, traces: &BTreeSet<TraceId>) {
        let named = |event: &&Event| event.trace_id.is_some_and(|id| traces.contains(&id));
        self.events.extend(frame.events.iter().filter(named).cloned());
        for edge in &frame.edges {
            for head in edge.exemplars.iter().filter(|head| traces.contains(&head.trace_id)) {
                let what = if head.error { "a failed request" } else { "the slowest request" };
                self.exemplars.push(Exemplar {
                    unix_ns: head.start_unix_ns.saturating_add(head.duration_ns),
                    service: String::new(),
                    text: format!("{what} of its second on {}", edge.edge),
                    trace_id: Some(head.trace_id),
                    span_id: None,
                });
            }
        }
    }
}

pub fn request_view(
    correlation_id: CorrelationId,
    traces: &[Trace],
    beside: Beside,
) -> RequestView {
    let mut findings = Findings::default();
    let mut lines = Vec::new();
    let mut parts = Vec::new();
    let mut logs = beside.logs;
    for trace in traces {
        let tree = Tree::of(&trace.spans);
        findings.merge(&tree.findings);
        lines.extend(span_lines(trace.trace_id, &tree));
        parts.extend(part(trace.trace_id, &tree));
        logs.extend(trace.logs.iter().cloned());
    }
    // The same line is found by its trace and by its correlation id.
    let key = |line: &LogLine| {
        (line.unix_ns, line.span_id, line.service.clone(), line.event.clone(), line.body.clone())
    };
    logs.sort_by_cached_key(key);
    logs.dedup();
    lines.extend(logs.into_iter().map(log_line));
    lines.extend(beside.events.into_iter().map(event_line));
    lines.extend(beside.exemplars.into_iter().map(exemplar_line));
    lines.sort_by(|one, other| {
        (one.unix_ns, one.depth, one.kind).cmp(&(other.unix_ns, other.depth, other.kind))
    });
    let left_out = lines.len().saturating_sub(LINES_MAX) as u64;
    lines.truncate(LINES_MAX);
    parts.sort_by_key(|part| (part.start_unix_ns, part.trace_id));
    RequestView {
        correlation_id,
        traces: parts,
        lines,
        left_out,
        lost: lost_hops(traces),
        findings,
    }
}

fn part(trace_id: TraceId, tree: &Tree<'_>) -> Option<TracePart> {
    Some(TracePart {
        trace_id,
        start_unix_ns: tree.nodes.iter().map(|node| node.start_unix_ns).min()?,
        end_unix_ns: tree.nodes.iter().map(|node| node.end_unix_ns).max()?,
        spans: tree.nodes.len() as u64,
        services: tree.nodes.iter().map(|node| node.span.service.clone()).collect(),
        failed: UserRequest::all(tree).iter().any(|request| request.failed(tree)),
    })
}

fn span_lines(trace_id: TraceId, tree: &Tree<'_>) -> Vec<ViewLine> {
    let mut depths = vec![0_u64; tree.nodes.len()];
    let mut lines = Vec::new();
    for at in tree.roots.iter().flat_map(|root| tree.below(*root)) {
        let node = &tree.nodes[at];
        depths[at] = node.parent.map_or(0, |parent| depths[parent] + 1);
        let span = node.span;
        let line = ViewLine {
            unix_ns: node.start_unix_ns,
            kind: LineKind::Span,
            service: span.service.clone(),
            text: format!("{} {}", span.kind, span.name),
            error: span.error,
            duration_ns: Some(node.duration_ns()),
            depth: depths[at],
            trace_id: Some(trace_id),
            span_id: Some(span.span_id),
        };
        lines.extend(span.events.iter().map(|event| ViewLine {
            unix_ns: event.unix_ns.saturating_add_signed(node.shift_ns),
            kind: LineKind::SpanEvent,
            text: event.name.clone(),
            error: false,
            duration_ns: None,
            depth: depths[at] + 1,
            ..line.clone()
        }));
        lines.push(line);
    }
    lines
}

fn log_line(line: LogLine) -> ViewLine {
    ViewLine {
        unix_ns: line.unix_ns,
        kind: LineKind::Log,
        error: matches!(line.severity.as_str(), "ERROR" | "FATAL"),
        text: format!("{} {}", line.severity, line.body),
        service: line.service,
        duration_ns: None,
        depth: 0,
        trace_id: line.trace_id,
        span_id: line.span_id,
    }
}

fn event_line(event: Event) -> ViewLine {
    ViewLine {
        unix_ns: event.unix_ms.saturating_mul(1_000_000),
        kind: LineKind::Event,
        service: String::new(),
        text: format!("{} {}: {}", event.kind.as_str(), event.subject, event.text),
        error: false,
        duration_ns: None,
        depth: 0,
        trace_id: event.trace_id,
        span_id: None,
    }
}

fn exemplar_line(exemplar: Exemplar) -> ViewLine {
    ViewLine {
        unix_ns: exemplar.unix_ns,
        kind: LineKind::Exemplar,
        service: exemplar.service,
        text: exemplar.text,
        error: false,
        duration_ns: None,
        depth: 0,
        trace_id: exemplar.trace_id,
        span_id: exemplar.span_id,
    }
}

#[cfg(test)]
mod tests;
