//! Telemetry in and out: another backend gets everything, and a checkout is one trace.

use std::collections::BTreeSet;

use rusqlite::Connection;
use telemetry::clock::Clock;
use tempfile::TempDir;

use crate::support::{self, machine, run, scenario};

fn count(database: &Connection, query: &str) -> i64 {
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Who took part in the trace with the given id.
fn services_of(database: &Connection, trace_id: &[u8]) -> BTreeSet<String> {
    let mut query = database
        .prepare("SELECT DISTINCT service FROM span JOIN resource USING (resource_id) WHERE trace_id = ?1")
        .unwrap();
    query.query_map([trace_id], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// One run against a backend serves both tests' questions, because a run is long.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_forwarded_to_the_backend_and_a_checkout_is_one_trace_with_its_logs() {
    let folder = TempDir::new().unwrap();
    let backend = support::collector("backend", &folder, &Clock::system()).await;
    let url = format!("http://{}", backend.addresses().http);
    let ended = tokio::task::spawn_blocking(move || {
        let _machine = machine();
        run(&scenario("healthy"), &["--plain", "--time-scale", "4", "--otlp", &url])
    })
    .await
    .unwrap();
    assert_eq!(ended.code, 0, "{}", ended.account());
    let sealed = backend.seal().await.unwrap();
    let own = Connection::open(ended.folder.join("run.db")).unwrap();
    let other = Connection::open(folder.path().join("run.db")).unwrap();
    for table in ["span", "log", "point"] {
        let query = format!("SELECT count(*) FROM {table}");
        let here = count(&own, &query);
        assert!(here > 0, "no {table} was kept\n{}", ended.account());
        assert_eq!(count(&other, &query), here, "{table}: {sealed:?}\n{}", ended.account());
    }

    let trace_id: Vec<u8> = own
        .query_row(
            "SELECT trace_id FROM span JOIN resource USING (resource_id)
             WHERE service = 'notifications' AND kind = 'server' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let everybody =
        ["cart", "catalog", "gateway", "inventory", "load", "notifications", "orders", "payments"];
    assert_eq!(services_of(&own, &trace_id), everybody.map(str::to_owned).into());
    let mut query = own
        .prepare(
            "SELECT DISTINCT service FROM log JOIN resource USING (resource_id)
             WHERE trace_id = ?1 AND correlation_id IS NOT NULL",
        )
        .unwrap();
    let speakers: BTreeSet<String> =
        query.query_map([&trace_id], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(speakers.contains("orders") && speakers.contains("payments"), "{speakers:?}");
}
