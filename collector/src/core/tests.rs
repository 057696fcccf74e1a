use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use rusqlite::Connection;

use super::*;
use crate::live::{Bounds, Index};
use crate::testing::{collector, end, logs, post, span, traces};
use crate::{LogQuery, TraceQuery};

const HEADERS: [(&str, &str); 1] = [("content-type", "application/x-protobuf")];

#[tokio::test]
async fn what_memory_has_forgotten_is_read_from_the_file_and_joined_with_what_is_new() {
    let (handle, _folder) = collector().await;
    let to = handle.addresses().http;
    handle.core().live().index = Index::bounded(Bounds { spans: 2, logs: 1, bytes: usize::MAX });
    // Trace 1 is pushed out by traces 2 and 3, and then gets one more span.
    for (trace, id) in [(1, 1), (2, 1), (3, 1), (1, 2)] {
        let spans = traces("shop", vec![span(trace, id, 10, 1)]).encode_to_vec();
        let log = LogRecord { trace_id: vec![trace; 16], ..LogRecord::default() };
        let logs = logs("shop", vec![log]).encode_to_vec();
        assert_eq!(post(to, "/v1/traces", &HEADERS, spans).await.status(), 200);
        assert_eq!(post(to, "/v1/logs", &HEADERS, logs).await.status(), 200);
    }
    // Everything is in the file once all leases are back.
    handle.core().admission.drained().await;
    let trace = handle.trace("01".repeat(16).parse().unwrap()).unwrap();
    assert_eq!((trace.spans.len(), trace.logs.len()), (2, 2));
    assert_eq!(handle.traces(TraceQuery::default()).len(), 3);
    assert_eq!(handle.logs(LogQuery::default()).len(), 4);
    end(handle).await;
}

#[tokio::test]
async fn a_seal_writes_every_frame_and_closes_the_door() {
    let (handle, folder) = collector().await;
    let to = handle.addresses().http;
    let spans = traces("shop", vec![span(1, 1, 10, 1), span(0, 1, 10, 1)]).encode_to_vec();
    assert_eq!(post(to, "/v1/traces", &HEADERS, spans.clone()).await.status(), 200);
    let head = RunHead { title: "slow payments".to_owned(), seed: u64::MAX, ..RunHead::default() };
    handle.set_run(head);
    let sealed = handle.seal().await.unwrap();
    assert_eq!((sealed.spans, sealed.rejected, sealed.dropped), (1, 1, 0));
    assert_eq!(post(to, "/v1/traces", &HEADERS, spans).await.status(), 503);
    // Questions are still answered.
    assert!(handle.trace("01".repeat(16).parse().unwrap()).is_some());
    let frames = handle.frames().len();
    end(handle).await;
    let file = Connection::open(folder.path().join("run.db")).unwrap();
    let count = file.query_row("SELECT count(*) FROM frame", [], |row| row.get::<_, u32>(0));
    assert_eq!(count.unwrap() as usize, frames);
    let row = file.query_row("SELECT title, seed, clean FROM run", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
    });
    assert_eq!(row.unwrap(), ("slow payments".to_owned(), u64::MAX.to_string(), true));
}

#[tokio::test(start_paused = true)]
async fn many_frames_are_built_in_pages_and_the_lock_is_free_between_them() {
    let (handle, _folder) = collector().await;
    let mut emitted = handle.subscribe();
    for _ in 0..=2 * PAGE_FRAMES {
        emitted.recv().await.unwrap();
    }
    let core = handle.core();
    let mut pages = core.frame_pages(1, 2 * PAGE_FRAMES);
    for page in 0..2 {
        let page_frames = pages.next().unwrap();
        assert!(core.live.try_lock().is_ok());
        let first = 1 + page * PAGE_FRAMES as u64;
        let seqs: Vec<u64> = page_frames.iter().map(|frame| frame.seq).collect();
        assert_eq!(seqs, (first..first + PAGE_FRAMES as u64).collect::<Vec<_>>());
    }
    assert!(pages.next().is_none());
    drop(pages);
    let path = format!("/v1/frames?from=1&limit={}", 2 * PAGE_FRAMES);
    let answer = crate::testing::get(handle.addresses().api, &path).await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let asked: Vec<Frame> = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(asked, handle.frames()[1..=2 * PAGE_FRAMES]);
    end(handle).await;
}

#[tokio::test]
async fn what_the_last_write_of_a_run_loses_is_in_the_totals() {
    let (handle, folder) = collector().await;
    let path = folder.path().join("run.db");
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON frame
                   BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    Connection::open(&path).unwrap().execute_batch(trigger).unwrap();
    let sealed = handle.seal().await.unwrap();
    assert!(handle.store_error().unwrap().contains("the disk is full"));
    assert_eq!(handle.core().store.lost(), sealed.dropped);
    assert!(sealed.dropped > 0);
    end(handle).await;
    let row =
        Connection::open(&path).unwrap().query_row("SELECT dropped, losses FROM run", [], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
        });
    let (dropped, losses) = row.unwrap();
    assert_eq!(u64::from(dropped), sealed.dropped);
    assert!(losses.contains("collector items not written"), "{losses}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (handle, folder) = collector().await;
    let mut config = crate::testing::config(&folder);
    config.api = handle.addresses().api;
    let refused = crate::start(config, Clock::system()).await.unwrap_err().to_string();
    assert_eq!(refused, format!("cannot listen on {} for the API", handle.addresses().api));
    end(handle).await;
}
