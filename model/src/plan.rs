//! The control API of the proxy, as JSON over HTTP.
//!
//! | Call | Body | Answer |
//! |---|---|---|
//! | `GET /v1/plan` | | [`Plan`] |
//! | `PUT /v1/plan` | [`Plan`] | [`Applied`]; 409 when the epoch is not newer, 422 when invalid |
//! | `POST /v1/lease` | [`LeaseRequest`] | [`LeaseReply`]; 409 when it has lapsed |
//! | `DELETE /v1/lease` | | [`LeaseReply`]: every fault is disarmed at once |
//! | `GET /v1/state` | | [`ProxyState`] |
//! | `GET /v1/faults` | | list of [`ArmedFault`] |
//! | `POST /v1/faults` | [`ArmRequest`] | [`Applied`]: one fault more, for a limited time |
//! | `DELETE /v1/faults/{name}` | | [`Applied`]: one that `POST` armed is disarmed |
//! | `DELETE /v1/faults` | | [`Applied`]: so are all of them |
//! | `GET /v1/changes` | | list of [`Change`], newest first: what each epoch changed |
//! | `POST /v1/rollback` | [`Rollback`] | [`Applied`]: an earlier plan under a new epoch |
//! | `POST /v1/breakers` | [`BreakerOrder`] | [`BreakerStatus`]: force, free or reset a breaker |
//! | `GET /metrics` | | Prometheus text |
//! | `GET /openapi.json` | | this page for programs |
//! | `GET /health` | | 200 |
//!
//! Errors are [`ApiError`] with a 4xx or 5xx status; nothing changed when one is returned.

mod state;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::edge::Edge;
use crate::fault::{FaultSpec, Pair, Token};
use crate::policy::{BreakerState, EdgePolicy};
use crate::units::Share;

pub use state::*;

/// What a proxy process needs before it can bind; everything else is in its [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    pub run_id: String,
    /// Port 0 lets the system choose; the addresses are in the ready line.
    pub admin: SocketAddr,
    /// The public listener, whose requests are routed by path.
    pub gateway: SocketAddr,
    /// One listener each.
    pub edges: Vec<EdgeListener>,
    /// Base of the OTLP endpoint, like `http://127.0.0.1:4317`. `None` sends no telemetry.
    pub otlp: Option<String>,
    #[serde(default)]
    pub otlp_protocol: OtlpProtocol,
    /// Telemetry is sent compressed: fewer bytes for more time of the processor.
    #[serde(default)]
    pub otlp_gzip: bool,
    /// Threads that serve, each with a runtime, listeners and connections of its own. `None` serves
    /// on the runtime that starts the proxy.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Peers of other machines must show it to the admin API; without it they are refused.
    #[serde(default)]
    pub admin_token: Option<Token>,
    /// Where the API of Toxiproxy is served; `None` does not serve it.
    #[serde(default)]
    pub toxiproxy: Option<SocketAddr>,
    /// File that gets one JSON line for each request; `-` is standard output.
    #[serde(default)]
    pub access_log: Option<String>,
    #[serde(default)]
    pub limits: Limits,
}

impl ProxyConfig {
    /// Everything on loopback ports that the system chooses, without telemetry.
    pub fn on_loopback(run_id: impl Into<String>, edges: impl IntoIterator<Item = Edge>) -> Self {
        let any = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
        Self {
            run_id: run_id.into(),
            admin: any,
            gateway: any,
            edges: edges.into_iter().map(EdgeListener::on_loopback).collect(),
            otlp: None,
            otlp_protocol: OtlpProtocol::default(),
            otlp_gzip: false,
            threads: None,
            admin_token: None,
            toxiproxy: None,
            access_log: None,
            limits: Limits::default(),
        }
    }
}

/// A listener of one edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeListener {
    pub edge: Edge,
    /// Port 0 lets the system choose.
    pub listen: SocketAddr,
    #[serde(default)]
    pub protocol: Protocol,
}

impl EdgeListener {
    /// HTTP on a loopback port that the system chooses.
    pub fn on_loopback(edge: Edge) -> Self {
        let listen = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
        Self { edge, listen, protocol: Protocol::Http }
    }
}

/// What an edge carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Http,
    /// Any bytes.
    Tcp,
}

