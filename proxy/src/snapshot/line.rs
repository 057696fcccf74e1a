//! One edge of the current plan: where it leads, what the gateway does about failures and load on
//! it, and which faults look at it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderName;
use model::decision::named;
use model::edge::Edge;
use model::fault::{FaultKind, Per};
use model::id::CorrelationId;
use model::plan::EdgePlan;
use model::policy::EdgePolicy;
use model::policy::balance::Algorithm;
use telemetry::clock::Clock;

use crate::balance::Endpoints;
use crate::balance::health::{self, Network};
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::emit::Emitter;
use crate::emit::metrics::EdgeMetrics;
use crate::exchange::Exchange;
use crate::fault::{Fault, LineFaults};
use crate::hedge::Hedger;
use crate::http1::{Known, RequestHead};
use crate::limit::adaptive::Adaptive;
use crate::limit::bulkhead::Bulkhead;
use crate::limit::rate::RateLimiter;

/// Counters of one edge since the start of the process.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// Numbers the requests that have no repeatable identity.
    anonymous: AtomicU64,
    /// Numbers the connections.
    connections: AtomicU64,
    pub(crate) metrics: Arc<EdgeMetrics>,
}

impl Traffic {
    pub(crate) fn new(metrics: Arc<EdgeMetrics>) -> Self {
        let zero = || AtomicU64::new(0);
        Self { anonymous: zero(), connections: zero(), metrics }
    }

    pub(crate) fn next_anonymous(&self) -> u64 {
        self.anonymous.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) edge: Edge,
    pub(crate) name: String,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) policy: EdgePolicy,
    pub(crate) faults: LineFaults,
    /// Small bodies are read before the request goes on: something may need them twice.
    pub(crate) keeps_bodies: bool,
    pub(crate) endpoints: Endpoints,
    pub(crate) breaker: Option<Arc<Breaker>>,
    pub(crate) budget: Option<Arc<Budget>>,
    pub(crate) hedger: Option<Arc<Hedger>>,
    pub(crate) rate_limiter: Option<RateLimiter>,
    pub(crate) bulkhead: Option<Bulkhead>,
    pub(crate) adaptive: Option<Adaptive>,
    pub(crate) traffic: Arc<Traffic>,
    /// Checks the endpoints as long as this plan is in force.
    _watch: Option<Watch>,
}

/// Active checks of the endpoints; they end when this is dropped.
#[derive(Debug)]
struct Watch(tokio::task::AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The same part again while its policy is the same, else a fresh one.
fn keep<P: PartialEq, T>(
    wanted: Option<&P>,
    old: Option<(Option<&P>, &Option<Arc<T>>)>,
    fresh: impl FnOnce(&P) -> T,
) -> Option<Arc<T>> {
    match old {
        Some((policy, kept)) if policy == wanted => kept.clone(),
        _ => wanted.map(|policy| Arc::new(fresh(policy))),
    }
}

impl Line {
    pub(super) fn after(
        plan: &EdgePlan,
        faults: Vec<Arc<Fault>>,
        traffic: Arc<Traffic>,
        old: Option<&Self>,
        context: (&Clock, &Arc<Emitter>),
    ) -> Self {
        let (clock, emitter) = context;
        let duplicates = faults.iter().any(|fault| fault.spec.effect == FaultKind::Duplicate);
        let faults = LineFaults::new(faults);
        let policy = plan.policy.clone();
        let now = clock.now();
        let endpoints = match old {
            Some(old) => old.endpoints.after(&plan.endpoints, &policy.balance, now),
            None => Endpoints::new(&plan.endpoints, &policy.balance, now),
        };
        let was = old.map(|old| &old.policy);
        Self {
            name: plan.edge.to_string(),
            edge: plan.edge.clone(),
            keeps_bodies: keeps_bodies(&policy, &faults, duplicates),
            _watch: watch(plan, &endpoints, clock, emitter),
            endpoints,
            breaker: breaker(&policy, old, now),
            budget: keep(
                policy.retry.as_ref(),
                old.map(|old| (was.and_then(|was| was.retry.as_ref()), &old.budget)),
                |retry| Budget::new(retry.budget, retry.budget_reserve_per_s, now),
            ),
            hedger: keep(
                policy.hedge.as_ref(),
                old.map(|old| (was.and_then(|was| was.hedge.as_ref()), &old.hedger)),
                |hedge| Hedger::new(hedge, now),
            ),
            rate_limiter: policy.rate_limit.as_ref().map(|limit| {
                let old = old.and_then(|old| old.rate_limiter.as_ref());
                old.map_or_else(|| RateLimiter::new(limit, now), |old| old.after(limit, now))
            }),
            bulkhead: policy.bulkhead.as_ref().map(|limit| {
                let old = old.and_then(|old| old.bulkhead.as_ref());
                old.map_or_else(|| Bulkhead::new(limit), |old| old.after(limit))
            }),
            adaptive: policy.adaptive_limit.as_ref().map(|limit| {
                let old = old.and_then(|old| old.adaptive.as_ref());
                old.map_or_else(|| Adaptive::new(limit, now), |old| old.after(limit, now))
            }),
            addresses: plan.endpoints.clone(),
            policy,
            faults,
            traffic,
        }
    }

    /// What the rate limit counts this request by.
    pub(crate) fn rate_key<'e>(&self, exchange: &'e Exchange) -> Cow<'e, str> {
        self.policy.rate_limit.as_ref().map_or("".into(), |limit| key(&limit.per, exchange))
    }

    /// What an endpoint is chosen by, when it is chosen by something of the request.
    pub(crate) fn ring_key(&self, exchange: &Exchange) -> Option<u64> {
        match &self.policy.balance.algorithm {
            Algorithm::RingHash { by } => {
                Some(named(0, "ring", &[key(by, exchange).as_ref()]).bits())
            },
            _ => None,
        }
    }
}

