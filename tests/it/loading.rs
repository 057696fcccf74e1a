//! `shakedown load` against small servers: what it prints, writes and ends with.
//!
//! Machines are busy, and a busy machine makes a load invalid, which is an honest end (exit code
//! 6). What is tested here holds in either case.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;
use telemetry::clock::Clock;
use tempfile::TempDir;

use crate::support::{machine, program};

/// Serves until the test process ends; `status` gets the number of the request.
fn serve(status: impl Fn(u64) -> u16 + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (status, served) = (Arc::new(status), Arc::new(AtomicU64::new(0)));
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (status, served) = (Arc::clone(&status), Arc::clone(&served));
            std::thread::spawn(move || answer(stream, |number| status(number), &served));
        }
    });
    address
}

fn answer(mut stream: TcpStream, status: impl Fn(u64) -> u16, served: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
        while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            bytes.drain(..end + 4);
            let status = status(served.fetch_add(1, Ordering::Relaxed));
            let text = format!("HTTP/1.1 {status} Said\r\ncontent-length: 5\r\n\r\nhello");
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn load(url: &str, options: &[&str]) -> Output {
    let _machine = machine();
    program().arg("load").arg(url).args(options).output().unwrap()
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn is_valid(result: &Value) -> bool {
    result["trust"]["verdict"] != "invalid"
}

#[test]
fn a_load_prints_its_account_and_every_form_holds_the_same() {
    let address = serve(|number| if number % 10 == 9 { 503 } else { 200 });
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (json, csv, junit, hdr) = (path("j"), path("c"), path("u"), path("h"));
    let output = load(
        &format!("http://{address}/x?n=${{seq}}"),
        &[
            "--rate",
            "100",
            "--for",
            "2s",
            "--warmup",
            "1s",
            "--latency",
            "--threshold",
            "errors < 1%",
            "--json",
            &json,
            "--csv",
            &csv,
            "--junit",
            &junit,
            "--hdr-log",
            &hdr,
        ],
    );
    let (out, err) = text(&output);
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let result: Value = serde_json::from_str(&read(&json)).unwrap();
    let count = |part: &str, name: &str| result[part][name].as_u64().unwrap();
    assert_eq!((count("account", "offered"), count("judged", "offered")), (300, 200), "{out}");
    let ends = ["completed", "failed", "timed_out", "dropped", "unfinished"];
    assert_eq!(ends.iter().map(|end| count("account", end)).sum::<u64>(), 300);
    assert_eq!((count("results", "200"), count("results", "503")), (180, 20));
    assert_eq!(count("account", "failed"), 30);
    // Ten percent is far from one, unless the load was no load.
    let (code, verdict) = if is_valid(&result) { (1, "fail") } else { (6, "not-judged") };
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert_eq!(result["thresholds"][0]["verdict"], verdict);
    assert_eq!(result["exit_code"], code);
    for part in ["Account    300 offered", "p99.9", "1/(1-Percentile)", "200: 180", "Requests/sec:"]
    {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
    assert!(err.lines().any(|line| line.contains("offered")), "{err}");
    let lines = read(&csv);
    let offered = |line: &str| line.split(',').nth(3).unwrap().parse::<u64>().unwrap();
    assert_eq!(lines.lines().skip(1).map(offered).sum::<u64>(), 300);
    assert!(read(&junit).contains("name=\"errors &lt; 1%\""));
    let log = std::fs::read(&hdr).unwrap();
    let mut intervals = 0;
    for entry in IntervalLogIterator::new(&log) {
        if let LogEntry::Interval(interval) = entry.unwrap() {
            assert!(model::hdr::decode(interval.encoded_histogram()).is_ok());
            intervals += 1;
        }
    }
    assert!(intervals >= 4, "{intervals} intervals in the log");
}

#[test]
fn what_cannot_be_loaded_is_told_before_anything_is_sent() {
    // Port 1 is nobody's on a machine for tests, and it is no port that others are given.
    for (url, options, code, told) in [
        ("http://127.0.0.1:1/".to_owned(), &[][..], 5, "nobody listens at"),
        ("http://no.such.host.invalid/".into(), &[], 5, "\"no.such.host.invalid\" is not known"),
        ("ftp://a/".into(), &[], 4, "\"ftp\""),
        ("http://a/".into(), &["--threshold", "p99 < soon"], 4, "p99 takes a duration"),
        ("http://a/".into(), &["--json", "/no/such/folder/x"], 5, "/no/such/folder/x"),
    ] {
        let output = load(&url, options);
        let (out, err) = text(&output);
        assert_eq!(output.status.code(), Some(code), "{url}: {err}");
        assert!(err.contains(told) && out.is_empty(), "{url}: {out} {err}");
    }
}

#[test]
fn a_load_ends_when_a_threshold_fails_and_is_asked_to() {
    let address = serve(|_| 500);
    let output = load(
        &format!("http://{address}/"),
        &[
            "--rate",
            "100",
            "--for",
            "1m",
            "-q",
            "--threshold",
            "errors < 1%",
            "--abort-on-fail",
            "--json",
            "-",
        ],
    );
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(result["elapsed_s"].as_f64().unwrap() < 30.0);
    assert!(result["ended_early"].as_str().unwrap().starts_with("a threshold failed: errors < 1%"));
    assert_eq!(output.status.code(), Some(if is_valid(&result) { 1 } else { 6 }));
}

#[test]
fn the_limit_of_a_server_that_sheds_load_is_found() {
    // It bears ten requests in a tenth of a second, and refuses the rest.
    let clock = Clock::system();
    let window = Mutex::new((0, 0));
    let address = serve(move |_| {
        let mut window = window.lock().unwrap();
        let now = clock.unix_ms() / 100;
        *window = if window.0 == now { (now, window.1 + 1) } else { (now, 1) };
        if window.1 > 10 { 503 } else { 200 }
    });
    let output = load(
        &format!("http://{address}/"),
        &[
            "--rate",
            "50",
            "--for",
            "1s",
            "-q",
            "--find-limit",
            "errors < 20%",
            "--precision",
            "50%",
            "--json",
            "-",
        ],
    );
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let probes = result["probes"].as_array().unwrap();
    assert!(!probes.is_empty());
    let invalid = probes.iter().filter(|probe| probe["verdict"] == "not-judged").count();
    if invalid > 0 {
        return;
    }
    let (holds, fails) = (result["holds_per_s"].as_f64(), result["fails_per_s"].as_f64());
    assert!(holds.is_some_and(|holds| (12.0..=150.0).contains(&holds)), "{result}");
    assert!(fails.is_some_and(|fails| fails <= 200.0 && fails > holds.unwrap()), "{result}");
    assert_eq!((output.status.code(), &result["bound"]), (Some(0), &Value::from("system")));
}

fn json(url: &str, options: &[&str]) -> (Value, Output) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("result.json").display().to_string();
    let output = load(url, &[options, &["--json", &path, "--quiet"]].concat());
    let (out, err) = text(&output);
    let written = std::fs::read_to_string(&path);
    let written = written.unwrap_or_else(|error| panic!("{error}\n{out}\n{err}"));
    (serde_json::from_str(&written).unwrap(), output)
}

#[test]
fn several_workers_send_one_load_together() {
    let address = serve(|_| 200);
    let url = format!("http://{address}/");
    let (result, output) = json(&url, &["--rate", "200", "--for", "2s", "--workers", "3"]);
    assert_eq!(result["account"]["offered"], 400, "{output:?}");
    assert_eq!(
        (&result["account"]["completed"], &result["load"]["workers"]),
        (&400.into(), &3.into())
    );
}

#[test]
fn users_of_the_closed_model_are_labelled_as_such() {
    let address = serve(|_| 200);
    let (result, output) = json(&format!("http://{address}/"), &["--users", "3", "--for", "1s"]);
    let (out, _) = text(&output);
    assert_eq!((&result["load"]["model"], &result["load"]["users"]), (&"closed".into(), &3.into()));
    assert!(result["account"]["completed"].as_u64().unwrap() > 10, "{result}");
    assert!(result["cells"].as_array().unwrap().iter().all(|cell| cell["model"] == "closed"));
    assert!(out.contains("closed model, 3 users"), "{out}");
}

#[test]
fn a_file_of_load_brings_its_flows_its_data_and_its_thresholds() {
    let address = serve(|number| if number == 0 { 201 } else { 200 });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("buy.toml");
    std::fs::write(folder.path().join("users.csv"), "name\nann\nbob\n").unwrap();
    let steps = r#"
title = "Buying"
for = "1s"
threshold = ["errors(buy) < 50%"]
[setup]
steps = [{ get = "/ready", status = [201] }]
[feeder.users]
file = "users.csv"
[[flow]]
name = "buy"
steps = [{ get = "/items/${users.name}", check = ["status == 200"], think = "10ms" }, { get = "/done" }]
[[load]]
name = "buyers"
flow = "buy"
rate = "100/s"
"#;
    std::fs::write(&file, steps).unwrap();
    let target = format!("http://{address}");
    let (result, output) = json(&file.display().to_string(), &["--target", &target]);
    let (out, err) = text(&output);
    assert_eq!(result["account"]["completed"], 100, "{out}\n{err}");
    assert_eq!(result["results"]["200"], 200, "the set-up is no part of the load");
    let groups = result["groups"].as_array().unwrap();
    let first = groups.iter().find(|group| group["step"] == "GET /items/${users.name}").unwrap();
    assert_eq!(first["checks"]["status == 200"]["passed"], 100, "{first}");
    assert_eq!(result["thresholds"].as_array().unwrap().len(), 1);
    assert!(out.contains("Buying on http://"), "{out}");
    let refused = load(&file.display().to_string(), &["--target", &target, "--rate", "5"]);
    assert_eq!(refused.status.code(), Some(4));
}

/// A load of two workers that has begun.
struct Begun {
    child: Child,
    /// What it says from then on.
    lines: Lines<BufReader<ChildStderr>>,
    workers: Vec<Pid>,
    folder: TempDir,
}

impl Begun {
    fn new(target: SocketAddr, options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = program()
            .args(["load", &format!("http://{target}/"), "--for", "2m", "--timeout", "2m"])
            .args(["--workers", "2", "--plain", "--json", "result.json"])
            .args(options)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let pid = child.id();
        let mut begun = Self { child, lines, workers: Vec::new(), folder };
        // The first line of the live view says that the load has begun.
        begun.line_with("offered");
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let pids = children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()));
        begun.workers = pids.map(Option::unwrap).collect();
        assert_eq!(begun.workers.len(), 2);
        begun
    }

    fn line_with(&mut self, part: &str) -> String {
        let line = self.lines.find(|line| line.as_ref().unwrap().contains(part));
        line.unwrap_or_else(|| panic!("it never says {part:?}")).unwrap()
    }

    fn ended(mut self) -> (Option<i32>, Value) {
        self.lines.for_each(drop);
        let code = self.child.wait().unwrap().code();
        let result = std::fs::read(self.folder.path().join("result.json")).unwrap();
        (code, serde_json::from_slice(&result).unwrap())
    }
}

