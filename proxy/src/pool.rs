//! Connections to endpoints: kept alive, bounded, never shared, and nothing hidden in between.
//!
//! One exception to "what fails has failed": a kept connection may have been closed by the callee
//! at the very moment when it is used again. A request that could not be sent at all goes out on
//! the next connection. One that was sent but got no byte of an answer is repeated once on a fresh
//! connection, if its method is idempotent by itself and its body is still there. An idempotency
//! key is not enough: that the callee honours it is a promise that only a retry policy may rely on.
//! That is no retry: it is not counted, not budgeted, and never happens on a fresh connection, so
//! an injected or real failure of the callee is never smoothed over twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use model::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::payload::{OutBody, Payload};

/// Idle connections kept per endpoint.
const IDLE_MAX: usize = 512;
/// Idle connections older than this are closed instead of used.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// On loopback and in a data centre a longer wait only hides a dead host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Idle {
    sender: SendRequest<OutBody>,
    since: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<BTreeMap<SocketAddr, VecDeque<Idle>>>,
}

/// A connection in use. Dropped, it closes; given back, it is kept.
#[derive(Debug)]
pub(crate) struct Lent {
    to: SocketAddr,
    sender: SendRequest<OutBody>,
    /// False while a body is still on its way up.
    clean: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) connection: Lent,
}

impl Pool {
    /// Sends one request and waits for the head of the answer.
    pub(crate) async fn exchange(
        &self,
        to: SocketAddr,
        head: &Parts,
        payload: &mut Payload,
    ) -> Result<Answer, Failure> {
        let idempotent = head.method.is_idempotent();
        let mut fresh_only = false;
        loop {
            let kept = if fresh_only { None } else { self.take(to).await };
            let reused = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => connect(to).await?,
            };
            let Some((body, clean)) = payload.open() else { return Err(Failure::CallerBody) };
            let request = Request::from_parts(head.clone(), body);
            match sender.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Answer { response, connection: Lent { to, sender, clean } });
                },
                Err(mut failed) => {
                    let unsent = failed.take_message();
                    let was_sent = unsent.is_none();
                    if let Some(request) = unsent {
                        payload.restore(request.into_body());
                    }
                    let error = failed.into_error();
                    let again = reused
                        && (!was_sent || (idempotent && payload.is_there() && !error.is_parse()));
                    if !again {
                        return Err(broken(to, &error));
                    }
                    fresh_only = was_sent;
                },
            }
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(crate) fn give_back(&self, lent: Lent, now: Instant) {
        let clean = lent.clean.load(std::sync::atomic::Ordering::Acquire);
        if !clean || lent.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.entry(lent.to).or_default();
        while kept.front().is_some_and(|oldest| now - oldest.since > IDLE_TIMEOUT) {
            kept.pop_front();
        }
        if kept.len() < IDLE_MAX {
            kept.push_back(Idle { sender: lent.sender, since: now });
        }
    }

    /// Closes what is kept for endpoints that are no longer used.
    pub(crate) fn retain(&self, used: &BTreeSet<SocketAddr>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|endpoint, _| used.contains(endpoint));
    }

    async fn take(&self, to: SocketAddr) -> Option<SendRequest<OutBody>> {
        loop {
            let mut sender = self.pop(to)?;
            // Its last answer was read to the end, so this only waits for its task to notice.
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// The youngest connection first: it is the least likely to have been closed meanwhile.
    fn pop(&self, to: SocketAddr) -> Option<SendRequest<OutBody>> {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(&to)?;
        loop {
            let youngest = kept.pop_back()?;
            let fits = now - youngest.since <= IDLE_TIMEOUT;
            if fits && !youngest.sender.is_closed() {
                return Some(youngest.sender);
            }
        }
    }
}

async fn connect(to: SocketAddr) -> Result<SendRequest<OutBody>, Failure> {
    let refused = |source| Failure::Connect { to: to.to_string(), source };
    let socket = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(to))
        .await
        .map_err(|_elapsed| Failure::ConnectTimeout { to: to.to_string(), after: CONNECT_TIMEOUT })?
        .map_err(refused)?;
    socket.set_nodelay(true).map_err(refused)?;
    let (sender, connection) = Builder::new()
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|error| broken(to, &error))?;
    // Whatever ends the connection is told to the request that waits on it.
    tokio::spawn(connection);
    Ok(sender)
}

fn broken(to: SocketAddr, error: &hyper::Error) -> Failure {
    let (to, cause) = (to.to_string(), error.to_string());
    if error.is_parse() {
        Failure::Garbage { to, cause }
    } else if error.is_user() {
        Failure::CallerBody
    } else {
        Failure::Broken { to, cause }
    }
}
