//! Questions about frames, traces and logs. The file may have to be read, so they leave the
//! runtime's workers.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Json, Response};
use model::frame::{Frame, LogLine, Trace, TraceHead};
use model::id::TraceId;
use model::limits::FRAMES_MAX;
use serde::Deserialize;

use super::Failure;
use crate::core::Core;
use crate::query::{LogQuery, TraceQuery};
use crate::store::StoreError;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FrameQuery {
    from: u64,
    limit: Option<usize>,
}

pub(super) type Asked<T> = Result<Query<T>, QueryRejection>;

pub(super) fn asked<T>(query: Asked<T>) -> Result<T, Failure> {
    query
        .map(|Query(query)| query)
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.body_text()))
}

/// Asks beside the runtime's workers.
pub(super) async fn beside<T: Send + 'static>(
    core: &Arc<Core>,
    ask: impl FnOnce(&Core) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let core = Arc::clone(core);
    let failed =
        |error: &dyn std::error::Error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error);
    tokio::task::spawn_blocking(move || ask(&core))
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}

pub(super) async fn frames(
    State(core): State<Arc<Core>>,
    query: Asked<FrameQuery>,
) -> Result<Response, Failure> {
    let query = asked(query)?;
    let limit = query.limit.unwrap_or(FRAMES_MAX).min(FRAMES_MAX);
    let body =
        beside(&core, move |core| Ok(json_array(core.frame_pages(query.from, limit).flatten())));
    Ok(([(CONTENT_TYPE, "application/json")], body.await?).into_response())
}

/// Written frame by frame, because all of them at once would take much memory twice.
fn json_array(frames: impl Iterator<Item = Frame>) -> Vec<u8> {
    let mut body = vec![b'['];
    for frame in frames {
        if body.len() > 1 {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, &frame)
            .expect("a frame has text keys and finite numbers, and memory takes every byte");
    }
    body.push(b']');
    body
}

pub(super) async fn trace(
    State(core): State<Arc<Core>>,
    Path(trace_id): Path<String>,
) -> Result<Json<Trace>, Failure> {
    let trace_id: TraceId = trace_id
        .to_ascii_lowercase()
        .parse()
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error))?;
    let trace = beside(&core, move |core| core.trace(trace_id)).await?;
    trace.map(Json).ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("no span of trace {trace_id} has come in"))
    })
}

pub(super) async fn traces(
    State(core): State<Arc<Core>>,
    query: Asked<TraceQuery>,
) -> Result<Json<Vec<TraceHead>>, Failure> {
    let query = asked(query)?;
    beside(&core, move |core| core.traces(&query)).await.map(Json)
}

pub(super) async fn logs(
    State(core): State<Arc<Core>>,
    query: Asked<LogQuery>,
) -> Result<Json<Vec<LogLine>>, Failure> {
    let query = asked(query)?;
    beside(&core, move |core| core.logs(&query)).await.map(Json)
}
