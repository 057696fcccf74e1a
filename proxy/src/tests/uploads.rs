//! Faults in the body of a request, on its way up.

use std::net::SocketAddr;

use model::fault::{Direction, FaultKind, Placement};
use model::policy::{EdgePolicy, RetryOn, RetryPolicy};
use model::units::Share;

use super::by_hand::{Callee, Wire, body_of, field};
use super::kit::{Stack, fault};

async fn up(to: SocketAddr, effect: FaultKind, policy: EdgePolicy) -> Stack {
    let mut spec = fault("it", effect);
    spec.direction = Direction::Up;
    spec.placement = Placement::Body;
    Stack::with(to, policy, vec![spec]).await
}

/// A policy under which small bodies are kept.
fn keeping() -> EdgePolicy {
    let retry = RetryPolicy {
        attempts: 2,
        on: vec![RetryOn::Connect],
        backoff_min_ms: 1,
        backoff_max_ms: 1,
        budget: Share::WHOLE,
        budget_reserve_per_s: 10,
        retry_after_max_ms: 0,
    };
    EdgePolicy { retry: Some(retry), ..EdgePolicy::default() }
}

#[tokio::test]
async fn the_body_of_a_request_is_changed_whether_it_was_kept_or_streams() {
    for policy in [EdgePolicy::default(), keeping()] {
        let callee = Callee::bind().await;
        let stack = up(callee.address, FaultKind::Corrupt { bytes: 3 }, policy).await;
        let mut caller = Wire::to(stack.edge_address()).await;
        let head = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
        caller.send(format!("{head}aaaaaaaaaa")).await;
        let mut served = callee.accept().await;
        served.head().await;
        let got = served.exactly(10).await;
        assert_eq!(got.iter().filter(|byte| **byte != b'a').count(), 3);
        served.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        let (head, body) = caller.answer().await;
        assert_eq!((field(&head, "x-shakedown-fault"), &body[..]), (Some("it"), &b"ok"[..]));
        assert_eq!(stack.outcomes("it"), ["hit"]);
    }
}

#[tokio::test]
async fn the_body_of_a_request_is_cut_for_the_callee_and_the_caller_is_cut_off() {
    for policy in [EdgePolicy::default(), keeping()] {
        for (effect, expected, reset) in [
            (FaultKind::Truncate { after_bytes: 4 }, &b"0123"[..], false),
            (FaultKind::Reset { after_bytes: 4 }, &b"0123"[..], true),
            (FaultKind::BrokenChunk { after_bytes: 4 }, &b"4\r\n0123\r\nzz\r\n"[..], false),
        ] {
            let name = effect.name();
            let callee = Callee::bind().await;
            let stack = up(callee.address, effect, policy.clone()).await;
            let mut caller = Wire::to(stack.edge_address()).await;
            let head = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
            caller.send(format!("{head}0123456789")).await;
            let mut served = callee.accept().await;
            let (got, is_reset) = served.rest_and_reset().await;
            assert_eq!(is_reset, reset, "{name}");
            if !reset {
                assert_eq!(body_of(&got), expected, "{name}");
            }
            assert_eq!(caller.rest_and_reset().await, (Vec::new(), true), "{name}");
            stack.settled().await;
            assert_eq!(stack.outcomes("it"), ["hit"], "{name}");
        }
    }
}

#[tokio::test]
async fn a_broken_request_is_met_by_the_retries_like_a_real_one() {
    let mut policy = keeping();
    policy.retry.as_mut().unwrap().on = vec![RetryOn::Reset];
    let callee = Callee::bind().await;
    let mut spec = fault("it", FaultKind::Truncate { after_bytes: 1 });
    spec.direction = Direction::Up;
    spec.when.first = Some(1);
    let stack = Stack::with(callee.address, policy, vec![spec]).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("PUT /x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc").await;
    let mut first = callee.accept().await;
    assert_eq!(body_of(&first.rest().await.unwrap()), b"a");
    let mut second = callee.accept().await;
    second.head().await;
    assert_eq!(second.exactly(3).await, b"abc");
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(caller.head().await.starts_with("http/1.1 200"));
}
