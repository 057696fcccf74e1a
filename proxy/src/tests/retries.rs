use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use model::fault::{FaultKind, Placement};
use model::id::CorrelationId;
use model::policy::{EdgePolicy, HedgePolicy, RetryOn, RetryPolicy};
use model::units::Share;
use tokio::time::Instant;

use super::by_hand::{Callee, Wire, field, get};
use super::kit::{Stack, Upstream, attribute, fault, header, latency_ms, refusing};

fn retry(on: Vec<RetryOn>) -> RetryPolicy {
    RetryPolicy {
        attempts: 3,
        on,
        backoff_min_ms: 1,
        backoff_max_ms: 2,
        budget: Share::ZERO,
        budget_reserve_per_s: 100,
        retry_after_max_ms: 0,
    }
}

fn policy(retry: RetryPolicy) -> EdgePolicy {
    EdgePolicy { retry: Some(retry), ..EdgePolicy::default() }
}

/// 503 with a field, then 200.
async fn once_unavailable(name: &'static str, value: &'static str) -> Upstream {
    Upstream::answering(move |number| match number {
        0 => Response::builder().status(503).header(name, value).body("no".into()).unwrap(),
        _ => Response::new("ok".into()),
    })
    .await
}

#[tokio::test]
async fn the_pause_is_at_least_half_of_the_least_backoff() {
    let upstream = once_unavailable("x-none", "1").await;
    let mut patient = retry(vec![RetryOn::Status(503)]);
    (patient.backoff_min_ms, patient.backoff_max_ms) = (200, 200);
    let stack = Stack::with(upstream.address, policy(patient), Vec::new()).await;
    let began = Instant::now();
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    assert!((100..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_callee_that_says_when_is_asked_no_sooner_and_not_when_that_is_too_late() {
    for (name, value, retry_after_max_ms, status, least_ms) in [
        ("retry-after", "1", 5_000, 200, 1_000),
        ("retry-after", "6", 5_000, 503, 0),
        ("retry-after", "6", 0, 200, 0),
        ("grpc-retry-pushback-ms", "120", 5_000, 200, 120),
        ("grpc-retry-pushback-ms", "-1", 5_000, 503, 0),
        ("grpc-retry-pushback-ms", "-1", 0, 503, 0),
        ("grpc-retry-pushback-ms", "6000", 5_000, 503, 0),
    ] {
        let upstream = once_unavailable(name, value).await;
        let told = RetryPolicy { retry_after_max_ms, ..retry(vec![RetryOn::Status(503)]) };
        let stack = Stack::with(upstream.address, policy(told), Vec::new()).await;
        let began = Instant::now();
        let answer = stack.call("GET", &[]).await.unwrap();
        let took_ms = began.elapsed().as_millis();
        assert_eq!(answer.status(), status, "{name}: {value}, at most {retry_after_max_ms}");
        assert!((least_ms..least_ms + 3_000).contains(&took_ms), "{name}: {value} {took_ms}");
        // The callee's own words reach the caller.
        assert_eq!(header(&answer, name).is_some(), status == 503);
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_repeated_and_counted_against_its_endpoint() {
    let stalls_once = Callee::playing(|number, mut wire| async move {
        wire.head().await;
        match number {
            0 => drop(wire.rest().await),
            _ => wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await,
        }
    })
    .await;
    let mut policy = policy(retry(vec![RetryOn::Reset]));
    policy.attempt_timeout_ms = Some(150);
    let stack = Stack::with(stalls_once, policy, Vec::new()).await;
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    let first = &stack.recorder.spans()[0];
    assert_eq!(attribute(first, "error.type").as_deref(), Some("attempt-timeout"));
    assert_eq!(attribute(first, "shakedown.blame").as_deref(), Some("upstream"));
    let ended = stack.state().await.edges[0].endpoints[0].ended;
    assert_eq!((ended.succeeded, ended.unanswered, ended.unknown), (1, 1, 0), "{ended:?}");
}

#[tokio::test]
async fn a_request_whose_time_runs_out_is_counted_against_its_endpoint() {
    let stalls = Callee::playing(|_number, mut wire| async move {
        wire.head().await;
        let _left = wire.rest().await;
    })
    .await;
    let policy = EdgePolicy { timeout_ms: Some(150), ..EdgePolicy::default() };
    let stack = Stack::with(stalls, policy, Vec::new()).await;
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 504);
    let ended = stack.state().await.edges[0].endpoints[0].ended;
    assert_eq!((ended.unanswered, ended.unknown), (1, 0), "{ended:?}");
}

#[tokio::test]
async fn a_kept_body_is_sent_again_whole_and_one_that_streams_is_not() {
    let callee = Callee::bind().await;
    let stack = Stack::with(callee.address, policy(retry(vec![RetryOn::Reset])), Vec::new()).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("PUT /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n01234").await;
    caller.send("56789").await;
    for number in 0..2 {
        let mut served = callee.accept().await;
        served.head().await;
        assert_eq!(served.exactly(10).await, b"0123456789");
        if number == 1 {
            served.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        }
    }
    assert!(caller.head().await.starts_with("http/1.1 200"));
    caller.send("PUT /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    caller.send("2\r\nhi\r\n0\r\n\r\n").await;
    let mut served = callee.accept().await;
    served.until("0\r\n\r\n").await;
    drop(served);
    assert!(caller.head().await.starts_with("http/1.1 502"));
    assert!(callee.is_left_alone().await);
    assert_eq!(stack.state().await.edges[0].retries, 1);
}

#[tokio::test]
async fn a_body_that_streams_is_still_there_when_the_callee_could_not_be_reached() {
    let (_bound, gone) = refusing();
    let upstream = Upstream::friendly().await;
    let stack = Stack::start().await;
    let plan =
        stack.plan(vec![gone, upstream.address], policy(retry(vec![RetryOn::Connect])), Vec::new());
    assert_eq!(stack.put(&plan).await.status(), 200);
    for _ in 0..4 {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
        caller.send("2\r\nhi\r\n0\r\n\r\n").await;
        assert!(caller.head().await.starts_with("http/1.1 200"));
    }
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.retries, state.attempts), (2, 6), "in turn, and never the same one again");
}

#[tokio::test]
async fn an_injected_failure_of_the_first_attempt_is_smoothed_by_a_retry() {
    let upstream = Upstream::friendly().await;
    for (effect, on) in [
        (FaultKind::Errors { status: 503, body: None, headers: Vec::new() }, RetryOn::Status(503)),
        (FaultKind::Reset { after_bytes: 0 }, RetryOn::Reset),
        (FaultKind::LostReply, RetryOn::Reset),
    ] {
        let mut spec = fault("it", effect);
        spec.when.first = Some(1);
        let stack = Stack::with(upstream.address, policy(retry(vec![on])), vec![spec]).await;
        let answer = stack.call("GET", &[]).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "x-shakedown-fault")),
            (200, Some("it"))
        );
        let state = stack.state().await;
        assert_eq!(
            (state.edges[0].attempts, state.faults[0].hit, state.faults[0].matched),
            (2, 1, 2)
        );
    }
}

