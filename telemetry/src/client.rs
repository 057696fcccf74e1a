//! One small HTTP/1.1 client: for control calls and for the sample services.
//!
//! It keeps a bounded number of idle connections per address and never retries: a caller that
//! wants a second attempt must ask for it, because a silent one would hide the faults that are
//! injected. The one exception is a pooled connection that the other side had closed before
//! anything of the new request was sent on it; that request goes out on a fresh connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use model::limits::API_BODY_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::tls::Tls;

/// Idle connections kept per address.
const IDLE_MAX: usize = 64;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot connect to {to}")]
    Connect { to: SocketAddr, source: std::io::Error },
    #[error("cannot encrypt the connection to {to}")]
    Encrypt { to: SocketAddr, source: std::io::Error },
    /// It is unknown whether the other side did the work.
    #[error("the connection to {to} broke before the answer was complete")]
    Broken { to: SocketAddr, source: hyper::Error },
    #[error("no answer from {to} within {} ms", timeout.as_millis())]
    Timeout { to: SocketAddr, timeout: Duration },
    #[error("the answer from {to} is longer than {bytes_max} bytes")]
    TooLarge { to: SocketAddr, bytes_max: usize },
    #[error("the body from {to} cannot be read")]
    Body { to: SocketAddr, source: Box<dyn std::error::Error + Send + Sync> },
}

type Connection = SendRequest<Full<Bytes>>;

/// Clones share their idle connections.
#[derive(Debug, Clone, Default)]
pub struct Client {
    idle: Arc<Mutex<BTreeMap<SocketAddr, Vec<Connection>>>>,
    tls: Option<Tls>,
}

impl Client {
    pub fn new() -> Self {
        Self::default()
    }

    /// Encrypts every connection, and asks the other side for the name that `tls` was made for.
    pub fn encrypted(tls: Tls) -> Self {
        Self { tls: Some(tls), ..Self::default() }
    }

    /// Sends a request and reads the whole answer, at most 8 MiB of it. `Host` is set when absent.
    /// On a timeout the connection is closed, so the other side can notice.
    pub async fn send(
        &self,
        to: SocketAddr,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, ClientError> {
        self.send_for(to, request, (timeout, API_BODY_BYTES_MAX)).await
    }

    /// The same for an answer of another size, at most so many bytes.
    pub async fn send_for(
        &self,
        to: SocketAddr,
        request: http::Request<Bytes>,
        (timeout, bytes_max): (Duration, usize),
    ) -> Result<http::Response<Bytes>, ClientError> {
        tokio::time::timeout(timeout, self.exchange(to, request, bytes_max))
            .await
            .unwrap_or(Err(ClientError::Timeout { to, timeout }))
    }

    /// Sends a request and hands over the body as it streams, without a limit of time or size.
    pub async fn stream(
        &self,
        to: SocketAddr,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Incoming>, ClientError> {
        let mut connection = self.connect(to).await?;
        connection
            .send_request(prepared(to, request))
            .await
            .map_err(|source| ClientError::Broken { to, source })
    }

    async fn exchange(
        &self,
        to: SocketAddr,
        request: http::Request<Bytes>,
        bytes_max: usize,
    ) -> Result<http::Response<Bytes>, ClientError> {
        let (mut connection, response) = self.first_answer(to, prepared(to, request)).await?;
        let (head, body) = response.into_parts();
        let body =
            Limited::new(body, bytes_max).collect().await.map_err(|source| match source
                .downcast::<LengthLimitError>(
            ) {
                Ok(_) => ClientError::TooLarge { to, bytes_max },
                Err(other) => match other.downcast::<hyper::Error>() {
                    Ok(broken) => ClientError::Broken { to, source: *broken },
                    Err(source) => ClientError::Body { to, source },
                },
            })?;
        if connection.ready().await.is_ok() {
            self.keep(to, connection);
        }
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }

    /// Tries idle connections until one takes the request, then a fresh one.
    async fn first_answer(
        &self,
        to: SocketAddr,
        mut request: http::Request<Full<Bytes>>,
    ) -> Result<(Connection, http::Response<Incoming>), ClientError> {
        while let Some(mut connection) = self.take(to) {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(ClientError::Broken { to, source: failed.into_error() }),
                },
            }
        }
        let mut connection = self.connect(to).await?;
        let response = connection
            .send_request(request)
            .await
            .map_err(|source| ClientError::Broken { to, source })?;
        Ok((connection, response))
    }

