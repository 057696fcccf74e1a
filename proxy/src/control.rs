//! The one place that changes what the gateway does: plans, the lease, faults armed by hand, edges
//! made at run time, the states of faults.
//!
//! Requests only read: the snapshot through an atomic pointer, the armed state through an atomic
//! word. Changes take the lock of this page one after the other; each is checked as a whole, gets
//! an epoch of its own and is swapped in at once, or changes nothing. The states of faults are not
//! polled: one task sleeps until the next instant at which something changes (a window begins or
//! ends, the lease or a fault's own time runs out) and is woken when that instant moves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use model::edge::Edge;
use model::limits::{LEASE_MAX, LEASE_MIN};
use model::plan::{Applied, ArmRequest, EdgeListener, LeaseReply, LeaseRequest, Plan, Protocol};
use telemetry::clock::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::bytes::Bell;
use crate::emit::{Cause, Emitter};
use crate::fault::Fault;
use crate::fault::schedule::{self, Arm};
use crate::snapshot::{Line, Snapshot, Traffic};
use crate::validate::{Invalid, validate};

mod diff;
mod history;
pub(crate) mod parts;
pub(crate) mod report;
mod told;

use history::History;
use parts::{Armed, Parts};
use told::Told;

/// Longest time that a fault may be armed by hand.
const ARM_MAX: Duration = Duration::from_hours(24);

