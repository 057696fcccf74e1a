//! Questions about what the telemetry means.
//!
//! | Call | Answer |
//! |---|---|
//! | `GET /v1/traces/{trace_id}/critical-path` | [`CriticalPath`] |
//! | `GET /v1/analysis/blame?edge=&phase=&quantile=&limit=` | [`BlameReport`] |
//! | `GET /v1/analysis/faults?limit=` | [`FaultReport`] |
//! | `GET /v1/analysis/retries?limit=` | [`RetryReport`] |
//! | `GET /v1/analysis/completeness?limit=` | [`Completeness`] |
//! | `GET /v1/correlation/{correlation_id}` | [`RequestView`] |
//!
//! `limit` is the number of traces that are read, `run` another run than the running one. With
//! `Accept: text/plain` the answer is the text that a terminal shows.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use model::id::{CorrelationId, TraceId};
use serde::Serialize;

use super::Failure;
use super::asked::Asked;
use super::question::Nothing;
use crate::analysis::blame::BlameQuery;
use crate::analysis::gather::Limit;
#[cfg(doc)]
use crate::analysis::{
    blame::BlameReport, completeness::Completeness, correlation::RequestView, faults::FaultReport,
    path::CriticalPath, retries::RetryReport,
};
use crate::analysis::{gather, path, text};
use crate::core::Core;

pub(super) fn routes() -> Router<Arc<Core>> {
    Router::new()
        .route("/v1/traces/{trace_id}/critical-path", get(critical_path))
        .route("/v1/analysis/blame", get(blame))
        .route("/v1/analysis/faults", get(faults))
        .route("/v1/analysis/retries", get(retries))
        .route("/v1/analysis/completeness", get(completeness))
        .route("/v1/correlation/{correlation_id}", get(correlation))
}

/// JSON, or text when the caller asks for it.
fn answer<T: Serialize>(headers: &HeaderMap, value: &T, render: fn(&T) -> String) -> Response {
    let wants = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if wants.split(',').any(|kind| kind.trim().starts_with("text/plain")) {
        return ([(CONTENT_TYPE, "text/plain; charset=utf-8")], render(value)).into_response();
    }
    Json(value).into_response()
}

async fn critical_path(
    Path(trace_id): Path<String>,
    asked: Asked<Nothing>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let trace_id: TraceId = trace_id.to_ascii_lowercase().parse().map_err(Failure::bad)?;
    let (trace, _) = asked
        .answer(move |core, _| Ok(core.trace(trace_id)?), move |file, _| Ok(file.trace(trace_id)?))
        .await?;
    let path = trace.as_ref().and_then(path::critical_path).ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("no span of trace {trace_id} has come in"))
    })?;
    Ok(answer(&headers, &path, text::critical_path))
}

async fn blame(asked: Asked<BlameQuery>, headers: HeaderMap) -> Result<Response, Failure> {
    if let Some(quantile) = asked.query.quantile
        && !(0.0..=1.0).contains(&quantile)
    {
        return Err(Failure::bad(format!(
            "quantile is a number from 0 to 1, like 0.99 for p99, got {quantile}"
        )));
    }
    let (report, _) = asked
        .answer(
            |core, query| Ok(gather::blame_of(core, query)?),
            |file, query| Ok(gather::blame_of(file, query)?),
        )
        .await?;
    Ok(answer(&headers, &report, text::blame))
}

async fn faults(asked: Asked<Limit>, headers: HeaderMap) -> Result<Response, Failure> {
    let (report, _) = asked
        .answer(
            |core, query| Ok(gather::faults_of(core, query.limit)?),
            |file, query| Ok(gather::faults_of(file, query.limit)?),
        )
        .await?;
    Ok(answer(&headers, &report, text::faults))
}

async fn retries(asked: Asked<Limit>, headers: HeaderMap) -> Result<Response, Failure> {
    let (report, _) = asked
        .answer(
            |core, query| Ok(gather::retries_of(core, query.limit)?),
            |file, query| Ok(gather::retries_of(file, query.limit)?),
        )
        .await?;
    Ok(answer(&headers, &report, text::retries))
}

async fn completeness(asked: Asked<Limit>, headers: HeaderMap) -> Result<Response, Failure> {
    let (report, _) = asked
        .answer(
            |core, query| Ok(gather::completeness_of(core, query.limit)?),
            |file, query| Ok(gather::completeness_of(file, query.limit)?),
        )
        .await?;
    Ok(answer(&headers, &report, text::completeness))
}

async fn correlation(
    Path(correlation_id): Path<String>,
    asked: Asked<Nothing>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id: CorrelationId = correlation_id.parse().map_err(Failure::bad)?;
    let (live, filed) = (id.clone(), id.clone());
    let (view, _) = asked
        .answer(
            move |core, _| Ok(gather::request_of(core, live)?),
            move |file, _| Ok(gather::request_of(file, filed)?),
        )
        .await?;
    let view = view.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("nothing with correlation id {id} has come in"))
    })?;
    Ok(answer(&headers, &view, text::request))
}

#[cfg(test)]
mod tests;
