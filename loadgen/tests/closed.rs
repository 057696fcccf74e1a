//! Users of the closed model. In a process of their own, one attack after the other: Goose keeps
//! the signals and the log of a process for itself.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

#[path = "../src/testing/peer.rs"]
#[expect(dead_code, reason = "the peer of the unit tests can do more than is asked of it here")]
mod peer;

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::distribution::Distribution;
use model::flow::{ClientPolicy, Flow, Step};
use model::load::{
    AtLimit, Load, LoadDone, LoadModel, LoadPlan, LoadReply, LoadStart, Outcome, Spacing, UserStep,
    Weighted,
};
use model::phase::Timeline;
use model::units::Share;
use peer::{Act, Collected, Peer, collector, nobody, serve};
use rustix::process::{Signal, getpid, kill_process};
use telemetry::clock::Clock;
use tokio::sync::{oneshot, watch};

static ATTACK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Users who each call the path of their flow again and again.
fn users(name: &str, users: u64) -> Load {
    Load {
        name: name.into(),
        flows: vec![Weighted { flow: name.into(), weight: 1 }],
        model: LoadModel::Closed,
        rate: Vec::new(),
        spacing: Spacing::Constant,
        recorded_ns: Vec::new(),
        users,
        levels: Vec::new(),
        think: None,
        timeout_ms: 10_000,
        client: ClientPolicy::default(),
    }
}

fn plan(sut: &Peer, report_to: &Peer, loads: Vec<Load>) -> LoadPlan {
    let flow = |load: &Load| {
        let path = format!("/{}", load.name);
        Flow::new(&load.name, vec![Step::new("walk", "GET", path.parse().unwrap())])
    };
    LoadPlan {
        run_id: "run-1".into(),
        seed: 42,
        worker: 0,
        workers: 1,
        targets: vec![sut.address.into()],
        report_to: Some(report_to.address),
        report_token: None,
        otlp: None,
        control: Share::ZERO,
        timeline: Timeline { before_ms: 0, during_ms: 0, after_ms: 1_000, end_ms: 1_000 },
        flows: loads.iter().map(flow).collect(),
        loads,
        data: BTreeMap::new(),
        feeders: Vec::new(),
        setup: BTreeMap::new(),
        connections_max: 1,
        at_limit: AtLimit::Queue,
        release_every_us: 0,
        threads: 1,
    }
}

struct Ran {
    done: LoadDone,
    collected: Arc<Mutex<Collected>>,
}

impl Ran {
    fn journeys(&self, wanted: impl Fn(Outcome) -> bool) -> u64 {
        let collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let cells = collected.intervals.iter().flat_map(|interval| &interval.cells);
        cells
            .filter(|cell| cell.key.step.is_none() && wanted(cell.key.outcome))
            .map(|cell| cell.count)
            .sum()
    }
}

async fn ran(sut: &Peer, loads: Vec<Load>, change: impl FnOnce(&mut LoadPlan)) -> Ran {
    let (_stop, stop) = watch::channel(None);
    ran_until(sut, loads, change, stop).await
}

async fn ran_until(
    sut: &Peer,
    loads: Vec<Load>,
    change: impl FnOnce(&mut LoadPlan),
    stop: watch::Receiver<loadgen::Stop>,
) -> Ran {
    let (collector, collected) = collector(|_| LoadReply::Continue).await;
    let mut plan = plan(sut, &collector, loads);
    change(&mut plan);
    let clock = Clock::system();
    let (start, started) = oneshot::channel();
    start.send(LoadStart { start_unix_ns: clock.unix_ns() }).unwrap();
    let done = loadgen::run(plan, started, stop, clock).await.unwrap();
    Ran { done, collected }
}

/// A system that remembers who asked, and answers after a while.
async fn remembering(after: Duration) -> (Peer, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&asked);
    let sut = serve(move |request| {
        let id = request.header("x-correlation-id").unwrap().to_owned();
        into.lock().unwrap().push(id);
        async move {
            tokio::time::sleep(after).await;
            Act::json(200, "{}")
        }
    });
    (sut.await, asked)
}

fn user_of(correlation_id: &str) -> u64 {
    let (user, _number) = correlation_id.trim_start_matches('u').split_once('-').unwrap();
    u64::from_str_radix(user, 16).unwrap()
}

/// Numbers of journeys by user, as the system saw them.
fn by_user(asked: &Mutex<Vec<String>>) -> BTreeMap<u64, Vec<u64>> {
    let mut users: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for id in asked.lock().unwrap().iter() {
        let (_user, number) = id.split_once('-').unwrap();
        users.entry(user_of(id)).or_default().push(number.parse().unwrap());
    }
    users
}

