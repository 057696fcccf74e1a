//! Log lines: what the screen asks for and gets.

use model::id::{SpanId, TraceId};

use crate::derive::patterns::Pattern;
use crate::derive::severity::Severity;
use crate::derive::volume::Volume;
use crate::derive::waterfall::Detail;
use crate::filter::Filter;
use crate::screen::Asked;

/// Lines that are asked for.
pub const LINES_MAX: usize = 1_000;
/// Lines of the context that are asked for.
pub const CONTEXT_MAX: usize = 200;
/// How far the context reaches to both sides of a line.
pub const CONTEXT_MS: u64 = 100;

/// A line of the list. Several can be of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineId {
    pub unix_ns: u64,
    /// Number among the lines of this time, from 0.
    pub nth: u32,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogsQuery {
    pub filter: Option<Filter>,
    /// `None` is the newest line; of one request, the first that tells what went wrong.
    pub selected: Option<LineId>,
    /// What else happened around the selected line.
    pub context: bool,
    pub patterns: bool,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogsView {
    pub asked: Asked,
    /// In order of time.
    pub rows: Vec<LogRow>,
    /// Index of the line that the record is of.
    pub selected: usize,
    /// There are older ones than could be asked for.
    pub cut: bool,
    /// Everything of one request, whenever it was; else what the time axis shows.
    pub of_request: bool,
    pub services: usize,
    pub volume: Volume,
    /// Plot columns at the left of which nothing is known, because of the cut.
    pub unknown_columns: usize,
    /// Every field of the selected line.
    pub record: Vec<Detail>,
    /// `None` when it is not wanted.
    pub context: Option<Context>,
    /// The most frequent first; empty when they are not wanted.
    pub patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    pub id: LineId,
    /// Since the start of the run; negative before it.
    pub at_ms: i64,
    pub service: String,
    pub severity: Severity,
    /// OTLP's name of the event; empty for plain lines.
    pub event: String,
    /// What it says, with its attributes.
    pub message: String,
    /// Only what it says.
    pub said: String,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub correlation_id: Option<String>,
    /// A fault acted, or changed its state.
    pub of_fault: bool,
    /// A warning, an error, a fault or a breaker.
    pub telling: bool,
}

/// Lines that are not in the list, around the selected one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    pub asked: Asked,
    pub rows: Vec<LogRow>,
    /// There are more than could be asked for.
    pub cut: bool,
}

impl LogsView {
    /// Where a line stands in the list; one that is gone gives its place to the next one.
    pub fn place_of(&self, wanted: Option<LineId>) -> usize {
        let line = |at: usize| (self.rows[at].id, self.rows[at].telling);
        place_of(self.rows.len(), line, wanted, self.of_request)
    }

    /// From the first line to the last.
    pub fn length_ns(&self) -> u64 {
        match (self.rows.first(), self.rows.last()) {
            (Some(first), Some(last)) => last.id.unix_ns.saturating_sub(first.id.unix_ns),
            _ => 0,
        }
    }
}

/// As [`LogsView::place_of`], of any lines in order of time: id of a line, and whether it is
/// telling.
pub fn place_of(
    count: usize,
    line: impl Fn(usize) -> (LineId, bool),
    wanted: Option<LineId>,
    of_request: bool,
) -> usize {
    let last = count.saturating_sub(1);
    let Some(wanted) = wanted else {
        let first = (0..count).find(|at| line(*at).1);
        return if of_request { first.unwrap_or(0) } else { last };
    };
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if line(middle).0 < wanted { low = middle + 1 } else { high = middle }
    }
    let is_same_time = |at: usize| at < count && line(at).0.unix_ns == wanted.unix_ns;
    // In another answer there may be fewer lines of the same time.
    if !is_same_time(low) && low.checked_sub(1).is_some_and(is_same_time) {
        return low - 1;
    }
    low.min(last)
}
