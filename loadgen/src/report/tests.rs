use std::sync::Arc;
use std::time::Duration;

use model::load::LoadPlan;
use tokio::time::Instant;

use super::collector::{PATIENCE, PATIENCE_STOPPED};
use super::*;
use crate::cpu::Cores;
use crate::plan::Resolved;
use crate::record::Second;
use crate::spans::SpanCounts;
use crate::testing::{self, Act};

fn reporter(plan: &LoadPlan) -> (Reporter, watch::Sender<Order>) {
    let resolved = Arc::new(Resolved::new(plan).unwrap());
    let (orders, _) = watch::channel(Order::Run);
    let intervals = Intervals::new(plan, resolved, SpanCounts::default());
    (Reporter::new(plan.report_to.map(|to| (to, None)), None, intervals, orders.clone()), orders)
}

fn report(unix_s: u64) -> Report {
    let second = Second { offered: 1, ..Second::default() };
    Report { unix_s, second, in_flight: 0, cores: Cores::default() }
}

#[tokio::test]
async fn reports_are_numbered_from_zero_in_their_order() {
    let (peer, collected) = testing::collector(|_| LoadReply::Continue).await;
    let (mut reporter, orders) = reporter(&testing::plan(peer.address));
    for unix_s in [7, 8, 9] {
        reporter.report(report(unix_s)).await;
    }
    let collected = collected.lock().unwrap();
    let got: Vec<_> = collected.intervals.iter().map(|i| (i.sequence, i.unix_s)).collect();
    assert_eq!(got, [(0, 7), (1, 8), (2, 9)]);
    assert_eq!(*orders.borrow(), Order::Run);
}

#[tokio::test]
async fn the_collectors_stop_ends_the_load() {
    let stop = LoadReply::Stop { reason: "enough".into() };
    let (peer, _) = testing::collector(move |_| stop.clone()).await;
    let (mut reporter, orders) = reporter(&testing::plan(peer.address));
    reporter.report(report(7)).await;
    assert_eq!(*orders.borrow(), Order::Stop);
}

#[tokio::test]
async fn a_report_whose_answer_was_lost_comes_again_under_its_number() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let peer = testing::serve(move |request| {
        let interval: LoadInterval = serde_json::from_slice(&request.body).unwrap();
        let mut seen = into.lock().unwrap();
        seen.push(interval.sequence);
        let lost = seen.len() == 1;
        async move { if lost { Act::Reset } else { Act::json(200, r#"{"order":"continue"}"#) } }
    });
    let peer = peer.await;
    let (mut reporter, _orders) = reporter(&testing::plan(peer.address));
    reporter.report(report(7)).await;
    reporter.report(report(8)).await;
    assert_eq!(*seen.lock().unwrap(), [0, 0, 1]);
}

fn done() -> LoadDone {
    LoadDone {
        run_id: "run-1".into(),
        worker: 0,
        offered: 0,
        completed: 0,
        failed: 0,
        timed_out: 0,
        dropped: 0,
        unfinished: 0,
        acknowledged: Vec::new(),
        acknowledged_dropped: 0,
        spans_dropped: 0,
        plan_hash: "0".into(),
        stopped: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_stops_when_the_collector_stays_away() {
    let (_socket, address) = testing::nobody();
    let (mut reporter, orders) = reporter(&testing::plan(address));
    let start = Instant::now();
    reporter.report(report(7)).await;
    assert_eq!(*orders.borrow(), Order::Stop);
    assert!(start.elapsed() >= PATIENCE && start.elapsed() < PATIENCE * 2);
    // What comes afterwards is not waited for again.
    let start = Instant::now();
    reporter.report(report(8)).await;
    let failed = reporter.done(done()).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(matches!(failed, Err(LoadError::Unreachable { for_s: 10, .. })), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_load_does_not_wait_long_for_the_collector() {
    let (_socket, address) = testing::nobody();
    let (reporter, orders) = reporter(&testing::plan(address));
    orders.send_replace(Order::Stop);
    let start = Instant::now();
    assert!(reporter.done(done()).await.is_err());
    assert!(start.elapsed() < PATIENCE_STOPPED * 2);
}

#[tokio::test]
async fn a_refusal_is_told_with_what_the_collector_said() {
    let peer = testing::serve(|_| async { Act::json(422, "unknown run") }).await;
    let (reporter, _) = reporter(&testing::plan(peer.address));
    let told = reporter.done(done()).await.unwrap_err().to_string();
    assert!(told.contains("/v1/load/done with status 422: \"unknown run\""), "{told}");
}

#[tokio::test]
async fn a_receiver_in_this_process_gets_what_the_collector_gets() {
    let (peer, collected) = testing::collector(|_| LoadReply::Continue).await;
    for to in [Some(peer.address), None] {
        let plan = LoadPlan { report_to: to, ..testing::plan(peer.address) };
        let (mut reporter, _orders) = reporter(&plan);
        let (watcher, mut watched) = mpsc::channel(2);
        reporter.watcher = Some(watcher);
        for unix_s in [7, 8] {
            reporter.report(report(unix_s)).await;
        }
        let seen: Vec<_> = std::iter::from_fn(|| watched.try_recv().ok()).collect();
        assert_eq!(seen.iter().map(|i| i.sequence).collect::<Vec<_>>(), [0, 1]);
        let expected = if to.is_some() { seen } else { Vec::new() };
        assert_eq!(collected.lock().unwrap().intervals, expected);
        // Whoever stops watching stops nothing.
        drop(watched);
        reporter.report(report(9)).await;
        assert!(reporter.done(done()).await.is_ok());
        let mut collected = collected.lock().unwrap();
        assert_eq!(collected.intervals.len(), if to.is_some() { 3 } else { 0 });
        assert_eq!(collected.done.len(), 1);
        collected.intervals.clear();
    }
}