#[tokio::test]
async fn each_user_does_one_journey_after_the_other_and_all_figures_say_closed() {
    let _attack = ATTACK.lock().await;
    let (sut, asked) = remembering(Duration::from_millis(20)).await;
    let thinkers =
        Load { think: Some(Distribution::Fixed { value_us: 30_000 }), ..users("think", 3) };
    let ran = ran(&sut, vec![thinkers], |_| ()).await;
    let seen = by_user(&asked);
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    for (user, numbers) in &seen {
        let expected: Vec<u64> = (0..numbers.len() as u64).map(|n| n * 3 + user).collect();
        assert_eq!(*numbers, expected, "of user {user}");
        // A journey and a thought take 50 ms at least, and load lasts for a second.
        assert!(numbers.len() <= 20, "{numbers:?}");
    }
    let total: u64 = seen.values().map(|numbers| numbers.len() as u64).sum();
    assert_eq!((ran.done.offered, ran.done.completed), (total, total));
    assert_eq!(ran.journeys(|outcome| outcome == Outcome::Completed), total);
    let collected = ran.collected.lock().unwrap();
    for interval in &collected.intervals {
        assert!(interval.cells.iter().all(|cell| cell.key.model == LoadModel::Closed));
        assert!(interval.in_flight <= 3, "{}", interval.in_flight);
        let lateness = model::hdr::decode(&interval.lateness_hdr).unwrap();
        assert_eq!(lateness.len(), 0, "nothing was promised, so nothing can be late");
    }
}

#[tokio::test]
async fn each_load_has_as_many_users_as_it_says() {
    let _attack = ATTACK.lock().await;
    let most = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let seen = most.clone();
    let under_way = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let sut = serve(move |request| {
        let load = usize::from(request.path == "/few");
        let (under_way, most) = (Arc::clone(&under_way[load]), Arc::clone(&most[load]));
        async move {
            let now = under_way.fetch_add(1, Ordering::Relaxed) + 1;
            most.fetch_max(now, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(400)).await;
            under_way.fetch_sub(1, Ordering::Relaxed);
            Act::json(200, "{}")
        }
    });
    let sut = sut.await;
    let ran = ran(&sut, vec![users("many", 12), users("few", 4)], |_| ()).await;
    assert_eq!(ran.done.offered, ran.done.completed);
    assert_eq!(seen.each_ref().map(|most| most.load(Ordering::Relaxed)), [12, 4]);
}

#[tokio::test]
async fn users_come_and_go_as_the_levels_of_their_load_say() {
    let _attack = ATTACK.lock().await;
    let (sut, asked) = remembering(Duration::from_millis(5)).await;
    let step = |from, to, for_ms| UserStep { from, to, for_ms };
    let levels = vec![step(1, 1, Some(300)), step(4, 4, Some(300)), step(2, 2, None)];
    let think = Some(Distribution::Fixed { value_us: 20_000 });
    let ran = ran(&sut, vec![Load { levels, think, ..users("walk", 4) }], |_| ()).await;
    let asked: Vec<u64> = asked.lock().unwrap().iter().map(|id| user_of(id)).collect();
    let first = |user| asked.iter().position(|other| *other == user).unwrap();
    let last = |user| asked.iter().rposition(|other| *other == user).unwrap();
    // The first user is alone for a while, and the last two have gone long before load ends.
    assert!(asked[..5].iter().all(|user| *user == 0), "{asked:?}");
    assert!([1, 2, 3].into_iter().all(|user| first(user) >= 5), "{asked:?}");
    let rest = &asked[last(2).max(last(3)) + 1..];
    assert!(rest.len() >= 5 && rest.contains(&0) && rest.contains(&1), "{asked:?}");
    assert_eq!(ran.done.offered, ran.done.completed);
}

