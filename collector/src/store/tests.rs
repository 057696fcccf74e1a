mod scale;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::decode::decode;
use crate::live::Live;
use crate::record::Signal;
use crate::testing::{RUN, attribute, logs, span, text, traces};

const EDGE: &str = "orders -> payments";

fn create(folder: &TempDir, run_id: &str) -> Result<Store, StoreError> {
    Store::create(&folder.path().join("run.db"), run_id, &Clock::system())
}

fn gateway(trace: u8, ms: u64, blame: Option<&str>) -> Span {
    let mut sent = span(trace, 1, 5_900, ms);
    sent.kind = 2;
    sent.attributes = vec![text("shakedown.edge", EDGE), text("shakedown.correlation_id", "u1-1")];
    sent.attributes.extend(blame.map(|blame| text("shakedown.blame", blame)));
    sent
}

/// Writes spans and one hit on trace 1, and seals.
async fn sealed(folder: &TempDir, spans: Vec<Span>) {
    let store = create(folder, RUN).unwrap();
    let mut live = Live::new(RUN, 5_000);
    let request = traces("gateway", spans).encode_to_vec();
    store.items(live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), 5_900));
    let decision = opentelemetry_proto::tonic::logs::v1::LogRecord {
        time_unix_nano: 5_000_000_000,
        event_name: "shakedown.fault.decision".to_owned(),
        trace_id: vec![1; 16],
        span_id: vec![1; 8],
        attributes: vec![
            text("shakedown.fault.name", "slow"),
            text("shakedown.fault.outcome", "hit"),
            text("shakedown.edge", EDGE),
            attribute("shakedown.fault.planned_us", Value::IntValue(1_500)),
        ],
        ..<_>::default()
    };
    let request = logs("gateway", vec![decision]).encode_to_vec();
    store.items(live.ingest(decode(Signal::Logs, &request.into(), 0).unwrap(), 5_900));
    let totals = Totals { late: 1, rejected: 2, dropped: 3, sealed_unix_ns: 9, losses: vec![] };
    store.seal(|| totals).await.unwrap();
    store.close().await;
}

fn ask<T: rusqlite::types::FromSql>(folder: &TempDir, sql: &str) -> T {
    let connection = Connection::open(folder.path().join("run.db")).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_sealed_file_answers_plain_sql_through_its_views() {
    let folder = tempfile::tempdir().unwrap();
    let spans = vec![gateway(1, 800, Some("injected")), gateway(2, 100, None)];
    sealed(&folder, spans).await;
    assert_eq!(ask::<i64>(&folder, "SELECT count(*) FROM v_traces"), 2);
    assert_eq!(
        ask::<String>(&folder, "SELECT trace_id FROM v_traces WHERE errors = 1"),
        "01010101010101010101010101010101"
    );
    assert_eq!(ask::<i64>(&folder, "SELECT requests FROM v_red_1s WHERE unix_s = 5"), 2);
    assert_eq!(ask::<i64>(&folder, "SELECT errors FROM v_red_1s"), 1);
    let impact = |column: &str| -> i64 {
        ask(&folder, &format!("SELECT CAST({column} AS INTEGER) FROM v_fault_impact"))
    };
    let columns =
        ["hits", "requests_touched", "requests_failed", "touched_mean_ms", "untouched_mean_ms"];
    assert_eq!(columns.map(impact), [1, 1, 1, 800, 100]);
    assert_eq!(ask::<i64>(&folder, "SELECT planned_us FROM fault_hit"), 1_500);
    assert_eq!(ask::<i64>(&folder, "SELECT clean + late + rejected + dropped FROM run"), 7);
    assert_eq!(ask::<i64>(&folder, "SELECT spans FROM run"), 2);
    let indexes = "SELECT count(*) FROM sqlite_schema WHERE name = 'span_by_trace'";
    assert_eq!(ask::<i64>(&folder, indexes), 1);
}

#[tokio::test]
async fn a_reader_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    sealed(&folder, vec![gateway(1, 800, Some("injected")), gateway(2, 100, None)]).await;
    let reader = read::Reader::new(Some(&folder.path().join("run.db")));
    let [trace_id, other, unknown]: [TraceId; 3] =
        ["01", "02", "09"].map(|byte| byte.repeat(16).parse().unwrap());
    let wholes = reader.wholes(&[unknown, other, trace_id].into()).unwrap();
    let ids: Vec<TraceId> = wholes.iter().map(|trace| trace.trace_id).collect();
    assert_eq!(ids, [trace_id, other]);
    let trace = &wholes[0];
    assert_eq!((trace.spans.len(), trace.logs.len()), (1, 1));
    assert_eq!(trace.spans[0].attributes["shakedown.blame"], "injected");
    let query = |min_ms, error| crate::TraceQuery {
        edge: Some(EDGE.parse().unwrap()),
        correlation_id: Some("u1-1".parse().unwrap()),
        min_ms,
        error,
        ..<_>::default()
    };
    assert_eq!(reader.traces(&query(None, None)).unwrap().len(), 2);
    assert_eq!(reader.traces(&query(Some(500.0), None)).unwrap()[0].head.trace_id, trace_id);
    assert_eq!(reader.traces(&query(None, Some(false))).unwrap().len(), 1);
    let logs = crate::LogQuery { service: Some("gateway".to_owned()), ..<_>::default() };
    assert_eq!(reader.logs(&logs).unwrap().len(), 1);
    let loud = crate::LogQuery { severity_min: Some(9), ..<_>::default() };
    assert!(reader.logs(&loud).unwrap().is_empty());
}