#[test]
fn a_load_that_has_lost_a_worker_ends_and_says_which() {
    let _machine = machine();
    let begun = Begun::new(serve(|_| 200), &["--rate", "100"]);
    kill_process(begun.workers[1], Signal::KILL).unwrap();
    let (code, result) = begun.ended();
    assert_eq!(code, Some(6));
    let early = result["ended_early"].as_str().unwrap();
    assert!(early.starts_with("load worker "), "{early}");
    assert!(result["judged_s"].as_f64().unwrap() < 100.0, "{result}");
}

#[test]
fn a_worker_that_somebody_else_stops_makes_the_load_invalid() {
    let _machine = machine();
    for options in [["--rate", "100"], ["--users", "2"]] {
        let begun = Begun::new(serve(|_| 200), &options);
        kill_process(begun.workers[0], Signal::TERM).unwrap();
        let (code, result) = begun.ended();
        assert_eq!((code, &result["trust"]["verdict"]), (Some(6), &"invalid".into()), "{result}");
        let early = result["ended_early"].as_str().unwrap();
        assert!(early.ends_with("was stopped by SIGTERM"), "{early}");
        assert!(result["trust"]["reasons"][0].as_str().unwrap().ends_with(early), "{result}");
    }
}

/// Interrupts a load and gives its account, with the workers gone.
fn account_of_interrupted(begun: Begun) -> Value {
    let workers = begun.workers.clone();
    kill_process(Pid::from_child(&begun.child), Signal::INT).unwrap();
    let (code, result) = begun.ended();
    assert_eq!(code, Some(130), "{result}");
    for worker in workers {
        let gone = !std::fs::exists(format!("/proc/{}", worker.as_raw_nonzero())).unwrap();
        assert!(gone, "worker {worker:?} is still there");
    }
    result["account"].clone()
}

