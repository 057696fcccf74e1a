//! What every request of every service gets, written once: bound, context, deadline, span, log.
//!
//! Order: the span and the correlation id come first, so that even a shed request is seen; then
//! the in-flight bound, so that an overloaded service answers at once; then the deadline, which
//! gives up waiting but leaves a saga or a transaction that has begun to end in order.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use model::names::header;
use telemetry::clock::Clock;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, Span, field};

use crate::problem::Problem;
use crate::request::{Deadline, RequestContext, Trail, put};

/// Requests in flight at once; more are answered 503, which promises that nothing was done.
pub(crate) const IN_FLIGHT_MAX: usize = 512;

#[derive(Debug)]
pub(crate) struct Gate {
    clock: Clock,
    places: Semaphore,
}

impl Gate {
    pub(crate) fn new(clock: Clock, in_flight_max: usize) -> Arc<Self> {
        Arc::new(Self { clock, places: Semaphore::new(in_flight_max) })
    }
}

pub(crate) async fn pass(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = gate.clock.now();
    let incoming = telemetry::context::read(request.headers());
    let deadline = Deadline::of(&incoming, &gate.clock);
    let trail = Trail::of(incoming);
    let span = server_span(&request, &trail);
    let context = RequestContext { trail: trail.enter(&span), deadline };
    request.extensions_mut().insert(context);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let served = async {
        let response = bounded(&gate, deadline, request, next).await;
        let took_us = u64::try_from((gate.clock.now() - started).as_micros()).unwrap_or(u64::MAX);
        finish(&method, &path, response.status(), took_us);
        response
    };
    let mut response = served.instrument(span).await;
    put(response.headers_mut(), header::CORRELATION_ID, trail.correlation_id.as_str());
    response
}

async fn bounded(gate: &Gate, deadline: Deadline, request: Request, next: Next) -> Response {
    let Ok(_place) = gate.places.try_acquire() else {
        let full = "this service has too many requests in flight";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, full).into_response();
    };
    let late = || Problem::new(StatusCode::GATEWAY_TIMEOUT, "the deadline of the request passed");
    match tokio::time::timeout_at(deadline.0, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => late().into_response(),
    }
}

/// A SERVER span named `{METHOD} {route}`; the route, not the path, so that names stay few.
fn server_span(request: &Request, trail: &Trail) -> Span {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let method = request.method();
    let name = route.map_or_else(|| method.to_string(), |route| format!("{method} {route}"));
    tracing::info_span!(
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = %method,
        http.route = route,
        url.path = request.uri().path(),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        shakedown.correlation_id = trail.correlation_id.as_str(),
    )
}

/// Completes the span and writes the access log line.
fn finish(method: &Method, path: &str, status: StatusCode, took_us: u64) {
    let span = Span::current();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
        tracing::warn!(%method, path, status = status.as_u16(), took_us, "request failed");
    } else {
        tracing::info!(%method, path, status = status.as_u16(), took_us, "request served");
    }
}

#[cfg(test)]
mod tests;
