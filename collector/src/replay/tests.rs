use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::Event, span::Link};
use prost::Message as _;
use telemetry::clock::Clock;
use telemetry::otlp::misbehave::{Act, Receiver};
use telemetry::otlp::{Protocol, Settings, Signal};
use tempfile::TempDir;

use super::pace::NoSpeed;
use super::*;
use crate::testing::{attribute, config, end, logs, post, resource, span, text, traces};

/// Of the first span's end.
const BEGIN_MS: u64 = 1_790_000_000_000;

fn full_span() -> Span {
    let mut whole = span(1, 2, BEGIN_MS, 250);
    whole.parent_span_id = vec![9; 8];
    whole.kind = 3;
    whole.trace_state = "a=b".into();
    whole.flags = 257;
    whole.status = Some(Status { code: 2, message: "no".into() });
    whole.attributes = vec![
        attribute("flag", Value::BoolValue(true)),
        attribute("number", Value::IntValue(i64::MIN)),
        attribute("ratio", Value::DoubleValue(2.0)),
        text("word", "a\"b"),
    ];
    whole.events = vec![Event {
        time_unix_nano: BEGIN_MS * 1_000_000 - 7,
        name: "half-way".into(),
        attributes: vec![text("k", "v")],
        ..Event::default()
    }];
    whole.links = vec![Link {
        trace_id: vec![3; 16],
        span_id: vec![4; 8],
        trace_state: "c=d".into(),
        attributes: vec![text("k", "v")],
        ..Link::default()
    }];
    whole
}

fn spans() -> Vec<Span> {
    // Written out of order: the second ends two seconds after the first.
    vec![span(1, 3, BEGIN_MS + 2_000, 5), full_span(), span(5, 6, BEGIN_MS + 3_000, 1)]
}

fn record() -> LogRecord {
    LogRecord {
        time_unix_nano: BEGIN_MS * 1_000_000 + 1,
        observed_time_unix_nano: BEGIN_MS * 1_000_000 + 2,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(crate::testing::value_of(Value::StringValue("charged".into()))),
        event_name: "charge".into(),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        flags: 1,
        attributes: vec![text("k", "v")],
        ..LogRecord::default()
    }
}

const POINT_UNIX_NS: u64 = BEGIN_MS * 1_000_000 + 3;

fn exponential() -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        time_unix_nano: POINT_UNIX_NS,
        count: 4,
        scale: 6,
        zero_count: 1,
        zero_threshold: 0.001,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![1, 2] }),
        negative: Some(Buckets::default()),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn summary() -> SummaryDataPoint {
    SummaryDataPoint {
        time_unix_nano: POINT_UNIX_NS,
        count: 2,
        sum: 3.0,
        quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: 1.5 }],
        ..SummaryDataPoint::default()
    }
}

/// One of each kind.
fn metrics() -> Vec<Metric> {
    let unix_ns = POINT_UNIX_NS;
    let exemplar = Exemplar {
        time_unix_nano: unix_ns,
        value: Some(exemplar::Value::AsDouble(0.5)),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        filtered_attributes: vec![text("k", "v")],
    };
    let number = |value| NumberDataPoint {
        start_time_unix_nano: 1,
        time_unix_nano: unix_ns,
        value: Some(value),
        attributes: vec![text("k", "v")],
        exemplars: vec![exemplar.clone()],
        ..NumberDataPoint::default()
    };
    let histogram = HistogramDataPoint {
        start_time_unix_nano: 1,
        time_unix_nano: unix_ns,
        count: 3,
        sum: Some(1.5),
        min: Some(0.1),
        max: Some(1.0),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.25],
        exemplars: vec![exemplar.clone()],
        ..HistogramDataPoint::default()
    };
    let temporality = 2;
    let all = [
        metric::Data::Gauge(Gauge {
            data_points: vec![number(number_data_point::Value::AsInt(-3))],
        }),
        metric::Data::Sum(Sum {
            data_points: vec![number(number_data_point::Value::AsDouble(1.0))],
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        metric::Data::Histogram(Histogram {
            data_points: vec![histogram],
            aggregation_temporality: temporality,
        }),
        metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential()],
            aggregation_temporality: temporality,
        }),
        metric::Data::Summary(Summary { data_points: vec![summary()] }),
    ];
    let metric = |(number, data)| Metric {
        name: format!("m{number}"),
        unit: "s".into(),
        description: "of a test".into(),
        data: Some(data),
        ..Metric::default()
    };
    all.into_iter().enumerate().map(metric).collect()
}

