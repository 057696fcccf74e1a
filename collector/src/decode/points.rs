//! Metric points of the four shapes: number, histogram, exponential histogram, summary.
//!
//! [`check`] judges a point when it comes in; [`read`] gives its numbers, and the functions that
//! write give its JSON, when it is stored.

use super::any::{KeyValue, append, write_attributes as write_fields, write_double, write_list};
use super::{Flaw, double, span_id, trace_id, write_text};
use crate::record::MetricKind;
use crate::wire::{Fields as Wire, Value, WireError, fixed64s, varints, zigzag};

pub(super) const NO_VALUE: &str = "the data point has no value";
pub(super) const BUCKETS_MISFIT: &str = "the bucket counts do not fit the bounds";
pub(super) const BOUNDS_ORDER: &str = "the bucket bounds do not rise";

/// `DataPointFlags`: the series has ended or was not recorded.
const NO_RECORDED_VALUE: u32 = 1;

/// The numbers of a point.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Fields {
    pub(crate) start_unix_ns: u64,
    pub(crate) unix_ns: u64,
    pub(crate) flags: u32,
    pub(crate) int_value: Option<i64>,
    pub(crate) double_value: Option<f64>,
    pub(crate) count: Option<u64>,
    pub(crate) sum: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// Buckets and quantiles of the point that was read last; its memory is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    counts: Vec<u64>,
    bounds: Vec<u64>,
    quantiles: Vec<(f64, f64)>,
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: Buckets,
    negative: Buckets,
}

/// One side of an exponential histogram.
#[derive(Debug, Default)]
struct Buckets {
    offset: i32,
    counts: Vec<u64>,
}

impl Scratch {
    fn clear(&mut self) {
        self.counts.clear();
        self.bounds.clear();
        self.quantiles.clear();
        (self.scale, self.zero_count, self.zero_threshold) = (0, 0, 0.0);
        for side in [&mut self.positive, &mut self.negative] {
            side.offset = 0;
            side.counts.clear();
        }
    }

    fn bounds(&self) -> impl Iterator<Item = f64> + '_ {
        self.bounds.iter().map(|bits| f64::from_bits(*bits))
    }
}

/// The field numbers that differ between the shapes.
struct Numbers {
    attributes: u32,
    exemplars: Option<u32>,
}

fn numbers(kind: MetricKind) -> Numbers {
    let (attributes, exemplars) = match kind {
        MetricKind::Gauge | MetricKind::Sum => (7, Some(5)),
        MetricKind::Histogram => (9, Some(8)),
        MetricKind::ExponentialHistogram => (1, Some(11)),
        MetricKind::Summary => (7, None),
    };
    Numbers { attributes, exemplars }
}

/// Finds what makes a point senseless, anywhere below.
pub(super) fn check(kind: MetricKind, message: &[u8], scratch: &mut Scratch) -> Result<(), Flaw> {
    let Numbers { attributes, exemplars } = numbers(kind);
    for field in Wire::of(message) {
        if let (number, Value::Bytes(bytes)) = field? {
            if number == attributes {
                KeyValue::checked(bytes)?;
            } else if Some(number) == exemplars {
                check_exemplar(bytes)?;
            }
        }
    }
    let fields = read(kind, message, scratch)?;
    match kind {
        MetricKind::Gauge | MetricKind::Sum => {
            let valued = fields.int_value.is_some() || fields.double_value.is_some();
            if !valued && fields.flags & NO_RECORDED_VALUE == 0 {
                return Err(Flaw::Item(NO_VALUE));
            }
        },
        MetricKind::Histogram => {
            let unbucketed = scratch.counts.is_empty() && scratch.bounds.is_empty();
            if !unbucketed && scratch.counts.len() != scratch.bounds.len() + 1 {
                return Err(Flaw::Item(BUCKETS_MISFIT));
            }
            if !scratch.bounds().is_sorted_by(|lower, upper| lower < upper) {
                return Err(Flaw::Item(BOUNDS_ORDER));
            }
        },
        MetricKind::ExponentialHistogram | MetricKind::Summary => {},
    }
    Ok(())
}

