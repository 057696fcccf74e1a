//! Binding, serving, ending.
//!
//! Everything runs on the caller's runtime, whatever its flavour. Ending is bounded: listeners
//! close at once, faults are disarmed so that nothing they hold back is left waiting, requests in
//! flight get some seconds, and what is still there then is cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::edge::Edge;
use model::limits::EDGES_MAX;
use model::plan::{EdgeAddress, EdgeListener, ProxyAddresses, ProxyConfig};
use telemetry::clock::Clock;
use telemetry::providers::Providers;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::{self, Admin};
use crate::control::Control;
use crate::emit::Emitter;
use crate::journeys::Journeys;
use crate::pool::Pool;
use crate::worker::{Door, Losses, Worker};

mod listener;
mod socket;

/// Requests in flight get this long to end.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("cannot listen on {address} for {what}")]
    Bind { what: String, address: SocketAddr, source: io::Error },
    #[error("edge {edge} is configured twice")]
    TwiceConfigured { edge: Edge },
    #[error("{count} edges are configured, at most {EDGES_MAX} are served")]
    TooManyEdges { count: usize },
}

/// A running gateway. Dropping it leaves the gateway running until its runtime ends.
#[derive(Debug)]
pub struct ProxyHandle {
    addresses: ProxyAddresses,
    stop: watch::Sender<bool>,
    done: watch::Receiver<bool>,
}

impl ProxyHandle {
    pub fn addresses(&self) -> &ProxyAddresses {
        &self.addresses
    }

    /// Begins to end: no new connections, faults disarmed, requests in flight finished for at most
    /// five seconds. Returns at once; [`Self::done`] waits.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until everything has ended. Telemetry may be flushed then.
    pub async fn done(&self) {
        let mut done = self.done.clone();
        // An error means that the supervising task is gone, which is an end as well.
        let _ended = done.wait_for(|done| *done).await;
    }
}

/// Binds all listeners and serves until [`ProxyHandle::shutdown`].
pub async fn start(
    config: ProxyConfig,
    providers: Providers,
    clock: Clock,
) -> Result<ProxyHandle, ProxyError> {
    let emitter = Emitter::new(&providers, clock.clone());
    start_with(config, emitter, Some(providers), clock).await
}

pub(crate) async fn start_with(
    config: ProxyConfig,
    emitter: Emitter,
    providers: Option<Providers>,
    clock: Clock,
) -> Result<ProxyHandle, ProxyError> {
    let edges: Vec<Edge> = config.edges.iter().map(|listener| listener.edge.clone()).collect();
    check_edges(&edges)?;
    let bound = Bound::new(&config).await?;
    let addresses = bound.addresses.clone();
    let emitter = Arc::new(emitter);
    let control = Arc::new(Control::new(&edges, Arc::clone(&emitter), clock.clone()));
    let worker = Arc::new(Worker {
        control: Arc::clone(&control),
        emitter,
        journeys: Arc::new(Journeys::default()),
        clock,
        pool: Pool::default(),
        losses: Arc::new(Losses::default()),
    });
    let edges = addresses.edges.iter().map(|edge| (edge.edge.clone(), edge.address)).collect();
    let admin = Admin { worker: Arc::clone(&worker), edges: Arc::new(edges), providers };
    let (stop, stopping) = watch::channel(false);
    let (ended, done) = watch::channel(false);
    let tasks = bound.serve(&worker, admin, &stopping);
    tokio::spawn(supervise(tasks, control, stopping, ended));
    Ok(ProxyHandle { addresses, stop, done })
}

fn check_edges(edges: &[Edge]) -> Result<(), ProxyError> {
    if edges.len() > EDGES_MAX {
        return Err(ProxyError::TooManyEdges { count: edges.len() });
    }
    let mut seen = BTreeSet::new();
    match edges.iter().find(|edge| !seen.insert(*edge)) {
        Some(edge) => Err(ProxyError::TwiceConfigured { edge: edge.clone() }),
        None => Ok(()),
    }
}

async fn supervise(
    mut tasks: JoinSet<()>,
    control: Arc<Control>,
    mut stopping: watch::Receiver<bool>,
    ended: watch::Sender<bool>,
) {
    tokio::select! {
        () = control.follow_the_clock() => {},
        () = asked(&mut stopping) => {},
    }
    control.release();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!("requests were still in flight at the end and are cut off");
        tasks.shutdown().await;
    }
    ended.send_replace(true);
}

/// Waits until the end is asked for: for ever, when the handle is gone and nobody can ask.
pub(crate) async fn asked(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// All listeners, before anything is served.
struct Bound {
    admin: TcpListener,
    gateway: TcpListener,
    edges: BTreeMap<Edge, TcpListener>,
    addresses: ProxyAddresses,
}

impl Bound {
    async fn new(config: &ProxyConfig) -> Result<Self, ProxyError> {
        let (admin, admin_address) = bind("the admin API", config.admin).await?;
        let (gateway, gateway_address) = bind("the public gateway", config.gateway).await?;
        let mut edges = BTreeMap::new();
        let mut edge_addresses = Vec::with_capacity(config.edges.len());
        for EdgeListener { edge, listen, .. } in &config.edges {
            let (listener, address) = bind(&format!("edge {edge}"), *listen).await?;
            edges.insert(edge.clone(), listener);
            edge_addresses.push(EdgeAddress { edge: edge.clone(), address });
        }
        let addresses = ProxyAddresses {
            admin: admin_address,
            gateway: gateway_address,
            edges: edge_addresses,
            toxiproxy: None,
        };
        Ok(Self { admin, gateway, edges, addresses })
    }

    fn serve(
        self,
        worker: &Arc<Worker>,
        admin: Admin,
        stopping: &watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(admin::serve(self.admin, admin, stopping.clone()));
        let doors = self.edges.into_iter().map(|(edge, at)| (Door::Edge(edge), at));
        for (door, at) in doors.chain([(Door::Public, self.gateway)]) {
            tasks.spawn(listener::serve(at, Arc::clone(worker), door, stopping.clone()));
        }
        tasks
    }
}

async fn bind(what: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ProxyError> {
    let failed = |source| ProxyError::Bind { what: what.to_owned(), address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
