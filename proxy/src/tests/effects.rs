//! Every kind of fault of HTTP edges, as bytes at the peers and as a line of the ledger.

use std::net::SocketAddr;
use std::time::Duration;

use model::distribution::Distribution;
use model::fault::{FaultKind, Live, Placement, Token, Window};
use model::id::CorrelationId;
use model::plan::ApiError;
use model::policy::EdgePolicy;
use tokio::time::Instant;

use super::by_hand::{Callee, Wire, body_of, field, get, say};
use super::kit::{Stack, Upstream, fault, header, latency_ms};

async fn with(to: SocketAddr, effect: FaultKind) -> Stack {
    Stack::with(to, EdgePolicy::default(), vec![fault("it", effect)]).await
}

const TEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";

/// The whole answer to one GET, and whether the connection was reset at its end.
async fn fetch(stack: &Stack) -> (String, bool) {
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(get("x-correlation-id: u000001-000001\r\n")).await;
    let (got, is_reset) = caller.rest_and_reset().await;
    stack.settled().await;
    (String::from_utf8_lossy(&got).into_owned(), is_reset)
}

#[tokio::test]
async fn an_injected_error_has_its_headers_and_body_and_keeps_the_connection() {
    let upstream = Upstream::friendly().await;
    let effect = FaultKind::Errors {
        status: 503,
        body: Some("{\"down\":true}".into()),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("retry-after".into(), "7".into()),
        ],
    };
    let stack = with(upstream.address, effect).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    for _ in 0..2 {
        caller.send("POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi").await;
        let (head, body) = caller.answer().await;
        assert!(head.starts_with("http/1.1 503"), "{head}");
        assert_eq!(field(&head, "content-type"), Some("application/json"));
        assert_eq!(head.matches("content-type").count(), 1, "{head}");
        assert_eq!(field(&head, "retry-after"), Some("7"));
        assert_eq!(field(&head, "x-shakedown-fault"), Some("it"));
        assert_eq!(body, b"{\"down\":true}");
    }
    assert_eq!(stack.outcomes("it"), ["hit", "hit"]);
    assert_eq!(upstream.seen(), 0);
}

#[tokio::test]
async fn an_injected_error_after_the_answer_lets_the_callee_do_its_work() {
    let upstream = Upstream::friendly().await;
    let effect = FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    let mut late = fault("it", effect);
    late.placement = Placement::Response;
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![late]).await;
    let answer = stack.call("GET", &[]).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "x-shakedown-blame")),
        (500, Some("injected"))
    );
    assert_eq!((upstream.seen(), stack.outcomes("it")), (1, vec!["hit".to_owned()]));
}

#[tokio::test]
async fn a_duplicate_is_seen_twice_and_answered_once() {
    let callee = Callee::bind().await;
    let stack = with(callee.address, FaultKind::Duplicate).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller
        .send("POST /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi")
        .await;
    let (mut one, mut two) = (callee.accept().await, callee.accept().await);
    let heads = [one.head().await, two.head().await];
    assert_eq!(heads[0], heads[1]);
    for served in [&mut one, &mut two] {
        assert_eq!(served.exactly(2).await, b"hi");
        served.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    }
    let answer = String::from_utf8(caller.rest().await.unwrap()).unwrap();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(stack.outcomes("it"), ["hit"]);
}

#[tokio::test]
async fn a_body_that_streams_is_not_duplicated_and_the_ledger_says_so() {
    let upstream = Upstream::friendly().await;
    let stack = with(upstream.address, FaultKind::Duplicate).await;
    let chunked =
        "POST /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = say(stack.edge_address(), &format!("{chunked}2\r\nhi\r\n0\r\n\r\n")).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && !answer.contains("x-shakedown-fault"),
        "{answer}"
    );
    assert_eq!((upstream.seen(), stack.outcomes("it")), (1, vec!["not-reached".to_owned()]));
}

