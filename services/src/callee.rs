//! Outgoing calls: one CLIENT span each, the caller's trail and a shrunk deadline in the headers.
//!
//! A call is never repeated here. Whether a second attempt is safe is known only where the call
//! is made; see the charge in `orders`.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use model::names::header;
use serde::Serialize;
use serde::de::DeserializeOwned;
use telemetry::client::{Client, ClientError};
use telemetry::clock::Clock;
use tracing::{Instrument as _, Span, field};

use crate::request::{RequestContext, Trail, put};

/// A service that this one calls, behind its gateway edge.
#[derive(Debug, Clone)]
pub(crate) struct Callee {
    name: &'static str,
    address: SocketAddr,
    client: Client,
    clock: Clock,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    /// With holes, for the name of the span.
    route: &'static str,
    path: String,
    body: Bytes,
    key: Option<String>,
    /// How often this call was sent before.
    resend: u32,
    timeout: Duration,
}

/// Longest wait for an answer where the caller's deadline allows more.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);

impl Call {
    pub(crate) fn get(route: &'static str, path: String) -> Self {
        let (method, body) = (Method::GET, Bytes::new());
        Self { method, route, path, body, key: None, resend: 0, timeout: TIMEOUT_DEFAULT }
    }

    /// A POST of `body` as JSON.
    pub(crate) fn post(route: &'static str, path: String, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("bodies are plain structs, which JSON can hold");
        Self { method: Method::POST, body: body.into(), ..Self::get(route, path) }
    }

    pub(crate) fn key(self, key: String) -> Self {
        Self { key: Some(key), ..self }
    }

    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same call once more.
    pub(crate) fn again(&self) -> Self {
        Self { resend: self.resend + 1, ..self.clone() }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    body: Bytes,
}

impl Answer {
    /// The body, when it is what it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{callee} was not called: the deadline leaves no time")]
    NoTime { callee: &'static str },
    #[error("{callee} gave no answer")]
    NoAnswer { callee: &'static str, source: ClientError },
}

impl CallError {
    /// The connection broke: the callee may have done its work, and the answer is lost.
    pub(crate) fn is_lost_answer(&self) -> bool {
        matches!(self, Self::NoAnswer { source: ClientError::Broken { .. }, .. })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::NoTime { .. } => "deadline",
            Self::NoAnswer { source, .. } => match source {
                ClientError::Connect { .. } => "connect",
                ClientError::Broken { .. } => "reset",
                ClientError::Timeout { .. } => "timeout",
                _ => "answer",
            },
        }
    }
}

impl Callee {
    pub(crate) fn new(
        name: &'static str,
        address: SocketAddr,
        client: Client,
        clock: Clock,
    ) -> Self {
        Self { name, address, client, clock }
    }

    pub(crate) async fn call(
        &self,
        context: &RequestContext,
        call: Call,
    ) -> Result<Answer, CallError> {
        let span = self.span(&call, &context.trail);
        let trail = context.trail.enter(&span);
        async {
            let result = self.exchange(context, &trail, call).await;
            record(&result);
            result
        }
        .instrument(span)
        .await
    }

    async fn exchange(
        &self,
        context: &RequestContext,
        trail: &Trail,
        call: Call,
    ) -> Result<Answer, CallError> {
        let left = context.deadline.left_for_call(call.timeout, &self.clock);
        let timeout = left.ok_or(CallError::NoTime { callee: self.name })?;
        let mut request = http::Request::new(call.body);
        *request.method_mut() = call.method;
        *request.uri_mut() =
            call.path.parse().expect("paths are made of constants and ids that need no escape");
        let headers = request.headers_mut();
        put(headers, CONTENT_TYPE.as_str(), "application/json");
        put(headers, header::DEADLINE_MS, &timeout.as_millis().max(1).to_string());
        if let Some(key) = &call.key {
            put(headers, header::IDEMPOTENCY_KEY, key);
        }
        trail.write(headers);
        match self.client.send(self.address, request, timeout).await {
            Ok(response) => Ok(Answer { status: response.status(), body: response.into_body() }),
            Err(source) => Err(CallError::NoAnswer { callee: self.name, source }),
        }
    }

    fn span(&self, call: &Call, trail: &Trail) -> Span {
        tracing::info_span!(
            "call",
            otel.name = format!("{} {}", call.method, call.route),
            otel.kind = "client",
            otel.status_code = field::Empty,
            peer.service = self.name,
            http.request.method = %call.method,
            http.request.resend_count = (call.resend > 0).then_some(call.resend),
            url.path = call.path,
            http.response.status_code = field::Empty,
            error.type = field::Empty,
            shakedown.correlation_id = trail.correlation_id.as_str(),
        )
    }
}

fn record(result: &Result<Answer, CallError>) {
    let span = Span::current();
    match result {
        Ok(answer) => {
            span.record("http.response.status_code", answer.status.as_u16());
            if answer.status.is_client_error() || answer.status.is_server_error() {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", answer.status.as_str());
            }
        },
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", error.kind());
            tracing::warn!(error = error as &dyn std::error::Error, "call failed");
        },
    }
}
