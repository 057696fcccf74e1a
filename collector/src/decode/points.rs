//! Metric points of the four shapes: number, histogram, exponential histogram, summary.

use std::fmt::Write as _;

use super::any::{AttributeWriter, write_double};
use super::{Flaw, double, span_id, trace_id, write_text};
use crate::record::PointRecord;
use crate::wire::{Fields, Value, fixed64s, varints, zigzag};

pub(super) const NO_VALUE: &str = "the data point has no value";
pub(super) const BUCKETS_MISFIT: &str = "the bucket counts do not fit the bounds";
pub(super) const BOUNDS_ORDER: &str = "the bucket bounds do not rise";

/// `DataPointFlags`: the series has ended or was not recorded.
const NO_RECORDED_VALUE: u32 = 1;

pub(super) fn number_point(mut point: PointRecord, message: &[u8]) -> Result<PointRecord, Flaw> {
    let mut attributes = AttributeWriter::default();
    for field in Fields::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(bits)) => {
                (point.int_value, point.double_value) = (None, Some(f64::from_bits(bits)));
            },
            (5, Value::Bytes(bytes)) => exemplar(bytes, &mut point.exemplars)?,
            (6, Value::Fixed64(bits)) => {
                (point.int_value, point.double_value) = (Some(bits.cast_signed()), None);
            },
            (7, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (8, Value::Varint(raw)) => point.flags = raw as u32,
            _ => {},
        }
    }
    let valued = point.int_value.is_some() || point.double_value.is_some();
    if !valued && point.flags & NO_RECORDED_VALUE == 0 {
        return Err(Flaw::Item(NO_VALUE));
    }
    Ok(finished(point, attributes))
}

pub(super) fn histogram_point(mut point: PointRecord, message: &[u8]) -> Result<PointRecord, Flaw> {
    let mut attributes = AttributeWriter::default();
    let (mut counts, mut bounds) = (Vec::new(), Vec::new());
    point.count = Some(0);
    for field in Fields::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(count)) => point.count = Some(count),
            (5, value) => point.sum = double(value).or(point.sum),
            (6, value) => fixed64s(value, &mut counts)?,
            (7, value) => fixed64s(value, &mut bounds)?,
            (8, Value::Bytes(bytes)) => exemplar(bytes, &mut point.exemplars)?,
            (9, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (10, Value::Varint(raw)) => point.flags = raw as u32,
            (11, value) => point.min = double(value).or(point.min),
            (12, value) => point.max = double(value).or(point.max),
            _ => {},
        }
    }
    let bounds: Vec<f64> = bounds.into_iter().map(f64::from_bits).collect();
    let unbucketed = counts.is_empty() && bounds.is_empty();
    if !unbucketed && counts.len() != bounds.len() + 1 {
        return Err(Flaw::Item(BUCKETS_MISFIT));
    }
    if !bounds.is_sorted_by(|lower, upper| lower < upper) {
        return Err(Flaw::Item(BOUNDS_ORDER));
    }
    point.detail.push_str("{\"bounds\":");
    list(&bounds, &mut point.detail, |bound, out| write_double(*bound, out));
    point.detail.push_str(",\"counts\":");
    list(&counts, &mut point.detail, |count, out| out.push_str(&count.to_string()));
    point.detail.push('}');
    Ok(finished(point, attributes))
}

/// One side of an exponential histogram.
#[derive(Default)]
struct Buckets {
    offset: i32,
    counts: Vec<u64>,
}

fn buckets(message: &[u8]) -> Result<Buckets, Flaw> {
    let mut buckets = Buckets::default();
    for field in Fields::of(message) {
        match field? {
            (1, Value::Varint(raw)) => buckets.offset = zigzag(raw),
            (2, value) => varints(value, &mut buckets.counts)?,
            _ => {},
        }
    }
    Ok(buckets)
}

