//! One listener on one thread: accepts, bounds, hands over, and lets what is in flight finish at
//! the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::plan::Protocol;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::door::Door;
use super::{asked, connection};
use crate::bytes::{self, Doorway};
use crate::worker::Worker;

/// After a failure to accept, such as no file descriptors left: nothing tells when there are some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stopping` turns true and everything in flight is done.
pub(super) async fn serve(
    listener: TcpListener,
    worker: Arc<Worker>,
    door: Arc<Door>,
    stopping: watch::Receiver<bool>,
) {
    let mut entrance = match Entrance::new(&worker, &door, listener) {
        Ok(entrance) => entrance,
        Err(error) => {
            tracing::error!(%error, "a listener cannot be served");
            return;
        },
    };
    let mut stop = stopping.clone();
    let mut stop = std::pin::pin!(asked(&mut stop));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = entrance.accept() => match accepted {
                Ok((socket, peer)) => match door.admit(peer.ip(), &worker.limits) {
                    Some(guest) => {
                        let (worker, door) = (Arc::clone(&worker), Arc::clone(&door));
                        let stopping = stopping.clone();
                        match (door.protocol, door.edge().cloned()) {
                            // A task of its own kind: it is a fraction of one that reads requests.
                            (Protocol::Tcp, Some(edge)) => connections.spawn(async move {
                                let _guest = guest;
                                bytes::serve_connection(worker, edge, socket, stopping).await;
                            }),
                            _ => connections.spawn(async move {
                                let _guest = guest;
                                welcome(worker, door, socket, stopping).await;
                            }),
                        };
                    },
                    None => {
                        worker.losses.connection_refused();
                        worker.emitter.count_dropped("connections");
                    },
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    worker.losses.accept_failed();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                },
            },
            Some(_ended) = connections.join_next() => {},
            () = stop.as_mut() => break,
        }
    }
    drop(entrance);
    // Connections of bytes look at what they were told only when something rings.
    worker.control.bell.ring();
    while connections.join_next().await.is_some() {}
}

/// Where connections come in: the doors of edges can be shut by a fault.
enum Entrance {
    Plain(TcpListener),
    OfEdge(Box<Doorway>),
}

impl Entrance {
    fn new(worker: &Arc<Worker>, door: &Door, listener: TcpListener) -> io::Result<Self> {
        Ok(match door.edge() {
            Some(edge) => Self::OfEdge(Box::new(Doorway::new(worker, edge.clone(), listener)?)),
            None => Self::Plain(listener),
        })
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        match self {
            Self::Plain(listener) => listener.accept().await,
            Self::OfEdge(doorway) => doorway.accept().await,
        }
    }
}

async fn welcome(
    worker: Arc<Worker>,
    door: Arc<Door>,
    socket: TcpStream,
    stopping: watch::Receiver<bool>,
) {
    if socket.set_nodelay(true).is_err() {
        // Gone before it was looked at.
        return;
    }
    let socket = match door.edge() {
        Some(edge) => bytes::gate_of(&worker, edge, socket).await,
        None => Some(socket),
    };
    let Some(socket) = socket else { return };
    connection::serve(worker, door, socket, stopping).await;
}
