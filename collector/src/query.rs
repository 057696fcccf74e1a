//! What can be asked about traces, logs and counts. The live state and the file answer the same
//! questions.

mod edges;
mod events;
mod facts;
mod graph;
mod operations;
mod page;
mod show;
mod traces;

pub use model::answer::{CallRow, Durations, TraceLine};
use model::frame::LogLine;
use model::id::{CorrelationId, TraceId};
use serde::{Deserialize, Deserializer};

use crate::record::LogView;

pub(crate) use edges::{EdgeCounts, ROWS_MAX, Window};
pub use edges::{EdgeQuery, EdgeRow};
pub(crate) use events::EventQuery;
pub use facts::{BreakerChange, FaultChange, FaultRow};
pub use graph::{Graph, GraphNode};
pub(crate) use operations::{OperationCounts, RouteQuery, rows as operation_rows};
pub use operations::{OperationQuery, OperationRow};
pub use page::{LogCursor, TraceCursor};
pub(crate) use show::{fault_names, log_line, severity, span, span_links};
pub use traces::{TraceOrder, TraceQuery};

/// Most lines of one answer.
pub(crate) const LIMIT_MAX: usize = 10_000;
/// Lines of an answer when the question does not say.
pub(crate) const LIMIT_DEFAULT: usize = 100;

fn limited(limit: Option<usize>) -> usize {
    limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
}

/// Which logs; what is not given does not matter. The oldest come first, the newest are kept when
/// there are more than the limit.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    pub trace_id: Option<TraceId>,
    pub correlation_id: Option<CorrelationId>,
    pub service: Option<String>,
    /// OTLP's severity number, or its name: 9 is INFO, 13 WARN, 17 ERROR.
    #[serde(deserialize_with = "severity_number")]
    #[serde(default)]
    pub severity_min: Option<i32>,
    /// Is in the body or in the name of the event, in whatever case of its ASCII letters.
    pub contains: Option<String>,
    pub from_unix_ms: Option<u64>,
    /// Up to this time and without it.
    pub to_unix_ms: Option<u64>,
    /// Only lines before those of an earlier answer.
    pub cursor: Option<LogCursor>,
    pub limit: Option<usize>,
}

impl LogQuery {
    pub(crate) fn limit(&self) -> usize {
        limited(self.limit)
    }

    pub(crate) fn accepts(&self, log: LogView<'_>) -> bool {
        self.trace_id.is_none_or(|wanted| log.trace_id == Some(wanted))
            && self
                .correlation_id
                .as_ref()
                .is_none_or(|wanted| log.correlation().as_deref() == Some(wanted.as_str()))
            && self.service.as_ref().is_none_or(|wanted| log.origin().resource.service == *wanted)
            && self.severity_min.is_none_or(|least| log.severity >= least)
            && self.from_unix_ms.is_none_or(|from| log.unix_ns >= from.saturating_mul(1_000_000))
            && self.to_unix_ms.is_none_or(|to| log.unix_ns < to.saturating_mul(1_000_000))
            && self.cursor.is_none_or(|cursor| log.unix_ns <= cursor.unix_ns)
            && self.contains.as_ref().is_none_or(|text| {
                let text = text.to_ascii_lowercase();
                log.body().to_ascii_lowercase().contains(&text)
                    || log.event().to_ascii_lowercase().contains(&text)
            })
    }

    /// Lines to look for: those that the cursor has already shown come again.
    pub(crate) fn lookup(&self) -> usize {
        self.limit() + self.cursor.map_or(0, |cursor| cursor.shown)
    }

    /// Leaves out what earlier answers have shown, and all but the newest up to the limit. `lines`
    /// are in order of time.
    pub(crate) fn page(&self, mut lines: Vec<LogLine>) -> Vec<LogLine> {
        if let Some(cursor) = self.cursor {
            let newest = lines.iter().rev().take_while(|line| line.unix_ns == cursor.unix_ns);
            let again = newest.count().min(cursor.shown);
            lines.truncate(lines.len() - again);
        }
        lines.split_off(lines.len().saturating_sub(self.limit()))
    }

    /// What asks for the lines before these; `None` when there can be none.
    pub(crate) fn next(&self, lines: &[LogLine]) -> Option<LogCursor> {
        let oldest = lines.first().filter(|_| lines.len() >= self.limit())?.unix_ns;
        let here = lines.iter().take_while(|line| line.unix_ns == oldest).count();
        let before = self.cursor.filter(|cursor| cursor.unix_ns == oldest);
        Some(LogCursor { unix_ns: oldest, shown: here + before.map_or(0, |cursor| cursor.shown) })
    }
}

/// The least number of each named severity.
const SEVERITIES: [(&str, i32); 6] =
    [("TRACE", 1), ("DEBUG", 5), ("INFO", 9), ("WARN", 13), ("ERROR", 17), ("FATAL", 21)];

/// Reads `13` or `warn`.
pub fn parse_severity(text: &str) -> Result<i32, String> {
    let named = SEVERITIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    named.map(|(_, number)| *number).or_else(|| text.parse().ok()).ok_or_else(|| {
        format!("expected trace, debug, info, warn, error, fatal or a number, got {text:?}")
    })
}

fn severity_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    let text = String::deserialize(from)?;
    parse_severity(&text).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
