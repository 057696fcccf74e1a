//! A collector that we did not write takes what is sent on, and gives it back.
//!
//! The test needs rotel, which `.ci/run` installs into `tests/interop/.venv`; on a machine without
//! it the test stays ignored.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use collector::CollectorHandle;
use http::Request;
use model::id::TraceId;
use rusqlite::Connection;
use serde_json::json;
use telemetry::client::Client;
use telemetry::clock::Clock;
use tempfile::TempDir;

use crate::gateway::free_port;
use crate::support::{self, root};

const PATIENCE: Duration = Duration::from_mins(1);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Ends with the test.
struct Rotel {
    process: Child,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Drop for Rotel {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn program() -> PathBuf {
    let folder = root().join("tests/interop/.venv/lib");
    let python = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    python.join("site-packages/rotel/rotel-agent")
}

impl Rotel {
    /// One that sends everything to `backend`. Who sends to it tries until it listens.
    fn start(folder: &TempDir, backend: SocketAddr) -> Self {
        let (grpc, http) = (free_port(), free_port());
        let process = Command::new(program())
            .arg("start")
            .arg("--pid-file")
            .arg(folder.path().join("rotel.pid"))
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .args(["--batch-timeout", "100ms", "--exporter", "otlp"])
            .args(["--otlp-exporter-endpoint", &format!("http://{backend}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rotel is installed");
        Self { process, grpc, http }
    }
}

/// One item of each signal, in OTLP/JSON.
fn requests() -> [(&'static str, String); 3] {
    let name = json!({"key": "service.name", "value": {"stringValue": "shop"}});
    let resource = json!({"attributes": [name]});
    let span = json!({
        "traceId": TRACE, "spanId": "b7ad6b7169203331", "name": "POST /charges", "kind": 2,
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000000250000000",
        "attributes": [{"key": "n", "value": {"intValue": "-7"}}],
    });
    let record = json!({
        "timeUnixNano": "1790000000100000000", "severityNumber": 17, "traceId": TRACE,
        "spanId": "b7ad6b7169203331", "body": {"stringValue": "charged twice"},
    });
    let point = json!({"timeUnixNano": "1790000000000000000", "asInt": "12"});
    let metric = json!({"name": "peer.sent", "gauge": {"dataPoints": [point]}});
    let spans = json!({"resource": resource, "scopeSpans": [{"spans": [span]}]});
    let logs = json!({"resource": resource, "scopeLogs": [{"logRecords": [record]}]});
    let metrics = json!({"resource": resource, "scopeMetrics": [{"metrics": [metric]}]});
    [
        ("/v1/metrics", json!({"resourceMetrics": [metrics]}).to_string()),
        ("/v1/logs", json!({"resourceLogs": [logs]}).to_string()),
        ("/v1/traces", json!({"resourceSpans": [spans]}).to_string()),
    ]
}

/// Waits, frame by frame, until the backend has the span and its log record.
async fn arrived(backend: &CollectorHandle) -> model::frame::Trace {
    let trace_id: TraceId = TRACE.parse().unwrap();
    let mut frames = backend.subscribe();
    let all = async {
        loop {
            match backend.trace(trace_id) {
                Some(trace) if !trace.spans.is_empty() && !trace.logs.is_empty() => return trace,
                _ => drop(frames.recv().await),
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("it did not come through")
}

async fn through_rotel(protocol: &str) {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let clock = Clock::system();
    let backend = support::collector("backend", &folders[0], &clock).await;
    let rotel = Rotel::start(&folders[1], backend.addresses().grpc);
    let to = if protocol == "grpc" { rotel.grpc } else { rotel.http };
    let export = format!("http://{to} protocol={protocol} compression=gzip");
    let mut first = support::collector_to("first", &folders[1], &clock, vec![export]).await;
    let client = Client::new();
    for (path, body) in requests() {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Bytes::from(body)).unwrap();
        let answer = client.send(first.addresses().http, request, PATIENCE).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let trace = arrived(&backend).await;
    let span = &trace.spans[0];
    assert_eq!((&*span.name, &*span.service, &*span.kind), ("POST /charges", "shop", "server"));
    assert_eq!(span.attributes["n"], json!(-7));
    assert_eq!((&*trace.logs[0].body, &*trace.logs[0].severity), ("charged twice", "ERROR"));
    first.shutdown();
    first.done().await;
    let lost: u64 = first.dropped().iter().map(|drop| drop.count).sum();
    assert_eq!(lost, 0, "{:?}", first.dropped());
    backend.seal().await.unwrap();
    let database = Connection::open(folders[0].path().join("run.db")).unwrap();
    let query = "SELECT value FROM point JOIN metric USING (metric_id) WHERE name = 'peer.sent'";
    let value: i64 = database.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(value, 12);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs rotel; .ci/run installs it"]
async fn a_collector_that_we_did_not_write_takes_what_is_sent_on_over_grpc() {
    through_rotel("grpc").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs rotel; .ci/run installs it"]
async fn a_collector_that_we_did_not_write_takes_what_is_sent_on_over_http() {
    through_rotel("http/protobuf").await;
}
