use std::sync::{Arc, Mutex};

use model::hdr::LoadTotals;
use model::load::{LoadInterval, LoadReply, Outcome};

use super::*;
use crate::testing::{self, Act, Collected, Peer, rate, step};

/// A worker that starts at once, with a collector of its own.
struct Ran {
    done: LoadDone,
    collected: Arc<Mutex<Collected>>,
}

impl Ran {
    fn totals(&self) -> LoadTotals {
        let mut totals = LoadTotals::default();
        for interval in &self.collected.lock().unwrap().intervals {
            totals.add(interval).unwrap();
        }
        totals
    }
}

async fn ran(sut: &Peer, change: impl FnOnce(&mut LoadPlan)) -> Ran {
    let (_stop, stop) = watch::channel(None);
    let (collector, collected) = testing::collector(|_| LoadReply::Continue).await;
    ran_until(sut, (&collector, collected), change, stop).await
}

async fn ran_until(
    sut: &Peer,
    (collector, collected): (&Peer, Arc<Mutex<Collected>>),
    change: impl FnOnce(&mut LoadPlan),
    stop: watch::Receiver<Stop>,
) -> Ran {
    let mut plan = testing::plan(sut.address);
    plan.report_to = Some(collector.address);
    plan.otlp = Some(format!("http://{}", collector.address));
    change(&mut plan);
    let clock = Clock::system();
    let (start, started) = oneshot::channel();
    start.send(LoadStart { start_unix_ns: clock.unix_ns() }).unwrap();
    let done = run(plan, started, stop, clock).await.unwrap();
    Ran { done, collected }
}

fn journeys(totals: &LoadTotals, outcome: Option<Outcome>) -> u64 {
    totals.count(|key| key.step.is_none() && outcome.is_none_or(|outcome| key.outcome == outcome))
}

#[tokio::test]
async fn what_was_reported_each_second_sums_to_the_final_account() {
    let sut = testing::serve(|request| async move {
        if request.path == "/second" { Act::json(404, "{}") } else { Act::json(200, "{}") }
    });
    let sut = sut.await;
    let ran = ran(&sut, |plan| {
        plan.timeline.end_ms = 2_200;
        plan.flows[0].steps.push(step("second", "GET", "/second"));
    });
    let ran = ran.await;
    let collected = ran.collected.lock().unwrap();
    assert_eq!(collected.done, std::slice::from_ref(&ran.done));
    assert_eq!((ran.done.offered, ran.done.failed), (110, 110));
    let sequences: Vec<u64> = collected.intervals.iter().map(|i| i.sequence).collect();
    assert_eq!(sequences, (0..sequences.len() as u64).collect::<Vec<_>>());
    assert!(collected.intervals.is_sorted_by_key(|interval| interval.unix_s));
    assert_eq!(collected.intervals.iter().map(|i| i.offered).sum::<u64>(), 110);
    // The load may have had a few milliseconds only of its first second and of its last.
    let told = |it: &LoadInterval| it.exemplars.is_empty() == it.cells.is_empty();
    assert!(collected.intervals.iter().all(told));
    assert_eq!(ran.done.spans_dropped, 0);
    assert_eq!(collected.spans.len(), 330);
    drop(collected);
    let totals = ran.totals();
    assert_eq!(journeys(&totals, Some(Outcome::Status)), 110);
    assert_eq!(totals.count(|key| key.step.as_deref() == Some("home")), 110);
    assert_eq!(totals.merged(|key| key.step.is_none()).len(), 110);
}

#[tokio::test]
async fn a_stall_of_the_system_is_seen_by_everybody_who_would_have_come() {
    let start = Instant::now();
    let stall = (start + Duration::from_millis(1_500), start + Duration::from_millis(2_500));
    let sut = testing::serve(move |_| async move {
        // Like a process that is paused: nothing is answered before the stall is over.
        if Instant::now() >= stall.0 {
            tokio::time::sleep_until(stall.1).await;
        }
        Act::json(200, "{}")
    });
    let sut = sut.await;
    let ran = ran(&sut, |plan| {
        plan.timeline.end_ms = 4_000;
        plan.loads[0].rate = vec![rate(100.0)];
        plan.connections_max = 5;
    });
    let ran = ran.await;
    assert_eq!((ran.done.offered, ran.done.completed), (400, 400));
    let response = ran.totals().merged(|key| key.step.is_none());
    // A quarter of all arrivals fall into the stall and wait for its end, up to one second: by
    // arithmetic p80 is 0.2 s, p90 is 0.6 s. A busy machine only makes them longer.
    assert!(response.value_at_quantile(0.80) >= 150_000, "{}", response.value_at_quantile(0.80));
    assert!(response.value_at_quantile(0.90) >= 500_000, "{}", response.value_at_quantile(0.90));
    assert!(response.max() >= 900_000, "{}", response.max());
}

