//! What every request carries through the shop: trace, correlation id, deadline.
//!
//! A [`Trail`] is the part that outlives the request: it is stored with an order, so that what is
//! done for the order later, even after a restart, belongs to the same trace and correlation id.

use std::str::FromStr as _;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use model::id::{CorrelationId, SpanId, TraceId};
use model::names::header;
use model::propagation::TraceParent;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use telemetry::clock::Clock;
use telemetry::context::Incoming;
use tokio::time::Instant;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::problem::Problem;

/// Deadline of a request that names none.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// Longest deadline that a caller may ask for; a saga's lease on its order is longer.
pub(crate) const DEADLINE_MAX: Duration = Duration::from_secs(20);
/// Kept back from the deadline of an outgoing call, to still answer the caller in time.
const MARGIN: Duration = Duration::from_millis(20);

/// Who a piece of work is done for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trail {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) parent: Option<TraceParent>,
    pub(crate) tracestate: Option<String>,
    pub(crate) baggage: Option<String>,
}

impl Trail {
    /// Takes over what came in; the correlation id is made when absent.
    pub(crate) fn of(incoming: Incoming) -> Self {
        Self {
            correlation_id: incoming.correlation_id.unwrap_or_else(new_correlation_id),
            parent: incoming.parent,
            tracestate: incoming.tracestate,
            baggage: incoming.baggage,
        }
    }

    /// Makes `span` a child of this trail, and the returned trail one that goes on in `span`.
    /// Where nobody records spans the trail stays as it is and is passed on unchanged.
    pub(crate) fn enter(&self, span: &Span) -> Self {
        if let Some(parent) = self.parent {
            let parent = span_context(parent, self.tracestate.as_deref());
            // Fails only where nobody records spans.
            let _unrecorded =
                span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
        let context = span.context();
        let own = context.span().span_context().clone();
        let parent = trace_parent(&own).or(self.parent);
        Self { parent, ..self.clone() }
    }

    /// Writes the trail into the headers of an outgoing request.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        put(headers, header::CORRELATION_ID, self.correlation_id.as_str());
        if let Some(parent) = self.parent {
            put(headers, header::TRACEPARENT, &parent.to_string());
        }
        if let Some(tracestate) = &self.tracestate {
            put(headers, header::TRACESTATE, tracestate);
        }
        if let Some(baggage) = &self.baggage {
            put(headers, header::BAGGAGE, baggage);
        }
    }

    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.parent.map(|parent| parent.trace_id)
    }
}

/// Sets a header; a value that no header can hold is left out.
pub(crate) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn new_correlation_id() -> CorrelationId {
    format!("made-{:016x}", rand::random::<u64>())
        .parse()
        .expect("hex digits and dashes are visible ASCII")
}

fn span_context(parent: TraceParent, tracestate: Option<&str>) -> SpanContext {
    SpanContext::new(
        opentelemetry::TraceId::from_bytes(*parent.trace_id.as_bytes()),
        opentelemetry::SpanId::from_bytes(*parent.span_id.as_bytes()),
        TraceFlags::new(parent.flags),
        true,
        tracestate.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default(),
    )
}

fn trace_parent(context: &SpanContext) -> Option<TraceParent> {
    Some(TraceParent {
        trace_id: TraceId::from_bytes(context.trace_id().to_bytes())?,
        span_id: SpanId::from_bytes(context.span_id().to_bytes())?,
        flags: context.trace_flags().to_u8(),
    })
}

/// The instant at which the caller stops waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(pub(crate) Instant);

impl Deadline {
    /// The caller's wish, bounded.
    pub(crate) fn of(incoming: &Incoming, clock: &Clock) -> Self {
        let wish = incoming.deadline_ms.map_or(DEADLINE_DEFAULT, Duration::from_millis);
        Self(clock.now() + wish.min(DEADLINE_MAX))
    }

    pub(crate) fn after(time: Duration, clock: &Clock) -> Self {
        Self(clock.now() + time)
    }

    /// What an outgoing call may take, at most `longest`. `None` when there is no time to call.
    pub(crate) fn left_for_call(self, longest: Duration, clock: &Clock) -> Option<Duration> {
        let left = self.0.saturating_duration_since(clock.now()).checked_sub(MARGIN)?;
        (!left.is_zero()).then_some(left.min(longest))
    }
}

/// What a handler knows about its request besides path and body.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) trail: Trail,
    pub(crate) deadline: Deadline,
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no request context");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// The `idempotency-key` header; a request without one is refused.
#[derive(Debug)]
pub(crate) struct IdempotencyKey(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let key = parts.headers.get(header::IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
        match key {
            Some(key) if (1..=128).contains(&key.len()) => Ok(Self(key.to_owned())),
            _ => Err(Problem::of_field(
                header::IDEMPOTENCY_KEY,
                "this request must carry an idempotency-key header of 1 to 128 characters",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_bounded_and_shrinks_as_time_passes() {
        let clock = Clock::system();
        let wish = |deadline_ms| Incoming { deadline_ms, ..Incoming::default() };
        let cases = [(None, 5_000), (Some(800), 800), (Some(3_600_000), 20_000)];
        for (asked, granted_ms) in cases {
            let deadline = Deadline::of(&wish(asked), &clock);
            assert_eq!(deadline.0 - clock.now(), Duration::from_millis(granted_ms));
        }
        let deadline = Deadline::of(&wish(Some(800)), &clock);
        let left = |longest| deadline.left_for_call(Duration::from_millis(longest), &clock);
        assert_eq!(left(5_000), Some(Duration::from_millis(780)));
        assert_eq!(left(100), Some(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(780)).await;
        assert_eq!(left(5_000), None);
    }

    #[test]
    fn a_trail_is_written_as_it_was_read() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("tracestate", "a=1,b=2"),
            ("baggage", "user=7"),
            ("x-correlation-id", "u00000f-000083"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let mut written = HeaderMap::new();
        Trail::of(telemetry::context::read(&headers)).write(&mut written);
        assert_eq!(written, headers);
    }

    #[test]
    fn a_request_without_correlation_id_gets_one_of_its_own() {
        let id = || Trail::of(Incoming::default()).correlation_id;
        assert_ne!(id(), id());
    }
}
