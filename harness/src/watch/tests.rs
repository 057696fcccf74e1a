//! Three that are asked the same: a collector over HTTP, the file of its run, and a recording.

use std::time::Duration;

use bytes::Bytes;
use collector::{CollectorConfig, CollectorHandle, RunFile};
use model::frame::Trace;
use serde_json::{Value, json};
use telemetry::client::Client;
use tui::ask::Asker as _;
use tui::ask::{Answer, LogsQuestion, Question, TracesQuestion};
use tui::feed::live::LiveAsker;
use tui::feed::place::Place;
use tui::recorded::{RecordedAsker, record_all};

use super::run_file::RunFileAsker;
use super::*;

/// Seconds with traces.
const SECONDS: u64 = 3;
const TRACES_PER_SECOND: u64 = 5;

/// Client, gateway and service; every third fails, every fourth was hit by two faults.
fn trace(number: u64, start_unix_ns: u64) -> Trace {
    let span = |index: u64, service: &str, kind: &str, own: Value| {
        let mut attributes = json!({
            "shakedown.correlation_id": format!("u000001-{:06}", number % 4),
        });
        attributes.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        json!({
            "span_id": format!("{:016x}", number * 10 + index + 1),
            "parent": (index > 0).then(|| format!("{:016x}", number * 10 + index)),
            "service": service,
            "name": format!("{kind} call"),
            "kind": kind,
            "start_unix_ns": start_unix_ns + index * 1_000,
            "duration_ns": 1_000_000 * (number % 7 + 1) - index * 2_000,
            "error": number.is_multiple_of(3) && matches!(index, 1 | 2),
            "status_message": "",
            "attributes": attributes,
            "events": [],
        })
    };
    let is_hit = number.is_multiple_of(4);
    let fault = if is_hit { json!({ "shakedown.fault.name": "late,slow" }) } else { json!({}) };
    let value = json!({
        "trace_id": format!("{:032x}", number + 1),
        "spans": [
            span(0, "orders", "client", json!({})),
            span(1, "gateway", "server", json!({ "shakedown.edge": "orders -> payments" })),
            span(2, "payments", "server", json!({ "http.route": "/pay" })),
            span(3, "payments", "internal", fault),
        ],
        "logs": [],
    });
    serde_json::from_value(value).unwrap()
}

fn logs(number: u64, start_unix_ns: u64) -> Value {
    let words = [(9, "INFO"), (13, "WARN"), (17, "ERROR")];
    let (severity, text) = words[number as usize % 3];
    let record = json!({
        "timeUnixNano": (start_unix_ns + 5_000).to_string(),
        "severityNumber": severity,
        "severityText": text,
        "body": { "stringValue": format!("Line {number}") },
        "traceId": format!("{:032x}", number + 1),
        "attributes": [{
            "key": "shakedown.correlation_id",
            "value": { "stringValue": format!("u000001-{:06}", number % 4) },
        }],
    });
    let service = json!({ "key": "service.name", "value": { "stringValue": "payments" } });
    json!({ "resourceLogs": [{
        "resource": { "attributes": [service] },
        "scopeLogs": [{ "logRecords": [record] }],
    }] })
}

async fn post(collector: &CollectorHandle, path: &str, body: String) {
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .unwrap();
    let to = collector.addresses().http;
    let answer = Client::new().send(to, request, Duration::from_secs(5)).await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
}

/// A collector that has what three seconds brought.
async fn filled(database: &Path, base_s: u64) -> CollectorHandle {
    let config = CollectorConfig::on_loopback("run-1", Some(database.to_owned()));
    let collector = collector::start(config, Clock::system()).await.unwrap();
    for number in 0..SECONDS * TRACES_PER_SECOND {
        let at_ms = number / TRACES_PER_SECOND * 1_000 + number % TRACES_PER_SECOND * 150;
        let start_unix_ns = base_s * 1_000_000_000 + at_ms * 1_000_000;
        let spans = tui::export::trace_otlp(&trace(number, start_unix_ns));
        post(&collector, "/v1/traces", spans).await;
        post(&collector, "/v1/logs", logs(number, start_unix_ns).to_string()).await;
    }
    collector
}

