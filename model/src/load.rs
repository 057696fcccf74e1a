//! What the load generator is told, and what it reports.
//!
//! A worker is a process: `shakedown load-worker --plan FILE`. It prints its ready line, reads one
//! JSON line ([`LoadStart`]) from standard input, and runs; end of input at any time stops it.
//! Every second it posts a [`LoadInterval`] to `POST /v1/load/intervals` of the collector, and at
//! the end a [`LoadDone`] to `POST /v1/load/done`. Each answer is a [`LoadReply`].
//!
//! Arrival `k` of a load is a pure function of seed, load name and `k`; worker `i` of `n` runs the
//! arrivals with `k mod n = i`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::flow::Flow;
use crate::phase::{Phase, Timeline};
use crate::units::Share;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    pub run_id: String,
    pub seed: u64,
    pub worker: u32,
    pub workers: u32,
    /// The public gateway listener.
    pub target: SocketAddr,
    /// The collector's API.
    pub report_to: SocketAddr,
    /// Base of the OTLP endpoint for spans. `None` sends none.
    pub otlp: Option<String>,
    pub control: Share,
    pub timeline: Timeline,
    pub loads: Vec<Load>,
    pub flows: Vec<Flow>,
    /// Lists for `${any:list}`.
    pub data: std::collections::BTreeMap<String, Vec<String>>,
    /// Most requests in flight at once; an arrival above it waits, and the wait counts.
    pub connections_max: u32,
}

/// One stream of arrivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub name: String,
    pub flow: String,
    /// One after the other; the last one holds until load ends.
    pub rate: Vec<RateStep>,
    pub spacing: Spacing,
    /// Users that the journeys are spread over.
    pub users: u64,
    /// Per request.
    pub timeout_ms: u64,
}

/// Arrivals per second over a time; a ramp when the ends differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateStep {
    pub from_per_s: f64,
    pub to_per_s: f64,
    /// `None` lasts until load ends.
    pub for_ms: Option<u64>,
}

/// How arrivals are spaced at a given rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// Evenly.
    Constant,
    /// As from many independent users: gaps are exponential.
    Poisson,
}

/// The order to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStart {
    /// Start of the timeline, in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
}

/// How a journey or a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Completed,
    /// An answer came, with a status that the step does not accept.
    Status,
    /// The connection was refused, reset or broke.
    Connection,
    Timeout,
    /// The answer lacks what the step wants to save, or is no HTTP.
    Answer,
    /// The arrival was never dispatched: a limit.
    Dropped,
    /// Still in flight when the run ended.
    Unfinished,
}

impl Outcome {
    pub const ALL: [Self; 7] = [
        Self::Completed,
        Self::Status,
        Self::Connection,
        Self::Timeout,
        Self::Answer,
        Self::Dropped,
        Self::Unfinished,
    ];

    pub fn is_error(self) -> bool {
        self != Self::Completed
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Status => "status",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Answer => "answer",
            Self::Dropped => "dropped",
            Self::Unfinished => "unfinished",
        }
    }
}

/// Which users a count is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// No fault may touch them.
    Control,
    Exposed,
}

/// What a distribution of the load generator is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoadKey {
    pub flow: String,
    /// `None` is the whole journey.
    pub step: Option<String>,
    /// Of the intended start.
    pub phase: Phase,
    pub group: Group,
    /// The answer said that a fault hit this request anywhere below.
    pub hit: bool,
    pub outcome: Outcome,
}

/// Counts of one key in one interval. Histograms are `HdrHistogram` V2-deflate in base64, in
/// microseconds, with 3 significant digits from 1 us to [`HDR_MAX_US`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadCell {
    #[serde(flatten)]
    pub key: LoadKey,
    pub count: u64,
    /// From the intended start (journeys and first steps) or the real start (later steps) to the
    /// last byte. For dropped and unfinished ones it is a lower bound.
    pub response_hdr: String,
    /// From the first byte written to the last byte read.
    pub service_hdr: String,
}

/// Longest duration that the load histograms hold, in microseconds: ten minutes.
pub const HDR_MAX_US: u64 = 600_000_000;
/// Significant decimal digits of the load histograms.
pub const HDR_DIGITS: u8 = 3;

/// One second of one worker. Idempotent by `(run_id, worker, sequence)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadInterval {
    pub run_id: String,
    pub worker: u32,
    pub sequence: u64,
    /// The second in which these journeys and steps *ended*.
    pub unix_s: u64,
    /// Arrivals whose intended start fell into this second.
    pub offered: u64,
    pub cells: Vec<LoadCell>,
    /// Dispatched minus intended start of this second's arrivals: the generator's own fault.
    pub lateness_hdr: String,
    /// First byte written minus dispatched: the wait for a connection.
    pub connection_wait_hdr: String,
    pub in_flight: u64,
    /// CPU of this process over one core in this second: 1.0 is a whole core.
    pub cpu_cores: f64,
    pub validity: Validity,
    /// Spans that could not be sent.
    pub spans_dropped: u64,
    /// A few correlation and trace ids worth looking at.
    pub exemplars: Vec<LoadExemplar>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadExemplar {
    pub flow: String,
    pub trace_id: crate::id::TraceId,
    pub correlation_id: crate::id::CorrelationId,
    pub response_us: u64,
    pub outcome: Outcome,
    pub hit: bool,
}

/// Could the generator keep its promise?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    Valid,
    /// Lateness p99 above 5 ms and above 5 % of the median response time.
    Suspect,
    /// Less than 99 % of the offered arrivals were dispatched in time, or the generator's CPU was
    /// above 85 % of a core per engine thread.
    Invalid,
}

impl Validity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// The final account of one worker. `offered` equals the sum of all other counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadDone {
    pub run_id: String,
    pub worker: u32,
    /// Journeys.
    pub offered: u64,
    pub completed: u64,
    /// Status, connection and answer errors.
    pub failed: u64,
    pub timed_out: u64,
    pub dropped: u64,
    pub unfinished: u64,
    /// What the system has promised to keep: `flow step` saved values, and the action's ids.
    pub acknowledged: Vec<Acknowledged>,
    pub acknowledged_dropped: u64,
    pub spans_dropped: u64,
    /// Hash of the arrival plan that was run.
    pub plan_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub value: String,
    pub correlation_id: crate::id::CorrelationId,
    pub trace_id: crate::id::TraceId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "order")]
pub enum LoadReply {
    Continue,
    Stop { reason: String },
}