/// The file of a run with one request of each signal.
async fn recorded() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let config = config(&folder);
    let path = config.database.clone().unwrap();
    let handle = crate::start(config, Clock::system()).await.unwrap();
    let scope_metrics = vec![ScopeMetrics { metrics: metrics(), ..ScopeMetrics::default() }];
    let resource = Some(resource("shop"));
    let of_shop = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
    let metrics = ExportMetricsServiceRequest { resource_metrics: vec![of_shop] };
    for (path, body) in [
        ("/v1/traces", traces("shop", spans()).encode_to_vec()),
        ("/v1/logs", logs("shop", vec![record()]).encode_to_vec()),
        ("/v1/metrics", metrics.encode_to_vec()),
    ] {
        let headers = [("content-type", "application/x-protobuf")];
        let answer = post(handle.addresses().http, path, &headers, body).await;
        assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0), "{path}");
    }
    handle.seal().await.unwrap();
    end(handle).await;
    (folder, path)
}

fn requests(recording: &Recording, slice: Duration, shift_ns: i64) -> Vec<Request> {
    let mut requests = Vec::new();
    let take = |request| {
        requests.push(request);
        true
    };
    recording.requests(slice.as_nanos() as u64, shift_ns, take).unwrap();
    requests
}

fn spans_of(request: &Request) -> Vec<Span> {
    let request = prost::Message::decode(&*request.bytes);
    let request: opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest =
        request.unwrap();
    assert_eq!(request.resource_spans[0].resource, Some(resource("shop")));
    request.resource_spans[0].scope_spans[0].spans.clone()
}

fn sorted(mut span: Span) -> Span {
    span.attributes.sort_by(|left, right| left.key.cmp(&right.key));
    span
}

#[tokio::test]
async fn a_recording_gives_back_what_was_recorded_in_the_order_of_time() {
    let (folder, path) = recorded().await;
    for run in [path.as_path(), folder.path()] {
        let recording = Recording::open(run).unwrap();
        let summary = recording.summary();
        assert_eq!((summary.spans, summary.logs, summary.points), (3, 1, 5));
        assert_eq!(summary.last_unix_ns - summary.first_unix_ns, 3_000_000_000);
        let requests = requests(&recording, Duration::from_millis(500), 0);
        let order: Vec<(Signal, u64)> =
            requests.iter().map(|request| (request.signal, request.items)).collect();
        let one = (Signal::Traces, 1);
        assert_eq!(order, [one, (Signal::Metrics, 5), (Signal::Logs, 1), one, one]);
        assert_eq!(sorted(spans_of(&requests[0])[0].clone()), sorted(full_span()));
        assert_eq!(spans_of(&requests[3]), [span(1, 3, BEGIN_MS + 2_000, 5)]);
        let read: ExportMetricsServiceRequest =
            prost::Message::decode(&*requests[1].bytes).unwrap();
        assert_eq!(read.resource_metrics[0].scope_metrics[0].metrics, metrics());
        let read = prost::Message::decode(&*requests[2].bytes);
        assert_eq!(read, Ok(logs("shop", vec![record()])));
    }
}

#[tokio::test]
async fn a_shift_moves_every_time_and_no_id() {
    let (_folder, path) = recorded().await;
    let recording = Recording::open(&path).unwrap();
    let [here, moved] = [0, 1_000_000].map(|shift_ns| {
        spans_of(&requests(&recording, Duration::from_millis(1), shift_ns)[0]).remove(0)
    });
    let mut expected = here;
    expected.start_time_unix_nano += 1_000_000;
    expected.end_time_unix_nano += 1_000_000;
    expected.events[0].time_unix_nano += 1_000_000;
    assert_eq!(moved, expected);
}

fn plan(backend: String, speed: Speed) -> ReplayPlan {
    ReplayPlan { backend, env: std::collections::BTreeMap::new(), speed, shift_to_now: false }
}

#[tokio::test]
async fn a_replay_into_our_own_collector_gives_the_same_run() {
    for protocol in ["grpc", "http/protobuf", "http/json"] {
        let (_folder, path) = recorded().await;
        let other = TempDir::new().unwrap();
        let config = config(&other);
        let other_path = config.database.clone().unwrap();
        let handle = crate::start(config, Clock::system()).await.unwrap();
        let backend =
            format!("http://{} protocol={protocol} compression=gzip", handle.addresses().http);
        let recording = Recording::open(&path).unwrap();
        let before = requests(&recording, Duration::from_secs(1), 0);
        let mut told = 0;
        let plan = plan(backend, Speed::Max);
        let totals = send(recording, &plan, &Clock::system(), |_| told += 1).await.unwrap();
        assert_eq!((totals.taken, totals.refused), ([3, 5, 1], [0; 3]));
        assert!(told >= 3);
        handle.seal().await.unwrap();
        end(handle).await;
        let again = Recording::open(&other_path).unwrap();
        assert_eq!(requests(&again, Duration::from_secs(1), 0), before, "{protocol}");
    }
}

