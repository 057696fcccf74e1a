use model::fault::FaultKind;
use model::policy::{BreakerPolicy, BreakerState, EdgePolicy, RetryOn, RetryPolicy};
use model::units::Share;

use super::kit::{Stack, Upstream, attribute, fault, header, raw_send};

fn policy() -> EdgePolicy {
    let breaker = BreakerPolicy {
        window_calls: 10,
        minimum_calls: 4,
        failure_rate: Share::from_ppm(500_000),
        slow_call_ms: None,
        slow_rate: Share::WHOLE,
        open_ms: 600_000,
        half_open_permits: 1,
        half_open_deadline_ms: 1_000,
        ..BreakerPolicy::default()
    };
    EdgePolicy { breaker: Some(breaker), ..EdgePolicy::default() }
}

#[tokio::test]
async fn injected_errors_open_the_breaker_which_says_why_and_who_tripped_it() {
    let upstream = Upstream::friendly().await;
    let effect = FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    let stack = Stack::with(upstream.address, policy(), vec![fault("sick", effect)]).await;
    for _ in 0..4 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 500);
    }
    let rejected = stack.call("GET", &[]).await.unwrap();
    assert_eq!(rejected.status(), 503);
    assert_eq!(header(&rejected, "x-shakedown-blame"), Some("internal"));
    let retry_after: u64 = header(&rejected, "retry-after").unwrap().parse().unwrap();
    assert!((590..=600).contains(&retry_after), "{retry_after}");
    let reason = "failure rate 4 of 4 calls (limit 50%)";
    let status = stack.state().await.edges.remove(0).breaker.unwrap();
    assert_eq!((status.state, status.reason.as_str()), (BreakerState::Open, reason));
    assert_eq!((status.calls, status.failed, status.rejected), (4, 4, 1));
    assert!(status.probe_in_ms.is_some_and(|left| left > 590_000));
    let changes = stack.recorder.events("shakedown.breaker.transition");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["shakedown.breaker.reason"], reason);
    assert_eq!(changes[0]["shakedown.breaker.open_ms"], "600000");
    let spans = stack.recorder.spans();
    let fourth = &spans[7];
    assert_eq!(attribute(fourth, "shakedown.blame").as_deref(), Some("injected"));
    assert_eq!(changes[0]["span_id"], fourth.span_context.span_id().to_string());
    assert_eq!((status.trips, status.attempt, status.window.as_str()), (1, 1, "4 of 10 calls"));
    assert_eq!(status.tripped_unix_ms, Some(status.since_unix_ms));
    assert_eq!(status.tripped_by_trace, Some(fourth.span_context.trace_id().to_string()));
    let matched = stack.state().await.faults[0].matched;
    assert_eq!(matched, 4, "a rejected request meets no fault");
}

#[tokio::test]
async fn a_breaker_survives_plans_also_when_its_policy_changes() {
    let upstream = Upstream::friendly().await;
    let effect = FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    let stack = Stack::with(upstream.address, policy(), vec![fault("sick", effect)]).await;
    for _ in 0..4 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 500);
    }
    let kept = stack.plan(vec![upstream.address], policy(), Vec::new());
    assert_eq!(stack.put(&kept).await.status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 503);
    let mut other = policy();
    other.breaker.as_mut().unwrap().window_calls = 11;
    let changed = stack.plan(vec![upstream.address], other, Vec::new());
    assert_eq!(stack.put(&changed).await.status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 503);
}

#[tokio::test]
async fn a_caller_that_sends_its_body_too_slowly_is_no_slow_call_of_the_callee() {
    let upstream = Upstream::friendly().await;
    let mut policy = policy();
    policy.breaker.as_mut().unwrap().slow_call_ms = Some(1);
    policy.timeout_ms = Some(50);
    // Bodies are read before they are sent where there may be a retry.
    policy.retry = Some(RetryPolicy {
        attempts: 2,
        on: vec![RetryOn::Connect],
        backoff_min_ms: 1,
        backoff_max_ms: 1,
        budget: Share::WHOLE,
        budget_reserve_per_s: 1,
        retry_after_max_ms: 0,
    });
    let stack = Stack::with(upstream.address, policy, Vec::new()).await;
    for _ in 0..5 {
        let answer = raw_send(stack.edge_address(), "content-length: 3\r\n").await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    }
    let status = stack.state().await.edges.remove(0).breaker.unwrap();
    assert_eq!((status.state, status.calls, status.rejected), (BreakerState::Closed, 0, 0));
}
