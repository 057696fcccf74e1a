use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::Full;
use model::plan::ApiError;
use model::policy::{EdgePolicy, RetryOn, RetryPolicy};
use model::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::kit::{Stack, Upstream, attribute, header, raw_send, raw_upstream, refusing};

fn retry(on: Vec<RetryOn>) -> EdgePolicy {
    let retry = RetryPolicy {
        attempts: 3,
        on,
        backoff_min_ms: 1,
        backoff_max_ms: 2,
        budget: Share::ZERO,
        budget_reserve_per_s: 10,
        retry_after_max_ms: 0,
    };
    EdgePolicy { retry: Some(retry), ..EdgePolicy::default() }
}

#[tokio::test]
async fn every_way_in_which_a_callee_fails_has_its_status_and_blame() {
    let (_bound, gone) = refusing();
    let resets = raw_upstream(b"", true, false).await;
    let closes = raw_upstream(b"", false, false).await;
    let stalls = raw_upstream(b"", false, true).await;
    let garbage = raw_upstream(b"\x00\x01 not http\r\n\r\n", false, true).await;
    let policy = EdgePolicy { timeout_ms: Some(300), ..EdgePolicy::default() };
    for (what, to, status, kind) in [
        ("refuses", gone, 502, "connect"),
        ("resets", resets, 502, "reset"),
        ("closes", closes, 502, "reset"),
        ("stalls", stalls, 504, "timeout"),
        ("talks garbage", garbage, 502, "garbage"),
    ] {
        let stack = Stack::with(to, policy.clone(), Vec::new()).await;
        let response = stack.call("GET", &[]).await.unwrap();
        assert_eq!(response.status(), status, "{what}");
        assert_eq!(header(&response, "x-shakedown-blame"), Some("upstream"), "{what}");
        let body: ApiError = serde_json::from_slice(response.body()).unwrap();
        assert!(!body.error.is_empty(), "{what}");
        for span in stack.recorder.spans() {
            assert_eq!(attribute(&span, "error.type").as_deref(), Some(kind), "{what}");
            assert_eq!(attribute(&span, "shakedown.blame").as_deref(), Some("upstream"));
        }
        assert_eq!(stack.state().await.edges[0].in_flight, 0, "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_too_early_for_the_caller_too() {
    let breaks = raw_upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", false, false);
    let stack = Stack::with(breaks.await, EdgePolicy::default(), Vec::new()).await;
    assert!(stack.call("GET", &[]).await.is_err());
    let request = stack.recorder.spans().pop().unwrap();
    assert_eq!(attribute(&request, "error.type").as_deref(), Some("body-broken"));
}

#[tokio::test]
async fn an_answer_of_5xx_is_passed_on_and_blamed_on_the_callee() {
    let sick = Upstream::answering(|_| {
        Response::builder().status(500).body(Full::from("own words")).unwrap()
    });
    let stack = Stack::with(sick.await.address, EdgePolicy::default(), Vec::new()).await;
    let response = stack.call("GET", &[]).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (500, &b"own words"[..]));
    assert_eq!(header(&response, "x-shakedown-blame"), None, "the gateway did not make it");
    let request = stack.recorder.spans().pop().unwrap();
    assert_eq!(attribute(&request, "shakedown.blame").as_deref(), Some("upstream"));
}

fn fails_twice(number: usize) -> Response<Full<Bytes>> {
    let status = if number < 2 { 500 } else { 200 };
    Response::builder().status(status).body(Full::from("x")).unwrap()
}

#[tokio::test]
async fn idempotent_requests_are_repeated_until_one_attempt_succeeds() {
    let upstream = Upstream::answering(fails_twice).await;
    let stack = Stack::with(upstream.address, retry(vec![RetryOn::Status(500)]), Vec::new()).await;
    let response = stack.call("POST", &[("idempotency-key", "k1")]).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(upstream.seen(), 3);
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1, "short answers are read away");
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.requests, state.attempts, state.retries), (1, 3, 2));
    let attempts: Vec<Option<String>> = stack.recorder.spans()[..3]
        .iter()
        .map(|span| attribute(span, "http.request.resend_count"))
        .collect();
    assert_eq!(attempts, [None, Some("1".into()), Some("2".into())]);
}

#[tokio::test]
async fn a_post_without_a_key_is_not_repeated() {
    let upstream = Upstream::answering(fails_twice).await;
    let stack = Stack::with(upstream.address, retry(vec![RetryOn::Status(500)]), Vec::new()).await;
    assert_eq!(stack.call("POST", &[]).await.unwrap().status(), 500);
    assert_eq!(upstream.seen(), 1);
}

#[tokio::test]
async fn an_empty_budget_stops_the_retries_and_says_so() {
    let (_bound, gone) = refusing();
    let mut policy = retry(vec![RetryOn::Connect]);
    policy.retry.as_mut().unwrap().budget_reserve_per_s = 0;
    policy.retry.as_mut().unwrap().budget = Share::from_ppm(500_000);
    let stack = Stack::with(gone, policy, Vec::new()).await;
    for _ in 0..10 {
        assert_eq!(stack.call("POST", &[]).await.unwrap().status(), 502);
    }
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.requests, state.attempts, state.retries), (10, 15, 5));
    assert_eq!(state.retries_refused, 10);
}

