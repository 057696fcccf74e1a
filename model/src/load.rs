//! What the load generator is told, and what it reports.
//!
//! A worker is a process: `shakedown load-worker --plan FILE`. It prints its ready line, reads one
//! JSON line ([`LoadStart`]) from standard input, and runs; end of input at any time stops it.
//! Every second it posts a [`LoadInterval`] to `POST /v1/load/intervals` of the collector, and at
//! the end a [`LoadDone`] to `POST /v1/load/done`. Each answer is a [`LoadReply`].
//!
//! Arrival `k` of a load is a pure function of seed, load name and `k`; worker `i` of `n` runs the
//! arrivals with `k mod n = i`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::fault::Token;
use crate::feeder::Feeder;
use crate::flow::{ClientPolicy, Flow};
use crate::phase::{Phase, Timeline};
use crate::target::Target;
use crate::units::Share;

mod levels;
mod mix;
mod sequences;

pub use levels::{UserStep, present_from_ns};
pub use mix::{WEIGHT_MAX, Weighted};
pub use sequences::Sequences;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    pub run_id: String,
    pub seed: u64,
    pub worker: u32,
    pub workers: u32,
    /// The first is where steps go that name no other.
    pub targets: Vec<Target>,
    /// The collector's API. `None` when whoever starts the worker takes its reports in process.
    #[serde(default)]
    pub report_to: Option<SocketAddr>,
    /// Shown to the collector. It is never written: whoever runs a plan has it from elsewhere.
    #[serde(skip)]
    pub report_token: Option<Token>,
    /// Base of the OTLP endpoint for spans. `None` sends none.
    pub otlp: Option<String>,
    pub control: Share,
    pub timeline: Timeline,
    pub loads: Vec<Load>,
    pub flows: Vec<Flow>,
    /// Lists for `${any:list}`.
    pub data: BTreeMap<String, Vec<String>>,
    /// Rows for `${feeder.column}`.
    #[serde(default)]
    pub feeders: Vec<Feeder>,
    /// What the set-up of the run has saved, for `${setup.name}`.
    #[serde(default)]
    pub setup: BTreeMap<String, String>,
    /// Most journeys in flight at once in this worker.
    pub connections_max: u32,
    #[serde(default)]
    pub at_limit: AtLimit,
    /// Arrivals are released together, in steps of that many microseconds: fewer wake-ups, less
    /// CPU, and a lateness of up to a step. 0 releases each at its own instant.
    #[serde(default)]
    pub release_every_us: u32,
    /// Engine threads of this worker.
    #[serde(default = "one")]
    pub threads: u32,
}

fn one() -> u32 {
    1
}

/// What becomes of an arrival when as many journeys are in flight as may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtLimit {
    /// It waits, and the wait counts.
    #[default]
    Queue,
    /// It is not run, and counted as dropped.
    Drop,
    /// It is run: there is no limit but that of the machine.
    Spawn,
}

impl AtLimit {
    pub const ALL: [Self; 3] = [Self::Queue, Self::Drop, Self::Spawn];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Drop => "drop",
            Self::Spawn => "spawn",
        }
    }
}

/// One stream of arrivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub name: String,
    /// What an arrival does, drawn by weight; at least one.
    pub flows: Vec<Weighted>,
    #[serde(default)]
    pub model: LoadModel,
    /// Open model: one after the other; the last one holds until load ends.
    pub rate: Vec<RateStep>,
    pub spacing: Spacing,
    /// Open model: intended starts in nanoseconds after the start of load, in order, instead of a
    /// rate.
    #[serde(default)]
    pub recorded_ns: Vec<u64>,
    /// Users that the journeys are spread over; in the closed model so many are there at most.
    pub users: u64,
    /// Closed model: how many of the users are there, one step after the other; the last one holds
    /// until load ends. Empty has all of them there all the time.
    #[serde(default)]
    pub levels: Vec<UserStep>,
    /// Closed model: what a user waits between two journeys. `None` does not wait.
    #[serde(default)]
    pub think: Option<Distribution>,
    /// Per step: all attempts and the waits between them.
    pub timeout_ms: u64,
    #[serde(default)]
    pub client: ClientPolicy,
}

/// What decides when a journey starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadModel {
    /// The seed: arrivals do not wait for answers.
    #[default]
    Open,
    /// The end of the same user's journey before, and thinking. Durations are service times, and
    /// are never to be compared with those of the open model.
    Closed,
    /// The end of the journey before on the same connection, at once: as fast as it goes.
    Max,
}

