use axum::http::Request;
use http_body_util::BodyExt as _;
use model::frame::Frame;
use model::load::{LoadDone, LoadReply};
use prost::Message as _;
use serde::de::DeserializeOwned;
use telemetry::client::Client;

use super::*;
use crate::live::interval;
use crate::testing::{PATIENCE, collector, end, get, post, span, traces};

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
        stopped: None,
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
        (get(api, "/v1/traces?cursor=7").await, 400),
        (get(api, "/v1/traces?run=run-2").await, 404),
        (get(api, "/v1/edges?step_s=0").await, 400),
        (get(api, "/v1/graph?step_s=1").await, 400),
        (get(api, "/v1/graph?quantiles=true").await, 400),
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

#[tokio::test]
async fn a_wrong_parameter_is_answered_with_the_nearest_right_one() {
    let (handle, _folder) = collector().await;
    let answer = get(handle.addresses().api, "/v1/traces?corelation_id=u1-1").await;
    let error = json::<ApiError>(&answer).error;
    assert!(error.contains("did you mean \"correlation_id\"?"), "{error}");
    end(handle).await;
}

/// Fills the braces of a path.
fn example(path: &str) -> String {
    path.replace("{trace_id}", "01010101010101010101010101010101")
        .replace("{correlation_id}", "u1-1")
}

#[tokio::test]
async fn the_openapi_page_names_every_call_and_exactly_the_parameters_that_it_takes() {
    let (handle, _folder) = collector().await;
    let api = handle.addresses().api;
    for call in openapi::CALLS.iter().copied().flatten() {
        let path = example(call.path);
        if call.method == "post" {
            assert_eq!(get(api, &path).await.status(), 405, "{path}");
            continue;
        }
        if call.parameters.is_empty() {
            let answer = get(api, &path).await;
            let said = String::from_utf8_lossy(answer.body());
            assert!(answer.status() == 200 || said.contains("has come in"), "{path}: {said}");
            continue;
        }
        let refused = json::<ApiError>(&get(api, &format!("{path}?zzz=1")).await).error;
        let accepted = refused.split_once("expected").map_or("", |(_, list)| list);
        let mut accepted: Vec<&str> = accepted.split('`').skip(1).step_by(2).collect();
        let mut named: Vec<&str> = call.parameters.iter().map(|(name, ..)| *name).collect();
        named.retain(|name| *name != "run");
        accepted.sort_unstable();
        named.sort_unstable();
        assert_eq!(accepted, named, "{path}: {refused}");
    }
    let page: serde_json::Value = json(&get(api, "/openapi.json").await);
    let sources = [include_str!("../api.rs"), include_str!("analysis.rs")];
    let routes: usize = sources.iter().map(|source| source.matches(".route(").count()).sum();
    assert_eq!(page["paths"].as_object().unwrap().len(), routes);
    end(handle).await;
}

#[tokio::test]
async fn pages_are_linked_until_every_trace_was_shown_once() {
    let (handle, _folder) = collector().await;
    let (api, now_ms) = (handle.addresses().api, handle.core_clock().unix_ms());
    let spans = (1..=7).map(|id| span(id, id, now_ms, u64::from(id % 3) * 10)).collect();
    let headers = [("content-type", "application/x-protobuf")];
    let body = traces("shop", spans).encode_to_vec();
    assert_eq!(post(handle.addresses().http, "/v1/traces", &headers, body).await.status(), 200);
    for order in ["newest", "slowest"] {
        let mut seen = Vec::new();
        let mut next = Some(format!("/v1/traces?order={order}&limit=2"));
        while let Some(path) = next {
            let answer = get(api, &path).await;
            let lines: Vec<crate::TraceLine> = json(&answer);
            seen.extend(lines.iter().map(|line| line.head.trace_id));
            next = answer.headers().get("link").map(|link| {
                let link = link.to_str().unwrap();
                assert!(link.ends_with(">; rel=\"next\""), "{link}");
                link[1..].split_once('>').unwrap().0.to_owned()
            });
        }
        assert_eq!(seen.len(), 7, "{order}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 7, "{order}");
    }
    end(handle).await;
}

#[tokio::test]
async fn another_machine_needs_a_token_and_shows_it_with_every_call() {
    let folder = tempfile::tempdir().unwrap();
    let outside = crate::CollectorConfig {
        api: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..crate::testing::config(&folder)
    };
    let refused = crate::start(outside.clone(), telemetry::clock::Clock::system()).await;
    assert!(refused.unwrap_err().to_string().contains("needs a token"));
    let guarded = crate::CollectorConfig { api_token: Some(Token::new("s3cret")), ..outside };
    let handle = crate::start(guarded, telemetry::clock::Clock::system()).await.unwrap();
    let api = SocketAddr::from(([127, 0, 0, 1], handle.addresses().api.port()));
    assert_eq!(get(api, "/v1/runs").await.status(), 401);
    assert_eq!(get(api, "/v1/health").await.status(), 200);
    let request = Request::get("/v1/runs").header("authorization", "Bearer s3cret");
    let answer =
        Client::new().send(api, request.body(bytes::Bytes::new()).unwrap(), PATIENCE).await;
    assert_eq!(answer.unwrap().status(), 200);
    end(handle).await;
}

/// Reads the stream until it has `count` events.
async fn events(api: SocketAddr, path: &str, count: usize) -> Vec<(u64, Frame)> {
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
