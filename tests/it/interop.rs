//! Unmodified OpenTelemetry SDKs of other languages send to the collector.
//!
//! The tests need Node.js, Python, and the packages of `tests/interop`; on a machine without them
//! they stay ignored. `.ci/run` installs the packages and runs them.

use std::net::SocketAddr;
use std::process::Command;

use model::id::TraceId;
use rusqlite::Connection;
use serde_json::{Value, json};
use telemetry::clock::Clock;
use tempfile::TempDir;

use crate::support::{self, root};

#[derive(Debug, Clone, Copy)]
struct Language {
    name: &'static str,
    /// From the folder `tests/interop`.
    command: [&'static str; 2],
    /// Does its SDK join measurements to the traces in which they were made?
    has_exemplars: bool,
}

const NODE: Language =
    Language { name: "node", command: ["node", "emit.mjs"], has_exemplars: false };
const PYTHON: Language =
    Language { name: "python", command: [".venv/bin/python", "emit.py"], has_exemplars: true };

/// Sends two spans, a log record and five metrics; returns the trace id.
async fn emit(language: Language, encoding: &'static str, to: SocketAddr) -> TraceId {
    let output = tokio::task::spawn_blocking(move || {
        let folder = root().join("tests/interop");
        let [program, file] = language.command;
        let in_folder = folder.join(program);
        let program = if in_folder.exists() { in_folder } else { program.into() };
        Command::new(program)
            .current_dir(folder)
            .args([file, encoding, &format!("http://{to}")])
            .output()
            .expect("the language is installed")
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    said.trim().parse().unwrap_or_else(|_| panic!("no trace id in {said:?}\n{complaints}"))
}

async fn sends_all_three_signals(language: Language, encoding: &'static str) {
    let folder = TempDir::new().unwrap();
    let collector = support::collector("interop", &folder, &Clock::system()).await;
    let addresses = collector.addresses();
    let to = if encoding == "grpc" { addresses.grpc } else { addresses.http };
    let trace_id = emit(language, encoding, to).await;

    let trace = collector.trace(trace_id).expect("the trace is found by its id");
    let find = |name| trace.spans.iter().find(|span| span.name == name).unwrap();
    let (checkout, charge) = (find("checkout"), find("charge"));
    assert_eq!(trace.spans.len(), 2);
    assert_eq!((&*checkout.kind, checkout.parent, checkout.error), ("server", None, false));
    assert_eq!((&*charge.kind, charge.parent), ("client", Some(checkout.span_id)));
    assert_eq!((charge.error, &*charge.status_message), (true, "card refused"));
    assert_eq!(charge.service, format!("{}-{encoding}", language.name));
    assert_eq!(charge.attributes["list.of.numbers"], json!([1, 2, 3]));
    assert_eq!(charge.events[0].name, "retrying");
    assert_eq!(charge.events[0].attributes["attempt"], json!(2));

    assert_eq!(trace.logs.len(), 1);
    let line = &trace.logs[0];
    assert_eq!((&*line.body, &*line.severity), (&*format!("written in {encoding}"), "WARN"));
    assert_eq!(line.span_id, Some(charge.span_id));
    assert_eq!(line.correlation_id.as_ref().unwrap().as_str(), "interop-1");

    let sealed = collector.seal().await.unwrap();
    assert_eq!((sealed.points, sealed.rejected, sealed.dropped), (5, 0, 0));
    let database = Connection::open(folder.path().join("run.db")).unwrap();
    check_metrics(&database, language, trace_id);
}

/// Kind, value, count, sum, detail and exemplars of the only point of a metric.
type Point = (String, Option<f64>, Option<u32>, Option<f64>, String, String);

fn point(database: &Connection, name: &str) -> Point {
    let query = "SELECT kind, CAST(value AS REAL), count, sum, detail, exemplars
                 FROM point JOIN metric USING (metric_id) WHERE name = ?1";
    database
        .query_row(query, [name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap()
}

fn check_metrics(database: &Connection, language: Language, trace_id: TraceId) {
    for (name, kind, value) in [
        ("interop.requests", "sum", 7.0),
        ("interop.active", "sum", -3.0),
        ("interop.temperature", "gauge", 36.6),
    ] {
        let point = point(database, name);
        assert_eq!((&*point.0, point.1), (kind, Some(value)), "{name}");
    }
    let (kind, _, count, sum, detail, _) = point(database, "interop.duration");
    assert_eq!((&*kind, count, sum), ("histogram", Some(3), Some(5.0)));
    assert_eq!(detail, r#"{"bounds":[0.5,1.0],"counts":[1,1,1]}"#);

    let (kind, _, count, sum, detail, exemplars) = point(database, "interop.size");
    assert_eq!((&*kind, count, sum), ("exponential_histogram", Some(5), Some(1_007.0)));
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail["zero_count"], json!(1));
    let scale = detail["scale"].as_i64().unwrap();
    let buckets = detail["positive"]["counts"].as_array().unwrap();
    let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.as_u64().unwrap()).collect();
    assert_eq!(counts.iter().sum::<u64>(), 4);
    // The greatest value is in the last bucket that is not empty: (base^index, base^(index + 1)].
    let last = counts.iter().rposition(|count| *count > 0).unwrap();
    let last = detail["positive"]["offset"].as_i64().unwrap() + i64::try_from(last).unwrap();
    let upper = 2_f64.powf((last + 1) as f64 * 2_f64.powi(-i32::try_from(scale).unwrap()));
    let lower = 2_f64.powf(last as f64 * 2_f64.powi(-i32::try_from(scale).unwrap()));
    assert!((lower..=upper).contains(&1_000.0), "{lower} {upper} {detail}");
    if language.has_exemplars {
        assert!(exemplars.contains(&trace_id.to_string()), "{exemplars}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
async fn node_sends_over_grpc() {
    sends_all_three_signals(NODE, "grpc").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
async fn node_sends_over_http_protobuf() {
    sends_all_three_signals(NODE, "proto").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
async fn node_sends_over_http_json() {
    sends_all_three_signals(NODE, "json").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and the packages of tests/interop/requirements.txt in tests/interop/.venv"]
async fn python_sends_over_grpc() {
    sends_all_three_signals(PYTHON, "grpc").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and the packages of tests/interop/requirements.txt in tests/interop/.venv"]
async fn python_sends_over_http_protobuf() {
    sends_all_three_signals(PYTHON, "proto").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and the packages of tests/interop/requirements.txt in tests/interop/.venv"]
async fn python_sends_over_http_json() {
    sends_all_three_signals(PYTHON, "json").await;
}
