//! One trace as rows over time, with what made it long.
//!
//! Order, repair of clocks, critical path and blame are those of [`model::trace`], the same that
//! the collector tells over HTTP. Times can also be shown as they were sent ([`Clocks::Raw`]); the
//! critical path is that of the repaired ones either way, since a path through times that
//! contradict each other means nothing.

use std::collections::BTreeMap;

use model::frame::{Span, Trace};
use model::id::{CorrelationId, SpanId, TraceId};
use model::trace::{LedgerEntry, Piece, Tree, attribute_text, explain};

use super::words;

mod detail;
mod finding;
mod mark;
mod path;
mod row;

pub use detail::{Detail, Tone};
pub use path::PathPart;

/// Which times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clocks {
    /// Moved where the clock of a process disagrees with that of its caller.
    #[default]
    Corrected,
    /// As the spans said.
    Raw,
}

/// What a bar is, the gravest that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarKind {
    Ok,
    Error,
    /// A fault acted on it.
    Fault,
    /// A breaker let it not through.
    Rejected,
    /// Nothing was sent between two attempts.
    Wait,
}

impl BarKind {
    pub const ALL: [Self; 5] = [Self::Ok, Self::Error, Self::Fault, Self::Rejected, Self::Wait];

    /// For the legend.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Fault => "fault injected",
            Self::Rejected => "rejected by breaker",
            Self::Wait => "wait",
        }
    }
}

/// A span, or a wait between two attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct WaterfallRow {
    pub depth: usize,
    pub service: String,
    pub name: String,
    /// Since the start of the waterfall.
    pub start_ns: u64,
    pub length_ns: u64,
    /// The same as parts of the whole, 0 to 1.
    pub start: f64,
    pub length: f64,
    pub bar: BarKind,
    /// The span failed; a bar can be of a graver kind.
    pub error: bool,
    /// Names of the faults that acted and how much they delayed, like `slow-payments +1.50 s`.
    pub fault: Option<String>,
    /// Why a breaker refused, or what it did on account of this span.
    pub breaker: Option<String>,
    /// From 1; `None` for what is no attempt.
    pub attempt: Option<u64>,
    /// Its own time on the critical path.
    pub path_ns: u64,
    pub on_path: bool,
    /// How far the repair of clocks moves it, whether or not that is shown.
    pub shift_ns: i64,
    /// Its parent has not come in, or it closed a circle of parents.
    pub is_loose: bool,
    /// `None` for waits.
    pub span_id: Option<SpanId>,
    /// Index into the spans of the trace; `None` for waits.
    pub span: Option<usize>,
}

/// How far the spans of one service were moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockShift {
    pub service: String,
    /// The farthest.
    pub shift_ns: i64,
    pub spans: u64,
}

/// A trace as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Waterfall {
    pub trace_id: TraceId,
    pub correlation_id: Option<String>,
    pub start_unix_ns: u64,
    /// From the first start to the last end.
    pub total_ns: u64,
    /// Distinct spans.
    pub spans: u64,
    pub errors: u64,
    /// Parents before children, siblings by start.
    pub rows: Vec<WaterfallRow>,
    /// Duration of the span that the critical path is of; the parts add up to it.
    pub path_total_ns: u64,
    /// The part of the whole that this span takes, as start and end from 0 to 1: work that went on
    /// in the background afterwards can be a hundred times as long.
    pub focus: (f64, f64),
    /// The largest first, what is small together at the end.
    pub path: Vec<PathPart>,
    /// By service.
    pub shifts: Vec<ClockShift>,
    /// What was missing, doubled or odd, as sentences.
    pub findings: Vec<String>,
    pub clocks: Clocks,
}

impl Waterfall {
    pub fn of(trace: &Trace, clocks: Clocks) -> Self {
        let tree = Tree::of(&trace.spans);
        let ledger = LedgerEntry::read_all(&trace.logs);
        let pieces = tree.root().map(|root| explain(&tree, root, &ledger)).unwrap_or_default();
        let extent = Extent::of(&tree, clocks);
        let marks = mark::Marks::of(&tree, &ledger, &trace.logs);
        let correlation = trace.spans.iter().find_map(model::trace::correlation_id);
        let by_logs = || trace.logs.iter().find_map(|line| line.correlation_id.as_ref());
        Self {
            trace_id: trace.trace_id,
            correlation_id: correlation
                .or_else(|| by_logs().map(CorrelationId::as_str))
                .map(words::safe),
            start_unix_ns: extent.start_unix_ns,
            total_ns: extent.length_ns,
            spans: tree.nodes.len() as u64,
            errors: tree.nodes.iter().filter(|node| node.span.error).count() as u64,
            rows: row::rows(&trace.spans, &tree, &marks, (&extent, &pieces)),
            path_total_ns: tree.root().map_or(0, |root| tree.nodes[root].duration_ns()),
            focus: tree.root().map_or((0.0, 1.0), |root| extent.part(&tree, root)),
            path: path::parts(&tree, &pieces),
            shifts: shifts(&tree),
            findings: finding::sentences(&tree),
            clocks,
        }
    }

