//! One connection: HTTP/1.1 or HTTP/2 with prior knowledge, told apart by its first bytes.

use std::convert::Infallible;
use std::io::{Cursor, Error, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use model::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Receiver;
use super::places::Place;

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests of one HTTP/2 connection at once; a client waits with more.
const STREAMS_MAX: u32 = 128;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// For the head of a request, and for a kept connection without one: longer than the minute after
/// which SDKs send metrics, so that they find their connection open.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// An HTTP/2 peer may be silent for as long as it answers a ping; one that is gone does not.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves a connection until it ends or loses its place.
pub(super) async fn serve(
    receiver: Arc<Receiver>,
    socket: TcpStream,
    peer: IpAddr,
    place: Place,
    watcher: Watcher,
) {
    let place = Arc::new(place);
    let served = tokio::select! {
        served = talk(receiver, socket, peer, Arc::clone(&place), watcher) => served,
        () = place.lost() => return,
    };
    // A peer that breaks its connection only harms itself.
    if let Err(error) = served {
        tracing::debug!(error, "an OTLP connection broke");
    }
}

async fn talk(
    receiver: Arc<Receiver>,
    mut socket: TcpStream,
    peer: IpAddr,
    place: Arc<Place>,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut stop = receiver.core.stop.subscribe();
    let first = tokio::select! {
        first = timeout(HEAD_TIMEOUT, first_bytes(&mut socket)) => first??,
        () = crate::core::stopped(&mut stop) => return Ok(()),
    };
    let is_http_2 = first == PREFACE;
    let (reader, writer) = socket.into_split();
    let io = TokioIo::new(tokio::io::join(Cursor::new(first).chain(reader), writer));
    let service = service_fn(move |request: Request<Incoming>| {
        let (receiver, undisturbed) = (Arc::clone(&receiver), place.work());
        async move {
            let _undisturbed = undisturbed;
            Ok::<_, Infallible>(super::answer(&receiver, peer, request).await)
        }
    });
    if is_http_2 {
        watcher.watch(http_2().serve_connection(io, service)).await?;
    } else {
        watcher.watch(http_1().serve_connection(io, service)).await?;
    }
    Ok(())
}

/// Reads until it is clear which protocol it is.
async fn first_bytes(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
        let missing = (PREFACE.len() - first.len()) as u64;
        if socket.take(missing).read_buf(&mut first).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
    }
    Ok(first)
}

fn http_1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
}

fn http_2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    builder
}
