//! One try: a request to the backend over a connection that is kept, and its whole answer.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::settings::{Protocol, Settings};
use crate::record::Signal;

/// Largest answer that is read, as OTLP demands of clients.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("shakedown-collector/", env!("CARGO_PKG_VERSION")));

/// Why there is no answer. All of these may be tried again, except for an answer that is too large.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("cannot connect to {authority}: {source}")]
    Connect { authority: String, source: std::io::Error },
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(std::time::Duration),
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Headers, and trailers where there are any.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection to the backend, opened when it is needed.
#[derive(Default)]
pub(super) struct Connection {
    sender: Option<Sender>,
}

impl Connection {
    /// The connection is given up after every error: its state is unknown.
    pub(super) async fn call(
        &mut self,
        settings: &Settings,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, CallError> {
        let sender = self.sender.take();
        let exchange = exchange(sender, settings, request);
        let (answer, sender) = tokio::time::timeout(settings.timeout, exchange)
            .await
            .unwrap_or(Err(CallError::Timeout(settings.timeout)))?;
        self.sender = Some(sender);
        Ok(answer)
    }
}

async fn exchange(
    kept: Option<Sender>,
    settings: &Settings,
    request: Request<Full<Bytes>>,
) -> Result<(Answer, Sender), CallError> {
    let mut sender = match kept {
        Some(sender) if sender.is_open() => sender,
        _ => connect(settings).await?,
    };
    let response = match &mut sender {
        Sender::Http1(sender) => {
            sender.ready().await?;
            sender.send_request(request).await?
        },
        Sender::Http2(sender) => {
            sender.ready().await?;
            sender.send_request(request).await?
        },
    };
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(broken) => CallError::Broken(*broken),
        // Nothing else can go wrong with the limit around a body.
        Err(_limit_exceeded) => CallError::TooLarge,
    })?;
    let mut headers = head.headers;
    if let Some(trailers) = body.trailers() {
        headers.extend(trailers.clone());
    }
    Ok((Answer { status: head.status, headers, body: body.to_bytes() }, sender))
}

impl Sender {
    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }
}

async fn connect(settings: &Settings) -> Result<Sender, CallError> {
    let failed = |source| CallError::Connect { authority: settings.authority.clone(), source };
    let socket = TcpStream::connect(&settings.authority).await.map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    let io = TokioIo::new(socket);
    // Whatever ends a connection is told to the request that waits on it.
    match settings.protocol {
        Protocol::Http => {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Ok(Sender::Http1(sender))
        },
        Protocol::Grpc => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            Ok(Sender::Http2(sender))
        },
    }
}

/// The request for a payload. Built once, and cloned for every try.
pub(super) fn request(
    settings: &Settings,
    signal: Signal,
    payload: &Bytes,
) -> Request<Full<Bytes>> {
    let body = if settings.gzip { gzipped(payload) } else { payload.clone() };
    let (uri, body) = match settings.protocol {
        Protocol::Http => (format!("{}{}", settings.base, signal.http_path()), body),
        Protocol::Grpc => {
            let uri = format!("http://{}{}", settings.authority, signal.grpc_path());
            (uri, framed(&body, settings.gzip))
        },
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.parse().expect("the endpoint was a URI, and so it stays");
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, AGENT);
    match settings.protocol {
        Protocol::Http => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
            let host = HeaderValue::from_str(&settings.authority);
            headers.insert(HOST, host.expect("the authority of a URI is visible ASCII"));
            if settings.gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        },
        Protocol::Grpc => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
            if settings.gzip {
                headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
            }
        },
    }
    headers.extend(settings.headers.clone());
    request
}

fn framed(message: &[u8], compressed: bool) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(u8::from(compressed));
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

fn gzipped(payload: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(payload).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail").into()
}