#[tokio::test]
async fn a_pause_that_would_outlast_the_deadline_is_not_begun_and_costs_no_budget() {
    let upstream = Upstream::answering(fails_twice).await;
    let mut policy = retry(vec![RetryOn::Status(500)]);
    policy.timeout_ms = Some(5_000);
    let patient = policy.retry.as_mut().unwrap();
    (patient.backoff_min_ms, patient.backoff_max_ms) = (60_000, 60_000);
    // Nothing is in the account, so that asking it would be counted as refused.
    patient.budget_reserve_per_s = 0;
    let stack = Stack::with(upstream.address, policy, Vec::new()).await;
    let response = stack.call("GET", &[]).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (500, &b"x"[..]));
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.attempts, state.retries, state.retries_refused), (1, 0, 0));
}

/// Serves one request on each kept connection, takes a second one and closes without a word.
async fn forgetful() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _first = socket.read(&mut request).await;
                let _sent = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                let _second = socket.read(&mut request).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_kept_connection_that_dies_is_replaced_only_under_an_idempotent_request() {
    let stack = Stack::with(forgetful().await, EdgePolicy::default(), Vec::new()).await;
    for method in ["GET", "GET", "GET"] {
        assert_eq!(stack.call(method, &[]).await.unwrap().status(), 200);
    }
    assert_eq!(stack.call("POST", &[]).await.unwrap().status(), 502);
    let state = stack.state().await.edges.remove(0);
    assert_eq!((state.attempts, state.retries), (4, 0), "replacing is no attempt");
}

#[tokio::test]
async fn a_post_with_a_key_on_a_dead_connection_is_repeated_only_by_the_counted_policy() {
    for (policy, status, retries) in
        [(EdgePolicy::default(), 502, 0), (retry(vec![RetryOn::Reset]), 200, 1)]
    {
        let stack = Stack::with(forgetful().await, policy, Vec::new()).await;
        assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
        let keyed = stack.call("POST", &[("idempotency-key", "k1")]).await.unwrap();
        assert_eq!(keyed.status(), status);
        let state = stack.state().await.edges.remove(0);
        assert_eq!((state.attempts, state.retries), (2 + retries, retries));
    }
}

#[tokio::test]
async fn an_answer_that_stalls_in_its_body_is_broken_off_at_the_timeout() {
    let stalls = raw_upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", false, true);
    let policy = EdgePolicy { timeout_ms: Some(2_000), ..EdgePolicy::default() };
    let stack = Stack::with(stalls.await, policy, Vec::new()).await;
    assert!(stack.call("GET", &[]).await.is_err());
    let request = stack.recorder.spans().pop().unwrap();
    assert_eq!(attribute(&request, "error.type").as_deref(), Some("timeout"));
}

#[tokio::test]
async fn an_answer_with_two_framings_is_garbage() {
    let both = raw_upstream(
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
          6\r\nabcdef\r\n0\r\n\r\n",
        false,
        true,
    );
    let stack = Stack::with(both.await, EdgePolicy::default(), Vec::new()).await;
    let response = stack.call("GET", &[]).await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-shakedown-blame"), Some("upstream"));
}

#[tokio::test]
async fn an_old_callee_does_not_make_the_gateway_speak_the_old_version_and_close() {
    let old = raw_upstream(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false, false);
    let stack = Stack::with(old.await, EdgePolicy::default(), Vec::new()).await;
    let response = stack.call("GET", &[]).await.unwrap();
    assert_eq!(response.body().as_ref(), b"ok");
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(header(&response, "connection"), None);
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_never_reach_the_callee() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let many = "x-one: 1\r\n".repeat(200);
    let large = format!("x-large: {}\r\n", "y".repeat(80 * 1024));
    for (what, lines, status) in [
        ("many", many.as_str(), "431"),
        ("large", large.as_str(), "431"),
        ("two lengths", "content-length: 3\r\ncontent-length: 4\r\n", "400"),
        ("a broken name", "x y: 1\r\n", "400"),
    ] {
        // The kernel may report a reset when the gateway closes before all was read.
        if let Ok(answer) = raw_send(stack.edge_address(), lines).await {
            let line = String::from_utf8_lossy(&answer);
            assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {line}");
        }
    }
    assert_eq!(upstream.seen(), 0);
    let refused = stack.state().await.dropped;
    let heads = refused.iter().find(|lost| lost.what == "proxy malformed heads").unwrap();
    assert!(heads.count >= 3, "{heads:?}");
}

#[tokio::test]
async fn a_request_with_two_framings_is_refused() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), Vec::new()).await;
    let (length, chunked) = ("content-length: 3\r\n", "transfer-encoding: chunked\r\n");
    for lines in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        let lines = format!("{lines}connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        let answer = raw_send(stack.edge_address(), &lines).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(upstream.seen(), 0);
}
