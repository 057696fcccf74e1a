//! The control API over HTTP/JSON, for peers on this machine and not for browsers.
//!
//! A web page that a person visits may send requests to any loopback port; refusing what browsers
//! send (their user agent, `Origin`, `Sec-Fetch-Site`) keeps such a page from arming faults.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header::{ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use model::edge::Edge;
use model::frame::DropCount;
use model::limits::API_BODY_BYTES_MAX;
use model::plan::{ApiError, LeaseReply, LeaseRequest, Plan, ProxyState};
use serde::de::DeserializeOwned;
use telemetry::providers::Providers;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control::Refusal;
use crate::server::asked;
use crate::worker::Worker;

#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) worker: Arc<Worker>,
    pub(crate) edges: Arc<BTreeMap<Edge, SocketAddr>>,
    /// For its counts of lost spans and logs.
    pub(crate) providers: Option<Providers>,
}

pub(crate) async fn serve(
    listener: TcpListener,
    admin: Admin,
    mut stopping: watch::Receiver<bool>,
) {
    let router = Router::new()
        .route("/v1/plan", get(read_plan).put(put_plan))
        .route("/v1/lease", post(renew).delete(release))
        .route("/v1/state", get(state))
        .route("/health", get(|| async { "ok" }))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "no such path".to_owned(), None) })
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(admin)
        .into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move { asked(&mut stopping).await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the admin API ended");
    }
}

async fn guard(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if !peer.ip().is_loopback() {
        let text = format!("the control API serves this machine only, not {}", peer.ip());
        return error(StatusCode::FORBIDDEN, text, None);
    }
    if is_browser(request.headers()) {
        return error(StatusCode::FORBIDDEN, "browsers are refused".to_owned(), None);
    }
    next.run(request).await
}

fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.trim_start().starts_with("Mozilla"))
        || headers.contains_key(ORIGIN)
        || headers.contains_key("sec-fetch-site")
}

async fn read_plan(State(admin): State<Admin>) -> Json<Plan> {
    Json(admin.worker.control.snapshot().plan.clone())
}

async fn put_plan(State(admin): State<Admin>, body: Bytes) -> Response {
    let plan: Plan = match parse(&body, "a plan") {
        Ok(plan) => plan,
        Err(refused) => return refused,
    };
    let endpoints: BTreeSet<SocketAddr> =
        plan.edges.iter().flat_map(|edge| edge.endpoints.iter().copied()).collect();
    match admin.worker.control.apply(plan) {
        Ok(applied) => {
            admin.worker.pool.retain(&endpoints);
            Json(applied).into_response()
        },
        Err(refusal) => refuse(&refusal),
    }
}

async fn renew(State(admin): State<Admin>, body: Bytes) -> Response {
    let request: LeaseRequest = match parse(&body, "a lease request") {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    match admin.worker.control.renew(&request) {
        Ok(reply) => Json(reply).into_response(),
        Err(refusal) => refuse(&refusal),
    }
}

async fn release(State(admin): State<Admin>) -> Json<LeaseReply> {
    Json(admin.worker.control.release())
}

async fn state(State(admin): State<Admin>) -> Json<ProxyState> {
    let mut dropped = admin.worker.losses.counts();
    let forgotten = admin.worker.journeys.forgotten();
    dropped.push(DropCount { what: "proxy journeys".to_owned(), count: forgotten });
    let telemetry = admin.providers.iter().flat_map(Providers::dropped);
    dropped
        .extend(telemetry.map(|lost| DropCount { what: format!("proxy {}", lost.what), ..lost }));
    Json(admin.worker.control.report(&admin.edges, dropped))
}

#[expect(clippy::result_large_err, reason = "the error is the answer, built once per bad request")]
fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|wrong| {
        let text = wrong.to_string();
        // serde names the key between backticks: unknown field `x`, missing field `x`.
        let field =
            text.contains("field `").then(|| text.split('`').nth(1).map(str::to_owned)).flatten();
        error(StatusCode::UNPROCESSABLE_ENTITY, format!("this is not {what}: {text}"), field)
    })
}

fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Invalid(invalid) => {
            let field = Some(invalid.field.clone());
            error(StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string(), field)
        },
        Refusal::Epoch { .. } | Refusal::Lapsed { .. } | Refusal::Released { .. } => {
            error(StatusCode::CONFLICT, refusal.to_string(), None)
        },
    }
}

fn error(status: StatusCode, error: String, field: Option<String>) -> Response {
    (status, Json(ApiError { error, field })).into_response()
}
