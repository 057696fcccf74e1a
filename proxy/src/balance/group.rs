//! The endpoints of an edge under one plan: its list, its policy and the algorithm made ready.
//! Attempts keep the group that they began in; the endpoints and the roster are those of all plans.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::plan::EndpointState;
use model::policy::BalancePolicy;
use model::policy::balance::Algorithm;
use tokio::time::Instant;

use super::choose::Field;
use super::endpoint::Endpoint;
use super::ewma::{Decay, Ewma};
use super::ring::Ring;
use super::roster::{Record, Roster};
use super::{Cause, Choice, Event, Outcome};

/// An endpoint of which nothing is known is taken to need this, until the policy says otherwise.
const START: Duration = Duration::from_secs(1);

/// The endpoints under one plan.
#[derive(Debug)]
pub(super) struct Group {
    /// Each address once, in the order of the plan.
    pub(super) list: Vec<Arc<Endpoint>>,
    pub(super) policy: BalancePolicy,
    method: Method,
    pub(super) roster: Arc<Roster>,
    /// Instants are kept as nanoseconds since this one.
    pub(super) origin: Instant,
}

/// The algorithm made ready.
#[derive(Debug)]
enum Method {
    RoundRobin,
    LeastRequest,
    PeakEwma(Decay),
    RingHash(Ring),
}

impl Method {
    fn of(algorithm: &Algorithm, addresses: &[SocketAddr]) -> Self {
        match algorithm {
            Algorithm::RoundRobin => Self::RoundRobin,
            Algorithm::LeastRequest => Self::LeastRequest,
            Algorithm::PeakEwma { decay_ms, penalty_ms, .. } => {
                Self::PeakEwma(Decay::new(*decay_ms, *penalty_ms))
            },
            Algorithm::RingHash { .. } => Self::RingHash(Ring::new(addresses)),
        }
    }
}

impl Group {
    /// Endpoints that the roster knows keep their state.
    pub(super) fn new(
        addresses: &[SocketAddr],
        policy: &BalancePolicy,
        (roster, origin): (Arc<Roster>, Instant),
        now: Instant,
    ) -> Self {
        let mut each: Vec<SocketAddr> = Vec::with_capacity(addresses.len());
        for address in addresses {
            if !each.contains(address) {
                each.push(*address);
            }
        }
        let now_ns = ns_between(origin, now);
        let list = roster.change(|book| {
            let mut old = std::mem::take(&mut book.records);
            for address in &each {
                let kept = old.iter().position(|record| record.endpoint.address == *address);
                let record = match kept {
                    Some(place) => old.swap_remove(place),
                    None => Record::new(fresh(*address, policy, now_ns)),
                };
                book.records.push(record);
            }
            book.records.iter().map(|record| Arc::clone(&record.endpoint)).collect()
        });
        let method = Method::of(&policy.algorithm, &each);
        Self { list, policy: policy.clone(), method, roster, origin }
    }

    pub(super) fn ns(&self, at: Instant) -> u64 {
        ns_between(self.origin, at)
    }

    pub(super) fn choose(&self, choice: &Choice<'_>) -> Option<usize> {
        self.catch_up(choice.now);
        let panics = || self.roster.panics.fetch_add(1, Ordering::Relaxed);
        let (any_out, count) = (self.roster.any_out(), self.list.len());
        if count <= 1 {
            let only = self.list.first()?;
            if any_out && only.is_out() {
                panics();
            }
            return Some(0);
        }
        let field = Field::new(&self.list, any_out, choice.not);
        if field.in_panic() {
            panics();
        }
        Some(match &self.method {
            // A repeated attempt takes no turn: if it did, and every request were repeated once,
            // all first attempts would meet the same endpoint.
            Method::RoundRobin if choice.not.is_empty() => {
                field.nth(self.roster.turn.fetch_add(1, Ordering::Relaxed) % field.count())
            },
            Method::RoundRobin => field.any(choice.draw),
            Method::LeastRequest => field.cheaper(choice.draw, Endpoint::pending),
            Method::PeakEwma(decay) => {
                let now_ns = self.ns(choice.now);
                field.cheaper(choice.draw, |endpoint| {
                    endpoint.ewma.read(*decay, now_ns) * (endpoint.pending() + 1) as f64
                })
            },
            Method::RingHash(ring) => {
                let key = choice.key.unwrap_or(choice.draw);
                let found = ring.find(key, |place| field.accepts(place));
                found.unwrap_or_else(|| field.any(choice.draw))
            },
        })
    }

    /// Does what is due by time. One comparison when nothing is.
    fn catch_up(&self, now: Instant) {
        if self.policy.outlier.is_none() {
            return;
        }
        let now_ns = self.ns(now);
        if self.roster.is_due(now_ns) {
            self.roster.advance(now_ns);
        }
    }

    pub(super) fn learn(
        &self,
        endpoint: &Arc<Endpoint>,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Event> {
        endpoint.count(outcome.cause);
        if let Method::PeakEwma(decay) = &self.method {
            learn_time(endpoint, outcome, *decay, self.ns(now));
        }
        if let Some(policy) = &self.policy.outlier {
            self.catch_up(now);
            for detector in endpoint.tally.learn(outcome.cause, policy).into_iter().flatten() {
                let now_ns = self.ns(now);
                self.roster.change(|book| book.detected(endpoint, detector, now_ns));
            }
        }
        self.roster.next_event()
    }

    pub(super) fn state(
        &self,
        endpoint: &Endpoint,
        record: Option<&Record>,
        now_ns: u64,
    ) -> EndpointState {
        let ejected = record.and_then(|record| record.ejected.as_ref());
        let unhealthy = record.and_then(|record| record.unhealthy.as_ref());
        let left = |until_ns: u64| until_ns.saturating_sub(now_ns).div_ceil(1_000_000);
        let reasons = [
            unhealthy.map(|reason| format!("unhealthy: {reason}")),
            ejected.map(|ejection| format!("ejected: {}", ejection.reason)),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        EndpointState {
            address: endpoint.address,
            in_flight: endpoint.pending(),
            attempts: endpoint.attempts(),
            healthy: unhealthy.is_none(),
            ejected_for_ms: ejected.map(|ejection| left(ejection.until_ns)),
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            ewma_us: match &self.method {
                Method::PeakEwma(decay) => Some((endpoint.ewma.read(*decay, now_ns) / 1e3) as u64),
                _ => None,
            },
            ended: endpoint.ended(),
            ejections: record.map_or(0, |record| record.ejections),
            detections_spared: record.map_or(0, |record| record.spared),
        }
    }
}

fn fresh(address: SocketAddr, policy: &BalancePolicy, now_ns: u64) -> Arc<Endpoint> {
    let start = match policy.algorithm {
        Algorithm::PeakEwma { start_ms, .. } => Duration::from_millis(start_ms),
        _ => START,
    };
    Arc::new(Endpoint::new(address, Ewma::new(start, now_ns)))
}

fn learn_time(endpoint: &Endpoint, outcome: Outcome, decay: Decay, now_ns: u64) {
    let Outcome { took, cause, retry_after } = outcome;
    match cause {
        Cause::Success => endpoint.ewma.observe(took, decay, now_ns),
        Cause::Upstream { .. } => {
            endpoint.ewma.observe(decay.of_failure(took, retry_after), decay, now_ns);
        },
        Cause::Unknown => endpoint.ewma.observe_given_up(took, decay, now_ns),
        Cause::Local | Cause::Injected { .. } => {},
    }
}

fn ns_between(origin: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(origin).as_nanos()).unwrap_or(u64::MAX)
}
