//! The live stream: server-sent events, one per frame.
//!
//! A viewer first gets the kept frames from the sequence number that it asks for, then each frame
//! as it is emitted. One that cannot keep up is cut off and counted; it comes back with the last
//! `id` that it has seen and misses nothing that is still kept.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use model::frame::Frame;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::Failure;
use crate::core::{Core, stopped};

/// Frames on their way to one viewer.
const VIEWER_FRAMES: usize = 16;
/// A viewer that takes nothing for so long is cut off.
const VIEWER_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LiveQuery {
    from: Option<u64>,
}

pub(super) async fn live(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    query: Result<Query<LiveQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) =
        query.map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    // Browsers come back with the header.
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let from = last.map_or(query.from.unwrap_or(0), |last: u64| last.saturating_add(1));
    let (events, body) = mpsc::channel(VIEWER_FRAMES);
    tokio::spawn(async move {
        let mut stop = core.stop.subscribe();
        tokio::select! {
            () = feed(&core, from, &events) => {},
            () = stopped(&mut stop) => {},
        }
    });
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((head, Body::new(Events(body))).into_response())
}

/// Sends until the viewer is gone or too slow.
pub(super) async fn feed(core: &Core, mut next: u64, events: &mpsc::Sender<Bytes>) {
    // First subscribe, then look back: no frame falls between the two.
    let mut frames = core.frames.subscribe();
    for kept in core.frame_pages(next, usize::MAX) {
        for frame in &kept {
            next = frame.seq + 1;
            if !send(core, frame, events).await {
                return;
            }
        }
    }
    loop {
        match frames.recv().await {
            Ok(frame) if frame.seq < next => {},
            Ok(frame) => {
                next = frame.seq + 1;
                if !send(core, &frame, events).await {
                    return;
                }
            },
            Err(RecvError::Lagged(_)) => {
                core.viewers_lost.fetch_add(1, Ordering::Relaxed);
                return;
            },
            Err(RecvError::Closed) => return,
        }
    }
}

async fn send(core: &Core, frame: &Frame, events: &mpsc::Sender<Bytes>) -> bool {
    let event = event(frame);
    match events.send_timeout(event, VIEWER_PATIENCE).await {
        Ok(()) => true,
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            core.viewers_lost.fetch_add(1, Ordering::Relaxed);
            false
        },
        Err(mpsc::error::SendTimeoutError::Closed(_)) => false,
    }
}

fn event(frame: &Frame) -> Bytes {
    let data = serde_json::to_string(frame).expect("a frame has text keys and finite numbers");
    format!("id: {}\ndata: {data}\n\n", frame.seq).into()
}

/// A body that ends when the feeding task ends.
struct Events(mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(http_body::Frame::data).map(Ok))
    }
}
