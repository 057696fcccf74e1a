//! Which endpoint of an edge gets an attempt.
//!
//! An endpoint is left out while active checks find it unhealthy (`health`) or while it is ejected
//! because it does worse than it should (`outlier`). Of the others the algorithm of the policy
//! chooses one. When nobody is left, everybody is used again: an attempt at a sick endpoint may
//! succeed, and no attempt cannot. A repeated attempt avoids the endpoints that its request has
//! tried, as long as there are others.
//!
//! An attempt touches atomics of its endpoint and nothing else, unless something changes; then the
//! `roster`, which all plans of an edge share, is locked for a moment. Time and random bits are
//! handed in. What this module never does: open connections, retry, or wait, except for the task
//! that checks endpoints.
//!
//! Three causes of failure are kept apart, because they blame three different parties: the endpoint
//! (`Upstream`), the gateway itself (`Local`) and faults that were asked for (`Injected`). Only the
//! first says anything about the endpoint.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::plan::EndpointState;
use model::policy::BalancePolicy;
use tokio::time::Instant;

mod choose;
mod endpoint;
mod ewma;
mod group;
pub(crate) mod health;
mod outlier;
mod ring;
mod roster;

use endpoint::Endpoint;
use group::Group;
use roster::{Book, Record, Roster};

/// What a choice depends on beside the endpoints.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) now: Instant,
    /// Hash of what a ring keeps together; without one any endpoint will do.
    pub(crate) key: Option<u64>,
    /// Random bits.
    pub(crate) draw: u64,
    /// Endpoints that this request has tried: avoided while there are others.
    pub(crate) not: &'a [SocketAddr],
}

/// How an attempt ended, for its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// From the choice of the endpoint to its answer, without delays that were injected.
    pub(crate) took: Duration,
    pub(crate) cause: Cause,
    /// What a failing endpoint asked for.
    pub(crate) retry_after: Option<Duration>,
}

/// Whose doing it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Success,
    /// The endpoint failed: with this status, or without an answer (refused, reset, timed out).
    Upstream {
        status: Option<u16>,
    },
    /// The gateway's own doing (limits, breaker, pool); it says nothing about the endpoint.
    Local,
    /// A fault that was asked for, and what it looked like.
    Injected {
        status: Option<u16>,
    },
    /// The caller left, or nobody told.
    Unknown,
}

/// A change of an endpoint's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Ejected {
        address: SocketAddr,
        reason: String,
        for_: Duration,
    },
    /// Used again after an ejection.
    Returned {
        address: SocketAddr,
    },
    Unhealthy {
        address: SocketAddr,
        reason: String,
    },
    Healthy {
        address: SocketAddr,
    },
}

impl Event {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Ejected { .. } => "ejected",
            Self::Returned { .. } => "returned",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Healthy { .. } => "healthy",
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Ejected { address, .. }
            | Self::Returned { address }
            | Self::Unhealthy { address, .. }
            | Self::Healthy { address } => *address,
        }
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} is {}", self.address(), self.as_str())?;
        match self {
            Self::Ejected { reason, for_, .. } => {
                write!(formatter, " for {}: {reason}", model::units::format_duration(*for_))
            },
            Self::Unhealthy { reason, .. } => write!(formatter, ": {reason}"),
            Self::Returned { .. } | Self::Healthy { .. } => Ok(()),
        }
    }
}

/// The endpoints of one edge with everything that is known about them. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints(Arc<Group>);

impl Endpoints {
    pub(crate) fn new(addresses: &[SocketAddr], policy: &BalancePolicy, now: Instant) -> Self {
        let roster = Arc::new(Roster::new());
        roster.change(|book| {
            book.adopt(policy.outlier.as_ref(), 0);
            book.adopt_checks(policy.health.as_ref());
        });
        Self(Arc::new(Group::new(addresses, policy, (roster, now), now)))
    }

    /// The same edge under another list or policy: endpoints that stay keep their state.
    pub(crate) fn after(
        &self,
        addresses: &[SocketAddr],
        policy: &BalancePolicy,
        now: Instant,
    ) -> Self {
        let (before, roster) = (&self.0.policy, Arc::clone(&self.0.roster));
        let after = Group::new(addresses, policy, (roster, self.0.origin), now);
        let now_ns = after.ns(now);
        after.roster.change(|book| {
            if before.outlier != policy.outlier {
                book.adopt(policy.outlier.as_ref(), now_ns);
            }
            if before.health != policy.health {
                book.adopt_checks(policy.health.as_ref());
            }
        });
        Self(Arc::new(after))
    }

    /// `None` only when the edge has no endpoint at all. When all are left out, all are used again,
    /// and that is counted.
    pub(crate) fn pick(&self, choice: &Choice<'_>) -> Option<InFlight> {
        let place = self.0.choose(choice)?;
        self.0.list[place].in_flight.fetch_add(1, Ordering::Relaxed);
        Some(InFlight { group: Arc::clone(&self.0), place, told: false })
    }

    /// For people, in the order of the plan.
    pub(crate) fn states(&self, now: Instant) -> Vec<EndpointState> {
        let group = &*self.0;
        let now_ns = group.ns(now);
        group.roster.look(|book| {
            let state = |endpoint: &Arc<Endpoint>| {
                let is_same = |record: &&Record| Arc::ptr_eq(&record.endpoint, endpoint);
                group.state(endpoint, book.records.iter().find(is_same), now_ns)
            };
            group.list.iter().map(state).collect()
        })
    }

    /// Does what is due and hands over all events that wait. Requests do the same as they come; an
    /// owner that wants to hear of changes while there is no traffic calls it from time to time.
    pub(crate) fn tick(&self, now: Instant) -> Vec<Event> {
        let now_ns = self.0.ns(now);
        self.0.roster.change(|book| {
            book.advance(now_ns);
            book.drain()
        })
    }

    /// Attempts that were made although everybody was left out.
    pub(crate) fn panics(&self) -> u64 {
        self.0.roster.panics.load(Ordering::Relaxed)
    }

    /// Events that were lost because nobody fetched them.
    pub(crate) fn events_lost(&self) -> u64 {
        self.0.roster.look(Book::events_lost)
    }

    /// Learns from an active check.
    fn checked(
        &self,
        endpoint: &Arc<Endpoint>,
        result: Result<(), String>,
        now: Instant,
    ) -> Vec<Event> {
        let now_ns = self.0.ns(now);
        self.0.roster.change(|book| book.checked(endpoint, result, now_ns))
    }
}

/// One attempt in flight at an endpoint. Dropped without an outcome it counts as unknown.
#[derive(Debug)]
pub(crate) struct InFlight {
    group: Arc<Group>,
    place: usize,
    told: bool,
}

impl InFlight {
    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint().address
    }

    /// The oldest change that nobody has been told of, mostly one that this outcome made.
    pub(crate) fn end(mut self, outcome: Outcome, now: Instant) -> Option<Event> {
        self.told = true;
        self.group.learn(self.endpoint(), outcome, now)
    }

    fn endpoint(&self) -> &Arc<Endpoint> {
        &self.group.list[self.place]
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.told {
            self.endpoint().count(Cause::Unknown);
        }
        self.endpoint().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
