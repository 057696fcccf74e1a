//! Spans per second into a recording in memory, into a file, and out of it again.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

use model::frame::{Frame, Span, Trace};
use model::id::{SpanId, TraceId};
use serde_json::{Value, json};
use telemetry::clock::Clock;
use tui::recorded::{Bounds, Header, Recording, Second, Writer, read};

const SECONDS: u64 = 60;
const TRACES_PER_SECOND: u64 = 40;
/// As a checkout of the sample shop has.
const SPANS_PER_TRACE: u64 = 14;
const ROUNDS: usize = 7;

fn trace(number: u64) -> Trace {
    let trace_id: TraceId = format!("{:032x}", number + 1).parse().expect("a valid trace id");
    let attributes: BTreeMap<String, Value> = [
        ("shakedown.correlation_id", json!(format!("u{:06x}-000001", number % 100))),
        ("shakedown.edge", json!("orders -> payments")),
        ("http.request.method", json!("POST")),
        ("http.route", json!("/payments/{id}")),
        ("http.response.status_code", json!(200)),
        ("network.peer.address", json!("127.0.0.1:40000")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let span = |index: u64| {
        let id = |index: u64| -> SpanId {
            format!("{:016x}", number * 100 + index + 1).parse().expect("a valid span id")
        };
        Span {
            span_id: id(index),
            parent: index.checked_sub(1).map(id),
            service: format!("service-{}", index % 5),
            name: "POST /payments/{id}".to_owned(),
            kind: if index.is_multiple_of(2) { "client" } else { "server" }.to_owned(),
            start_unix_ns: number * 1_000_000 + index * 1_000,
            duration_ns: 900_000 - index * 2_000,
            error: number.is_multiple_of(50) && index == 3,
            status_message: String::new(),
            attributes: attributes.clone(),
            events: Vec::new(),
            links: Vec::new(),
        }
    };
    Trace { trace_id, spans: (0..SPANS_PER_TRACE).map(span).collect(), logs: Vec::new() }
}

fn seconds() -> Vec<Second> {
    let second = |at: u64| Second {
        frame: Frame { seq: at, unix_s: at, ..Frame::default() }.into(),
        traces: (at * TRACES_PER_SECOND..(at + 1) * TRACES_PER_SECOND).map(trace).collect(),
        ..Second::default()
    };
    (0..SECONDS).map(second).collect()
}

/// The best of some rounds, in spans per second.
fn best<T>(clock: &Clock, mut prepare: impl FnMut() -> T, mut work: impl FnMut(T)) -> f64 {
    let spans = (SECONDS * TRACES_PER_SECOND * SPANS_PER_TRACE) as f64;
    let rounds = (0..ROUNDS).map(|_| {
        let input = prepare();
        let began = clock.now();
        work(input);
        spans / began.elapsed().as_secs_f64()
    });
    rounds.fold(0.0, f64::max)
}

#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn main() {
    let clock = Clock::system();
    let all = seconds();
    let folder = tempfile::tempdir().expect("a folder for files");
    let path = folder.path().join("bench.rec");
    let ingest = best(
        &clock,
        || all.clone(),
        |seconds| {
            let mut recording = Recording::new(Header::default(), Bounds::default());
            for second in seconds {
                recording.insert(second);
            }
            assert!(recording.counts().spans > 0);
        },
    );
    let write = best(
        &clock,
        || {
            // The first round finds none.
            let _absent = std::fs::remove_file(&path);
        },
        |()| {
            let mut writer = Writer::create(&path, &Header::default()).expect("a new file");
            for second in &all {
                writer.second(second).expect("room on the disk");
            }
            writer.finish().expect("room on the disk");
        },
    );
    let bytes = std::fs::read(&path).expect("the file that was written");
    let out = best(
        &clock,
        || BufReader::new(bytes.as_slice()),
        |file| {
            read(file, Path::new("bench.rec"), Bounds::default()).expect("a whole file");
        },
    );
    println!("{:<24} {:>12}", "spans per second", "");
    for (name, rate) in [("into memory", ingest), ("into a file", write), ("out of a file", out)] {
        println!("{name:<24} {rate:>12.0}");
    }
    let spans = SECONDS * TRACES_PER_SECOND * SPANS_PER_TRACE;
    println!("{:<24} {:>12.1}", "bytes per span in a file", bytes.len() as f64 / spans as f64);
}
