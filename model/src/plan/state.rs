//! What a proxy says about itself: its edges, endpoints, breakers and faults.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{LeaseReply, Protocol};
use crate::edge::Edge;
use crate::fault::FaultState;
use crate::policy::BreakerState;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyState {
    pub epoch: u64,
    pub lease: LeaseReply,
    pub edges: Vec<EdgeState>,
    pub faults: Vec<FaultStatus>,
    pub dropped: Vec<crate::frame::DropCount>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeState {
    pub edge: Edge,
    pub address: SocketAddr,
    /// What it carries.
    #[serde(default)]
    pub protocol: Protocol,
    pub requests: u64,
    pub attempts: u64,
    pub retries: u64,
    /// Retries that the budget refused.
    pub retries_refused: u64,
    pub in_flight: u64,
    /// TCP edges: connections so far, open now, and bytes each way.
    #[serde(default)]
    pub connections: u64,
    #[serde(default)]
    pub connections_open: u64,
    #[serde(default)]
    pub bytes_up: u64,
    #[serde(default)]
    pub bytes_down: u64,
    /// Retries that the budget would grant now; `None` without a retry policy.
    #[serde(default)]
    pub retry_budget_left: Option<u64>,
    /// Choices made among endpoints that were all left out, because some one had to be chosen.
    #[serde(default)]
    pub panic_picks: u64,
    #[serde(default)]
    pub endpoints: Vec<EndpointState>,
    pub breaker: Option<BreakerStatus>,
}

/// One endpoint of an edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointState {
    pub address: SocketAddr,
    pub in_flight: u64,
    pub attempts: u64,
    /// By active checks.
    pub healthy: bool,
    /// Until it is used again after an ejection; `None` when it is not ejected.
    pub ejected_for_ms: Option<u64>,
    /// Why it is left out, for people.
    pub reason: Option<String>,
    /// Estimate of its response time in microseconds.
    pub ewma_us: Option<u64>,
    #[serde(default)]
    pub ended: EndpointOutcomes,
    /// Ejections so far.
    #[serde(default)]
    pub ejections: u64,
    /// Detections that were not acted on: by the enforcing share, or because too many were ejected.
    #[serde(default)]
    pub detections_spared: u64,
}

/// How the attempts at an endpoint ended, each counted under the one to blame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointOutcomes {
    pub succeeded: u64,
    /// The endpoint answered with a failure.
    pub failed: u64,
    /// No answer, or none that was complete: refused, reset, timed out.
    pub unanswered: u64,
    /// The gateway's own doing: limits, breaker, pool.
    pub local: u64,
    pub injected: u64,
    /// Nobody learned how it ended, for example because the caller left.
    pub unknown: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerStatus {
    pub state: BreakerState,
    /// Why it is in this state, for people.
    pub reason: String,
    pub since_unix_ms: u64,
    /// Until probes are let through; only when open.
    pub probe_in_ms: Option<u64>,
    pub calls: u32,
    pub failed: u32,
    pub slow: u32,
    pub rejected: u64,
    /// How full the window is, for people: `4 of 10 calls`, `37 calls in 10s`.
    #[serde(default)]
    pub window: String,
    /// Failures in a row until the last call.
    #[serde(default)]
    pub streak: u32,
    /// Times open in a row without being closed in between.
    #[serde(default)]
    pub attempt: u32,
    /// How often it opened by itself so far.
    #[serde(default)]
    pub trips: u64,
    /// When it last did.
    #[serde(default)]
    pub tripped_unix_ms: Option<u64>,
    /// The trace of the request that made it open.
    #[serde(default)]
    pub tripped_by_trace: Option<String>,
    /// Probes that have not reported yet.
    #[serde(default)]
    pub permits_out: u32,
    /// Probes that may still be let through; only when half-open.
    #[serde(default)]
    pub permits_free: u32,
    #[serde(default)]
    pub shadows: Vec<ShadowStatus>,
}

/// What another configuration would have done with the calls that the real breaker let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowStatus {
    pub name: String,
    pub state: BreakerState,
    pub reason: String,
    /// How often it would have opened, and when it first and last did.
    pub opened: u64,
    pub first_unix_ms: Option<u64>,
    pub last_unix_ms: Option<u64>,
    /// The trace of the request that would have opened it last.
    pub opened_by_trace: Option<String>,
    /// Calls that it would have rejected.
    pub rejected: u64,
    /// Of these the ones that failed: nothing would have been lost.
    pub saved: u64,
    /// Of these the ones that succeeded: they would have been lost.
    pub cost: u64,
}

/// Counters of one fault: `matched` is everything that the match accepted while it was active,
/// of which `hit` were acted on and `skipped` were drawn but spared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultStatus {
    pub name: String,
    pub state: FaultState,
    pub matched: u64,
    pub hit: u64,
    pub skipped: u64,
    #[serde(default)]
    pub fidelity: Option<Fidelity>,
}

/// How exactly a fault did what it was asked to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fidelity {
    /// Delays that ran to their end.
    pub delays: u64,
    /// Achieved minus planned delay in microseconds.
    pub delay_error_p50_us: i64,
    pub delay_error_p99_us: i64,
    pub delay_error_max_us: i64,
    /// Achieved over planned rate while the rate alone held something back, minus one; of a rate
    /// that connections share, all of them together. `None` when nothing was held back for long
    /// enough.
    pub rate_error: Option<f64>,
    /// Draws that were made: matched requests that the fault's conditions left.
    pub draws: u64,
    /// Share of the draws that fell below the planned share.
    pub hit_rate: f64,
    /// Exact binomial interval of that share at 95 %.
    pub hit_rate_low: f64,
    pub hit_rate_high: f64,
    /// The planned share, when it was the same for all draws.
    pub hit_rate_planned: Option<f64>,
}
