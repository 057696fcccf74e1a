//! The API of Toxiproxy 2, so that its clients, its command line and test suites that were written
//! for it work unchanged.
//!
//! A proxy is a TCP edge with a listener that is opened at run time; a toxic is one fault on it, or
//! two that are drawn as one. What the API shows (names, order, what is switched off) lives in a
//! [`Registry`] beside the control; what acts lives in the plan like every other fault, so seeds,
//! counters and the ledger work for toxics as well. There is no lease: a toxic stays until it is
//! removed, as its clients expect.
//!
//! Requests are served one after the other and each to its end, also when its sender has gone, so
//! that nothing is left half done.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use model::limits::API_BODY_BYTES_MAX;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::admin::is_browser;
use crate::control::Control;
use crate::server::asked;
use crate::server::threads::Threads;

mod address;
mod counters;
mod failure;
mod handlers;
mod mapping;
mod names;
mod proxy;
mod registry;
mod toxic;

pub(crate) use mapping::fuzz_toxic;

pub(crate) use names::drawn_as;
use registry::Registry;

/// Between two questions for names that are not known.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

/// What all requests share. Changes take turns.
type Shared = Arc<Mutex<Registry>>;

/// Serves the API until the end is asked for.
pub(crate) async fn serve(
    listener: TcpListener,
    control: Arc<Control>,
    threads: Threads,
    mut stopping: watch::Receiver<bool>,
) {
    let registry: Shared = Arc::new(Mutex::new(Registry::new(control, threads)));
    let stop = async move { asked(&mut stopping).await };
    let served = axum::serve(listener, router(Arc::clone(&registry))).with_graceful_shutdown(stop);
    tokio::select! {
        served = served.into_future() => if let Err(error) = served {
            tracing::error!(%error, "the API of Toxiproxy ended");
        },
        () = find_upstreams(&registry) => {},
    }
}

/// Asks for the names of upstreams that nobody knew when their proxies were made: in many test
/// set-ups they are started later.
async fn find_upstreams(registry: &Shared) {
    loop {
        tokio::time::sleep(LOOK_UP_PAUSE).await;
        let unresolved = registry.lock().await.unresolved();
        for upstream in unresolved {
            if let Some(endpoint) = address::upstream(&upstream).await {
                registry.lock().await.resolved(&upstream, endpoint);
            }
        }
    }
}

fn router(registry: Shared) -> Router {
    let one_proxy = get(handlers::show_proxy)
        .post(handlers::update_proxy)
        .patch(handlers::update_proxy)
        .delete(handlers::delete_proxy);
    let one_toxic = get(handlers::show_toxic)
        .post(handlers::update_toxic)
        .patch(handlers::update_toxic)
        .delete(handlers::delete_toxic);
    let toxics = get(handlers::list_toxics).post(handlers::create_toxic);
    Router::new()
        .route("/proxies", get(handlers::list_proxies).post(handlers::create_proxy))
        .route("/proxies/{proxy}", one_proxy)
        .route("/proxies/{proxy}/toxics", toxics)
        .route("/proxies/{proxy}/toxics/{toxic}", one_toxic)
        .route("/populate", post(handlers::populate))
        .route("/reset", post(handlers::reset))
        .route("/version", get(handlers::version))
        .route("/metrics", get(handlers::metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(registry)
}

/// A page that somebody visits must not be able to break connections on this machine.
async fn guard(request: Request, next: Next) -> Response {
    if is_browser(request.headers()) {
        return (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response();
    }
    // Whatever has begun is done, even if nobody waits for the answer.
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
