//! HTTP/1.1 to one target, on the engine's own thread.
//!
//! Connections are kept and used again, last used first. A kept connection that the target had
//! closed before a byte of the request was written is replaced by a fresh one: that is no fault of
//! anybody. Everything after the first byte is reported as it happened; nothing is sent twice.
//! A request that is given up takes its connection with it, so that the target can notice.

mod failure;
mod wire;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use model::limits::API_BODY_BYTES_MAX;
use model::names::header;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use failure::Failure;
use wire::{Stamp, Wire};

/// Longest answer that is read only to be discarded; the timeout bounds slow ones.
const DISCARDED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What is done with the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Keep,
    Discard,
}

/// When a request is given up.
#[derive(Debug)]
pub(crate) struct Limits<'a> {
    pub(crate) deadline: Instant,
    /// Turns true when the load is aborted.
    pub(crate) aborted: &'a mut watch::Receiver<bool>,
}

/// One request as far as it came.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The body, empty when it was to be discarded.
    pub(crate) end: Result<Bytes, Failure>,
    /// A connection was there to write on.
    pub(crate) ready: Option<Instant>,
    /// First byte written.
    pub(crate) written: Option<Instant>,
    /// Last byte read, or given up.
    pub(crate) finished: Instant,
    pub(crate) status: Option<u16>,
    /// Names of faults that hit the request, as the answer says.
    pub(crate) faults: Option<String>,
    pub(crate) body_bytes: u64,
}

/// What is known of a request while it is under way, and kept when it is given up.
#[derive(Debug, Default)]
struct Trail {
    ready: Cell<Option<Instant>>,
    stamp: RefCell<Stamp>,
    status: Cell<Option<u16>>,
    faults: RefCell<Option<String>>,
    body_bytes: Cell<u64>,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    stamp: Stamp,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[derive(Debug)]
pub(crate) struct HttpClient {
    to: SocketAddr,
    host: HeaderValue,
    idle: RefCell<Vec<Connection>>,
    /// Exhausted files and ports are said once, not once per request.
    warned: Cell<bool>,
}

impl HttpClient {
    pub(crate) fn new(to: SocketAddr) -> Self {
        let host = to.to_string().parse().expect("an address is visible ASCII");
        Self { to, host, idle: RefCell::default(), warned: Cell::default() }
    }

    /// Value of the `Host` header.
    pub(crate) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Sends one request and reads its answer to the end, or gives up at a limit.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        body: Body,
        limits: Limits<'_>,
    ) -> Exchange {
        let trail = Trail::default();
        let end = tokio::select! {
            biased;
            end = self.attempt(request, body, &trail) => end,
            _ = limits.aborted.wait_for(|aborted| *aborted) => Err(Failure::Stopped),
            () = tokio::time::sleep_until(limits.deadline) => Err(Failure::Timeout),
        };
        if let Err(failure) = end {
            self.warn_once(failure);
        }
        Exchange {
            end,
            ready: trail.ready.get(),
            written: trail.stamp.borrow().get(),
            finished: Instant::now(),
            status: trail.status.get(),
            faults: trail.faults.take(),
            body_bytes: trail.body_bytes.get(),
        }
    }

    async fn attempt(
        &self,
        request: Request<Full<Bytes>>,
        body: Body,
        trail: &Trail,
    ) -> Result<Bytes, Failure> {
        let (connection, response) = self.answer(request, trail).await?;
        trail.status.set(Some(response.status().as_u16()));
        let faults = response.headers().get(header::FAULT).and_then(|names| names.to_str().ok());
        trail.faults.replace(faults.map(str::to_owned));
        let kept = read(response.into_body(), body, trail).await?;
        if !connection.sender.is_closed() {
            self.idle.borrow_mut().push(connection);
        }
        Ok(kept)
    }

    /// Kept connections are tried until one takes the request, then a fresh one is made.
    async fn answer(
        &self,
        mut request: Request<Full<Bytes>>,
        trail: &Trail,
    ) -> Result<(Connection, Response<Incoming>), Failure> {
        loop {
            let kept = self.idle.borrow_mut().pop();
            let fresh = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            connection.stamp.set(None);
            match connection.sender.ready().await {
                Ok(()) => {},
                Err(error) if fresh => return Err(Failure::of(&error)),
                Err(_stale) => continue,
            }
            trail.ready.set(Some(Instant::now()));
            trail.stamp.replace(Rc::clone(&connection.stamp));
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(Failure::of(&failed.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream =
            TcpStream::connect(self.to).await.map_err(|error| Failure::of_connect(&error))?;
        stream.set_nodelay(true).map_err(|error| Failure::of_connect(&error))?;
        let stamp = Stamp::default();
        let wire = Wire::new(stream, Rc::clone(&stamp));
        let (sender, connection) =
            handshake(TokioIo::new(wire)).await.map_err(|error| Failure::of(&error))?;
        let driver = tokio::task::spawn_local(async move {
            // Whatever ends the connection is told to the request that waits on it.
            drop(connection.await);
        });
        Ok(Connection { sender, stamp, driver })
    }

    fn warn_once(&self, failure: Failure) {
        let exhausted = matches!(failure, Failure::FilesExhausted | Failure::PortsExhausted);
        if exhausted && !self.warned.replace(true) {
            tracing::warn!(
                target_address = %self.to,
                kind = failure.as_str(),
                "the load generator itself cannot open more connections; its errors are its own"
            );
        }
    }
}

/// Reads a body to its end and counts it.
async fn read(mut incoming: Incoming, body: Body, trail: &Trail) -> Result<Bytes, Failure> {
    let bytes_max = match body {
        Body::Keep => API_BODY_BYTES_MAX,
        Body::Discard => DISCARDED_BYTES_MAX,
    };
    let mut kept = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::of(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        let length = trail.body_bytes.get() + data.len() as u64;
        trail.body_bytes.set(length);
        if length > bytes_max as u64 {
            return Err(Failure::TooLarge);
        }
        if body == Body::Keep {
            kept.extend_from_slice(data);
        }
    }
    Ok(kept.freeze())
}

#[cfg(test)]
mod tests;
