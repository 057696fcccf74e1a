//! The list of traces, and the open one: what the screen asks for and gets.

use std::sync::Arc;

use model::frame::Trace;
use model::id::{SpanId, TraceId};

use crate::derive::compare::Comparison;
use crate::derive::waterfall::{Clocks, Detail, Waterfall};
use crate::filter::Filter;
use crate::screen::Asked;

/// Lines of the list that are asked for.
pub const LINES_MAX: usize = 500;

/// A line of the list. A list of an edge can have several of one trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineId {
    pub trace_id: TraceId,
    pub start_unix_ns: u64,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TracesQuery {
    pub filter: Option<Filter>,
    /// The slowest first, not the newest.
    pub slowest: bool,
    pub reversed: bool,
    /// Lines of one service and name of the first span together.
    pub grouped: bool,
    /// `None` opens the first of the list.
    pub open: Option<TraceId>,
    /// Is compared with the open one.
    pub compared: Option<TraceId>,
    pub clocks: Clocks,
    /// Row of the waterfall whose details are wanted; `None` is that of `span`, or the one that
    /// tells what went wrong.
    pub row: Option<usize>,
    pub span: Option<SpanId>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TracesView {
    pub asked: Asked,
    pub rows: Vec<TraceRow>,
    /// There are more than could be asked for.
    pub cut: bool,
    pub groups: Vec<Group>,
    /// Durations of the rows, from the shortest on.
    pub durations: Vec<Bin>,
    /// Faults that hit the rows, the most frequent first.
    pub faults: Vec<(String, u64)>,
    pub open_asked: Asked,
    pub open: Option<Opened>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TraceRow {
    pub id: LineId,
    pub correlation_id: Option<String>,
    /// Since the start of the run.
    pub at_ms: u64,
    pub duration_ns: u64,
    /// Service and name of the first span; empty while it has not come in.
    pub root: String,
    pub spans: u64,
    pub errors: u64,
    pub error: bool,
    pub fault: Option<String>,
}

/// Traces that began with the same span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub root: String,
    pub traces: u64,
    pub failed: u64,
    pub slowest_ns: u64,
}

/// Traces that took about as long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    pub from_ns: u64,
    pub to_ns: u64,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    pub trace: Arc<Trace>,
    pub waterfall: Waterfall,
    /// The selected row, and everything about it.
    pub row: usize,
    pub details: Vec<Detail>,
    pub log_lines: usize,
    /// The other trace, and what differs; `None` without one, or while it is on its way.
    pub comparison: Option<(TraceId, Comparison)>,
}
