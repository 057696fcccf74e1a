//! How much an edge lets through: at once, per second, and by what the callee can bear.

use serde::{Deserialize, Serialize};

use crate::fault::Per;
use crate::units::Share;

/// Requests per time, by the generic cell rate algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests in each period.
    pub count: u32,
    pub period_ms: u64,
    /// Requests that may come at once after a pause. Clients are told this as their limit.
    pub burst: u32,
    /// What each has its own limit.
    #[serde(default)]
    pub per: Per,
}

/// Requests at once; more wait or are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bulkhead {
    pub concurrent: u32,
    /// Requests that may wait for a place.
    #[serde(default)]
    pub queue: u32,
    /// How long one waits at most.
    #[serde(default)]
    pub wait_ms: u64,
}

/// A limit of requests at once that follows what the callee can bear: it grows while response
/// times stay near their minimum and shrinks when they rise (Envoy's gradient controller).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveLimit {
    /// The response time that is compared with the minimum, as a share of all in a window.
    pub percentile: Share,
    pub window_ms: u64,
    /// A window with fewer responses goes on until it has as many.
    pub window_requests: u32,
    /// From one measurement of the minimum to the next; each is up to 15 % later, so that not all
    /// edges measure at once. It is also measured when the limit stays at its lower end.
    pub min_rtt_interval_ms: u64,
    /// Responses of one measurement.
    pub min_rtt_requests: u32,
    /// Requests at once while the minimum is measured.
    pub min_rtt_concurrent: u32,
    /// What the minimum is raised by before it is compared.
    pub buffer: Share,
    pub concurrent_min: u32,
    pub concurrent_max: u32,
}

impl Default for AdaptiveLimit {
    fn default() -> Self {
        Self {
            percentile: Share::from_ppm(900_000),
            window_ms: 100,
            window_requests: 5,
            min_rtt_interval_ms: 60_000,
            min_rtt_requests: 50,
            min_rtt_concurrent: 3,
            buffer: Share::from_ppm(250_000),
            concurrent_min: 3,
            concurrent_max: 1_000,
        }
    }
}
