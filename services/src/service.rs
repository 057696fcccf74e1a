//! The shape that the six services share: what they are given, and what they bring.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use telemetry::client::Client;
use telemetry::clock::Clock;
use tokio::sync::watch;

use crate::callee::Callee;
use crate::config::ServiceConfig;
use crate::error::ServiceError;
use crate::store::Store;

/// Work that goes on beside the requests until the service stops.
pub(crate) type Worker = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a service is made from.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) config: ServiceConfig,
    pub(crate) store: Store,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    /// Becomes true when the workers should end: the last request has been answered.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Setup {
    pub(crate) fn callee(&self, name: &'static str) -> Result<Callee, ServiceError> {
        let address = self.config.url(name)?;
        Ok(Callee::new(name, address, self.client.clone(), self.clock.clone()))
    }
}

/// A service, ready to be served.
pub(crate) struct Service {
    /// For customers and other services.
    pub(crate) routes: Router,
    /// `GET /audit`, for the harness only: not a request of the system under test, so without span.
    pub(crate) audit: Router,
    pub(crate) workers: Vec<Worker>,
}
