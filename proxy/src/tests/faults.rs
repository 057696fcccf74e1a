use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use model::fault::{FaultKind, Match, Placement};
use model::id::CorrelationId;
use model::policy::{EdgePolicy, RetryOn, RetryPolicy};
use model::units::Share;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::kit::{Stack, Upstream, fault, header, latency_ms, raw_get, raw_upstream};

#[tokio::test]
async fn latency_holds_the_request_back_before_the_callee_gets_it() {
    let upstream = Upstream::friendly().await;
    let faults = vec![fault("slow", latency_ms(120))];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let began = Instant::now();
    let response = stack.call_as("u000001-000001").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(120));
    assert_eq!(
        (response.status().as_u16(), header(&response, "x-shakedown-fault")),
        (200, Some("slow"))
    );
}

#[tokio::test]
async fn injected_errors_never_reach_the_callee() {
    let upstream = Upstream::friendly().await;
    let effect =
        FaultKind::Errors { status: 429, body: Some("enough".into()), headers: Vec::new() };
    let stack =
        Stack::with(upstream.address, EdgePolicy::default(), vec![fault("busy", effect)]).await;
    let response = stack.call_as("u000001-000001").await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (429, &b"enough"[..]));
    assert_eq!(header(&response, "x-shakedown-blame"), Some("injected"));
    assert_eq!(header(&response, "x-shakedown-fault"), Some("busy"));
    assert_eq!(upstream.seen(), 0);
}

#[tokio::test]
async fn a_reset_is_a_real_one_and_never_reaches_the_callee() {
    let upstream = Upstream::friendly().await;
    let faults = vec![fault("cut", FaultKind::Reset { after_bytes: 0 })];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let error = raw_get(stack.edge_address(), "u000001-000001").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(upstream.seen(), 0);
}

#[tokio::test]
async fn a_lost_reply_lets_the_callee_do_its_work_and_resets_the_caller() {
    let upstream = Upstream::friendly().await;
    let faults = vec![fault("lost", FaultKind::LostReply)];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let error = raw_get(stack.edge_address(), "u000001-000001").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(upstream.seen(), 1);
}

#[tokio::test]
async fn a_lost_reply_cuts_the_caller_off_before_the_body_of_the_answer_has_come() {
    let endless = raw_upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", false, true);
    let faults = vec![fault("lost", FaultKind::LostReply)];
    let stack = Stack::with(endless.await, EdgePolicy::default(), faults).await;
    let error = raw_get(stack.edge_address(), "u000001-000001").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let request = stack.recorder.spans().pop().unwrap();
    let took = request.end_time.duration_since(request.start_time).unwrap();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_blackhole_swallows_until_the_timeout_and_the_fault_is_to_blame() {
    let upstream = Upstream::friendly().await;
    let policy = EdgePolicy { timeout_ms: Some(150), ..EdgePolicy::default() };
    let faults = vec![fault("hole", FaultKind::Blackhole)];
    let stack = Stack::with(upstream.address, policy, faults).await;
    let response = stack.call_as("u000001-000001").await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "x-shakedown-blame")),
        (504, Some("injected"))
    );
    assert_eq!(upstream.seen(), 0);
    assert_eq!(stack.state().await.faults[0].hit, 1);
}

#[tokio::test]
async fn a_retry_meets_each_fault_anew_and_only_the_last_reset_is_seen_by_the_caller() {
    let upstream = Upstream::friendly().await;
    let retry = RetryPolicy {
        attempts: 3,
        on: vec![RetryOn::Reset],
        backoff_min_ms: 1,
        backoff_max_ms: 1,
        budget: Share::WHOLE,
        budget_reserve_per_s: 100,
        retry_after_max_ms: 0,
    };
    let policy = EdgePolicy { retry: Some(retry), ..EdgePolicy::default() };
    let mut half = fault("cut", FaultKind::Reset { after_bytes: 0 });
    half.share = Share::from_ppm(500_000);
    let stack = Stack::with(upstream.address, policy.clone(), vec![half]).await;
    let mut failed = 0;
    for number in 0..100 {
        let id = CorrelationId::of_user(1, number);
        failed += u32::from(stack.call_as(id.as_str()).await.is_err());
    }
    let state = stack.state().await;
    let (edge, cut) = (&state.edges[0], &state.faults[0]);
    // Every attempt is a draw of its own: about one request in eight fails three times.
    assert!((3..=25).contains(&failed), "{failed} of 100 failed");
    assert_eq!(cut.hit, edge.retries + u64::from(failed));
    assert_eq!(cut.matched, edge.attempts);
    assert_eq!(upstream.seen(), 100 - failed as usize);
}

