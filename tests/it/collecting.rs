//! `shakedown collector` and `shakedown query` as a person runs them: real processes, real files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use telemetry::client::{Client, ClientError};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::support::program;

/// Far more than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that serves.
struct Collector {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
    http: SocketAddr,
    api: SocketAddr,
}

impl Collector {
    async fn start(flags: &[&str]) -> Self {
        let mut command = Command::from(program());
        command.args(["collector", "--grpc", "0", "--http", "0", "--api", "0"]).args(flags);
        let mut child = command.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut collector = Self { child, lines, said: Vec::new(), http: nowhere, api: nowhere };
        let ready = collector.read_until("collecting OTLP on ").await;
        let (_, places) = ready.split_once(" and ").unwrap();
        collector.http = places.split(',').next().unwrap().parse().unwrap();
        collector.api = ready.rsplit_once("http://").unwrap().1.parse().unwrap();
        collector
    }

    async fn in_folder(folder: &Path) -> Self {
        Self::start(&["--data", folder.to_str().unwrap()]).await
    }

    async fn read_until(&mut self, words: &str) -> String {
        let reading = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said.push(line.clone());
                if line.contains(words) {
                    return line;
                }
            }
            panic!("it ended before it said {words:?}: {:?}", self.said)
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap()
    }

    fn send(&self, signal: Signal) {
        let pid = self.child.id().expect("it has not ended");
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
    }

    async fn ended(&mut self) -> Option<i32> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code()
    }

    /// How many spans it says that it has written.
    async fn written(&self) -> u64 {
        let request = Request::get("/metrics").body(Bytes::new()).unwrap();
        let answer = Client::new().send(self.api, request, PATIENCE).await.unwrap();
        let page = String::from_utf8(answer.into_body().to_vec()).unwrap();
        let series = "shakedown_collector_written_items_total{signal=\"traces\"} ";
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap().parse().unwrap()
    }
}

/// One request with spans of one trace, as OTLP/JSON.
async fn send_spans(
    to: SocketAddr,
    first: u64,
    count: u64,
) -> Result<Response<Bytes>, ClientError> {
    let span = |id: u64| {
        serde_json::json!({
            "traceId": TRACE, "spanId": format!("{:016x}", id + 1), "name": "GET /", "kind": 2,
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000000200000000",
            "status": {"code": 2},
        })
    };
    let spans: Vec<_> = (first..first + count).map(span).collect();
    let service = serde_json::json!([{"key": "service.name", "value": {"stringValue": "shop"}}]);
    let body = serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": service}, "scopeSpans": [{"spans": spans}],
    }]});
    let request = Request::post("/v1/traces").header("content-type", "application/json");
    Client::new().send(to, request.body(body.to_string().into()).unwrap(), PATIENCE).await
}

fn query(words: &[&str]) -> Output {
    program().arg("query").args(words).output().unwrap()
}

