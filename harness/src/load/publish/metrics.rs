//! The metrics by OTLP: running totals since the start of load, durations in seconds as exponential
//! histograms.

use bytes::Bytes;
use loadgen::summary::{Book, Cell, Decoded};
use model::hdr::Durations;
use model::load::LoadKey;
use model::names::attribute;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

/// Buckets that every backend takes.
const BUCKETS_MAX: i32 = 160;
/// `2^SCALE` buckets per doubling, if they fit.
const SCALE_MAX: i32 = 6;
const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// Begin and end of the totals.
#[derive(Clone, Copy)]
struct Span {
    start_ns: u64,
    now_ns: u64,
}

pub(super) fn message(report: &Decoded, book: &Book) -> Bytes {
    let span = Span {
        start_ns: book.setting().start_unix_ms * 1_000_000,
        now_ns: (report.unix_s + 1) * 1_000_000_000,
    };
    let resource = Resource {
        attributes: vec![
            text(attribute::SERVICE_NAME, "load"),
            text(attribute::SERVICE_INSTANCE_ID, &format!("load-{}", report.worker)),
            text(attribute::RUN_ID, &book.setting().run_id),
        ],
        ..Resource::default()
    };
    let scope =
        InstrumentationScope { name: "shakedown.load".into(), ..InstrumentationScope::default() };
    let scope_metrics = vec![ScopeMetrics {
        scope: Some(scope),
        metrics: metrics(report, book, span),
        ..ScopeMetrics::default()
    }];
    let resource_metrics = vec![ResourceMetrics {
        resource: Some(resource),
        scope_metrics,
        ..ResourceMetrics::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

fn metrics(report: &Decoded, book: &Book, span: Span) -> Vec<Metric> {
    let journeys: Vec<_> = book.cells().filter(|(key, _)| key.step.is_none()).collect();
    let steps: Vec<_> = book.cells().filter(|(key, _)| key.step.is_some()).collect();
    let offered: u64 = book.series().slots().map(|(_, slot)| slot.offered).sum();
    let histograms = |cells: &[(&LoadKey, &Cell)], of: fn(&Cell) -> &Durations| {
        let point = |(key, cell): &(&LoadKey, &Cell)| point(attributes(key), of(cell), span);
        cells.iter().map(point).collect::<Vec<_>>()
    };
    let counted = |(key, cell): &(&LoadKey, &Cell)| count(attributes(key), cell.count, span);
    vec![
        sum("shakedown.load.arrivals", "{arrival}", vec![count(Vec::new(), offered, span)]),
        sum("shakedown.load.journeys", "{journey}", journeys.iter().map(counted).collect()),
        sum("shakedown.load.requests", "{request}", requests(&steps, span)),
        durations("shakedown.load.response.duration", histograms(&journeys, |cell| &cell.response)),
        durations("shakedown.load.service.duration", histograms(&journeys, |cell| &cell.service)),
        durations("shakedown.load.step.duration", histograms(&steps, |cell| &cell.response)),
        durations("shakedown.load.lateness", vec![point(Vec::new(), &lateness(book), span)]),
        gauge("shakedown.load.in_flight", "{journey}", report.in_flight as f64, span),
        gauge("shakedown.load.cpu", "{cpu}", report.cpu_cores, span),
        gauge("shakedown.load.validity", "1", f64::from(report.validity as u8), span),
    ]
}

fn lateness(book: &Book) -> Durations {
    let mut lateness = Durations::default();
    book.series().slots().for_each(|(_, slot)| lateness.add(&slot.lateness));
    lateness
}

fn requests(steps: &[(&LoadKey, &Cell)], span: Span) -> Vec<NumberDataPoint> {
    let mut points = Vec::new();
    for (key, cell) in steps {
        for (result, number) in &cell.results {
            let mut attributes = attributes(key);
            attributes.push(match result.parse() {
                Ok(status) => pair(attribute::HTTP_STATUS, any_value::Value::IntValue(status)),
                Err(_kind) => text(attribute::ERROR_TYPE, result),
            });
            points.push(count(attributes, *number, span));
        }
    }
    points
}

fn attributes(key: &LoadKey) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("shakedown.flow", &key.flow),
        text("shakedown.phase", key.phase.as_str()),
        text("shakedown.outcome", key.outcome.as_str()),
        truth("shakedown.hit", key.hit),
        text(attribute::LOAD_MODEL, key.model.as_str()),
    ];
    attributes.extend(key.step.as_ref().map(|step| text("shakedown.step", step)));
    attributes
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(value.to_owned()))
}

