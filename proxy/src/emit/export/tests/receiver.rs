//! A receiver of OTLP that does what a script says, request by request, and keeps what it took.
//!
//! It is reached through memory, so that paused time is exact: nothing waits for the kernel.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::plan::OtlpProtocol;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::answer::{RetryDelay, RetryInfo, RpcDetail, RpcStatus};

/// What happens to one connection or one request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Take,
    /// Takes all but so many.
    Partial(u64),
    /// Takes it after a while.
    Slow(Duration),
    /// Refuses the request by a gRPC status, or by the HTTP status that means the same.
    Status {
        code: u16,
        retry_after: Option<Duration>,
    },
    /// An HTTP status without any gRPC in it.
    Http(u16),
    /// Neither answers nor closes.
    Never,
    /// Closes the connection instead of an answer.
    Reset,
    /// Refuses the connection.
    Refuse,
    /// Speaks something else.
    Garbage,
}

#[derive(Debug)]
struct State {
    protocol: OtlpProtocol,
    script: Mutex<VecDeque<Act>>,
    spans: Mutex<Vec<ExportTraceServiceRequest>>,
    metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    connections: Mutex<usize>,
    requests: Mutex<VecDeque<Instant>>,
    came: Notify,
}

/// The way to a receiver.
#[derive(Debug, Clone)]
pub(in super::super) struct Dial(Arc<State>);

impl Dial {
    pub(in super::super) fn dial(&self) -> io::Result<DuplexStream> {
        let state = &self.0;
        *state.connections.lock().unwrap() += 1;
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        match state.peek() {
            Some(Act::Refuse) => {
                state.next();
                return Err(io::ErrorKind::ConnectionRefused.into());
            },
            Some(Act::Garbage) => {
                state.next();
                tokio::spawn(async move {
                    // The other end hangs up as soon as it sees this.
                    let _gone = theirs.write_all(b"220 mail.example ESMTP\r\n\0\xff\xff").await;
                    let _gone = theirs.write_all(&[0xff; 1_000]).await;
                });
            },
            _ => {
                tokio::spawn(Arc::clone(state).serve(theirs));
            },
        }
        Ok(ours)
    }
}

#[derive(Debug)]
pub(super) struct Receiver(Arc<State>);

impl Receiver {
    /// After the script it takes everything.
    pub(super) fn new(protocol: OtlpProtocol, script: Vec<Act>) -> Self {
        Self(Arc::new(State {
            protocol,
            script: Mutex::new(script.into()),
            spans: Mutex::default(),
            metrics: Mutex::default(),
            connections: Mutex::default(),
            requests: Mutex::default(),
            came: Notify::new(),
        }))
    }

    /// One that takes everything, on a real socket.
    pub(super) async fn listening(protocol: OtlpProtocol) -> (Self, SocketAddr) {
        let receiver = Self::new(protocol, Vec::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::clone(&receiver.0);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&state).serve(socket));
            }
        });
        (receiver, address)
    }

    pub(super) fn dial(&self) -> Dial {
        Dial(Arc::clone(&self.0))
    }

    pub(super) fn connections(&self) -> usize {
        *self.0.connections.lock().unwrap()
    }

    pub(super) fn spans(&self) -> Vec<ExportTraceServiceRequest> {
        self.0.spans.lock().unwrap().clone()
    }

    pub(super) fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        self.0.metrics.lock().unwrap().clone()
    }

    /// When the next request came that was not asked for yet.
    pub(super) async fn next_request(&self) -> Instant {
        loop {
            if let Some(at) = self.0.requests.lock().unwrap().pop_front() {
                return at;
            }
            self.0.came.notified().await;
        }
    }
}

impl State {
    fn next(&self) -> Option<Act> {
        self.script.lock().unwrap().pop_front()
    }

    fn peek(&self) -> Option<Act> {
        self.script.lock().unwrap().front().cloned()
    }

    async fn serve<S>(self: Arc<Self>, socket: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let reset = Arc::new(Notify::new());
        let (state, asked) = (Arc::clone(&self), Arc::clone(&reset));
        let service = service_fn(move |request| {
            let (state, asked) = (Arc::clone(&state), Arc::clone(&asked));
            async move { Ok::<_, Infallible>(state.answer(request, &asked).await) }
        });
        let io = TokioIo::new(socket);
        let grpc = self.protocol == OtlpProtocol::Grpc;
        let serving = async {
            // The sender may hang up at any time.
            if grpc {
                let builder = http2::Builder::new(TokioExecutor::new());
                let _hung_up = builder.serve_connection(io, service).await;
            } else {
                let _hung_up = http1::Builder::new().serve_connection(io, service).await;
            }
        };
        tokio::select! {
            () = serving => {},
            () = reset.notified() => {},
        }
    }

