//! The exporter against receivers that misbehave.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use telemetry::otlp::misbehave::{Act, Receiver};
use telemetry::otlp::{Protocol, Target};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::testing::{span, traces};

mod crash;
mod durable;

const PROTOCOLS: [(Protocol, &str); 3] = [
    (Protocol::Grpc, "grpc"),
    (Protocol::HttpProtobuf, "http/protobuf"),
    (Protocol::HttpJson, "http/json"),
];
const LIMITS: ExportLimits = ExportLimits {
    disk_bytes_max: 64 * 1024 * 1024,
    memory_bytes_max: 4 * 1024 * 1024,
    drain_timeout: Duration::from_hours(10),
};

struct Running {
    exporter: Exporter,
    lanes: JoinSet<()>,
}

impl Running {
    fn start(backends: Vec<Settings>, limits: &ExportLimits, folder: Option<&Path>) -> Self {
        let clock = Clock::system();
        let (exporter, lanes) = Exporter::open(backends, limits, folder, &clock).unwrap();
        let mut running = JoinSet::new();
        for lane in lanes {
            running.spawn(lane.run());
        }
        Self { exporter, lanes: running }
    }

    /// To one receiver in memory.
    fn to(receiver: &Receiver, settings: &str) -> Self {
        Self::start(vec![backend(receiver, settings)], &LIMITS, None)
    }

    async fn offer(&self, number: u8) {
        self.exporter.offer(Signal::Traces, message(number), 3).await;
    }

    /// Ends in order; everything is delivered, lost or given up then.
    async fn end(&mut self) {
        self.exporter.close();
        while let Some(ended) = self.lanes.join_next().await {
            ended.unwrap();
        }
    }

    fn losses(&self) -> BTreeMap<String, u64> {
        let dropped = self.exporter.dropped().into_iter().filter(|drop| drop.count > 0);
        dropped.map(|drop| (drop.what, drop.count)).collect()
    }

    fn delivered(&self) -> u64 {
        self.exporter.delivered(Signal::Traces)
    }
}

fn backend(receiver: &Receiver, settings: &str) -> Settings {
    let text = format!("http://backend:4318 {settings}");
    Settings::parse(&text, &BTreeMap::new(), backends::AGENT).unwrap().over(&receiver.dial())
}

/// Three spans.
fn message(number: u8) -> Bytes {
    let spans = (1..=3).map(|id| span(number, id, 2_000, 5)).collect();
    traces("shop", spans).encode_to_vec().into()
}

/// Numbers of the messages in what a receiver has taken, in order.
fn numbers(receiver: &Receiver, protocol: Protocol) -> Vec<u8> {
    let mut numbers = Vec::new();
    for bytes in receiver.taken(Signal::Traces) {
        numbers.extend(numbers_of(&bytes, protocol));
    }
    numbers
}

