//! Metrics. Every point is kept flat; what is common to the points of a metric is shared.
//!
//! Refused point by point: a temporality that is not given where one is needed, buckets that do not
//! fit their bounds, and points without a value that do not say so.

use super::points::{self, Scratch};
use super::{Flaw, checked_part, envelope};
use crate::record::{Batch, MetricHead, MetricKind, Part, PointRecord, Rejected};
use crate::wire::{Fields, Value, WireError};

pub(super) const NO_TEMPORALITY: &str = "the aggregation temporality is not delta or cumulative";

pub(super) fn decode(batch: &mut Batch, request: &[u8]) -> Result<(), WireError> {
    let mut taken = Taken {
        request,
        metrics: &mut batch.metrics,
        points: &mut batch.points,
        rejected: &mut batch.rejected,
        scratch: Scratch::default(),
    };
    batch.origins = envelope::walk(request, |origin, item| {
        let data = data_of(item)?;
        match origin.map_err(Flaw::Item).and_then(|origin| head(request, origin, item, data)) {
            Ok(head) => taken.metric(head, data)?,
            Err(Flaw::Item(reason)) => taken.rejected.add(reason, count_points(data)?),
            Err(Flaw::Wire(error)) => return Err(error),
        }
        Ok(())
    })?;
    Ok(())
}

/// The `data` of a metric: the field number says its kind. The last one counts.
fn data_of(metric: &[u8]) -> Result<Option<(MetricKind, &[u8])>, WireError> {
    let mut data = None;
    for field in Fields::of(metric) {
        if let (number @ (5 | 7 | 9 | 10 | 11), Value::Bytes(bytes)) = field? {
            let kind = match number {
                5 => MetricKind::Gauge,
                7 => MetricKind::Sum,
                9 => MetricKind::Histogram,
                10 => MetricKind::ExponentialHistogram,
                _ => MetricKind::Summary,
            };
            data = Some((kind, bytes));
        }
    }
    Ok(data)
}

fn count_points(data: Option<(MetricKind, &[u8])>) -> Result<u64, WireError> {
    let mut count = 0;
    for field in Fields::of(data.map_or(&[], |(_, bytes)| bytes)) {
        count += u64::from(matches!(field?, (1, Value::Bytes(_))));
    }
    Ok(count)
}

fn head(
    payload: &[u8],
    origin: u32,
    metric: &[u8],
    data: Option<(MetricKind, &[u8])>,
) -> Result<MetricHead, Flaw> {
    let mut head = MetricHead { origin, ..MetricHead::default() };
    for field in Fields::of(metric) {
        match field? {
            (1, Value::Bytes(bytes)) => head.name = checked_part(payload, bytes)?,
            (2, Value::Bytes(bytes)) => head.description = checked_part(payload, bytes)?,
            (3, Value::Bytes(bytes)) => head.unit = checked_part(payload, bytes)?,
            _ => {},
        }
    }
    let Some((kind, bytes)) = data else { return Ok(head) };
    head.kind = kind;
    let has_temporality = !matches!(kind, MetricKind::Gauge | MetricKind::Summary);
    for field in Fields::of(bytes) {
        match field? {
            (2, Value::Varint(raw)) if has_temporality => head.temporality = raw as i32,
            (3, Value::Varint(raw)) if kind == MetricKind::Sum => head.monotonic = raw != 0,
            _ => {},
        }
    }
    if has_temporality && !matches!(head.temporality, 1 | 2) {
        return Err(Flaw::Item(NO_TEMPORALITY));
    }
    Ok(head)
}

/// What was taken of a request so far.
struct Taken<'a> {
    request: &'a [u8],
    metrics: &'a mut Vec<MetricHead>,
    points: &'a mut Vec<PointRecord>,
    rejected: &'a mut Rejected,
    scratch: Scratch,
}

impl Taken<'_> {
    fn metric(
        &mut self,
        head: MetricHead,
        data: Option<(MetricKind, &[u8])>,
    ) -> Result<(), WireError> {
        let Some((kind, bytes)) = data else { return Ok(()) };
        let metric = self.metrics.len() as u32;
        self.metrics.push(head);
        for field in Fields::of(bytes) {
            let (1, Value::Bytes(message)) = field? else { continue };
            match points::check(kind, message, &mut self.scratch) {
                Ok(()) => {
                    let message = Part::of(self.request, message);
                    self.points.push(PointRecord { metric, message });
                },
                Err(Flaw::Item(reason)) => self.rejected.add(reason, 1),
                Err(Flaw::Wire(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
