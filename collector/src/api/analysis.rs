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
//! `limit` is the number of traces that are read. With `Accept: text/plain` the answer is the text
//! that a terminal shows.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use model::id::{CorrelationId, TraceId};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::asked::{Parameters as Asked, beside, parameters as asked};
use crate::analysis::blame::BlameQuery;
#[cfg(doc)]
use crate::analysis::{
    blame::BlameReport, completeness::Completeness, correlation::RequestView, faults::FaultReport,
    path::CriticalPath, retries::RetryReport,
};
use crate::analysis::{gather, path, text};
use crate::core::Core;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limit {
    limit: Option<usize>,
}

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

fn refused(error: impl ToString) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, error)
}

async fn critical_path(
    State(core): State<Arc<Core>>,
    Path(trace_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let trace_id: TraceId = trace_id.to_ascii_lowercase().parse().map_err(refused)?;
    let found =
        beside(&core, move |core| Ok(core.trace(trace_id)?.as_ref().and_then(path::critical_path)));
    let path = found.await?.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("no span of trace {trace_id} has come in"))
    })?;
    Ok(answer(&headers, &path, text::critical_path))
}

async fn blame(
    State(core): State<Arc<Core>>,
    query: Asked<BlameQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = asked(query)?;
    if let Some(quantile) = query.quantile
        && !(0.0..=1.0).contains(&quantile)
    {
        return Err(refused(format!(
            "quantile is a number from 0 to 1, like 0.99 for p99, got {quantile}"
        )));
    }
    let report = beside(&core, move |core| gather::blame_of(core, &query)).await?;
    Ok(answer(&headers, &report, text::blame))
}

async fn faults(
    State(core): State<Arc<Core>>,
    query: Asked<Limit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let limit = asked(query)?.limit;
    let report = beside(&core, move |core| gather::faults_of(core, limit)).await?;
    Ok(answer(&headers, &report, text::faults))
}

async fn retries(
    State(core): State<Arc<Core>>,
    query: Asked<Limit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let limit = asked(query)?.limit;
    let report = beside(&core, move |core| gather::retries_of(core, limit)).await?;
    Ok(answer(&headers, &report, text::retries))
}

async fn completeness(
    State(core): State<Arc<Core>>,
    query: Asked<Limit>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let limit = asked(query)?.limit;
    let report = beside(&core, move |core| gather::completeness_of(core, limit)).await?;
    Ok(answer(&headers, &report, text::completeness))
}

async fn correlation(
    State(core): State<Arc<Core>>,
    Path(correlation_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id: CorrelationId = correlation_id.parse().map_err(refused)?;
    let asked = id.clone();
    let view = beside(&core, move |core| gather::request_of(core, asked)).await?;
    let view = view.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("nothing with correlation id {id} has come in"))
    })?;
    Ok(answer(&headers, &view, text::request))
}

#[cfg(test)]
mod tests;
