//! Rules for metrics, over HTTP with protobuf, read back from the file of the run.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    NumberDataPoint, Sum, Summary, SummaryDataPoint,
};
use prost::Message as _;
use rusqlite::Connection;

use super::http::PROTOBUF;
use super::{metrics, partial};
use crate::testing::{collector, end, post};

const STALE: u32 = 1;

fn number(value: Option<Number>, flags: u32) -> NumberDataPoint {
    NumberDataPoint { value, flags, ..NumberDataPoint::default() }
}

fn gauge(point: NumberDataPoint) -> Data {
    Data::Gauge(Gauge { data_points: vec![point] })
}

fn sum(aggregation_temporality: i32) -> Data {
    let data_points = vec![number(Some(Number::AsDouble(1.0)), 0)];
    Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: true })
}

fn histogram(bucket_counts: Vec<u64>, explicit_bounds: Vec<f64>) -> Data {
    let point = HistogramDataPoint { bucket_counts, explicit_bounds, ..<_>::default() };
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 1 })
}

fn exponential(aggregation_temporality: i32) -> Data {
    let point = ExponentialHistogramDataPoint {
        count: 3,
        scale: 20,
        positive: Some(Buckets { offset: -5, bucket_counts: vec![1, 2] }),
        ..<_>::default()
    };
    Data::ExponentialHistogram(ExponentialHistogram {
        data_points: vec![point],
        aggregation_temporality,
    })
}

/// SV16.
#[tokio::test]
async fn a_metric_point_without_sense_is_rejected_and_the_others_are_kept() {
    let (handle, folder) = collector().await;
    let cases = [
        (gauge(number(Some(Number::AsInt(5)), 0)), true),
        (gauge(number(None, 0)), false),
        (gauge(number(None, STALE)), true),
        (sum(0), false),
        (sum(1), true),
        (sum(2), true),
        (sum(3), false),
        (histogram(vec![1, 2], vec![0.5]), true),
        (histogram(vec![], vec![]), true),
        (histogram(vec![1, 2], vec![]), false),
        (histogram(vec![1], vec![0.5]), false),
        (histogram(vec![1, 2, 3], vec![0.5, 0.5]), false),
        (histogram(vec![1, 2, 3], vec![0.5, f64::NAN]), false),
        (exponential(0), false),
        (exponential(2), true),
        (Data::Summary(Summary { data_points: vec![SummaryDataPoint::default()] }), true),
    ];
    for (data, is_kept) in &cases {
        let request = metrics(vec![Some(data.clone())]).encode_to_vec();
        let response = post(handle.addresses().http, "/v1/metrics", &[PROTOBUF], request).await;
        let rejected = partial(response.body()).map_or(0, |partial| partial.rejected_spans);
        assert_eq!((response.status().as_u16(), rejected == 0), (200, *is_kept), "{data:?}");
    }
    let sealed = handle.seal().await.unwrap();
    let kept = cases.iter().filter(|(_, is_kept)| *is_kept).count() as u64;
    let rejected = cases.iter().filter(|(_, is_kept)| !is_kept).count() as u64;
    assert_eq!((sealed.points, sealed.rejected), (kept, rejected));
    let file = Connection::open(folder.path().join("run.db")).unwrap();
    let stale = file
        .query_row("SELECT count(*) FROM point WHERE flags = 1", [], |row| row.get::<_, u32>(0));
    assert_eq!(stale.unwrap(), 1);
    end(handle).await;
}

/// SV16: what a stale point says besides is not its value.
#[tokio::test]
async fn a_point_without_a_recorded_value_has_none() {
    let (handle, folder) = collector().await;
    let stale = gauge(number(Some(Number::AsDouble(0.0)), STALE));
    let request = metrics(vec![Some(stale)]).encode_to_vec();
    let response = post(handle.addresses().http, "/v1/metrics", &[PROTOBUF], request).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (200, 0));
    handle.seal().await.unwrap();
    let file = Connection::open(folder.path().join("run.db")).unwrap();
    let stored = file.query_row("SELECT flags, value FROM point", [], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, Option<f64>>(1)?))
    });
    assert_eq!(stored.unwrap(), (STALE, None));
    end(handle).await;
}

/// SV17.
#[tokio::test]
async fn both_times_of_a_point_are_kept_so_that_resets_and_gaps_can_be_told() {
    let (handle, folder) = collector().await;
    // A series, its next point, the first point after a reset, and one whose start is not known.
    let times = [(10, 20), (10, 30), (40, 50), (60, 60)];
    let points = times.map(|(start, time): (i64, i64)| NumberDataPoint {
        start_time_unix_nano: start.cast_unsigned(),
        time_unix_nano: time.cast_unsigned(),
        value: Some(Number::AsInt(1)),
        ..NumberDataPoint::default()
    });
    let data = Data::Sum(Sum {
        data_points: points.to_vec(),
        aggregation_temporality: 2,
        is_monotonic: true,
    });
    let request = metrics(vec![Some(data)]).encode_to_vec();
    let response = post(handle.addresses().http, "/v1/metrics", &[PROTOBUF], request).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (200, 0));
    handle.seal().await.unwrap();
    let file = Connection::open(folder.path().join("run.db")).unwrap();
    let mut stored = file.prepare("SELECT start_ns, unix_ns FROM point ORDER BY unix_ns").unwrap();
    let stored = stored.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(stored.map(Result::unwrap).collect::<Vec<(i64, i64)>>(), times);
    end(handle).await;
}
