//! The policy of an edge.

use std::collections::BTreeSet;

use model::plan::Protocol;
use model::policy::balance::{Algorithm, BalancePolicy, HealthPolicy, OutlierPolicy};
use model::policy::{
    AdaptiveLimit, BreakerPolicy, Bulkhead, EdgePolicy, HedgePolicy, RateLimit, RetryOn,
    RetryPolicy, ShadowBreaker,
};

use super::effects::check_status;
use super::{Checked, at_least_one, at_most, check_per, ensure, share, share_above_zero};

/// Most attempts of one request: a longer chain only multiplies the load on a sick callee.
const ATTEMPTS_MAX: u32 = 10;
/// Most calls in a breaker's window.
const WINDOW_CALLS_MAX: u32 = 100_000;
/// Most breakers that only watch one edge: each learns of every request.
const SHADOWS_MAX: usize = 16;
/// Longest name of one of them.
const SHADOW_NAME_MAX: usize = 64;

pub(super) fn check(field: &str, policy: &EdgePolicy, protocol: Protocol) -> Checked {
    let of = |name: &str| format!("{field}.{name}");
    for (name, ms) in
        [("timeout_ms", policy.timeout_ms), ("attempt_timeout_ms", policy.attempt_timeout_ms)]
    {
        check_some(ms.as_ref(), |ms| at_least_one(&of(name), *ms))?;
    }
    check_some(policy.retry.as_ref(), |retry| check_retry(&of("retry"), retry))?;
    check_some(policy.hedge.as_ref(), |hedge| {
        check_hedge(&of("hedge"), hedge, policy.retry.is_some())
    })?;
    check_some(policy.breaker.as_ref(), |breaker| check_breaker(&of("breaker"), breaker))?;
    check_shadows(&of("shadows"), &policy.shadows)?;
    check_some(policy.rate_limit.as_ref(), |limit| {
        check_rate_limit(&of("rate_limit"), limit, protocol)
    })?;
    check_some(policy.bulkhead.as_ref(), |bulkhead| check_bulkhead(&of("bulkhead"), bulkhead))?;
    check_some(policy.adaptive_limit.as_ref(), |limit| {
        check_adaptive(&of("adaptive_limit"), limit)
    })?;
    check_balance(&of("balance"), &policy.balance, protocol)
}

fn check_some<T>(value: Option<&T>, check: impl FnOnce(&T) -> Checked) -> Checked {
    value.map_or(Ok(()), check)
}

/// Fields that must be at least 1.
fn positive(field: &str, values: &[(&str, u64)]) -> Checked {
    values.iter().try_for_each(|(name, value)| at_least_one(&format!("{field}.{name}"), *value))
}

/// A lower end is not above its upper end.
fn ordered(field: &str, low: (&str, u64), high: u64) -> Checked {
    let (name, low) = low;
    ensure(low <= high, &format!("{field}.{name}"), || format!("{low} is above the maximum {high}"))
}

fn check_retry(field: &str, retry: &RetryPolicy) -> Checked {
    let attempts = retry.attempts;
    ensure((1..=ATTEMPTS_MAX).contains(&attempts), &format!("{field}.attempts"), || {
        format!("must be 1 to {ATTEMPTS_MAX}, got {attempts}")
    })?;
    for (index, on) in retry.on.iter().enumerate() {
        if let RetryOn::Status(status) = on {
            check_status(&format!("{field}.on[{index}]"), *status)?;
        }
    }
    ordered(field, ("backoff_min_ms", retry.backoff_min_ms), retry.backoff_max_ms)?;
    share(&format!("{field}.budget"), retry.budget)
}

fn check_hedge(field: &str, hedge: &HedgePolicy, has_budget: bool) -> Checked {
    ensure(has_budget, field, || {
        "hedges are charged to the budget of retry, and there is none: give retry with attempts = 1 \
         to hedge without retries"
            .to_owned()
    })?;
    share_above_zero(&format!("{field}.percentile"), hedge.percentile)?;
    positive(field, &[("minimum_requests", u64::from(hedge.minimum_requests))])
}

fn check_breaker(field: &str, breaker: &BreakerPolicy) -> Checked {
    positive(
        field,
        &[
            ("window_calls", u64::from(breaker.window_calls)),
            ("minimum_calls", u64::from(breaker.minimum_calls)),
            ("open_ms", breaker.open_ms),
            ("half_open_permits", u64::from(breaker.half_open_permits)),
            ("half_open_deadline_ms", breaker.half_open_deadline_ms),
        ],
    )?;
    let calls = breaker.window_calls;
    ensure(calls <= WINDOW_CALLS_MAX, &format!("{field}.window_calls"), || {
        format!("at most {WINDOW_CALLS_MAX}, got {calls}")
    })?;
    share_above_zero(&format!("{field}.failure_rate"), breaker.failure_rate)?;
    share_above_zero(&format!("{field}.slow_rate"), breaker.slow_rate)
}

