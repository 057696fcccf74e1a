//! How long questions take in a large file. Not part of the tests: it writes gigabytes.
//!
//! `SPANS=10000000 cargo test -p collector --lib scale -- --ignored --nocapture`

use std::time::Duration;

use super::*;
use crate::query::EdgeQuery;
use crate::store::recover;
use crate::{LogQuery, TraceQuery};

const SPANS_OF_A_TRACE: u64 = 5;
const EDGES: u64 = 50;
/// All of it happened within an hour.
const START_S: u64 = 1_790_000_000;

/// Rows as the writer makes them, made by SQLite itself, which is faster than binding them.
fn fill(connection: &Connection, spans: u64) {
    let traces = spans / SPANS_OF_A_TRACE;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = OFF;
         PRAGMA synchronous = OFF;
         BEGIN;
         INSERT INTO resource (service, instance, attributes)
         SELECT 'service-' || value, '', '{{}}' FROM generate_series_50;
         CREATE TEMP TABLE seed AS
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT {traces})
         SELECT i, randomblob(16) AS trace_id, {START_S} * 1000000000 + i * {step} AS start_ns FROM n;
         INSERT INTO span
         SELECT s.trace_id, randomblob(8), CASE part.value WHEN 1 THEN NULL ELSE randomblob(8) END,
                1 + (s.i + part.value) % {EDGES}, 'scope', 'GET /items/' || (s.i % 200),
                CASE part.value % 2 WHEN 1 THEN 'server' ELSE 'client' END,
                s.start_ns + part.value * 1000,
                s.start_ns + part.value * 1000 + 1000000 + abs(random()) % 200000000,
                0, '', s.i % 97 = 0, 'client -> service-' || (1 + s.i % {EDGES}),
                CASE s.i % 97 WHEN 0 THEN 'upstream' END, CASE s.i % 1009 WHEN 0 THEN 'slow' END,
                0, NULL, 'GET', '/items/{{id}}', 200, printf('u%06x-%06d', s.i / 20, s.i), 1, '',
                '{{\"http.request.method\":\"GET\",\"url.path\":\"/items/1\",\"server.port\":8080}}',
                ''
         FROM seed s, generate_series_5 part;
         COMMIT;",
        step = 3_600_000_000_000 / traces.max(1),
    ))
    .unwrap();
}

fn timed<T>(what: &str, ask: impl Fn() -> T) -> Duration {
    let clock = Clock::system();
    // The first question reads pages from the disk, the second has them.
    let took = [(); 2].map(|()| {
        let start = clock.now();
        let _answer = ask();
        clock.now() - start
    });
    println!("{what}: {:.2} ms, then {:.2} ms", ms(took[0]), ms(took[1]));
    took[0]
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

#[tokio::test]
#[ignore = "writes gigabytes; run by hand"]
async fn questions_at_scale() {
    let spans = std::env::var("SPANS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    create(&folder, RUN).unwrap().close().await;
    let connection = Connection::open(&path).unwrap();
    for length in [SPANS_OF_A_TRACE, EDGES] {
        connection
            .execute_batch(&format!(
                "CREATE TEMP TABLE generate_series_{length} AS
                 WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n
                 LIMIT {length}) SELECT value FROM n;"
            ))
            .unwrap();
    }
    fill(&connection, spans);
    let middle: Vec<u8> = connection
        .query_row("SELECT trace_id FROM seed WHERE i = ?1", [(spans / 10).cast_signed()], |row| {
            row.get(0)
        })
        .unwrap();
    drop(connection);
    timed("seal", || recover(&path).unwrap());
    println!("file: {} bytes a span", std::fs::metadata(&path).unwrap().len() / spans);
    let reader = read::Reader::new(Some(&path));
    let trace_id = TraceId::from_bytes(middle.try_into().unwrap()).unwrap();
    let correlation = format!("u{:06x}-{:06}", spans / 10 / 20, spans / 10);
    let trace = timed("trace by id", || reader.trace(trace_id).unwrap().unwrap());
    let of_id = || TraceQuery { correlation_id: correlation.parse().ok(), ..<_>::default() };
    let by_correlation = timed("traces by correlation id", || {
        assert_eq!(reader.traces(&of_id()).unwrap().len(), 1);
    });
    timed("newest traces", || reader.traces(&TraceQuery::default()).unwrap());
    let slowest = || TraceQuery { order: crate::TraceOrder::Slowest, ..<_>::default() };
    timed("slowest traces", || reader.traces(&slowest()).unwrap());
    let edge = || "client -> service-7".parse().ok();
    timed("newest failed requests of an edge", || {
        reader.traces(&TraceQuery { edge: edge(), error: Some(true), ..<_>::default() }).unwrap()
    });
    timed("traces that a fault hit", || {
        reader.traces(&TraceQuery { fault: Some("slow".to_owned()), ..<_>::default() }).unwrap()
    });
    timed("traces of a service and a route", || {
        let (service, route) = (Some("service-9".to_owned()), Some("/items/{id}".to_owned()));
        reader.traces(&TraceQuery { service, route, ..<_>::default() }).unwrap()
    });
    timed("logs", || reader.logs(&LogQuery::default()).unwrap());
    let red = timed("RED of the hour, all edges", || {
        let query = EdgeQuery::default();
        let window = query.within(reader.window().unwrap().unwrap());
        assert_eq!(query.rows(window, reader.edges(&query, window).unwrap()).len(), 50);
    });
    timed("RED of the hour by minute, all edges", || {
        let query = EdgeQuery { step_s: Some(60), ..<_>::default() };
        let window = query.within(reader.window().unwrap().unwrap());
        query.rows(window, reader.edges(&query, window).unwrap())
    });
    timed("RED of an edge by second", || {
        let query = EdgeQuery { edge: edge(), step_s: Some(1), ..<_>::default() };
        let window = query.within(reader.window().unwrap().unwrap());
        query.rows(window, reader.edges(&query, window).unwrap())
    });
    timed("operations of the hour", || reader.operations(&<_>::default()).unwrap());
    assert!(trace < Duration::from_millis(10) && by_correlation < Duration::from_millis(10));
    assert!(red < Duration::from_millis(100));
}
