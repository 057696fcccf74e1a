//! What all journeys of one engine share, and the one place where a journey ends.

use std::sync::Arc;

use model::load::{LoadExemplar, Outcome};
use telemetry::clock::Clock;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::{Exchange, Failure, HttpClient};
use crate::identity::Identity;
use crate::plan::Resolved;
use crate::queue::Released;
use crate::record::{CellKey, Recorder, Timing};
use crate::samples::bounded_us;
use crate::spans::{JourneySpans, SpanSink, StepSpan};

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) plan: Arc<Resolved>,
    pub(crate) clock: Clock,
    pub(crate) client: HttpClient,
    pub(crate) recorder: Recorder,
    pub(crate) spans: SpanSink,
    /// Turns true when what is in flight must end now.
    pub(crate) aborted: watch::Receiver<bool>,
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
    pub(crate) steps: Vec<StepSpan>,
}

impl Context {
    /// Second since the Unix epoch.
    pub(crate) fn second_of(&self, at: Instant) -> u64 {
        self.clock.unix_ns_of(at) / 1_000_000_000
    }

    pub(super) fn key(
        &self,
        identity: &Identity,
        step: Option<usize>,
        hit: bool,
        outcome: Outcome,
    ) -> CellKey {
        let flow = self.plan.loads[identity.load].flow;
        CellKey { flow, step, phase: identity.phase, group: identity.group, hit, outcome }
    }

    /// A request that could not even be written down.
    pub(super) fn unsent(&self, failure: Failure) -> Exchange {
        Exchange {
            end: Err(failure),
            ready: None,
            written: None,
            finished: self.clock.now(),
            status: None,
            faults: None,
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
        let key = self.key(&identity, Some(0), false, outcome);
        self.recorder.ended(self.second_of(now), key, timing);
        self.journey_ended(Ended {
            identity,
            outcome,
            timing,
            intended: released.intended,
            finished: now,
            hit: false,
            steps: Vec::new(),
        });
    }

    /// Records a journey, once.
    pub(super) fn journey_ended(&self, ended: Ended) {
        let second = self.second_of(ended.finished);
        let key = self.key(&ended.identity, None, ended.hit, ended.outcome);
        self.recorder.ended(second, key, ended.timing);
        self.recorder.exemplar(second, || LoadExemplar {
            flow: self.plan.flows[key.flow].name.clone(),
            trace_id: ended.identity.trace_id,
            correlation_id: ended.identity.correlation_id.clone(),
            response_us: bounded_us(ended.timing.response),
            outcome: ended.outcome,
            hit: ended.hit,
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
