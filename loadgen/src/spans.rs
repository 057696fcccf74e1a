//! One trace per journey, sent to an OTLP/HTTP endpoint from the reporting side.
//!
//! The engine chooses all ids before it sends, because requests carry them, and hands over what
//! happened as plain values. Here they become OTLP: an INTERNAL span for the journey, from its
//! intended start, and a CLIENT span for each request; a step that took several has an INTERNAL
//! span around them. The queue is bounded, the engine never waits
//! for it, and what is not delivered is counted.

mod encode;
mod export;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::load::Outcome;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::client::{DialTimes, Failure};
use crate::identity::Identity;

pub(crate) use encode::Encoder;
pub(crate) use export::Exporter;

/// Journeys that wait for export; with a handful of spans each they fill
/// [`model::limits::EXPORT_QUEUE_ITEMS`].
const QUEUE_JOURNEYS: usize = 16_384;

/// What is known of a journey when it is over.
#[derive(Debug)]
pub(crate) struct JourneySpans {
    pub(crate) identity: Identity,
    pub(crate) outcome: Outcome,
    /// The intended start.
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) steps: Vec<StepSpan>,
}

impl JourneySpans {
    fn span_count(&self) -> u64 {
        self.steps.len() as u64 + 1
    }
}

/// A request of a step, or a step that took several.
#[derive(Debug)]
pub(crate) struct StepSpan {
    /// Of the step in its flow.
    pub(crate) number: usize,
    /// Of the span in its journey, from 1.
    pub(crate) span: usize,
    /// Of the span around it; 0 is the journey.
    pub(crate) parent: usize,
    pub(crate) what: SpanOf,
    /// Dispatched (first step) or real start.
    pub(crate) start: Instant,
    /// What a new connection took.
    pub(crate) dial: DialTimes,
    /// A connection was there.
    pub(crate) ready: Option<Instant>,
    /// First byte written.
    pub(crate) written: Option<Instant>,
    pub(crate) end: Instant,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) status: Option<u16>,
    pub(crate) failure: Option<Failure>,
    pub(crate) body_bytes: u64,
    pub(crate) faults: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanOf {
    /// How many requests of the same turn of the step went before.
    Request {
        resend_count: u32,
    },
    Step,
}

/// Spans offered by engines and delivered by the exporter.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpanCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    offered: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl SpanCounts {
    /// Known to be lost so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Everything that was not delivered; true once the exporter has ended.
    pub(crate) fn missing(&self) -> u64 {
        let offered = self.0.offered.load(Ordering::Relaxed);
        offered.saturating_sub(self.0.delivered.load(Ordering::Relaxed))
    }

    fn drop_spans(&self, count: u64) {
        self.0.dropped.fetch_add(count, Ordering::Relaxed);
    }

    fn deliver_spans(&self, count: u64) {
        self.0.delivered.fetch_add(count, Ordering::Relaxed);
    }
}

/// The engine's end of the queue.
#[derive(Debug, Clone)]
pub(crate) struct SpanSink {
    /// `None` when no endpoint wants spans.
    queue: Option<mpsc::Sender<JourneySpans>>,
    counts: SpanCounts,
}

impl SpanSink {
    pub(crate) fn none() -> Self {
        Self { queue: None, counts: SpanCounts::default() }
    }

    pub(crate) fn to_queue() -> (Self, mpsc::Receiver<JourneySpans>) {
        let (sender, receiver) = mpsc::channel(QUEUE_JOURNEYS);
        (Self { queue: Some(sender), counts: SpanCounts::default() }, receiver)
    }

    pub(crate) fn counts(&self) -> SpanCounts {
        self.counts.clone()
    }

    /// Whether it is worth while to keep what spans are made of.
    pub(crate) fn wants_spans(&self) -> bool {
        self.queue.is_some()
    }

    pub(crate) fn offer(&self, journey: JourneySpans) {
        let Some(queue) = &self.queue else { return };
        let count = journey.span_count();
        self.counts.0.offered.fetch_add(count, Ordering::Relaxed);
        if queue.try_send(journey).is_err() {
            self.counts.drop_spans(count);
        }
    }
}

#[cfg(test)]
mod tests;
