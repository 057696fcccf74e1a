//! The one place that changes what the gateway does: plans, the lease, the states of faults.
//!
//! Requests only read: the snapshot through an atomic pointer, the armed state through an atomic
//! word. Changes take the lock of this page one after the other. The states of faults are not
//! polled: one task sleeps until the next instant at which something changes (a window begins or
//! ends, the lease runs out) and is woken when that instant moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use model::edge::Edge;
use model::fault::FaultState;
use model::limits::{LEASE_MAX, LEASE_MIN};
use model::plan::{Applied, LeaseReply, LeaseRequest, Plan};
use telemetry::clock::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::emit::{Cause, Emitter};
use crate::fault::schedule::{self, Arm};
use crate::snapshot::{Snapshot, Traffic};
use crate::validate::{Invalid, validate};

pub(crate) mod report;

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
    /// Last known state by name of fault.
    faults: BTreeMap<String, FaultState>,
}

#[derive(Debug)]
pub(crate) struct Control {
    clock: Clock,
    emitter: Arc<Emitter>,
    /// Every edge that has a listener.
    traffic: BTreeMap<Edge, Arc<Traffic>>,
    state: Mutex<State>,
    snapshot: ArcSwap<Snapshot>,
    moved: Notify,
}

impl Control {
    pub(crate) fn new(edges: &[Edge], emitter: Arc<Emitter>, clock: Clock) -> Self {
        Self {
            clock,
            emitter,
            traffic: edges.iter().map(|edge| (edge.clone(), Arc::default())).collect(),
            state: Mutex::new(State { lease: Lease::Never, faults: BTreeMap::new() }),
            snapshot: ArcSwap::from_pointee(Snapshot::empty()),
            moved: Notify::new(),
        }
    }

    /// The plan that a request meets now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Replaces the plan as a whole. A lease that is held goes on; one that is over begins anew.
    pub(crate) fn apply(&self, plan: Plan) -> Result<Applied, Refusal> {
        let mut state = self.lock();
        let now = self.clock.now();
        let before = self.snapshot.load();
        let (epoch, current) = (plan.epoch, before.plan.epoch);
        if epoch <= current {
            return Err(Refusal::Epoch { got: epoch, current });
        }
        let known: BTreeSet<Edge> = self.traffic.keys().cloned().collect();
        validate(&plan, &known)?;
        self.lapse_if_due(&mut state, now);
        let arming = match state.lease {
            Lease::Never | Lease::Held { .. } => Arc::clone(&before.arming),
            Lease::Lapsed | Lease::Released => {
                state.lease = Lease::Never;
                Arc::default()
            },
        };
        let next = Snapshot::after(&before, plan, arming, &self.traffic, now);
        drop(before);
        for line in next.lines.values() {
            if let Some(breaker) = &line.breaker {
                self.emitter.breaker_is(&line.edge, breaker.status(now).state);
            }
        }
        self.snapshot.store(Arc::new(next));
        self.note_changes(&mut state, Cause::Plan);
        self.moved.notify_one();
        Ok(Applied { epoch })
    }

    /// A heartbeat: the faults may act for another while.
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
        let snapshot = self.snapshot();
        let epoch = snapshot.plan.epoch;
        match state.lease {
            Lease::Lapsed => return Err(Refusal::Lapsed { epoch }),
            Lease::Released => return Err(Refusal::Released { epoch }),
            Lease::Never | Lease::Held { .. } => {},
        }
        let until = now + length;
        state.lease = Lease::Held { until };
        snapshot.arming.hold_until(self.clock.unix_ns_of(until).div_ceil(1_000_000));
        self.note_changes(&mut state, Cause::Schedule);
        self.moved.notify_one();
        Ok(self.lease_reply(&state, now))
    }

    /// Disarms every fault at once and frees what they hold back.
    pub(crate) fn release(&self) -> LeaseReply {
        let mut state = self.lock();
        let now = self.clock.now();
        self.lapse_if_due(&mut state, now);
        if state.lease != Lease::Lapsed {
            state.lease = Lease::Released;
            self.snapshot.load().arming.end();
            self.note_changes(&mut state, Cause::Released);
        }
        self.moved.notify_one();
        self.lease_reply(&state, now)
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
        self.note_changes(&mut state, Cause::Schedule);
        let snapshot = self.snapshot.load();
        let at_ms = snapshot.since_zero_ms(self.clock.unix_ms());
        let window = snapshot.plan.zero_unix_ms.and_then(|zero| {
            let next =
                |fault: &Arc<crate::fault::Fault>| schedule::next_change_ms(&fault.spec, at_ms);
            let next_ms = snapshot.faults.iter().filter_map(next).min()?;
            Some(self.clock.instant_of_unix_ms(zero.saturating_add(next_ms)))
        });
        let lease = match state.lease {
            Lease::Held { until } => Some(until),
            _ => None,
        };
        window.into_iter().chain(lease).min()
    }

    fn lapse_if_due(&self, state: &mut State, now: Instant) {
        if matches!(state.lease, Lease::Held { until } if until <= now) {
            state.lease = Lease::Lapsed;
            self.snapshot.load().arming.end();
            self.note_changes(state, Cause::Lease);
        }
    }

    /// Emits every change of a fault's state since the last look. A fault that leaves with its
    /// plan while it acts is done.
    fn note_changes(&self, state: &mut State, cause: Cause) {
        let snapshot = self.snapshot.load();
        let at_ms = snapshot.since_zero_ms(self.clock.unix_ms());
        let arm = arm_of(state.lease);
        let mut known = std::mem::take(&mut state.faults);
        for fault in &snapshot.faults {
            let name = &fault.spec.name;
            let is = schedule::state(&fault.spec, arm, at_ms);
            let was = known.remove(name).unwrap_or(FaultState::Planned);
            if is != was {
                self.emitter.fault_changed(name, is, cause);
            }
            state.faults.insert(name.clone(), is);
        }
        for (name, was) in known {
            if was == FaultState::Active {
                self.emitter.fault_changed(&name, FaultState::Done, cause);
            }
        }
    }

    fn lease_reply(&self, state: &State, now: Instant) -> LeaseReply {
        let left = match state.lease {
            Lease::Held { until } => until.saturating_duration_since(now),
            _ => Duration::ZERO,
        };
        LeaseReply {
            epoch: self.snapshot.load().plan.epoch,
            left_ms: left.as_millis() as u64,
            lapsed: state.lease == Lease::Lapsed,
        }
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

#[cfg(test)]
mod tests;
