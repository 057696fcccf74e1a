use std::time::Duration;

use model::fault::{FaultKind, FaultState, Window};
use model::plan::LeaseReply;
use model::policy::EdgePolicy;
use tokio::time::Instant;

use super::kit::{Stack, Upstream, fault, header, latency_ms};

fn transitions(stack: &Stack) -> Vec<(String, String)> {
    let lines = stack.recorder.events("shakedown.fault.transition");
    lines
        .iter()
        .map(|line| (line["shakedown.fault.state"].clone(), line["shakedown.fault.cause"].clone()))
        .collect()
}

fn pair(state: &str, cause: &str) -> (String, String) {
    (state.to_owned(), cause.to_owned())
}

#[tokio::test]
async fn a_lapsed_lease_frees_blackholed_requests_and_disarms_until_another_plan() {
    let upstream = Upstream::friendly().await;
    let stack = Stack::start().await;
    let holes = || vec![fault("hole", FaultKind::Blackhole)];
    let plan = stack.plan(vec![upstream.address], EdgePolicy::default(), holes());
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200, "no lease, no fault");
    let began = Instant::now();
    assert_eq!(stack.lease(3_000).await.status(), 200);
    let freed = stack.call_as("u000001-000001").await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3));
    assert_eq!((freed.status().as_u16(), header(&freed, "x-shakedown-fault")), (200, Some("hole")));
    let state = stack.state().await;
    assert!(state.lease.lapsed);
    assert_eq!((state.faults[0].state, state.faults[0].hit), (FaultState::Done, 1));
    assert_eq!(stack.lease(500).await.status(), 409, "a late heartbeat re-arms nothing");
    assert_eq!(stack.call("GET", &[]).await.unwrap().status(), 200);
    assert_eq!(transitions(&stack), [pair("active", "schedule"), pair("done", "lease")]);
    let plan = stack.plan(vec![upstream.address], EdgePolicy::default(), holes());
    assert_eq!(stack.put(&plan).await.status(), 200);
    assert_eq!(stack.lease(500).await.status(), 200, "another plan begins anew");
}

#[tokio::test]
async fn what_a_window_holds_back_goes_on_when_the_window_ends_and_the_lease_does_not() {
    let upstream = Upstream::friendly().await;
    let mut faults = vec![fault("hole", FaultKind::Blackhole), fault("slow", latency_ms(600_000))];
    for (fault, method) in faults.iter_mut().zip(["GET", "POST"]) {
        fault.matching.method = Some(method.into());
        fault.schedule = vec![Window { start_ms: 0, end_ms: 4_000 }];
    }
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let calls = tokio::join!(stack.call("GET", &[]), stack.call("POST", &[]));
    for (freed, name) in [(calls.0, "hole"), (calls.1, "slow")] {
        let freed = freed.unwrap();
        assert_eq!(freed.status(), 200);
        assert_eq!(header(&freed, "x-shakedown-fault"), Some(name));
    }
    let state = stack.state().await;
    assert!(!state.lease.lapsed);
    for fault in state.faults {
        assert_eq!(fault.hit, 1, "{}", fault.name);
    }
}

#[tokio::test]
async fn releasing_disarms_at_once_and_frees_what_waits() {
    let upstream = Upstream::friendly().await;
    let faults = vec![fault("slow", latency_ms(600_000))];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), faults).await;
    let (freed, reply) = tokio::join!(stack.call_as("u000001-000001"), async {
        while stack.state().await.edges[0].attempts == 0 {
            tokio::task::yield_now().await;
        }
        stack.release().await
    });
    assert_eq!(freed.unwrap().status(), 200);
    assert_eq!(reply, LeaseReply { epoch: 1, left_ms: 0, lapsed: false });
    assert_eq!(stack.lease(1_000).await.status(), 409);
    assert_eq!(transitions(&stack), [pair("active", "schedule"), pair("done", "released")]);
    let line = stack.recorder.events("shakedown.fault.decision").remove(0);
    assert_eq!(line["shakedown.fault.planned_us"], "600000000");
    assert!(line["shakedown.fault.achieved_us"].parse::<u64>().unwrap() < 60_000_000);
}

#[tokio::test]
async fn a_lease_outside_its_bounds_is_refused_and_renewing_extends_it() {
    let stack = Stack::start().await;
    for lease_ms in [0, 499, 60_001] {
        assert_eq!(stack.lease(lease_ms).await.status(), 422, "{lease_ms}");
    }
    for lease_ms in [1_000, 50_000] {
        let reply: LeaseReply = serde_json::from_slice(stack.lease(lease_ms).await.body()).unwrap();
        assert!(reply.left_ms <= lease_ms && reply.left_ms > lease_ms - 500, "{reply:?}");
    }
}

#[tokio::test]
async fn a_plan_change_loses_no_request() {
    let upstream = Upstream::friendly().await;
    let slow = || vec![fault("slow", latency_ms(50))];
    let stack = Stack::with(upstream.address, EdgePolicy::default(), slow()).await;
    let calls = async {
        for _ in 0..10 {
            let calls = (0..10).map(|_| stack.call("POST", &[]));
            for answered in futures_all(calls).await {
                assert_eq!(answered.unwrap().status(), 200);
            }
        }
    };
    let changes = async {
        for number in 0..50 {
            let faults = if number % 2 == 0 { Vec::new() } else { slow() };
            let plan = stack.plan(vec![upstream.address], EdgePolicy::default(), faults);
            assert_eq!(stack.put(&plan).await.status(), 200);
        }
    };
    tokio::join!(calls, changes);
    let state = stack.state().await;
    assert_eq!((state.epoch, state.edges[0].requests, state.edges[0].in_flight), (51, 100, 0));
}

/// Runs futures side by side on one task.
async fn futures_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut waiting {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if waiting.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}
