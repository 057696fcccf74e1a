//! The metrics as OTLP: totals since the start, durations in the exposed buckets.
//!
//! Percentiles are left out: a reader of OTLP has the buckets.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as NumberValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};

use super::super::export::pair;
use super::family::{Family, Kind, Label, Point, Value, Word};
use super::histogram::{BOUNDS_NS, Durations};

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// From when to when the totals count, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Span {
    pub(in super::super) start_unix_ns: u64,
    pub(in super::super) end_unix_ns: u64,
}

pub(in super::super) fn otlp(families: &[Family], span: Span) -> Vec<Metric> {
    families.iter().filter_map(|family| metric(family, span)).collect()
}

fn metric(family: &Family, span: Span) -> Option<Metric> {
    let numbers = || family.points.iter().filter_map(|point| number(point, span)).collect();
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        Kind::Gauge => Data::Gauge(Gauge { data_points: numbers() }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: family.points.iter().filter_map(|point| durations(point, span)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        Kind::Summary => return None,
    };
    Some(Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: family.unit.ucum().to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

fn number(point: &Point, span: Span) -> Option<NumberDataPoint> {
    let Value::Number(number) = point.value else { return None };
    Some(NumberDataPoint {
        attributes: attributes(&point.labels),
        start_time_unix_nano: span.start_unix_ns,
        time_unix_nano: span.end_unix_ns,
        value: Some(NumberValue::AsInt(number)),
        ..NumberDataPoint::default()
    })
}

fn durations(point: &Point, span: Span) -> Option<HistogramDataPoint> {
    let Value::Durations(durations) = &point.value else { return None };
    let bucket_counts = Durations::exposed(durations).to_vec();
    Some(HistogramDataPoint {
        attributes: attributes(&point.labels),
        start_time_unix_nano: span.start_unix_ns,
        time_unix_nano: span.end_unix_ns,
        count: bucket_counts.iter().sum(),
        sum: Some(durations.sum_s()),
        bucket_counts,
        explicit_bounds: BOUNDS_NS.iter().map(|bound_ns| *bound_ns as f64 / 1e9).collect(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(labels: &[Label]) -> Vec<KeyValue> {
    let value = |word: &Word| match word {
        Word::Text(text) => AnyValue::StringValue(text.clone()),
        Word::Number(number) => AnyValue::IntValue(*number),
    };
    labels.iter().map(|label| pair(label.key.attribute, value(&label.value))).collect()
}
