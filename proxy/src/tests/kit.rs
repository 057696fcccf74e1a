//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::distribution::Distribution;
use model::edge::Edge;
use model::fault::{FaultKind, FaultSpec, Window};
use model::plan::{EdgePlan, LeaseReply, LeaseRequest, Plan, ProxyConfig, ProxyState, Route};
use model::policy::EdgePolicy;
use model::units::Share;
use opentelemetry::logs::AnyValue;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_proto::tonic::common::v1 as proto;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message as _;
use telemetry::client::{Client, ClientError};
use telemetry::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::emit::{Emitter, Hub};
use crate::server::{ProxyHandle, start_with};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn edge() -> Edge {
    Edge::new("orders", "payments")
}

/// Keeps all spans and log records: spans as a collector would read them from the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    hub: Arc<Mutex<Option<Arc<Hub>>>>,
    spans: Arc<Mutex<Vec<SpanData>>>,
    logs: Arc<Mutex<Vec<SdkLogRecord>>>,
}

impl LogProcessor for Recorder {
    fn emit(&self, record: &mut SdkLogRecord, _scope: &InstrumentationScope) {
        self.logs.lock().unwrap().push(record.clone());
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}

impl Recorder {
    pub(crate) fn emitter(&self, clock: Clock) -> Emitter {
        let loggers = SdkLoggerProvider::builder().with_log_processor(self.clone()).build();
        let hub = Hub::new(true, clock.clone());
        *self.hub.lock().unwrap() = Some(Arc::clone(&hub));
        Emitter::over(&loggers, hub, 1, clock)
    }

    /// In the order in which they ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        let mut spans = self.spans.lock().unwrap();
        if let Some(hub) = &*self.hub.lock().unwrap() {
            hub.drain(|bytes| {
                let read = ScopeSpans::decode(bytes).unwrap().spans;
                spans.extend(read.into_iter().map(span_data));
            });
        }
        spans.sort_by_key(|span| span.end_time);
        spans.clone()
    }

    /// Log records of one event, as attributes in text.
    pub(crate) fn events(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let text = |value: &AnyValue| match value {
            AnyValue::String(text) => text.to_string(),
            AnyValue::Int(number) => number.to_string(),
            AnyValue::Double(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        let logs = self.logs.lock().unwrap();
        logs.iter()
            .filter(|record| record.event_name() == Some(name))
            .map(|record| {
                let mut all: BTreeMap<String, String> = record
                    .attributes_iter()
                    .map(|(key, value)| (key.to_string(), text(value)))
                    .collect();
                if let Some(context) = record.trace_context() {
                    all.insert("span_id".into(), context.span_id.to_string());
                    all.insert("trace_id".into(), context.trace_id.to_string());
                }
                all
            })
            .collect()
    }
}

fn span_data(span: Span) -> SpanData {
    let time = |unix_ns| UNIX_EPOCH + Duration::from_nanos(unix_ns);
    let span_id = |bytes: Vec<u8>| bytes.try_into().map_or(SpanId::INVALID, SpanId::from_bytes);
    let value = |value: Option<proto::AnyValue>| match value.unwrap().value.unwrap() {
        proto::any_value::Value::StringValue(text) => Value::from(text),
        proto::any_value::Value::IntValue(number) => Value::from(number),
        proto::any_value::Value::BoolValue(truth) => Value::from(truth),
        other => panic!("{other:?} is not written here"),
    };
    let context = SpanContext::new(
        TraceId::from_bytes(span.trace_id.try_into().unwrap()),
        span_id(span.span_id),
        TraceFlags::new(span.flags as u8),
        false,
        span.trace_state.parse::<TraceState>().unwrap(),
    );
    SpanData {
        span_context: context,
        parent_span_id: span_id(span.parent_span_id),
        parent_span_is_remote: span.flags & 0x200 != 0,
        span_kind: if span.kind == 2 { SpanKind::Server } else { SpanKind::Client },
        name: span.name.into(),
        start_time: time(span.start_time_unix_nano),
        end_time: time(span.end_time_unix_nano),
        attributes: span
            .attributes
            .into_iter()
            .map(|pair| KeyValue::new(pair.key, value(pair.value)))
            .collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: span.status.map_or(Status::Unset, |status| Status::error(status.message)),
        instrumentation_scope: InstrumentationScope::default(),
    }
}

pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key.as_str() == key)?;
    Some(found.value.to_string())
}

