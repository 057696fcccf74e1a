use std::io;
use std::sync::Arc;

use model::load::{AtLimit, Load, LoadModel, LoadPlan, RateStep};
use telemetry::clock::Clock;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::*;
use crate::account::Account;
use crate::pacer::TimerPacer;
use crate::plan::Resolved;
use crate::spans::SpanSink;
use crate::testing::{self, Act, rate};

/// A timer that tests can pause.
struct PausedPacer;

impl Pacer for PausedPacer {
    async fn until(&mut self, at: Instant) -> io::Result<()> {
        tokio::time::sleep_until(at).await;
        Ok(())
    }

    fn rest_until(&mut self, _: Instant) -> io::Result<bool> {
        Ok(false)
    }
}

struct Bench<P> {
    engine: Engine<P>,
    orders: watch::Sender<Order>,
    clock: Clock,
}

fn bench(plan: &LoadPlan) -> Bench<PausedPacer> {
    bench_with(plan, PausedPacer)
}

/// An engine whose load starts now, on the current runtime.
fn bench_with<P: Pacer>(plan: &LoadPlan, pacer: P) -> Bench<P> {
    let clock = Clock::system();
    let (orders, obeyed) = watch::channel(Order::Run);
    let resolved = Arc::new(Resolved::new(plan).unwrap());
    let context = Rc::new(Context::new(resolved, clock.clone(), SpanSink::none()).unwrap());
    let (reports, _nobody) = mpsc::channel(1);
    let ends = (pacer, Backlog::new(reports));
    let share = Share::new(plan, 0);
    let given = Orders { orders: obeyed, share };
    let schedule = Schedule::new(plan, share);
    let engine = Engine::new(context, schedule, clock.now(), given, ends);
    Bench { engine, orders, clock }
}

async fn account<P: Pacer>(bench: Bench<P>) -> (Account, Vec<Report>) {
    let done = LocalSet::new().run_until(bench.engine.run()).await.unwrap();
    (done.closed.account, done.reports)
}

fn sum(reports: &[Report], of: impl Fn(&crate::record::Second) -> u64) -> u64 {
    reports.iter().map(|report| of(&report.second)).sum()
}

#[tokio::test(start_paused = true)]
async fn every_arrival_of_the_plan_is_released_and_ends_in_the_account() {
    // Every request is refused at once, and no time passes in it.
    let (_socket, address) = testing::nobody();
    let mut plan = testing::plan(address);
    plan.timeline.end_ms = 3_000;
    let (account, reports) = account(bench(&plan)).await;
    assert_eq!((account.offered, account.failed), (150, 150));
    assert_eq!(sum(&reports, |second| second.offered), 150);
    let lateness = reports.iter().fold(crate::samples::Samples::default(), |mut all, report| {
        all.absorb(&report.second.lateness);
        all
    });
    // Paused time wakes at most one tick of tokio's timer too late.
    assert!(lateness.to_histogram().max() <= 2_001);
}

#[tokio::test(start_paused = true)]
async fn a_late_wake_releases_all_due_arrivals_from_their_intended_starts() {
    let (_socket, address) = testing::nobody();
    let plan = testing::plan(address);
    let mut bench = bench(&plan);
    tokio::time::advance(Duration::from_millis(500)).await;
    let second = bench.engine.context.second_of(bench.clock.now());
    let local = LocalSet::new();
    let offered = local.run_until(async {
        bench.engine.advance(bench.clock.now());
        bench.engine.context.recorder.take(second).offered
            + bench.engine.backlog.into_reports().iter().map(|r| r.second.offered).sum::<u64>()
    });
    assert_eq!(offered.await, 25);
}

#[tokio::test(start_paused = true)]
async fn the_order_to_end_offers_nothing_more() {
    // Every request is refused at once, and no time passes in it.
    let (_socket, address) = testing::nobody();
    let mut plan = testing::plan(address);
    plan.timeline.end_ms = 60_000;
    let bench = bench(&plan);
    let orders = bench.orders.clone();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        orders.send_replace(Order::Stop);
        std::future::pending::<()>().await;
    };
    let (account, _) = tokio::select! {
        ended = account(bench) => ended,
        () = stop => unreachable!(),
    };
    assert!((99..=101).contains(&account.offered), "{account:?}");
}

