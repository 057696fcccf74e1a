//! The HTTP API of dashboards, reports, people and load workers; `openapi` lists the calls. Every
//! error is an [`ApiError`].
//!
//! It serves this machine, or those who show a token. Pages of other sites, which a browser may be
//! made to call it from, are refused.

mod analysis;
pub(crate) mod asked;
mod guard;
mod load;
mod metrics;
mod openapi;
mod question;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use model::fault::Token;
use model::limits::API_BODY_BYTES_MAX;
use model::plan::ApiError;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::core::{Core, stopped};
use crate::runs::RunsError;
use crate::store::StoreError;

/// For requests in work when the collector ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// An error on its way to the caller.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    error: ApiError,
}

impl Failure {
    fn new(status: StatusCode, error: impl ToString) -> Self {
        Self { status, error: ApiError { error: error.to_string(), field: None } }
    }

    fn bad(error: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.error)).into_response()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::Version { .. } | StoreError::Foreign { .. } => StatusCode::CONFLICT,
            StoreError::Missing { .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error)
    }
}

impl From<RunsError> for Failure {
    fn from(error: RunsError) -> Self {
        let status = match &error {
            RunsError::Unknown { .. } | RunsError::Empty { .. } => StatusCode::NOT_FOUND,
            RunsError::Several { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error)
    }
}

/// Serves until `stop` turns true.
pub(crate) async fn serve(
    listener: TcpListener,
    core: Arc<Core>,
    token: Option<Arc<Token>>,
    stop: watch::Receiver<bool>,
) {
    let (mut first, mut second) = (stop.clone(), stop);
    let guarded = router(core).layer(middleware::from_fn_with_state(token, guard::guard));
    let service = guarded.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stopped(&mut first).await });
    tokio::select! {
        ended = server.into_future() => {
            if let Err(error) = ended {
                tracing::error!(%error, "the API ended");
            }
        },
        () = async {
            stopped(&mut second).await;
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        } => tracing::warn!("API requests were still in work when the collector ended"),
    }
}

fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/v1/live", get(stream::live))
        .route("/v1/frames", get(question::frames))
        .route("/v1/traces", get(question::traces))
        .route("/v1/traces/{trace_id}", get(question::trace))
        .route("/v1/logs", get(question::logs))
        .route("/v1/edges", get(question::edges))
        .route("/v1/graph", get(question::graph))
        .route("/v1/operations", get(question::operations))
        .route("/v1/routes", get(question::routes))
        .route("/v1/faults", get(question::faults))
        .route("/v1/breakers", get(question::breakers))
        .route("/v1/events", get(question::events))
        .route("/v1/runs", get(question::runs))
        .route("/v1/load/intervals", post(load::interval))
        .route("/v1/load/done", post(load::done))
        .route("/v1/load/clock", get(load::clock))
        .route("/v1/load/plan", get(load::plan))
        .route("/v1/load/ready", post(load::ready))
        .route("/v1/health", get(async || StatusCode::OK))
        .route("/metrics", get(metrics::page))
        .route("/openapi.json", get(openapi::page))
        .merge(analysis::routes())
        .fallback(async || {
            Failure::new(StatusCode::NOT_FOUND, "no such path; /openapi.json lists them")
        })
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        })
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .with_state(core)
}

#[cfg(test)]
mod tests;