/// A running gateway with one edge and what a test needs to talk to it.
pub(crate) struct Stack {
    pub(crate) proxy: ProxyHandle,
    pub(crate) recorder: Recorder,
    pub(crate) client: Client,
    clock: Clock,
    epoch: AtomicU64,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::of(ProxyConfig::on_loopback("test", [edge()])).await
    }

    pub(crate) async fn of(config: ProxyConfig) -> Self {
        let (clock, recorder) = (Clock::system(), Recorder::default());
        let emitter = recorder.emitter(clock.clone());
        let proxy = start_with(config, emitter, None, clock.clone()).await.unwrap();
        Self { proxy, recorder, client: Client::new(), clock, epoch: AtomicU64::new(1) }
    }

    /// A gateway in front of `upstream`, with faults under a lease.
    pub(crate) async fn with(
        upstream: SocketAddr,
        policy: EdgePolicy,
        faults: Vec<FaultSpec>,
    ) -> Self {
        let stack = Self::start().await;
        let faulty = !faults.is_empty();
        let plan = stack.plan(vec![upstream], policy, faults);
        assert_eq!(stack.put(&plan).await.status(), 200);
        if faulty {
            assert_eq!(stack.lease(60_000).await.status(), 200);
        }
        stack
    }

    /// The next plan: zero was a second ago.
    pub(crate) fn plan(
        &self,
        endpoints: Vec<SocketAddr>,
        policy: EdgePolicy,
        faults: Vec<FaultSpec>,
    ) -> Plan {
        Plan {
            epoch: self.epoch.fetch_add(1, Ordering::Relaxed),
            seed: 42,
            zero_unix_ms: Some(self.clock.unix_ms() - 1_000),
            control: Share::ZERO,
            edges: vec![EdgePlan { edge: edge(), endpoints, policy }],
            routes: vec![Route::to("/", edge())],
            faults,
            held: false,
        }
    }

    pub(crate) fn edge_address(&self) -> SocketAddr {
        self.proxy.addresses().edges[0].address
    }

    pub(crate) async fn admin(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        self.client.send(self.proxy.addresses().admin, request, PATIENCE).await.unwrap()
    }

    pub(crate) async fn put(&self, plan: &Plan) -> Response<Bytes> {
        self.admin("PUT", "/v1/plan", serde_json::to_vec(plan).unwrap()).await
    }

    pub(crate) async fn lease(&self, lease_ms: u64) -> Response<Bytes> {
        let request = LeaseRequest { holder: "test".into(), lease_ms };
        self.admin("POST", "/v1/lease", serde_json::to_vec(&request).unwrap()).await
    }

    pub(crate) async fn release(&self) -> LeaseReply {
        serde_json::from_slice(self.admin("DELETE", "/v1/lease", "").await.body()).unwrap()
    }

    pub(crate) async fn state(&self) -> ProxyState {
        serde_json::from_slice(self.admin("GET", "/v1/state", "").await.body()).unwrap()
    }

    /// A call over the edge.
    pub(crate) async fn call(
        &self,
        method: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ClientError> {
        self.call_at(self.edge_address(), method, headers).await
    }

    pub(crate) async fn call_at(
        &self,
        to: SocketAddr,
        method: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ClientError> {
        let mut request = Request::builder().method(method).uri("/charges?a=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if method == "POST" { Bytes::from_static(b"{}") } else { Bytes::new() };
        self.client.send(to, request.body(body).unwrap(), PATIENCE).await
    }

    pub(crate) async fn call_as(&self, id: &str) -> Result<Response<Bytes>, ClientError> {
        self.call("GET", &[("x-correlation-id", id)]).await
    }
}

pub(crate) fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// A fault on the edge, active for an hour, for every request.
pub(crate) fn fault(name: &str, effect: FaultKind) -> FaultSpec {
    FaultSpec {
        schedule: vec![Window { start_ms: 0, end_ms: 3_600_000 }],
        ..FaultSpec::new(name, vec![edge()], effect)
    }
}

pub(crate) fn latency_ms(ms: u64) -> FaultKind {
    FaultKind::Latency { delay: Distribution::Fixed { value_us: ms * 1_000 } }
}

/// A real HTTP/1.1 server that remembers what it got.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<Mutex<Vec<http::request::Parts>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// Answers 200 `ok` to everything.
    pub(crate) async fn friendly() -> Self {
        Self::answering(|_number| Response::new(Full::from("ok"))).await
    }

    /// `answer` gets the number of the request, from 0.
    pub(crate) async fn answering<F>(answer: F) -> Self
    where
        F: Fn(usize) -> Response<Full<Bytes>> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (own, answer) = (upstream.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                own.connections.fetch_add(1, Ordering::SeqCst);
                let (own, answer) = (own.clone(), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (own, answer) = (own.clone(), Arc::clone(&answer));
                    async move {
                        let (head, body) = request.into_parts();
                        let number = {
                            let mut seen = own.requests.lock().unwrap();
                            seen.push(head);
                            seen.len() - 1
                        };
                        let _whole = body.collect().await;
                        Ok::<_, Infallible>(answer(number))
                    }
                });
                let served = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service);
                tokio::spawn(served);
            }
        });
        upstream
    }

    pub(crate) fn seen(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn seen_header(&self, number: usize, name: &str) -> Option<String> {
        let seen = self.requests.lock().unwrap();
        Some(seen[number].headers.get(name)?.to_str().unwrap().to_owned())
    }
}

