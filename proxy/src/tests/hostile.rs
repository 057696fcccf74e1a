use std::time::Duration;

use model::plan::{Limits, ProxyConfig};
use model::policy::EdgePolicy;
use tokio::time::Instant;

use super::by_hand::{Callee, Wire, field, get, say};
use super::kit::{PATIENCE, Stack, Upstream, attribute, edge, raw_upstream};

async fn limited(limits: Limits, to: std::net::SocketAddr, policy: EdgePolicy) -> Stack {
    let config = ProxyConfig { limits, ..ProxyConfig::on_loopback("test", [edge()]) };
    let stack = Stack::of(config).await;
    let plan = stack.plan(vec![to], policy, Vec::new());
    assert_eq!(stack.put(&plan).await.status(), 200);
    stack
}

fn blame_of_last(stack: &Stack) -> (String, String) {
    let request = stack.recorder.spans().pop().unwrap();
    let said = |key| attribute(&request, key).unwrap_or_default();
    (said("error.type"), said("shakedown.blame"))
}

#[tokio::test]
async fn a_head_that_trickles_is_given_up() {
    let upstream = Upstream::friendly().await;
    let limits = Limits { head_ms: 200, ..Limits::default() };
    let stack = limited(limits, upstream.address, EdgePolicy::default()).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    // The clock begins with the first byte.
    tokio::time::sleep(Duration::from_millis(250)).await;
    let began = Instant::now();
    caller.send("GET / HTTP/1.1\r\nhost: ").await;
    let mut answer = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if tokio::io::AsyncWriteExt::write_all(&mut caller.socket, b"x").await.is_err() {
            break;
        }
        if began.elapsed() > Duration::from_millis(400) {
            answer = caller.rest_and_reset().await.0;
            break;
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(upstream.seen(), 0);
    let heads = stack.state().await.dropped;
    assert!(heads.iter().any(|lost| lost.what == "proxy malformed heads" && lost.count == 1));
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_in_time_also_after_one() {
    let upstream = Upstream::friendly().await;
    let limits = Limits { idle_ms: 150, ..Limits::default() };
    let stack = limited(limits, upstream.address, EdgePolicy::default()).await;
    let mut silent = Wire::to(stack.edge_address()).await;
    assert_eq!(silent.rest().await.unwrap(), b"");
    let mut once = Wire::to(stack.edge_address()).await;
    once.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    once.answer().await;
    let began = Instant::now();
    assert_eq!(once.rest().await.unwrap(), b"");
    assert!((100..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_the_callers_fault() {
    let callee = Callee::bind().await;
    let limits = Limits { body_idle_ms: 150, ..Limits::default() };
    let stack = limited(limits, callee.address, EdgePolicy::default()).await;
    let half = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n01234";
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(half).await;
    let mut served = callee.accept().await;
    let (head, _) = caller.answer().await;
    assert!(head.starts_with("http/1.1 408"), "{head}");
    assert_eq!(field(&head, "x-shakedown-blame"), Some("downstream"));
    served.rest().await.unwrap();
    assert_eq!(blame_of_last(&stack), ("timeout".to_owned(), "downstream".to_owned()));
    // The timeout of the edge comes first: still the caller was what it waited for.
    let policy = EdgePolicy { timeout_ms: Some(150), ..EdgePolicy::default() };
    let stack = Stack::with(callee.address, policy, Vec::new()).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send(half).await;
    let _served = callee.accept().await;
    let (head, _) = caller.answer().await;
    assert!(head.starts_with("http/1.1 408"), "{head}");
    assert_eq!(blame_of_last(&stack), ("timeout".to_owned(), "downstream".to_owned()));
    let ended = stack.state().await.edges[0].endpoints[0].ended;
    assert_eq!((ended.unanswered, ended.unknown), (0, 1), "{ended:?}");
}

#[tokio::test]
async fn a_caller_that_leaves_in_its_body_is_noticed_and_so_is_its_callee() {
    let callee = Callee::bind().await;
    let stack = Stack::with(callee.address, EdgePolicy::default(), Vec::new()).await;
    for is_reset in [false, true] {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n01234").await;
        let mut served = callee.accept().await;
        served.until("01234").await;
        if is_reset {
            caller.reset();
        } else {
            drop(caller);
        }
        assert_eq!(served.rest().await.unwrap(), b"");
        stack.settled().await;
        assert_eq!(blame_of_last(&stack).1, "downstream");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_by_its_length_and_by_its_chunks() {
    let callee = Callee::bind().await;
    let limits = Limits { body_bytes: Some(10), ..Limits::default() };
    let retry = model::policy::RetryPolicy {
        attempts: 2,
        on: Vec::new(),
        backoff_min_ms: 1,
        backoff_max_ms: 1,
        budget: model::units::Share::WHOLE,
        budget_reserve_per_s: 1,
        retry_after_max_ms: 0,
    };
    let keeping = EdgePolicy { retry: Some(retry), ..EdgePolicy::default() };
    for policy in [EdgePolicy::default(), keeping] {
        let stack = limited(limits.clone(), callee.address, policy).await;
        let long = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n";
        for request in
            [long.replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n"), long.to_owned()]
        {
            let mut caller = Wire::to(stack.edge_address()).await;
            caller.send(&request).await;
            let (head, _) = caller.answer().await;
            assert!(head.starts_with("http/1.1 413"), "{head}");
            assert_eq!(field(&head, "x-shakedown-blame"), Some("downstream"));
        }
        assert!(callee.is_left_alone().await, "the length says it all");
        let chunks = "POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send(format!("{chunks}8\r\n01234567\r\n")).await;
        let mut served = callee.accept().await;
        served.until("01234567\r\n").await;
        caller.send("3\r\n89a\r\n0\r\n\r\n").await;
        let (head, _) = caller.answer().await;
        assert!(head.starts_with("http/1.1 413"), "{head}");
        let rest = served.rest().await.unwrap();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "the callee took half a body for a whole one");
        stack.settled().await;
    }
}

#[tokio::test]
async fn a_peer_has_no_more_connections_than_it_may_and_gets_them_back() {
    let upstream = Upstream::friendly().await;
    let limits = Limits { connections_per_peer: Some(2), ..Limits::default() };
    let stack = limited(limits, upstream.address, EdgePolicy::default()).await;
    let hello = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send(hello).await;
        caller.answer().await;
        inside.push(caller);
    }
    let mut third = Wire::to(stack.edge_address()).await;
    assert_eq!(third.rest_and_reset().await.0, b"");
    drop(inside.pop());
    let again = async {
        loop {
            let mut caller = Wire::to(stack.edge_address()).await;
            let sent =
                tokio::io::AsyncWriteExt::write_all(&mut caller.socket, hello.as_bytes()).await;
            if sent.is_ok() && !caller.rest_unless_answered().await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("the place never came free");
    let refused = stack.state().await.dropped;
    assert!(refused.iter().any(|lost| lost.what == "proxy connections" && lost.count >= 1));
}

#[tokio::test]
async fn heads_beyond_their_limits_are_refused_also_when_they_come_in_pieces() {
    let upstream = Upstream::friendly().await;
    let limits = Limits { head_bytes: 2_000, head_fields: 10, ..Limits::default() };
    let stack = limited(limits, upstream.address, EdgePolicy::default()).await;
    for (lines, status) in [
        ("x: 1\r\n".repeat(20), "431"),
        (format!("x: {}\r\n", "y".repeat(3_000)), "431"),
        (format!("x: {}\r\n", "y".repeat(1_500)), "200"),
        ("x: 1\r\n".repeat(8), "200"),
    ] {
        let mut caller = Wire::to(stack.edge_address()).await;
        let request = get(&lines);
        for piece in request.as_bytes().chunks(700) {
            if tokio::io::AsyncWriteExt::write_all(&mut caller.socket, piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let answer = caller.rest_and_reset().await.0;
        let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{line}");
    }
}

#[tokio::test]
async fn a_callee_that_talks_nonsense_is_to_blame() {
    for (what, answer) in [
        ("no status", "HTTP/1.1 abc OK\r\n\r\n"),
        ("another protocol", "SSH-2.0-OpenSSH_9.0\r\n"),
        ("a broken field", "HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ("a broken chunk at once", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        ("no end of hints", HINTS),
    ] {
        let stack =
            Stack::with(Callee::saying(answer).await, EdgePolicy::default(), Vec::new()).await;
        let told = say(stack.edge_address(), &get("")).await;
        let last = told.split_inclusive("\r\n\r\n").find(|head| !head.contains(" 103 ")).unwrap();
        assert!(last.starts_with("HTTP/1.1 502"), "{what}: {told}");
        assert!(last.contains("x-shakedown-blame: upstream"), "{what}: {told}");
        assert_eq!(blame_of_last(&stack), ("garbage".to_owned(), "upstream".to_owned()), "{what}");
    }
}

const HINTS: &str = concat!(
    "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
    "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
    "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
    "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
    "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
);

#[tokio::test]
async fn a_callee_that_stalls_in_its_head_or_body_is_given_up_at_the_timeout() {
    let policy = EdgePolicy { timeout_ms: Some(200), ..EdgePolicy::default() };
    for (answer, in_body) in [
        ("HTTP/1.1 200 OK\r\nx: ", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", true),
    ] {
        let stalls = raw_upstream(answer.as_bytes(), false, true).await;
        let stack = Stack::with(stalls, policy.clone(), Vec::new()).await;
        let told = say(stack.edge_address(), &get("")).await;
        let expected = if in_body { "HTTP/1.1 200" } else { "HTTP/1.1 504" };
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.ends_with("0\r\n\r\n"), "it looks whole: {told}");
        stack.settled().await;
        assert_eq!(blame_of_last(&stack), ("timeout".to_owned(), "upstream".to_owned()));
    }
}

#[tokio::test]
async fn an_answer_that_is_reset_in_its_body_never_looks_whole() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil close",
    ] {
        let callee = Callee::bind().await;
        let stack = Stack::with(callee.address, EdgePolicy::default(), Vec::new()).await;
        let mut caller = Wire::to(stack.edge_address()).await;
        caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut served = callee.accept().await;
        served.head().await;
        served.send(answer).await;
        caller.head().await;
        served.reset();
        let (got, _) = caller.rest_and_reset().await;
        assert!(
            !got.ends_with(b"0\r\n\r\n") && got.len() < 30,
            "{}",
            String::from_utf8_lossy(&got)
        );
        stack.settled().await;
        assert_eq!(blame_of_last(&stack), ("body-broken".to_owned(), "upstream".to_owned()));
    }
}

#[tokio::test]
async fn a_connection_that_says_more_than_it_announced_is_not_used_again() {
    let callee = Callee::bind().await;
    let stack = Stack::with(callee.address, EdgePolicy::default(), Vec::new()).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\
                    content-length: 6\r\n\r\nforged";
    caller.send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut served = callee.accept().await;
    served.head().await;
    served.send(smuggled).await;
    assert_eq!(caller.answer().await.1, b"ok");
    assert!(caller.is_silent().await);
    caller.send("GET /2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut fresh = callee.accept().await;
    assert!(fresh.head().await.starts_with("get /2"));
    fresh.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nreal").await;
    assert_eq!(caller.answer().await.1, b"real");
    // An answer to HEAD or 204 that brings a body all the same is such a one, too.
    caller.send("HEAD /3 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    fresh.head().await;
    fresh.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged").await;
    caller.head().await;
    caller.send("GET /4 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(callee.accept().await.head().await.starts_with("get /4"));
}

#[tokio::test]
async fn a_request_in_a_body_is_not_taken_for_one() {
    let callee = Callee::bind().await;
    let stack = Stack::with(callee.address, EdgePolicy::default(), Vec::new()).await;
    for smuggle in [
        "POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n\
         1c\r\nGET /hidden HTTP/1.1\r\n\r\n\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: x, chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\nabc",
        "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 3, 4\r\n\r\nabc",
        "CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut caller = Wire::to(stack.edge_address()).await;
        // What follows on the connection is not read as a request either.
        caller.send(format!("{smuggle}GET /end HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let answer = String::from_utf8(caller.rest().await.unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"), "{answer}");
        assert_eq!(answer.matches("content-length: ").count(), 1, "{answer}");
    }
    assert!(callee.is_left_alone().await);
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab").await;
    let mut served = callee.accept().await;
    served.until("ab").await;
    // The chunk ends in the wrong place.
    caller.send("cdeXX").await;
    let (head, _) = caller.answer().await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    assert_eq!(field(&head, "x-shakedown-blame"), Some("downstream"));
}