    /// Everything about one row, line by line; empty when there is no such row.
    pub fn details(&self, trace: &Trace, row: usize) -> Vec<Detail> {
        self.rows.get(row).map(|row| detail::lines(trace, row)).unwrap_or_default()
    }

    /// The row that tells best what went wrong: where a fault or a breaker acted, else the last
    /// that failed.
    pub fn guilty(&self) -> Option<usize> {
        let of = |kind: BarKind| self.rows.iter().position(|row| row.bar == kind);
        let acted = of(BarKind::Fault).or_else(|| of(BarKind::Rejected));
        acted.or_else(|| self.rows.iter().rposition(|row| row.error))
    }

    /// The row of a span.
    pub fn row_of(&self, span: SpanId) -> Option<usize> {
        self.rows.iter().position(|row| row.span_id == Some(span))
    }

    /// The next row after this one that failed or that a fault or breaker touched, round the end.
    pub fn next_failed(&self, after: usize) -> Option<usize> {
        let first = after.saturating_add(1).min(self.rows.len());
        (first..self.rows.len()).chain(0..first).find(|at| self.rows[*at].is_failed())
    }

    /// As [`Self::next_failed`], backwards.
    pub fn previous_failed(&self, before: usize) -> Option<usize> {
        let end = before.min(self.rows.len());
        let mut back = (0..end).rev().chain((end..self.rows.len()).rev());
        back.find(|at| self.rows[*at].is_failed())
    }
}

impl WaterfallRow {
    fn is_failed(&self) -> bool {
        self.error || matches!(self.bar, BarKind::Error | BarKind::Fault | BarKind::Rejected)
    }
}

/// The time that a waterfall spans.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start_unix_ns: u64,
    length_ns: u64,
    clocks: Clocks,
}

impl Extent {
    fn of(tree: &Tree<'_>, clocks: Clocks) -> Self {
        let mut extent = Self { start_unix_ns: 0, length_ns: 0, clocks };
        let times = |at: usize| extent.times(tree, at);
        let start = (0..tree.nodes.len()).map(|at| times(at).0).min().unwrap_or(0);
        let end = (0..tree.nodes.len()).map(|at| times(at).1).max().unwrap_or(0);
        extent.start_unix_ns = start;
        extent.length_ns = end.saturating_sub(start);
        extent
    }

    /// Start and end of a node.
    fn times(&self, tree: &Tree<'_>, at: usize) -> (u64, u64) {
        let node = &tree.nodes[at];
        match self.clocks {
            Clocks::Corrected => (node.start_unix_ns, node.end_unix_ns),
            Clocks::Raw => {
                let start = node.span.start_unix_ns;
                (start, start.saturating_add(node.span.duration_ns))
            },
        }
    }

    /// Start and end of a node as parts of the whole; all of it for a node without length.
    fn part(&self, tree: &Tree<'_>, at: usize) -> (f64, f64) {
        let (from, to) = self.times(tree, at);
        let place = |unix_ns: u64| self.share(unix_ns.saturating_sub(self.start_unix_ns));
        let part = (place(from), place(to));
        if part.0 < part.1 { part } else { (0.0, 1.0) }
    }

    fn share(&self, ns: u64) -> f64 {
        (ns as f64 / self.length_ns.max(1) as f64).clamp(0.0, 1.0)
    }
}

fn shifts(tree: &Tree<'_>) -> Vec<ClockShift> {
    let mut by_service: BTreeMap<&str, ClockShift> = BTreeMap::new();
    for node in tree.nodes.iter().filter(|node| node.shift_ns != 0) {
        let service = node.span.service.as_str();
        let shift = by_service.entry(service).or_insert_with(|| ClockShift {
            service: words::safe(service),
            shift_ns: 0,
            spans: 0,
        });
        shift.spans += 1;
        if node.shift_ns.unsigned_abs() > shift.shift_ns.unsigned_abs() {
            shift.shift_ns = node.shift_ns;
        }
    }
    by_service.into_values().collect()
}

/// The gateway's spans say which edge they are of; others have a name that says enough.
fn label(span: &Span) -> String {
    match attribute_text(span, model::names::attribute::EDGE) {
        Some(edge) => words::safe(&edge.replace(" -> ", ">")),
        None => words::safe(&span.name),
    }
}

/// Time of each node on the critical path.
fn path_by_node(nodes: usize, pieces: &[Piece]) -> Vec<u64> {
    let mut sums = vec![0_u64; nodes];
    for piece in pieces {
        sums[piece.node] = sums[piece.node].saturating_add(piece.duration_ns());
    }
    sums
}

#[cfg(test)]
pub(crate) mod tests;
