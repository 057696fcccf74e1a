//! Binding, serving, ending.
//!
//! Requests are served on threads of their own ([`threads`]), everything else (the control API,
//! telemetry, schedules) on the caller's runtime. Ending is bounded: listeners close at once,
//! faults are disarmed so that nothing they hold back is left waiting, requests in flight get some
//! seconds, and what is still there then is cut off.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::edge::Edge;
use model::limits::EDGES_MAX;
use model::plan::{Applied, EdgeAddress, EdgeListener, Plan, ProxyAddresses, ProxyConfig};
use telemetry::clock::Clock;
use telemetry::providers::Providers;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::access::AccessLog;
use crate::admin::{self, Admin};
use crate::control::Control;
use crate::emit::{Emitter, EndpointError};
use crate::journeys::Journeys;
use crate::toxiproxy;
use crate::worker::{self, Losses, Shared, Worker};

mod connection;
pub(crate) mod door;
mod listener;
pub(crate) mod threads;

use door::Door;
use threads::{OpenDoor, Threads};

/// Requests in flight get this long to end.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What waits for export gets this long to leave afterwards.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("cannot listen on {address} for {what}")]
    Bind { what: String, address: SocketAddr, source: io::Error },
    #[error("edge {edge} is configured twice")]
    TwiceConfigured { edge: Edge },
    #[error("{count} edges are configured, at most {EDGES_MAX} are served")]
    TooManyEdges { count: usize },
    #[error("the admin API at {address} can be reached from other machines and needs a token")]
    OpenAdmin { address: SocketAddr },
    #[error(transparent)]
    Telemetry(#[from] EndpointError),
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    #[error("cannot write the access log {path}")]
    AccessLog { path: String, source: io::Error },
}

/// A running gateway. Dropping it leaves the gateway running until its runtime ends.
#[derive(Debug)]
pub struct ProxyHandle {
    addresses: ProxyAddresses,
    control: Arc<Control>,
    workers: Arc<Vec<Arc<Worker>>>,
    access: Option<Arc<AccessLog>>,
    stop: watch::Sender<bool>,
    done: watch::Receiver<bool>,
}

impl ProxyHandle {
    pub fn addresses(&self) -> &ProxyAddresses {
        &self.addresses
    }

    /// Replaces the plan as a whole, under the next epoch when its own is not newer; nothing
    /// changes when it is refused.
    pub fn apply(&self, plan: Plan) -> Result<Applied, String> {
        let next = self.control.snapshot().epoch + 1;
        let plan = Plan { epoch: plan.epoch.max(next), ..plan };
        let applied = self.control.apply(plan).map_err(|refusal| refusal.to_string())?;
        worker::close_unused(&self.workers, &self.control);
        Ok(applied)
    }

