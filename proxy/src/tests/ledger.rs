use std::collections::BTreeMap;

use model::fault::FaultKind;
use model::id::CorrelationId;
use model::policy::EdgePolicy;
use model::units::Share;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::kit::{Stack, Upstream, attribute, fault, header, latency_ms};

#[tokio::test]
async fn the_ledger_and_the_counters_say_the_same_and_each_line_names_its_attempt() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::start().await;
    let mut slow = fault("slow", latency_ms(1));
    slow.share = Share::from_ppm(500_000);
    let mut lost = fault("lost", FaultKind::LostReply);
    lost.share = Share::from_ppm(200_000);
    let mut cut = fault("cut", FaultKind::Reset { after_bytes: 0 });
    cut.share = Share::from_ppm(200_000);
    let faults = vec![cut, slow, lost];
    let mut plan = stack.plan(vec![upstream.address], EdgePolicy::default(), faults);
    plan.control = Share::from_ppm(100_000);
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.lease(60_000).await.status(), 200);
    for number in 0..200 {
        let id = CorrelationId::of_user(number % 40, number);
        let _hit_or_not = stack.call_as(id.as_str()).await;
    }
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    let spans = stack.recorder.spans();
    for line in stack.recorder.events("shakedown.fault.decision") {
        let key = (line["shakedown.fault.name"].clone(), line["shakedown.fault.outcome"].clone());
        *counted.entry(key).or_default() += 1;
        let span = spans
            .iter()
            .find(|span| span.span_context.span_id().to_string() == line["span_id"])
            .expect("every line names a span that ended");
        assert!(attribute(span, "shakedown.attempt").is_some(), "not the attempt's span");
        let hit = line["shakedown.fault.outcome"] == "hit";
        let named = attribute(span, "shakedown.fault.name").unwrap_or_default();
        assert_eq!(named.contains(&line["shakedown.fault.name"]), hit);
    }
    for fault in stack.state().await.faults {
        let count = |outcome: &str| {
            counted.get(&(fault.name.clone(), outcome.to_owned())).copied().unwrap_or(0)
        };
        assert_eq!((fault.hit, fault.skipped), (count("hit"), count("skipped")), "{fault:?}");
        assert!(fault.hit > 0 && fault.skipped > 0, "{fault:?} was not exercised");
    }
}

#[tokio::test]
async fn the_public_listener_tells_all_hits_of_a_user_action() {
    let upstream = Upstream::friendly().await;
    let stack =
        Stack::with(upstream.address, EdgePolicy::default(), vec![fault("slow", latency_ms(1))])
            .await;
    stack.call_as("u000001-000001").await.unwrap();
    let none = stack.plan(vec![upstream.address], EdgePolicy::default(), Vec::new());
    assert_eq!(stack.put(&none).await.status(), 200);
    let id = [("x-correlation-id", "u000001-000001")];
    let public = stack.call_at(stack.proxy.addresses().gateway, "GET", &id).await.unwrap();
    assert_eq!(header(&public, "x-shakedown-fault"), Some("slow"));
    let edge = stack.call("GET", &id).await.unwrap();
    assert_eq!(header(&edge, "x-shakedown-fault"), None, "an edge tells its own hits");
}

#[tokio::test]
async fn without_a_repeatable_id_the_ledger_says_that_it_counted() {
    let upstream = Upstream::friendly().await;
    let stack =
        Stack::with(upstream.address, EdgePolicy::default(), vec![fault("slow", latency_ms(1))])
            .await;
    for _ in 0..2 {
        stack.call("GET", &[]).await.unwrap();
    }
    let subjects: Vec<(String, String)> = stack
        .recorder
        .events("shakedown.fault.decision")
        .into_iter()
        .map(|line| {
            (line["shakedown.fault.subject_kind"].clone(), line["shakedown.fault.subject"].clone())
        })
        .collect();
    let counter = |number: &str| ("counter".to_owned(), number.to_owned());
    assert_eq!(subjects, [counter("0"), counter("1")]);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_request_and_its_fault_is_still_accounted_for() {
    let upstream = Upstream::friendly().await;
    let faults = vec![
        fault("hole", FaultKind::Blackhole),
        fault("cut", FaultKind::Reset { after_bytes: 0 }),
    ];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let mut caller = TcpStream::connect(stack.edge_address()).await.unwrap();
    caller.write_all(b"GET /charges HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while stack.state().await.edges[0].attempts == 0 {
        tokio::task::yield_now().await;
    }
    drop(caller);
    while stack.state().await.edges[0].in_flight > 0 {
        tokio::task::yield_now().await;
    }
    let state = stack.state().await;
    assert_eq!((state.faults[0].hit, state.faults[1].skipped), (1, 1));
    let lines = stack.recorder.events("shakedown.fault.decision");
    assert_eq!(lines[1]["shakedown.fault.skip_reason"], "caller-gone");
    let request = stack.recorder.spans().pop().unwrap();
    assert_eq!(attribute(&request, "error.type").as_deref(), Some("caller-gone"));
    assert_eq!(attribute(&request, "shakedown.blame").as_deref(), Some("injected"));
}
