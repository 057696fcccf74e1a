use std::time::Duration;

use model::fault::When;
use model::policy::EdgePolicy;

use crate::tests::kit::{Stack, Upstream, fault, header, latency_ms};

use super::*;

fn errors(status: u16, body: Option<&str>, headers: &[(&str, &str)]) -> FaultKind {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers = headers.iter().map(own).collect();
    FaultKind::Errors { status, body: body.map(str::to_owned), headers }
}

async fn stack(faults: Vec<FaultSpec>) -> Stack {
    let upstream = Upstream::friendly().await;
    Stack::with(upstream.address, EdgePolicy::default(), faults).await
}

#[tokio::test]
async fn the_first_requests_of_each_user_fail_and_then_all_succeed() {
    let mut early = fault("early", errors(503, None, &[]));
    early.when = When { first: Some(2), per: Per::User, ..When::default() };
    let stack = stack(vec![early]).await;
    for user in ["u000001", "u000002"] {
        let mut statuses = Vec::new();
        for number in 0..4 {
            let response = stack.call_as(&format!("{user}-{number:06}")).await.unwrap();
            statuses.push(response.status().as_u16());
        }
        assert_eq!(statuses, [503, 503, 200, 200], "{user}");
    }
    let state = stack.state().await.faults.remove(0);
    assert_eq!((state.matched, state.hit, state.skipped), (8, 4, 0));
}

#[tokio::test]
async fn an_injected_answer_carries_the_fields_that_were_asked_for() {
    let fields = [("retry-after", "7"), ("content-type", "application/problem+json")];
    let stack = stack(vec![fault("busy", errors(429, Some("{}"), &fields))]).await;
    let response = stack.call_as("u000001-000001").await.unwrap();
    assert_eq!(response.status(), 429);
    for (name, value) in fields {
        assert_eq!(header(&response, name), Some(value));
    }
    assert_eq!(response.headers().get_all("content-type").iter().count(), 1);
}

#[tokio::test]
async fn more_than_the_cap_are_spared_and_the_ledger_says_so() {
    let mut hole = fault("hole", FaultKind::Blackhole);
    hole.when = When { max_active: Some(1), ..When::default() };
    let stack = Arc::new(stack(vec![hole]).await);
    let held = Arc::clone(&stack);
    let held = tokio::spawn(async move { held.call_as("u000001-000001").await });
    while stack.state().await.faults[0].matched == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stack.call_as("u000001-000002").await.unwrap().status(), 200);
    let lines = stack.recorder.events("shakedown.fault.decision");
    assert_eq!(lines[0]["shakedown.fault.skip_reason"], "cap");
    stack.release().await;
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
    let state = stack.state().await.faults.remove(0);
    assert_eq!((state.matched, state.hit, state.skipped), (2, 1, 1));
}

#[tokio::test]
async fn the_state_says_how_exactly_the_fault_did_its_work() {
    let stack = stack(vec![fault("slow", latency_ms(5))]).await;
    assert_eq!(stack.state().await.faults[0].fidelity, None);
    for number in 0..5 {
        stack.call_as(&format!("u000001-{number:06}")).await.unwrap();
    }
    let found = stack.state().await.faults.remove(0).fidelity.unwrap();
    assert_eq!((found.delays, found.draws, found.hit_rate), (5, 5, 1.0));
    assert_eq!((found.hit_rate_high, found.hit_rate_planned), (1.0, Some(1.0)));
    // A timer may be late on a busy machine and is never early.
    assert!(found.delay_error_p50_us >= 0 && found.delay_error_p50_us <= found.delay_error_max_us);
    assert!(
        Duration::from_micros(found.delay_error_p50_us.unsigned_abs()) < Duration::from_secs(5)
    );
}

#[tokio::test]
async fn faults_of_one_place_leave_one_line_each_whoever_ends_the_attempt() {
    let stack = stack(vec![
        fault("twice", FaultKind::Duplicate),
        fault("slow", latency_ms(1)),
        fault("busy", errors(503, None, &[])),
        fault("late", latency_ms(1)),
    ])
    .await;
    assert_eq!(stack.call_as("u000001-000001").await.unwrap().status(), 503);
    let text = |line: &std::collections::BTreeMap<String, String>| {
        let reason = line.get("shakedown.fault.skip_reason").map_or("", String::as_str);
        let (name, outcome) = (&line["shakedown.fault.name"], &line["shakedown.fault.outcome"]);
        format!("{name} {outcome} {reason}").trim_end().to_owned()
    };
    let mut lines: Vec<String> =
        stack.recorder.events("shakedown.fault.decision").iter().map(text).collect();
    lines.sort_unstable();
    let expected = ["busy hit", "late skipped overtaken", "slow hit", "twice skipped overtaken"];
    assert_eq!(lines, expected);
}
