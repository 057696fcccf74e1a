//! What the gateway does about failures and load: timeouts, retries, hedges, breakers, limits,
//! the choice of an endpoint.
//!
//! Plain values; the machines that act on them are in the proxy.

use serde::{Deserialize, Serialize};

pub mod balance;
mod breaker;
pub mod limit;
mod retry;

pub use balance::BalancePolicy;
pub use breaker::{
    BreakerPolicy, BreakerProblem, BreakerState, HALF_OPEN_PERMITS_MAX, HalfOpenThen, OpenBackoff,
    SHADOWS_MAX, WINDOW_CALLS_MAX, WINDOW_MS_MAX,
};
pub use limit::{AdaptiveLimit, Bulkhead, RateLimit};
pub use retry::{HedgePolicy, RetryOn, RetryPolicy};

/// The policy of one edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgePolicy {
    /// For the whole request, all attempts together. `None` waits for ever.
    pub timeout_ms: Option<u64>,
    /// For each attempt; an attempt that takes longer has failed and may be repeated.
    pub attempt_timeout_ms: Option<u64>,
    pub retry: Option<RetryPolicy>,
    pub hedge: Option<HedgePolicy>,
    pub breaker: Option<BreakerPolicy>,
    /// Breakers that are fed by the same traffic and only report what they would have done.
    pub shadows: Vec<ShadowBreaker>,
    pub rate_limit: Option<RateLimit>,
    pub bulkhead: Option<Bulkhead>,
    pub adaptive_limit: Option<AdaptiveLimit>,
    pub balance: BalancePolicy,
}

/// Another configuration of the breaker, to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowBreaker {
    pub name: String,
    pub policy: BreakerPolicy,
}
