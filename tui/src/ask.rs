//! What a screen asks beyond the frames: traces, logs, calls between services.
//!
//! Frames come by themselves, once a second. Traces and logs are too many for that, so a screen
//! asks for those that it shows, of the collector or of a recording. Questions and answers are the
//! same for both.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use model::answer::{CallRow, TraceLine};
use model::edge::Edge;
use model::frame::{LogLine, Trace};
use model::id::{CorrelationId, TraceId};

#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    Traces(TracesQuestion),
    /// One trace with its logs.
    Trace(TraceId),
    Logs(LogsQuestion),
    /// Calls between services since the start of the run, as spans tell them.
    Calls,
}

/// Which traces; what is not given does not matter. The collector's words (`GET /v1/traces`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TracesQuestion {
    /// One line for each request on this edge, with the start and duration of the request.
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
    /// The slowest first, not the newest.
    pub slowest: bool,
    pub limit: usize,
}

/// Which log lines; what is not given does not matter. The collector's words (`GET /v1/logs`).
/// The answer is in order of time, the newest up to the limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogsQuestion {
    pub trace_id: Option<TraceId>,
    pub correlation_id: Option<CorrelationId>,
    pub service: Option<String>,
    /// OTLP's severity number: 9 is INFO, 13 WARN, 17 ERROR.
    pub severity_min: Option<i32>,
    /// Is in the body or in the name of the event, in whatever case of its ASCII letters.
    pub contains: Option<String>,
    pub from_unix_ms: Option<u64>,
    /// Up to this time and without it.
    pub to_unix_ms: Option<u64>,
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Traces(Vec<TraceLine>),
    /// `None` when no span of it is known.
    Trace(Option<Arc<Trace>>),
    Logs(Vec<LogLine>),
    Calls(Vec<CallRow>),
}

/// Why there is no answer, as a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AskError(pub String);

/// An answer on its way.
pub type Asking = Pin<Box<dyn Future<Output = Result<Answer, AskError>> + Send>>;

/// Who answers questions.
pub trait Asker: Debug + Send + Sync + 'static {
    fn ask(&self, question: Question) -> Asking;
}
