//! A load from several workers: they meet at the collector, begin together, and none is missed.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use model::load::{LoadPlan, Outcome};
use telemetry::clock::Clock;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::hits::load_plan;
use crate::support::{self, ANY_PORT, machine, program};

const WORKERS: u32 = 3;

/// A target that answers 204 and tells the correlation id of each request.
async fn target() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, ids) = mpsc::channel(100_000);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                while let Ok(length @ 1..) = socket.read(&mut request).await {
                    let text = String::from_utf8_lossy(&request[..length]).into_owned();
                    let id = text.split("x-correlation-id: ").nth(1).unwrap();
                    seen.try_send(id.split('\r').next().unwrap().to_owned()).unwrap();
                    if socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, ids)
}

fn shared_plan(target: SocketAddr, api: SocketAddr) -> LoadPlan {
    LoadPlan { workers: WORKERS, ..load_plan(target, api, 64) }
}

async fn ids_of(plan: &LoadPlan, ids: &mut mpsc::Receiver<String>) -> Vec<String> {
    let offered: u64 = plan
        .loads
        .iter()
        .map(|load| {
            let arrivals = loadgen::arrival::Arrivals::new(
                plan.seed,
                load,
                plan.timeline.end_ms,
                loadgen::arrival::Shard::WHOLE,
            );
            arrivals.count() as u64
        })
        .sum();
    let mut got = Vec::new();
    for _ in 0..offered {
        got.push(ids.recv().await.unwrap());
    }
    got.sort_unstable();
    got
}

#[test]
fn workers_begin_together_and_send_together_what_one_alone_would_send() {
    let _machine = machine();
    tokio::runtime::Runtime::new().unwrap().block_on(together_and_alone());
}

async fn together_and_alone() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::system();
    let collector = support::collector("hits", &folder, &clock).await;
    let (target, mut ids) = target().await;
    let api = collector.addresses().api;
    let plan = shared_plan(target, api);
    let mut workers = tokio::task::JoinSet::new();
    // They ask before there is a plan, and wait for it.
    for worker in 0..WORKERS {
        workers.spawn(loadgen::join::join(
            api,
            None,
            worker,
            std::future::pending(),
            clock.clone(),
        ));
    }
    collector.offer_load(plan.clone());
    let (mut offered, mut completed) = (0, 0);
    while let Some(done) = workers.join_next().await {
        let done = done.unwrap().unwrap();
        (offered, completed) = (offered + done.offered, completed + done.completed);
    }
    let together = ids_of(&plan, &mut ids).await;
    assert_eq!((offered, completed), (together.len() as u64, together.len() as u64));
    let meeting = collector.load_rendezvous();
    assert!(meeting.start_unix_ns().is_some());
    assert_eq!((meeting.workers().count(), collector.load_lost()), (3, vec![]));
    let totals = collector.load_totals();
    let journeys = totals.count(|key| key.step.is_none() && key.outcome == Outcome::Completed);
    assert_eq!(journeys, completed);

    // The same load from one worker alone is the same requests.
    let (start, started) = tokio::sync::oneshot::channel();
    let (_running, stop) = tokio::sync::watch::channel(None);
    let begin = model::load::LoadStart { start_unix_ns: clock.unix_ns() + 100_000_000 };
    start.send(begin).unwrap();
    let alone = LoadPlan { workers: 1, ..plan.clone() };
    loadgen::run(alone, started, stop, clock).await.unwrap();
    assert_eq!(ids_of(&plan, &mut ids).await, together);
}

struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.0.kill(), self.0.wait());
    }
}

fn worker(api: SocketAddr, number: u32) -> Worker {
    let child = program()
        .args(["load-worker", "--join", &api.to_string()])
        .env("JOB_COMPLETION_INDEX", number.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Worker(child.unwrap())
}

#[test]
fn a_lost_worker_is_missed_and_the_others_are_stopped() {
    let _machine = machine();
    tokio::runtime::Runtime::new().unwrap().block_on(lose_a_worker());
}

async fn lose_a_worker() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::system();
    let collector = support::collector("hits", &folder, &clock).await;
    let (target, mut ids) = target().await;
    let api = collector.addresses().api;
    let mut plan = shared_plan(target, api);
    plan.timeline.end_ms = 120_000;
    plan.timeline.after_ms = 120_000;
    collector.offer_load(plan);
    let mut workers: Vec<Worker> = (0..WORKERS).map(|number| worker(api, number)).collect();
    ids.recv().await.unwrap();
    workers[1].0.kill().unwrap();
    // The others stop long before the load would have ended.
    let ends = tokio::task::spawn_blocking(move || {
        let mut others = [0, 2].map(|at| workers[at].0.wait().unwrap().success());
        others.sort_unstable();
        others
    });
    let ends = tokio::time::timeout(Duration::from_mins(1), ends).await.unwrap().unwrap();
    assert_eq!(ends, [true, true]);
    assert_eq!(collector.load_lost(), [1]);
    // Whoever is started in its place comes too late.
    let late = tokio::task::spawn_blocking(move || worker(api, 1).0.wait().unwrap().success());
    assert!(!late.await.unwrap(), "a restarted worker must not take part");
}