    async fn answer(&self, request: Request<Incoming>, reset: &Notify) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return http_reply(400) };
        self.requests.lock().unwrap().push_back(Instant::now());
        self.came.notify_one();
        let message = self.unwrap(&head.headers, &body.to_bytes());
        let path = head.uri.path().to_owned();
        match self.next().unwrap_or(Act::Take) {
            Act::Slow(pause) => {
                tokio::time::sleep(pause).await;
                self.take(&path, &message, 0)
            },
            Act::Partial(rejected) => self.take(&path, &message, rejected),
            Act::Status { code: 0, .. } | Act::Take | Act::Refuse | Act::Garbage => {
                self.take(&path, &message, 0)
            },
            Act::Status { code, retry_after } => self.refuse(code, retry_after),
            Act::Http(200) if self.protocol == OtlpProtocol::HttpProtobuf => {
                self.take(&path, &message, 0)
            },
            Act::Http(status) => http_reply(status),
            Act::Never => std::future::pending().await,
            Act::Reset => {
                reset.notify_one();
                std::future::pending().await
            },
        }
    }

    /// The message without its frame and its compression.
    fn unwrap(&self, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
        let inflate = |bytes: &[u8]| {
            let mut message = Vec::new();
            GzDecoder::new(bytes).read_to_end(&mut message).unwrap();
            message
        };
        if self.protocol == OtlpProtocol::HttpProtobuf {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let gzip = headers.get("content-encoding").is_some_and(|kind| kind == "gzip");
            return if gzip { inflate(body) } else { body.to_vec() };
        }
        assert_eq!((&headers["content-type"], &headers["te"]), (&GRPC, &TRAILERS));
        let (prefix, message) = body.split_first_chunk::<5>().unwrap();
        let [compressed, length @ ..] = *prefix;
        assert_eq!(u32::from_be_bytes(length) as usize, message.len());
        let gzip = headers.get("grpc-encoding").is_some_and(|kind| kind == "gzip");
        assert_eq!(gzip, compressed == 1);
        if gzip { inflate(message) } else { message.to_vec() }
    }

    fn take(&self, path: &str, message: &[u8], rejected: u64) -> Response<Reply> {
        match path {
            "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
                let request = ExportTraceServiceRequest::decode(message).unwrap();
                self.spans.lock().unwrap().push(request);
            },
            "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                let request = ExportMetricsServiceRequest::decode(message).unwrap();
                self.metrics.lock().unwrap().push(request);
            },
            other => panic!("{other} is no path of OTLP"),
        }
        let partial = ExportTracePartialSuccess {
            rejected_spans: rejected.cast_signed(),
            error_message: "too many".to_owned(),
        };
        let partial_success = (rejected > 0).then_some(partial);
        let response = ExportTraceServiceResponse { partial_success }.encode_to_vec();
        if self.protocol == OtlpProtocol::HttpProtobuf {
            return Response::new(reply(response, None));
        }
        let length = u32::try_from(response.len()).unwrap().to_be_bytes();
        let framed = [&[0][..], &length, &response].concat();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let mut answer = Response::new(reply(framed, Some(trailers)));
        answer.headers_mut().insert("content-type", GRPC);
        answer
    }

    fn refuse(&self, code: u16, retry_after: Option<Duration>) -> Response<Reply> {
        if self.protocol == OtlpProtocol::HttpProtobuf {
            let retryable = [1, 4, 10, 11, 14, 15].contains(&code);
            let mut answer = http_reply(if retryable { 503 } else { 400 });
            if let Some(pause) = retry_after {
                answer.headers_mut().insert("retry-after", pause.as_secs().into());
            }
            return answer;
        }
        let mut answer = http_reply(200);
        let headers = answer.headers_mut();
        headers.insert("content-type", GRPC);
        headers.insert("grpc-status", code.into());
        if let Some(pause) = retry_after {
            let retry_delay = RetryDelay { seconds: pause.as_secs().cast_signed(), nanos: 0 };
            let info = RetryInfo { retry_delay: Some(retry_delay) };
            let detail = RpcDetail {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: info.encode_to_vec(),
            };
            let status = RpcStatus { details: vec![detail] }.encode_to_vec();
            let status = HeaderValue::from_str(&STANDARD_NO_PAD.encode(status)).unwrap();
            headers.insert("grpc-status-details-bin", status);
        }
        answer
    }
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

type Reply = http_body_util::combinators::BoxBody<Bytes, Infallible>;

fn reply(body: Vec<u8>, trailers: Option<HeaderMap>) -> Reply {
    let trailers = async move { trailers.map(Ok) };
    Full::new(Bytes::from(body)).with_trailers(trailers).boxed()
}

fn http_reply(status: u16) -> Response<Reply> {
    let mut answer = Response::new(reply(Vec::new(), None));
    *answer.status_mut() = status.try_into().unwrap();
    answer
}
