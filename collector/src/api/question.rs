//! Questions about what came in. The file may have to be read, so they leave the runtime's workers.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Json, Response};
use model::frame::{Event, Frame, Trace};
use model::id::TraceId;
use model::limits::FRAMES_MAX;
use serde::Deserialize;

use super::Failure;
use super::asked::Asked;
use crate::query::{
    BreakerChange, EdgeQuery, EdgeRow, EventQuery, FaultRow, Graph, LogQuery, OperationQuery,
    OperationRow, ROWS_MAX, RouteQuery, TraceQuery, Window,
};
use crate::runs::RunEntry;
use crate::store::read::Reader;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FrameQuery {
    from: u64,
    limit: Option<usize>,
}

/// A question without parameters of its own.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn frames(asked: Asked<FrameQuery>) -> Result<Response, Failure> {
    let limit = asked.query.limit.unwrap_or(FRAMES_MAX).min(FRAMES_MAX);
    let (body, _) = asked
        .answer(
            move |core, query| Ok(json_array(core.frame_pages(query.from, limit).flatten())),
            move |file, query| Ok(json_array(file.frames(query.from, limit)?.into_iter())),
        )
        .await?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
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
    Path(trace_id): Path<String>,
    asked: Asked<Nothing>,
) -> Result<Json<Trace>, Failure> {
    let trace_id: TraceId = trace_id.to_ascii_lowercase().parse().map_err(Failure::bad)?;
    let (trace, _) = asked
        .answer(move |core, _| Ok(core.trace(trace_id)?), move |file, _| Ok(file.trace(trace_id)?))
        .await?;
    trace.map(Json).ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("no span of trace {trace_id} has come in"))
    })
}

pub(super) async fn traces(asked: Asked<TraceQuery>) -> Result<Response, Failure> {
    let (lines, asked) = asked
        .answer(|core, query| Ok(core.traces(query)?), |file, query| Ok(file.traces(query)?))
        .await?;
    let next = asked.query.next(&lines);
    Ok(asked.page(lines, next))
}

pub(super) async fn logs(asked: Asked<LogQuery>) -> Result<Response, Failure> {
    let (lines, asked) = asked
        .answer(|core, query| Ok(core.logs(query)?), |file, query| Ok(file.logs(query)?))
        .await?;
    let next = asked.query.next(&lines);
    Ok(asked.page(lines, next))
}

pub(super) async fn edges(asked: Asked<EdgeQuery>) -> Result<Json<Vec<EdgeRow>>, Failure> {
    if asked.query.step_s == Some(0) {
        return Err(Failure::bad("step_s is at least 1 second"));
    }
    let (rows, _) = asked
        .answer(
            |core, query| {
                let (window, counts) = core.edges(query)?;
                bounded(query.rows(window, counts))
            },
            |file, query| {
                let window = window_of(file, query)?;
                bounded(query.rows(window, file.edges(query, window)?))
            },
        )
        .await?;
    Ok(Json(rows))
}

fn bounded(rows: Vec<EdgeRow>) -> Result<Vec<EdgeRow>, Failure> {
    if rows.len() > ROWS_MAX {
        let text = format!(
            "{} rows are more than the {ROWS_MAX} of one answer; take a longer step_s, a shorter \
             time or one edge",
            rows.len()
        );
        return Err(Failure::bad(text));
    }
    Ok(rows)
}

fn window_of(file: &Reader, query: &EdgeQuery) -> Result<Window, Failure> {
    Ok(query.within(file.window()?.unwrap_or(Window { from_s: 0, to_s: 0 })))
}

pub(super) async fn graph(asked: Asked<EdgeQuery>) -> Result<Json<Graph>, Failure> {
    if asked.query.step_s.is_some() {
        return Err(Failure::bad("a graph has no steps; leave step_s out"));
    }
    if asked.query.quantiles.is_some() {
        return Err(Failure::bad("a graph has no tables; leave quantiles out"));
    }
    let (graph, _) = asked
        .answer(
            |core, query| {
                let (window, counts) = core.edges(query)?;
                let calls = core.live().graph();
                Ok(Graph::of(query, window, counts).with_calls(calls))
            },
            |file, query| {
                let window = window_of(file, query)?;
                Ok(Graph::of(query, window, file.edges(query, window)?))
            },
        )
        .await?;
    Ok(Json(graph))
}

pub(super) async fn operations(
    asked: Asked<OperationQuery>,
) -> Result<Json<Vec<OperationRow>>, Failure> {
    let (rows, _) = asked
        .answer(|core, query| Ok(core.operations(query)), |file, query| Ok(file.operations(query)?))
        .await?;
    Ok(Json(rows))
}

pub(super) async fn routes(asked: Asked<RouteQuery>) -> Result<Json<Vec<OperationRow>>, Failure> {
    let (rows, _) = asked
        .answer(
            |core, query| Ok(core.routes(query)),
            |file, query| Ok(file.operations(&query.as_operations())?),
        )
        .await?;
    Ok(Json(rows))
}

pub(super) async fn faults(asked: Asked<Nothing>) -> Result<Json<Vec<FaultRow>>, Failure> {
    let (rows, _) =
        asked.answer(|core, _| Ok(core.faults()?), |file, _| Ok(file.faults()?)).await?;
    Ok(Json(rows))
}

pub(super) async fn breakers(asked: Asked<Nothing>) -> Result<Json<Vec<BreakerChange>>, Failure> {
    let (rows, _) =
        asked.answer(|core, _| Ok(core.reader.breakers()?), |file, _| Ok(file.breakers()?)).await?;
    Ok(Json(rows))
}

pub(super) async fn events(asked: Asked<EventQuery>) -> Result<Json<Vec<Event>>, Failure> {
    let (events, _) = asked
        .answer(|core, query| Ok(core.events(query)), |file, query| Ok(file.events(query)?))
        .await?;
    Ok(Json(events))
}

pub(super) async fn runs(asked: Asked<Nothing>) -> Result<Json<Vec<RunEntry>>, Failure> {
    let (runs, _) = asked
        .answer(|core, _| Ok(core.run_entries()?), |_, _| Err(Failure::bad("ask without `run`")))
        .await?;
    Ok(Json(runs))
}
