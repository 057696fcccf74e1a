//! What leaves the gateway as telemetry: spans, the fault ledger, transitions, metrics.
//!
//! Built directly on the OpenTelemetry SDK instead of on `tracing`: a participant in W3C context
//! needs the incoming parent as it is, and the ledger must not depend on a log level. The ledger
//! is never sampled.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::edge::Edge;
use model::fault::FaultState;
use model::names::{attribute, event, metric};
use model::policy::BreakerState;
use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::{Counter, Gauge, Histogram, MeterProvider as _};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TracerProvider as _};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use telemetry::clock::Clock;
use telemetry::providers::Providers;

use crate::breaker::Transition;

mod ledger;
mod span;

pub(crate) use ledger::{Decision, Verdict};
pub(crate) use span::{OpenSpan, SpanStart};

const SCOPE: &str = "shakedown.proxy";
/// Upper ends of the duration histograms, in seconds.
const DURATION_BOUNDS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Names one span; the request that something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanRef {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
}

impl From<&SpanContext> for SpanRef {
    fn from(context: &SpanContext) -> Self {
        Self {
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            flags: context.trace_flags(),
        }
    }
}

/// Why a fault changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Schedule,
    Lease,
    Released,
    Plan,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Lease => "lease",
            Self::Released => "released",
            Self::Plan => "plan",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Emitter {
    clock: Clock,
    tracer: SdkTracer,
    logger: SdkLogger,
    server_duration: Histogram<f64>,
    client_duration: Histogram<f64>,
    decisions: Counter<u64>,
    breaker_state: Gauge<i64>,
    dropped: Counter<u64>,
}

impl Emitter {
    pub(crate) fn new(providers: &Providers, clock: Clock) -> Self {
        Self::over(
            providers.tracer_provider(),
            providers.logger_provider(),
            providers.meter_provider(),
            clock,
        )
    }

    pub(crate) fn over(
        tracers: &SdkTracerProvider,
        loggers: &SdkLoggerProvider,
        meters: &SdkMeterProvider,
        clock: Clock,
    ) -> Self {
        let meter = meters.meter(SCOPE);
        let duration = |name: &'static str| {
            let bounds = DURATION_BOUNDS_S.to_vec();
            meter.f64_histogram(name).with_unit("s").with_boundaries(bounds).build()
        };
        Self {
            clock,
            tracer: tracers.tracer(SCOPE),
            logger: loggers.logger(SCOPE),
            server_duration: duration(metric::SERVER_DURATION),
            client_duration: duration(metric::CLIENT_DURATION),
            decisions: meter.u64_counter(metric::FAULT_DECISIONS).build(),
            breaker_state: meter.i64_gauge(metric::BREAKER_STATE).build(),
            dropped: meter.u64_counter(metric::DROPPED).build(),
        }
    }

    pub(crate) fn request_ended(&self, edge: &Edge, status: Option<u16>, took: Duration) {
        let status = status.map_or(0, i64::from);
        let attributes = [
            KeyValue::new(attribute::EDGE, edge.to_string()),
            KeyValue::new(attribute::HTTP_STATUS, status),
        ];
        self.server_duration.record(took.as_secs_f64(), &attributes);
    }

    pub(crate) fn attempt_ended(&self, edge: &Edge, took: Duration) {
        let attributes = [KeyValue::new(attribute::EDGE, edge.to_string())];
        self.client_duration.record(took.as_secs_f64(), &attributes);
    }

    /// `outcome` is `matched`, `hit` or `skipped`.
    pub(crate) fn count_decision(&self, fault: &str, outcome: &'static str) {
        let attributes = [
            KeyValue::new(attribute::FAULT, fault.to_owned()),
            KeyValue::new(attribute::FAULT_OUTCOME, outcome),
        ];
        self.decisions.add(1, &attributes);
    }

    pub(crate) fn count_dropped(&self, what: &'static str) {
        self.dropped.add(1, &[KeyValue::new("queue", what)]);
    }

    pub(crate) fn fault_changed(&self, fault: &str, state: FaultState, cause: Cause) {
        let mut record = self.record(event::FAULT_TRANSITION, None);
        record.set_body(AnyValue::from(format!("fault {fault} is {}", state.as_str())));
        record.add_attribute(attribute::FAULT, fault.to_owned());
        record.add_attribute(attribute::FAULT_STATE, state.as_str());
        record.add_attribute(attribute::FAULT_CAUSE, cause.as_str());
        self.logger.emit(record);
    }

    pub(crate) fn breaker_changed(&self, edge: &Edge, transition: &Transition) {
        let Transition { from, to, reason, open_for, by } = transition;
        let mut record = self.record(event::BREAKER_TRANSITION, Some(*by));
        record.set_body(AnyValue::from(format!("breaker {edge}: {from} -> {to}: {reason}")));
        record.add_attribute(attribute::EDGE, edge.to_string());
        record.add_attribute(attribute::BREAKER_FROM, from.as_str());
        record.add_attribute(attribute::BREAKER_TO, to.as_str());
        record.add_attribute(attribute::BREAKER_REASON, reason.clone());
        if let Some(open_for) = open_for {
            record.add_attribute(attribute::BREAKER_OPEN_MS, open_for.as_millis() as i64);
        }
        self.logger.emit(record);
        self.breaker_is(edge, *to);
    }

    pub(crate) fn breaker_is(&self, edge: &Edge, state: BreakerState) {
        let attributes = [KeyValue::new(attribute::EDGE, edge.to_string())];
        self.breaker_state.record(state.code(), &attributes);
    }

    fn record(&self, name: &'static str, span: Option<SpanRef>) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        record.set_event_name(name);
        record.set_timestamp(self.now());
        record.set_severity_number(Severity::Info);
        record.set_severity_text("INFO");
        if let Some(span) = span {
            record.set_trace_context(span.trace_id, span.span_id, Some(span.flags));
        }
        record
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.clock.unix_ns())
    }
}