/// An address that refuses connections for as long as the socket lives: bound, not listening.
pub(crate) fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// What a peer does with a connection after it has read a request head.
pub(crate) async fn raw_upstream(reply: &'static [u8], reset: bool, hold: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4_096];
            let _request = socket.read(&mut head).await;
            let _answered = socket.write_all(reply).await;
            if reset {
                socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
            }
            if hold {
                held.push(socket);
            }
        }
    });
    address
}

/// Sends one GET by hand and reads until the end; the error is what the kernel said.
pub(crate) async fn raw_get(to: SocketAddr, id: &str) -> io::Result<Vec<u8>> {
    raw_send(to, &format!("x-correlation-id: {id}\r\n")).await
}

/// The same with header lines of one's own.
pub(crate) async fn raw_send(to: SocketAddr, lines: &str) -> io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(to).await?;
    let head =
        format!("GET /charges HTTP/1.1\r\nhost: payments\r\n{lines}connection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    let reading = socket.read_to_end(&mut answer);
    tokio::time::timeout(PATIENCE, reading).await.expect("the connection never ended")?;
    Ok(answer)
}

impl Stack {
    /// The lines of one fault in the ledger.
    pub(crate) fn ledger(&self, fault: &str) -> Vec<BTreeMap<String, String>> {
        let mut lines = self.recorder.events("shakedown.fault.decision");
        lines.retain(|line| line["shakedown.fault.name"] == fault);
        lines
    }

    /// What the ledger says of a fault: `hit`, or the reason why it was skipped.
    pub(crate) fn outcomes(&self, fault: &str) -> Vec<String> {
        let outcome =
            |line: &BTreeMap<String, String>| match line.get("shakedown.fault.skip_reason") {
                Some(reason) => reason.clone(),
                None => line["shakedown.fault.outcome"].clone(),
            };
        self.ledger(fault).iter().map(outcome).collect()
    }

    /// Waits until the gateway holds no request any more.
    pub(crate) async fn settled(&self) -> ProxyState {
        let look = async {
            loop {
                let state = self.state().await;
                if state.edges.iter().all(|edge| edge.in_flight == 0) {
                    return state;
                }
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("requests are still in flight")
    }
}