#[tokio::test]
async fn a_body_is_cut_after_exactly_so_many_bytes() {
    for (effect, reset) in [
        (FaultKind::Truncate { after_bytes: 4 }, false),
        (FaultKind::Reset { after_bytes: 4 }, true),
    ] {
        let stack = with(Callee::saying(TEN).await, effect).await;
        let (answer, is_reset) = fetch(&stack).await;
        assert_eq!(is_reset, reset);
        // A reset may throw away what the kernel had not handed over.
        if !reset {
            assert_eq!(body_of(answer.as_bytes()), b"0123", "{answer}");
            assert!(answer.contains("content-length: 10"), "{answer}");
            assert!(answer.contains("x-shakedown-fault: it"), "{answer}");
        }
        assert_eq!(stack.outcomes("it"), ["hit"]);
    }
}

#[tokio::test]
async fn a_body_that_is_too_short_to_be_cut_is_whole_and_the_ledger_says_why() {
    let stack = with(Callee::saying(TEN).await, FaultKind::Truncate { after_bytes: 11 }).await;
    let (answer, _) = fetch(&stack).await;
    assert_eq!(body_of(answer.as_bytes()), b"0123456789");
    assert_eq!(stack.outcomes("it"), ["not-reached"]);
}

#[tokio::test]
async fn exactly_so_many_bytes_are_corrupted_and_the_same_ones_each_time() {
    let body = "a".repeat(5_000);
    let long = Upstream::answering(move |_| http::Response::new(body.clone().into())).await;
    let mut first = None;
    for _ in 0..2 {
        let stack = with(long.address, FaultKind::Corrupt { bytes: 7 }).await;
        let answer = stack.call_as("u000001-000001").await.unwrap();
        let changed: Vec<usize> = answer
            .body()
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != b'a')
            .map(|(at, _)| at)
            .collect();
        assert_eq!((answer.body().len(), changed.len()), (5_000, 7));
        assert_eq!(*first.get_or_insert(changed.clone()), changed);
        assert_eq!(stack.outcomes("it"), ["hit"]);
    }
}