    async fn connect(&self, to: SocketAddr) -> Result<Connection, ClientError> {
        let socket =
            TcpStream::connect(to).await.map_err(|source| ClientError::Connect { to, source })?;
        socket.set_nodelay(true).map_err(|source| ClientError::Connect { to, source })?;
        match &self.tls {
            None => speak(to, socket).await,
            // Boxed, because it would make every future that asks something large.
            Some(tls) => {
                Box::pin(async move {
                    let wrapped = tls.wrap(socket).await;
                    speak(to, wrapped.map_err(|source| ClientError::Encrypt { to, source })?).await
                })
                .await
            },
        }
    }

    fn take(&self, to: SocketAddr) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(&to)?;
        std::iter::from_fn(|| connections.pop()).find(|connection| !connection.is_closed())
    }

    fn keep(&self, to: SocketAddr, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.entry(to).or_default();
        if connections.len() < IDLE_MAX {
            connections.push(connection);
        }
    }
}

async fn speak<S>(to: SocketAddr, socket: S) -> Result<Connection, ClientError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(socket))
        .await
        .map_err(|source| ClientError::Broken { to, source })?;
    // Whatever ends the connection is told to the request that waits on it.
    tokio::spawn(connection);
    Ok(sender)
}

fn prepared(to: SocketAddr, mut request: http::Request<Bytes>) -> http::Request<Full<Bytes>> {
    if !request.headers().contains_key(http::header::HOST) {
        let host = to.to_string().parse().expect("an address is visible ASCII");
        request.headers_mut().insert(http::header::HOST, host);
    }
    request.map(Full::new)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn get() -> http::Request<Bytes> {
        http::Request::builder().uri("/").body(Bytes::new()).unwrap()
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Answers `answers` requests on one connection, then closes it.
    async fn answer(listener: &TcpListener, answers: usize) {
        let (mut socket, _) = listener.accept().await.unwrap();
        for _ in 0..answers {
            let mut request = [0; 1024];
            assert!(socket.read(&mut request).await.unwrap() > 0);
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_is_used_again_and_replaced_when_the_server_closed_it() {
        let (listener, to) = listener().await;
        let server = tokio::spawn(async move {
            answer(&listener, 2).await;
            answer(&listener, 1).await;
        });
        let client = Client::new();
        for _ in 0..3 {
            let response = client.send(to, get(), Duration::from_secs(5)).await.unwrap();
            assert_eq!(response.body(), "ok");
        }
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_breaks_before_the_answer_is_reported_and_not_retried() {
        let (listener, to) = listener().await;
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(socket.read(&mut request).await.unwrap() > 0);
            drop(socket);
            listener
        });
        let failed = Client::new().send(to, get(), Duration::from_secs(5)).await;
        assert!(matches!(failed, Err(ClientError::Broken { .. })), "{failed:?}");
        drop(server.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_in_a_timeout() {
        let (_listener, to) = listener().await;
        let failed = Client::new().send(to, get(), Duration::from_secs(5)).await;
        assert!(matches!(failed, Err(ClientError::Timeout { .. })), "{failed:?}");
    }

    #[tokio::test]
    async fn nobody_listening_is_a_connect_error() {
        let (listener, to) = listener().await;
        drop(listener);
        let failed = Client::new().send(to, get(), Duration::from_secs(5)).await;
        assert!(matches!(failed, Err(ClientError::Connect { .. })), "{failed:?}");
    }
}
