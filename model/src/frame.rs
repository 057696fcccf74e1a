//! What viewers get: one frame a second, as JSON over server-sent events.
//!
//! The collector's API serves them:
//!
//! | Call | Answer |
//! |---|---|
//! | `GET /v1/live?from=SEQ` | server-sent events; `id` is the sequence, `data` a [`Frame`] |
//! | `GET /v1/frames?from=SEQ&limit=N` | array of frames as they stand now, late data included |
//! | `GET /v1/traces/{trace_id}` | [`Trace`] |
//! | `GET /v1/traces?edge=&correlation_id=&min_ms=&max_ms=&error=&limit=` | [`TraceHead`]s |
//! | `GET /v1/logs?trace_id=&correlation_id=&service=&severity_min=&limit=` | [`LogLine`]s |
//! | `POST /v1/load/intervals`, `POST /v1/load/done` | see [`crate::load`] |
//! | `GET /v1/health` | 200 |
//!
//! The dashboard, the plain lines, the verdicts and the report all read the same frames.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::edge::Edge;
use crate::fault::FaultState;
use crate::hist::Histogram;
use crate::id::{CorrelationId, SpanId, TraceId};
use crate::load::{Group, LoadModel, Outcome, Validity};
use crate::phase::{Phase, Timeline};
use crate::policy::BreakerState;

/// One second of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Rises by one with every second of the run, from 0; a hole is a gap in the data.
    pub seq: u64,
    /// The second that the frame is about: `[unix_s, unix_s + 1)`.
    pub unix_s: u64,
    pub run: RunHead,
    /// Requests that ended in this second, by edge.
    pub edges: Vec<EdgeFrame>,
    /// State at the end of the second, one per edge with a breaker.
    pub breakers: Vec<BreakerFrame>,
    /// State at the end of the second, in the order of the scenario; behind them, by name, faults
    /// that no plan has and that have shown themselves by then.
    pub faults: Vec<FaultFrame>,
    pub load: LoadFrame,
    /// In order of time.
    pub events: Vec<Event>,
    pub verdicts: Vec<VerdictFrame>,
    /// Totals since the start of the run; everything that was lost at a bound.
    pub dropped: Vec<DropCount>,
}

/// The run as a whole. Set by the runner; a collector on its own leaves it empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    pub run_id: String,
    pub title: String,
    pub seed: u64,
    /// Start of load; `None` before it.
    pub start_unix_ms: Option<u64>,
    pub timeline: Option<Timeline>,
    pub phase: Option<Phase>,
    /// Overall verdict, once known.
    pub verdict: Option<Verdict>,
}

/// RED of one edge in one second, from the gateway's spans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeFrame {
    pub edge: Edge,
    pub requests: u64,
    /// Failed requests by blame (`upstream`, `injected`, ...).
    pub errors: BTreeMap<String, u64>,
    /// Calls to the callee, retries included.
    pub attempts: u64,
    /// All requests of the second, failed ones included.
    pub duration: Histogram,
    /// The slowest request and one failed request of the second.
    pub exemplars: Vec<TraceHead>,
}

impl EdgeFrame {
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerFrame {
    pub edge: Edge,
    pub state: BreakerState,
    pub since_unix_ms: u64,
    pub reason: String,
    /// When probes are let through; only when open.
    pub probe_at_unix_ms: Option<u64>,
    /// The request that made the transition.
    pub trace_id: Option<TraceId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultFrame {
    pub name: String,
    /// Kind and size for people, like `latency uniform 1.2s..1.8s`.
    pub what: String,
    pub edges: Vec<Edge>,
    pub share: crate::units::Share,
    pub state: FaultState,
    /// Windows in milliseconds after the end of the baseline.
    pub schedule: Vec<crate::fault::Window>,
    /// Totals of the ledger since the start of the run.
    pub hit: u64,
    pub skipped: u64,
    /// Hits of this second.
    pub hit_now: u64,
}

/// Load of one second, all workers together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadFrame {
    /// Of all loads of the run. Durations of another model than the open one are service times.
    #[serde(default)]
    pub model: LoadModel,
    pub offered: u64,
    pub in_flight: u64,
    pub cells: Vec<LoadCellFrame>,
    pub lateness: Histogram,
    pub connection_wait: Histogram,
    pub cpu_cores: f64,
    pub validity: Option<Validity>,
}

/// Journeys (`step` is `None`) and steps that ended in this second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadCellFrame {
    pub flow: String,
    pub step: Option<String>,
    pub phase: Phase,
    pub group: Group,
    pub hit: bool,
    pub outcome: Outcome,
    pub count: u64,
    pub response: Histogram,
}

/// Something that happened at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub unix_ms: u64,
    pub kind: EventKind,
    /// What it happened to: an edge, a fault, a phase, an expectation, a service.
    pub subject: String,
    /// A sentence without the subject: `closed -> open: failure rate 12 of 20 calls (limit 50%)`.
    pub text: String,
    pub trace_id: Option<TraceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    Breaker,
    Fault,
    Phase,
    Verdict,
    Process,
    Warning,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Fault => "fault",
            Self::Phase => "phase",
            Self::Verdict => "verdict",
            Self::Process => "process",
            Self::Warning => "warning",
        }
    }
}

/// What is known of an expectation or of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    /// Its phase has not come, or has not ended.
    Waiting,
    /// The mechanism or the fault never came into play.
    NotExercised,
    /// Too few samples, or the limit lies inside the interval of the observed value.
    Unclear,
    Fail,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Waiting => "waiting",
            Self::NotExercised => "not exercised",
            Self::Unclear => "unclear",
            Self::Fail => "fail",
        }
    }
}

/// One expectation as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictFrame {
    pub phase: Phase,
    /// As written in the scenario.
    pub text: String,
    pub verdict: Verdict,
    /// Observed value with unit and interval, like `1.21s (1.18s..1.25s, n=1200)`.
    pub observed: String,
    /// Why it is so, with what is missing or broken.
    pub detail: String,
    pub trace_ids: Vec<TraceId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// Where: `collector spans`, `proxy logs`, `load spans`.
    pub what: String,
    pub count: u64,
}

/// One line of a list of traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHead {
    pub trace_id: TraceId,
    pub correlation_id: Option<CorrelationId>,
    pub start_unix_ns: u64,
    pub duration_ns: u64,
    pub error: bool,
    pub fault: Option<String>,
}

/// A trace with its logs, as far as they have come in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    pub trace_id: TraceId,
    /// By start time.
    pub spans: Vec<Span>,
    pub logs: Vec<LogLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    pub span_id: SpanId,
    pub parent: Option<SpanId>,
    pub service: String,
    pub name: String,
    /// `server`, `client`, `internal`, `producer`, `consumer`.
    pub kind: String,
    pub start_unix_ns: u64,
    pub duration_ns: u64,
    pub error: bool,
    pub status_message: String,
    pub attributes: BTreeMap<String, serde_json::Value>,
    pub events: Vec<SpanEvent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
}

/// Another span that this one has to do with, beside its parent; often of another trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanLink {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub attributes: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanEvent {
    pub unix_ns: u64,
    pub name: String,
    pub attributes: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub unix_ns: u64,
    pub service: String,
    /// `TRACE` to `FATAL`.
    pub severity: String,
    pub body: String,
    /// OTLP event name; empty for plain log lines.
    pub event: String,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub correlation_id: Option<CorrelationId>,
    pub attributes: BTreeMap<String, serde_json::Value>,
}