#[tokio::test]
async fn who_waits_for_a_place_longer_than_its_timeout_has_timed_out() {
    let peer = testing::serve(|_| async { Act::Hang }).await;
    let mut plan = testing::plan(peer.address);
    plan.connections_max = 1;
    plan.loads[0].timeout_ms = 100;
    // One arrival, before all others, that holds the only place to the end.
    let once = RateStep { for_ms: Some(15), ..rate(100.0) };
    let holder = Load {
        name: "holder".into(),
        rate: vec![once, rate(0.0)],
        timeout_ms: 1_500,
        ..plan.loads[0].clone()
    };
    plan.loads.push(holder);
    let (account, reports) = account(bench(&plan)).await;
    assert_eq!((account.offered, account.timed_out), (51, 51));
    assert_eq!(sum(&reports, |second| second.connection_wait.to_histogram().len()), 1);
    let steps = sum(&reports, |second| {
        second.cells.iter().filter(|(key, _)| key.step == Some(0)).map(|(_, cell)| cell.count).sum()
    });
    assert_eq!(steps, 51, "the first step of a journey that only waited counts too");
}

#[tokio::test]
async fn what_is_in_flight_when_the_drain_ends_is_unfinished_with_a_lower_bound() {
    let peer = testing::serve(|_| async { Act::Hang }).await;
    let mut plan = testing::plan(peer.address);
    plan.connections_max = 10;
    plan.loads[0].timeout_ms = 400;
    plan.flows[0].steps[0].timeout_ms = Some(60_000);
    let (account, reports) = account(bench(&plan)).await;
    assert_eq!((account.offered, account.unfinished), (50, 50));
    let longest_us = reports
        .iter()
        .flat_map(|report| report.second.cells.iter().map(|(_, cell)| cell))
        .map(|cell| cell.response.to_histogram().max())
        .max();
    // The first arrival was meant for 10 ms; load ended at 1,000 ms and the drain 400 ms later.
    assert!(longest_us.unwrap() >= 1_380_000, "{longest_us:?}");
}

#[tokio::test]
async fn above_the_limit_of_connections_arrivals_wait_and_the_wait_is_response_time() {
    let peer = testing::serve(|_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Act::json(200, "{}")
    });
    let peer = peer.await;
    let mut plan = testing::plan(peer.address);
    // 40/s offered for a second, 10/s served by one connection: the last waits for some 3 s.
    plan.connections_max = 1;
    plan.loads[0].rate = vec![rate(40.0)];
    plan.loads[0].timeout_ms = 60_000;
    let (account, reports) = account(bench(&plan)).await;
    assert_eq!((account.offered, account.completed), (40, 40));
    let mut response = model::hdr::empty();
    let mut service = model::hdr::empty();
    for (key, cell) in reports.iter().flat_map(|report| report.second.cells.iter()) {
        if key.step.is_none() {
            response.add(cell.response.to_histogram()).unwrap();
            service.add(cell.service.to_histogram()).unwrap();
        }
    }
    assert!(response.value_at_quantile(0.5) >= 1_300_000, "{}", response.value_at_quantile(0.5));
    assert!(response.max() >= 2_900_000, "{}", response.max());
    assert!(service.min() >= 99_000);
    assert!(service.value_at_quantile(0.5) < response.value_at_quantile(0.5));
}

#[tokio::test]
async fn the_real_timer_paces_an_engine() {
    let peer = testing::serve(|_| async { Act::json(200, "{}") }).await;
    let plan = testing::plan(peer.address);
    let (account, _) = account(bench_with(&plan, TimerPacer::new().unwrap())).await;
    assert_eq!(account.completed, 50);
}

#[tokio::test]
async fn answers_wait_for_the_next_release_only_where_nothing_waits_for_them() {
    let peer = testing::serve(|_| async { Act::json(200, "{}") }).await;
    let mut plan = testing::plan(peer.address);
    plan.loads[0].rate = vec![rate(1.0)];
    let mut bench = bench_with(&plan, TimerPacer::new().unwrap());
    let (engine, soon) = (&mut bench.engine, Duration::from_micros(200));
    let now = bench.clock.now();
    assert!(engine.may_rest(now, now + soon));
    assert!(!engine.may_rest(now, now + 10 * soon), "too long a wait for orders");
    let wake = engine.next_wake(now).min(now + soon);
    assert!(engine.rest(wake).await.unwrap());
    assert!(bench.clock.now() >= wake);
    let arrival = crate::arrival::Arrival { index: 0, at_ns: 0 };
    let waiting = Released { load: 0, arrival, intended: now, dispatched: now };
    engine.queue.push(waiting, soon).unwrap();
    assert!(!engine.may_rest(now, now + soon), "somebody waits for a place");
    engine.queue.pop();
    bench.orders.send_replace(Order::Stop);
    assert!(!engine.rest(bench.clock.now()).await.unwrap(), "an order does not wait");
    let (account, _) = account(bench).await;
    assert_eq!(account.offered, 0);
}

#[tokio::test]
async fn an_engine_that_rests_sends_all_that_is_due_and_reads_every_answer() {
    let peer = testing::serve(|_| async { Act::json(200, "{}") }).await;
    let mut plan = testing::plan(peer.address);
    plan.loads[0].rate = vec![rate(4_000.0)];
    plan.timeline.end_ms = 300;
    let (account, reports) = account(bench_with(&plan, TimerPacer::new().unwrap())).await;
    assert_eq!((account.offered, account.completed), (1_200, 1_200));
    let responses = sum(&reports, |second| {
        second.cells.iter().map(|(_, cell)| cell.response.to_histogram().len()).sum()
    });
    assert_eq!(responses, 2 * 1_200);
}

