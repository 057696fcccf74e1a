//! What the collector keeps of each span, log record and metric point.
//!
//! A request becomes one [`Batch`], which owns the bytes that came in and is shared between the
//! live state, the sampling and the writer. A record is a few numbers and ids, and [`Part`]s of
//! those bytes: nothing is copied and nothing is allocated for an item. What is looked up or
//! counted was found and checked when the request was decoded; everything else, like attributes
//! and events, is read from the bytes when somebody asks, through a view: [`SpanView`],
//! [`LogView`], [`PointView`].

mod log;
mod part;
mod pick;
mod point;
mod severity;
mod span;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use log::{LogRecord, LogView};
pub(crate) use part::Part;
pub(crate) use pick::Pick;
pub(crate) use point::{MetricHead, MetricKind, MetricView, PointRecord, PointView};
pub(crate) use severity::{severity_name, severity_number};
pub(crate) use span::{EventView, Known, SpanRecord, SpanView};
pub(crate) use telemetry::otlp::Signal;

/// Who emitted: a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    /// `unknown_service` when it does not say.
    pub(crate) service: String,
    pub(crate) instance: String,
    /// JSON object.
    pub(crate) attributes: String,
}

/// Where items of a batch come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) resource: Arc<Resource>,
    /// Name of the instrumentation scope.
    pub(crate) scope: Arc<str>,
}

/// OTLP's numbers.
pub(crate) mod kind {
    pub(crate) const SERVER: i32 = 2;
    pub(crate) const CLIENT: i32 = 3;
    pub(crate) const PRODUCER: i32 = 4;
    pub(crate) const CONSUMER: i32 = 5;

    /// As frames and the store write it.
    pub(crate) fn name(kind: i32) -> &'static str {
        match kind {
            SERVER => "server",
            CLIENT => "client",
            PRODUCER => "producer",
            CONSUMER => "consumer",
            _ => "internal",
        }
    }
}

/// OTLP's status code for an error.
pub(crate) const STATUS_ERROR: i32 = 2;

/// Items that were refused one by one, while the rest of their request was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rejected {
    reasons: BTreeMap<&'static str, u64>,
}

impl Rejected {
    pub(crate) fn add(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// How many for which reason.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.reasons.iter().map(|(reason, count)| (*reason, *count))
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (reason, count)) in self.reasons.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{reason} ({count})")?;
        }
        Ok(())
    }
}

/// One decoded request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// The protobuf bytes of the request, at most 64 MiB.
    payload: Bytes,
    pub(crate) origins: Vec<Origin>,
    pub(crate) spans: Vec<SpanRecord>,
    pub(crate) logs: Vec<LogRecord>,
    pub(crate) metrics: Vec<MetricHead>,
    pub(crate) points: Vec<PointRecord>,
    pub(crate) rejected: Rejected,
}

impl Batch {
    /// A batch without items. Their parts must be parts of this payload.
    pub(crate) fn of(payload: Bytes) -> Self {
        Self { payload, ..Self::default() }
    }

    pub(crate) fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Items taken.
    pub(crate) fn items(&self) -> u64 {
        (self.spans.len() + self.logs.len() + self.points.len()) as u64
    }

    /// Memory held, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.payload.len()
            + self.spans.len() * size_of::<SpanRecord>()
            + self.logs.len() * size_of::<LogRecord>()
            + self.points.len() * size_of::<PointRecord>()
    }

    pub(crate) fn spans(&self) -> impl ExactSizeIterator<Item = SpanView<'_>> {
        self.spans.iter().map(|record| SpanView::of(self, record))
    }

    pub(crate) fn span(&self, index: usize) -> Option<SpanView<'_>> {
        self.spans.get(index).map(|record| SpanView::of(self, record))
    }

    pub(crate) fn logs(&self) -> impl ExactSizeIterator<Item = LogView<'_>> {
        self.logs.iter().map(|record| LogView::of(self, record))
    }

    pub(crate) fn log(&self, index: usize) -> Option<LogView<'_>> {
        self.logs.get(index).map(|record| LogView::of(self, record))
    }

    pub(crate) fn metrics(&self) -> impl ExactSizeIterator<Item = MetricView<'_>> {
        self.metrics.iter().map(|head| MetricView::of(self, head))
    }

    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = PointView<'_>> {
        self.points.iter().map(|record| PointView::of(self, record))
    }
}
