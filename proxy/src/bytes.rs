//! Edges that carry any TCP protocol: bytes pass through, faults act on the bytes.
//!
//! A connection is accepted, led past the faults at the gate, connected to an endpoint of the edge,
//! and then two flows move its bytes, each until its sender ends; the end of one side is told to
//! the other and closes nothing else. While nothing acts on a flow its bytes stay in the kernel
//! (`direct`); while something does they are read, kept on their way and shaped (`shaped`). Faults
//! that come, change and go reach connections that are open (`armed`), each by its `live` rule.
//!
//! What these edges do not have is a request: policies, breakers and retries are about requests and
//! do not act here.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::edge::Edge;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::balance::{Cause, Choice, InFlight, Outcome};
use crate::emit::metrics::{Count, Level};
use crate::snapshot::{Line, Traffic};
use crate::worker::Worker;

mod armed;
mod bell;
mod connection;
mod delays;
mod direct;
mod doorway;
mod ending;
mod exact;
mod flow;
mod gate;
mod line;
mod page;
mod shaped;
mod socket;
mod store;

use armed::Armed;
pub(crate) use bell::Bell;
use connection::Connection;
pub(crate) use doorway::Doorway;
pub(crate) use exact::Poller;
pub(crate) use gate::{Gate, gate};

/// An endpoint that does not answer in time is as good as none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Leads a connection of an edge that carries requests past the faults at the gate.
pub(crate) async fn gate_of(
    worker: &Arc<Worker>,
    edge: &Edge,
    socket: TcpStream,
) -> Option<TcpStream> {
    let snapshot = worker.control.snapshot();
    let line = snapshot.lines.get(edge).filter(|line| !line.faults.is_empty()).map(Arc::clone);
    drop(snapshot);
    let Some(line) = line else { return Some(socket) };
    match gate(worker, &line, line.traffic.next_connection(), socket).await {
        Gate::Serve(socket) => Some(socket),
        Gate::Closed => None,
    }
}

/// Serves one accepted connection of a TCP edge to its end.
pub(crate) async fn serve_connection(
    worker: Arc<Worker>,
    edge: Edge,
    socket: TcpStream,
    stopping: watch::Receiver<bool>,
) {
    let snapshot = worker.control.snapshot();
    let Some(line) = snapshot.lines.get(&edge).map(Arc::clone) else {
        // Without a plan nothing is served.
        return ending::reset(socket);
    };
    drop(snapshot);
    let open = Open::new(&line.traffic, worker.index);
    let Gate::Serve(caller) = gate(&worker, &line, open.ordinal, socket).await else { return };
    let mut armed = Armed::new(Arc::clone(&worker), edge, open.ordinal);
    armed.look();
    let began = worker.clock.now();
    let choice = Choice { now: began, key: None, draw: worker.draw(), not: &[] };
    let flight = line.endpoints.pick(&choice);
    let connected = connect(flight.as_ref().map(InFlight::address)).await;
    let callee = match connected.and_then(|callee| prepared(callee, &caller)) {
        Ok(callee) => callee,
        Err(error) => {
            tracing::debug!(%error, edge = %line.edge, "the callee cannot be reached");
            landed(&worker, &line, flight, Cause::Upstream { status: None }, began);
            return ending::reset(caller);
        },
    };
    let traffic = Arc::clone(&line.traffic);
    // The plan of the beginning is not kept for as long as the connection lives.
    drop(line);
    Connection::new(worker, armed, (caller, callee), traffic, stopping).run().await;
    drop(flight);
}

/// Tells the endpoint's record how the connection to it came out.
fn landed(worker: &Worker, line: &Line, flight: Option<InFlight>, cause: Cause, began: Instant) {
    let now = worker.clock.now();
    let outcome = Outcome { took: now - began, cause, retry_after: None };
    if let Some(event) = flight.and_then(|flight| flight.end(outcome, now)) {
        worker.emitter.endpoint_changed(&line.edge, &event);
    }
}

async fn connect(endpoint: Option<SocketAddr>) -> io::Result<TcpStream> {
    let endpoint = endpoint.ok_or(io::ErrorKind::AddrNotAvailable)?;
    tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(endpoint)).await?
}

/// Bytes are passed on when they come, however few.
fn prepared(callee: TcpStream, caller: &TcpStream) -> io::Result<TcpStream> {
    callee.set_nodelay(true)?;
    caller.set_nodelay(true)?;
    Ok(callee)
}

/// Counts a connection while it is open, and numbers it.
#[derive(Debug)]
struct Open {
    traffic: Arc<Traffic>,
    ordinal: u64,
    shard: usize,
}

impl Open {
    fn new(traffic: &Arc<Traffic>, shard: usize) -> Self {
        traffic.metrics.add(shard, Count::ConnectionsAccepted, 1);
        traffic.metrics.raise(shard, Level::ConnectionsOpen, 1);
        Self { traffic: Arc::clone(traffic), ordinal: traffic.next_connection(), shard }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.traffic.metrics.raise(self.shard, Level::ConnectionsOpen, -1);
    }
}

#[cfg(test)]
mod tests;