#[tokio::test]
async fn the_file_names_the_faults_of_a_trace_as_the_live_collector_does() {
    let folder = tempfile::tempdir().unwrap();
    let hit = |trace, id, names: &str| {
        let mut sent = gateway(trace, 100 - u64::from(id), None);
        sent.span_id = vec![id; 8];
        sent.attributes.push(text("shakedown.fault.name", names));
        sent
    };
    let spans = vec![hit(1, 1, "slow,cut"), hit(2, 1, "slow, cut"), hit(2, 2, "late,slow")];
    let mut live = Live::new(RUN, 5_000);
    let request = traces("gateway", spans.clone()).encode_to_vec();
    live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), 5_900);
    sealed(&folder, spans).await;
    let reader = read::Reader::new(Some(&folder.path().join("run.db")));
    let edge = Some(EDGE.parse().unwrap());
    for (query, names) in [
        (crate::TraceQuery::default(), ["cut,late,slow", "cut,slow"]),
        (
            crate::TraceQuery { edge, fault: Some("cut".to_owned()), ..<_>::default() },
            ["cut,slow", "cut,slow"],
        ),
    ] {
        let told = |lines: Vec<crate::TraceLine>| -> Vec<Option<String>> {
            lines.into_iter().filter(|it| it.head.fault.is_some()).map(|it| it.head.fault).collect()
        };
        let written = told(reader.traces(&query).unwrap());
        assert_eq!(written, told(live.index.traces(&query)), "{query:?}");
        assert!(
            names.iter().all(|name| written.contains(&Some((*name).to_owned()))),
            "{written:?}"
        );
    }
}

#[tokio::test]
async fn links_are_told_alike_live_and_from_the_file_and_those_without_ids_are_left_out() {
    use opentelemetry_proto::tonic::trace::v1::span::Link;

    let folder = tempfile::tempdir().unwrap();
    let link = |trace_id: Vec<u8>| Link {
        trace_id,
        span_id: vec![5; 8],
        attributes: vec![text("why", "batch")],
        ..<_>::default()
    };
    let mut sent = gateway(1, 100, None);
    sent.links = vec![link(vec![4; 16]), link(vec![])];
    let mut live = Live::new(RUN, 5_000);
    let request = traces("gateway", vec![sent.clone()]).encode_to_vec();
    live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), 5_900);
    sealed(&folder, vec![sent, gateway(2, 100, None)]).await;
    let reader = read::Reader::new(Some(&folder.path().join("run.db")));
    let ids = ["01", "02"].map(|byte| byte.repeat(16).parse().unwrap());
    let written = reader.wholes(&ids.into()).unwrap();
    let links = &written[0].spans[0].links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].trace_id.to_string(), "04".repeat(16));
    assert_eq!(links[0].attributes["why"], "batch");
    assert!(written[1].spans[0].links.is_empty());
    assert_eq!(live.index.trace(ids[0]).unwrap().spans[0].links, *links);
}