/// Reads the numbers of a point, and what it has of buckets or quantiles into `scratch`.
pub(crate) fn read(
    kind: MetricKind,
    message: &[u8],
    scratch: &mut Scratch,
) -> Result<Fields, WireError> {
    scratch.clear();
    match kind {
        MetricKind::Gauge | MetricKind::Sum => number(message),
        MetricKind::Histogram => histogram(message, scratch),
        MetricKind::ExponentialHistogram => exponential(message, scratch),
        MetricKind::Summary => summary(message, scratch),
    }
}

fn number(message: &[u8]) -> Result<Fields, WireError> {
    let mut point = Fields::default();
    for field in Wire::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(bits)) => {
                (point.int_value, point.double_value) = (None, Some(f64::from_bits(bits)));
            },
            (6, Value::Fixed64(bits)) => {
                (point.int_value, point.double_value) = (Some(bits.cast_signed()), None);
            },
            (8, Value::Varint(raw)) => point.flags = raw as u32,
            _ => {},
        }
    }
    if point.flags & NO_RECORDED_VALUE != 0 {
        // Some senders fill the field with a zero that was never measured.
        (point.int_value, point.double_value) = (None, None);
    }
    Ok(point)
}

fn histogram(message: &[u8], scratch: &mut Scratch) -> Result<Fields, WireError> {
    let mut point = Fields { count: Some(0), ..Fields::default() };
    for field in Wire::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(count)) => point.count = Some(count),
            (5, value) => point.sum = double(value).or(point.sum),
            (6, value) => fixed64s(value, &mut scratch.counts)?,
            (7, value) => fixed64s(value, &mut scratch.bounds)?,
            (10, Value::Varint(raw)) => point.flags = raw as u32,
            (11, value) => point.min = double(value).or(point.min),
            (12, value) => point.max = double(value).or(point.max),
            _ => {},
        }
    }
    Ok(point)
}

fn exponential(message: &[u8], scratch: &mut Scratch) -> Result<Fields, WireError> {
    let mut point = Fields { count: Some(0), ..Fields::default() };
    for field in Wire::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(count)) => point.count = Some(count),
            (5, value) => point.sum = double(value).or(point.sum),
            (6, Value::Varint(raw)) => scratch.scale = zigzag(raw),
            (7, Value::Fixed64(count)) => scratch.zero_count = count,
            (8, Value::Bytes(bytes)) => buckets(bytes, &mut scratch.positive)?,
            (9, Value::Bytes(bytes)) => buckets(bytes, &mut scratch.negative)?,
            (10, Value::Varint(raw)) => point.flags = raw as u32,
            (12, value) => point.min = double(value).or(point.min),
            (13, value) => point.max = double(value).or(point.max),
            (14, value) => {
                scratch.zero_threshold = double(value).unwrap_or(scratch.zero_threshold);
            },
            _ => {},
        }
    }
    Ok(point)
}

fn buckets(message: &[u8], side: &mut Buckets) -> Result<(), WireError> {
    side.offset = 0;
    side.counts.clear();
    for field in Wire::of(message) {
        match field? {
            (1, Value::Varint(raw)) => side.offset = zigzag(raw),
            (2, value) => varints(value, &mut side.counts)?,
            _ => {},
        }
    }
    Ok(())
}

fn summary(message: &[u8], scratch: &mut Scratch) -> Result<Fields, WireError> {
    let mut point = Fields { count: Some(0), sum: Some(0.0), ..Fields::default() };
    for field in Wire::of(message) {
        match field? {
            (2, Value::Fixed64(ns)) => point.start_unix_ns = ns,
            (3, Value::Fixed64(ns)) => point.unix_ns = ns,
            (4, Value::Fixed64(count)) => point.count = Some(count),
            (5, value) => point.sum = double(value).or(point.sum),
            (6, Value::Bytes(bytes)) => scratch.quantiles.push(quantile(bytes)?),
            (8, Value::Varint(raw)) => point.flags = raw as u32,
            _ => {},
        }
    }
    Ok(point)
}

