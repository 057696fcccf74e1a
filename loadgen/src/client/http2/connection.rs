//! One connection of HTTP/2, made when its server has said what it allows.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::super::Failure;
use super::super::answer::HEAD_BYTES_MAX;
use super::super::connect::{DialTimes, Dialer};
use super::witness::{Fallen, Witness};

/// Requests at once on a connection, where the server does not allow fewer: what RFC 9113 §6.5.2
/// asks of servers to allow.
pub(super) const STREAMS_MAX: usize = 100;
/// What a server may send of one body, and of all, before it was read. A body that is read as it
/// comes never waits for our leave, up to a few Gbit/s over some milliseconds.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 5 * 1024 * 1024;

#[derive(Debug)]
pub(in super::super) struct Connection {
    sender: SendRequest<Bytes>,
    /// Booked so far.
    requests: Cell<u32>,
    /// Something has been answered on it.
    proven: Cell<bool>,
    /// The server takes no more requests.
    left: Cell<bool>,
    fallen: Fallen,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Notes into `times` what was done, also when it fails.
    pub(super) async fn make(dialer: &Dialer, times: &mut DialTimes) -> Result<Self, Failure> {
        let stream = dialer.dial(times).await?;
        let Greeted { sender, connection, fallen } = greet(stream).await?;
        let driver = tokio::task::spawn_local(async move {
            // Whatever ends the connection is told to the requests that wait on it.
            drop(connection.await);
        });
        let (requests, proven, left) = <(Cell<u32>, Cell<bool>, Cell<bool>)>::default();
        Ok(Self { sender, requests, proven, left, fallen, driver })
    }

    /// Another request may be sent over it.
    pub(super) fn is_open(&self, requests_max: u32) -> bool {
        !self.left.get() && self.requests.get() < requests_max && !self.driver.is_finished()
    }

    /// Requests at once that the server allows now, and we make use of.
    pub(super) fn streams_max(&self) -> usize {
        self.sender.current_max_send_streams().min(STREAMS_MAX)
    }

    /// No other request is sent over it; those that are under way go on.
    pub(super) fn retire(&self) {
        self.left.set(true);
    }

    /// The server has answered something on it: it is no server that lets nobody in.
    pub(super) fn is_proven(&self) -> bool {
        self.proven.get()
    }

    pub(super) fn prove(&self) {
        self.proven.set(true);
    }

    /// One more request will be sent over it.
    pub(super) fn book(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    /// What sends one request. Fails when the server has gone, or takes no more.
    pub(super) async fn sender(&self) -> Result<SendRequest<Bytes>, Failure> {
        self.sender.clone().ready().await.map_err(|error| self.failure(&error))
    }

    pub(super) fn failure(&self, error: &h2::Error) -> Failure {
        failure(error, &self.fallen)
    }
}

fn failure(error: &h2::Error, fallen: &Fallen) -> Failure {
    match fallen.get() {
        Some(failure) if error.is_io() => failure,
        _ => Failure::of_http2(error),
    }
}

/// A server that has greeted back.
pub(in super::super) struct Greeted<S> {
    sender: SendRequest<Bytes>,
    /// Must be polled for anything to go on.
    connection: h2::client::Connection<Witness<S>, Bytes>,
    fallen: Fallen,
}

/// Says over a connected stream that HTTP/2 is spoken, and waits for the server to say so, too, and
/// to allow a request.
pub(in super::super) async fn greet<S>(stream: S) -> Result<Greeted<S>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let fallen = Fallen::default();
    let (sender, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        // Until the settings of the server come.
        .initial_max_send_streams(0)
        // An answer that comes after its request was given up is no fault of the server.
        .max_local_error_reset_streams(None)
        .handshake(Witness::new(stream, &fallen))
        .await
        .map_err(|error| failure(&error, &fallen))?;
    let settled = poll_fn(|context| match Pin::new(&mut connection).poll(context) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(failure(&error, &fallen))),
        Poll::Ready(Ok(())) => Poll::Ready(Err(Failure::Closed)),
        Poll::Pending if sender.current_max_send_streams() == 0 => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
    });
    settled.await?;
    Ok(Greeted { sender, connection, fallen })
}