#[tokio::test(start_paused = true)]
async fn what_arrives_above_the_bound_of_the_queue_is_dropped_and_counted() {
    let peer = testing::serve(|_| async { Act::Hang }).await;
    let mut plan = testing::plan(peer.address);
    plan.connections_max = 1;
    let mut bench = bench(&plan);
    bench.engine.queue = Queue::new(1, 9);
    let (account, reports) = account(bench).await;
    // Load lasts one second and the timeout is five: one journey is sent, nine wait.
    assert_eq!((account.offered, account.dropped, account.timed_out), (50, 40, 10));
    let dropped = sum(&reports, |second| {
        let cells = second.cells.iter().filter(|(key, _)| key.outcome == Outcome::Dropped);
        cells.map(|(_, cell)| cell.response.to_histogram().len()).sum()
    });
    assert_eq!(dropped, 80, "the journey and its first step, each with a lower bound");
}

/// A target that answers after 50 ms, and as many arrivals at once as there are places and more.
async fn crowd(at_limit: AtLimit) -> (Account, Vec<Report>) {
    let sut = testing::serve(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Act::json(200, "{}")
    });
    let sut = sut.await;
    let mut plan = testing::plan(sut.address);
    plan.connections_max = 2;
    plan.at_limit = at_limit;
    plan.loads[0].recorded_ns = vec![0; 10];
    account(bench_with(&plan, TimerPacer::new().unwrap())).await
}

#[tokio::test]
async fn what_comes_at_the_limit_waits_or_is_dropped_or_is_run_as_the_plan_says() {
    for (at_limit, completed, dropped) in
        [(AtLimit::Queue, 10, 0), (AtLimit::Drop, 2, 8), (AtLimit::Spawn, 10, 0)]
    {
        let (account, reports) = crowd(at_limit).await;
        assert_eq!((account.completed, account.dropped), (completed, dropped), "{at_limit:?}");
        let connects = sum(&reports, |second| second.dials.connect.to_histogram().len());
        let expected = if at_limit == AtLimit::Spawn { 10 } else { 2 };
        assert_eq!(connects, expected, "{at_limit:?}");
    }
}

#[tokio::test]
async fn a_load_at_full_speed_keeps_every_place_busy_until_it_ends() {
    let sut = testing::serve(|_| async { Act::json(200, "{}") }).await;
    let mut plan = testing::plan(sut.address);
    plan.loads[0].model = LoadModel::Max;
    plan.connections_max = 3;
    plan.timeline.end_ms = 200;
    let (account, reports) = account(bench_with(&plan, TimerPacer::new().unwrap())).await;
    assert!(account.completed > 30, "{account:?}");
    assert_eq!(account.completed, account.offered);
    assert_eq!(sum(&reports, |second| second.dials.connect.to_histogram().len()), 3);
    // Nothing was promised, so nothing can have been late.
    assert_eq!(sum(&reports, |second| second.lateness.to_histogram().len()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_in_time_also_when_nothing_else_happens() {
    let sut = testing::serve(|_| async { Act::Hang }).await;
    let mut plan = testing::plan(sut.address);
    plan.loads[0].recorded_ns = vec![0];
    plan.loads[0].timeout_ms = 30;
    plan.timeline.end_ms = 40;
    let begin = Instant::now();
    let (account, _) = account(bench(&plan)).await;
    assert_eq!(account.timed_out, 1);
    assert!(begin.elapsed() < Duration::from_millis(100), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_target_that_refuses_is_not_asked_without_a_pause() {
    let (_socket, address) = testing::nobody();
    let mut plan = testing::plan(address);
    plan.loads[0].model = LoadModel::Max;
    plan.connections_max = 1;
    plan.timeline.end_ms = 200;
    let (account, _) = account(bench_with(&plan, TimerPacer::new().unwrap())).await;
    assert!((1..=21).contains(&account.failed), "{account:?}");
}

#[tokio::test(start_paused = true)]
async fn arrivals_that_are_released_together_are_late_by_a_step_at_most() {
    let (_socket, address) = testing::nobody();
    let mut plan = testing::plan(address);
    plan.loads[0].rate = vec![rate(1_000.0)];
    plan.release_every_us = 10_000;
    let (account, reports) = account(bench(&plan)).await;
    assert_eq!(account.offered, 1_000);
    let late_us = reports.iter().map(|report| report.second.lateness.to_histogram().max()).max();
    assert!((5_000..=11_100).contains(&late_us.unwrap()), "{late_us:?}");
}