fn watch(
    plan: &EdgePlan,
    endpoints: &Endpoints,
    clock: &Clock,
    emitter: &Arc<Emitter>,
) -> Option<Watch> {
    let probe = Network::new(plan.policy.balance.health.as_ref()?);
    let (edge, emitter) = (plan.edge.clone(), Arc::clone(emitter));
    let report = move |event| emitter.endpoint_changed(&edge, &event);
    let watching = health::watch(endpoints.clone(), clock.clone(), probe, report);
    Some(Watch(tokio::spawn(watching).abort_handle()))
}

/// State survives a change of the breaker's policy as far as it fits.
fn breaker(
    policy: &EdgePolicy,
    old: Option<&Line>,
    now: tokio::time::Instant,
) -> Option<Arc<Breaker>> {
    let wanted = policy.breaker.as_ref()?;
    match old.and_then(|old| old.breaker.as_ref()) {
        Some(kept) => {
            if old.is_some_and(|old| old.policy.breaker.as_ref() != Some(wanted)) {
                kept.reconfigure(wanted.clone(), now);
            }
            kept.reconfigure_shadows(&policy.shadows, now);
            Some(Arc::clone(kept))
        },
        None => {
            let fresh = Breaker::new(wanted.clone(), now);
            fresh.reconfigure_shadows(&policy.shadows, now);
            Some(Arc::new(fresh))
        },
    }
}

fn keeps_bodies(policy: &EdgePolicy, faults: &LineFaults, duplicates: bool) -> bool {
    policy.retry.as_ref().is_some_and(|retry| retry.attempts > 1)
        || policy.hedge.is_some()
        || faults.needs_body()
        || duplicates
}

/// Requests with the same key belong together.
fn key<'e>(per: &Per, exchange: &'e Exchange) -> Cow<'e, str> {
    let id = &exchange.correlation_id;
    match per {
        Per::Edge => "".into(),
        Per::User => id.user_key().into(),
        Per::CorrelationId => id.as_str().into(),
        Per::Path => exchange.head.path().into(),
        Per::Header(name) => {
            let value = exchange.head.header(&name.to_ascii_lowercase());
            value.map(String::from_utf8_lossy).unwrap_or_default()
        },
    }
}

/// A request as the routes look at it.
pub(super) struct Routed<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) id: &'a CorrelationId,
    pub(super) seed: u64,
}

impl crate::route::Request for Routed<'_> {
    fn host(&self) -> Option<&str> {
        self.head.host()
    }

    fn method(&self) -> &str {
        self.head.method()
    }

    fn path(&self) -> &str {
        self.head.path()
    }

    fn any_header(&self, name: &HeaderName, fits: &mut dyn FnMut(&str) -> bool) -> bool {
        let text = |value| std::str::from_utf8(value).ok();
        self.head.values(name.as_str()).filter_map(text).any(fits)
    }

    fn user(&self) -> u64 {
        // Without an id of its own a request belongs to nobody that could stay with one side.
        let known = self.head.known(Known::CorrelationId).or(self.head.known(Known::RequestId));
        let key = known.map_or(self.id.as_str(), |_| self.id.user_key());
        named(self.seed, "route", &[key]).bits()
    }
}
