//! The task that sends: spans as batches fill or grow old, the metrics every few seconds.
//!
//! One request is under way at a time, on one connection. While it is, the queue fills; workers
//! are never held up by it. A request that may succeed later is tried again a few times with
//! growing pauses, then its spans count as dropped. Metrics are totals, so the next export makes up
//! for a lost one.
//!
//! It ends with the emitter that owns it; what should still go out is flushed before.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use prost::Message as _;
use telemetry::clock::Clock;
use telemetry::otlp::answer::Reason;
use telemetry::otlp::{Courier, Delivery, Pace, Signal, compress, request};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::hub::Hub;
use super::wire::{LENGTH_DELIMITED, field_bytes, put_bytes, put_head};

mod settings;

pub use settings::EndpointError;
pub(crate) use settings::Settings;
pub(super) use settings::pair;

const PACE: Pace = Pace {
    first: Duration::from_millis(100),
    max: Duration::from_secs(5),
    asked_max: Duration::from_secs(30),
};
const METRICS_INTERVAL: Duration = Duration::from_secs(10);
/// Some ten seconds of trying with the ordinary pauses.
const SPAN_TRIES_MAX: u32 = 8;
/// A second try, for a connection that was closed while it was idle.
const METRIC_TRIES_MAX: u32 = 2;

/// Makes the metrics of now.
pub(super) type ReadMetrics = Box<dyn Fn() -> Vec<Metric> + Send + Sync>;

pub(super) struct Exporter {
    hub: Arc<Hub>,
    metrics: ReadMetrics,
    settings: Settings,
    wrapping: Wrapping,
    courier: Courier,
    /// The receiver did not take the last request; said once, not for every try.
    troubled: bool,
}

/// The receiver took a request, all but so many of its items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) rejected: u64,
}

impl Exporter {
    pub(super) fn new(
        hub: Arc<Hub>,
        metrics: ReadMetrics,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        let wrapping = Wrapping::of(&settings);
        let courier = Courier::new(clock, PACE);
        Self { hub, metrics, settings, wrapping, courier, troubled: false }
    }

    /// Runs until nobody can ask for a flush any more. A flush is answered once everything that
    /// waited was settled and the metrics were sent.
    pub(super) async fn run(mut self, mut flushes: mpsc::Receiver<oneshot::Sender<()>>) {
        let mut metrics_at = Instant::now() + METRICS_INTERVAL;
        let mut flushing: Vec<oneshot::Sender<()>> = Vec::new();
        loop {
            let due = self.hub.seal_due();
            if Instant::now() >= metrics_at {
                metrics_at = Instant::now() + METRICS_INTERVAL;
                self.send_metrics().await;
            }
            if let Some(payload) = self.hub.take() {
                let message = self.wrapping.around(&payload.chunks);
                let taken = self.deliver(Signal::Traces, message, SPAN_TRIES_MAX).await;
                self.hub.settle(payload, taken);
                continue;
            }
            if !flushing.is_empty() {
                self.send_metrics().await;
                for done in flushing.drain(..) {
                    // Whoever asked may have given up.
                    let _given_up = done.send(());
                }
            }
            let wake_at = due.map_or(metrics_at, |due| due.min(metrics_at));
            tokio::select! {
                asked = flushes.recv() => match asked {
                    Some(done) => {
                        self.hub.seal_all();
                        flushing.push(done);
                    },
                    None => return,
                },
                () = self.hub.woken() => {},
                () = tokio::time::sleep_until(wake_at) => {},
            }
        }
    }

    async fn send_metrics(&mut self) {
        let metrics = (self.metrics)();
        if metrics.is_empty() {
            return;
        }
        let scope = Some(settings::scope());
        let scope_metrics = vec![ScopeMetrics { scope, metrics, ..ScopeMetrics::default() }];
        let resource = Some(self.settings.resource.clone());
        let resource_metrics =
            vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
        let message = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
        let _the_next_makes_up_for_it =
            self.deliver(Signal::Metrics, vec![message.into()], METRIC_TRIES_MAX).await;
    }

    /// `None` when it is lost.
    async fn deliver(
        &mut self,
        signal: Signal,
        message: Vec<Bytes>,
        tries_max: u32,
    ) -> Option<Taken> {
        let target = self.settings.target(signal);
        let message = match target.compression {
            Some(compression) => vec![compress(compression, &message)],
            None => message,
        };
        let request = request(target, message);
        let (mut tries_left, troubled) = (tries_max, &mut self.troubled);
        let again = |reason: &Reason, _pause| {
            tries_left -= 1;
            if tries_left > 0 {
                in_trouble(troubled, signal, reason);
            }
            tries_left > 0
        };
        match self.courier.deliver(target, &request, again).await {
            Delivery::Taken { rejected, message } => {
                self.delivered(signal, rejected, &message);
                Some(Taken { rejected })
            },
            Delivery::Refused(reason) | Delivery::GivenUp(reason) => {
                in_trouble(&mut self.troubled, signal, &reason);
                None
            },
        }
    }

    fn delivered(&mut self, signal: Signal, rejected: u64, message: &str) {
        let signal = signal.items();
        if rejected > 0 || !message.is_empty() {
            tracing::warn!(signal, rejected, message, "the receiver took only a part");
        }
        if std::mem::take(&mut self.troubled) {
            tracing::info!(signal, "the receiver takes telemetry again");
        }
    }
}

fn in_trouble(troubled: &mut bool, signal: Signal, reason: &Reason) {
    if !std::mem::replace(troubled, true) {
        let signal = signal.items();
        tracing::warn!(signal, %reason, "telemetry is not taken; what is lost is counted");
    }
}

/// What stands around spans in a request: their resource and their scope, written once.
struct Wrapping {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Wrapping {
    /// `ExportTraceServiceRequest.resource_spans`, `ResourceSpans.resource`, `ScopeSpans.scope`.
    const FIRST: u8 = 1 << 3 | LENGTH_DELIMITED;
    /// `ResourceSpans.scope_spans`.
    const SECOND: u8 = 2 << 3 | LENGTH_DELIMITED;

    fn of(settings: &Settings) -> Self {
        let (mut resource, mut scope) = (Vec::new(), Vec::new());
        put_bytes(Self::FIRST, &settings.resource.encode_to_vec(), &mut resource);
        put_bytes(Self::FIRST, &settings::scope().encode_to_vec(), &mut scope);
        Self { resource, scope }
    }

    /// The whole message: its beginning, then the spans as they are.
    fn around(&self, spans: &[Bytes]) -> Vec<Bytes> {
        let spans_bytes: usize = spans.iter().map(Bytes::len).sum();
        let scope_spans = self.scope.len() + spans_bytes;
        let resource_spans = self.resource.len() + field_bytes(scope_spans);
        let mut beginning = Vec::with_capacity(self.resource.len() + self.scope.len() + 16);
        put_head(Self::FIRST, resource_spans, &mut beginning);
        beginning.extend_from_slice(&self.resource);
        put_head(Self::SECOND, scope_spans, &mut beginning);
        beginning.extend_from_slice(&self.scope);
        std::iter::once(Bytes::from(beginning)).chain(spans.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests;