fn check_shadows(field: &str, shadows: &[ShadowBreaker]) -> Checked {
    at_most(field, shadows.len(), SHADOWS_MAX)?;
    let mut names = BTreeSet::new();
    for (index, shadow) in shadows.iter().enumerate() {
        let (field, name) = (format!("{field}[{index}]"), &shadow.name);
        let fits = (1..=SHADOW_NAME_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic());
        ensure(fits, &format!("{field}.name"), || {
            format!("a name is 1 to {SHADOW_NAME_MAX} visible ASCII characters, got {name:?}")
        })?;
        ensure(names.insert(name), &format!("{field}.name"), || {
            format!("two shadows are named {name:?}")
        })?;
        check_breaker(&format!("{field}.policy"), &shadow.policy)?;
    }
    Ok(())
}

fn check_rate_limit(field: &str, limit: &RateLimit, protocol: Protocol) -> Checked {
    positive(
        field,
        &[
            ("count", u64::from(limit.count)),
            ("period_ms", limit.period_ms),
            ("burst", u64::from(limit.burst)),
        ],
    )?;
    check_per(&format!("{field}.per"), &limit.per, protocol)
}

fn check_bulkhead(field: &str, bulkhead: &Bulkhead) -> Checked {
    positive(field, &[("concurrent", u64::from(bulkhead.concurrent))])?;
    let (queue, wait_ms) = (bulkhead.queue, bulkhead.wait_ms);
    ensure(queue == 0 || wait_ms > 0, &format!("{field}.wait_ms"), || {
        format!("{queue} requests may wait, so they need a time that is at least 1, got 0")
    })?;
    ensure(queue > 0 || wait_ms == 0, &format!("{field}.queue"), || {
        format!("requests may wait for {wait_ms} ms, but there is no place to wait in, got 0")
    })
}

fn check_adaptive(field: &str, limit: &AdaptiveLimit) -> Checked {
    share_above_zero(&format!("{field}.percentile"), limit.percentile)?;
    share(&format!("{field}.buffer"), limit.buffer)?;
    positive(
        field,
        &[
            ("window_ms", limit.window_ms),
            ("window_requests", u64::from(limit.window_requests)),
            ("min_rtt_interval_ms", limit.min_rtt_interval_ms),
            ("min_rtt_requests", u64::from(limit.min_rtt_requests)),
            ("min_rtt_concurrent", u64::from(limit.min_rtt_concurrent)),
            ("concurrent_min", u64::from(limit.concurrent_min)),
        ],
    )?;
    let low = ("concurrent_min", u64::from(limit.concurrent_min));
    ordered(field, low, u64::from(limit.concurrent_max))
}

fn check_balance(field: &str, balance: &BalancePolicy, protocol: Protocol) -> Checked {
    let algorithm = format!("{field}.algorithm");
    match &balance.algorithm {
        Algorithm::RoundRobin | Algorithm::LeastRequest => {},
        Algorithm::PeakEwma { decay_ms, penalty_ms, .. } => {
            positive(&algorithm, &[("decay_ms", *decay_ms), ("penalty_ms", *penalty_ms)])?;
        },
        Algorithm::RingHash { by } => check_per(&format!("{algorithm}.by"), by, protocol)?,
    }
    check_some(balance.health.as_ref(), |health| check_health(&format!("{field}.health"), health))?;
    check_some(balance.outlier.as_ref(), |outlier| {
        check_outlier(&format!("{field}.outlier"), outlier)
    })
}

fn check_health(field: &str, health: &HealthPolicy) -> Checked {
    check_some(health.path.as_ref(), |path| {
        let fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        ensure(fits, &format!("{field}.path"), || format!("a path starts with /, got {path:?}"))
    })?;
    positive(
        field,
        &[
            ("interval_ms", health.interval_ms),
            ("timeout_ms", health.timeout_ms),
            ("unhealthy_after", u64::from(health.unhealthy_after)),
            ("healthy_after", u64::from(health.healthy_after)),
        ],
    )
}

fn check_outlier(field: &str, outlier: &OutlierPolicy) -> Checked {
    let local = outlier.consecutive_local_origin_failure;
    positive(
        field,
        &[
            ("consecutive_5xx", u64::from(outlier.consecutive_5xx)),
            ("consecutive_gateway_failure", u64::from(outlier.consecutive_gateway_failure)),
            ("consecutive_local_origin_failure", u64::from(local)),
            ("interval_ms", outlier.interval_ms),
            ("base_ejection_time_ms", outlier.base_ejection_time_ms),
        ],
    )?;
    for (name, value) in [
        ("enforcing_consecutive_5xx", outlier.enforcing_consecutive_5xx),
        ("enforcing_consecutive_gateway_failure", outlier.enforcing_consecutive_gateway_failure),
        (
            "enforcing_consecutive_local_origin_failure",
            outlier.enforcing_consecutive_local_origin_failure,
        ),
        ("max_ejection", outlier.max_ejection),
        ("enforcing_success_rate", outlier.enforcing_success_rate),
        ("failure_percentage_threshold", outlier.failure_percentage_threshold),
        ("enforcing_failure_percentage", outlier.enforcing_failure_percentage),
    ] {
        share(&format!("{field}.{name}"), value)?;
    }
    let low = ("base_ejection_time_ms", outlier.base_ejection_time_ms);
    ordered(field, low, outlier.max_ejection_time_ms)
}
