//! The OTLP server: both transports on both ports, chosen by content type.
//!
//! Plain hyper, HTTP/1.1 and HTTP/2 with prior knowledge. Nothing here knows what the records mean;
//! it reads a body within its bounds, hands it to [`Core::take`], and answers as OTLP demands.

mod answer;
mod body;
mod grpc;
mod http;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use model::limits::HEAD_BYTES_MAX;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::answer::ReplyBody;
use crate::core::{Core, stopped};

/// Connections of one port at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// Requests of one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 256;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// For the head of a request, and for a kept connection without one: longer than the minute after
/// which SDKs send metrics, so that they find their connection open.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// For requests in work when the collector ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// After a failed accept, for example without free file descriptors: there is no event to wait
/// for, and trying again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` turns true, then finishes what is in work.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let builder = builder();
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = stopped(&mut stop) => break,
        };
        let (socket, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            },
        };
        let core = Arc::clone(&core);
        let service = service_fn(move |request| answer(Arc::clone(&core), request));
        let connection = builder.serve_connection(TokioIo::new(socket), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A peer that breaks its connection only harms itself.
            if let Err(error) = connection.await {
                tracing::debug!(error, "an OTLP connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("OTLP requests were still in work when the collector ended");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    builder
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections)
        .acquire_owned()
        .await
        .expect("the semaphore of connections is never closed");
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok((socket, permit))
}

async fn answer(
    core: Arc<Core>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let is_grpc = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(grpc::is_grpc);
    Ok(if is_grpc {
        grpc::answer(&core, request).await
    } else {
        http::answer(&core, request).await
    })
}

#[cfg(test)]
mod tests;
