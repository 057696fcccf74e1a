//! Journeys as OTLP messages.

use std::sync::Arc;

use model::load::{Group, LoadPlan};
use model::names::attribute;
use model::target::Place;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use telemetry::clock::Clock;
use tokio::time::Instant;

use super::{JourneySpans, SpanOf, StepSpan};
use crate::client::{DialTimes, Failure};
use crate::identity::Identity;
use crate::once::Once;
use crate::plan::{Resolved, ResolvedStep};

const SERVICE: &str = "load";
/// Bits 0 to 7 of a span's flags are the W3C trace flags.
const FLAGS: u32 = (model::propagation::FLAG_SAMPLED | model::propagation::FLAG_RANDOM) as u32;

/// Knows the names that journeys hold only as indices.
#[derive(Debug)]
pub(crate) struct Encoder {
    plan: Arc<Resolved>,
    clock: Clock,
    resource: Resource,
    /// Of a flow that is walked once, which of the two.
    once: Option<Once>,
}

impl Encoder {
    pub(crate) fn new(plan: &LoadPlan, resolved: Arc<Resolved>, clock: Clock) -> Self {
        let attributes = vec![
            text(attribute::SERVICE_NAME, SERVICE),
            text(attribute::SERVICE_INSTANCE_ID, &format!("{SERVICE}-{}", plan.worker)),
            text(attribute::RUN_ID, &plan.run_id),
        ];
        let resource = Resource { attributes, ..Resource::default() };
        Self { plan: resolved, clock, resource, once: None }
    }

    /// Marks all spans as those of a flow that is walked once.
    pub(crate) fn of_once(self, once: Once) -> Self {
        Self { once: Some(once), ..self }
    }

    pub(super) fn message(&self, journeys: &[JourneySpans]) -> ExportTraceServiceRequest {
        let spans = journeys.iter().flat_map(|journey| self.spans(journey)).collect();
        let scope = InstrumentationScope { name: "loadgen".into(), ..Default::default() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..Default::default() }];
        ExportTraceServiceRequest { resource_spans }
    }

    fn spans<'a>(&'a self, journey: &'a JourneySpans) -> impl Iterator<Item = Span> + 'a {
        let steps = journey.steps.iter().map(|step| self.step(&journey.identity, step));
        std::iter::once(self.root(journey)).chain(steps)
    }

    fn root(&self, journey: &JourneySpans) -> Span {
        let flow = &self.plan.flows[journey.identity.flow];
        let model = journey.identity.model;
        let outcome = journey.outcome;
        let mut span = self.span(&journey.identity, 0, (journey.start, journey.end));
        span.name.clone_from(&flow.name);
        span.kind = SpanKind::Internal.into();
        // Whoever compares durations of spans must see which ones are no response times.
        if !model.is_open() {
            span.attributes.push(text(attribute::LOAD_MODEL, model.as_str()));
        }
        if outcome.is_error() {
            fail(&mut span, outcome.as_str());
        }
        span
    }

    fn step(&self, identity: &Identity, step: &StepSpan) -> Span {
        let flow = &self.plan.flows[identity.flow];
        let about = &flow.steps[step.number];
        let mut span = self.span(identity, step.span, (step.start, step.end));
        span.parent_span_id = identity.span_id(step.parent).as_bytes().to_vec();
        span.name.clone_from(&about.name);
        span.kind = SpanKind::Internal.into();
        if let SpanOf::Request { resend_count } = step.what {
            self.request(&mut span, about, step, resend_count);
        }
        match step.failure {
            Some(Failure::Status(status)) => fail(&mut span, &status.to_string()),
            Some(failure) => fail(&mut span, failure.as_str()),
            None => {},
        }
        span
    }

    /// What is known of the exchange.
    fn request(&self, span: &mut Span, about: &ResolvedStep, step: &StepSpan, resend_count: u32) {
        span.kind = SpanKind::Client.into();
        span.attributes.extend([
            text(attribute::HTTP_METHOD, about.method.as_str()),
            text(attribute::URL_PATH, &step.path),
            number("http.response.body.size", step.body_bytes),
        ]);
        span.attributes.extend(server(&self.plan.targets[about.target].place));
        span.events = [("connection ready", step.ready), ("first byte written", step.written)]
            .into_iter()
            .filter_map(|(name, at)| at.map(|at| self.event(name, at)))
            .collect();
        span.attributes.extend(dial(step.dial));
        let status = step.status.map(|status| number(attribute::HTTP_STATUS, u64::from(status)));
        let faults = step.faults.as_deref().map(|names| text(attribute::FAULT, names));
        let resent = (resend_count > 0)
            .then(|| number(attribute::HTTP_RESEND_COUNT, u64::from(resend_count)));
        span.attributes.extend(status.into_iter().chain(faults).chain(resent));
    }

    fn event(&self, name: &str, at: Instant) -> Event {
        let time_unix_nano = self.clock.unix_ns_of(at);
        Event { time_unix_nano, name: name.to_owned(), ..Event::default() }
    }

    /// What the spans of a journey have in common.
    fn span(&self, identity: &Identity, number: usize, (start, end): (Instant, Instant)) -> Span {
        let mut attributes = vec![
            text(attribute::CORRELATION_ID, identity.correlation_id.as_str()),
            text(attribute::SYNTHETIC, "test"),
            boolean(attribute::CONTROL, identity.group == Group::Control),
        ];
        attributes.extend(self.once.map(|once| text(attribute::LOAD_ONCE, once.as_str())));
        Span {
            trace_id: identity.trace_id.as_bytes().to_vec(),
            span_id: identity.span_id(number).as_bytes().to_vec(),
            flags: FLAGS,
            start_time_unix_nano: self.clock.unix_ns_of(start),
            end_time_unix_nano: self.clock.unix_ns_of(end),
            attributes,
            ..Span::default()
        }
    }
}

/// In microseconds; a connection that was there already took nothing.
fn dial(times: DialTimes) -> impl Iterator<Item = KeyValue> {
    let parts = [
        ("shakedown.dial.dns_us", times.dns),
        ("shakedown.dial.connect_us", times.connect),
        ("shakedown.dial.tls_us", times.tls),
    ];
    parts.into_iter().filter_map(|(name, took)| {
        let us = u64::try_from(took?.as_micros()).unwrap_or(u64::MAX);
        Some(number(name, us))
    })
}

fn server(place: &Place) -> Vec<KeyValue> {
    match place {
        Place::Tcp { host, port } => {
            vec![text("server.address", host), number("server.port", u64::from(*port))]
        },
        Place::Unix { path } => vec![text("server.address", &path.display().to_string())],
    }
}

fn fail(span: &mut Span, error_type: &str) {
    span.attributes.push(text(attribute::ERROR_TYPE, error_type));
    span.status = Some(Status { message: error_type.to_owned(), code: StatusCode::Error.into() });
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: u64) -> KeyValue {
    pair(key, Value::IntValue(value.cast_signed()))
}

fn boolean(key: &str, value: bool) -> KeyValue {
    pair(key, Value::BoolValue(value))
}
