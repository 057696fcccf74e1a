//! Every way in which a run can be ended from outside, and what is left afterwards: nothing.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};
use std::time::Duration;

use bytes::Bytes;
use model::id::CorrelationId;
use model::plan::ProxyState;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use telemetry::client::Client;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{machine, program, run_folder, scenario, unwrapped};

const PATIENCE: Duration = Duration::from_mins(1);

/// A run that is on its way.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    out: TempDir,
}

impl Running {
    fn start(name: &str, time_scale: &str) -> Self {
        let out = TempDir::new().unwrap();
        let mut child = program()
            .arg("run")
            .arg(scenario(name))
            .args(["--plain", "--time-scale", time_scale, "--out"])
            .arg(out.path())
            .stderr(std::process::Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, out }
    }

    /// Reads the plain lines until one has all the words.
    fn read_until(&mut self, words: &[&str]) {
        let mut seen = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
            seen.push(line);
        }
        panic!("the run ended before a line with {words:?}:\n{}", seen.join("\n"));
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).unwrap()
    }

    /// The processes that the runner has started.
    fn children(&self) -> Vec<Pid> {
        let runner = self.child.id();
        let mut children = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{runner}/task")).unwrap() {
            // A thread may end between being listed and being read.
            let Ok(list) = std::fs::read_to_string(task.unwrap().path().join("children")) else {
                continue;
            };
            children.extend(
                list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().unwrap())),
            );
        }
        children
    }

    fn folder(&self) -> PathBuf {
        run_folder(self.out.path()).unwrap()
    }
}

impl Drop for Running {
    /// A failed test must not leave its run to the next one; the guardian ends the rest.
    fn drop(&mut self) {
        let _has_ended = (self.child.kill(), self.child.wait());
    }
}

fn addresses(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("addresses.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The gateway's listener of `orders -> payments`.
fn faulty_edge(addresses: &serde_json::Value) -> SocketAddr {
    let edges = addresses["edges"].as_array().unwrap();
    let edge = edges.iter().find(|edge| edge["edge"] == "orders -> payments").unwrap();
    edge["address"].as_str().unwrap().parse().unwrap()
}

fn is_alive(pid: Pid) -> bool {
    // A zombie has ended; its new parent has only not noticed yet.
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let zombie = state.is_ok_and(|state| state.contains(") Z "));
    test_kill_process(pid).is_ok() && !zombie
}

/// Asks again and again, because another process cannot tell us.
async fn until(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let asked = Instant::now();
    while !holds().await {
        assert!(asked.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn get(client: &Client, to: SocketAddr, path: &str, user: u64) -> http::Response<Bytes> {
    let request = http::Request::builder()
        .uri(path)
        .header("x-correlation-id", CorrelationId::of_user(user, 0).as_str())
        .body(Bytes::new())
        .unwrap();
    client.send(to, request, Duration::from_secs(10)).await.unwrap()
}

async fn state(client: &Client, admin: SocketAddr) -> ProxyState {
    serde_json::from_slice(get(client, admin, "/v1/state", 0).await.body()).unwrap()
}

#[test]
fn a_terminated_run_disarms_ends_everything_seals_and_exits_with_130() {
    let _machine = machine();
    let mut run = Running::start("slow-payments", "4");
    run.read_until(&["during"]);
    let children = run.children();
    assert!(children.len() >= 9, "guardian, proxy, six services, load; got {}", children.len());
    kill_process(run.pid(), Signal::TERM).unwrap();
    // The pipe must be read, or the runner could block on it.
    run.lines.by_ref().for_each(drop);
    let status = run.child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    for child in children {
        assert!(!is_alive(child), "process {child:?} is still there");
    }
    let result = std::fs::read_to_string(run.folder().join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["exit_code"], 130);
    let database = rusqlite::Connection::open(run.folder().join("run.db")).unwrap();
    let clean: bool = database.query_row("SELECT clean FROM run", [], |row| row.get(0)).unwrap();
    assert!(clean, "the run's database was not sealed");
}

#[test]
fn a_service_that_dies_ends_the_run_and_is_named() {
    let _machine = machine();
    let mut run = Running::start("healthy", "4");
    run.read_until(&["before"]);
    let children = run.children();
    let is_payments = |pid: &&Pid| {
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
        line.is_ok_and(|line| line.contains("service\0payments"))
    };
    let payments = *children.iter().find(is_payments).unwrap();
    kill_process(payments, Signal::KILL).unwrap();
    let said: Vec<String> = run.lines.by_ref().map(Result::unwrap).collect();
    assert_eq!(run.child.wait().unwrap().code(), Some(5), "{}", said.join("\n"));
    let words = unwrapped(&said.join(" "));
    assert!(words.contains("payments ended with signal: 9"), "{words}");
    for child in children {
        assert!(!is_alive(child), "process {child:?} is still there");
    }
}

#[test]
fn a_killed_runner_leaves_no_fault_within_its_lease_and_no_process() {
    let _machine = machine();
    tokio::runtime::Runtime::new().unwrap().block_on(kill_the_runner());
}

async fn kill_the_runner() {
    let mut run = Running::start("slow-payments", "2");
    run.read_until(&["during"]);
    let addresses = addresses(&run.folder());
    let admin: SocketAddr = addresses["admin"].as_str().unwrap().parse().unwrap();
    let gateway: SocketAddr = addresses["gateway"].as_str().unwrap().parse().unwrap();
    let edge = faulty_edge(&addresses);
    let client = Client::new();
    let mut user = 1_000_000;
    let mut is_hit = async || {
        user += 1;
        let answer = get(&client, edge, "/health", user).await;
        answer.headers().contains_key("x-shakedown-fault")
    };
    until("a request is hit", PATIENCE, &mut is_hit).await;
    let children = run.children();
    kill_process(run.pid(), Signal::KILL).unwrap();

    let lease_and_a_second = Duration::from_secs(3 + 1);
    until("the faults are disarmed", lease_and_a_second, async || {
        state(&client, admin).await.lease.lapsed
    })
    .await;
    for _ in 0..20 {
        assert!(!is_hit().await, "a fault acted after its lease");
    }
    assert_eq!(get(&client, gateway, "/catalog/items", 1).await.status(), 200);

    until("every process has ended", PATIENCE, async || {
        !children.iter().any(|child| is_alive(*child))
    })
    .await;
}
