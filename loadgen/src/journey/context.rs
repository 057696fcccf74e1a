//! What all journeys of one engine share, and the one place where a journey ends.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use model::flow::ClientHedge;
use model::load::{Attempts, LoadExemplar, Outcome};
use model::policy::RetryPolicy;
use telemetry::clock::Clock;
use tokio::time::Instant;

use crate::client::{Client, ClientError, DialTimes, Exchange, Failure, Vigil};
use crate::flow::budget::Budget;
use crate::flow::policy::Policy;
use crate::identity::Identity;
use crate::plan::Resolved;
use crate::queue::Released;
use crate::record::{CellKey, Done, Rank, Recorder, Timing};
use crate::samples::bounded_us;
use crate::spans::{JourneySpans, SpanSink, StepSpan};

const NS_PER_S: u64 = 1_000_000_000;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) plan: Arc<Resolved>,
    pub(crate) clock: Clock,
    pub(crate) client: Client,
    pub(crate) vigil: Vigil,
    pub(crate) recorder: Recorder,
    pub(crate) spans: SpanSink,
    /// Of each load, what its clients may spend on retries and on hedges.
    budgets: RefCell<Vec<Budgets>>,
    /// When load ends, once that is known.
    pub(crate) load_end: Cell<Option<Instant>>,
    /// The second that was asked for last: nearly always the one that is asked for next.
    pub(crate) second: Cell<Option<KnownSecond>>,
}

#[derive(Debug)]
struct Budgets {
    retries: Budget,
    hedges: Budget,
}

/// A second on the wall, by the instants between which it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownSecond {
    from: Instant,
    until: Instant,
    unix_s: u64,
}

/// A journey that is over.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) identity: Identity,
    pub(crate) outcome: Outcome,
    pub(crate) timing: Timing,
    pub(crate) intended: Instant,
    pub(crate) finished: Instant,
    pub(crate) hit: bool,
    /// Of all steps.
    pub(crate) attempts: Attempts,
    pub(crate) steps: Vec<StepSpan>,
}

impl Context {
    pub(crate) fn new(
        plan: Arc<Resolved>,
        clock: Clock,
        spans: SpanSink,
    ) -> Result<Self, ClientError> {
        let vigil = Vigil::default();
        let now = clock.now();
        let budgets = |_| Budgets { retries: Budget::new(now), hedges: Budget::new(now) };
        Ok(Self {
            client: Client::new(&plan.targets, vigil.clone(), plan.answers_may_wait())?,
            vigil,
            budgets: RefCell::new(plan.loads.iter().map(budgets).collect()),
            plan,
            clock,
            recorder: Recorder::default(),
            spans,
            load_end: Cell::default(),
            second: Cell::default(),
        })
    }

    /// A first attempt pays into the budgets of its policy.
    pub(super) fn pay_in(&self, load: usize, policy: &Policy, (now, first): (Instant, bool)) {
        if !first {
            return;
        }
        let budgets = &mut self.budgets.borrow_mut()[load];
        if let Some(retry) = &policy.retry {
            budgets.retries.deposit(now, retry.budget);
        }
        if let Some(hedge) = &policy.hedge {
            budgets.hedges.deposit(now, hedge.budget);
        }
    }

    /// Takes a retry out of the load's budget, if there is one left.
    pub(super) fn may_retry(&self, load: usize, policy: &RetryPolicy, now: Instant) -> bool {
        let reserve_per_s = f64::from(policy.budget_reserve_per_s) / f64::from(self.plan.engines);
        self.budgets.borrow_mut()[load].retries.withdraw(now, reserve_per_s)
    }

    /// The same for a second copy.
    pub(super) fn may_hedge(&self, load: usize, policy: &ClientHedge) -> bool {
        let reserve_per_s = f64::from(policy.budget_reserve_per_s) / f64::from(self.plan.engines);
        self.budgets.borrow_mut()[load].hedges.withdraw(self.clock.now(), reserve_per_s)
    }

    /// Second since the Unix epoch.
    pub(crate) fn second_of(&self, at: Instant) -> u64 {
        if let Some(known) = self.second.get()
            && known.from <= at
            && at < known.until
        {
            return known.unix_s;
        }
        let unix_ns = self.clock.unix_ns_of(at);
        let (unix_s, within_ns) = (unix_ns / NS_PER_S, unix_ns % NS_PER_S);
        // The beginning of the clock may lie within the second; then only its rest is known.
        let from = at.checked_sub(Duration::from_nanos(within_ns)).unwrap_or(at);
        let until = at + Duration::from_nanos(NS_PER_S - within_ns);
        self.second.set(Some(KnownSecond { from, until, unix_s }));
        unix_s
    }

    pub(super) fn key(
        identity: &Identity,
        step: Option<usize>,
        hit: bool,
        outcome: Outcome,
    ) -> CellKey {
        let Identity { model, flow, phase, group, .. } = *identity;
        CellKey { model, flow, step, phase, group, hit, outcome }
    }

    /// A request that could not even be written down.
    pub(super) fn unsent(&self, failure: Failure) -> Exchange {
        Exchange {
            end: Err(failure),
            ready: None,
            written: None,
            finished: self.clock.now(),
            dial: DialTimes::default(),
            status: None,
            faults: None,
            head: Vec::new(),
            body_bytes: 0,
        }
    }

    /// An arrival that never got a place among the requests in flight. Its first step counts too:
    /// the waits of those who did get a place are in that step's response times, so leaving out
    /// who waited longest would make them better than the truth.
    pub(crate) fn never_started(&self, released: Released, outcome: Outcome, now: Instant) {
        let identity = Identity::new(&self.plan, released.load, released.arrival);
        let response = now.saturating_duration_since(released.intended);
        let timing = Timing { response, service: None };
        let key = Self::key(&identity, Some(0), false, outcome);
        self.recorder.ended(self.second_of(now), key, timing);
        self.journey_ended(Ended {
            identity,
            outcome,
            timing,
            intended: released.intended,
            finished: now,
            hit: false,
            attempts: Attempts::default(),
            steps: Vec::new(),
        });
    }

    /// Records a journey, once.
    pub(super) fn journey_ended(&self, ended: Ended) {
        let second = self.second_of(ended.finished);
        let key = Self::key(&ended.identity, None, ended.hit, ended.outcome);
        let done = Done { attempts: ended.attempts, checked: &[], came: None };
        self.recorder.ended_by(second, key, ended.timing, done);
        let about = Rank {
            response_us: bounded_us(ended.timing.response),
            outcome: ended.outcome,
            hit: ended.hit,
        };
        self.recorder.exemplar(second, about, || LoadExemplar {
            flow: self.plan.flows[key.flow].name.clone(),
            trace_id: ended.identity.trace_id,
            correlation_id: ended.identity.correlation_id.clone(),
            response_us: about.response_us,
            outcome: about.outcome,
            hit: about.hit,
        });
        // A dropped arrival did nothing that a trace could show, and comes in floods.
        if ended.outcome != Outcome::Dropped {
            self.spans.offer(JourneySpans {
                identity: ended.identity,
                outcome: ended.outcome,
                start: ended.intended,
                end: ended.finished,
                steps: ended.steps,
            });
        }
    }
}
