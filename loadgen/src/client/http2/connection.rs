//! One connection of HTTP/2, made when its server has said what it allows.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::super::connect::Dialer;
use super::super::{Failure, Trail};

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
    /// So far.
    requests: Cell<u32>,
    /// The server takes no more requests.
    left: Cell<bool>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(super) async fn make(dialer: &Dialer, trail: &mut Trail) -> Result<Self, Failure> {
        let stream = dialer.dial(&mut trail.dial).await?;
        let (sender, connection) = greet(stream).await?;
        let driver = tokio::task::spawn_local(async move {
            // Whatever ends the connection is told to the requests that wait on it.
            drop(connection.await);
        });
        Ok(Self { sender, requests: Cell::new(0), left: Cell::new(false), driver })
    }

    /// A request may be sent that is not the first beyond `requests_max`.
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

    /// What sends one request. Fails when the server has gone, or takes no more.
    pub(super) async fn sender(&self) -> Result<SendRequest<Bytes>, h2::Error> {
        let ready = self.sender.clone().ready().await;
        match &ready {
            Ok(_) => self.requests.set(self.requests.get() + 1),
            Err(_) => self.retire(),
        }
        ready
    }
}

/// Says over a connected stream that HTTP/2 is spoken, and waits for the server to say so, too, and
/// to allow a request. What comes back must be polled for anything to go on.
pub(in super::super) async fn greet<S>(
    stream: S,
) -> Result<(SendRequest<Bytes>, h2::client::Connection<S, Bytes>), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sender, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(super::super::answer::HEAD_BYTES_MAX as u32)
        // Until the settings of the server come.
        .initial_max_send_streams(0)
        .handshake(stream)
        .await
        .map_err(|error| Failure::of_http2(&error))?;
    let settled = poll_fn(|context| match Pin::new(&mut connection).poll(context) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(Failure::of_http2(&error))),
        Poll::Ready(Ok(())) => Poll::Ready(Err(Failure::Closed)),
        Poll::Pending if sender.current_max_send_streams() == 0 => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
    });
    settled.await?;
    Ok((sender, connection))
}
