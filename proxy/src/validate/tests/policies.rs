use model::fault::Per;
use model::policy::balance::{Algorithm, BalancePolicy, HealthPolicy, OutlierPolicy};
use model::policy::{
    AdaptiveLimit, BreakerPolicy, Bulkhead, HedgePolicy, RateLimit, RetryOn, RetryPolicy,
    ShadowBreaker,
};

use super::*;

fn breaker() -> BreakerPolicy {
    BreakerPolicy {
        window_calls: 20,
        minimum_calls: 10,
        failure_rate: Share::WHOLE,
        slow_call_ms: None,
        slow_rate: Share::WHOLE,
        open_ms: 1_000,
        half_open_permits: 3,
        half_open_deadline_ms: 1_000,
        ..BreakerPolicy::default()
    }
}

/// A policy that has everything.
pub(super) fn whole() -> EdgePolicy {
    let shadow = |name: &str| ShadowBreaker { name: name.to_owned(), policy: breaker() };
    EdgePolicy {
        timeout_ms: Some(1_000),
        attempt_timeout_ms: Some(500),
        retry: Some(RetryPolicy {
            attempts: 3,
            on: vec![RetryOn::Connect, RetryOn::Status(503)],
            backoff_min_ms: 10,
            backoff_max_ms: 20,
            budget: Share::WHOLE,
            budget_reserve_per_s: 1,
            retry_after_max_ms: 0,
        }),
        hedge: Some(HedgePolicy {
            percentile: Share::from_ppm(950_000),
            delay_min_ms: 0,
            minimum_requests: 20,
        }),
        breaker: Some(breaker()),
        shadows: vec![shadow("wide"), shadow("narrow")],
        rate_limit: Some(RateLimit { count: 10, period_ms: 1_000, burst: 5, per: Per::User }),
        bulkhead: Some(Bulkhead { concurrent: 10, queue: 5, wait_ms: 100 }),
        adaptive_limit: Some(AdaptiveLimit::default()),
        balance: BalancePolicy {
            algorithm: Algorithm::PeakEwma { decay_ms: 10_000, penalty_ms: 1_000, start_ms: 1_000 },
            health: Some(HealthPolicy { path: Some("/health".into()), ..HealthPolicy::default() }),
            outlier: Some(OutlierPolicy::default()),
        },
    }
}

fn policy(change: fn(&mut EdgePolicy)) -> Damage {
    Box::new(move |plan| change(&mut plan.edges[0].policy))
}

fn retry(change: fn(&mut RetryPolicy)) -> Damage {
    Box::new(move |plan| change(plan.edges[0].policy.retry.as_mut().unwrap()))
}

fn breaking(change: fn(&mut BreakerPolicy)) -> Damage {
    Box::new(move |plan| change(plan.edges[0].policy.breaker.as_mut().unwrap()))
}

fn adaptive(change: fn(&mut AdaptiveLimit)) -> Damage {
    Box::new(move |plan| change(plan.edges[0].policy.adaptive_limit.as_mut().unwrap()))
}

fn health(change: fn(&mut HealthPolicy)) -> Damage {
    Box::new(move |plan| change(plan.edges[0].policy.balance.health.as_mut().unwrap()))
}

fn outlier(change: fn(&mut OutlierPolicy)) -> Damage {
    Box::new(move |plan| change(plan.edges[0].policy.balance.outlier.as_mut().unwrap()))
}

fn at(name: &str) -> &'static str {
    Box::leak(format!("edges[0].policy.{name}").into_boxed_str())
}

#[test]
fn what_is_wrong_with_timeouts_retries_and_hedges_is_named_with_its_place() {
    each_is_named(vec![
        (at("timeout_ms"), policy(|policy| policy.timeout_ms = Some(0))),
        (at("attempt_timeout_ms"), policy(|policy| policy.attempt_timeout_ms = Some(0))),
        (at("retry.attempts"), retry(|retry| retry.attempts = 0)),
        (at("retry.attempts"), retry(|retry| retry.attempts = 11)),
        (at("retry.on[1]"), retry(|retry| retry.on[1] = RetryOn::Status(99))),
        (at("retry.backoff_min_ms"), retry(|retry| retry.backoff_min_ms = 21)),
        (at("retry.budget"), retry(|retry| retry.budget = over())),
        (at("hedge"), policy(|policy| policy.retry = None)),
        (
            at("hedge.percentile"),
            policy(|policy| policy.hedge.as_mut().unwrap().percentile = Share::ZERO),
        ),
        (
            at("hedge.minimum_requests"),
            policy(|policy| policy.hedge.as_mut().unwrap().minimum_requests = 0),
        ),
    ]);
}

#[test]
fn what_is_wrong_with_breakers_is_named_with_its_place() {
    each_is_named(vec![
        (at("breaker.window_calls"), breaking(|breaker| breaker.window_calls = 0)),
        (at("breaker.window_calls"), breaking(|breaker| breaker.window_calls = 100_001)),
        (at("breaker.minimum_calls"), breaking(|breaker| breaker.minimum_calls = 0)),
        (at("breaker.failure_rate"), breaking(|breaker| breaker.failure_rate = Share::ZERO)),
        (at("breaker.slow_rate"), breaking(|breaker| breaker.slow_rate = over())),
        (at("breaker.open_ms"), breaking(|breaker| breaker.open_ms = 0)),
        (at("breaker.half_open_permits"), breaking(|breaker| breaker.half_open_permits = 0)),
        (
            at("breaker.half_open_deadline_ms"),
            breaking(|breaker| breaker.half_open_deadline_ms = 0),
        ),
        (at("shadows"), policy(|policy| policy.shadows = vec![policy.shadows[0].clone(); 17])),
        (at("shadows[0].name"), policy(|policy| policy.shadows[0].name = String::new())),
        (at("shadows[1].name"), policy(|policy| policy.shadows[1].name = "wide".into())),
        (at("shadows[1].policy.open_ms"), policy(|policy| policy.shadows[1].policy.open_ms = 0)),
    ]);
}