/// What a question is answered with, when it must succeed.
fn answer(words: &[&str]) -> String {
    let output = query(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn run_file(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    files.sort();
    files.into_iter().next().expect("there is a run file")
}

fn ask<T: rusqlite::types::FromSql>(file: &Path, sql: &str) -> T {
    Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_collector_loses_at_most_its_last_flush_and_the_next_one_seals_the_run() {
    let folder = TempDir::new().unwrap();
    let mut killed = Collector::in_folder(folder.path()).await;
    let to = killed.http;
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        while send_spans(to, sent, 50).await.is_ok() {
            sent += 50;
        }
        sent
    });
    // Two flushes later it is killed, while requests go on.
    let asking = async {
        let mut first = 0;
        loop {
            let written = killed.written().await;
            if first == 0 {
                first = written;
            } else if written > first {
                return written;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let written = tokio::time::timeout(PATIENCE, asking).await.unwrap();
    killed.send(Signal::KILL);
    assert_eq!(killed.ended().await, None);
    let acknowledged = sending.await.unwrap();
    let file = run_file(folder.path());
    let lock = file.with_extension("lock");
    assert!(lock.exists(), "a killed process leaves its lock file");

    let mut next = Collector::in_folder(folder.path()).await;
    assert!(next.said.iter().any(|line| line.contains("did not end in order")), "{:?}", next.said);
    assert!(!lock.exists());
    let spans: u64 = ask::<i64>(&file, "SELECT count(*) FROM span").cast_unsigned();
    assert!(spans >= written, "{written} spans were said to be written, {spans} are there");
    assert!(spans <= acknowledged + 50, "{spans} of {acknowledged}");
    assert_eq!(ask::<String>(&file, "PRAGMA integrity_check"), "ok");
    assert_eq!(ask::<i64>(&file, "SELECT clean FROM run"), 0);
    assert_eq!(ask::<i64>(&file, "SELECT spans FROM v_traces").cast_unsigned(), spans);
    let shown = answer(&["trace", TRACE, "--run", file.to_str().unwrap()]);
    assert!(shown.starts_with(TRACE), "{shown}");

    next.send(Signal::INT);
    assert_eq!(next.ended().await, Some(0));
    let runs = answer(&["runs", "--data", folder.path().to_str().unwrap()]);
    assert!(runs.contains("sealed after a crash"), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_collector_and_its_file_give_the_same_answers() {
    let folder = TempDir::new().unwrap();
    let mut collector = Collector::in_folder(folder.path()).await;
    assert_eq!(send_spans(collector.http, 0, 3).await.unwrap().status(), 200);
    let api = format!("http://{}", collector.api);
    let questions: [&[&str]; 4] =
        [&["traces", "--error"], &["trace", TRACE], &["logs"], &["operations", "--json"]];
    let ask = |words: &[&str], source: [&str; 2]| answer(&[words, &source].concat());
    let live = questions.map(|words| ask(words, ["--api", &api]));
    assert!(live[0].contains(TRACE) && live[1].contains("3 spans, 3 errors"), "{live:?}");
    let runs = answer(&["runs", "--api", &api, "--json"]);
    assert!(runs.contains("\"live\":true"), "{runs}");

    collector.send(Signal::TERM);
    collector.read_until("sealing the run").await;
    let sealed = collector.read_until(": 3 spans, 0 logs").await;
    assert_eq!(collector.ended().await, Some(0));
    let file = run_file(folder.path());
    assert!(sealed.contains(file.to_str().unwrap()), "{sealed}");
    let filed = questions.map(|words| ask(words, ["--run", folder.path().to_str().unwrap()]));
    assert_eq!(filed, live);
    // Asking leaves nothing behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(ask_sql(&file), "3");
}

/// The file answers without our program, too.
fn ask_sql(file: &Path) -> String {
    ask::<i64>(file, "SELECT spans FROM v_traces WHERE errors = 3").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_only_no_file_is_written_and_questions_are_answered() {
    let home = TempDir::new().unwrap();
    let mut collector = Collector::start(&["--memory-only"]).await;
    assert_eq!(send_spans(collector.http, 0, 2).await.unwrap().status(), 200);
    let api = format!("http://{}", collector.api);
    assert!(answer(&["traces", "--api", &api]).contains(TRACE));
    collector.send(Signal::INT);
    collector.read_until("nothing was kept: 2 spans").await;
    assert_eq!(collector.ended().await, Some(0));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_its_reason_and_its_exit_code() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let file = folder.path().join("run-x.db");
    std::fs::write(&file, "not a database, whatever its name says").unwrap();
    let (file, folder) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    for (words, code, said) in [
        (vec!["collector", "--memory-only", "--api", "0.0.0.0:0"], 4, "needs a token"),
        (vec!["collector", "--memory-only", "--grpc", &taken], 5, "cannot listen on"),
        (vec!["collector", "--data", "/proc/nowhere"], 5, "/proc/nowhere"),
        (vec!["query", "traces", "--api", "http://127.0.0.1:1"], 5, "no collector answers"),
        (vec!["query", "traces", "--api", "ftp//"], 4, "--api wants a URL"),
        (vec!["query", "traces", "--run", "no/such/run.db"], 4, "there is no no/such/run.db"),
        (vec!["query", "traces", "--run", file], 5, "not a database"),
        (vec!["query", "trace", "xyz", "--run", file], 4, "32 lower-case hex digits"),
        (vec!["query", "traces", "--edge", "x", "--run", file], 4, "caller -> callee"),
        (vec!["query", "runs", "--data", folder, "--pin", "run-y"], 1, "did you mean \"run-x\""),
        (vec!["query", "trases"], 4, "'traces'"),
        (vec!["query", "--seal", file], 5, "not a database"),
    ] {
        let output = program().args(&words).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
        assert!(stderr.contains(said), "{words:?}: {stderr}");
    }
}
