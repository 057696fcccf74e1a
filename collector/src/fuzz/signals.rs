//! Requests in protobuf: what prost reads is taken and means the same, memory stays in proportion
//! to what came, and what was taken can be read to its last attribute.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::decode::{DecodeError, decode, points};
use crate::receive::weight;
use crate::record::{Batch, LogRecord, LogView, MetricHead, Origin, PointRecord, Signal};
use crate::record::{Resource, SpanRecord, SpanView, severity_number};
use crate::wire::WireError;

/// A byte of an attribute of a resource is written as so many at most.
const ESCAPED: usize = 6;
/// Whatever came, beside what its items count for.
const SPARE_BYTES: usize = 16 * 1024;
const RECEIVED_UNIX_NS: u64 = 77;

pub fn traces(bytes: &[u8]) {
    let batch = taken::<ExportTraceServiceRequest>(Signal::Traces, bytes);
    let Some((batch, sent)) = batch else { return };
    let spans = |request: &ExportTraceServiceRequest| -> Vec<Span> {
        let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
        scopes.flat_map(|scope| &scope.spans).cloned().collect()
    };
    assert_eq!(count(&batch), spans(&sent).len());
    // Fields that came twice are one field after prost.
    let again = decoded(Signal::Traces, &sent.encode_to_vec()).expect("prost wrote it");
    let sound: Vec<Span> = spans(&sent).into_iter().filter(is_sound).collect();
    assert!(again.spans.len() <= sound.len());
    if again.rejected.count() as usize == spans(&sent).len() - sound.len() {
        again.spans().zip(&sound).for_each(|(view, sent)| same_span(view, sent));
    }
}

fn is_id(bytes: &[u8], length: usize) -> bool {
    bytes.len() == length && bytes.iter().any(|byte| *byte != 0)
}

fn is_sound(span: &Span) -> bool {
    let parent = [0, 8].contains(&span.parent_span_id.len());
    is_id(&span.trace_id, 16) && is_id(&span.span_id, 8) && parent
}

fn same_span(view: SpanView<'_>, sent: &Span) {
    assert_eq!(view.trace_id.as_bytes().as_slice(), sent.trace_id);
    assert_eq!(view.span_id.as_bytes().as_slice(), sent.span_id);
    assert_eq!(view.parent.is_some(), is_id(&sent.parent_span_id, 8));
    assert_eq!((view.name(), view.trace_state()), (&*sent.name, &*sent.trace_state));
    assert_eq!((view.kind, view.flags), (sent.kind, sent.flags));
    let times = (sent.start_time_unix_nano, sent.end_time_unix_nano);
    assert_eq!((view.start_unix_ns, view.end_unix_ns), times);
    let status = sent.status.clone().unwrap_or_default();
    assert_eq!((view.status, view.status_message()), (status.code, &*status.message));
    assert_eq!(view.events().count(), sent.events.len());
}

pub fn logs(bytes: &[u8]) {
    let Some((batch, sent)) = taken::<ExportLogsServiceRequest>(Signal::Logs, bytes) else {
        return;
    };
    let scopes = sent.resource_logs.iter().flat_map(|it| &it.scope_logs);
    let records: Vec<_> = scopes.flat_map(|scope| &scope.log_records).collect();
    assert_eq!(count(&batch), records.len());
    let again = decoded(Signal::Logs, &sent.encode_to_vec()).expect("prost wrote it");
    if again.logs.len() == records.len() {
        for (view, sent) in again.logs().zip(records) {
            assert_eq!(view.trace_id.is_some(), is_id(&sent.trace_id, 16));
            let severity = match sent.severity_number {
                0 => severity_number(&sent.severity_text).unwrap_or(0),
                number => number,
            };
            assert_eq!((view.severity, view.flags), (severity, sent.flags));
            assert_eq!(
                (view.event(), view.severity_text()),
                (&*sent.event_name, &*sent.severity_text)
            );
        }
    }
}

