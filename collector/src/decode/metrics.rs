//! Metrics. Every point is stored flat; what is common to the points of a metric is shared.
//!
//! Refused point by point: a temporality that is not given where one is needed, buckets that do not
//! fit their bounds, and points without a value that do not say so.

use std::sync::Arc;

use super::points::{exponential_point, histogram_point, number_point, summary_point};
use super::{Flaw, envelope, owned};
use crate::record::{Batch, MetricHead, Origin, PointRecord, Rejected};
use crate::wire::{Fields, Value, WireError};

pub(super) const NO_TEMPORALITY: &str = "the aggregation temporality is not delta or cumulative";

pub(super) fn decode(request: &[u8]) -> Result<Batch, WireError> {
    let mut batch = Batch::default();
    envelope::walk(request, |origin, item| {
        let data = data_of(item)?;
        let head = origin
            .map_err(Flaw::Item)
            .and_then(|origin| head(item, data).map(|head| (origin, Arc::new(head))));
        match head {
            Ok((origin, head)) => points(origin, &head, data, &mut batch)?,
            Err(Flaw::Item(reason)) => batch.rejected.add(reason, count_points(data)?),
            Err(Flaw::Wire(error)) => return Err(error),
        }
        Ok(())
    })?;
    Ok(batch)
}

/// The `data` of a metric: the field number says its kind. The last one counts.
fn data_of(metric: &[u8]) -> Result<Option<(u32, &[u8])>, WireError> {
    let mut data = None;
    for field in Fields::of(metric) {
        if let (number @ (5 | 7 | 9 | 10 | 11), Value::Bytes(bytes)) = field? {
            data = Some((number, bytes));
        }
    }
    Ok(data)
}

fn count_points(data: Option<(u32, &[u8])>) -> Result<u64, WireError> {
    let mut count = 0;
    for field in Fields::of(data.map_or(&[], |(_, bytes)| bytes)) {
        count += u64::from(matches!(field?, (1, Value::Bytes(_))));
    }
    Ok(count)
}

fn head(metric: &[u8], data: Option<(u32, &[u8])>) -> Result<MetricHead, Flaw> {
    let mut head = MetricHead::default();
    for field in Fields::of(metric) {
        match field? {
            (1, Value::Bytes(bytes)) => head.name = owned(bytes)?,
            (2, Value::Bytes(bytes)) => head.description = owned(bytes)?,
            (3, Value::Bytes(bytes)) => head.unit = owned(bytes)?,
            _ => {},
        }
    }
    let Some((number, bytes)) = data else { return Ok(head) };
    head.kind = match number {
        5 => "gauge",
        7 => "sum",
        9 => "histogram",
        10 => "exponential_histogram",
        _ => "summary",
    };
    for field in Fields::of(bytes) {
        match field? {
            (2, Value::Varint(raw)) if matches!(number, 7 | 9 | 10) => {
                head.temporality = raw as i32;
            },
            (3, Value::Varint(raw)) if number == 7 => head.monotonic = raw != 0,
            _ => {},
        }
    }
    if matches!(number, 7 | 9 | 10) && !matches!(head.temporality, 1 | 2) {
        return Err(Flaw::Item(NO_TEMPORALITY));
    }
    Ok(head)
}

fn points(
    origin: &Origin,
    head: &Arc<MetricHead>,
    data: Option<(u32, &[u8])>,
    batch: &mut Batch,
) -> Result<(), WireError> {
    let Some((number, bytes)) = data else { return Ok(()) };
    for field in Fields::of(bytes) {
        let (1, Value::Bytes(message)) = field? else { continue };
        let blank = blank(origin, head);
        let point = match number {
            5 | 7 => number_point(blank, message),
            9 => histogram_point(blank, message),
            10 => exponential_point(blank, message),
            _ => summary_point(blank, message),
        };
        keep(point, &mut batch.points, &mut batch.rejected)?;
    }
    Ok(())
}

fn keep(
    point: Result<PointRecord, Flaw>,
    points: &mut Vec<PointRecord>,
    rejected: &mut Rejected,
) -> Result<(), WireError> {
    match point {
        Ok(point) => points.push(point),
        Err(Flaw::Item(reason)) => rejected.add(reason, 1),
        Err(Flaw::Wire(error)) => return Err(error),
    }
    Ok(())
}

fn blank(origin: &Origin, metric: &Arc<MetricHead>) -> PointRecord {
    PointRecord {
        origin: origin.clone(),
        metric: Arc::clone(metric),
        start_unix_ns: 0,
        unix_ns: 0,
        flags: 0,
        attributes: String::new(),
        int_value: None,
        double_value: None,
        count: None,
        sum: None,
        min: None,
        max: None,
        detail: String::new(),
        exemplars: String::new(),
    }
}
