use model::edge::Edge;
use model::plan::OtlpProtocol;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use proptest::prelude::*;
use telemetry::clock::Clock;
use telemetry::otlp::Protocol;
use telemetry::otlp::misbehave::{Act, Receiver};
use telemetry::providers::Identity;

use super::super::hub::{ExportCounts, QUEUE_BYTES_MAX};
use super::super::{Attr, Emitter, Kind, Shard, SpanRecord};
use super::*;

const PROTOCOLS: [OtlpProtocol; 2] = [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf];
/// Longer than all tries of all requests of a test together.
const LONG: Duration = Duration::from_hours(10);

fn identity() -> Identity {
    Identity {
        service_name: "gateway".to_owned(),
        instance: "gateway-7".to_owned(),
        run_id: "run-1".to_owned(),
    }
}

/// An emitter that sends to a scripted receiver, and a worker's place in it.
struct Running {
    emitter: Emitter,
    shard: Shard,
    receiver: Receiver,
}

impl Running {
    fn start(protocol: OtlpProtocol, script: Vec<Act>) -> Self {
        Self::start_with(protocol, script, false)
    }

    fn start_with(protocol: OtlpProtocol, script: Vec<Act>, gzip: bool) -> Self {
        let receiver = Receiver::new(spoken(protocol), script);
        let settings = Settings::new("http://collector:4317", protocol, &identity()).unwrap();
        let settings = settings.over(&receiver.dial()).with_gzip(gzip);
        let clock = Clock::system();
        let hub = Hub::new(true, clock.clone());
        let loggers = SdkLoggerProvider::builder().build();
        let mut emitter = Emitter::over(&loggers, hub, 1, clock);
        emitter.exporting = Some(emitter.export(settings));
        Self { shard: emitter.new_shard(), emitter, receiver }
    }

    fn record(&self, name: &str, path: &str) {
        self.shard.span(&SpanRecord {
            ids: self.shard.ids(None),
            name,
            kind: Kind::Server,
            start_unix_ns: 1,
            end_unix_ns: 2,
            attributes: &[Attr::Text("url.path", path)],
            error: None,
            tracestate: None,
            remote_parent: false,
        });
    }

    async fn flush(&self) -> ExportCounts {
        self.emitter.flush(Instant::now() + LONG).await
    }
}

fn spoken(protocol: OtlpProtocol) -> Protocol {
    match protocol {
        OtlpProtocol::Grpc => Protocol::Grpc,
        OtlpProtocol::HttpProtobuf => Protocol::HttpProtobuf,
    }
}

fn spans(receiver: &Receiver) -> Vec<ExportTraceServiceRequest> {
    let taken = receiver.taken(Signal::Traces);
    taken.into_iter().map(|message| prost::Message::decode(message).unwrap()).collect()
}

fn metrics(receiver: &Receiver) -> Vec<ExportMetricsServiceRequest> {
    let taken = receiver.taken(Signal::Metrics);
    taken.into_iter().map(|message| prost::Message::decode(message).unwrap()).collect()
}

fn counts(offered: u64, delivered: u64, rejected: u64, dropped: u64) -> ExportCounts {
    ExportCounts { offered, waiting: 0, delivered, rejected, dropped }
}