pub(super) fn exponential_point(
    mut point: PointRecord,
    message: &[u8],
) -> Result<PointRecord, Flaw> {
    let mut attributes = AttributeWriter::default();
    let (mut positive, mut negative) = (Buckets::default(), Buckets::default());
    let (mut scale, mut zero_count, mut zero_threshold) = (0, 0, 0.0);
    point.count = Some(0);
    for field in Fields::of(message) {
        match field? {
            (1, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(count)) => point.count = Some(count),
            (5, value) => point.sum = double(value).or(point.sum),
            (6, Value::Varint(raw)) => scale = zigzag(raw),
            (7, Value::Fixed64(count)) => zero_count = count,
            (8, Value::Bytes(bytes)) => positive = buckets(bytes)?,
            (9, Value::Bytes(bytes)) => negative = buckets(bytes)?,
            (10, Value::Varint(raw)) => point.flags = raw as u32,
            (11, Value::Bytes(bytes)) => exemplar(bytes, &mut point.exemplars)?,
            (12, value) => point.min = double(value).or(point.min),
            (13, value) => point.max = double(value).or(point.max),
            (14, value) => zero_threshold = double(value).unwrap_or(zero_threshold),
            _ => {},
        }
    }
    let out = &mut point.detail;
    append(
        format_args!("{{\"scale\":{scale},\"zero_count\":{zero_count},\"zero_threshold\":"),
        out,
    );
    write_double(zero_threshold, out);
    for (side, buckets) in [("positive", positive), ("negative", negative)] {
        append(format_args!(",\"{side}\":{{\"offset\":{},\"counts\":", buckets.offset), out);
        list(&buckets.counts, out, |count, out| out.push_str(&count.to_string()));
        out.push('}');
    }
    out.push('}');
    Ok(finished(point, attributes))
}

pub(super) fn summary_point(mut point: PointRecord, message: &[u8]) -> Result<PointRecord, Flaw> {
    let mut attributes = AttributeWriter::default();
    let mut quantiles: Vec<(f64, f64)> = Vec::new();
    (point.count, point.sum) = (Some(0), Some(0.0));
    for field in Fields::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(count)) => point.count = Some(count),
            (5, value) => point.sum = double(value).or(point.sum),
            (6, Value::Bytes(bytes)) => quantiles.push(quantile(bytes)?),
            (7, Value::Bytes(bytes)) => attributes.add(bytes)?,
            (8, Value::Varint(raw)) => point.flags = raw as u32,
            _ => {},
        }
    }
    point.detail.push_str("{\"quantiles\":");
    list(&quantiles, &mut point.detail, |(fraction, value), out| {
        out.push('[');
        write_double(*fraction, out);
        out.push(',');
        write_double(*value, out);
        out.push(']');
    });
    point.detail.push('}');
    Ok(finished(point, attributes))
}

fn quantile(message: &[u8]) -> Result<(f64, f64), Flaw> {
    let mut quantile = (0.0, 0.0);
    for field in Fields::of(message) {
        match field? {
            (1, value) => quantile.0 = double(value).unwrap_or_default(),
            (2, value) => quantile.1 = double(value).unwrap_or_default(),
            _ => {},
        }
    }
    Ok(quantile)
}

/// Appends an exemplar to an unfinished JSON array. Its ids may be absent or invalid.
fn exemplar(message: &[u8], out: &mut String) -> Result<(), Flaw> {
    let (mut unix_ns, mut value, mut trace, mut span) = (0, String::from("null"), None, None);
    let mut attributes = AttributeWriter::default();
    for field in Fields::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => unix_ns = ns,
            (3, Value::Fixed64(bits)) => {
                value.clear();
                write_double(f64::from_bits(bits), &mut value);
            },
            (4, Value::Bytes(bytes)) => span = span_id(bytes),
            (5, Value::Bytes(bytes)) => trace = trace_id(bytes),
            (6, Value::Fixed64(bits)) => value = bits.cast_signed().to_string(),
            (7, Value::Bytes(bytes)) => attributes.add(bytes)?,
            _ => {},
        }
    }
    out.push(if out.is_empty() { '[' } else { ',' });
    append(format_args!("{{\"unix_ns\":{unix_ns},\"value\":{value},\"trace_id\":"), out);
    write_text(&trace.map(|id| id.to_string()).unwrap_or_default(), out);
    out.push_str(",\"span_id\":");
    write_text(&span.map(|id| id.to_string()).unwrap_or_default(), out);
    out.push_str(",\"attributes\":");
    out.push_str(&attributes.finish().0);
    out.push('}');
    Ok(())
}

fn finished(mut point: PointRecord, attributes: AttributeWriter) -> PointRecord {
    point.attributes = attributes.finish().0;
    if !point.exemplars.is_empty() {
        point.exemplars.push(']');
    }
    point
}

fn append(text: std::fmt::Arguments<'_>, out: &mut String) {
    out.write_fmt(text).expect("writing to memory does not fail");
}

/// Writes a JSON array.
fn list<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}
