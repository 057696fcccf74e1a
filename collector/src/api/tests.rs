use axum::http::Request;
use http_body_util::BodyExt as _;
use model::frame::Frame;
use model::load::{LoadDone, LoadReply};
use serde::de::DeserializeOwned;
use telemetry::client::Client;

use super::*;
use crate::live::interval;
use crate::testing::{PATIENCE, collector, end, get, post};

fn json<T: DeserializeOwned>(response: &Response<bytes::Bytes>) -> T {
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn a_load_interval_counts_once_and_the_reply_carries_the_order_to_stop() {
    let (handle, _folder) = collector().await;
    let api = handle.addresses().api;
    let body = serde_json::to_vec(&interval(1, 0, &[1_000, 2_000])).unwrap();
    for _ in 0..2 {
        let response = post(api, "/v1/load/intervals", &[], body.clone()).await;
        assert_eq!(json::<LoadReply>(&response), LoadReply::Continue);
    }
    assert_eq!(handle.load_totals().count(|_| true), 2);
    handle.stop_load("error rate above the limit");
    let response = post(api, "/v1/load/intervals", &[], body).await;
    let stop = LoadReply::Stop { reason: "error rate above the limit".to_owned() };
    assert_eq!(json::<LoadReply>(&response), stop);
    let done = LoadDone {
        run_id: "run-1".to_owned(),
        worker: 1,
        offered: 2,
        completed: 2,
        failed: 0,
        timed_out: 0,
        dropped: 0,
        unfinished: 0,
        acknowledged: Vec::new(),
        acknowledged_dropped: 0,
        spans_dropped: 0,
        plan_hash: "x".to_owned(),
    };
    let body = serde_json::to_vec(&done).unwrap();
    assert_eq!(post(api, "/v1/load/done", &[], body).await.status(), 200);
    assert_eq!(handle.load_done(), [done]);
    end(handle).await;
}

#[tokio::test]
async fn every_error_says_what_is_wrong_as_json() {
    let (handle, _folder) = collector().await;
    let api = handle.addresses().api;
    let mut foreign = interval(1, 0, &[1]);
    foreign.run_id = "another".to_owned();
    let foreign = serde_json::to_vec(&foreign).unwrap();
    let broken = post(api, "/v1/load/intervals", &[], "{").await;
    let conflict = post(api, "/v1/load/intervals", &[], foreign).await;
    for (response, status) in [
        (get(api, "/v1/traces/xyz").await, 400),
        (get(api, "/v1/traces/01010101010101010101010101010101").await, 404),
        (get(api, "/v1/traces?edge=nonsense").await, 400),
        (get(api, "/v1/traces?unknown=1").await, 400),
        (get(api, "/v1/logs?severity_min=loud").await, 400),
        (get(api, "/v1/frames?from=-1").await, 400),
        (get(api, "/v1/live?from=x").await, 400),
        (get(api, "/nothing").await, 404),
        (get(api, "/v1/load/done").await, 405),
        (broken, 400),
        (conflict, 409),
    ] {
        assert_eq!(response.status(), status, "{response:?}");
        assert!(!json::<ApiError>(&response).error.is_empty());
    }
    assert_eq!(get(api, "/v1/health").await.status(), 200);
    end(handle).await;
}

/// Reads the stream until it has `count` events.
async fn events(api: std::net::SocketAddr, path: &str, count: usize) -> Vec<(u64, Frame)> {
    let request = Request::get(path).body(bytes::Bytes::new()).unwrap();
    let response = Client::new().stream(api, request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut body, mut text) = (response.into_body(), String::new());
    while text.matches("\n\n").count() < count {
        let piece = tokio::time::timeout(PATIENCE, body.frame()).await.unwrap();
        let piece = piece.unwrap().unwrap().into_data().unwrap();
        text.push_str(str::from_utf8(&piece).unwrap());
    }
    text.split_terminator("\n\n")
        .map(|event| {
            let (id, data) = event.split_once('\n').unwrap();
            let id = id.strip_prefix("id: ").unwrap().parse().unwrap();
            (id, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
        })
        .take(count)
        .collect()
}

#[tokio::test]
async fn the_live_stream_begins_where_it_is_asked_to_and_has_no_holes() {
    let (handle, _folder) = collector().await;
    // The seal emits what is not due yet, so that nobody has to wait for seconds to pass.
    handle.seal().await.unwrap();
    let kept = handle.frames();
    let all = events(handle.addresses().api, "/v1/live", kept.len()).await;
    for (number, (id, frame)) in all.iter().enumerate() {
        assert_eq!((*id, frame.seq), (number as u64, number as u64));
    }
    let last = kept.last().unwrap().seq;
    let resumed = events(handle.addresses().api, &format!("/v1/live?from={last}"), 1).await;
    assert_eq!(resumed[0].0, last);
    let frames: Vec<Frame> = json(&get(handle.addresses().api, "/v1/frames?from=0").await);
    assert_eq!(frames, kept);
    end(handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_takes_nothing_is_cut_off_and_counted() {
    let (handle, _folder) = collector().await;
    let mut frames = handle.subscribe();
    for _ in 0..30 {
        frames.recv().await.unwrap();
    }
    // More frames are kept than fit on the way to one viewer, and nobody takes them.
    let (events, _nobody_reads) = tokio::sync::mpsc::channel(16);
    stream::feed(handle.core(), 0, &events).await;
    let slow = handle.dropped().into_iter().find(|drop| drop.what.contains("viewers")).unwrap();
    assert_eq!(slow.count, 1);
    end(handle).await;
}
