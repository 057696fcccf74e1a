//! Lines of text over HTTP, and from a stream within the process.

use serde_json::{Value, json};

use super::http::TRACE;
use super::{gzip, zstd};
use crate::receive::lines::{LINE_BYTES_MAX, LINES_MAX};
use crate::testing::{collector, collector_with, end, post};
use crate::{LineCount, LineSource, LogQuery};

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

#[tokio::test]
async fn lines_become_log_records_with_their_ids_and_are_sent_on() {
    let (backend, _backend_folder) = collector().await;
    let to = format!("http://{}", backend.addresses().http);
    let (handle, _folder) = collector_with(|config| config.export = vec![to]).await;
    let line = json!({
        "level": "error", "msg": "card refused", "trace_id": TRACE, "span_id": "01".repeat(8),
        "correlation_id": "u1-7", "amount": 4_900,
    });
    let text = format!("{line}\nplain text\n");
    let to = handle.addresses().http;
    let answer = post(to, "/v1/lines?service=payments&instance=2", &[LINES], text).await;
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"{}"[..]));
    let logs = handle.trace(TRACE.parse().unwrap()).map(|trace| trace.logs);
    let logs = logs.unwrap_or_else(|| {
        let query = LogQuery { trace_id: Some(TRACE.parse().unwrap()), ..LogQuery::default() };
        handle.logs(query)
    });
    assert_eq!(
        (&*logs[0].service, &*logs[0].severity, &*logs[0].body),
        ("payments", "ERROR", "card refused")
    );
    assert_eq!(logs[0].correlation_id.as_ref().unwrap().as_str(), "u1-7");
    assert_eq!(logs[0].attributes["amount"], json!(4_900));
    assert_eq!(handle.logs(LogQuery::default()).len(), 2);
    let kept = handle.logs(LogQuery::default());
    end(handle).await;
    assert_eq!(backend.logs(LogQuery::default()), kept);
    end(backend).await;
}

/// SV7: a line that lost its end is a warning, with nothing rejected.
#[tokio::test]
async fn a_cut_line_is_told_to_its_sender_and_counted() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let text = format!("{}\nshort", "x".repeat(LINE_BYTES_MAX + 1));
    let answer = post(to, "/v1/lines", &[LINES], text).await;
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(body["partialSuccess"]["rejectedLogRecords"], "0");
    let said = "1 of 2 lines were longer than 65536 bytes and lost their end";
    assert_eq!(body["partialSuccess"]["errorMessage"], said);
    let dropped = handle.dropped();
    let cut = dropped.iter().find(|drop| drop.what == "collector log lines cut").unwrap();
    assert_eq!(cut.count, 1);
    assert_eq!(handle.seal().await.unwrap().dropped, 0);
    end(handle).await;
}

#[tokio::test]
async fn requests_of_lines_obey_the_rules_of_the_others() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    let gzip_name = ("content-encoding", "gzip");
    let zstd_name = ("content-encoding", "zstd");
    let plain = ("content-type", "text/plain; charset=utf-8");
    let json = ("content-type", "application/json");
    for (path, headers, body, status, said) in [
        ("/v1/lines", &[LINES][..], Vec::new(), 200, ""),
        ("/v1/lines", &[plain], b"a\nb".to_vec(), 200, ""),
        ("/v1/lines", &[("content-type", "application/jsonl")], b"{}".to_vec(), 200, ""),
        ("/v1/lines", &[plain, gzip_name], gzip(b"a"), 200, ""),
        ("/v1/lines", &[plain, zstd_name], zstd(b"a"), 200, ""),
        ("/v1/lines?service=a%20b", &[plain], b"a".to_vec(), 200, ""),
        ("/v1/lines?servic=a", &[plain], b"a".to_vec(), 400, "expected `service` or `instance`"),
        ("/v1/lines", &[json], b"{}".to_vec(), 415, "application/x-ndjson, "),
        ("/v1/lines", &[plain], "1\n".repeat(LINES_MAX + 1).into_bytes(), 413, "send fewer"),
    ] {
        let answer = post(to, path, headers, body).await;
        let text = String::from_utf8_lossy(answer.body());
        assert_eq!(answer.status(), status, "{path} {headers:?} {text}");
        assert!(text.contains(said), "{text}");
    }
    let named = handle.logs(LogQuery { service: Some("a b".to_owned()), ..LogQuery::default() });
    assert_eq!(named.len(), 1);
    end(handle).await;
}

#[tokio::test]
async fn the_lines_of_a_stream_are_found_as_they_come_and_counted_at_its_end() {
    let (handle, _folder) = collector().await;
    let source = LineSource { service: "orders".to_owned(), instance: String::new() };
    let mut intake = handle.lines(source.clone());
    intake.push(b"{\"msg\": \"one\"}\n{\"msg\": ").await;
    assert_eq!(handle.logs(LogQuery::default()).len(), 1);
    intake.push(b"\"two\"}\nlast").await;
    assert_eq!(handle.logs(LogQuery::default()).len(), 2);
    assert_eq!(intake.end().await, LineCount { kept: 3, cut: 0, lost: 0 });
    let long = "x".repeat(3 * LINE_BYTES_MAX);
    let stream = format!("{long}\nnext\n");
    let count = handle.lines(source.clone()).read(stream.as_bytes()).await.unwrap();
    assert_eq!(count, LineCount { kept: 2, cut: 1, lost: 0 });
    let lines = handle.logs(LogQuery::default());
    assert!(lines.iter().all(|line| line.service == "orders"));
    let bodies = lines.iter().map(|line| line.body.get(..4).unwrap_or(&line.body));
    assert_eq!(bodies.collect::<Vec<_>>(), ["one", "two", "last", "xxxx", "next"]);
    // A service does not stand still for logs that nobody takes.
    handle.core().admission.close();
    let count = handle.lines(source).read(&b"a\nb\n"[..]).await.unwrap();
    assert_eq!(count, LineCount { kept: 0, cut: 0, lost: 2 });
    let dropped = handle.dropped();
    let lost = dropped.iter().find(|drop| drop.what == "collector log lines lost").unwrap();
    assert_eq!(lost.count, 2);
    end(handle).await;
}