/// How telemetry is sent, by the names of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OtlpProtocol {
    #[default]
    #[serde(rename = "grpc")]
    Grpc,
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// What callers may take of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a head, request or response.
    pub head_bytes: usize,
    /// Fields of a head.
    pub head_fields: usize,
    /// Bytes of a request body; `None` is any.
    pub body_bytes: Option<u64>,
    /// Open connections of one listener.
    pub connections: usize,
    /// Open connections of one peer address at one listener; `None` is any.
    pub connections_per_peer: Option<usize>,
    /// A head must be complete within this time of its first byte.
    pub head_ms: u64,
    /// A connection without a request is closed after this time.
    pub idle_ms: u64,
    /// A body must bring something within each such time.
    pub body_idle_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: crate::limits::HEAD_BYTES_MAX,
            head_fields: crate::limits::HEADERS_MAX,
            body_bytes: None,
            connections: 16_384,
            connections_per_peer: None,
            head_ms: 60_000,
            idle_ms: 60_000,
            body_idle_ms: 60_000,
        }
    }
}

/// Where a proxy listens; the payload of its ready line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyAddresses {
    pub admin: SocketAddr,
    pub gateway: SocketAddr,
    pub edges: Vec<EdgeAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toxiproxy: Option<SocketAddr>,
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
    /// Faults act without a lease: their owner is the configuration file of the proxy itself, which
    /// cannot die before the proxy does.
    #[serde(default)]
    pub held: bool,
}

impl Plan {
    /// Leads nowhere and breaks nothing.
    pub fn empty() -> Self {
        Self {
            epoch: 0,
            seed: 0,
            zero_unix_ms: None,
            control: Share::ZERO,
            edges: Vec::new(),
            routes: Vec::new(),
            faults: Vec::new(),
            held: false,
        }
    }
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

/// Which requests of the public listener go over which edge. Of the routes that match, the one with
/// the longest prefix wins, then the one with more conditions, then the one with the more exact
/// host; equals share by weight, and one user stays with one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `/orders` matches `/orders` and `/orders/7`, not `/ordersheet`.
    pub prefix: String,
    /// Host without port, whatever the case; `*.example.org` is any name below.
    #[serde(default)]
    pub host: Option<String>,
    /// Upper-case method.
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub headers: Vec<Pair>,
    /// Share among equal routes; with 0 it gets none.
    #[serde(default = "one")]
    pub weight: u32,
    /// Must be one of the plan's edges.
    pub edge: Edge,
}

impl Route {
    pub fn to(prefix: impl Into<String>, edge: Edge) -> Self {
        let (prefix, headers) = (prefix.into(), Vec::new());
        Self { prefix, host: None, method: None, headers, weight: 1, edge }
    }
}

fn one() -> u32 {
    1
}

/// One fault more on a running proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmRequest {
    /// Its schedule counts from its arming; without one it acts all the time.
    pub fault: FaultSpec,
    /// It is disarmed after this time, whatever happens to who armed it.
    pub for_ms: u64,
}

/// A fault of the proxy and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmedFault {
    pub fault: FaultSpec,
    pub source: FaultSource,
    /// Until it is disarmed by itself; `None` when that is up to the plan.
    pub left_ms: Option<u64>,
    pub status: FaultStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultSource {
    /// The plan or the configuration file.
    Plan,
    /// `POST /v1/faults`.
    Api,
    /// A toxic.
    Toxiproxy,
}

impl FaultSource {
    pub const ALL: [Self; 3] = [Self::Plan, Self::Api, Self::Toxiproxy];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Api => "api",
            Self::Toxiproxy => "toxiproxy",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// What one epoch changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub epoch: u64,
    pub at_unix_ms: u64,
    /// `plan`, `file`, `api`, `toxiproxy`, `rollback` or `expiry`.
    pub by: String,
    /// One line each: `+ fault slow`, `- fault slow`, `~ edge orders -> payments: timeout_ms`.
    pub what: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    pub to_epoch: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerOrder {
    pub edge: Edge,
    /// `closed` resets it, `forced-open`, `disabled` and `metrics-only` last until the next order.
    pub state: BreakerState,
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

/// Body of every error of our HTTP APIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What was tried and what is wrong.
    pub error: String,
    /// Path of the field to blame, like `faults[2].share`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