#[tokio::test]
async fn a_fault_placed_at_the_request_is_drawn_once_whatever_the_retries() {
    let upstream =
        Upstream::answering(|_| http::Response::builder().status(500).body("x".into()).unwrap());
    let retry = RetryPolicy {
        attempts: 3,
        on: vec![RetryOn::Status(500)],
        backoff_min_ms: 1,
        backoff_max_ms: 1,
        budget: Share::WHOLE,
        budget_reserve_per_s: 100,
        retry_after_max_ms: 0,
    };
    let policy = EdgePolicy { retry: Some(retry), ..EdgePolicy::default() };
    let mut early = fault("early", latency_ms(1));
    early.placement = Placement::Request;
    let stack = Stack::with(upstream.await.address, policy, vec![early]).await;
    assert_eq!(stack.call_as("u000001-000001").await.unwrap().status(), 500);
    let state = stack.state().await;
    assert_eq!((state.faults[0].matched, state.edges[0].attempts), (1, 3));
}

#[tokio::test]
async fn only_what_the_match_accepts_is_looked_at() {
    let upstream = Upstream::friendly().await;
    let mut posts = fault("posts", FaultKind::Reset { after_bytes: 0 });
    posts.matching =
        Match { method: Some("POST".into()), path: Some("/charges".into()), ..Match::default() };
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![posts]).await;
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    assert!(stack.call("POST", &[]).await.is_err());
    assert_eq!(stack.state().await.faults[0].matched, 1);
}

#[tokio::test]
async fn nobody_in_the_control_group_is_touched() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::start().await;
    let faults = vec![fault("cut", FaultKind::Reset { after_bytes: 0 })];
    let mut plan = stack.plan(vec![upstream.address], EdgePolicy::default(), faults);
    plan.control = Share::from_ppm(300_000);
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.lease(60_000).await.status(), 200);
    let mut spared = 0;
    for user in 0..100 {
        let id = CorrelationId::of_user(user, 0);
        let control = model::decision::in_control_group(42, plan.control, &id);
        assert_eq!(stack.call_as(id.as_str()).await.is_ok(), control, "{id}");
        spared += u64::from(control);
    }
    let cut = stack.state().await.faults.remove(0);
    assert!(spared > 0 && spared < 100, "{spared}");
    assert_eq!((cut.matched, cut.hit, cut.skipped), (100, 100 - spared, spared));
    let skipped = stack.recorder.events("shakedown.fault.decision");
    let reasons: BTreeSet<&str> = skipped
        .iter()
        .filter_map(|line| line.get("shakedown.fault.skip_reason").map(String::as_str))
        .collect();
    assert_eq!(reasons, BTreeSet::from(["control"]));
}

async fn hit_ids(concurrency: usize) -> BTreeSet<String> {
    let upstream = Upstream::friendly().await;
    let mut some = fault("some", latency_ms(1));
    some.share = Share::from_ppm(300_000);
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![some]).await;
    let (client, to) = (stack.client.clone(), stack.edge_address());
    let mut running = JoinSet::new();
    let mut hit = BTreeSet::new();
    for number in 0..400 {
        if running.len() == concurrency {
            hit.extend(running.join_next().await.unwrap().unwrap());
        }
        let client = client.clone();
        running.spawn(async move {
            let id = CorrelationId::of_user(number % 50, number).to_string();
            let request = http::Request::builder().uri("/charges").header("x-correlation-id", &id);
            let request = request.body(bytes::Bytes::new()).unwrap();
            let response = client.send(to, request, super::kit::PATIENCE).await.unwrap();
            header(&response, "x-shakedown-fault").is_some().then_some(id)
        });
    }
    while let Some(more) = running.join_next().await {
        hit.extend(more.unwrap());
    }
    assert_eq!(stack.state().await.faults[0].hit, hit.len() as u64);
    hit
}

#[tokio::test]
async fn the_same_requests_are_hit_at_any_concurrency() {
    let alone = hit_ids(1).await;
    assert!((80..=160).contains(&alone.len()), "{}", alone.len());
    assert_eq!(alone, hit_ids(16).await);
    assert_eq!(alone, hit_ids(64).await);
}
