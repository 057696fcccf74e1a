//! One try: a request over a connection that is kept, and its whole answer.

use http::Request;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::answer::{Answer, Reason};
use super::request::Pieces;
use super::settings::{Protocol, Route, Target};

/// Why there is no answer. All of these may be tried again, except for an answer that is too large.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("cannot connect to {authority}: {source}")]
    Connect { authority: String, source: std::io::Error },
    #[error("the connection broke: {}", with_causes(.0))]
    Broken(#[from] hyper::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(std::time::Duration),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Connect { .. } => Reason::new("no connection", self.to_string()),
            Self::Broken(error) => Reason::new("the connection broke", with_causes(error)),
            Self::Timeout(_) => Reason::new("no answer in time", self.to_string()),
            Self::TooLarge(_) => Reason::new("the answer is too large", self.to_string()),
        }
    }
}

/// What hyper says, and what it does not: why the other side ended the connection. A server that
/// wants another certificate says so only after the handshake.
fn with_causes(error: &hyper::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What drives a connection, and how that ended.
type Driver = JoinHandle<hyper::Result<()>>;

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Pieces>, Driver),
    Http2(http2::SendRequest<Pieces>, Driver),
}

/// A connection to the receiver, opened when it is needed.
#[derive(Debug, Default)]
pub struct Connection {
    sender: Option<Sender>,
}

impl Connection {
    /// The connection is given up after every error: its state is unknown.
    pub async fn call(
        &mut self,
        target: &Target,
        request: Request<Pieces>,
    ) -> Result<Answer, CallError> {
        let exchange = exchange(self.sender.take(), target, request);
        let (answer, sender) = tokio::time::timeout(target.timeout, exchange)
            .await
            .unwrap_or(Err(CallError::Timeout(target.timeout)))?;
        self.sender = Some(sender);
        Ok(answer)
    }
}

async fn exchange(
    kept: Option<Sender>,
    target: &Target,
    request: Request<Pieces>,
) -> Result<(Answer, Sender), CallError> {
    let mut sender = match kept {
        Some(sender) if sender.is_open() => sender,
        _ => connect(target).await?,
    };
    match sender.send(request).await {
        Ok(response) => Ok((whole(response, target.answer_bytes_max).await?, sender)),
        Err(error) => Err(CallError::Broken(sender.why(error).await)),
    }
}

async fn whole(response: http::Response<Incoming>, bytes_max: usize) -> Result<Answer, CallError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, bytes_max).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(broken) => CallError::Broken(*broken),
        // Nothing else can go wrong with the limit around a body.
        Err(_limit_exceeded) => CallError::TooLarge(bytes_max),
    })?;
    let mut headers = head.headers;
    if let Some(trailers) = body.trailers() {
        headers.extend(trailers.clone());
    }
    Ok(Answer { status: head.status, headers, body: body.to_bytes() })
}

impl Sender {
    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender, _) => !sender.is_closed(),
            Self::Http2(sender, _) => !sender.is_closed(),
        }
    }

    async fn send(&mut self, request: Request<Pieces>) -> hyper::Result<http::Response<Incoming>> {
        match self {
            Self::Http1(sender, _) => {
                sender.ready().await?;
                sender.send_request(request).await
            },
            Self::Http2(sender, _) => {
                sender.ready().await?;
                sender.send_request(request).await
            },
        }
    }

    /// A request that finds the connection closed does not know why; whoever drove it does.
    async fn why(self, error: hyper::Error) -> hyper::Error {
        let (Self::Http1(_, driver) | Self::Http2(_, driver)) = self;
        if !(error.is_closed() || error.is_canceled()) {
            return error;
        }
        match driver.await {
            Ok(Err(cause)) => cause,
            _ => error,
        }
    }
}

async fn connect(target: &Target) -> Result<Sender, CallError> {
    let failed = |source| CallError::Connect { authority: target.authority.clone(), source };
    match &target.route {
        Route::Network => {
            let socket = TcpStream::connect(&target.authority).await.map_err(failed)?;
            socket.set_nodelay(true).map_err(failed)?;
            match &target.tls {
                Some(tls) => {
                    let socket = tls.wrap(socket).await.map_err(failed)?;
                    handshake(target.protocol, socket).await
                },
                None => handshake(target.protocol, socket).await,
            }
        },
        #[cfg(feature = "misbehave")]
        Route::Memory(dial) => handshake(target.protocol, dial.dial().map_err(failed)?).await,
    }
}

async fn handshake<S>(protocol: Protocol, socket: S) -> Result<Sender, CallError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(socket);
    // Whatever ends a connection is told to the request that waits on it.
    match protocol {
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            let (sender, connection) = http1::handshake::<_, Pieces>(io).await?;
            Ok(Sender::Http1(sender, tokio::spawn(connection)))
        },
        Protocol::Grpc => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            Ok(Sender::Http2(sender, tokio::spawn(connection)))
        },
    }
}
