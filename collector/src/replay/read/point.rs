//! A metric of one point from its row.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint, exemplar, metric,
    number_data_point,
};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::Value as Json;

use super::super::build::{self, Item, attributes, attributes_of};
use super::{moved, time};

pub(super) const POINTS: &str = "SELECT p.unix_ns, r.attributes, m.scope, m.name, m.unit,
        m.description, m.kind, m.temporality, m.monotonic, p.start_ns, p.flags, p.attributes,
        p.value, p.count, p.sum, p.min, p.max, p.detail, p.exemplars
    FROM point p JOIN metric m USING (metric_id) JOIN resource r USING (resource_id)
    ORDER BY p.unix_ns, p.metric_id";

/// What every kind of point has.
struct Common {
    start_ns: u64,
    unix_ns: u64,
    flags: u32,
    attributes: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>,
    exemplars: Vec<Exemplar>,
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    detail: Json,
}

pub(super) fn point(row: &Row<'_>, shift_ns: i64) -> rusqlite::Result<Item> {
    let common = Common {
        unix_ns: time(row, 0, shift_ns)?,
        start_ns: time(row, 9, shift_ns)?,
        flags: row.get(10)?,
        attributes: attributes(&row.get::<_, String>(11)?),
        count: row.get::<_, Option<i64>>(13)?.unwrap_or(0).cast_unsigned(),
        sum: row.get(14)?,
        min: row.get(15)?,
        max: row.get(16)?,
        detail: serde_json::from_str(&row.get::<_, String>(17)?).unwrap_or_default(),
        exemplars: exemplars(&row.get::<_, String>(18)?, shift_ns),
    };
    let kind: String = row.get(6)?;
    let (aggregation_temporality, is_monotonic) = (row.get(7)?, row.get(8)?);
    let data = match kind.as_str() {
        "sum" => metric::Data::Sum(Sum {
            data_points: vec![number(row, common)?],
            aggregation_temporality,
            is_monotonic,
        }),
        "histogram" => metric::Data::Histogram(Histogram {
            data_points: vec![histogram(common)],
            aggregation_temporality,
        }),
        "exponential_histogram" => metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential(common)],
            aggregation_temporality,
        }),
        "summary" => metric::Data::Summary(Summary { data_points: vec![summary(common)] }),
        _ => metric::Data::Gauge(Gauge { data_points: vec![number(row, common)?] }),
    };
    Ok(Item::Metric(Metric {
        name: row.get(3)?,
        unit: row.get(4)?,
        description: row.get(5)?,
        data: Some(data),
        ..Metric::default()
    }))
}

fn number(row: &Row<'_>, common: Common) -> rusqlite::Result<NumberDataPoint> {
    let value = match row.get_ref(12)? {
        ValueRef::Integer(number) => Some(number_data_point::Value::AsInt(number)),
        ValueRef::Real(number) => Some(number_data_point::Value::AsDouble(number)),
        ValueRef::Text(_nan) => Some(number_data_point::Value::AsDouble(f64::NAN)),
        ValueRef::Null | ValueRef::Blob(_) => None,
    };
    Ok(NumberDataPoint {
        start_time_unix_nano: common.start_ns,
        time_unix_nano: common.unix_ns,
        flags: common.flags,
        attributes: common.attributes,
        exemplars: common.exemplars,
        value,
    })
}

fn counts(json: &Json) -> Vec<u64> {
    json.as_array().into_iter().flatten().filter_map(Json::as_u64).collect()
}

fn histogram(common: Common) -> HistogramDataPoint {
    let bounds = common.detail["bounds"].as_array();
    HistogramDataPoint {
        start_time_unix_nano: common.start_ns,
        time_unix_nano: common.unix_ns,
        flags: common.flags,
        count: common.count,
        sum: common.sum,
        min: common.min,
        max: common.max,
        bucket_counts: counts(&common.detail["counts"]),
        explicit_bounds: bounds.into_iter().flatten().filter_map(build::double).collect(),
        attributes: common.attributes,
        exemplars: common.exemplars,
    }
}

fn exponential(common: Common) -> ExponentialHistogramDataPoint {
    let detail = &common.detail;
    let integer = |json: &Json| json.as_i64().and_then(|number| i32::try_from(number).ok());
    let side = |json: &Json| Buckets {
        offset: integer(&json["offset"]).unwrap_or(0),
        bucket_counts: counts(&json["counts"]),
    };
    ExponentialHistogramDataPoint {
        start_time_unix_nano: common.start_ns,
        time_unix_nano: common.unix_ns,
        flags: common.flags,
        count: common.count,
        sum: common.sum,
        min: common.min,
        max: common.max,
        scale: integer(&detail["scale"]).unwrap_or(0),
        zero_count: detail["zero_count"].as_u64().unwrap_or(0),
        zero_threshold: build::double(&detail["zero_threshold"]).unwrap_or(0.0),
        positive: Some(side(&detail["positive"])),
        negative: Some(side(&detail["negative"])),
        attributes: common.attributes,
        exemplars: common.exemplars,
    }
}

fn summary(common: Common) -> SummaryDataPoint {
    let pair = |json: &Json| {
        let (quantile, value) = (build::double(&json[0])?, build::double(&json[1])?);
        Some(ValueAtQuantile { quantile, value })
    };
    let quantiles = common.detail["quantiles"].as_array();
    SummaryDataPoint {
        start_time_unix_nano: common.start_ns,
        time_unix_nano: common.unix_ns,
        flags: common.flags,
        count: common.count,
        sum: common.sum.unwrap_or(0.0),
        quantile_values: quantiles.into_iter().flatten().filter_map(pair).collect(),
        attributes: common.attributes,
    }
}

fn exemplars(json: &str, shift_ns: i64) -> Vec<Exemplar> {
    let exemplars: Vec<Json> = serde_json::from_str(json).unwrap_or_default();
    let exemplar = |json: &Json| {
        let value = match json["value"].as_i64() {
            Some(number) => Some(exemplar::Value::AsInt(number)),
            None => build::double(&json["value"]).map(exemplar::Value::AsDouble),
        };
        Exemplar {
            time_unix_nano: moved(json["unix_ns"].as_u64().unwrap_or(0), shift_ns),
            trace_id: build::id(&json["trace_id"]),
            span_id: build::id(&json["span_id"]),
            filtered_attributes: attributes_of(&json["attributes"]),
            value,
        }
    };
    exemplars.iter().map(exemplar).collect()
}