#[tokio::test]
async fn a_file_of_another_run_version_or_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    create(&folder, RUN).unwrap().close().await;
    // The same run, left unsealed, goes on.
    create(&folder, RUN).unwrap().close().await;
    assert!(matches!(create(&folder, "run-2"), Err(StoreError::Taken { .. })));

    let path = folder.path().join("run.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = create(&folder, RUN).unwrap_err();
    assert!(refused.to_string().contains("schema version 99"), "{refused}");
    let read = read::Reader::new(Some(&path)).logs(&crate::LogQuery::default());
    assert!(matches!(read, Err(StoreError::Version { found: 99, .. })));

    let foreign = tempfile::tempdir().unwrap();
    let other = Connection::open(foreign.path().join("run.db")).unwrap();
    other.execute_batch("CREATE TABLE other (id)").unwrap();
    assert!(matches!(create(&foreign, RUN), Err(StoreError::Foreign { .. })));

    std::fs::write(folder.path().join("text.db"), "no database at all, but long enough").unwrap();
    let text = Store::create(&folder.path().join("text.db"), RUN, &Clock::system());
    assert!(matches!(text, Err(StoreError::Create { .. })));
}

#[tokio::test]
async fn a_sealed_file_takes_no_second_run() {
    let folder = tempfile::tempdir().unwrap();
    sealed(&folder, Vec::new()).await;
    assert!(matches!(create(&folder, RUN), Err(StoreError::Taken { .. })));
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let refused = Store::create(Path::new("/nowhere/run.db"), RUN, &Clock::system()).unwrap_err();
    assert!(refused.to_string().contains("/nowhere/run.db"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_written_is_counted_and_the_error_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(&folder, RUN).unwrap();
    let other = Connection::open(folder.path().join("run.db")).unwrap();
    other
        .execute_batch("DROP VIEW v_traces; DROP VIEW v_red_1s; DROP VIEW v_fault_impact;")
        .unwrap();
    other.execute_batch("DROP TABLE span").unwrap();
    let mut live = Live::new(RUN, 5_000);
    let request = traces("gateway", vec![gateway(1, 800, None)]).encode_to_vec();
    store.items(live.ingest(decode(Signal::Traces, &request.into(), 0).unwrap(), 5_900));
    assert!(store.seal(Totals::default).await.is_err());
    assert_eq!(store.lost(), 1);
    assert!(store.error().unwrap().contains("span"));
    store.close().await;
}

#[tokio::test]
async fn points_keep_values_that_sql_has_no_number_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(&folder, RUN).unwrap();
    let request = serde_json::json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "g", "unit": "s", "gauge": {"dataPoints": [
            {"asDouble": "NaN"}, {"asInt": "5"}, {"asDouble": 1.5}]}}]}]}]});
    let request = request.to_string();
    let request = crate::decode::json::to_protobuf(Signal::Metrics, request.as_bytes()).unwrap();
    let mut live = Live::new(RUN, 5_000);
    store.items(live.ingest(decode(Signal::Metrics, &request.into(), 0).unwrap(), 5_900));
    store.close().await;
    let values = "SELECT group_concat(value, ' ') FROM point JOIN metric USING (metric_id)
                  WHERE name = 'g' AND unit = 's' AND kind = 'gauge'";
    assert_eq!(ask::<String>(&folder, values), "NaN 5 1.5");
    assert_eq!(ask::<i64>(&folder, "SELECT count(*) FROM metric"), 1);
    assert_eq!(ask::<i64>(&folder, "SELECT clean FROM run"), 0);
}

#[tokio::test]
async fn a_file_tells_what_was_sent_and_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = create(&folder, RUN).unwrap();
    store.interval(crate::live::interval(1, 0, &[1_000, 2_000]));
    store.interval(crate::live::interval(1, 1, &[3_000]));
    let losses = vec![DropCount { what: "gateway spans".to_owned(), count: 5 }];
    let totals = Totals { late: 3, rejected: 4, losses: losses.clone(), ..Totals::default() };
    store.seal(move || totals).await.unwrap();
    store.close().await;
    let account = read::Reader::new(Some(&folder.path().join("run.db"))).account().unwrap();
    assert_eq!((account.late, account.rejected, account.spans), (3, 4, 0));
    assert_eq!(account.load.count(|_| true), 3);
    assert_eq!((account.load_ended, account.losses), (false, losses));
}