#[test]
fn an_interrupt_ends_the_load_of_all_workers_and_leaves_none_behind() {
    let _machine = machine();
    let account = account_of_interrupted(Begun::new(serve(|_| 200), &["--rate", "100"]));
    let count = |name: &str| account[name].as_u64().unwrap();
    let parts = ["completed", "failed", "timed_out", "dropped", "unfinished"];
    assert_eq!(count("offered"), parts.map(count).iter().sum::<u64>(), "{account}");
}

#[test]
fn an_interrupt_does_not_wait_for_a_target_that_never_answers() {
    let _machine = machine();
    for options in [["--rate", "100"], ["--users", "6"]] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let begun = Begun::new(silent.local_addr().unwrap(), &options);
        let account = account_of_interrupted(begun);
        assert!(account["offered"].as_u64().unwrap() > 0, "{account}");
        assert_eq!(account["unfinished"], account["offered"], "{account}");
    }
}

#[test]
fn a_load_that_was_killed_left_its_workers_sending() {
    let _machine = machine();
    for options in [["--rate", "100"], ["--users", "2"]] {
        let mut begun = Begun::new(serve(|_| 200), &options);
        let open = |pid: &Pid| pidfd_open(*pid, PidfdFlags::empty()).unwrap();
        let workers: Vec<OwnedFd> = begun.workers.iter().map(open).collect();
        begun.child.kill().unwrap();
        begun.child.wait().unwrap();
        for worker in &workers {
            // Reports that nobody takes would end it after ten seconds.
            let within = Timespec { tv_sec: 8, tv_nsec: 0 };
            let mut ends = [PollFd::new(worker, PollFlags::IN)];
            assert_eq!(poll(&mut ends, Some(&within)).unwrap(), 1, "a worker goes on");
        }
    }
}
