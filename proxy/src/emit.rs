//! What leaves the gateway as telemetry: spans, the fault ledger, transitions, metrics.
//!
//! Requests write their spans as bytes into a buffer of their worker and count into cells of their
//! worker; one task sends both. The ledger and the transitions are rare and go through the
//! OpenTelemetry SDK: they must not depend on a log level, and the ledger is never sampled.
//!
//! Reading order: `ids`, `span` (what is written), `hub` (where it waits), `export` (how it goes),
//! then `metrics`.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::DropCount;
use model::names::{attribute, event};
use model::plan::ProxyConfig;
use model::policy::BreakerState;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger, SdkLoggerProvider};
use telemetry::clock::Clock;
use telemetry::providers::{Identity, Providers};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::breaker::Transition;
use crate::fault::Fault;

mod export;
pub(crate) mod hub;
mod ids;
mod ledger;
pub(crate) mod metrics;
mod span;
mod wire;

pub use export::EndpointError;
pub(crate) use export::Settings;
pub(crate) use hub::{ExportCounts, Hub, Shard};
pub(crate) use ids::{SpanIds, SpanRef};
pub(crate) use ledger::{Decision, Verdict};
pub(crate) use metrics::Registry;
pub(crate) use span::{Attr, Kind, SpanRecord};

const SCOPE: &str = "shakedown.proxy";
/// Flushes that are asked for at once.
const FLUSHES_MAX: usize = 4;

/// Why a fault changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Schedule,
    Lease,
    Released,
    Plan,
    ByHand,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Lease => "lease",
            Self::Released => "released",
            Self::Plan => "plan",
            Self::ByHand => "by hand",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Emitter {
    clock: Clock,
    started_unix_ns: u64,
    logger: SdkLogger,
    hub: Arc<Hub>,
    metrics: Arc<Registry>,
    /// `None` when nothing is sent.
    exporting: Option<Exporting>,
}

/// The running export task; it ends when this is dropped.
#[derive(Debug)]
struct Exporting {
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    task: AbortHandle,
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Emitter {
    /// Sends spans and metrics to the endpoint of the configuration, in the name of the providers.
    /// Must be called inside a tokio runtime, which carries the export task.
    pub(crate) fn new(
        config: &ProxyConfig,
        providers: &Providers,
        clock: Clock,
    ) -> Result<Self, EndpointError> {
        let unnamed = || Identity {
            service_name: "gateway".to_owned(),
            instance: "gateway".to_owned(),
            run_id: config.run_id.clone(),
        };
        let identity = providers.identity().cloned().unwrap_or_else(unnamed);
        let settings = match &config.otlp {
            Some(endpoint) => Some(
                Settings::new(endpoint, config.otlp_protocol, &identity)?
                    .with_gzip(config.otlp_gzip),
            ),
            None => None,
        };
        let hub = Hub::new(settings.is_some(), clock.clone());
        let shards = config.threads.unwrap_or(1);
        let mut emitter = Self::over(providers.logger_provider(), hub, shards, clock);
        emitter.exporting = settings.map(|settings| emitter.export(settings));
        Ok(emitter)
    }

    /// Without an export task: what is recorded stays in the hub.
    pub(crate) fn over(
        loggers: &SdkLoggerProvider,
        hub: Arc<Hub>,
        shards: usize,
        clock: Clock,
    ) -> Self {
        Self {
            started_unix_ns: clock.unix_ns(),
            clock,
            logger: loggers.logger(SCOPE),
            hub,
            metrics: Arc::new(Registry::new(shards)),
            exporting: None,
        }
    }

    fn export(&self, settings: Settings) -> Exporting {
        let (hub, registry, clock) =
            (Arc::clone(&self.hub), Arc::clone(&self.metrics), self.clock.clone());
        let start_unix_ns = self.started_unix_ns;
        let read = move || {
            let span = metrics::Span { start_unix_ns, end_unix_ns: clock.unix_ns() };
            metrics::otlp(&metrics::families(&registry, hub.counts()), span)
        };
        let (hub, clock) = (Arc::clone(&self.hub), self.clock.clone());
        let exporter = export::Exporter::new(hub, Box::new(read), settings, clock);
        let (flushes, asked) = mpsc::channel(FLUSHES_MAX);
        Exporting { flushes, task: tokio::spawn(exporter.run(asked)).abort_handle() }
    }

    /// The place that one worker writes its spans to.
    pub(crate) fn new_shard(&self) -> Shard {
        self.hub.new_shard()
    }

    pub(crate) fn metrics(&self) -> &Registry {
        &self.metrics
    }

    /// Sends what waits, spans and metrics, until `deadline` at the latest. What is left then is
    /// `waiting` in the counts.
    pub(crate) async fn flush(&self, deadline: Instant) -> ExportCounts {
        if let Some(exporting) = &self.exporting {
            let flushed = async {
                let (done, flushed) = oneshot::channel();
                if exporting.flushes.send(done).await.is_ok() {
                    // An error is the end of the task, which is as good as a flush that is over.
                    let _ended = flushed.await;
                }
            };
            let _late = tokio::time::timeout_at(deadline, flushed).await;
        }
        self.hub.counts()
    }

    /// What was lost of all telemetry of this process.
    pub(crate) fn losses(&self, providers: Option<&Providers>) -> Vec<DropCount> {
        let counts = self.hub.counts();
        let mut losses = providers.map(Providers::dropped).unwrap_or_default();
        let spans = counts.dropped + counts.rejected;
        match losses.iter_mut().find(|loss| loss.what == "spans") {
            Some(loss) => loss.count += spans,
            None => losses.push(DropCount { what: "spans".to_owned(), count: spans }),
        }
        losses
    }

    /// All metrics in Prometheus' text format; its type is [`metrics::CONTENT_TYPE`].
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        let families = metrics::families(&self.metrics, self.hub.counts());
        metrics::prometheus(&families, &mut text);
        text
    }