pub fn metrics(bytes: &[u8]) {
    let batch = taken::<ExportMetricsServiceRequest>(Signal::Metrics, bytes);
    let Some((_, sent)) = batch else { return };
    let scopes = sent.resource_metrics.iter().flat_map(|it| &it.scope_metrics);
    let points = scopes.flat_map(|scope| &scope.metrics).map(|metric| match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    });
    let points: usize = points.sum();
    let again = decoded(Signal::Metrics, &sent.encode_to_vec()).expect("prost wrote it");
    assert_eq!(count(&again), points);
}

fn count(batch: &Batch) -> usize {
    (batch.items() + batch.rejected.count()) as usize
}

/// What the collector takes, and the same by prost if it reads the bytes, too.
fn taken<M: Message + Default>(signal: Signal, bytes: &[u8]) -> Option<(Batch, M)> {
    let batch = decoded(signal, bytes);
    match (batch, M::decode(bytes)) {
        (Ok(batch), read) => Some((batch, read.ok()?)),
        // prost follows deeper nesting.
        (Err(DecodeError::Wire(WireError::Group)), _) | (Err(_), Err(_)) => None,
        (Err(error), Ok(_)) => panic!("{error:?}, and prost reads {}", bytes.escape_ascii()),
    }
}

/// Decodes, and holds the result to its bounds.
pub(super) fn decoded(signal: Signal, bytes: &[u8]) -> Result<Batch, DecodeError> {
    let batch = decode(signal, &Bytes::copy_from_slice(bytes), RECEIVED_UNIX_NS)?;
    let counted = weight::items(signal, bytes) * weight::ITEM_BYTES;
    let held = held_bytes(&batch);
    assert!(
        held <= ESCAPED * bytes.len() + counted + SPARE_BYTES,
        "{held} bytes for {} that count for {counted}",
        bytes.len()
    );
    batch.spans().for_each(read_span);
    batch.logs().for_each(read_log);
    let mut scratch = points::Scratch::default();
    for point in batch.points() {
        point.fields(&mut scratch);
        json(|out| point.write_detail(&scratch, out));
        json(|out| point.write_attributes(out));
        json(|out| point.write_exemplars(out));
    }
    for metric in batch.metrics() {
        let _texts = (metric.name(), metric.unit(), metric.description());
    }
    Ok(batch)
}

/// Memory of a batch beside the bytes that came.
fn held_bytes(batch: &Batch) -> usize {
    let mut origins = batch.origins.len() * size_of::<Origin>();
    let mut last: Option<&Origin> = None;
    for origin in &batch.origins {
        origins += origin.scope.len();
        if last.is_none_or(|last| !Arc::ptr_eq(&last.resource, &origin.resource)) {
            origins += size_of::<Resource>() + origin.resource.attributes.len();
        }
        last = Some(origin);
    }
    batch.spans.len() * size_of::<SpanRecord>()
        + batch.logs.len() * size_of::<LogRecord>()
        + batch.metrics.len() * size_of::<MetricHead>()
        + batch.points.len() * size_of::<PointRecord>()
        + origins
}

fn read_span(view: SpanView<'_>) {
    let _texts = (view.name(), view.trace_state(), view.status_message(), view.raw_names());
    let _known = (view.correlation_id(), view.edge(), view.blame(), view.fault());
    let _http = (view.http_method(), view.http_route(), view.http_status());
    let _numbers = (view.attempt(), view.control(), view.duration_ns(), view.is_error());
    json(|out| view.write_attributes(out));
    json(|out| view.write_links(out));
    for event in view.events() {
        json(|out| event.write_attributes(out));
    }
    let _whose = (&view.origin().resource.service, &view.origin().scope);
}

fn read_log(view: LogView<'_>) {
    let _texts = (view.body(), view.event(), view.severity_text(), view.correlation_id());
    json(|out| view.write_attributes(out));
    let _whose = &view.origin().resource.service;
}

/// What is written for the file must be JSON, or nothing.
fn json(write: impl FnOnce(&mut String)) {
    let mut text = String::new();
    write(&mut text);
    if !text.is_empty() {
        let read = serde_json::from_str::<serde_json::Value>(&text);
        assert!(read.is_ok(), "{read:?}: {text}");
    }
}
