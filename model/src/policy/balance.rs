//! Which endpoint of an edge gets an attempt, and which endpoints are left out for a while.

use serde::{Deserialize, Serialize};

use crate::fault::Per;
use crate::units::Share;

/// How the endpoints of an edge are used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalancePolicy {
    pub algorithm: Algorithm,
    pub health: Option<HealthPolicy>,
    pub outlier: Option<OutlierPolicy>,
}

/// How one of several endpoints is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Algorithm {
    /// In turn.
    #[default]
    RoundRobin,
    /// Of two drawn at random the one with fewer requests in flight.
    LeastRequest,
    /// Of two drawn at random the one with the lower cost: a moving average of response times that
    /// follows peaks at once and decays over `decay_ms`, times the requests in flight. A failure
    /// counts as a response time of `penalty_ms`, so that failing fast attracts no traffic. An
    /// endpoint of which nothing is known yet is taken to need `start_ms`. Defaults are Linkerd's.
    PeakEwma {
        #[serde(default = "ten_seconds")]
        decay_ms: u64,
        #[serde(default = "five_seconds")]
        penalty_ms: u64,
        #[serde(default = "one_second")]
        start_ms: u64,
    },
    /// The same key goes to the same endpoint, and few keys move when endpoints come and go.
    RingHash { by: Per },
}

impl Algorithm {
    /// With the defaults.
    pub fn peak_ewma() -> Self {
        let (decay_ms, penalty_ms, start_ms) = (ten_seconds(), five_seconds(), one_second());
        Self::PeakEwma { decay_ms, penalty_ms, start_ms }
    }
}

fn one_second() -> u64 {
    1_000
}

fn five_seconds() -> u64 {
    5_000
}

fn ten_seconds() -> u64 {
    10_000
}

/// Active checks: requests of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthPolicy {
    /// `None` only connects.
    pub path: Option<String>,
    pub interval_ms: u64,
    pub timeout_ms: u64,
    /// Failed checks in a row until an endpoint is left out.
    pub unhealthy_after: u32,
    /// Good checks in a row until it is used again.
    pub healthy_after: u32,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            path: None,
            interval_ms: 5_000,
            timeout_ms: 1_000,
            unhealthy_after: 3,
            healthy_after: 2,
        }
    }
}

/// Passive checks: endpoints that do worse than the others are ejected for a while. Names and
/// defaults are Envoy's. Each detector has the share of its detections that are acted on, so that
/// one can be watched before it acts; those that are not acted on are counted. A detector of
/// failures in a row with a limit of 0 is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutlierPolicy {
    pub consecutive_5xx: u32,
    pub enforcing_consecutive_5xx: Share,
    /// 502, 503, 504 and failures to get any answer.
    pub consecutive_gateway_failure: u32,
    pub enforcing_consecutive_gateway_failure: Share,
    /// Failures that no answer tells of: refused, reset, timed out. Only counted apart when
    /// `split_external_local_origin_errors` is set, and then not as 5xx. What the gateway itself
    /// refuses (limits, breaker) is of neither kind and never counts.
    pub consecutive_local_origin_failure: u32,
    pub enforcing_consecutive_local_origin_failure: Share,
    pub split_external_local_origin_errors: bool,
    pub interval_ms: u64,
    /// An ejection lasts so long times the ejections in a row, up to the maximum.
    pub base_ejection_time_ms: u64,
    pub max_ejection_time_ms: u64,
    pub max_ejection_time_jitter_ms: u64,
    /// At most this share of the endpoints is ejected; one may always be.
    pub max_ejection: Share,
    pub success_rate_minimum_hosts: u32,
    pub success_rate_request_volume: u32,
    /// Thousandths of a standard deviation.
    pub success_rate_stdev_factor: u32,
    pub enforcing_success_rate: Share,
    pub failure_percentage_threshold: Share,
    pub failure_percentage_minimum_hosts: u32,
    pub failure_percentage_request_volume: u32,
    pub enforcing_failure_percentage: Share,
    pub successful_active_check_unejects: bool,
    /// Do injected faults count as failures of the endpoint? They say nothing about it.
    pub count_injected: bool,
}

impl Default for OutlierPolicy {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            enforcing_consecutive_5xx: Share::WHOLE,
            consecutive_gateway_failure: 5,
            enforcing_consecutive_gateway_failure: Share::ZERO,
            consecutive_local_origin_failure: 5,
            enforcing_consecutive_local_origin_failure: Share::WHOLE,
            split_external_local_origin_errors: false,
            interval_ms: 10_000,
            base_ejection_time_ms: 30_000,
            max_ejection_time_ms: 300_000,
            max_ejection_time_jitter_ms: 0,
            max_ejection: Share::from_ppm(100_000),
            success_rate_minimum_hosts: 5,
            success_rate_request_volume: 100,
            success_rate_stdev_factor: 1_900,
            enforcing_success_rate: Share::WHOLE,
            failure_percentage_threshold: Share::from_ppm(850_000),
            failure_percentage_minimum_hosts: 5,
            failure_percentage_request_volume: 50,
            enforcing_failure_percentage: Share::ZERO,
            successful_active_check_unejects: true,
            count_injected: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Algorithm, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn an_algorithm_is_written_by_its_name_and_what_differs_from_the_defaults() {
        let changed = Algorithm::PeakEwma { decay_ms: 10_000, penalty_ms: 5_000, start_ms: 20 };
        for (json, expected) in [
            (r#"{"kind": "round-robin"}"#, Algorithm::RoundRobin),
            (r#"{"kind": "least-request"}"#, Algorithm::LeastRequest),
            (r#"{"kind": "peak-ewma"}"#, Algorithm::peak_ewma()),
            (r#"{"kind": "peak-ewma", "start_ms": 20}"#, changed),
            (
                r#"{"kind": "ring-hash", "by": {"by": "user"}}"#,
                Algorithm::RingHash { by: Per::User },
            ),
        ] {
            assert_eq!(read(json).unwrap(), expected, "{json}");
        }
        assert!(read(r#"{"kind": "peak-ewma", "half_life_ms": 1}"#).is_err());
        assert!(read(r#"{"kind": "ring-hash"}"#).is_err(), "a ring needs a key");
    }
}
