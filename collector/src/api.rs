//! The HTTP API of dashboards, reports and load workers; `model::frame` and `model::load` list the
//! calls. Every error is an [`ApiError`].

mod analysis;
mod load;
mod question;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use model::limits::API_BODY_BYTES_MAX;
use model::plan::ApiError;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::core::{Core, stopped};

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
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.error)).into_response()
    }
}

/// Serves until `stop` turns true.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>, stop: watch::Receiver<bool>) {
    let (mut first, mut second) = (stop.clone(), stop);
    let server = axum::serve(listener, router(core))
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
        .route("/v1/load/intervals", post(load::interval))
        .route("/v1/load/done", post(load::done))
        .route("/v1/health", get(async || StatusCode::OK))
        .merge(analysis::routes())
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        })
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .with_state(core)
}

#[cfg(test)]
mod tests;