fn quantile(message: &[u8]) -> Result<(f64, f64), WireError> {
    let mut quantile = (0.0, 0.0);
    for field in Wire::of(message) {
        match field? {
            (1, value) => quantile.0 = double(value).unwrap_or_default(),
            (2, value) => quantile.1 = double(value).unwrap_or_default(),
            _ => {},
        }
    }
    Ok(quantile)
}

/// Its ids may be absent or invalid.
fn check_exemplar(message: &[u8]) -> Result<(), Flaw> {
    for field in Wire::of(message) {
        if let (7, Value::Bytes(bytes)) = field? {
            KeyValue::checked(bytes)?;
        }
    }
    Ok(())
}

/// Appends buckets and bounds, or quantiles, of the point that was read last.
pub(crate) fn write_detail(kind: MetricKind, scratch: &Scratch, out: &mut String) {
    let count = |count: &u64, out: &mut String| append(format_args!("{count}"), out);
    match kind {
        MetricKind::Gauge | MetricKind::Sum => {},
        MetricKind::Histogram => {
            out.push_str("{\"bounds\":");
            list(scratch.bounds(), out, write_double);
            out.push_str(",\"counts\":");
            list(&scratch.counts, out, count);
            out.push('}');
        },
        MetricKind::ExponentialHistogram => {
            let Scratch { scale, zero_count, zero_threshold, positive, negative, .. } = scratch;
            append(format_args!("{{\"scale\":{scale},\"zero_count\":{zero_count}"), out);
            out.push_str(",\"zero_threshold\":");
            write_double(*zero_threshold, out);
            for (side, buckets) in [("positive", positive), ("negative", negative)] {
                let offset = buckets.offset;
                append(format_args!(",\"{side}\":{{\"offset\":{offset},\"counts\":"), out);
                list(&buckets.counts, out, count);
                out.push('}');
            }
            out.push('}');
        },
        MetricKind::Summary => {
            out.push_str("{\"quantiles\":");
            list(&scratch.quantiles, out, |(fraction, value), out| {
                list([*fraction, *value], out, write_double);
            });
            out.push('}');
        },
    }
}

/// Appends the attributes of a point that was taken as a JSON object.
pub(crate) fn write_attributes(kind: MetricKind, point: &[u8], out: &mut String) {
    write_fields(point, numbers(kind).attributes, out);
}

/// Appends the exemplars of a point that was taken as a JSON array; nothing when it has none.
pub(crate) fn write_exemplars(kind: MetricKind, point: &[u8], out: &mut String) {
    let Some(wanted) = numbers(kind).exemplars else { return };
    let is_exemplar = |field| matches!(field, Ok((number, Value::Bytes(_))) if number == wanted);
    if Wire::of(point).any(is_exemplar) {
        write_list('[', point, wanted, out, write_exemplar);
        out.push(']');
    }
}

fn write_exemplar(message: &[u8], out: &mut String) {
    let (mut unix_ns, mut value, mut trace, mut span) = (0, String::from("null"), None, None);
    for field in Wire::of(message) {
        match field {
            Ok((2, Value::Fixed64(ns))) => unix_ns = ns,
            Ok((3, Value::Fixed64(bits))) => {
                value.clear();
                write_double(f64::from_bits(bits), &mut value);
            },
            Ok((4, Value::Bytes(bytes))) => span = span_id(bytes),
            Ok((5, Value::Bytes(bytes))) => trace = trace_id(bytes),
            Ok((6, Value::Fixed64(bits))) => value = bits.cast_signed().to_string(),
            _ => {},
        }
    }
    append(format_args!("{{\"unix_ns\":{unix_ns},\"value\":{value},\"trace_id\":"), out);
    write_text(&trace.map(|id| id.to_string()).unwrap_or_default(), out);
    out.push_str(",\"span_id\":");
    write_text(&span.map(|id| id.to_string()).unwrap_or_default(), out);
    out.push_str(",\"attributes\":");
    write_fields(message, 7, out);
    out.push('}');
}

/// Writes a JSON array.
fn list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}
