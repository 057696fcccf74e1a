//! The attempts of a request: one CLIENT span each, below the request's own span.

use std::sync::atomic::Ordering;

use model::names::attribute;
use model::propagation::TraceParent;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::{Exchange, Verdict};
use crate::emit::{OpenSpan, SpanRef, SpanStart};
use crate::failure::Failure;

#[derive(Debug)]
pub(super) struct Attempt {
    span: OpenSpan,
    /// Faults that act on this attempt.
    pub(super) hits: Vec<String>,
}

impl Attempt {
    pub(super) fn reference(&self) -> SpanRef {
        self.span.reference()
    }
}

impl Exchange {
    /// Opens attempt `number`, counted from 0.
    pub(crate) fn begin_attempt(&mut self, number: u32) {
        let (Some(server), Some(line)) = (&self.server, self.line()) else { return };
        line.traffic.attempts.fetch_add(1, Ordering::Relaxed);
        let mut attributes = vec![
            KeyValue::new(attribute::EDGE, line.name.clone()),
            KeyValue::new(attribute::ATTEMPT, i64::from(number)),
            KeyValue::new(attribute::HTTP_METHOD, self.method.to_string()),
            KeyValue::new(attribute::URL_PATH, self.path.clone()),
            KeyValue::new(attribute::CORRELATION_ID, self.correlation_id.to_string()),
        ];
        if number > 0 {
            line.traffic.retries.fetch_add(1, Ordering::Relaxed);
            attributes.push(KeyValue::new(attribute::HTTP_RESEND_COUNT, i64::from(number)));
        }
        let start = SpanStart {
            name: self.method.to_string().into(),
            kind: SpanKind::Client,
            attributes,
            at: self.clock().now(),
        };
        let span = self.emitter().open_below(start, server);
        self.attempt = Some(Attempt { span, hits: Vec::new() });
    }

    /// The context that the callee gets: its parent is the attempt.
    pub(crate) fn traceparent(&self) -> Option<TraceParent> {
        self.attempt.as_ref()?.span.traceparent()
    }

    /// Closes the attempt that is open, if one is.
    pub(crate) fn end_attempt(&mut self, status: Option<u16>, failure: Option<&Failure>) {
        let Some(Attempt { mut span, hits }) = self.attempt.take() else { return };
        let now = self.clock().now();
        let verdict = Verdict::of(status, failure);
        if let Some(status) = status {
            span.set(KeyValue::new(attribute::HTTP_STATUS, i64::from(status)));
        }
        if !hits.is_empty() {
            span.set(KeyValue::new(attribute::FAULT, hits.join(",")));
        }
        verdict.write(&mut span);
        if let Some(line) = self.line() {
            self.emitter().attempt_ended(&line.edge, now - span.began);
        }
        self.emitter().close(span, verdict.message, now);
    }
}