fn numbers_of(bytes: &[u8], protocol: Protocol) -> Vec<u8> {
    let bytes = match protocol {
        Protocol::HttpJson => crate::decode::json::to_protobuf(Signal::Traces, bytes).unwrap(),
        _ => bytes.to_vec(),
    };
    let request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    let spans = request.resource_spans.iter().flat_map(|spans| &spans.scope_spans);
    spans.map(|spans| spans.spans[0].trace_id[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn ex9_what_was_accepted_arrives_in_every_protocol_and_compression() {
    for (protocol, name) in PROTOCOLS {
        for compression in ["none", "gzip", "zstd"] {
            let receiver = Receiver::new(protocol, Vec::new());
            let settings = format!("protocol={name} compression={compression}");
            let mut running = Running::to(&receiver, &settings);
            for number in 1..=50 {
                running.offer(number).await;
            }
            running.end().await;
            let mut arrived = numbers(&receiver, protocol);
            arrived.sort_unstable();
            assert!(arrived.into_iter().eq(1..=50), "{settings}");
            assert_eq!((running.delivered(), running.losses()), (150, BTreeMap::new()));
            assert!(receiver.seen().len() < 50, "small requests leave together");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ex10_the_collector_says_who_it_is() {
    let receiver = Receiver::new(Protocol::HttpProtobuf, Vec::new());
    let mut running = Running::to(&receiver, "headers=x-scope=a%20b");
    running.offer(1).await;
    running.end().await;
    let headers = &receiver.seen()[0].headers;
    let agent = headers["user-agent"].to_str().unwrap();
    assert!(
        agent.starts_with("shakedown-collector/") && agent.contains(" OTel-OTLP-Exporter-Rust/")
    );
    assert_eq!(headers["x-scope"], "a b");
}

fn loss(reason: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(format!("export spans to backend:4318: {reason}"), count)])
}

#[tokio::test(start_paused = true)]
async fn ex4_to_ex8_a_backend_that_misbehaves_costs_what_it_refuses_and_no_more() {
    let status = |code| Act::Status { code, retry_after: None };
    for (protocol, name) in PROTOCOLS {
        let grpc = protocol == Protocol::Grpc;
        let refused = if grpc { "gRPC status 3" } else { "HTTP 400" };
        for (script, delivered, losses) in [
            (vec![Act::Refuse, Act::Reset, Act::Garbage, Act::Never], 3, BTreeMap::new()),
            (vec![status(14), status(4), Act::Http(429), Act::Http(503)], 3, BTreeMap::new()),
            (vec![Act::BreakOff, Act::Slow(Duration::from_secs(11))], 3, BTreeMap::new()),
            (vec![Act::Http(503); 40], 3, BTreeMap::new()),
            (vec![Act::Partial(2)], 1, loss(counts::REJECTED, 2)),
            (vec![Act::Partial(9)], 0, loss(counts::REJECTED, 3)),
            (vec![status(3)], 0, loss(refused, 3)),
            (vec![Act::Http(413)], 0, loss("HTTP 413", 3)),
            (vec![Act::Http(500)], 0, loss("HTTP 500", 3)),
            (vec![Act::Oversized(5_000_000)], 0, loss("the answer is too large", 3)),
        ] {
            let receiver = Receiver::new(protocol, script.clone());
            let mut running = Running::to(&receiver, &format!("protocol={name}"));
            running.offer(1).await;
            running.end().await;
            let ended = (running.delivered(), running.losses());
            assert_eq!(ended, (delivered, losses), "{name} {script:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ex5_retry_after_is_honoured_to_the_letter() {
    let receiver = Receiver::new(Protocol::HttpProtobuf, vec![Act::RetryAfter(429, "77".into())]);
    let mut running = Running::to(&receiver, "");
    running.offer(1).await;
    running.end().await;
    let seen = receiver.seen();
    assert_eq!(seen[1].at - seen[0].at, Duration::from_secs(77));
    assert_eq!(seen[0].message, seen[1].message, "the same bytes");
}

#[tokio::test(start_paused = true)]
async fn ex8_a_message_over_the_limit_is_not_sent_and_its_neighbours_are() {
    let receiver = Receiver::new(Protocol::HttpProtobuf, Vec::new());
    let mut running = Running::to(&receiver, "max-request-bytes=1000");
    running.offer(1).await;
    let large = traces("shop", (1..=40).map(|id| span(9, id, 2_000, 5)).collect()).encode_to_vec();
    running.exporter.offer(Signal::Traces, large.into(), 40).await;
    running.offer(2).await;
    running.end().await;
    assert_eq!(numbers(&receiver, Protocol::HttpProtobuf), [1, 2]);
    assert_eq!((running.delivered(), running.losses()), (6, loss(counts::TOO_LARGE, 40)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_takes_none_down_that_was_sent_with_it() {
    // All three leave together; then each by itself.
    let script = vec![Act::Http(400), Act::Take, Act::Http(400), Act::Take];
    let receiver = Receiver::new(Protocol::HttpProtobuf, script);
    let mut running = Running::to(&receiver, "");
    for number in 1..=3 {
        running.offer(number).await;
    }
    running.end().await;
    let numbers: Vec<Vec<u8>> = receiver
        .seen()
        .iter()
        .map(|seen| numbers_of(&seen.message, Protocol::HttpProtobuf))
        .collect();
    assert_eq!(numbers, [vec![1, 2, 3], vec![1], vec![2], vec![3]]);
    assert_eq!((running.delivered(), running.losses()), (6, loss("HTTP 400", 3)));
}

#[tokio::test(start_paused = true)]
async fn ex9_so_many_requests_are_in_flight_as_were_asked_for() {
    for (in_flight, waves) in [(1, 8), (4, 2), (8, 1)] {
        let slow = Act::Slow(Duration::from_secs(1));
        let receiver = Receiver::new(Protocol::Grpc, vec![slow; 8]);
        let settings = format!("protocol=grpc in-flight={in_flight}");
        let mut running = Running::to(&receiver, &settings);
        let began = Instant::now();
        // Too large to be joined.
        let bytes = Bytes::from(vec![0x7a; 700 * 1024]);
        for _ in 0..5 {
            running.exporter.offer(Signal::Traces, bytes.clone(), 1).await;
        }
        running.end().await;
        let (took, waves) = (began.elapsed().as_secs(), 5_u64.div_ceil(in_flight).max(waves / 8));
        assert_eq!(took, waves, "{in_flight}");
        assert!(receiver.connections() as u64 <= in_flight);
    }
}

#[tokio::test(start_paused = true)]
async fn ex9_a_backend_that_is_down_costs_the_others_nothing() {
    let (up, down) = (
        Receiver::new(Protocol::Grpc, vec![]),
        Receiver::new(Protocol::Grpc, vec![Act::Never; 99]),
    );
    let backends =
        vec![backend(&up, "protocol=grpc name=up"), backend(&down, "protocol=grpc name=down")];
    let limits = ExportLimits { drain_timeout: Duration::from_secs(5), ..LIMITS };
    let mut running = Running::start(backends, &limits, None);
    // More than the queue has room for, so that the oldest go.
    for number in 0..100 {
        let filled = vec![span(number, 1, 2_000, 5)].into_iter().map(|mut span| {
            span.name = "x".repeat(100_000);
            span
        });
        let bytes: Bytes = traces("shop", filled.collect()).encode_to_vec().into();
        running.exporter.offer(Signal::Traces, bytes, 1).await;
        // Lets the one that is up take it.
        up.next_request().await;
    }
    let began = Instant::now();
    running.end().await;
    assert_eq!(began.elapsed(), limits.drain_timeout, "a bounded wait for the one that is down");
    let mut arrived = numbers(&up, Protocol::Grpc);
    arrived.sort_unstable();
    assert!(arrived.into_iter().eq(0..100));
    let losses = running.losses();
    assert_eq!(running.delivered(), 100);
    assert!(losses.keys().all(|what| what.contains(" to down: ")), "{losses:?}");
    assert_eq!(losses.values().sum::<u64>(), 100, "{losses:?}");
    assert!(losses["export spans to down: no room in the queue"] > 40, "{losses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_is_refused_does_not_hold_up_the_others() {
    let receiver = Receiver::new(Protocol::HttpProtobuf, vec![Act::Never; 4]);
    let mut running = Running::to(&receiver, "timeout=3600000");
    for _ in 0..4 {
        let bytes = Bytes::from(vec![0x7a; 700 * 1024]);
        running.exporter.offer(Signal::Logs, bytes, 1).await;
    }
    for _ in 0..4 {
        assert_eq!(receiver.next_request().await.signal, Signal::Logs);
    }
    let before = Instant::now();
    running.offer(1).await;
    assert_eq!(receiver.next_request().await.signal, Signal::Traces);
    assert_eq!(before.elapsed(), Duration::ZERO);
    running.lanes.abort_all();
}

#[tokio::test]
async fn a_message_is_compressed_once_for_all_backends_that_want_it_so() {
    let messages = Messages::new(3);
    let (spool, cursors) = Spool::open(None, 1024 * 1024, &["a".to_owned()]).unwrap();
    spool.append(Signal::Traces, message(1), 3).await;
    let batch = spool.next(&cursors[0]).await;
    let target = |settings: &str| -> Target {
        let settings = Settings::parse(&format!("http://b {settings}"), &BTreeMap::new(), "t/1");
        settings.unwrap().target(Signal::Traces).clone()
    };
    let form = async |settings: &str| {
        messages.of(Signal::Traces, &batch, &target(settings)).await[0].clone()
    };
    let gzip = form("compression=gzip").await;
    let again = form("compression=gzip protocol=grpc").await;
    assert_eq!(gzip.as_ptr(), again.as_ptr(), "the same bytes, not equal ones");
    let plain = form("").await;
    assert_eq!(plain.as_ptr(), batch.records[0].payload.as_ptr(), "not even copied");
    let json = form("compression=gzip protocol=http/json").await;
    assert_ne!(gzip, json);
    assert_ne!(gzip, form("compression=zstd").await);
}

#[tokio::test(start_paused = true)]
async fn ex11_what_cannot_be_delivered_in_the_last_moment_is_counted() {
    let receiver = Receiver::new(Protocol::HttpProtobuf, vec![Act::Refuse; 1_000]);
    let limits = ExportLimits { drain_timeout: Duration::from_secs(5), ..LIMITS };
    let backends = vec![backend(&receiver, "")];
    let mut running = Running::start(backends, &limits, None);
    running.offer(1).await;
    running.offer(2).await;
    let before = Instant::now();
    running.end().await;
    assert_eq!(before.elapsed(), limits.drain_timeout);
    assert_eq!(running.losses(), loss(counts::LEFT, 6));
}

#[tokio::test]
async fn ex12_an_empty_request_is_not_sent_on() {
    let (receiver, address) =
        Receiver::listening(Protocol::HttpProtobuf, Vec::new()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let mut config = crate::testing::config(&folder);
    config.export = vec![format!("http://{address}")];
    let handle = crate::start(config, Clock::system()).await.unwrap();
    let post = async |body: Vec<u8>| {
        let headers = [("content-type", "application/x-protobuf")];
        crate::testing::post(handle.addresses().http, "/v1/traces", &headers, body).await
    };
    let empty = traces("shop", Vec::new()).encode_to_vec();
    for body in [Vec::new(), empty, message(7).to_vec()] {
        assert_eq!(post(body).await.status(), 200);
    }
    crate::testing::end(handle).await;
    let arrived = numbers(&receiver, Protocol::HttpProtobuf);
    assert_eq!((arrived, receiver.seen().len()), (vec![7], 1));
}