impl LoadModel {
    pub fn is_open(&self) -> bool {
        *self == Self::Open
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Max => "max",
        }
    }
}

/// Arrivals per second over a time; a ramp when the ends differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateStep {
    pub from_per_s: f64,
    pub to_per_s: f64,
    /// `None` lasts until load ends.
    pub for_ms: Option<u64>,
    /// Comes on top of the ramp.
    #[serde(default)]
    pub wave: Option<Wave>,
}

impl RateStep {
    pub fn ramp(from_per_s: f64, to_per_s: f64, for_ms: Option<u64>) -> Self {
        Self { from_per_s, to_per_s, for_ms, wave: None }
    }

    /// Of the highest rate within the step.
    pub fn peak_per_s(&self) -> f64 {
        self.from_per_s.max(self.to_per_s) + self.wave.map_or(0.0, |wave| wave.amplitude_per_s)
    }
}

/// A sine that begins at zero and rises: `amplitude * sin(2 pi t / period)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// At most the smaller end of the ramp, so that the rate never falls below zero.
    pub amplitude_per_s: f64,
    pub period_ms: u64,
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

impl LoadStart {
    /// The first whole second of the wall clock that is at least `lead_ns` after `now_unix_ns`.
    /// What is recorded is told by whole seconds, and none of them then lies only in part within
    /// the load.
    pub fn after(now_unix_ns: u64, lead_ns: u64) -> Self {
        let earliest_ns = now_unix_ns.saturating_add(lead_ns);
        Self { start_unix_ns: earliest_ns.div_ceil(1_000_000_000).saturating_mul(1_000_000_000) }
    }
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
    /// The answer is not what the step checks, or never became what it waits for.
    Check,
    /// The arrival was never dispatched: a limit.
    Dropped,
    /// Still in flight when the run ended.
    Unfinished,
}

impl Outcome {
    pub const ALL: [Self; 8] = [
        Self::Completed,
        Self::Status,
        Self::Connection,
        Self::Timeout,
        Self::Answer,
        Self::Check,
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
            Self::Check => "check",
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
    /// Of the load. Durations of different models mean different things: they are never added up.
    #[serde(default)]
    pub model: LoadModel,
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
    #[serde(default)]
    pub attempts: Attempts,
    /// Of steps, how often each of their checks held, by its text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCount>,
    /// Of steps, what came of them: a status like `503` when an answer came, else a kind of failure
    /// like `connection_reset`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, u64>,
    /// Bytes of the bodies of answers, of steps.
    #[serde(default)]
    pub body_bytes: u64,
}

impl LoadCell {
    /// A cell of which only the durations are known.
    pub fn new(key: LoadKey, count: u64, response_hdr: String, service_hdr: String) -> Self {
        let (attempts, checks) = (Attempts::default(), BTreeMap::new());
        let (results, body_bytes) = (BTreeMap::new(), 0);
        Self { key, count, response_hdr, service_hdr, attempts, checks, results, body_bytes }
    }
}

/// What the client sent for the journeys or steps of a cell. The offered load is the count of the
/// cells of all outcomes, the attempted load is `sent`, the goodput the count of completed ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// Requests of which a byte was written, repeats and second copies included.
    pub sent: u64,
    /// How many of these repeated a failed one.
    pub retries: u64,
    /// How many of these were second copies of a slow one.
    pub hedges: u64,
    /// Repeats and copies that the client wanted and its budget refused.
    pub denied: u64,
}

impl std::ops::AddAssign for Attempts {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.retries += more.retries;
        self.hedges += more.hedges;
        self.denied += more.denied;
    }
}

/// How often a check held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCount {
    pub passed: u64,
    pub failed: u64,
}

impl std::ops::AddAssign for CheckCount {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
    }
}

/// Longest duration that the load histograms hold, in microseconds: ten minutes.
pub const HDR_MAX_US: u64 = 600_000_000;
/// Significant decimal digits of the load histograms.
pub const HDR_DIGITS: u8 = 3;

/// Times of making connections, part by part, each as a histogram like those of a cell. Empty where
/// none was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialHdr {
    pub dns_hdr: Option<String>,
    pub connect_hdr: Option<String>,
    pub tls_hdr: Option<String>,
}

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
    /// What new connections took.
    #[serde(default)]
    pub dials: DialHdr,
    /// Of all bodies that were read.
    #[serde(default)]
    pub body_bytes: u64,
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
    /// Status, connection and answer errors, and failed checks.
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
    /// Who told the worker to stop before its end, other than the collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
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
