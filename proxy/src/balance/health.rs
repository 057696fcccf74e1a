//! Active checks: requests of the gateway's own, one after the other for each endpoint, at the
//! interval of the policy.
//!
//! The first check of an endpoint comes at a part of the interval that depends on its address, so
//! that endpoints are not all checked at once; later ones keep to that beat. A check that takes
//! longer than the interval leaves out the beats that it missed. Nothing is checked when the policy
//! does not ask for it.
//!
//! The checks end when the future is dropped.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::decision::Unit;
use model::policy::balance::HealthPolicy;
use telemetry::client::Client;
use telemetry::clock::Clock;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::endpoint::Endpoint;
use super::{Endpoints, Event, ring};

/// Checks of one edge at the same time; more wait for one of them to end.
const CHECKS_MAX: usize = 64;

/// Asks an endpoint whether it is well.
pub(crate) trait Probe: Send + Sync + 'static {
    /// Why not, when it is not. It need not care for time.
    fn probe(&self, to: SocketAddr) -> impl Future<Output = Result<(), String>> + Send;
}

/// What the checks of one edge share.
#[derive(Debug)]
struct Round<P, R> {
    endpoints: Endpoints,
    policy: HealthPolicy,
    clock: Clock,
    probe: P,
    report: R,
    permits: Semaphore,
}

/// Checks the endpoints for ever and reports what changes. Returns at once when the policy asks for
/// no checks.
pub(crate) async fn watch<P, R>(endpoints: Endpoints, clock: Clock, probe: P, report: R)
where
    P: Probe,
    R: Fn(Event) + Send + Sync + 'static,
{
    let Some(policy) = endpoints.0.policy.health.clone() else { return };
    let permits = Semaphore::new(CHECKS_MAX);
    let round = Arc::new(Round { endpoints, policy, clock, probe, report, permits });
    let mut checks: JoinSet<()> = round
        .endpoints
        .0
        .list
        .iter()
        .map(|endpoint| check_for_ever(Arc::clone(&round), Arc::clone(endpoint)))
        .collect();
    // They only end by a panic, which must not leave endpoints unwatched in silence.
    while let Some(ended) = checks.join_next().await {
        if let Err(failed) = ended {
            tracing::error!(%failed, "checks of an endpoint have stopped");
        }
    }
}

async fn check_for_ever<P, R>(round: Arc<Round<P, R>>, endpoint: Arc<Endpoint>)
where
    P: Probe,
    R: Fn(Event) + Send + Sync + 'static,
{
    let interval = Duration::from_millis(round.policy.interval_ms.max(1));
    let first = round.clock.now() + start(endpoint.address, interval);
    let mut beat = tokio::time::interval_at(first, interval);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        beat.tick().await;
        let result = round.check(endpoint.address).await;
        let now: Instant = round.clock.now();
        for event in round.endpoints.checked(&endpoint, result, now) {
            (round.report)(event);
        }
    }
}

impl<P: Probe, R> Round<P, R> {
    async fn check(&self, to: SocketAddr) -> Result<(), String> {
        let _permit = self.permits.acquire().await.expect("nobody closes the semaphore");
        let timeout_ms = self.policy.timeout_ms;
        tokio::time::timeout(Duration::from_millis(timeout_ms), self.probe.probe(to))
            .await
            .unwrap_or_else(|_elapsed| Err(format!("no answer within {timeout_ms} ms")))
    }
}

/// Where in the interval an endpoint is checked.
fn start(address: SocketAddr, interval: Duration) -> Duration {
    interval.mul_f64(Unit::from_bits(ring::hash(address, 0)).as_f64())
}

/// The checks of the policy: connects, or sends `GET` and wants a status of 2xx. Each check has a
/// connection of its own, because an endpoint that takes no more connections is not well even if
/// an old one still works.
#[derive(Debug)]
pub(crate) struct Network {
    path: Option<http::Uri>,
    timeout: Duration,
}

impl Network {
    pub(crate) fn new(policy: &HealthPolicy) -> Self {
        let path = policy.path.as_ref().map(|path| path.parse().unwrap_or_default());
        Self { path, timeout: Duration::from_millis(policy.timeout_ms) }
    }

    async fn get(&self, to: SocketAddr, path: &http::Uri) -> Result<(), String> {
        let request = http::Request::builder()
            .uri(path.clone())
            .header(http::header::CONNECTION, "close")
            .header(http::header::USER_AGENT, "shakedown-health-check")
            .body(Bytes::new())
            .expect("these parts make a request");
        let answer = Client::new().send(to, request, self.timeout).await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("status {}", answer.status().as_u16())),
            Err(error) => Err(chain(&error)),
        }
    }
}

impl Probe for Network {
    async fn probe(&self, to: SocketAddr) -> Result<(), String> {
        match &self.path {
            Some(path) => self.get(to, path).await,
            None => match TcpStream::connect(to).await {
                Ok(_connection) => Ok(()),
                Err(error) => Err(format!("cannot connect: {error}")),
            },
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
