use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Response;
use model::fault::{FaultKind, Per};
use model::policy::balance::{Algorithm, HealthPolicy, OutlierPolicy};
use model::policy::{
    AdaptiveLimit, BalancePolicy, Bulkhead, EdgePolicy, RateLimit, RetryOn, RetryPolicy,
};
use model::units::Share;

use super::by_hand::{Callee, Wire, field};
use super::kit::{PATIENCE, Stack, Upstream, fault, header, latency_ms, refusing};

#[tokio::test]
async fn each_user_has_a_quota_of_its_own_and_is_told_of_it() {
    let upstream = Upstream::friendly().await;
    let limit = RateLimit { count: 2, period_ms: 600_000, burst: 2, per: Per::User };
    let policy = EdgePolicy { rate_limit: Some(limit), ..EdgePolicy::default() };
    let stack = Stack::with(upstream.address, policy, vec![fault("slow", latency_ms(1))]).await;
    for user in ["u000001", "u000002"] {
        for (number, status, remaining) in [(1, 200, "1"), (2, 200, "0"), (3, 429, "0")] {
            let answer = stack.call_as(&format!("{user}-00000{number}")).await.unwrap();
            assert_eq!(answer.status(), status, "{user} {number}");
            assert_eq!(header(&answer, "ratelimit-limit"), Some("2"));
            assert_eq!(header(&answer, "ratelimit-remaining"), Some(remaining));
            assert!(header(&answer, "ratelimit-reset").is_some());
            let retry_after = header(&answer, "retry-after");
            assert_eq!(retry_after.is_some(), status == 429);
            if let Some(seconds) = retry_after {
                assert!((200..=300).contains(&seconds.parse::<u64>().unwrap()), "{seconds}");
                assert_eq!(header(&answer, "x-shakedown-blame"), Some("internal"));
            }
        }
    }
    assert_eq!(upstream.seen(), 4);
    assert_eq!(stack.state().await.faults[0].matched, 4, "what is refused meets no fault");
}

#[tokio::test]
async fn those_who_find_no_place_wait_and_those_who_may_not_wait_are_refused() {
    let callee = Callee::bind().await;
    let bulkhead = Bulkhead { concurrent: 1, queue: 1, wait_ms: 20_000 };
    let policy = EdgePolicy { bulkhead: Some(bulkhead), ..EdgePolicy::default() };
    let stack = Stack::with(callee.address, policy, Vec::new()).await;
    let mut first = Wire::to(stack.edge_address()).await;
    first.send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut served = callee.accept().await;
    served.head().await;
    let mut second = Wire::to(stack.edge_address()).await;
    second.send("GET /2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    while stack.state().await.edges[0].in_flight < 2 {}
    let refused = stack.call("GET", &[]).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "x-shakedown-blame")),
        (503, Some("internal"))
    );
    served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(first.head().await.starts_with("http/1.1 200"));
    assert!(served.head().await.starts_with("get /2"));
    served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(second.head().await.starts_with("http/1.1 200"));
    stack.settled().await;
}

#[tokio::test]
async fn who_waits_too_long_for_a_place_is_refused_and_who_leaves_frees_the_queue() {
    let callee = Callee::bind().await;
    let bulkhead = Bulkhead { concurrent: 1, queue: 1, wait_ms: 100 };
    let policy = EdgePolicy { bulkhead: Some(bulkhead), ..EdgePolicy::default() };
    let stack = Stack::with(callee.address, policy, Vec::new()).await;
    let mut first = Wire::to(stack.edge_address()).await;
    first.send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut served = callee.accept().await;
    served.head().await;
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 503, "it waited in vain");
    drop(first);
    stack.settled().await;
    assert_eq!(served.rest().await.unwrap(), b"", "nobody wants the answer");
    let mut next = Wire::to(stack.edge_address()).await;
    next.send("GET /2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(callee.accept().await.head().await.starts_with("get /2"));
}