#[tokio::test]
async fn a_slow_drip_brings_all_bytes_in_its_own_time() {
    let effect = FaultKind::SlowDrip { bytes: 2, pause_us: 20_000 };
    let stack = with(Callee::saying(TEN).await, effect).await;
    let began = Instant::now();
    let (answer, _) = fetch(&stack).await;
    assert_eq!(body_of(answer.as_bytes()), b"0123456789");
    assert!((80..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(stack.outcomes("it"), ["hit"]);
}

#[tokio::test]
async fn a_bandwidth_takes_as_long_as_it_says() {
    let body = "a".repeat(40_000);
    let long = Upstream::answering(move |_| http::Response::new(body.clone().into())).await;
    let effect = FaultKind::Bandwidth { bytes_per_s: 100_000, shared: false };
    let stack = with(long.address, effect).await;
    let began = Instant::now();
    assert_eq!(stack.call("GET", &[]).await.unwrap().body().len(), 40_000);
    assert!((200..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(stack.outcomes("it"), ["hit"]);
}

#[tokio::test]
async fn a_latency_of_the_body_lets_the_head_go_first() {
    let mut late = fault("it", latency_ms(300));
    late.placement = Placement::Body;
    let stack = Stack::with(Callee::saying(TEN).await, EdgePolicy::default(), vec![late]).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let began = Instant::now();
    caller.send(get("")).await;
    let head = caller.head().await;
    assert!(began.elapsed() < Duration::from_millis(290), "{:?}", began.elapsed());
    assert_eq!(field(&head, "x-shakedown-fault"), Some("it"));
    assert_eq!(caller.rest().await.unwrap(), b"0123456789");
    assert!(began.elapsed() >= Duration::from_millis(300));
    let line = stack.ledger("it").remove(0);
    assert_eq!(line["shakedown.fault.planned_us"], "300000");
    let achieved: u64 = line["shakedown.fault.achieved_us"].parse().unwrap();
    assert!((300_000..2_000_000).contains(&achieved), "{achieved}");
}

#[tokio::test]
async fn a_wrong_length_is_announced_and_the_connection_ends() {
    for (by, length) in [(3, "13"), (-4, "6"), (-100, "0")] {
        let stack = with(Callee::saying(TEN).await, FaultKind::WrongLength { by }).await;
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let head = caller.head().await;
        assert_eq!(field(&head, "content-length"), Some(length), "{by}");
        assert_eq!(field(&head, "connection"), Some("close"), "{by}");
        assert_eq!(caller.rest().await.unwrap(), b"0123456789", "{by}");
        assert_eq!(stack.outcomes("it"), ["hit"], "{by}");
    }
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let stack = with(Callee::saying(chunks).await, FaultKind::WrongLength { by: 3 }).await;
    let (answer, _) = fetch(&stack).await;
    assert!(answer.ends_with("2\r\nab\r\n0\r\n\r\n"), "{answer}");
    assert_eq!(stack.outcomes("it"), ["not-reached"], "only a length can be wrong");
}

#[tokio::test]
async fn a_broken_chunk_stands_where_it_should_also_in_an_answer_with_a_length() {
    let chunks =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
    for answer in [TEN, chunks] {
        let effect = FaultKind::BrokenChunk { after_bytes: 4 };
        let stack = with(Callee::saying(answer).await, effect).await;
        let (answer, _) = fetch(&stack).await;
        assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
        assert!(!answer.contains("content-length"), "{answer}");
        assert_eq!(body_of(answer.as_bytes()), b"4\r\n0123\r\nzz\r\n", "{answer}");
        assert_eq!(stack.outcomes("it"), ["hit"]);
    }
    // Without chunks there is none to break: the body is cut.
    let effect = FaultKind::BrokenChunk { after_bytes: 4 };
    let stack = with(Callee::saying(TEN).await, effect).await;
    let old = say(stack.edge_address(), "GET /x HTTP/1.0\r\n\r\n").await;
    assert_eq!(body_of(old.as_bytes()), b"0123", "{old}");
}

#[tokio::test]
async fn header_fields_are_set_and_removed_on_both_ways() {
    let upstream = Upstream::answering(|_| {
        let answer = http::Response::builder().header("x-secret", "1").header("x-kept", "2");
        answer.body("ok".into()).unwrap()
    })
    .await;
    let edit = FaultKind::Headers {
        set: vec![("x-added".into(), "yes".into()), ("x-kept".into(), "3".into())],
        remove: vec!["x-secret".into()],
    };
    for placement in [Placement::Response, Placement::Attempt, Placement::Request] {
        let mut spec = fault("it", edit.clone());
        spec.placement = placement;
        let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![spec]).await;
        let sent = [("x-secret", "1"), ("x-kept", "2")];
        let answer = stack.call("GET", &sent).await.unwrap();
        let last = upstream.seen() - 1;
        let got = |name: &str| upstream.seen_header(last, name);
        let told = |name: &str| header(&answer, name).map(str::to_owned);
        let (edited, other) = match placement {
            Placement::Response => (
                ["x-secret", "x-kept", "x-added"].map(told),
                ["x-secret", "x-kept", "x-added"].map(got),
            ),
            _ => (
                ["x-secret", "x-kept", "x-added"].map(got),
                ["x-secret", "x-kept", "x-added"].map(told),
            ),
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(edited, [None, text("3"), text("yes")], "{placement:?}");
        assert_eq!(other, [text("1"), text("2"), None], "{placement:?}");
        assert_eq!(stack.outcomes("it"), ["hit"], "{placement:?}");
    }
}

#[tokio::test]
async fn a_stream_of_events_ends_after_whole_events() {
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
        transfer-encoding: chunked\r\n\r\n\
        8\r\ndata: 1\n\r\n1\r\n\n\r\n12\r\ndata: 2\n\ndata: 3\n\n\r\n0\r\n\r\n";
    let stack = with(Callee::saying(events).await, FaultKind::CutEvents { after_events: 2 }).await;
    let (answer, _) = fetch(&stack).await;
    let body = String::from_utf8_lossy(body_of(answer.as_bytes())).into_owned();
    assert!(body.contains("data: 2\n\n") && !body.contains("data: 3"), "{body}");
    assert!(!body.ends_with("0\r\n\r\n"), "it looks whole: {body}");
    assert_eq!(stack.outcomes("it"), ["hit"]);
}

#[tokio::test]
async fn a_fault_meets_no_body_that_has_no_byte() {
    let empty = Callee::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let stack = with(empty, FaultKind::Truncate { after_bytes: 0 }).await;
    let (answer, _) = fetch(&stack).await;
    assert!(
        answer.starts_with("HTTP/1.1 204") && !answer.contains("x-shakedown-fault"),
        "{answer}"
    );
    assert_eq!(stack.outcomes("it"), ["not-reached"]);
}

#[tokio::test]
async fn what_a_fault_holds_back_in_a_body_goes_on_when_its_lease_is_released() {
    let bandwidth = FaultKind::Bandwidth { bytes_per_s: 1, shared: false };
    let drip = FaultKind::SlowDrip { bytes: 1, pause_us: 600_000_000 };
    for effect in [bandwidth, drip, latency_ms(600_000)] {
        let name = effect.name();
        let mut spec = fault("it", effect);
        spec.placement = Placement::Body;
        let stack = Stack::with(Callee::saying(TEN).await, EdgePolicy::default(), vec![spec]).await;
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send(get("")).await;
        caller.head().await;
        let began = Instant::now();
        stack.release().await;
        assert_eq!(caller.rest().await.unwrap(), b"0123456789", "{name}");
        assert!(began.elapsed() < Duration::from_secs(5), "{name}");
    }
}

#[tokio::test]
async fn a_blackhole_in_a_body_ends_with_its_window_whatever_else_ends_before() {
    let windows = |end_ms| vec![Window { start_ms: 0, end_ms }];
    let mut hole = fault("hole", FaultKind::Blackhole);
    hole.placement = Placement::Body;
    hole.schedule = windows(2_500);
    let mut other = fault("other", FaultKind::Bandwidth { bytes_per_s: 1_000_000, shared: false });
    other.schedule = windows(1_500);
    let faults = vec![other, hole];
    let stack = Stack::with(Callee::saying(TEN).await, EdgePolicy::default(), faults).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    // The zero of the plan was a second ago.
    let began = Instant::now();
    caller.send(get("")).await;
    caller.head().await;
    let (got, _is_reset) = caller.rest_and_reset().await;
    assert_eq!(got, b"");
    let took = began.elapsed();
    assert!((1_000..10_000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(stack.outcomes("hole"), ["hit"]);
}

#[tokio::test]
async fn callers_get_what_they_ask_for_only_with_the_token() {
    let upstream = Upstream::friendly().await;
    let effect = FaultKind::Caller { token: Token::new("s3cret"), delay_max_ms: 50 };
    let stack = Stack::start().await;
    let plan = stack.plan(vec![upstream.address], EdgePolicy::default(), vec![fault("it", effect)]);
    // A token is never written by itself.
    let hidden = serde_json::to_string(&plan).unwrap();
    let plan = hidden.replace("***", "s3cret");
    let refused = stack.admin("PUT", "/v1/plan", hidden).await;
    assert_eq!(refused.status(), 422, "a plan that was shown has no token");
    let said: ApiError = serde_json::from_slice(refused.body()).unwrap();
    assert_eq!(said.field.as_deref(), Some("faults[0].effect.token"), "{}", said.error);
    assert_eq!(stack.admin("PUT", "/v1/plan", plan).await.status(), 200);
    assert_eq!(stack.lease(60_000).await.status(), 200);
    let token = ("x-shakedown-inject-token", "s3cret");
    let status = ("x-shakedown-inject-status", "418");
    for wrong in [vec![status], vec![status, ("x-shakedown-inject-token", "guess")]] {
        let answer = stack.call("GET", &wrong).await.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "x-shakedown-fault")), (200, None));
    }
    assert_eq!(stack.outcomes("it"), Vec::<String>::new());
    assert_eq!(stack.call("GET", &[token, status]).await.unwrap().status(), 418);
    let began = Instant::now();
    let delay = ("x-shakedown-inject-delay-ms", "600000");
    assert_eq!(stack.call("GET", &[token, delay]).await.unwrap().status(), 200);
    assert!((50..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let invalid = ("x-shakedown-inject-status", "many");
    assert_eq!(stack.call("GET", &[token, invalid]).await.unwrap().status(), 200);
    assert_eq!(stack.outcomes("it"), ["hit", "hit", "invalid"]);
}

#[tokio::test]
async fn connections_are_refused_delayed_and_reset_at_the_door_of_an_edge() {
    let upstream = Upstream::friendly().await;
    let stack = with(upstream.address, FaultKind::Refuse).await;
    let refused = async {
        loop {
            // The door closes when it has heard of the fault.
            if let Err(error) = tokio::net::TcpStream::connect(stack.edge_address()).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(super::kit::PATIENCE, refused).await.unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    stack.release().await;
    let opened = async { while stack.call("GET", &[]).await.is_err() {} };
    tokio::time::timeout(super::kit::PATIENCE, opened).await.unwrap();

    let delay = Distribution::Fixed { value_us: 150_000 };
    let stack = with(upstream.address, FaultKind::SlowAccept { delay }).await;
    let began = Instant::now();
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(150));
    assert_eq!(stack.outcomes("it"), ["hit"]);

    let mut reset = fault("it", FaultKind::Reset { after_bytes: 0 });
    (reset.placement, reset.live) = (Placement::Connect, Live::NewOnly);
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![reset]).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    assert_eq!(caller.rest_and_reset().await, (Vec::new(), true));
    assert_eq!(stack.outcomes("it"), ["hit"]);
}

#[tokio::test]
async fn the_first_ones_fail_and_then_all_succeed_and_every_third_fails() {
    let upstream = Upstream::friendly().await;
    let error = || FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    for (first, every, expected) in [
        (Some(2), None, [500, 500, 200, 200, 200, 200]),
        (None, Some(3), [200, 200, 500, 200, 200, 500]),
    ] {
        let mut spec = fault("it", error());
        (spec.when.first, spec.when.every) = (first, every);
        let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![spec]).await;
        let mut seen = Vec::new();
        for number in 0..6 {
            let id = CorrelationId::of_user(1, number);
            seen.push(stack.call_as(id.as_str()).await.unwrap().status().as_u16());
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_cap_spares_those_beyond_it_and_the_ledger_says_so() {
    let upstream = Upstream::friendly().await;
    let mut spec = fault("it", FaultKind::Blackhole);
    spec.when.max_active = Some(1);
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![spec]).await;
    let (held, ()) = tokio::join!(stack.call_as("u000001-000001"), async {
        while stack.state().await.edges[0].attempts == 0 {}
        for number in 2..5 {
            let id = CorrelationId::of_user(number, 0);
            assert_eq!(stack.call_as(id.as_str()).await.unwrap().status(), 200);
        }
        stack.release().await;
    });
    assert_eq!(held.unwrap().status(), 200);
    assert_eq!(stack.outcomes("it"), ["cap", "cap", "cap", "hit"]);
}

#[tokio::test]
async fn what_ends_an_attempt_first_overtakes_the_faults_behind_it() {
    let upstream = Upstream::friendly().await;
    let error = FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    let faults = vec![
        fault("slow", latency_ms(1)),
        fault("sick", error),
        fault("cut", FaultKind::Reset { after_bytes: 0 }),
    ];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let answer = stack.call("GET", &[]).await.unwrap();
    assert_eq!(header(&answer, "x-shakedown-fault"), Some("slow,sick"));
    for (name, expected) in [("slow", "hit"), ("sick", "hit"), ("cut", "overtaken")] {
        assert_eq!(stack.outcomes(name), [expected], "{name}");
    }
}