#[tokio::test]
async fn users_think_after_each_step_and_between_journeys_as_the_load_says() {
    let _attack = ATTACK.lock().await;
    let (sut, asked) = remembering(Duration::ZERO).await;
    let ran = ran(&sut, vec![users("walk", 1)], |plan| {
        let think = |value_us| Some(Distribution::Fixed { value_us });
        let mut steps = vec![plan.flows[0].steps[0].clone(); 2];
        "first".clone_into(&mut steps[0].name);
        steps[0].think = think(150_000);
        // Nobody thinks after the last step: the load says what comes before the next journey.
        steps[1].think = think(60_000_000);
        plan.flows[0].steps = steps;
        plan.loads[0].think = think(100_000);
    });
    let ran = ran.await;
    let seen = by_user(&asked);
    // 250 ms for a journey of two requests: at most four begin within the second.
    assert!((1..=4).contains(&ran.done.offered), "{:?}", ran.done);
    assert_eq!(ran.done.completed, ran.done.offered);
    assert_eq!(seen[&0].len() as u64, 2 * ran.done.offered, "{seen:?}");
    let collected = ran.collected.lock().unwrap();
    let cells = collected.intervals.iter().flat_map(|interval| &interval.cells);
    for cell in cells.filter(|cell| cell.key.step.is_none()) {
        let response = model::hdr::decode(&cell.response_hdr).unwrap();
        assert!(response.max() < 150_000, "thinking is nobody's response time");
    }
}

#[tokio::test]
async fn users_are_shared_out_over_workers() {
    let _attack = ATTACK.lock().await;
    let (sut, asked) = remembering(Duration::from_millis(50)).await;
    for worker in 0..2 {
        let change = |plan: &mut LoadPlan| (plan.worker, plan.workers) = (worker, 2);
        ran(&sut, vec![users("walk", 5)], change).await;
        let mut seen = by_user(&asked);
        asked.lock().unwrap().clear();
        let expected: Vec<u64> = (0..5).filter(|user| user % 2 == u64::from(worker)).collect();
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected);
        seen.retain(|user, numbers| numbers.iter().any(|number| number % 5 != *user));
        assert!(seen.is_empty(), "{seen:?}");
    }
}

#[tokio::test]
async fn a_stop_is_obeyed_at_once_by_users_who_think_and_by_users_who_get_no_answer() {
    let _attack = ATTACK.lock().await;
    let sut = serve(|request| async move {
        if request.path == "/hang" { Act::Hang } else { Act::json(200, "{}") }
    });
    let sut = sut.await;
    let think = Some(Distribution::Fixed { value_us: 50_000_000 });
    let loads = vec![users("hang", 20), Load { think, ..users("think", 7) }];
    let (stop, stopped) = watch::channel(None);
    let clock = Clock::system();
    let asked = async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        stop.send_replace(Some("a test"));
        clock.now()
    };
    let change = |plan: &mut LoadPlan| plan.timeline.end_ms = 60_000;
    let (ran, asked) = tokio::join!(ran_until(&sut, loads, change, stopped), asked);
    let took = clock.now() - asked;
    // Requests have ten seconds, and thoughts fifty.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((ran.done.offered, ran.done.completed, ran.done.unfinished), (27, 7, 20));
    assert_eq!(ran.journeys(|outcome| outcome == Outcome::Unfinished), 20);
}

#[tokio::test]
async fn a_system_that_refuses_is_not_asked_as_fast_as_a_processor_can() {
    let _attack = ATTACK.lock().await;
    let (sut, _) = remembering(Duration::ZERO).await;
    let (_socket, refusing) = nobody();
    let change = |plan: &mut LoadPlan| plan.targets = vec![refusing.into()];
    let ran = ran(&sut, vec![users("walk", 2)], change).await;
    assert!((2..=200).contains(&ran.done.offered), "{:?}", ran.done);
    assert_eq!(ran.done.failed, ran.done.offered);
}

#[tokio::test]
async fn an_interrupt_ends_a_worker_in_order() {
    let _attack = ATTACK.lock().await;
    let (sut, asked) = remembering(Duration::from_millis(20)).await;
    let (collector, collected) = collector(|_| LoadReply::Continue).await;
    let mut plan = plan(&sut, &collector, vec![users("walk", 3)]);
    plan.timeline.end_ms = 600_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    std::fs::write(&path, serde_json::to_string(&plan).unwrap()).unwrap();
    let (input, mut order) = std::io::pipe().unwrap();
    let clock = Clock::system();
    let start = LoadStart { start_unix_ns: clock.unix_ns() };
    writeln!(order, "{}", serde_json::to_string(&start).unwrap()).unwrap();
    let interrupt = async {
        // Users have begun, so Goose has set up all it ever will.
        while asked.lock().unwrap().len() < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        kill_process(getpid(), Signal::INT).unwrap();
    };
    let worker = loadgen::worker::main_loop(&path, BufReader::new(input), clock);
    let (done, ()) = tokio::join!(worker, interrupt);
    let done = done.unwrap();
    assert_eq!(done.offered, done.completed + done.unfinished);
    assert_eq!(collected.lock().unwrap().done, [done]);
}