#[tokio::test]
async fn an_injected_failure_of_the_request_is_not_repeated() {
    let upstream = Upstream::friendly().await;
    let effect = FaultKind::Errors { status: 503, body: None, headers: Vec::new() };
    let mut spec = fault("it", effect);
    spec.placement = Placement::Request;
    let stack =
        Stack::with(upstream.address, policy(retry(vec![RetryOn::Status(503)])), vec![spec]).await;
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 503);
    let state = stack.state().await;
    assert_eq!((state.edges[0].attempts, state.faults[0].matched, upstream.seen()), (0, 1, 0));
}

fn hedged() -> EdgePolicy {
    let hedge =
        HedgePolicy { percentile: Share::from_ppm(500_000), delay_min_ms: 50, minimum_requests: 5 };
    EdgePolicy { hedge: Some(hedge), ..policy(retry(Vec::new())) }
}

/// Teaches the hedger that the callee is fast.
async fn taught(upstream: SocketAddr, policy: EdgePolicy, slow_first: bool) -> Stack {
    let mut slow = fault("slow", latency_ms(600_000));
    slow.matching.path = Some("/slow".into());
    slow.when.first = slow_first.then_some(1);
    let stack = Stack::with(upstream, policy, vec![slow]).await;
    for _ in 0..8 {
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    }
    stack
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_copy_overtakes_an_attempt_that_a_fault_holds_back() {
    let upstream = Upstream::friendly().await;
    let stack = taught(upstream.address, hedged(), true).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let began = Instant::now();
    caller.send(SLOW).await;
    let (head, body) = caller.answer().await;
    assert!((50..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!((field(&head, "x-shakedown-fault"), &body[..]), (Some("slow"), &b"ok"[..]));
    stack.settled().await;
    assert_eq!(stack.outcomes("slow"), ["hit"], "the loser is cancelled and accounted for");
    let page = stack.admin("GET", "/metrics", "").await;
    let page = String::from_utf8(page.into_body().into()).unwrap();
    let hedges: Vec<&str> =
        page.lines().filter(|line| line.contains("hedge") && !line.starts_with('#')).collect();
    assert!(hedges.iter().all(|line| line.ends_with(" 1")) && !hedges.is_empty(), "{hedges:?}");
    assert_eq!(upstream.seen(), 9);
}

#[tokio::test]
async fn a_copy_is_paid_by_the_budget_and_never_made_of_what_may_not_be_done_twice() {
    let upstream = Upstream::friendly().await;
    let mut poor = hedged();
    poor.retry.as_mut().unwrap().budget_reserve_per_s = 0;
    for (policy, request) in [
        (poor, SLOW.to_owned()),
        (hedged(), SLOW.replace("GET", "POST").replace("host: x", "host: x\r\ncontent-length: 0")),
    ] {
        let stack = taught(upstream.address, policy, false).await;
        let before = upstream.seen();
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send(&request).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(stack.state().await.edges[0].attempts, 9, "{request}");
        assert_eq!(upstream.seen(), before);
        stack.release().await;
        assert!(caller.head().await.starts_with("http/1.1 200"));
    }
}

/// Two attempts in flight, the slow one first.
async fn hedge_in_flight(callee: &Callee) -> (Stack, Wire, [Wire; 2]) {
    let stack = Stack::with(callee.address, hedged(), Vec::new()).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let mut served = None;
    for _ in 0..8 {
        caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let served = match &mut served {
            Some(served) => served,
            none => none.insert(callee.accept().await),
        };
        served.head().await;
        served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        caller.head().await;
    }
    caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut slow = served.unwrap();
    slow.head().await;
    let mut copy = callee.accept().await;
    copy.head().await;
    (stack, caller, [slow, copy])
}

#[tokio::test]
async fn the_loser_of_a_hedge_is_cut_off() {
    let callee = Callee::bind().await;
    let (_stack, mut caller, [mut slow, mut copy]) = hedge_in_flight(&callee).await;
    copy.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-who: copy\r\n\r\n").await;
    assert_eq!(field(&caller.head().await, "x-who"), Some("copy"));
    assert_eq!(slow.rest().await.unwrap(), b"");
}

#[tokio::test]
async fn a_failed_half_of_a_hedge_waits_for_the_other() {
    // What the slow attempt and then its copy answer, and what the caller gets.
    for ([slow_answer, copy_answer], wanted) in [
        (["503 No", "200 OK"], "200 copy"),
        (["503 No", "500 No"], "503 slow"),
        (["no status", "200 OK"], "200 copy"),
        (["no status", "503 No"], "503 copy"),
        (["503 No", "no status"], "503 slow"),
    ] {
        let callee = Callee::bind().await;
        let (stack, mut caller, [slow, copy]) = hedge_in_flight(&callee).await;
        for (mut at, answer, who) in [(slow, slow_answer, "slow"), (copy, copy_answer, "copy")] {
            let head = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nx-who: {who}\r\n\r\n");
            at.send(head).await;
        }
        let head = caller.head().await;
        let got = format!("{} {}", &head[9..12], field(&head, "x-who").unwrap());
        assert_eq!(got, wanted, "{slow_answer:?} {copy_answer:?}");
        assert_eq!(stack.state().await.edges[0].attempts, 10);
    }
}

#[tokio::test]
async fn what_is_left_of_the_time_goes_on_in_both_fields() {
    let callee = Callee::bind().await;
    let policy =
        EdgePolicy { timeout_ms: Some(60_000), ..policy(retry(vec![RetryOn::Status(503)])) };
    let stack = Stack::with(callee.address, policy, vec![fault("slow", latency_ms(20))]).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(get("grpc-timeout: 5S\r\n")).await;
    let mut served = callee.accept().await;
    let mut before = 5_000;
    for answer in ["503 No", "200 OK"] {
        let head = served.head().await;
        let left: u64 = field(&head, "x-shakedown-deadline-ms").unwrap().parse().unwrap();
        assert!(left + 20 <= before, "{left} after {before}");
        before = left;
        let grpc = field(&head, "grpc-timeout").unwrap();
        let grpc = crate::deadline::parse_grpc_timeout(&grpc.replace('s', "S")).unwrap();
        assert!(grpc < Duration::from_secs(5) && grpc.as_millis() as u64 >= left, "{grpc:?}");
        served.send(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n")).await;
    }
    assert!(caller.head().await.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn a_stale_connection_is_replaced_once_and_only_for_what_may_be_done_twice() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    // The first connection serves once; every further one never does.
    let callee = Callee::playing(move |number, mut wire| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            wire.head().await;
            if number == 0 {
                wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                wire.head().await;
            }
        }
    })
    .await;
    let stack = Stack::with(callee, EdgePolicy::default(), Vec::new()).await;
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 502);
    assert_eq!(opened.load(Ordering::SeqCst), 2, "one fresh connection and no more");
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.attempts, state.retries), (2, 0));
}

#[tokio::test]
async fn the_same_requests_wait_the_same_and_others_are_served_meanwhile() {
    let upstream =
        Upstream::answering(|_| Response::builder().status(503).body("no".into()).unwrap()).await;
    let mut patient = retry(vec![RetryOn::Status(503)]);
    (patient.backoff_min_ms, patient.backoff_max_ms, patient.attempts) = (150, 150, 2);
    let stack = Stack::with(upstream.address, policy(patient), Vec::new()).await;
    let began = Instant::now();
    let ids: Vec<CorrelationId> = (0..10).map(|user| CorrelationId::of_user(user, 0)).collect();
    let mut running = tokio::task::JoinSet::new();
    for id in ids {
        let (client, to) = (stack.client.clone(), stack.edge_address());
        running.spawn(async move {
            let request =
                http::Request::builder().uri("/x").header("x-correlation-id", id.as_str());
            let request = request.body(bytes::Bytes::new()).unwrap();
            client.send(to, request, super::kit::PATIENCE).await.unwrap().status().as_u16()
        });
    }
    let all = running.join_all().await;
    assert_eq!(all, [503; 10]);
    assert!((75..1_400).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}
