//! An unmodified OpenTelemetry SDK of another language sends to the collector.
//!
//! The tests need Node.js and the packages of `tests/interop`; on a machine without them they stay
//! ignored. `.ci/run` installs the packages and runs them.

use std::net::SocketAddr;
use std::process::Command;

use model::id::TraceId;
use rusqlite::Connection;
use telemetry::clock::Clock;
use tempfile::TempDir;

use crate::support::{self, root};

/// Sends one span, one counter and one log record; returns the trace id.
async fn emit(encoding: &'static str, to: SocketAddr) -> TraceId {
    let output = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .current_dir(root().join("tests/interop"))
            .args(["emit.mjs", encoding, &format!("http://{to}")])
            .output()
            .expect("node is installed")
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    said.trim().parse().unwrap_or_else(|_| panic!("no trace id in {said:?}"))
}

async fn sends_all_three_signals(encoding: &'static str) {
    let folder = TempDir::new().unwrap();
    let collector = support::collector("interop", &folder, &Clock::system()).await;
    let addresses = collector.addresses();
    let to = if encoding == "grpc" { addresses.grpc } else { addresses.http };
    let trace_id = emit(encoding, to).await;

    let trace = collector.trace(trace_id).expect("the trace is found by its id");
    assert_eq!(trace.spans.len(), 1);
    assert_eq!(trace.spans[0].name, format!("hello {encoding}"));
    assert_eq!(trace.spans[0].service, format!("node-{encoding}"));
    assert_eq!(trace.spans[0].attributes["list.of.numbers"], serde_json::json!([1, 2, 3]));
    assert_eq!(trace.logs.len(), 1);
    assert_eq!(trace.logs[0].body, format!("written in {encoding}"));
    assert_eq!(trace.logs[0].severity, "WARN");

    collector.seal().await.unwrap();
    let database = Connection::open(folder.path().join("run.db")).unwrap();
    let value: f64 = database
        .query_row(
            "SELECT value FROM point JOIN metric USING (metric_id) WHERE name = ?1",
            [format!("interop.{encoding}.sent")],
            |row| row.get(0),
        )
        .unwrap();
    assert!((value - 7.0).abs() < f64::EPSILON, "{value}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
async fn node_sends_over_grpc() {
    sends_all_three_signals("grpc").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
async fn node_sends_over_http_protobuf() {
    sends_all_three_signals("proto").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
async fn node_sends_over_http_json() {
    sends_all_three_signals("json").await;
}