    /// `outcome` is `matched`, `hit` or `skipped`.
    pub(crate) fn count_decision(&self, fault: &str, outcome: &'static str) {
        self.metrics.fault(fault).count(outcome);
    }

    pub(crate) fn count_dropped(&self, what: &'static str) {
        self.metrics.count_dropped(what);
    }

    /// `found` is what the fault is, and how long it is still armed if not for good; it has gone by
    /// the time at which a removal is noticed.
    pub(crate) fn fault_changed(
        &self,
        fault: &str,
        found: Option<(&Fault, Option<Duration>)>,
        state: FaultState,
        cause: Cause,
    ) {
        let mut record = self.record(event::FAULT_TRANSITION, None);
        record.set_body(AnyValue::from(format!("fault {fault} is {}", state.as_str())));
        record.add_attribute(attribute::FAULT, fault.to_owned());
        record.add_attribute(attribute::FAULT_STATE, state.as_str());
        record.add_attribute(attribute::FAULT_CAUSE, cause.as_str());
        if let Some((Fault { spec, origin, .. }, left)) = found {
            let edges: Vec<String> = spec.edges.iter().map(ToString::to_string).collect();
            record.add_attribute(attribute::FAULT_SOURCE, origin.source.as_str());
            record.add_attribute(attribute::FAULT_EFFECT, spec.effect.to_string());
            record.add_attribute(attribute::FAULT_SHARE, spec.share.to_string());
            record.add_attribute(attribute::FAULT_EDGES, edges.join(", "));
            if let Some(left) = left {
                record.add_attribute(attribute::FAULT_LEFT_MS, left.as_millis() as i64);
            }
        }
        self.logger.emit(record);
    }

    pub(crate) fn breaker_changed(&self, edge: &Edge, transition: &Transition) {
        let Transition { from, to, reason, open_for, by } = transition;
        let mut record = self.record(event::BREAKER_TRANSITION, *by);
        record.set_body(AnyValue::from(format!("breaker {edge}: {from} -> {to}: {reason}")));
        record.add_attribute(attribute::EDGE, edge.to_string());
        record.add_attribute(attribute::BREAKER_FROM, from.as_str());
        record.add_attribute(attribute::BREAKER_TO, to.as_str());
        record.add_attribute(attribute::BREAKER_REASON, reason.clone());
        if let Some(open_for) = open_for {
            record.add_attribute(attribute::BREAKER_OPEN_MS, open_for.as_millis() as i64);
        }
        self.logger.emit(record);
        self.metrics.edge(edge).breaker_changed(*to);
        self.breaker_is(edge, *to);
    }

    pub(crate) fn endpoint_changed(&self, edge: &Edge, change: &crate::balance::Event) {
        let mut record = self.record(event::ENDPOINT_TRANSITION, None);
        record.set_body(AnyValue::from(format!("endpoint of {edge}: {change}")));
        record.add_attribute(attribute::EDGE, edge.to_string());
        record.add_attribute(attribute::PEER, change.address().to_string());
        record.add_attribute(attribute::ENDPOINT_STATE, change.as_str());
        self.logger.emit(record);
    }

    pub(crate) fn breaker_is(&self, edge: &Edge, state: BreakerState) {
        self.metrics.edge(edge).breaker_is(state);
    }

    fn record(&self, name: &'static str, span: Option<SpanRef>) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        record.set_event_name(name);
        record.set_timestamp(UNIX_EPOCH + Duration::from_nanos(self.clock.unix_ns()));
        record.set_severity_number(Severity::Info);
        record.set_severity_text("INFO");
        if let Some(span) = span {
            record.set_trace_context(span.trace_id, span.span_id, Some(span.flags));
        }
        record
    }
}
