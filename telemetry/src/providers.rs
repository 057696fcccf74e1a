//! Spans, metrics and log records of this process, sent by OTLP/gRPC.
//!
//! Batches leave every 200 ms, so that a viewer sees a second of data about a second after it
//! happened. Everything is recorded: what is kept is decided by the collector, and a fault's
//! account must not depend on sampling.

use std::sync::Arc;
use std::time::Duration;

use model::frame::DropCount;
use model::limits::EXPORT_QUEUE_ITEMS;
use model::names::{attribute, metric};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatchConfig, BatchLogProcessor, SdkLoggerProvider,
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanBatchConfig, BatchSpanProcessor, Sampler, SdkTracerProvider,
};

use crate::counting::{Counted, Room};

const BATCH_DELAY: Duration = Duration::from_millis(200);
const BATCH_ITEMS_MAX: usize = 2_048;
const METRIC_INTERVAL: Duration = Duration::from_secs(1);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("cannot send telemetry to {endpoint}")]
    Exporter { endpoint: String, source: ExporterBuildError },
    #[error("another tracing subscriber is already installed in this process")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

/// Who emits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub service_name: String,
    pub instance: String,
    pub run_id: String,
}

/// The OpenTelemetry SDK of this process. Clones share everything.
#[derive(Debug, Clone)]
pub struct Providers {
    /// `None` when nothing is recorded.
    identity: Option<Arc<Identity>>,
    tracer: SdkTracerProvider,
    meter: SdkMeterProvider,
    logger: SdkLoggerProvider,
    spans: Arc<Room>,
    logs: Arc<Room>,
}

impl Providers {
    /// Must be called inside a tokio runtime, which carries the connection. `None` as endpoint
    /// records nothing.
    pub fn start(identity: &Identity, endpoint: Option<&str>) -> Result<Self, TelemetryError> {
        match endpoint {
            None => Ok(Self::none()),
            Some(endpoint) => Self::sending(identity, endpoint).map_err(|source| {
                TelemetryError::Exporter { endpoint: endpoint.to_owned(), source }
            }),
        }
    }

    /// Records nothing.
    pub fn none() -> Self {
        Self {
            identity: None,
            tracer: SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build(),
            meter: SdkMeterProvider::builder().build(),
            logger: SdkLoggerProvider::builder().build(),
            spans: Room::new(0),
            logs: Room::new(0),
        }
    }

    fn sending(identity: &Identity, endpoint: &str) -> Result<Self, ExporterBuildError> {
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new(attribute::SERVICE_NAME, identity.service_name.clone()),
                KeyValue::new(attribute::SERVICE_INSTANCE_ID, identity.instance.clone()),
                KeyValue::new(attribute::RUN_ID, identity.run_id.clone()),
                KeyValue::new("telemetry.sdk.language", "rust"),
                KeyValue::new("telemetry.sdk.name", "opentelemetry"),
            ])
            .build();
        let spans = Room::new(EXPORT_QUEUE_ITEMS);
        let logs = Room::new(EXPORT_QUEUE_ITEMS);
        let meter = meter(endpoint, resource.clone())?;
        report_losses(&meter, &spans, &logs);
        Ok(Self {
            identity: Some(Arc::new(identity.clone())),
            tracer: tracer(endpoint, resource.clone(), &spans)?,
            meter,
            logger: logger(endpoint, resource, &logs)?,
            spans,
            logs,
        })
    }

    /// In whose name this process records.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    pub fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.tracer
    }

    pub fn meter_provider(&self) -> &SdkMeterProvider {
        &self.meter
    }

    pub fn logger_provider(&self) -> &SdkLoggerProvider {
        &self.logger
    }

    /// What was lost so far: at the bound of a queue, or because it could not be delivered.
    pub fn dropped(&self) -> Vec<DropCount> {
        vec![
            DropCount { what: "spans".to_owned(), count: self.spans.lost() },
            DropCount { what: "logs".to_owned(), count: self.logs.lost() },
        ]
    }

    /// Sends what waits; blocks, so not for async code. What cannot be sent is counted as dropped.
    pub fn flush(&self) {
        let _counted_as_dropped =
            (self.tracer.force_flush(), self.logger.force_flush(), self.meter.force_flush());
    }

    /// Sends what waits and ends. What cannot be sent is counted as dropped.
    pub async fn shutdown(&self) {
        let (tracer, logger, meter) =
            (self.tracer.clone(), self.logger.clone(), self.meter.clone());
        // Side by side, so that a dead endpoint costs one timeout and not three.
        let _counted_as_dropped = tokio::join!(
            tokio::task::spawn_blocking(move || tracer.shutdown_with_timeout(EXPORT_TIMEOUT)),
            tokio::task::spawn_blocking(move || logger.shutdown_with_timeout(EXPORT_TIMEOUT)),
            tokio::task::spawn_blocking(move || meter.shutdown_with_timeout(EXPORT_TIMEOUT)),
        );
    }
}

/// Lets the losses travel with the metrics, so that they are seen where the data is missed.
fn report_losses(meter: &SdkMeterProvider, spans: &Arc<Room>, logs: &Arc<Room>) {
    let (spans, logs) = (Arc::clone(spans), Arc::clone(logs));
    meter
        .meter("shakedown")
        .u64_observable_counter(metric::DROPPED)
        .with_callback(move |observer| {
            observer.observe(spans.lost(), &[KeyValue::new("queue", "spans")]);
            observer.observe(logs.lost(), &[KeyValue::new("queue", "logs")]);
        })
        .build();
}

fn tracer(
    endpoint: &str,
    resource: Resource,
    room: &Arc<Room>,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let batch = SpanBatchConfig::default()
        .with_max_queue_size(EXPORT_QUEUE_ITEMS + BATCH_ITEMS_MAX)
        .with_max_export_batch_size(BATCH_ITEMS_MAX)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let processor =
        BatchSpanProcessor::builder(Counted { inner: exporter, room: Arc::clone(room) })
            .with_batch_config(batch)
            .build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::AlwaysOn)
        .with_span_processor(Counted { inner: processor, room: Arc::clone(room) })
        .build())
}

fn logger(
    endpoint: &str,
    resource: Resource,
    room: &Arc<Room>,
) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = LogExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let batch = LogBatchConfig::default()
        .with_max_queue_size(EXPORT_QUEUE_ITEMS + BATCH_ITEMS_MAX)
        .with_max_export_batch_size(BATCH_ITEMS_MAX)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let processor = BatchLogProcessor::builder(Counted { inner: exporter, room: Arc::clone(room) })
        .with_batch_config(batch)
        .build();
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_log_processor(Counted { inner: processor, room: Arc::clone(room) })
        .build())
}

fn meter(endpoint: &str, resource: Resource) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(METRIC_INTERVAL).build();
    Ok(SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build())
}
