//! A receiver of OTLP that does what a script says, connection by connection and request by
//! request, and keeps what it took. For tests of everything that sends OTLP.
//!
//! It is reached through memory by a [`Dial`], so that paused time is exact and nothing waits for
//! the kernel, or over a real socket. After its script it takes everything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{Protocol, Signal};

mod reply;

use reply::Reply;
pub use reply::message as message_of;

/// Bytes on their way through memory.
const PIPE_BYTES: usize = 64 * 1024;

/// What happens to one connection or one request.
#[derive(Debug, Clone)]
pub enum Act {
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
    /// An HTTP status with this `Retry-After`, a number or a date.
    RetryAfter(u16, String),
    /// Takes it, and answers with so many bytes.
    Oversized(usize),
    /// Takes it, and breaks off in the middle of the answer.
    BreakOff,
    /// Neither answers nor closes.
    Never,
    /// Closes the connection instead of an answer.
    Reset,
    /// Refuses the connection.
    Refuse,
    /// Speaks something else.
    Garbage,
}

/// One request as it came, whatever was answered.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    pub signal: Signal,
    pub headers: HeaderMap,
    /// Without frame and compression.
    pub message: Bytes,
    /// It was, or would have been, taken.
    pub taken: bool,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    script: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<Seen>>,
    /// Requests that were told to a waiter.
    told: Mutex<usize>,
    connections: Mutex<usize>,
    came: Notify,
}

/// The way to a receiver, through memory.
#[derive(Debug, Clone)]
pub struct Dial(Arc<State>);

impl Dial {
    pub(super) fn dial(&self) -> io::Result<DuplexStream> {
        let state = &self.0;
        *lock(&state.connections) += 1;
        let (ours, mut theirs) = tokio::io::duplex(PIPE_BYTES);
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

/// The receiver; its listener ends with it.
#[derive(Debug)]
pub struct Receiver {
    state: Arc<State>,
    listener: Option<AbortHandle>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Receiver {
    pub fn new(protocol: Protocol, script: Vec<Act>) -> Self {
        let state = Arc::new(State {
            protocol,
            script: Mutex::new(script.into()),
            seen: Mutex::default(),
            told: Mutex::default(),
            connections: Mutex::default(),
            came: Notify::new(),
        });
        Self { state, listener: None }
    }

    /// One on a real socket of the loopback interface, which refuses no connection.
    pub async fn listening(protocol: Protocol, script: Vec<Act>) -> io::Result<(Self, SocketAddr)> {
        let mut receiver = Self::new(protocol, script);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::clone(&receiver.state);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                *lock(&state.connections) += 1;
                tokio::spawn(Arc::clone(&state).serve(socket));
            }
        });
        receiver.listener = Some(task.abort_handle());
        Ok((receiver, address))
    }

    pub fn dial(&self) -> Dial {
        Dial(Arc::clone(&self.state))
    }

    /// Adds to the script.
    pub fn then(&self, acts: impl IntoIterator<Item = Act>) {
        lock(&self.state.script).extend(acts);
    }

    pub fn connections(&self) -> usize {
        *lock(&self.state.connections)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// The messages of one signal that were taken.
    pub fn taken(&self, signal: Signal) -> Vec<Bytes> {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.taken && seen.signal == signal).map(|seen| seen.message).collect()
    }

    /// The next request that was not asked for yet, as soon as it has come.
    pub async fn next_request(&self) -> Seen {
        loop {
            let came = self.state.came.notified();
            let next = {
                let (seen, mut told) = (lock(&self.state.seen), lock(&self.state.told));
                let next = seen.get(*told).cloned();
                *told += usize::from(next.is_some());
                next
            };
            match next {
                Some(next) => return next,
                None => came.await,
            }
        }
    }
}

impl State {
    fn next(&self) -> Option<Act> {
        lock(&self.script).pop_front()
    }

    fn peek(&self) -> Option<Act> {
        lock(&self.script).front().cloned()
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
        let serving = async {
            // The sender may hang up at any time.
            if self.protocol == Protocol::Grpc {
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
        let at = Instant::now();
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return reply::status(400) };
        let Some(signal) = reply::signal(self.protocol, head.uri.path()) else {
            return reply::status(404);
        };
        let Some(message) = reply::message(self.protocol, &head.headers, &body.to_bytes()) else {
            return reply::status(400);
        };
        let act = self.next().unwrap_or(Act::Take);
        if let Act::Slow(pause) = act {
            tokio::time::sleep(pause).await;
        }
        let taken = self.takes(&act);
        lock(&self.seen).push(Seen { at, signal, headers: head.headers, message, taken });
        self.came.notify_waiters();
        self.perform(act, reset).await
    }

    fn takes(&self, act: &Act) -> bool {
        match act {
            Act::Http(status) => *status == 200 && self.protocol != Protocol::Grpc,
            Act::Status { code, .. } => *code == 0,
            Act::Never | Act::Reset | Act::RetryAfter(..) => false,
            _ => true,
        }
    }

    async fn perform(&self, act: Act, reset: &Notify) -> Response<Reply> {
        match act {
            Act::Take | Act::Slow(_) | Act::Refuse | Act::Garbage => reply::taken(self.protocol, 0),
            Act::Partial(rejected) => reply::taken(self.protocol, rejected),
            Act::Status { code: 0, .. } => reply::taken(self.protocol, 0),
            Act::Status { code, retry_after } => reply::refused(self.protocol, code, retry_after),
            Act::Http(200) if self.protocol != Protocol::Grpc => reply::taken(self.protocol, 0),
            Act::Http(status) => reply::status(status),
            Act::RetryAfter(status, text) => reply::retry_after(status, &text),
            Act::Oversized(bytes) => reply::oversized(self.protocol, bytes),
            Act::BreakOff => reply::broken_off(self.protocol),
            Act::Never => std::future::pending().await,
            Act::Reset => {
                reset.notify_one();
                std::future::pending().await
            },
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
