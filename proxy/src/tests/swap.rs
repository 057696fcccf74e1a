//! A plan takes the place of another one while requests are served.

use std::collections::BTreeSet;

use model::fault::FaultKind;
use model::id::CorrelationId;
use model::policy::EdgePolicy;
use model::units::Share;

use super::by_hand::{Callee, Wire, field};
use super::kit::{Stack, Upstream, fault, header, latency_ms};

async fn hit(stack: &Stack, users: std::ops::Range<u64>) -> BTreeSet<String> {
    let mut hit = BTreeSet::new();
    for user in users {
        let id = CorrelationId::of_user(user, 0);
        let answer = stack.call_as(id.as_str()).await.unwrap();
        let names = header(&answer, "x-shakedown-fault").unwrap_or_default();
        if names.split(',').any(|name| name == "some") {
            hit.insert(id.to_string());
        }
    }
    hit
}

#[tokio::test]
async fn another_fault_does_not_roll_the_dice_again() {
    let upstream = Upstream::friendly().await;
    let some = || {
        let mut some = fault("some", latency_ms(0));
        some.share = Share::from_ppm(400_000);
        some
    };
    let run = async |others: Vec<model::fault::FaultSpec>, first: bool| {
        let mut faults = vec![some()];
        if first {
            faults.splice(0..0, others);
        } else {
            faults.extend(others);
        }
        let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
        hit(&stack, 0..60).await
    };
    let alone = run(Vec::new(), true).await;
    assert!((10..50).contains(&alone.len()), "{}", alone.len());
    let mut half = fault("half", latency_ms(0));
    half.share = Share::from_ppm(500_000);
    for first in [true, false] {
        assert_eq!(run(vec![half.clone(), fault("all", latency_ms(0))], first).await, alone);
    }
    // The same while it runs: each user comes once before and once after the change.
    let stack = Stack::with(upstream.address, EdgePolicy::default(), vec![some()]).await;
    let mut seen = hit(&stack, 0..30).await;
    let plan = stack.plan(vec![upstream.address], EdgePolicy::default(), vec![half, some()]);
    assert_eq!(stack.put(&plan).await.status(), 200);
    seen.extend(hit(&stack, 30..60).await);
    assert_eq!(seen, alone);
}

#[tokio::test]
async fn a_request_is_served_to_its_end_by_the_plan_that_it_met() {
    let old = Callee::bind().await;
    let new = Upstream::friendly().await;
    let stack =
        Stack::with(old.address, EdgePolicy::default(), vec![fault("it", latency_ms(1))]).await;
    let mut caller = Wire::to(stack.edge_address()).await;
    caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut served = old.accept().await;
    served.head().await;
    let error = FaultKind::Errors { status: 500, body: None, headers: Vec::new() };
    let mut late = fault("late", error);
    late.placement = model::fault::Placement::Response;
    let plan = stack.plan(vec![new.address], EdgePolicy::default(), vec![late]);
    assert_eq!(stack.put(&plan).await.status(), 200);
    served.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\no").await;
    let head = caller.head().await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(field(&head, "x-shakedown-fault"), Some("it"));
    served.send("ld").await;
    assert_eq!(caller.exactly(3).await, b"old");
    caller.send("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(caller.head().await.starts_with("http/1.1 500"));
    assert_eq!(new.seen(), 1);
}
