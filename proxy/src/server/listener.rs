//! One listener: accepts, bounds, serves, and lets requests in flight finish at the end.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use model::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::asked;
use super::socket::{CallerSocket, Sever};
use crate::pipeline;
use crate::worker::{Door, Worker};

/// Open connections per listener; more are closed at once and counted.
const CONNECTIONS_MAX: usize = 16_384;
/// A head that takes longer is a slow sender; hyper also ends idle connections by it.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// After a failure to accept, such as no file descriptors left: nothing tells when there are some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stopping` turns true and everything in flight is done.
pub(super) async fn serve(
    listener: TcpListener,
    worker: Arc<Worker>,
    door: Door,
    stopping: watch::Receiver<bool>,
) {
    let door = Arc::new(door);
    let mut stop = stopping.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) if connections.len() < CONNECTIONS_MAX => {
                    let served = connection(socket, &worker, &door, stopping.clone());
                    connections.spawn(served);
                },
                Ok(_closed_by_drop) => {
                    worker.losses.connection_refused();
                    worker.emitter.count_dropped("connections");
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    worker.losses.accept_failed();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                },
            },
            Some(_ended) = connections.join_next() => {},
            () = asked(&mut stop) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn connection(
    socket: TcpStream,
    worker: &Arc<Worker>,
    door: &Arc<Door>,
    mut stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    let (worker, door) = (Arc::clone(worker), Arc::clone(door));
    async move {
        if socket.set_nodelay(true).is_err() {
            // Gone before it was looked at.
            return;
        }
        let sever = Sever::default();
        let io = CallerSocket::new(socket, sever.clone());
        let losses = Arc::clone(&worker.losses);
        let service = service_fn(move |request| {
            let sever = sever.clone();
            let served = pipeline::serve(Arc::clone(&worker), Arc::clone(&door), request);
            async move { served.await.inspect_err(|_severed| sever.ask()) }
        });
        let serving = Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(io, service);
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = asked(&mut stopping) => {
                serving.as_mut().graceful_shutdown();
                serving.await
            },
        };
        if ended.is_err_and(|error| error.is_parse()) {
            losses.head_refused();
        }
    }
}
