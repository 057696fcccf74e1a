//! One try: a request over a connection that is kept, and its whole answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::plan::OtlpProtocol;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::settings::{Route, Settings, Signal};

/// Largest answer that is read, as OTLP demands of clients.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("shakedown-proxy/", env!("CARGO_PKG_VERSION")));

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

/// A message in pieces that are sent as they are, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    left: VecDeque<Bytes>,
}

impl Pieces {
    fn bytes(&self) -> usize {
        self.left.iter().map(Bytes::len).sum()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes() as u64)
    }
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Pieces>),
    Http2(http2::SendRequest<Pieces>),
}

/// A connection to the receiver, opened when it is needed.
#[derive(Debug, Default)]
pub(super) struct Connection {
    sender: Option<Sender>,
}

impl Connection {
    /// The connection is given up after every error: its state is unknown.
    pub(super) async fn call(
        &mut self,
        settings: &Settings,
        request: Request<Pieces>,
    ) -> Result<Answer, CallError> {
        let exchange = exchange(self.sender.take(), settings, request);
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
    request: Request<Pieces>,
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
    match &settings.route {
        Route::Network => {
            let socket = TcpStream::connect(&settings.authority).await.map_err(failed)?;
            socket.set_nodelay(true).map_err(failed)?;
            handshake(settings.protocol, socket).await
        },
        #[cfg(test)]
        Route::Memory(dial) => handshake(settings.protocol, dial.dial().map_err(failed)?).await,
    }
}

async fn handshake<S>(protocol: OtlpProtocol, socket: S) -> Result<Sender, CallError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(socket);
    // Whatever ends a connection is told to the request that waits on it.
    match protocol {
        OtlpProtocol::HttpProtobuf => {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Ok(Sender::Http1(sender))
        },
        OtlpProtocol::Grpc => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            Ok(Sender::Http2(sender))
        },
    }
}

/// The request for a message. Built once, and cloned for every try.
pub(super) fn request(settings: &Settings, signal: Signal, message: Vec<Bytes>) -> Request<Pieces> {
    let mut left = VecDeque::from(message);
    if settings.gzip {
        left = VecDeque::from([gzipped(&left)]);
    }
    let mut body = Pieces { left };
    if settings.protocol == OtlpProtocol::Grpc {
        let mut prefix = BytesMut::with_capacity(5);
        prefix.put_u8(u8::from(settings.gzip));
        prefix.put_u32(body.bytes() as u32);
        body.left.push_front(prefix.freeze());
    }
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    let uri = settings.uri(signal).parse();
    *request.uri_mut() = uri.expect("the endpoint was a URI, and so it stays");
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, AGENT);
    match settings.protocol {
        OtlpProtocol::HttpProtobuf => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
            let host = HeaderValue::from_str(&settings.authority);
            headers.insert(HOST, host.expect("the authority of a URI is visible ASCII"));
            if settings.gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        },
        OtlpProtocol::Grpc => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
            if settings.gzip {
                headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
            }
        },
    }
    request
}

fn gzipped(message: &VecDeque<Bytes>) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for piece in message {
        encoder.write_all(piece).expect("writing to memory does not fail");
    }
    encoder.finish().expect("writing to memory does not fail").into()
}