#[tokio::test]
async fn an_adaptive_limit_refuses_what_is_more_than_it_allows() {
    let callee = Callee::bind().await;
    // It measures the minimum first, and lets few in meanwhile.
    let limit = AdaptiveLimit { min_rtt_concurrent: 2, ..AdaptiveLimit::default() };
    let policy = EdgePolicy { adaptive_limit: Some(limit), ..EdgePolicy::default() };
    let stack = Stack::with(callee.address, policy, Vec::new()).await;
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut served = callee.accept().await;
        served.head().await;
        inside.push((caller, served));
    }
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 503);
    for (caller, served) in &mut inside {
        served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert!(caller.head().await.starts_with("http/1.1 200"));
    }
}

async fn two(policy: EdgePolicy, endpoints: [SocketAddr; 2]) -> Stack {
    let stack = Stack::start().await;
    let plan = stack.plan(endpoints.to_vec(), policy, Vec::new());
    assert_eq!(stack.put(&plan).await.status(), 200);
    stack
}

#[tokio::test]
async fn requests_go_to_the_endpoints_in_turn() {
    let (one, two_) = (Upstream::friendly().await, Upstream::friendly().await);
    let stack = two(EdgePolicy::default(), [one.address, two_.address]).await;
    for _ in 0..10 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    }
    assert_eq!((one.seen(), two_.seen()), (5, 5));
}

