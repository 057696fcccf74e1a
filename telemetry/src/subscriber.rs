//! Joins `tracing` to OpenTelemetry and to standard output.
//!
//! Spans go out as OTLP spans. Each event becomes one OTLP log record and one line, both with the
//! trace id, the span id and the correlation id of the request that they belong to. The line is
//! JSON on standard output for parts of a run, and plain text on standard error for a person. The
//! correlation id is the span field `shakedown.correlation_id`, taken from the nearest span that
//! has it.

use std::io::Write as _;

use model::names::attribute;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::logs::SdkLogger;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock::Clock;
use crate::providers::{Identity, Providers, TelemetryError};

/// Installs the process-wide subscriber; only a `main` may do that. `RUST_LOG` chooses the levels,
/// `info` when absent.
pub fn install(providers: &Providers, identity: &Identity) -> Result<(), TelemetryError> {
    install_as(Form::Json, providers, identity)
}

/// The same for a process that a person started: its log is text on standard error.
pub fn install_for_people(
    providers: &Providers,
    identity: &Identity,
) -> Result<(), TelemetryError> {
    install_as(Form::Text, providers, identity)
}

/// For a command that sends no telemetry: what goes wrong inside, as text on standard error.
pub fn install_text_only(most: Level) -> Result<(), TelemetryError> {
    let most = tracing_subscriber::filter::LevelFilter::from_level(most);
    tracing_subscriber::registry().with(TextOnly.with_filter(most)).try_init()?;
    Ok(())
}

fn install_as(
    form: Form,
    providers: &Providers,
    identity: &Identity,
) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_absent| EnvFilter::new("info"));
    // The exporter's own HTTP stack must not report on itself.
    let quiet = ["h2", "hyper", "tonic", "tower", "opentelemetry"]
        .iter()
        .filter_map(|target| format!("{target}=off").parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let tracer = providers.tracer_provider().tracer("shakedown");
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false);
    let lines = Lines {
        form,
        service: identity.service_name.clone(),
        logger: providers.logger_provider().logger("shakedown"),
        clock: Clock::system(),
    };
    tracing_subscriber::registry().with(quiet).with(spans).with(lines).try_init()?;
    Ok(())
}

/// Who reads the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Text,
}

/// Writes events as lines and as OTLP log records.
struct Lines {
    form: Form,
    service: String,
    logger: SdkLogger,
    clock: Clock,
}

/// Writes events as text for a person.
struct TextOnly;

impl<S: Subscriber> Layer<S> for TextOnly {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        print_text(event, &fields);
    }
}

/// The correlation id of a span, kept in its extensions.
struct Correlation(String);

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = Fields::default();
        attributes.record(&mut found);
        keep_correlation(found, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut found = Fields::default();
        values.record(&mut found);
        keep_correlation(found, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let correlation_id = context.event_scope(event).and_then(|mut scope| {
            scope.find_map(|span| span.extensions().get::<Correlation>().map(|id| id.0.clone()))
        });
        if let Some(id) = correlation_id {
            fields.values.entry(attribute::CORRELATION_ID).or_insert(Value::String(id));
        }
        let active = opentelemetry::Context::current().span().span_context().clone();
        self.emit(event, &fields, &active);
        match self.form {
            Form::Json => self.print(event, fields, &active),
            Form::Text => print_text(event, &fields),
        }
    }
}

fn keep_correlation<S: Subscriber + for<'span> LookupSpan<'span>>(
    mut fields: Fields,
    id: &Id,
    context: &Context<'_, S>,
) {
    if let Some(Value::String(value)) = fields.values.remove(attribute::CORRELATION_ID)
        && let Some(span) = context.span(id)
    {
        span.extensions_mut().replace(Correlation(value));
    }
}

impl Lines {
    fn emit(&self, event: &Event<'_>, fields: &Fields, active: &SpanContext) {
        let mut record = self.logger.create_log_record();
        let severity = severity(*event.metadata().level());
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        record.set_body(AnyValue::from(fields.message.clone()));
        record.set_timestamp(
            std::time::UNIX_EPOCH + std::time::Duration::from_nanos(self.clock.unix_ns()),
        );
        for (name, value) in &fields.values {
            record.add_attribute(*name, any_value(value));
        }
        if active.is_valid() {
            record.set_trace_context(
                active.trace_id(),
                active.span_id(),
                Some(active.trace_flags()),
            );
        }
        self.logger.emit(record);
    }

    /// A line that cannot be written has nowhere to be reported.
    fn print(&self, event: &Event<'_>, fields: Fields, active: &SpanContext) {
        let mut line = Map::new();
        line.insert("unix_ms".into(), self.clock.unix_ms().into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("service".into(), self.service.clone().into());
        line.insert("message".into(), fields.message.into());
        if active.is_valid() {
            line.insert("trace_id".into(), active.trace_id().to_string().into());
            line.insert("span_id".into(), active.span_id().to_string().into());
        }
        for (name, value) in fields.values {
            let name = if name == attribute::CORRELATION_ID { "correlation_id" } else { name };
            line.insert(name.into(), value);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        let _nowhere_to_report = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// `shakedown: warning: the message (key value, key value)`. Information is not marked as such.
fn print_text(event: &Event<'_>, fields: &Fields) {
    let mark = match *event.metadata().level() {
        Level::ERROR => "error: ",
        Level::WARN => "warning: ",
        _ => "",
    };
    let value = |(name, value): (&&str, &Value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    };
    let values: Vec<String> = fields.values.iter().map(value).collect();
    let values =
        if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
    let text = format!("shakedown: {mark}{}{values}\n", fields.message);
    let _nowhere_to_report = std::io::stderr().lock().write_all(text.as_bytes());
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

fn any_value(value: &Value) -> AnyValue {
    match value {
        Value::Bool(value) => AnyValue::from(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => AnyValue::from(value),
            None => AnyValue::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => AnyValue::from(text.clone()),
        other => AnyValue::from(other.to_string()),
    }
}

/// The fields of an event or span; the message apart.
#[derive(Default)]
struct Fields {
    message: String,
    values: std::collections::BTreeMap<&'static str, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.values.insert(field.name(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests;