/// Sends to a receiver in memory.
async fn send_by(
    receiver: &Receiver,
    path: &Path,
    speed: Speed,
) -> Result<ReplayTotals, ReplayError> {
    let plan = plan("http://receiver".to_owned(), speed);
    let settings = Settings::parse(&plan.backend, &plan.env, "tester/1").unwrap();
    let recording = Recording::open(path).unwrap();
    let settings = settings.over(&receiver.dial());
    pace::send_to(settings, recording, &plan, &Clock::system(), |_| {}).await
}

#[tokio::test]
async fn a_replay_keeps_the_distances_of_time_at_its_speed() {
    let (_folder, path) = recorded().await;
    tokio::time::pause();
    for (speed, expected) in [
        (Speed::Times(4.0), vec![0, 500, 750]),
        (Speed::Times(1.0), vec![0, 2_000, 3_000]),
        (Speed::Max, vec![0]),
    ] {
        let receiver = Receiver::new(Protocol::HttpProtobuf, Vec::new());
        send_by(&receiver, &path, speed).await.unwrap();
        let traces = receiver.seen().into_iter().filter(|seen| seen.signal == Signal::Traces);
        let times: Vec<_> = traces.map(|seen| seen.at).collect();
        let since: Vec<u128> = times.iter().map(|at| (*at - times[0]).as_millis()).collect();
        assert_eq!(since, expected, "{speed:?}");
    }
}

#[tokio::test]
async fn a_run_is_written_as_lines_that_a_strict_reader_takes() {
    let (folder, path) = recorded().await;
    let recording = Recording::open(&path).unwrap();
    let out = folder.path().join("capsule");
    let totals = to_files(&recording, &out).unwrap();
    let names: Vec<(String, u64)> = totals
        .files
        .iter()
        .map(|(path, items, _)| (path.file_name().unwrap().to_string_lossy().into(), *items))
        .collect();
    let expected = [("traces.jsonl", 3), ("metrics.jsonl", 5), ("logs.jsonl", 1)];
    assert!(names.iter().map(|(name, items)| (&**name, *items)).eq(expected), "{names:?}");
    let text = std::fs::read_to_string(out.join("traces.jsonl")).unwrap();
    let mut read = Vec::new();
    for line in text.lines() {
        let bytes = crate::decode::json::to_protobuf(Signal::Traces, line.as_bytes()).unwrap();
        read.extend(spans_of(&Request { signal: Signal::Traces, unix_ns: 0, bytes, items: 0 }));
    }
    assert_eq!(read.len(), 3);
    assert_eq!(sorted(read[0].clone()), sorted(full_span()));
    assert!(text.contains(r#""traceId":"01010101"#) && text.contains(r#""kind":3"#));
    let again = to_files(&recording, &out).unwrap_err();
    assert!(again.to_string().contains("traces.jsonl"), "what is there is not overwritten");
}

#[tokio::test]
async fn what_is_no_run_is_refused_with_what_was_expected() {
    let folder = TempDir::new().unwrap();
    let refused = |path: &Path| Recording::open(path).unwrap_err().to_string();
    assert!(refused(folder.path()).contains("run.db"));
    assert!(refused(&folder.path().join("nothing")).contains("nothing"));
    let other = folder.path().join("other.db");
    std::fs::write(&other, "hello, this is no database at all").unwrap();
    assert!(refused(&other).contains("other.db"));
    let handle = crate::start(config(&folder), Clock::system()).await.unwrap();
    end(handle).await;
    let empty = Recording::open(folder.path()).unwrap_err();
    assert!(matches!(empty, ReplayError::Empty { .. }), "{empty}");
    for speed in ["0", "-1", "fast", "", "1e9", "NaN"] {
        assert_eq!(speed.parse::<Speed>(), Err(NoSpeed), "{speed}");
    }
    assert_eq!("max".parse(), Ok(Speed::Max));
}

#[tokio::test]
async fn a_backend_that_refuses_is_counted_and_one_that_is_away_ends_the_replay() {
    let (_folder, path) = recorded().await;
    tokio::time::pause();
    let script = vec![Act::Http(503), Act::Http(400), Act::Partial(2)];
    let receiver = Receiver::new(Protocol::HttpProtobuf, script);
    let totals = send_by(&receiver, &path, Speed::Max).await.unwrap();
    assert_eq!((totals.taken, totals.refused), ([0, 3, 1], [3, 2, 0]));
    receiver.then(vec![Act::Http(503); 1_000]);
    let away = send_by(&receiver, &path, Speed::Max).await.unwrap_err();
    assert!(matches!(away, ReplayError::Unreachable { .. }), "{away}");
    assert!(away.to_string().contains("HTTP 503"), "{away}");
}