/// Why a change was refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the plan is invalid: {0}")]
    Invalid(#[from] Invalid),
    #[error("epoch {got} is not newer than {current}")]
    Epoch { got: u64, current: u64 },
    #[error("the lease of epoch {epoch} has lapsed: its faults stay disarmed until a new plan")]
    Lapsed { epoch: u64 },
    #[error("the faults of epoch {epoch} were released: they stay disarmed until a new plan")]
    Released { epoch: u64 },
    #[error("no fault named {name:?} was armed by hand{hint}")]
    NoFault { name: String, hint: String },
    #[error("{what} {name:?} is there already")]
    Exists { what: &'static str, name: String },
    #[error("there is no {what} {name:?}")]
    Missing { what: &'static str, name: String },
    #[error("epoch {epoch} is not remembered; the oldest is {oldest}")]
    Forgotten { epoch: u64, oldest: u64 },
    #[error("the breaker of {edge}: {why}")]
    Breaker { edge: Edge, why: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lease {
    Never,
    Held { until: Instant },
    Lapsed,
    Released,
}

#[derive(Debug)]
struct State {
    lease: Lease,
    parts: Parts,
    /// Where edges listen, those that were made at run time too.
    listeners: BTreeMap<Edge, SocketAddr>,
    /// Every edge that has a listener.
    traffic: BTreeMap<Edge, Arc<Traffic>>,
    /// What was told last of each fault, by its name.
    faults: BTreeMap<String, Told>,
    history: History,
}

#[derive(Debug)]
pub(crate) struct Control {
    clock: Clock,
    emitter: Arc<Emitter>,
    state: Mutex<State>,
    snapshot: ArcSwap<Snapshot>,
    moved: Notify,
    /// Rings when other faults may act than before, for connections that live while that changes.
    pub(crate) bell: Arc<Bell>,
}

impl Control {
    pub(crate) fn new(edges: &[EdgeListener], emitter: Arc<Emitter>, clock: Clock) -> Self {
        let protocols: BTreeMap<Edge, Protocol> =
            edges.iter().map(|listener| (listener.edge.clone(), listener.protocol)).collect();
        let state = State {
            lease: Lease::Never,
            traffic: BTreeMap::new(),
            parts: Parts::new(protocols),
            listeners: BTreeMap::new(),
            faults: BTreeMap::new(),
            history: History::default(),
        };
        Self {
            clock,
            emitter,
            state: Mutex::new(state),
            snapshot: ArcSwap::from_pointee(Snapshot::empty()),
            moved: Notify::new(),
            bell: Arc::default(),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Every edge that has a listener or is going to get one.
    pub(crate) fn known_edges(&self) -> BTreeSet<Edge> {
        self.lock().parts.protocols.keys().cloned().collect()
    }

    /// An edge listens at `address` from now on, or no more.
    pub(crate) fn listens(&self, edge: &Edge, address: Option<SocketAddr>) {
        let listeners = &mut self.lock().listeners;
        match address {
            Some(address) => listeners.insert(edge.clone(), address),
            None => listeners.remove(edge),
        };
    }

    /// What a request meets now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Replaces the plan as a whole. A lease that is held goes on; one that is over begins anew.
    pub(crate) fn apply(&self, plan: Plan) -> Result<Applied, Refusal> {
        let mut state = self.lock();
        let now = self.clock.now();
        let (got, current) = (plan.epoch, state.parts.plan.epoch);
        if got <= current {
            return Err(Refusal::Epoch { got, current });
        }
        self.lapse_if_due(&mut state, now);
        let mut parts = state.parts.clone();
        let renewed = matches!(state.lease, Lease::Lapsed | Lease::Released);
        if renewed {
            parts.arming = Arc::default();
        }
        let (held, by) = (plan.held, if plan.held { "file" } else { "plan" });
        parts.plan = plan;
        self.swap(&mut state, parts, got, (by, Cause::Plan))?;
        if renewed {
            state.lease = Lease::Never;
        }
        if held {
            state.parts.arming.hold_until(u64::MAX);
            self.bell.ring();
            self.note_changes(&mut state, Cause::Plan);
        }
        Ok(Applied { epoch: self.snapshot.load().epoch })
    }

    /// One fault more, for a limited time.
    pub(crate) fn arm(&self, request: ArmRequest) -> Result<Applied, Refusal> {
        let length = Duration::from_millis(request.for_ms);
        if length.is_zero() || length > ARM_MAX {
            let most = ARM_MAX.as_millis();
            let error = format!("a fault is armed for 1 to {most} ms, got {}", request.for_ms);
            return Err(Invalid { field: "for_ms".to_owned(), error }.into());
        }
        let until = Some(self.clock.now() + length);
        let now_unix_ms = self.clock.unix_ms();
        self.change("api", |parts| {
            let name = request.fault.name.clone();
            if parts.plan.faults.iter().any(|fault| fault.name == name) {
                return Err(Refusal::Exists { what: "fault", name });
            }
            let armed = match parts.by_hand.get(&name) {
                Some(was) => Armed { until, ..was.changed(request.fault) },
                None => Armed::new(request.fault, now_unix_ms, until),
            };
            parts.by_hand.insert(name, armed);
            Ok(())
        })
    }

    /// Disarms what was armed by hand: one fault, or all.
    pub(crate) fn disarm(&self, name: Option<&str>) -> Result<Applied, Refusal> {
        self.change("api", |parts| {
            let Some(name) = name else {
                parts.by_hand.clear();
                return Ok(());
            };
            if parts.by_hand.remove(name).is_none() {
                let planned = parts.plan.faults.iter().any(|fault| fault.name == name);
                let hint = if planned { "; it belongs to the plan" } else { "" }.to_owned();
                return Err(Refusal::NoFault { name: name.to_owned(), hint });
            }
            Ok(())
        })
    }

    /// Back to what an earlier epoch said, under a new one. Faults whose time is over stay away.
    pub(crate) fn roll_back(&self, to_epoch: u64) -> Result<Applied, Refusal> {
        let mut state = self.lock();
        let found = state.history.parts(to_epoch);
        let Some(earlier) = found else {
            let oldest = state.history.oldest();
            return Err(Refusal::Forgotten { epoch: to_epoch, oldest });
        };
        let now = self.clock.now();
        // Proxies and toxics belong to the API that made them, which knows nothing of epochs.
        let mut parts = Parts {
            protocols: state.parts.protocols.clone(),
            made_edges: state.parts.made_edges.clone(),
            toxics: state.parts.toxics.clone(),
            ..earlier
        };
        for name in parts.expired(now) {
            parts.by_hand.remove(&name);
        }
        // The lease belongs to whoever holds it now.
        parts.arming = Arc::clone(&state.parts.arming);
        let plan_epoch = state.parts.plan.epoch;
        parts.plan.epoch = plan_epoch;
        for armed in parts.by_hand.values_mut() {
            let (spec, until) = (armed.spec.clone(), armed.until);
            *armed = Armed::new(spec, armed.zero_unix_ms, until);
        }
        self.swap(&mut state, parts, 0, ("rollback", Cause::Plan))
    }

    /// Changes a copy of the parts, checks it, and swaps it in. `by` is for people.
    pub(crate) fn change(
        &self,
        by: &'static str,
        change: impl FnOnce(&mut Parts) -> Result<(), Refusal>,
    ) -> Result<Applied, Refusal> {
        let mut state = self.lock();
        let mut parts = state.parts.clone();
        change(&mut parts)?;
        let cause = if by == "api" { Cause::ByHand } else { Cause::Plan };
        self.swap(&mut state, parts, 0, (by, cause))
    }

    fn swap(
        &self,
        state: &mut State,
        parts: Parts,
        at_least: u64,
        (by, cause): (&'static str, Cause),
    ) -> Result<Applied, Refusal> {
        validate(&parts.as_plan(), &parts.protocols)?;
        let before = self.snapshot.load();
        let epoch = at_least.max(before.epoch + 1);
        for edge in parts.protocols.keys() {
            let metrics = || self.emitter.metrics().edge(edge);
            let fresh = || Arc::new(Traffic::new(metrics()));
            state.traffic.entry(edge.clone()).or_insert_with(fresh);
        }
        state.traffic.retain(|edge, _| parts.protocols.contains_key(edge));
        let next = {
            let context = (&self.clock, &self.emitter);
            Snapshot::after(&before, epoch, &parts, &state.traffic, context)
        };
        drop(before);
        let was = std::mem::replace(&mut state.parts, parts);
        free_removed(&was, &state.parts);
        let what = diff::lines(&was.as_plan(), &state.parts.as_plan());
        state.history.add(epoch, self.clock.unix_ms(), (by, what), state.parts.clone());
        let now = self.clock.now();
        for line in next.lines.values() {
            if let Some(breaker) = &line.breaker {
                self.emitter.breaker_is(&line.edge, breaker.status(now).state);
            }
        }
        self.snapshot.store(Arc::new(next));
        self.note_changes(state, cause);
        self.bell.ring();
        self.moved.notify_one();
        Ok(Applied { epoch })
    }

    /// A heartbeat: the faults of the plan may act for another while.
    pub(crate) fn renew(&self, request: &LeaseRequest) -> Result<LeaseReply, Refusal> {
        let length = Duration::from_millis(request.lease_ms);
        if !(LEASE_MIN..=LEASE_MAX).contains(&length) {
            let (least, most) = (LEASE_MIN.as_millis(), LEASE_MAX.as_millis());
            let error = format!("a lease is {least} to {most} ms, got {}", request.lease_ms);
            return Err(Invalid { field: "lease_ms".to_owned(), error }.into());
        }
        let mut state = self.lock();
        let now = self.clock.now();
        self.lapse_if_due(&mut state, now);
        let epoch = self.snapshot.load().epoch;
        match state.lease {
            Lease::Lapsed => return Err(Refusal::Lapsed { epoch }),
            Lease::Released => return Err(Refusal::Released { epoch }),
            Lease::Never | Lease::Held { .. } => {},
        }
        let until = now + length;
        let before = std::mem::replace(&mut state.lease, Lease::Held { until });
        if !state.parts.plan.held {
            let unix_ms = self.clock.unix_ns_of(until).div_ceil(1_000_000);
            state.parts.arming.hold_until(unix_ms);
        }
        if before == Lease::Never {
            self.bell.ring();
        }
        self.note_changes(&mut state, Cause::Schedule);
        self.moved.notify_one();
        Ok(self.lease_reply(&state, now))
    }

    /// Disarms every fault of the plan at once and frees what they hold back.
    pub(crate) fn release(&self) -> LeaseReply {
        let mut state = self.lock();
        let now = self.clock.now();
        self.lapse_if_due(&mut state, now);
        if state.lease != Lease::Lapsed {
            state.lease = Lease::Released;
            state.parts.arming.end();
            self.note_changes(&mut state, Cause::Released);
        }
        self.bell.ring();
        self.moved.notify_one();
        self.lease_reply(&state, now)
    }

    /// The proxy ends: nothing may be held back any more, whoever asked for it.
    pub(crate) fn end(&self) {
        self.release();
        let state = self.lock();
        for armed in state.parts.by_hand.values().chain(state.parts.toxics.values()) {
            armed.arming.end();
        }
        self.bell.ring();
    }

    /// Keeps the states of faults true for ever; the owner drops it at the end.
    pub(crate) async fn follow_the_clock(&self) {
        loop {
            let next = self.tick();
            let moved = self.moved.notified();
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {},
                    () = moved => {},
                },
                None => moved.await,
            }
        }
    }

    /// Makes everything that is due happen, and says when the next thing is.
    fn tick(&self) -> Option<Instant> {
        let mut state = self.lock();
        let now = self.clock.now();
        self.lapse_if_due(&mut state, now);
        let expired = state.parts.expired(now);
        if !expired.is_empty() {
            let mut parts = state.parts.clone();
            parts.by_hand.retain(|name, _| !expired.contains(name));
            if let Err(refusal) = self.swap(&mut state, parts, 0, ("expiry", Cause::Lease)) {
                tracing::error!(%refusal, "faults whose time is over could not be removed");
            }
        }
        self.note_changes(&mut state, Cause::Schedule);
        let snapshot = self.snapshot.load();
        let now_unix_ms = self.clock.unix_ms();
        let next = |fault: &Arc<Fault>| {
            let at_ms = fault.origin.since_zero_ms(now_unix_ms);
            let next_ms = schedule::next_change_ms(&fault.spec, at_ms)?;
            let unix_ms = fault.origin.zero_unix_ms?.checked_add(next_ms)?;
            (unix_ms < u64::MAX / 2).then(|| self.clock.instant_of_unix_ms(unix_ms))
        };
        let window = snapshot.faults.iter().filter_map(next).min();
        let lease = match state.lease {
            Lease::Held { until } => Some(until),
            _ => None,
        };
        let by_hand = state.parts.by_hand.values().filter_map(|armed| armed.until).min();
        let breaker = snapshot.lines.values().filter_map(|line| self.poll_breaker(line, now)).min();
        let lease = lease.into_iter().chain(breaker).min();
        window.into_iter().chain(lease).chain(by_hand).min()
    }

    /// Lets a breaker do what time alone does to it, and says when that is next.
    fn poll_breaker(&self, line: &Line, now: Instant) -> Option<Instant> {
        let breaker = line.breaker.as_ref()?;
        if let Some(changed) = breaker.poll(now) {
            self.emitter.breaker_changed(&line.edge, &changed);
        }
        breaker.next_change()
    }

    /// Something that time will do to a breaker has moved.
    pub(crate) fn look_again(&self) {
        self.moved.notify_one();
    }

    fn lapse_if_due(&self, state: &mut State, now: Instant) {
        if matches!(state.lease, Lease::Held { until } if until <= now) {
            state.lease = Lease::Lapsed;
            if !state.parts.plan.held {
                state.parts.arming.end();
            }
            self.bell.ring();
            self.note_changes(state, Cause::Lease);
        }
    }

    fn lease_reply(&self, state: &State, now: Instant) -> LeaseReply {
        let left = match state.lease {
            Lease::Held { until } => until.saturating_duration_since(now),
            _ => Duration::ZERO,
        };
        LeaseReply {
            epoch: self.snapshot.load().epoch,
            left_ms: left.as_millis() as u64,
            lapsed: state.lease == Lease::Lapsed,
        }
    }

    /// Endpoints that any edge uses.
    pub(crate) fn endpoints(&self) -> BTreeSet<SocketAddr> {
        self.snapshot.load().endpoints().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn arm_of(lease: Lease) -> Arm {
    match lease {
        Lease::Never => Arm::Never,
        Lease::Held { .. } => Arm::Held,
        Lease::Lapsed | Lease::Released => Arm::Over,
    }
}

/// What is no longer armed lets go of what it holds back.
fn free_removed(was: &Parts, is: &Parts) {
    let gone = was.by_hand.iter().filter(|(name, _)| !is.by_hand.contains_key(*name));
    let untoxic = was.toxics.iter().filter(|(name, _)| !is.toxics.contains_key(*name));
    for (_, armed) in gone.chain(untoxic) {
        armed.arming.end();
    }
}

#[cfg(test)]
mod tests;