#[tokio::test]
async fn a_stop_ends_within_its_bound_against_a_system_that_never_answers() {
    let sut = testing::serve(|_| async { Act::Hang }).await;
    let (stop, stopped) = watch::channel(None);
    let (collector, collected) = testing::collector(|_| LoadReply::Continue).await;
    let change = |plan: &mut LoadPlan| {
        plan.timeline.end_ms = 60_000;
        plan.loads[0].timeout_ms = 60_000;
        plan.connections_max = 20;
    };
    let asked = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        stop.send_replace(Some("a test"));
        Instant::now()
    };
    let parts = (&collector, collected);
    let (ran, asked) = tokio::join!(ran_until(&sut, parts, change, stopped), asked);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(ran.done.offered >= 20, "{:?}", ran.done);
    assert_eq!(ran.done.unfinished, ran.done.offered);
    assert_eq!(journeys(&ran.totals(), Some(Outcome::Unfinished)), ran.done.offered);
}

#[tokio::test]
async fn journeys_that_are_answered_soon_after_the_collectors_stop_end() {
    let sut = testing::serve(|_| async { Act::json(200, "{}") }).await;
    let (_stop, stopped) = watch::channel(None);
    let (collector, collected) =
        testing::collector(|_| LoadReply::Stop { reason: "enough".into() }).await;
    let change = |plan: &mut LoadPlan| plan.timeline.end_ms = 60_000;
    let ran = ran_until(&sut, (&collector, collected), change, stopped).await;
    assert!(ran.done.offered < 500, "{:?}", ran.done);
    assert_eq!(ran.done.completed, ran.done.offered);
    assert_eq!(journeys(&ran.totals(), None), ran.done.offered);
}

#[tokio::test]
async fn the_collectors_stop_does_not_wait_for_answers_that_do_not_come() {
    let sut = testing::serve(|_| async { Act::Hang }).await;
    let (_stop, stopped) = watch::channel(None);
    let (collector, collected) =
        testing::collector(|_| LoadReply::Stop { reason: "enough".into() }).await;
    let change = |plan: &mut LoadPlan| {
        plan.timeline.end_ms = 60_000;
        plan.loads[0].timeout_ms = 60_000;
    };
    let began = Instant::now();
    let ran = ran_until(&sut, (&collector, collected), change, stopped).await;
    // A second to the report that is answered so, and one for journeys in flight.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(ran.done.offered > 0, "{:?}", ran.done);
    assert_eq!(ran.done.unfinished, ran.done.offered);
}

#[tokio::test]
async fn a_stop_before_the_start_gives_an_empty_account() {
    let (collector, collected) = testing::collector(|_| LoadReply::Continue).await;
    let (_start, started) = oneshot::channel();
    let (stop, stopped) = watch::channel(None);
    stop.send_replace(Some("a test"));
    let plan = testing::plan(collector.address);
    let done = run(plan, started, stopped, Clock::system()).await.unwrap();
    assert_eq!(done.offered, 0);
    assert_eq!(collected.lock().unwrap().done, [done]);
}

#[tokio::test]
async fn a_plan_that_cannot_be_run_is_refused_before_anything_is_sent() {
    let mut plan = testing::plan("127.0.0.1:1".parse().unwrap());
    plan.loads[0].flows[0].flow = "nowhere".into();
    let (_start, started) = oneshot::channel();
    let (_stop, stopped) = watch::channel(None);
    let refused = run(plan, started, stopped, Clock::system()).await;
    assert!(matches!(refused, Err(LoadError::Plan { .. })), "{refused:?}");
}

#[tokio::test]
async fn several_threads_run_the_same_plan_and_report_it_as_one_worker() {
    let sut = testing::serve(|_| async { Act::json(200, "{}") }).await;
    let ran = ran(&sut, |plan| {
        plan.timeline.end_ms = 1_200;
        plan.threads = 3;
    });
    let ran = ran.await;
    assert_eq!((ran.done.offered, ran.done.completed), (60, 60));
    let collected = ran.collected.lock().unwrap();
    let seconds: Vec<u64> = collected.intervals.iter().map(|i| i.unix_s).collect();
    assert!(seconds.windows(2).all(|pair| pair[0] < pair[1]), "one report a second: {seconds:?}");
    assert_eq!(collected.intervals.iter().map(|i| i.offered).sum::<u64>(), 60);
    drop(collected);
    assert_eq!(journeys(&ran.totals(), Some(Outcome::Completed)), 60);
}
