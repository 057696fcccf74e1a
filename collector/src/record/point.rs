//! A metric point, what the points of a metric share, and the reading of both.

use super::{Batch, Origin, Part};
use crate::decode::points as read;
use crate::decode::points::{Fields, Scratch};

/// The five shapes of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MetricKind {
    #[default]
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

impl MetricKind {
    /// As the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Sum => "sum",
            Self::Histogram => "histogram",
            Self::ExponentialHistogram => "exponential_histogram",
            Self::Summary => "summary",
        }
    }
}

/// What the points of one metric share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MetricHead {
    /// Number of the origin in its batch.
    pub(crate) origin: u32,
    pub(crate) name: Part,
    pub(crate) unit: Part,
    pub(crate) description: Part,
    pub(crate) kind: MetricKind,
    /// OTLP's number: 1 delta, 2 cumulative, 0 where it does not apply.
    pub(crate) temporality: i32,
    pub(crate) monotonic: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PointRecord {
    /// Number of the metric in its batch.
    pub(crate) metric: u32,
    /// The whole point.
    pub(crate) message: Part,
}

/// A metric of a batch. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetricView<'a> {
    batch: &'a Batch,
    pub(crate) head: &'a MetricHead,
}

impl<'a> MetricView<'a> {
    pub(super) fn of(batch: &'a Batch, head: &'a MetricHead) -> Self {
        Self { batch, head }
    }

    pub(crate) fn origin(self) -> &'a Origin {
        &self.batch.origins[self.head.origin as usize]
    }

    pub(crate) fn name(self) -> &'a str {
        self.head.name.text(self.batch.payload())
    }

    pub(crate) fn unit(self) -> &'a str {
        self.head.unit.text(self.batch.payload())
    }

    pub(crate) fn description(self) -> &'a str {
        self.head.description.text(self.batch.payload())
    }
}

/// A point of a batch. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PointView<'a> {
    batch: &'a Batch,
    record: &'a PointRecord,
}

impl<'a> PointView<'a> {
    pub(super) fn of(batch: &'a Batch, record: &'a PointRecord) -> Self {
        Self { batch, record }
    }

    pub(crate) fn metric(self) -> MetricView<'a> {
        MetricView::of(self.batch, &self.batch.metrics[self.metric_number()])
    }

    /// Number of the metric in its batch.
    pub(crate) fn metric_number(self) -> usize {
        self.record.metric as usize
    }

    /// The numbers of the point. Buckets and quantiles go to `scratch`.
    pub(crate) fn fields(self, scratch: &mut Scratch) -> Fields {
        // It was read without a flaw when it was decoded.
        read::read(self.kind(), self.message(), scratch).unwrap_or_default()
    }

    /// Appends buckets and bounds, or quantiles, as JSON; nothing for plain numbers. `scratch` is
    /// what [`Self::fields`] left.
    pub(crate) fn write_detail(self, scratch: &Scratch, out: &mut String) {
        read::write_detail(self.kind(), scratch, out);
    }

    /// Appends the attributes as a JSON object.
    pub(crate) fn write_attributes(self, out: &mut String) {
        read::write_attributes(self.kind(), self.message(), out);
    }

    /// Appends the exemplars as a JSON array; nothing when there are none.
    pub(crate) fn write_exemplars(self, out: &mut String) {
        read::write_exemplars(self.kind(), self.message(), out);
    }

    fn kind(self) -> MetricKind {
        self.metric().head.kind
    }

    fn message(self) -> &'a [u8] {
        self.record.message.bytes(self.batch.payload())
    }
}