#[tokio::test(start_paused = true)]
async fn spans_arrive_whole_in_the_name_of_the_process() {
    for (protocol, gzip) in PROTOCOLS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let running = Running::start_with(protocol, Vec::new(), gzip);
        let path = "/x".repeat(30_000);
        for number in 0..1_000 {
            running.record(&format!("{number:04}"), if number % 100 == 0 { &path } else { "/" });
        }
        assert_eq!(running.flush().await, counts(1_000, 1_000, 0, 0), "{protocol:?} {gzip}");
        let mut names = Vec::new();
        for request in spans(&running.receiver) {
            let [resource_spans] = &request.resource_spans[..] else { panic!("{request:?}") };
            let resource = resource_spans.resource.as_ref().unwrap();
            let named: Vec<(&str, &Value)> = resource
                .attributes
                .iter()
                .map(|pair| {
                    (pair.key.as_str(), pair.value.as_ref().unwrap().value.as_ref().unwrap())
                })
                .collect();
            for (key, value) in [
                ("service.name", "gateway"),
                ("service.instance.id", "gateway-7"),
                ("shakedown.run.id", "run-1"),
            ] {
                assert!(named.contains(&(key, &Value::StringValue(value.to_owned()))), "{key}");
            }
            let [scope_spans] = &resource_spans.scope_spans[..] else { panic!("{request:?}") };
            assert_eq!(scope_spans.scope.as_ref().unwrap().name, "shakedown.proxy");
            names.extend(scope_spans.spans.iter().map(|span| span.name.clone()));
        }
        assert!(names.into_iter().eq((0..1_000).map(|number| format!("{number:04}"))));
        assert_eq!(running.receiver.connections(), 1, "the connection is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn spans_leave_by_themselves_half_a_second_after_the_first() {
    let running = Running::start(OtlpProtocol::Grpc, Vec::new());
    let began = Instant::now();
    running.record("GET", "/");
    tokio::time::sleep(Duration::from_millis(300)).await;
    running.record("GET", "/");
    assert_eq!(running.receiver.next_request().await.at - began, Duration::from_millis(500));
    let arrived: usize = spans(&running.receiver).iter().map(span_count).sum();
    assert_eq!(arrived, 2);
    for _ in 0..512 {
        running.record("GET", "/");
    }
    let full = Instant::now();
    assert_eq!(running.receiver.next_request().await.at, full, "a full batch does not wait");
}

fn span_count(request: &ExportTraceServiceRequest) -> usize {
    request.resource_spans[0].scope_spans[0].spans.len()
}

/// What one request of three spans becomes under a script.
fn misbehaviours() -> Vec<(Vec<Act>, ExportCounts)> {
    let busy = || Act::Status { code: 14, retry_after: None };
    vec![
        (vec![Act::Refuse, Act::Take], counts(3, 3, 0, 0)),
        (vec![Act::Reset, Act::Take], counts(3, 3, 0, 0)),
        (vec![Act::Garbage, Act::Take], counts(3, 3, 0, 0)),
        (vec![Act::Never, Act::Take], counts(3, 3, 0, 0)),
        (vec![Act::Slow(Duration::from_secs(4))], counts(3, 3, 0, 0)),
        (vec![Act::Slow(Duration::from_secs(6)), Act::Take], counts(3, 3, 0, 0)),
        (vec![busy(), busy(), Act::Take], counts(3, 3, 0, 0)),
        (vec![Act::Partial(2)], counts(3, 1, 2, 0)),
        (vec![Act::Partial(9)], counts(3, 0, 3, 0)),
        (vec![Act::Status { code: 3, retry_after: None }], counts(3, 0, 0, 3)),
        (vec![Act::Http(404)], counts(3, 0, 0, 3)),
        (vec![Act::Http(503), Act::Take], counts(3, 3, 0, 0)),
        (vec![Act::Refuse; 8], counts(3, 0, 0, 3)),
        (vec![Act::Never; 8], counts(3, 0, 0, 3)),
        (std::iter::repeat_with(busy).take(8).collect(), counts(3, 0, 0, 3)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_misbehaves_costs_what_it_refuses_and_no_more() {
    for protocol in PROTOCOLS {
        for (script, expected) in misbehaviours() {
            let running = Running::start(protocol, script.clone());
            for _ in 0..3 {
                running.record("GET", "/");
            }
            assert_eq!(running.flush().await, expected, "{protocol:?} {script:?}");
            running.record("GET", "/");
            let after = running.flush().await;
            let later = (after.delivered - expected.delivered, after.dropped - expected.dropped);
            assert_eq!(later, (1, 0), "{protocol:?} {script:?}: it takes everything again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_receiver_is_left_alone_as_long_as_it_asks() {
    let exhausted = |retry_after| Act::Status { code: 8, retry_after };
    let pause = Duration::from_secs(7);
    let running = Running::start(OtlpProtocol::Grpc, vec![exhausted(Some(pause))]);
    running.record("GET", "/");
    let began = Instant::now();
    assert_eq!(running.flush().await, counts(1, 1, 0, 0));
    assert_eq!(began.elapsed(), pause);
    let running = Running::start(OtlpProtocol::Grpc, vec![exhausted(None)]);
    running.record("GET", "/");
    assert_eq!(running.flush().await, counts(1, 0, 0, 1), "too large for ever");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_answers_holds_up_nobody_and_memory_is_bounded() {
    let running = Running::start(OtlpProtocol::Grpc, vec![Act::Never; 1_000]);
    let began = Instant::now();
    let path = "/".repeat(2_000);
    for number in 0..100_000_u64 {
        running.record("GET", &path);
        if number.is_multiple_of(1_000) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "recording waits for nothing");
    let counts = running.emitter.flush(Instant::now() + Duration::from_secs(1)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1), "a flush ends at its deadline");
    assert_eq!(counts.offered, 100_000);
    assert_eq!(counts.waiting + counts.dropped, 100_000);
    assert!(counts.waiting <= (QUEUE_BYTES_MAX / 2_000) as u64, "{counts:?}");
    assert!(counts.waiting > 1_000, "{counts:?}");
    assert_eq!(running.emitter.losses(None)[0].count, counts.dropped);
}

#[tokio::test(start_paused = true)]
async fn metrics_go_every_ten_seconds_and_with_a_flush_and_make_up_for_lost_ones() {
    for protocol in PROTOCOLS {
        let busy = Act::Status { code: 14, retry_after: None };
        let running = Running::start(protocol, vec![busy.clone(), busy]);
        let edge = running.emitter.metrics().edge(&Edge::new("orders", "payments"));
        let began = Instant::now();
        edge.request_ended(0, Some(200), None, Duration::from_millis(3));
        let first = running.receiver.next_request().await.at - began;
        assert_eq!(first, Duration::from_secs(10));
        edge.request_ended(0, Some(200), None, Duration::from_millis(4));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(metrics(&running.receiver).is_empty(), "both tries were refused");
        edge.request_ended(0, Some(200), None, Duration::from_millis(5));
        running.flush().await;
        let sent = metrics(&running.receiver);
        let [resource_metrics] = &sent.last().unwrap().resource_metrics[..] else { panic!() };
        let resource = resource_metrics.resource.as_ref().unwrap();
        assert!(resource.attributes.iter().any(|pair| pair.key == "shakedown.run.id"));
        let metrics = &resource_metrics.scope_metrics[0].metrics;
        let requests = metrics.iter().find(|metric| metric.name == "shakedown.requests").unwrap();
        let text = format!("{requests:?}");
        assert!(text.contains("AsInt(3)"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_endpoint_nothing_is_recorded_and_a_flush_is_over_at_once() {
    let clock = Clock::system();
    let config = model::plan::ProxyConfig::on_loopback("test", []);
    let providers = telemetry::providers::Providers::none();
    let emitter = Emitter::new(&config, &providers, clock).unwrap();
    let shard = emitter.new_shard();
    assert!(!shard.ids(None).sampled);
    assert_eq!(emitter.flush(Instant::now() + LONG).await, ExportCounts::default());
    let wrong = model::plan::ProxyConfig { otlp: Some("https://a:1".to_owned()), ..config };
    let refused = Emitter::new(&wrong, &providers, Clock::system()).unwrap_err();
    assert!(refused.to_string().contains("https://a:1"), "{refused}");
}

/// Over a real socket, in real time.
#[tokio::test]
async fn spans_arrive_over_the_network() {
    for protocol in PROTOCOLS {
        let (receiver, address) = Receiver::listening(spoken(protocol), Vec::new()).await.unwrap();
        let config = model::plan::ProxyConfig {
            otlp: Some(format!("http://{address}")),
            otlp_protocol: protocol,
            ..model::plan::ProxyConfig::on_loopback("run-1", [])
        };
        let providers = telemetry::providers::Providers::none();
        let emitter = Emitter::new(&config, &providers, Clock::system()).unwrap();
        let running = Running { shard: emitter.new_shard(), emitter, receiver };
        for _ in 0..2_000 {
            running.record("GET", "/");
        }
        assert_eq!(running.flush().await, counts(2_000, 2_000, 0, 0), "{protocol:?}");
        let arrived: usize = spans(&running.receiver).iter().map(span_count).sum();
        assert_eq!((arrived, metrics(&running.receiver).len()), (2_000, 1));
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Take),
        Just(Act::Refuse),
        Just(Act::Reset),
        Just(Act::Garbage),
        Just(Act::Never),
        // Not five seconds: an answer in the moment in which the sender gives up may be either.
        prop::sample::select(vec![0, 1, 4, 6, 20])
            .prop_map(|seconds| Act::Slow(Duration::from_secs(seconds))),
        (0..600_u64).prop_map(Act::Partial),
        (prop::sample::select(vec![200_u16, 400, 429, 503])).prop_map(Act::Http),
        (0..17_u16, prop::option::of(0..3_u64)).prop_map(|(code, seconds)| Act::Status {
            code,
            retry_after: seconds.map(Duration::from_secs),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_receiver_does_the_counts_add_up(
        script in prop::collection::vec(act(), 0..30),
        bursts in prop::collection::vec((0..1_500_u64, 0..2_000_u64), 1..6),
        grpc in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let protocol = if grpc { OtlpProtocol::Grpc } else { OtlpProtocol::HttpProtobuf };
            let running = Running::start(protocol, script);
            let mut offered = 0;
            for (spans, pause_ms) in bursts {
                for _ in 0..spans {
                    running.record("GET", "/");
                }
                offered += spans;
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                let now = running.emitter.hub.counts();
                let places = now.waiting + now.delivered + now.rejected + now.dropped;
                assert_eq!((now.offered, places), (offered, offered));
            }
            let end = running.flush().await;
            assert_eq!((end.offered, end.waiting), (offered, 0));
            assert_eq!(end.delivered + end.rejected + end.dropped, offered);
            let taken: usize = spans(&running.receiver).iter().map(span_count).sum();
            assert_eq!(taken as u64, end.delivered + end.rejected);
        });
    }
}
