//! A collector that is killed in the middle of ingest and of export.
//!
//! The collector is this test program itself, started again with one test that serves until it is
//! killed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::testing::{PATIENCE, config, post};

const FOLDER: &str = "SHAKEDOWN_TEST_FOLDER";
const BACKEND: &str = "SHAKEDOWN_TEST_BACKEND";
const IN_FLIGHT: u64 = 4;

/// Ends the process with the test.
struct Collector {
    process: Child,
    http: SocketAddr,
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Collector {
    fn start(folder: &Path, backend: SocketAddr) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "export::tests::crash::serves_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .env(BACKEND, format!("http://{backend} in-flight={IN_FLIGHT}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let http = lines.find_map(|line| line.unwrap().split("serving at ").nth(1)?.parse().ok());
        Self { process, http: http.unwrap() }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.process.kill().unwrap();
    }
}

#[tokio::test]
#[ignore = "the other side of the test below, which starts it"]
async fn serves_until_it_is_killed() {
    let (Ok(folder), Ok(backend)) = (std::env::var(FOLDER), std::env::var(BACKEND)) else { return };
    let unused = TempDir::new().unwrap();
    let mut config = config(&unused);
    config.database = Some(Path::new(&folder).join("run.db"));
    config.export = vec![backend];
    let handle = crate::start(config, Clock::system()).await.unwrap();
    println!("serving at {}", handle.addresses().http);
    std::future::pending::<()>().await;
}

fn one(number: u64) -> Vec<u8> {
    let mut span = span(1, 1, 2_000, 5);
    span.name = number.to_string();
    span.trace_id = [number.to_be_bytes(), number.to_be_bytes()].concat();
    traces("shop", vec![span]).encode_to_vec()
}

/// How often each number has arrived at the backend.
fn arrived(receiver: &Receiver) -> BTreeMap<u64, u64> {
    let mut arrived = BTreeMap::new();
    for bytes in receiver.taken(Signal::Traces) {
        let request = ExportTraceServiceRequest::decode(bytes).unwrap();
        for spans in request.resource_spans.iter().flat_map(|spans| &spans.scope_spans) {
            *arrived.entry(spans.spans[0].name.parse().unwrap()).or_default() += 1;
        }
    }
    arrived
}

/// Sends numbers from several senders until the collector is gone, which it is after so many
/// answers; the numbers whose requests were answered.
async fn send_and_kill(collector: Collector, from: u64, answers: usize) -> Vec<u64> {
    let mut senders = JoinSet::new();
    let (told, mut acknowledged) = tokio::sync::mpsc::channel(1_024);
    for sender in 0..4 {
        let (http, told) = (collector.http, told.clone());
        senders.spawn(async move {
            let headers = [("content-type", "application/x-protobuf")];
            for number in (from + sender..).step_by(4) {
                let request = http::Request::post("/v1/traces").header(headers[0].0, headers[0].1);
                let request = request.body(Bytes::from(one(number))).unwrap();
                let client = telemetry::client::Client::new();
                match client.send(http, request, PATIENCE).await {
                    Ok(answer) if answer.status() == 200 => told.send(number).await.unwrap(),
                    _ => return,
                }
            }
        });
    }
    drop(told);
    let mut numbers = Vec::new();
    let mut collector = Some(collector);
    while let Some(number) = acknowledged.recv().await {
        numbers.push(number);
        if numbers.len() == answers
            && let Some(collector) = collector.take()
        {
            collector.kill();
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_of_ingest_and_export_loses_nothing_acknowledged() {
    let folder = TempDir::new().unwrap();
    let (receiver, address) =
        Receiver::listening(Protocol::HttpProtobuf, Vec::new()).await.unwrap();
    let (mut acknowledged, mut requests_twice) = (Vec::new(), 0);
    for round in 0..4 {
        let collector = Collector::start(folder.path(), address);
        let before = receiver.seen().len();
        acknowledged.extend(send_and_kill(collector, 1 + round * 100_000, 150).await);
        let sent_on = receiver.seen().len() - before;
        assert!(sent_on > 0, "killed before anything was sent on");
        requests_twice += IN_FLIGHT;
    }
    // The last one finds what is left, and sends nothing new.
    let collector = Collector::start(folder.path(), address);
    let last = 1_000_000;
    let headers = [("content-type", "application/x-protobuf")];
    assert_eq!(post(collector.http, "/v1/traces", &headers, one(last)).await.status(), 200);
    while !arrived(&receiver).contains_key(&last) {
        receiver.next_request().await;
    }
    // With several in flight, the last may overtake the one before it.
    let all = async {
        while acknowledged.iter().any(|number| !arrived(&receiver).contains_key(number)) {
            receiver.next_request().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("something acknowledged was lost");
    assert!(acknowledged.len() >= 600);
    let largest = receiver.taken(Signal::Traces).iter().map(Bytes::len).max().unwrap_or(0);
    let bytes_twice: usize = arrived(&receiver)
        .iter()
        .map(|(number, times)| one(*number).len() * (*times as usize - 1))
        .sum();
    // Each kill sends again what was in flight, at most.
    assert!(bytes_twice <= requests_twice as usize * largest, "{bytes_twice}");
}
