//! The control API of the proxy, as JSON over HTTP.
//!
//! | Call | Body | Answer |
//! |---|---|---|
//! | `GET /v1/plan` | | [`Plan`] |
//! | `PUT /v1/plan` | [`Plan`] | [`Applied`]; 409 when the epoch is not newer, 422 when invalid |
//! | `POST /v1/lease` | [`LeaseRequest`] | [`LeaseReply`]; 409 when it has lapsed |
//! | `DELETE /v1/lease` | | [`LeaseReply`]: every fault is disarmed at once |
//! | `GET /v1/state` | | [`ProxyState`] |
//! | `GET /health` | | 200 |
//!
//! Errors are [`ApiError`] with a 4xx or 5xx status; nothing changed when one is returned.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::edge::Edge;
use crate::fault::{FaultSpec, FaultState};
use crate::policy::{BreakerState, EdgePolicy};
use crate::units::Share;

/// What a proxy process needs before it can bind; everything else is in its [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    pub run_id: String,
    /// Port 0 lets the system choose; the addresses are in the ready line.
    pub admin: SocketAddr,
    /// The public listener, whose requests are routed by path.
    pub gateway: SocketAddr,
    /// One loopback listener each, port chosen by the system.
    pub edges: Vec<Edge>,
    /// Base of the OTLP/gRPC endpoint, like `http://127.0.0.1:4317`. `None` sends no telemetry.
    pub otlp: Option<String>,
}

/// Where a proxy listens; the payload of its ready line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyAddresses {
    pub admin: SocketAddr,
    pub gateway: SocketAddr,
    pub edges: Vec<EdgeAddress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeAddress {
    pub edge: Edge,
    pub address: SocketAddr,
}

/// Everything that a proxy acts on, replaced as a whole. Each request is served by the plan that
/// it met when it came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Rises with every change.
    pub epoch: u64,
    /// Key of all decisions.
    pub seed: u64,
    /// Wall-clock instant from which schedules count, in milliseconds since the Unix epoch.
    /// `None` keeps every fault planned.
    pub zero_unix_ms: Option<u64>,
    /// Share of users that no fault may touch.
    pub control: Share,
    pub edges: Vec<EdgePlan>,
    /// For the public listener; the longest matching prefix wins.
    pub routes: Vec<Route>,
    pub faults: Vec<FaultSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgePlan {
    pub edge: Edge,
    /// Instances of the callee, used in turn.
    pub endpoints: Vec<SocketAddr>,
    #[serde(default)]
    pub policy: EdgePolicy,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `/orders` matches `/orders` and `/orders/7`, not `/ordersheet`.
    pub prefix: String,
    /// Must be one of the plan's edges.
    pub edge: Edge,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub epoch: u64,
}

/// A heartbeat: the faults of the current plan may act for another `lease_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// For people: who holds it.
    pub holder: String,
    pub lease_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseReply {
    pub epoch: u64,
    /// 0 when no lease is held.
    pub left_ms: u64,
    /// True once a lease of this plan ran out: its faults stay disarmed until a new plan comes.
    pub lapsed: bool,
}

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
    pub requests: u64,
    pub attempts: u64,
    pub retries: u64,
    /// Retries that the budget refused.
    pub retries_refused: u64,
    pub in_flight: u64,
    pub breaker: Option<BreakerStatus>,
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
}

/// Counters of one fault: `matched` is everything that the match accepted while it was active,
/// of which `hit` were acted on and `skipped` were drawn but spared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultStatus {
    pub name: String,
    pub state: FaultState,
    pub matched: u64,
    pub hit: u64,
    pub skipped: u64,
}

/// Body of every error of our HTTP APIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What was tried and what is wrong.
    pub error: String,
    /// Path of the field to blame, like `faults[2].share`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
