//! One service process: open the store, serve, work, end in order.
//!
//! `/health` answers while the process lives. `/ready` answers 200 while the store works; a service
//! whose callees are not configured does not start at all. Both and `/audit` are for the machinery
//! around the shop: they make no span and no log line, and are not shed.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router, middleware};
use http::StatusCode;
use rusqlite::Connection;
use serde_json::json;
use telemetry::client::Client;
use telemetry::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::config::ServiceConfig;
use crate::error::ServiceError;
use crate::layer::{self, Gate, IN_FLIGHT_MAX};
use crate::problem::Problem;
use crate::service::{Service, Setup};
use crate::store::Store;
use crate::{cart, catalog, inventory, notifications, orders, payments};

/// Largest request body: a cart of fifty lines is a tenth of it.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long requests and workers may go on after the order to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the store may take to show that it works.
const PING: Duration = Duration::from_secs(1);

/// A service that is being served.
#[derive(Debug)]
pub struct ServiceHandle {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ServiceError>>,
}

impl ServiceHandle {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the service to end: no new connections, requests in flight have 2 s.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the service has ended.
    pub async fn done(self) -> Result<(), ServiceError> {
        match self.task.await {
            Ok(result) => result,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_cancelled) => Ok(()),
        }
    }
}

/// Starts one service in the current runtime; it serves when this returns.
pub async fn start(config: ServiceConfig, clock: Clock) -> Result<ServiceHandle, ServiceError> {
    start_with(config, clock, DRAIN).await
}

/// Starts one service that has `drain` to finish what is in flight when it is asked to end.
pub(crate) async fn start_with(
    config: ServiceConfig,
    clock: Clock,
    drain: Duration,
) -> Result<ServiceHandle, ServiceError> {
    config.check()?;
    let store = open(&config).await?;
    let (stop, stopped) = watch::channel(false);
    let (stop_workers, stop_of_workers) = watch::channel(false);
    let setup = Setup { config, store, client: Client::new(), clock, stop: stop_of_workers };
    let service = build(&setup)?;
    let listen = setup.config.listen;
    let name = setup.config.name.clone();
    let refused = |source| ServiceError::Listen { service: name.clone(), address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let router = router(&setup, service.routes, service.audit);
    let running = service.workers.into_iter().collect();
    let work = Work { running, stop: stop_workers, drain };
    let task = tokio::spawn(serve(name, listener, router, work, stopped));
    Ok(ServiceHandle { address, stop, task })
}

async fn open(config: &ServiceConfig) -> Result<Store, ServiceError> {
    let service = || config.name.clone();
    tokio::fs::create_dir_all(&config.data).await.map_err(|source| ServiceError::Folder {
        service: service(),
        path: config.data.clone(),
        source,
    })?;
    let prepare: fn(&Connection) -> rusqlite::Result<()> = match config.name.as_str() {
        "catalog" => catalog::prepare,
        "cart" => cart::prepare,
        "inventory" => inventory::prepare,
        "payments" => payments::prepare,
        "notifications" => notifications::prepare,
        _ => orders::prepare,
    };
    let path = config.data.join(format!("{}.db", config.name));
    let opened = Store::open(&path, prepare).await;
    opened.map_err(|source| ServiceError::Store { service: service(), path, source })
}

fn build(setup: &Setup) -> Result<Service, ServiceError> {
    match setup.config.name.as_str() {
        "catalog" => Ok(catalog::build(setup)),
        "cart" => cart::build(setup),
        "inventory" => Ok(inventory::build(setup)),
        "payments" => Ok(payments::build(setup)),
        "notifications" => Ok(notifications::build(setup)),
        _ => orders::build(setup),
    }
}

/// What goes on beside the requests.
struct Work {
    running: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// For the requests and then the workers, together.
    drain: Duration,
}

fn router(setup: &Setup, routes: Router, audit: Router) -> Router {
    let gate = Gate::new(setup.clock.clone(), IN_FLIGHT_MAX);
    let nothing = || async { Problem::new(StatusCode::NOT_FOUND, "there is nothing here") };
    let store = setup.store.clone();
    let service = setup.config.name.clone();
    routes
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(gate, layer::pass))
        .merge(audit)
        .route("/health", get(|| async { Json(json!({ "status": "up" })) }))
        .route("/ready", get(move || ready(service.clone(), store.clone())))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn ready(service: String, store: Store) -> Response {
    let callees = ServiceConfig::callees(&service);
    match tokio::time::timeout(PING, store.ping()).await {
        Ok(Ok(())) => Json(json!({ "status": "ready", "service": service, "callees": callees }))
            .into_response(),
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(_elapsed) => {
            let slow = "the store of this service does not answer";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, slow).into_response()
        },
    }
}

async fn serve(
    name: String,
    listener: TcpListener,
    router: Router,
    mut work: Work,
    stopped: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    let listener = listener.tap_io(|socket| {
        // Small answers must not wait for the acknowledgement of earlier ones.
        let _slower = socket.set_nodelay(true);
    });
    let drained = wait_for(stopped.clone());
    let serving = axum::serve(listener, router).with_graceful_shutdown(drained).into_future();
    let mut serving = pin!(serving);
    let mut result = Ok(());
    let stop = tokio::select! {
        ended = &mut serving => {
            result = ended;
            Instant::now()
        },
        () = wait_for(stopped) => Instant::now() + work.drain,
    };
    if stop > Instant::now() && tokio::time::timeout_at(stop, serving).await.is_err() {
        tracing::warn!(service = name, "requests in flight were cut off at the end");
    }
    // Workers stop after the requests, which may have left them something.
    work.stop.send_replace(true);
    let finished = async { while work.running.join_next().await.is_some() {} };
    if tokio::time::timeout_at(stop, finished).await.is_err() {
        tracing::warn!(service = name, "workers were cut off at the end");
    }
    work.running.shutdown().await;
    result.map_err(|source| ServiceError::Serve { service: name, source })
}

/// Ends when the service should stop; a lost handle means the same.
pub(crate) async fn wait_for(mut stop: watch::Receiver<bool>) {
    let _handle_is_gone = stop.wait_for(|stop| *stop).await;
}