fn truth(key: &str, value: bool) -> KeyValue {
    pair(key, any_value::Value::BoolValue(value))
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    let value = AnyValue { value: Some(value) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn named(name: &str, unit: &str, data: metric::Data) -> Metric {
    Metric { name: name.into(), unit: unit.into(), data: Some(data), ..Metric::default() }
}

fn sum(name: &str, unit: &str, data_points: Vec<NumberDataPoint>) -> Metric {
    let sum = Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: true };
    named(name, unit, metric::Data::Sum(sum))
}

fn durations(name: &str, data_points: Vec<ExponentialHistogramDataPoint>) -> Metric {
    let histogram = ExponentialHistogram { data_points, aggregation_temporality: CUMULATIVE };
    named(name, "s", metric::Data::ExponentialHistogram(histogram))
}

fn gauge(name: &str, unit: &str, value: f64, span: Span) -> Metric {
    let point = NumberDataPoint {
        time_unix_nano: span.now_ns,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    named(name, unit, metric::Data::Gauge(Gauge { data_points: vec![point] }))
}

fn count(attributes: Vec<KeyValue>, count: u64, span: Span) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: span.start_ns,
        time_unix_nano: span.now_ns,
        value: Some(number_data_point::Value::AsInt(i64::try_from(count).unwrap_or(i64::MAX))),
        ..NumberDataPoint::default()
    }
}

fn point(
    attributes: Vec<KeyValue>,
    durations: &Durations,
    span: Span,
) -> ExponentialHistogramDataPoint {
    let (scale, offset, bucket_counts) = exponential(durations);
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: span.start_ns,
        time_unix_nano: span.now_ns,
        count: durations.count(),
        sum: Some(durations.sum_us() / 1e6),
        scale,
        positive: Some(Buckets { offset, bucket_counts }),
        min: durations.min().map(|us| us as f64 / 1e6),
        max: durations.max().map(|us| us as f64 / 1e6),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// Bucket `i` of OpenTelemetry's exponential histogram holds `base^i < value <= base^(i+1)` with
/// `base = 2^(2^-scale)`. The finest scale is taken at which all buckets fit.
fn exponential(durations: &Durations) -> (i32, i32, Vec<u64>) {
    let index = |us: u64, scale: i32| {
        let per_doubling = 2_f64.powi(scale);
        ((us as f64 / 1e6).log2() * per_doubling).ceil() as i32 - 1
    };
    let (Some(first), Some(last)) = (durations.buckets().next(), durations.buckets().next_back())
    else {
        return (SCALE_MAX, 0, Vec::new());
    };
    let fits = |scale: &i32| index(last.0, *scale) - index(first.0, *scale) < BUCKETS_MAX;
    let scale = (0..=SCALE_MAX).rev().find(fits).unwrap_or(0);
    let offset = index(first.0, scale);
    let mut counts = vec![0; (index(last.0, scale) - offset + 1) as usize];
    for (us, count) in durations.buckets() {
        counts[(index(us, scale) - offset) as usize] += count;
    }
    (scale, offset, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket_and_the_buckets_fit() {
        for values in [vec![1_000], vec![1, 600_000_000], (1..400).map(|at| at * at * 13).collect()]
        {
            let mut histogram = model::hdr::empty();
            for us in values {
                histogram.saturating_record(us);
            }
            let durations = Durations::from(&histogram);
            let (scale, offset, counts) = exponential(&durations);
            assert!(counts.len() <= BUCKETS_MAX as usize && counts.first() > Some(&0));
            assert_eq!(counts.iter().sum::<u64>(), durations.count());
            let base = 2_f64.powf(2_f64.powi(-scale));
            let mut seen = durations.buckets().peekable();
            for (at, count) in (0_i32..).zip(&counts) {
                let upper = base.powi(offset + at + 1) * 1e6 * (1.0 + 1e-9);
                let mut inside = 0;
                while let Some((_, more)) = seen.next_if(|(us, _)| (*us as f64) <= upper) {
                    inside += more;
                }
                assert_eq!(inside, *count);
            }
        }
    }
}
