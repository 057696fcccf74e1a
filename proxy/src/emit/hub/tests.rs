use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message as _;

use super::super::span::{Attr, Kind};
use super::*;

fn hub() -> Arc<Hub> {
    Hub::new(true, Clock::system())
}

fn write(shard: &Shard, name: &str) {
    let ids = shard.ids(None);
    write_as(shard, ids, name, &[]);
}

fn write_as(shard: &Shard, ids: SpanIds, name: &str, attributes: &[Attr<'_>]) {
    shard.span(&SpanRecord {
        ids,
        name,
        kind: Kind::Server,
        start_unix_ns: 1,
        end_unix_ns: 2,
        attributes,
        error: None,
        tracestate: None,
        remote_parent: false,
    });
}

fn read(payload: &Payload) -> Vec<Span> {
    let decode = |chunk: &Bytes| ScopeSpans::decode(chunk.clone()).unwrap().spans;
    payload.chunks.iter().flat_map(decode).collect()
}

/// Is a wake-up waiting for the export task?
fn was_woken(hub: &Hub) -> bool {
    use std::task::{Context, Waker};
    let woken = std::pin::pin!(hub.woken());
    woken.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test(start_paused = true)]
async fn a_batch_leaves_with_its_last_span_whichever_bound_it_reaches() {
    let hub = hub();
    let shard = hub.new_shard();
    for _ in 0..BATCH_SPANS_MAX - 1 {
        write(&shard, "GET");
    }
    assert!(hub.take().is_none());
    write(&shard, "GET");
    let payload = hub.take().unwrap();
    assert_eq!((payload.spans, read(&payload).len()), (512, 512));
    hub.settle(payload, Some(Taken { rejected: 0 }));

    let path = "x".repeat(BATCH_BYTES_MAX / 3);
    for spans in 1..=3 {
        assert!(hub.take().is_none());
        write_as(&shard, shard.ids(None), "GET", &[Attr::Text("url.path", &path)]);
        assert_eq!(hub.counts().waiting, spans);
    }
    assert_eq!(hub.take().unwrap().spans, 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_does_not_fill_leaves_when_its_first_span_is_old() {
    let hub = hub();
    let (early, late) = (hub.new_shard(), hub.new_shard());
    assert_eq!(hub.seal_due(), None);
    let began = Instant::now();
    write(&early, "first");
    tokio::time::advance(Duration::from_millis(300)).await;
    write(&early, "second");
    write(&late, "third");
    assert_eq!(hub.seal_due(), Some(began + BATCH_DELAY));
    tokio::time::advance(Duration::from_millis(199)).await;
    assert_eq!(hub.seal_due(), Some(began + BATCH_DELAY));
    assert!(hub.take().is_none());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(hub.seal_due(), Some(began + Duration::from_millis(800)));
    let names = |payload: &Payload| -> Vec<String> {
        read(payload).into_iter().map(|span| span.name).collect()
    };
    assert_eq!(names(&hub.take().unwrap()), ["first", "second"]);
    tokio::time::advance(Duration::from_millis(300)).await;
    assert_eq!(hub.seal_due(), None);
    assert_eq!(names(&hub.take().unwrap()), ["third"]);
}

#[tokio::test(start_paused = true)]
async fn the_export_task_is_woken_by_what_it_does_not_know_and_left_alone_otherwise() {
    let hub = hub();
    let (left, right) = (hub.new_shard(), hub.new_shard());
    assert!(!was_woken(&hub));
    write(&left, "GET");
    assert!(was_woken(&hub), "the first span");
    write(&left, "GET");
    assert!(!was_woken(&hub), "more of the same batch");
    assert!(hub.seal_due().is_some());
    write(&right, "GET");
    assert!(!was_woken(&hub), "the task looks again before this one is due");
    for _ in 0..BATCH_SPANS_MAX {
        write(&right, "GET");
    }
    assert!(was_woken(&hub), "a full batch");
    tokio::time::advance(BATCH_DELAY).await;
    assert_eq!(hub.seal_due(), None);
    while was_woken(&hub) {}
    write(&left, "GET");
    assert!(was_woken(&hub), "the first span after a pause");
}

#[tokio::test(start_paused = true)]
async fn spans_of_a_trace_that_is_not_recorded_leave_nothing() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".parse().unwrap();
    for (hub, parent) in [(hub(), Some(&parent)), (Hub::new(false, Clock::system()), None)] {
        let shard = hub.new_shard();
        let ids = shard.ids(parent);
        write_as(&shard, ids, "GET", &[]);
        write_as(&shard, ids.below(), "GET", &[]);
        assert_eq!(hub.counts(), ExportCounts::default());
        assert!(!was_woken(&hub));
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_the_queue_is_dropped_and_counted() {
    for path_bytes in [0, 60_000] {
        let hub = hub();
        let shard = hub.new_shard();
        let path = "x".repeat(path_bytes);
        let spans = 70_000_u64.min(40 * 1024 * 1024 / (1 + path_bytes as u64));
        for _ in 0..spans {
            write_as(&shard, shard.ids(None), "GET", &[Attr::Text("url.path", &path)]);
        }
        hub.seal_all();
        let counts = hub.counts();
        assert_eq!(counts.offered, spans);
        assert!(counts.dropped > 0 && counts.waiting > 0, "{counts:?}");
        assert_eq!(counts.waiting + counts.dropped, spans);
        assert!(counts.waiting <= EXPORT_QUEUE_ITEMS as u64, "{counts:?}");
        let mut waiting = 0;
        while let Some(payload) = hub.take() {
            assert!(payload.bytes <= REQUEST_BYTES_MAX);
            waiting += payload.bytes;
            hub.settle(payload, None);
        }
        assert!(waiting <= QUEUE_BYTES_MAX, "{waiting}");
        assert_eq!((hub.counts().waiting, hub.counts().dropped), (0, spans));
    }
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_payload_is_counted_even_when_the_receiver_exaggerates() {
    for (taken, delivered, rejected, dropped) in
        [(None, 0, 0, 2), (Some(0), 2, 0, 0), (Some(1), 1, 1, 0), (Some(u64::MAX), 0, 2, 0)]
    {
        let hub = hub();
        let shard = hub.new_shard();
        write(&shard, "GET");
        write(&shard, "GET");
        hub.seal_all();
        hub.settle(hub.take().unwrap(), taken.map(|rejected| Taken { rejected }));
        let expected = ExportCounts { offered: 2, waiting: 0, delivered, rejected, dropped };
        assert_eq!(hub.counts(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn buffers_come_back_and_are_filled_again() {
    let hub = hub();
    let shard = hub.new_shard();
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..20 {
        for _ in 0..BATCH_SPANS_MAX {
            write(&shard, "GET");
        }
        let payload = hub.take().unwrap();
        places.insert(payload.chunks[0].as_ptr());
        hub.settle(payload, Some(Taken { rejected: 0 }));
    }
    assert!(places.len() <= 3, "{} buffers for one worker", places.len());
}

#[test]
fn workers_that_write_while_batches_are_taken_lose_nothing() {
    const WORKERS: u64 = 4;
    const SPANS: u64 = 5_000;
    let hub = hub();
    let (mut names, mut sums) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let shard = hub.new_shard();
                scope.spawn(move || {
                    for number in 0..SPANS {
                        write(&shard, &format!("{worker}/{number:05}"));
                    }
                })
            })
            .collect();
        let mut take = || {
            hub.seal_all();
            let counts = hub.counts();
            let places = counts.waiting + counts.delivered + counts.rejected + counts.dropped;
            assert_eq!(counts.offered, places);
            while let Some(payload) = hub.take() {
                sums += payload.spans;
                names.extend(read(&payload).into_iter().map(|span| span.name));
                hub.settle(payload, Some(Taken { rejected: 0 }));
            }
        };
        while workers.iter().any(|worker| !worker.is_finished()) {
            take();
        }
        take();
    });
    assert_eq!((hub.counts().delivered, sums), (WORKERS * SPANS, WORKERS * SPANS));
    for worker in 0..WORKERS {
        let prefix = format!("{worker}/");
        let own: Vec<&String> = names.iter().filter(|name| name.starts_with(&prefix)).collect();
        assert_eq!(own.len() as u64, SPANS);
        assert!(own.is_sorted(), "spans of one worker stay in order");
    }
}