fn questions(base_s: u64) -> Vec<Question> {
    let base_ms = base_s * 1_000;
    let text = |text: &str| Some(text.to_owned());
    let any = || TracesQuestion { limit: 100, ..TracesQuestion::default() };
    let edge = || Some("orders -> payments".parse().unwrap());
    let traces = [
        any(),
        TracesQuestion { limit: 4, ..any() },
        TracesQuestion { slowest: true, limit: 4, ..any() },
        TracesQuestion { error: Some(true), ..any() },
        TracesQuestion { error: Some(false), ..any() },
        TracesQuestion { fault: text("late"), ..any() },
        TracesQuestion { service: text("payments"), route: text("/pay"), ..any() },
        TracesQuestion { service: text("orders"), route: text("/pay"), ..any() },
        TracesQuestion { name: text("internal call"), ..any() },
        TracesQuestion { correlation_id: Some("u000001-000002".parse().unwrap()), ..any() },
        TracesQuestion { min_ms: Some(3.0), max_ms: Some(5.0), ..any() },
        TracesQuestion {
            from_unix_ms: Some(base_ms + 150),
            to_unix_ms: Some(base_ms + 2_000),
            ..any()
        },
        TracesQuestion { edge: edge(), ..any() },
        TracesQuestion { edge: edge(), error: Some(true), ..any() },
        TracesQuestion { edge: edge(), fault: text("slow"), slowest: true, limit: 2, ..any() },
    ];
    let line = || LogsQuestion { limit: 100, ..LogsQuestion::default() };
    let lines = [
        line(),
        LogsQuestion { limit: 3, ..line() },
        LogsQuestion { severity_min: Some(13), ..line() },
        LogsQuestion { contains: text("LINE 1"), ..line() },
        LogsQuestion { trace_id: Some(trace(4, 0).trace_id), ..line() },
        LogsQuestion { correlation_id: Some("u000001-000003".parse().unwrap()), ..line() },
        LogsQuestion { service: text("orders"), ..line() },
        LogsQuestion {
            from_unix_ms: Some(base_ms + 1_000),
            to_unix_ms: Some(base_ms + 2_000),
            ..line()
        },
    ];
    let whole = [0, 3, 14, 99].map(|number| Question::Trace(trace(number, 0).trace_id));
    traces.map(Question::Traces).into_iter().chain(lines.map(Question::Logs)).chain(whole).collect()
}

#[tokio::test]
async fn a_collector_its_file_and_a_recording_give_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (database, path) = (folder.path().join("run.db"), folder.path().join("run.rec"));
    let base_s = Clock::system().unix_ms() / 1_000 - 10;
    let mut collector = filled(&database, base_s).await;
    collector.seal().await.unwrap();
    let frame = |unix_s| Frame { seq: unix_s - base_s, unix_s, ..Frame::default() };
    let frames: Vec<Frame> = (base_s..base_s + SECONDS).map(frame).collect();
    let file = Arc::new(RunFileAsker::new(RunFile::open(&database).unwrap(), &frames));
    let frames = frames.into_iter().map(Arc::new);
    let status = record_all(&path, frames, Arc::clone(&file) as _, Clock::system()).await;
    assert!(status.ended && status.failed_questions == 0, "{status:?}");
    assert_eq!(status.traces, SECONDS * TRACES_PER_SECOND);
    let recorded = RecordedAsker::new(Arc::new(tui::recorded::open(&path).unwrap()));
    let live = LiveAsker::new(Place::at(collector.addresses().api));
    let mut empty = 0;
    for question in questions(base_s) {
        let told = live.ask(question.clone()).await.unwrap();
        assert_eq!(file.ask(question.clone()).await.as_ref(), Ok(&told), "{question:?}");
        assert_eq!(recorded.ask(question.clone()).await.as_ref(), Ok(&told), "{question:?}");
        empty += usize::from(match told {
            Answer::Traces(lines) => lines.is_empty(),
            Answer::Logs(lines) => lines.is_empty(),
            Answer::Trace(trace) => trace.is_none(),
            Answer::Calls(calls) => calls.is_empty(),
        });
    }
    // No trace has both of two services in one span, no line is of orders, and one id is unknown.
    assert_eq!(empty, 3);
    collector.shutdown();
    collector.done().await;
}

#[tokio::test]
async fn a_page_about_now_has_every_frame_and_a_token_that_is_missing_is_told() {
    let config = CollectorConfig {
        api_token: Some(model::fault::Token::new("s3cret")),
        ..CollectorConfig::on_loopback("run-1", None)
    };
    let mut collector = collector::start(config, Clock::system()).await.unwrap();
    let mut seconds = collector.subscribe();
    seconds.recv().await.unwrap();
    let place = Place::at(collector.addresses().api);
    let error = tui::feed::live::frames_now(&place).await.unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("Authorization: Bearer"), "{error}");
    let place = place.with_token(Some(model::fault::Token::new("s3cret")));
    let frames = tui::feed::live::frames_now(&place).await.unwrap();
    assert!(frames.iter().map(|frame| frame.seq).eq(0..frames.len() as u64), "{frames:?}");
    assert!(!frames.is_empty());
    collector.shutdown();
    collector.done().await;
}