#[test]
fn what_is_wrong_with_limits_is_named_with_its_place() {
    fn rate(change: fn(&mut RateLimit)) -> Damage {
        Box::new(move |plan| change(plan.edges[0].policy.rate_limit.as_mut().unwrap()))
    }
    fn bulkhead(change: fn(&mut Bulkhead)) -> Damage {
        Box::new(move |plan| change(plan.edges[0].policy.bulkhead.as_mut().unwrap()))
    }
    each_is_named(vec![
        (at("rate_limit.count"), rate(|limit| limit.count = 0)),
        (at("rate_limit.period_ms"), rate(|limit| limit.period_ms = 0)),
        (at("rate_limit.burst"), rate(|limit| limit.burst = 0)),
        (at("rate_limit.per.name"), rate(|limit| limit.per = Per::Header("a b".into()))),
        (
            "edges[1].policy.rate_limit.per",
            Box::new(|plan| {
                plan.edges[1].policy.rate_limit = plan.edges[0].policy.rate_limit.clone();
            }),
        ),
        (at("bulkhead.concurrent"), bulkhead(|bulkhead| bulkhead.concurrent = 0)),
        (at("bulkhead.wait_ms"), bulkhead(|bulkhead| bulkhead.wait_ms = 0)),
        (at("bulkhead.queue"), bulkhead(|bulkhead| bulkhead.queue = 0)),
        (at("adaptive_limit.percentile"), adaptive(|limit| limit.percentile = Share::ZERO)),
        (at("adaptive_limit.buffer"), adaptive(|limit| limit.buffer = over())),
        (at("adaptive_limit.window_ms"), adaptive(|limit| limit.window_ms = 0)),
        (at("adaptive_limit.window_requests"), adaptive(|limit| limit.window_requests = 0)),
        (at("adaptive_limit.min_rtt_interval_ms"), adaptive(|limit| limit.min_rtt_interval_ms = 0)),
        (at("adaptive_limit.min_rtt_requests"), adaptive(|limit| limit.min_rtt_requests = 0)),
        (at("adaptive_limit.min_rtt_concurrent"), adaptive(|limit| limit.min_rtt_concurrent = 0)),
        (at("adaptive_limit.concurrent_min"), adaptive(|limit| limit.concurrent_min = 0)),
        (at("adaptive_limit.concurrent_min"), adaptive(|limit| limit.concurrent_max = 2)),
    ]);
}

#[test]
fn what_is_wrong_with_the_choice_of_endpoints_is_named_with_its_place() {
    each_is_named(vec![
        (
            at("balance.algorithm.decay_ms"),
            policy(|policy| {
                policy.balance.algorithm =
                    Algorithm::PeakEwma { decay_ms: 0, penalty_ms: 1, start_ms: 1 };
            }),
        ),
        (
            at("balance.algorithm.penalty_ms"),
            policy(|policy| {
                policy.balance.algorithm =
                    Algorithm::PeakEwma { decay_ms: 1, penalty_ms: 0, start_ms: 1 };
            }),
        ),
        (
            at("balance.algorithm.by.name"),
            policy(|policy| {
                policy.balance.algorithm = Algorithm::RingHash { by: Per::Header(String::new()) };
            }),
        ),
        (
            "edges[1].policy.balance.algorithm.by",
            Box::new(|plan| {
                let by = Per::Path;
                plan.edges[1].policy.balance.algorithm = Algorithm::RingHash { by };
            }),
        ),
        (at("balance.health.path"), health(|health| health.path = Some("health".into()))),
        (at("balance.health.interval_ms"), health(|health| health.interval_ms = 0)),
        (at("balance.health.timeout_ms"), health(|health| health.timeout_ms = 0)),
        (at("balance.health.unhealthy_after"), health(|health| health.unhealthy_after = 0)),
        (at("balance.health.healthy_after"), health(|health| health.healthy_after = 0)),
        (at("balance.outlier.consecutive_5xx"), outlier(|outlier| outlier.consecutive_5xx = 0)),
        (
            at("balance.outlier.consecutive_gateway_failure"),
            outlier(|outlier| outlier.consecutive_gateway_failure = 0),
        ),
        (
            at("balance.outlier.consecutive_local_origin_failure"),
            outlier(|outlier| outlier.consecutive_local_origin_failure = 0),
        ),
        (at("balance.outlier.interval_ms"), outlier(|outlier| outlier.interval_ms = 0)),
        (
            at("balance.outlier.base_ejection_time_ms"),
            outlier(|outlier| outlier.base_ejection_time_ms = 0),
        ),
        (
            at("balance.outlier.base_ejection_time_ms"),
            outlier(|outlier| outlier.max_ejection_time_ms = 29_999),
        ),
        (at("balance.outlier.max_ejection"), outlier(|outlier| outlier.max_ejection = over())),
        (
            at("balance.outlier.enforcing_success_rate"),
            outlier(|outlier| outlier.enforcing_success_rate = over()),
        ),
        (
            at("balance.outlier.failure_percentage_threshold"),
            outlier(|outlier| outlier.failure_percentage_threshold = over()),
        ),
    ]);
}