    /// Opens the file of the access log anew, after somebody moved it away.
    pub fn reopen_log(&self) {
        if let Some(access) = &self.access {
            access.reopen();
        }
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
    let emitter = Emitter::new(&config, &providers, clock.clone())?;
    start_with(config, emitter, Some(providers), clock).await
}

pub(crate) async fn start_with(
    config: ProxyConfig,
    emitter: Emitter,
    providers: Option<Providers>,
    clock: Clock,
) -> Result<ProxyHandle, ProxyError> {
    check(&config)?;
    let emitter = Arc::new(emitter);
    let control = Arc::new(Control::new(&config.edges, Arc::clone(&emitter), clock.clone()));
    let access = config.access_log.as_deref().map(open_access_log).transpose()?;
    let shared = Shared {
        control: Arc::clone(&control),
        emitter: Arc::clone(&emitter),
        journeys: Arc::new(Journeys::default()),
        clock,
        limits: Arc::new(config.limits.clone()),
        losses: Arc::new(Losses::default()),
        access: access.clone(),
    };
    let (stop, stopping) = watch::channel(false);
    let (ended, done) = watch::channel(false);
    let (threads, workers, mut tasks) =
        Threads::start(config.threads, &shared, &stopping).map_err(ProxyError::Thread)?;
    let bound = Bound::new(&config, &threads).await?;
    let addresses = bound.addresses;
    for edge in &addresses.edges {
        control.listens(&edge.edge, Some(edge.address));
    }
    let workers = Arc::new(workers);
    let admin = Admin {
        workers: Arc::clone(&workers),
        shared,
        token: config.admin_token.map(Arc::new),
        providers,
    };
    tasks.spawn(admin::serve(bound.admin, admin, stopping.clone()));
    if let Some(listener) = bound.toxiproxy {
        tasks.spawn(toxiproxy::serve(listener, Arc::clone(&control), threads, stopping.clone()));
    }
    let parts = (Arc::clone(&control), emitter, access.clone());
    tokio::spawn(supervise(tasks, parts, stopping, ended));
    Ok(ProxyHandle { addresses, control, workers, access, stop, done })
}

fn check(config: &ProxyConfig) -> Result<(), ProxyError> {
    let count = config.edges.len();
    if count > EDGES_MAX {
        return Err(ProxyError::TooManyEdges { count });
    }
    if !config.admin.ip().is_loopback() && config.admin_token.is_none() {
        return Err(ProxyError::OpenAdmin { address: config.admin });
    }
    let mut seen = BTreeSet::new();
    match config.edges.iter().find(|listener| !seen.insert(&listener.edge)) {
        Some(twice) => Err(ProxyError::TwiceConfigured { edge: twice.edge.clone() }),
        None => Ok(()),
    }
}

fn open_access_log(path: &str) -> Result<Arc<AccessLog>, ProxyError> {
    let failed = |source| ProxyError::AccessLog { path: path.to_owned(), source };
    AccessLog::open(path).map(Arc::new).map_err(failed)
}

async fn supervise(
    mut tasks: JoinSet<()>,
    (control, emitter, access): (Arc<Control>, Arc<Emitter>, Option<Arc<AccessLog>>),
    mut stopping: watch::Receiver<bool>,
    ended: watch::Sender<bool>,
) {
    tokio::select! {
        () = control.follow_the_clock() => {},
        () = asked(&mut stopping) => {},
    }
    control.end();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!("requests were still in flight at the end and are cut off");
        tasks.shutdown().await;
    }
    let left = emitter.flush(Instant::now() + FLUSH_MAX).await.waiting;
    if left > 0 {
        tracing::warn!(left, "spans could not be sent before the end");
    }
    if let Some(access) = access {
        access.flush().await;
    }
    ended.send_replace(true);
}

/// Waits until the end is asked for: for ever, when the handle is gone and nobody can ask.
pub(crate) async fn asked(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Everything that listens.
struct Bound {
    admin: TcpListener,
    toxiproxy: Option<TcpListener>,
    addresses: ProxyAddresses,
}

impl Bound {
    async fn new(config: &ProxyConfig, threads: &Threads) -> Result<Self, ProxyError> {
        let (admin, admin_address) = bind("the admin API", config.admin).await?;
        let toxiproxy = match config.toxiproxy {
            Some(address) => Some(bind("the API of Toxiproxy", address).await?),
            None => None,
        };
        let gateway = open(threads, "the public gateway", config.gateway, Door::public()).await?;
        let mut edges = Vec::with_capacity(config.edges.len());
        for EdgeListener { edge, listen, protocol } in &config.edges {
            let door = Door::of(edge.clone(), *protocol);
            let opened = open(threads, &format!("edge {edge}"), *listen, door).await?;
            edges.push(EdgeAddress { edge: edge.clone(), address: opened.address });
        }
        let addresses = ProxyAddresses {
            admin: admin_address,
            gateway: gateway.address,
            edges,
            toxiproxy: toxiproxy.as_ref().map(|(_, address)| *address),
        };
        Ok(Self { admin, toxiproxy: toxiproxy.map(|(listener, _)| listener), addresses })
    }
}

async fn open(
    threads: &Threads,
    what: &str,
    address: SocketAddr,
    door: Door,
) -> Result<OpenDoor, ProxyError> {
    let failed = |source| ProxyError::Bind { what: what.to_owned(), address, source };
    threads.open(address, door).await.map_err(failed)
}

async fn bind(what: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ProxyError> {
    let failed = |source| ProxyError::Bind { what: what.to_owned(), address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
