//! Bounds of everything that could grow, each with its unit and its reason.
//!
//! What is refused or dropped at a bound is counted, and the count is shown in the frames.

use std::time::Duration;

/// Largest OTLP request before and after inflating, as OTLP 1.11 recommends.
pub const OTLP_REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest JSON body accepted by the control and query APIs.
pub const API_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest scenario file: a hundred times the longest that a person would write.
pub const SCENARIO_BYTES_MAX: usize = 1024 * 1024;
/// Largest file of rows that feed requests: a million of them, and room for long ones.
pub const FEEDER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest plan that load workers of other machines are given, as JSON: the rows of a few feeders.
pub const LOAD_PLAN_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most turns of one step of a journey.
pub const TURNS_MAX: u32 = 10_000;
/// Largest request body that the gateway keeps for a second attempt, as Linkerd does.
pub const REPLAY_BODY_BYTES_MAX: usize = 64 * 1024;
/// Largest head of a request or response at the gateway.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of a request or response at the gateway.
pub const HEADERS_MAX: usize = 100;

/// Most edges of one plan: each has a listener, a breaker and a column of statistics.
pub const EDGES_MAX: usize = 256;
/// Most faults of one plan.
pub const FAULTS_MAX: usize = 256;
/// Most schedule windows of one fault.
pub const FAULT_WINDOWS_MAX: usize = 1_000;
/// Most arrivals per second that a scenario may ask of one worker.
pub const RATE_PER_S_MAX: f64 = 1_000_000.0;
/// Longest run that a scenario may ask for.
pub const RUN_MAX: Duration = Duration::from_hours(24);

/// Spans, and as many log records, waiting in a process for export.
pub const EXPORT_QUEUE_ITEMS: usize = 65_536;
/// Correlation ids that the gateway remembers at once, to count repeated calls and hits.
pub const JOURNEYS_MAX: usize = 65_536;

/// Shortest lease: below it one late scheduler slice would disarm the faults of a healthy run.
pub const LEASE_MIN: Duration = Duration::from_millis(500);
/// Longest lease: the time that a fault may outlive its runner.
pub const LEASE_MAX: Duration = Duration::from_mins(1);
/// Lease when the scenario does not say.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(3);

/// Frames kept for viewers: one hour.
pub const FRAMES_MAX: usize = 3_600;
/// Events kept in one frame; more are counted as dropped.
pub const FRAME_EVENTS_MAX: usize = 256;
/// Ids of acknowledged orders that one load worker reports.
pub const ACKNOWLEDGED_MAX: usize = 1_000_000;
