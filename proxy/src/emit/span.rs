//! One open span and the context that goes on from it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::propagation::{FLAG_RANDOM, FLAG_SAMPLED, TraceParent};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Span;
use tokio::time::Instant;

use super::{Emitter, SpanRef};

/// What a span starts with.
#[derive(Debug)]
pub(crate) struct SpanStart {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) at: Instant,
}

/// A span that has begun.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    span: Span,
    /// Flags that came in and travel on.
    inherited_flags: u8,
    pub(crate) began: Instant,
}

impl Emitter {
    /// Opens the span of a request under the context that the caller sent, if any.
    pub(crate) fn open_root(&self, start: SpanStart, parent: Option<&TraceParent>) -> OpenSpan {
        let context = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(SpanContext::new(
                TraceId::from_bytes(*parent.trace_id.as_bytes()),
                SpanId::from_bytes(*parent.span_id.as_bytes()),
                TraceFlags::new(parent.flags),
                true,
                TraceState::default(),
            ))
        });
        // A trace that begins here has a random id.
        let flags = parent.map_or(FLAG_RANDOM, |parent| parent.flags);
        self.open(start, &context, flags)
    }

    /// Opens a span below one of our own.
    pub(crate) fn open_below(&self, start: SpanStart, parent: &OpenSpan) -> OpenSpan {
        let context = Context::new().with_remote_span_context(parent.span.span_context().clone());
        self.open(start, &context, parent.inherited_flags)
    }

    fn open(&self, start: SpanStart, context: &Context, inherited_flags: u8) -> OpenSpan {
        let builder = SpanBuilder::from_name(start.name)
            .with_kind(start.kind)
            .with_start_time(self.wall(start.at))
            .with_attributes(start.attributes);
        let span = self.tracer.build_with_context(builder, context);
        OpenSpan { span, inherited_flags, began: start.at }
    }

    pub(crate) fn close(&self, mut span: OpenSpan, error: Option<String>, at: Instant) {
        if let Some(error) = error {
            span.span.set_status(Status::error(error));
        }
        span.span.end_with_timestamp(self.wall(at));
    }

    fn wall(&self, at: Instant) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.clock.unix_ns_of(at))
    }
}

impl OpenSpan {
    pub(crate) fn set(&mut self, attribute: KeyValue) {
        self.span.set_attribute(attribute);
    }

    pub(crate) fn reference(&self) -> SpanRef {
        SpanRef::from(self.span.span_context())
    }

    /// The header for the next hop. `None` only when the SDK gave no valid ids.
    pub(crate) fn traceparent(&self) -> Option<TraceParent> {
        let context = self.span.span_context();
        let recorded = if context.is_sampled() { FLAG_SAMPLED } else { 0 };
        Some(TraceParent {
            trace_id: model::id::TraceId::from_bytes(context.trace_id().to_bytes())?,
            span_id: model::id::SpanId::from_bytes(context.span_id().to_bytes())?,
            flags: (self.inherited_flags & (FLAG_RANDOM | FLAG_SAMPLED)) | recorded,
        })
    }
}