#[tokio::test]
async fn the_endpoint_with_fewer_requests_in_flight_is_chosen() {
    let (stalls, upstream) = (Callee::bind().await, Upstream::friendly().await);
    let balance = BalancePolicy { algorithm: Algorithm::LeastRequest, ..BalancePolicy::default() };
    let policy = EdgePolicy { balance, ..EdgePolicy::default() };
    let stack = two(policy, [stalls.address, upstream.address]).await;
    let mut stuck = None;
    for _ in 0..200 {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let accepted = tokio::select! {
            mut served = stalls.accept() => {
                served.head().await;
                Some(served)
            },
            _answered = caller.head() => None,
        };
        if let Some(served) = accepted {
            stuck = Some((caller, served));
            break;
        }
    }
    let _stuck = stuck.expect("the first endpoint was never chosen");
    // One request hangs at the first endpoint: the other one has fewer.
    for _ in 0..20 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn an_endpoint_that_was_tried_is_avoided_by_the_next_attempt() {
    let (_bound, gone) = refusing();
    let upstream = Upstream::friendly().await;
    let retry = RetryPolicy {
        attempts: 2,
        on: vec![RetryOn::Connect],
        backoff_min_ms: 1,
        backoff_max_ms: 1,
        budget: Share::WHOLE,
        budget_reserve_per_s: 100,
        retry_after_max_ms: 0,
    };
    let policy = EdgePolicy { retry: Some(retry), ..EdgePolicy::default() };
    let stack = two(policy, [gone, upstream.address]).await;
    for _ in 0..20 {
        assert_eq!(stack.call("POST", &[]).await.unwrap().status(), 200);
    }
    assert_eq!(upstream.seen(), 20);
}

/// Waits until the state of an endpoint is as wanted.
async fn until(stack: &Stack, wanted: impl Fn(&model::plan::EndpointState) -> bool) {
    let look = async {
        while !wanted(&stack.state().await.edges[0].endpoints[0]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("the endpoint never came to that state");
}

#[tokio::test]
async fn an_endpoint_that_fails_its_checks_gets_no_requests_until_it_passes_them() {
    let sick = Arc::new(AtomicBool::new(true));
    let is_sick = Arc::clone(&sick);
    let watched = Upstream::answering(move |_| {
        let status = if is_sick.load(Ordering::SeqCst) { 500 } else { 200 };
        Response::builder().status(status).body("".into()).unwrap()
    })
    .await;
    let other = Upstream::friendly().await;
    let health = HealthPolicy {
        path: Some("/healthy".into()),
        interval_ms: 20,
        timeout_ms: 1_000,
        unhealthy_after: 2,
        healthy_after: 2,
    };
    let balance = BalancePolicy { health: Some(health), ..BalancePolicy::default() };
    let policy = EdgePolicy { balance, ..EdgePolicy::default() };
    let stack = two(policy, [watched.address, other.address]).await;
    until(&stack, |endpoint| !endpoint.healthy).await;
    for _ in 0..6 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    }
    let called = |upstream: &Upstream| {
        let seen = upstream.requests.lock().unwrap();
        seen.iter().filter(|head| head.uri.path() == "/charges").count()
    };
    assert_eq!((called(&watched), called(&other)), (0, 6));
    sick.store(false, Ordering::SeqCst);
    until(&stack, |endpoint| endpoint.healthy).await;
    for _ in 0..6 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    }
    assert_eq!((called(&watched), called(&other)), (3, 9));
}

fn outlier() -> EdgePolicy {
    let outlier = OutlierPolicy {
        consecutive_5xx: 3,
        base_ejection_time_ms: 600_000,
        max_ejection_time_ms: 600_000,
        max_ejection: Share::WHOLE,
        ..OutlierPolicy::default()
    };
    let balance = BalancePolicy { outlier: Some(outlier), ..BalancePolicy::default() };
    EdgePolicy { balance, ..EdgePolicy::default() }
}

#[tokio::test]
async fn an_endpoint_is_ejected_after_failures_in_a_row() {
    let sick = Upstream::answering(|_| Response::builder().status(500).body("".into()).unwrap());
    let (sick, well) = (sick.await, Upstream::friendly().await);
    let stack = two(outlier(), [sick.address, well.address]).await;
    for _ in 0..20 {
        stack.call("GET", &[]).await.unwrap();
    }
    assert_eq!((sick.seen(), well.seen()), (3, 17));
    let endpoint = stack.state().await.edges[0].endpoints[0].clone();
    assert_eq!((endpoint.ejections, endpoint.ended.failed), (1, 3), "{endpoint:?}");
    assert!(endpoint.ejected_for_ms.is_some_and(|left| left > 500_000), "{endpoint:?}");
}

#[tokio::test]
async fn an_endpoint_that_times_out_is_ejected_and_injected_faults_eject_nobody() {
    let stalls = Callee::playing(|_number, mut wire| async move {
        wire.head().await;
        let _left = wire.rest().await;
    })
    .await;
    let well = Upstream::friendly().await;
    let policy = EdgePolicy { timeout_ms: Some(100), ..outlier() };
    let stack = two(policy, [stalls, well.address]).await;
    let mut late = 0;
    for _ in 0..12 {
        late += usize::from(stack.call("GET", &[]).await.unwrap().status() == 504);
    }
    assert_eq!(late, 3);

    let error = FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    let hole = FaultKind::Blackhole;
    for effect in [error, hole, FaultKind::Reset { after_bytes: 0 }] {
        let policy = EdgePolicy { timeout_ms: Some(60), ..outlier() };
        let stack = Stack::with(well.address, policy, vec![fault("it", effect)]).await;
        for _ in 0..6 {
            let _failed = stack.call("GET", &[]).await;
        }
        let endpoint = stack.state().await.edges[0].endpoints[0].clone();
        assert_eq!((endpoint.ejections, endpoint.ejected_for_ms), (0, None), "{endpoint:?}");
    }
}

#[tokio::test]
async fn two_hundred_and_fifty_six_requests_at_once_leave_nothing_behind() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..256 {
        let to = stack.edge_address();
        running.spawn(async move {
            let mut caller = Wire::to(to).await;
            for number in 0..8 {
                let body = "x".repeat(number * 100);
                let head = format!(
                    "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                caller.send(head + &body).await;
                let (head, body) = caller.answer().await;
                assert!(head.starts_with("http/1.1 200"), "{head}");
                assert_eq!(body, b"ok");
                assert_eq!(field(&head, "connection"), None);
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    let state = stack.settled().await;
    let edge = &state.edges[0];
    assert_eq!((edge.requests, edge.attempts, edge.retries), (2_048, 2_048, 0));
    assert_eq!(edge.endpoints[0].in_flight, 0);
    assert_eq!(edge.endpoints[0].ended.succeeded, 2_048);
    assert_eq!((edge.bytes_up, edge.bytes_down), (256 * 2_800, 2_048 * 2));
    assert_eq!(upstream.seen(), 2_048);
    assert!(upstream.connections.load(Ordering::SeqCst) <= 256);
}
