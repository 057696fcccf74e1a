//! What the language can say, and what it means.

use std::collections::BTreeMap;

use super::*;
use crate::edge::Edge;
use crate::fault::{Pair, Per};
use crate::plan::{EdgeListener, Limits, OtlpProtocol, Protocol, Route};
use crate::policy::balance::{Algorithm, HealthPolicy, OutlierPolicy};
use crate::policy::{
    AdaptiveLimit, BreakerPolicy, BreakerState, Bulkhead, EdgePolicy, HalfOpenThen, HedgePolicy,
    OpenBackoff, RateLimit, RetryOn, RetryPolicy,
};
use crate::units::Share;

/// A file that uses every table.
pub(super) const EVERYTHING: &str = include_str!("everything.toml");

fn percent(percent: u32) -> Share {
    Share::from_ppm(percent * 10_000)
}

fn edge(text: &str) -> Edge {
    text.parse().unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_gateway_of_one_edge_has_defaults_for_everything_else() {
    let GatewayFile { config, plan } = parse(BASE);
    assert_eq!(config.gateway, address("127.0.0.1:8080"));
    assert_eq!(config.admin, address("127.0.0.1:9900"));
    assert_eq!((config.threads, config.toxiproxy, config.access_log), (None, None, None));
    assert_eq!((config.otlp, config.otlp_protocol), (None, OtlpProtocol::Grpc));
    assert_eq!((config.limits, config.admin_token), (Limits::default(), None));
    assert_eq!(config.edges, [EdgeListener::on_loopback(edge("client -> orders"))]);
    assert_eq!((plan.epoch, plan.seed, plan.zero_unix_ms), (1, 1, None));
    assert_eq!((plan.control, plan.held), (Share::ZERO, true));
    assert_eq!(plan.edges[0].endpoints, [address("127.0.0.1:7001")]);
    assert_eq!(plan.edges[0].policy, EdgePolicy::default());
    assert_eq!(plan.routes, [Route::to("/", edge("client -> orders"))]);
    assert_eq!(plan.faults, []);
}

#[test]
fn the_process_is_told_where_it_listens_and_what_it_bears() {
    let config = parse(EVERYTHING).config;
    assert_eq!(config.gateway, address("0.0.0.0:8080"));
    assert_eq!(config.admin, address("[::1]:9901"));
    assert_eq!(config.toxiproxy, Some(address("127.0.0.1:8474")));
    assert_eq!((config.threads, config.access_log.as_deref()), (Some(2), Some("access.log")));
    assert_eq!(config.otlp.as_deref(), Some("http://127.0.0.1:4318"));
    assert_eq!((config.otlp_protocol, config.otlp_gzip), (OtlpProtocol::HttpProtobuf, true));
    let limits = Limits {
        head_bytes: 32 * 1_024,
        head_fields: 64,
        body_bytes: Some(10_000_000),
        connections: 1_000,
        connections_per_peer: Some(10),
        head_ms: 5_000,
        idle_ms: 90_000,
        body_idle_ms: 30_000,
    };
    assert_eq!(config.limits, limits);
    let listener = |name: &str, listen: &str, protocol| EdgeListener {
        edge: edge(name),
        listen: address(listen),
        protocol,
    };
    assert_eq!(
        config.edges,
        [
            listener("client -> orders", "127.0.0.1:0", Protocol::Http),
            listener("client -> orders-canary", "127.0.0.1:0", Protocol::Http),
            listener("orders -> payments", "127.0.0.1:7101", Protocol::Http),
            listener("orders -> db", "127.0.0.1:5433", Protocol::Tcp),
        ]
    );
}

/// The breaker of `everything.toml`.
fn breaker() -> BreakerPolicy {
    BreakerPolicy {
        window_ms: Some(10_000),
        minimum_calls: 10,
        failure_rate: percent(50),
        slow_call_ms: Some(1_000),
        slow_rate: percent(80),
        consecutive: Some(5),
        open_ms: 2_000,
        open_backoff: Some(OpenBackoff {
            factor_thousandths: 1_500,
            open_max_ms: 60_000,
            jitter: percent(10),
        }),
        retry_after_max_ms: 30_000,
        automatic: true,
        half_open_permits: 4,
        half_open_deadline_ms: 3_000,
        half_open_max_ms: Some(20_000),
        half_open_then: HalfOpenThen::Closed,
        initial: BreakerState::MetricsOnly,
        ..BreakerPolicy::default()
    }
}

#[test]
fn an_edge_takes_the_defaults_unless_it_says_otherwise() {
    let plan = parse(EVERYTHING).plan;
    assert_eq!((plan.seed, plan.control), (42, percent(5)));
    let policies: BTreeMap<String, EdgePolicy> =
        plan.edges.iter().map(|each| (each.edge.to_string(), each.policy.clone())).collect();
    let usual = &policies["client -> orders-canary"];
    assert_eq!((usual.timeout_ms, usual.attempt_timeout_ms), (Some(3_000), Some(1_000)));
    assert_eq!(
        usual.retry,
        Some(RetryPolicy {
            attempts: 3,
            on: vec![RetryOn::Connect, RetryOn::Status(503)],
            backoff_min_ms: 20,
            backoff_max_ms: 200,
            budget: percent(20),
            budget_reserve_per_s: 2,
            retry_after_max_ms: 5_000,
        })
    );
    let hedge = HedgePolicy { percentile: percent(90), delay_min_ms: 30, minimum_requests: 50 };
    assert_eq!(usual.hedge, Some(hedge));
    assert_eq!(usual.breaker, Some(breaker()));
    let shadow = &usual.shadows[0];
    assert_eq!((shadow.name.as_str(), shadow.policy.window_calls), ("strict", 10));
    let rate_limit = RateLimit { count: 100, period_ms: 1_000, burst: 20, per: Per::User };
    assert_eq!(usual.rate_limit, Some(rate_limit));
    let bulkhead = Bulkhead { concurrent: 50, queue: 10, wait_ms: 100 };
    assert_eq!(usual.bulkhead, Some(bulkhead));
    assert_eq!(usual.balance.algorithm, Algorithm::LeastRequest);

    let own = &policies["client -> orders"];
    assert_eq!((own.timeout_ms, &own.retry, &own.hedge), (Some(2_000), &None, &None));
    assert_eq!(own.rate_limit.as_ref().unwrap().per, Per::Header("x-tenant".to_owned()));
    assert_eq!(own.adaptive_limit.as_ref().unwrap().concurrent_max, 200);
    assert_eq!(
        own.balance.algorithm,
        Algorithm::PeakEwma { decay_ms: 5_000, penalty_ms: 2_000, start_ms: 10 }
    );
    let health = HealthPolicy {
        path: Some("/health".to_owned()),
        interval_ms: 2_000,
        ..HealthPolicy::default()
    };
    assert_eq!(own.balance.health, Some(health));
    let outlier = OutlierPolicy { consecutive_5xx: 3, ..OutlierPolicy::default() };
    assert_eq!(own.balance.outlier, Some(outlier));
    assert_eq!((&own.breaker, &own.bulkhead), (&usual.breaker, &usual.bulkhead));

    let payments = &policies["orders -> payments"];
    assert_eq!((&payments.breaker, &payments.shadows[..]), (&None, &[][..]));
    assert_eq!(payments.balance.algorithm, Algorithm::RingHash { by: Per::CorrelationId });

    let bytes = EdgePolicy { balance: usual.balance.clone(), ..EdgePolicy::default() };
    assert_eq!(policies["orders -> db"], bytes);
}

#[test]
fn a_rate_of_requests_is_so_many_in_each_such_time() {
    for (rate, count, period_ms) in [
        ("100/s", 100, 1_000),
        ("1000/m", 1_000, 60_000),
        ("5/10s", 5, 10_000),
        ("1/h", 1, 3_600_000),
    ] {
        let text = format!("{BASE}[defaults]\nrate_limit = {{ rate = \"{rate}\" }}\n");
        let limit = parse(&text).plan.edges[0].policy.rate_limit.clone().unwrap();
        assert_eq!(limit, RateLimit { count, period_ms, burst: count, per: Per::Edge }, "{rate}");
    }
}

#[test]
fn an_empty_table_switches_on_what_has_defaults_for_everything() {
    let text = format!("{BASE}[defaults]\nadaptive_limit = {{}}\nhealth = {{}}\noutlier = {{}}\n");
    let policy = parse(&text).plan.edges[0].policy.clone();
    assert_eq!(policy.adaptive_limit, Some(AdaptiveLimit::default()));
    assert_eq!(policy.balance.health, Some(HealthPolicy::default()));
    assert_eq!(policy.balance.outlier, Some(OutlierPolicy::default()));
}

#[test]
fn endpoints_are_addresses_or_names_that_are_looked_up() {
    let plan = parse(EVERYTHING).plan;
    let named: Vec<SocketAddr> =
        ["10.0.0.11:7001", "10.0.0.12:7001", "127.0.0.1:7009"].map(address).to_vec();
    assert_eq!(plan.edges[0].endpoints, named);
}

#[test]
fn routes_have_conditions_and_share_by_weight() {
    let plan = parse(EVERYTHING).plan;
    let canary = edge("client -> orders-canary");
    let header = |name: &str, value: Option<&str>| Pair {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    let split = |to: &Edge, weight| Route { weight, ..Route::to("/", to.clone()) };
    assert_eq!(
        plan.routes,
        [
            Route {
                host: Some("*.shop.example".to_owned()),
                method: Some("POST".to_owned()),
                headers: vec![header("x-canary", Some("1")), header("x-tenant", None)],
                ..Route::to("/orders", canary.clone())
            },
            split(&edge("client -> orders"), 90),
            split(&canary, 10),
        ]
    );
}

#[test]
fn every_table_of_the_file_is_asked_for_its_keys() {
    let keys = crate::gateway::language::keys();
    for table in &keys["the file"] {
        let known = [format!("[{table}]"), format!("[[{table}]]")];
        assert!(known.iter().any(|name| keys.contains_key(name)), "{table}");
    }
    for inner in ["outlier of [defaults]", "add of [[fault]]", "when of [[fault]]"] {
        assert!(keys.contains_key(inner), "{inner}: {keys:?}");
    }
    assert!(keys["[edge]"].contains("endpoints") && keys["[edge]"].contains("breaker"));
}
