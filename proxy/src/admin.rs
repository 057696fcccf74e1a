//! The control API over HTTP/JSON, for peers on this machine and not for browsers.
//!
//! A web page that a person visits may send requests to any loopback port; refusing what browsers
//! send (their user agent, `Origin`, `Sec-Fetch-Site`) keeps such a page from arming faults. Peers
//! of other machines are refused unless a token is set, and then everybody must show it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use model::fault::Token;
use model::frame::DropCount;
use model::limits::API_BODY_BYTES_MAX;
use model::plan::{
    ApiError, Applied, ArmRequest, ArmedFault, BreakerOrder, Change, LeaseReply, LeaseRequest,
    Plan, ProxyState, Rollback,
};
use serde::de::DeserializeOwned;
use telemetry::providers::Providers;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control::Refusal;
use crate::emit::metrics;
use crate::server::asked;
use crate::worker::{self, Shared, Worker};

pub(crate) mod openapi;

#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) workers: Arc<Vec<Arc<Worker>>>,
    pub(crate) shared: Shared,
    pub(crate) token: Option<Arc<Token>>,
    /// For its counts of lost spans and logs.
    pub(crate) providers: Option<Providers>,
}

pub(crate) async fn serve(
    listener: TcpListener,
    admin: Admin,
    mut stopping: watch::Receiver<bool>,
) {
    let guarded = middleware::from_fn_with_state(admin.clone(), guard);
    let router = Router::new()
        .route("/v1/plan", get(read_plan).put(put_plan))
        .route("/v1/lease", post(renew).delete(release))
        .route("/v1/state", get(state))
        .route("/v1/faults", get(faults).post(arm).delete(clear))
        .route("/v1/faults/{name}", delete(disarm))
        .route("/v1/changes", get(changes))
        .route("/v1/rollback", post(roll_back))
        .route("/v1/breakers", post(order_breaker))
        .route("/metrics", get(show_metrics))
        .route("/openapi.json", get(openapi::page))
        .route("/health", get(|| async { "ok" }))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "no such path".to_owned(), None) })
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .layer(guarded)
        .with_state(admin)
        .into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move { asked(&mut stopping).await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the admin API ended");
    }
}

async fn guard(
    State(admin): State<Admin>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if is_browser(request.headers()) {
        return error(StatusCode::FORBIDDEN, "browsers are refused".to_owned(), None);
    }
    match &admin.token {
        Some(token) if !shows(token, request.headers()) => {
            let text = "the control API wants `Authorization: Bearer` with its token".to_owned();
            return error(StatusCode::UNAUTHORIZED, text, None);
        },
        None if !peer.ip().is_loopback() => {
            let text = format!("the control API serves this machine only, not {}", peer.ip());
            return error(StatusCode::FORBIDDEN, text, None);
        },
        _ => {},
    }
    next.run(request).await
}

fn shows(token: &Token, headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    value.and_then(|value| value.strip_prefix(b"Bearer ")).is_some_and(|shown| token.is(shown))
}

pub(crate) fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.trim_start().starts_with("Mozilla"))
        || headers.contains_key(ORIGIN)
        || headers.contains_key("sec-fetch-site")
}

async fn read_plan(State(admin): State<Admin>) -> Json<Plan> {
    Json(admin.shared.control.snapshot().plan.clone())
}

async fn put_plan(State(admin): State<Admin>, body: Bytes) -> Response {
    answer(parse::<Plan>(&body, "a plan"), |plan| admin.changed(admin.shared.control.apply(plan)))
}

async fn renew(State(admin): State<Admin>, body: Bytes) -> Response {
    let request = parse::<LeaseRequest>(&body, "a lease request");
    answer(request, |request| admin.shared.control.renew(&request))
}

async fn release(State(admin): State<Admin>) -> Json<LeaseReply> {
    Json(admin.shared.control.release())
}

async fn state(State(admin): State<Admin>) -> Json<ProxyState> {
    let mut dropped = admin.shared.losses.counts();
    let forgotten = admin.shared.journeys.forgotten();
    dropped.push(DropCount { what: "proxy journeys".to_owned(), count: forgotten });
    let log = admin.shared.access.iter().map(|log| log.dropped()).sum();
    dropped.push(DropCount { what: "proxy access log lines".to_owned(), count: log });
    dropped.extend(admin.shared.control.forgotten());
    let telemetry = admin.shared.emitter.losses(admin.providers.as_ref());
    let named = |lost: DropCount| DropCount { what: format!("proxy {}", lost.what), ..lost };
    dropped.extend(telemetry.into_iter().map(named));
    Json(admin.shared.control.report(dropped))
}

async fn faults(State(admin): State<Admin>) -> Json<Vec<ArmedFault>> {
    Json(admin.shared.control.armed())
}

async fn arm(State(admin): State<Admin>, body: Bytes) -> Response {
    let request = parse::<ArmRequest>(&body, "a fault to arm");
    answer(request, |request| admin.shared.control.arm(request))
}

async fn disarm(State(admin): State<Admin>, Path(name): Path<String>) -> Response {
    answer(Ok(()), |()| admin.shared.control.disarm(Some(&name)))
}

async fn clear(State(admin): State<Admin>) -> Response {
    answer(Ok(()), |()| admin.shared.control.disarm(None))
}

async fn changes(State(admin): State<Admin>) -> Json<Vec<Change>> {
    Json(admin.shared.control.history())
}

async fn roll_back(State(admin): State<Admin>, body: Bytes) -> Response {
    let order = parse::<Rollback>(&body, "a rollback");
    answer(order, |order| admin.changed(admin.shared.control.roll_back(order.to_epoch)))
}

async fn order_breaker(State(admin): State<Admin>, body: Bytes) -> Response {
    let order = parse::<BreakerOrder>(&body, "an order to a breaker");
    answer(order, |order| admin.shared.control.order_breaker(&order))
}

async fn show_metrics(State(admin): State<Admin>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], admin.shared.emitter.prometheus()).into_response()
}

impl Admin {
    fn changed(&self, result: Result<Applied, Refusal>) -> Result<Applied, Refusal> {
        if result.is_ok() {
            worker::close_unused(&self.workers, &self.shared.control);
        }
        result
    }
}

fn answer<T, R: serde::Serialize>(
    request: Result<T, Response>,
    act: impl FnOnce(T) -> Result<R, Refusal>,
) -> Response {
    match request.map(act) {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(refusal)) => refuse(&refusal),
        Err(refused) => refused,
    }
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
        Refusal::Epoch { .. }
        | Refusal::Lapsed { .. }
        | Refusal::Released { .. }
        | Refusal::Exists { .. }
        | Refusal::Breaker { .. } => error(StatusCode::CONFLICT, refusal.to_string(), None),
        Refusal::NoFault { .. } | Refusal::Missing { .. } | Refusal::Forgotten { .. } => {
            error(StatusCode::NOT_FOUND, refusal.to_string(), None)
        },
    }
}

pub(crate) fn error(status: StatusCode, error: String, field: Option<String>) -> Response {
    (status, Json(ApiError { error, field })).into_response()
}
