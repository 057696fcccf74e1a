//! One user's way through a flow: its steps one after the other, to the first that fails.
//!
//! The journey and its first step count from the intended start; a later step has no schedule of
//! its own and counts from its real start. A journey is recorded exactly once, whatever happens to
//! it, also when it never got a connection or the load ends before it.

mod context;
mod request;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use model::load::{Acknowledged, Outcome};
use tokio::time::Instant;

use crate::client::{Exchange, Failure, Held, Outgoing, Wanted};
use crate::fill::Fill;
use crate::flow::answer::Answer;
use crate::identity::Identity;
use crate::plan::ResolvedStep;
use crate::queue::Released;
use crate::record::Timing;
use crate::spans::StepSpan;

pub(crate) use context::{Context, Ended};

/// A journey that has a place among the requests in flight.
pub(crate) struct Journey {
    context: Rc<Context>,
    identity: Identity,
    released: Released,
    saved: BTreeMap<String, String>,
    steps: Vec<StepSpan>,
    /// First byte of the first request.
    written: Option<Instant>,
    /// Last byte of the last answer, or when it was given up.
    finished: Instant,
    hit: bool,
    held: Held,
}

impl Journey {
    pub(crate) fn new(context: Rc<Context>, released: Released) -> Self {
        let identity = Identity::new(&context.plan, released.load, released.arrival);
        Self {
            context,
            identity,
            finished: released.dispatched,
            released,
            saved: BTreeMap::new(),
            steps: Vec::new(),
            written: None,
            hit: false,
            held: Held::default(),
        }
    }

    /// Gives the instant at which it was over, and how. The buffer is the caller's, so that it can
    /// be used for the next journey too.
    pub(crate) async fn run(mut self, buffer: &mut Outgoing) -> (Instant, Outcome) {
        let context = Rc::clone(&self.context);
        let outcome = self.walk(&context, buffer).await;
        let finished = self.finished;
        context.journey_ended(Ended {
            outcome,
            timing: Timing {
                response: self.finished.saturating_duration_since(self.released.intended),
                service: self.written.map(|from| self.finished.saturating_duration_since(from)),
            },
            identity: self.identity,
            intended: self.released.intended,
            finished: self.finished,
            hit: self.hit,
            steps: self.steps,
        });
        (finished, outcome)
    }

    async fn walk(&mut self, context: &Context, buffer: &mut Outgoing) -> Outcome {
        let load = &context.plan.loads[self.identity.load];
        let flow = &context.plan.flows[self.identity.flow];
        for (number, step) in flow.steps.iter().enumerate() {
            let timeout = step.timeout.unwrap_or(load.timeout);
            let outcome = self.step(context, number, (step, timeout), buffer).await;
            if outcome != Outcome::Completed {
                return outcome;
            }
        }
        Outcome::Completed
    }

    async fn step(
        &mut self,
        context: &Context,
        number: usize,
        (step, timeout): (&ResolvedStep, Duration),
        buffer: &mut Outgoing,
    ) -> Outcome {
        let first = number == 0;
        // The user's patience begins when the arrival was released, so the wait for a free place
        // is part of it.
        let began = if first { self.released.dispatched } else { context.clock.now() };
        let fill = Fill {
            plan: &context.plan,
            identity: &self.identity,
            draw: number as u64,
            saved: &self.saved,
        };
        let exchange = match request::write(buffer, step, fill) {
            Ok(()) => {
                let wanted = Wanted { head: false, body: !step.save.is_empty() };
                let deadline = began + timeout;
                context.client.exchange(buffer, wanted, deadline, &mut self.held).await
            },
            Err(failure) => context.unsent(failure),
        };
        let failure = self.judged(step, &exchange).err();
        let from = if first { self.released.intended } else { began };
        self.record(context, number, failure, Counted { began, from, exchange: &exchange });
        if !context.spans.wants_spans() {
            return failure.map_or(Outcome::Completed, Failure::outcome);
        }
        self.steps.push(StepSpan {
            number,
            start: began,
            dial: exchange.dial,
            ready: exchange.ready,
            written: exchange.written,
            end: exchange.finished,
            path: buffer.path().to_owned(),
            status: exchange.status,
            failure,
            body_bytes: exchange.body_bytes,
            faults: exchange.faults,
        });
        failure.map_or(Outcome::Completed, Failure::outcome)
    }

    /// Does the answer hold what the step asks of it? What it saves is saved here.
    fn judged(&mut self, step: &ResolvedStep, exchange: &Exchange) -> Result<(), Failure> {
        let body = exchange.end.as_ref().map_err(|failure| *failure)?;
        let status = exchange.status.unwrap_or_default();
        if !step.accepts(status) {
            return Err(Failure::Status(status));
        }
        self.save(step, status, body)?;
        if let Some(name) = &step.acknowledges {
            let value = self.saved.get(name).cloned();
            self.context.recorder.acknowledged(Acknowledged {
                value: value.expect("the plan's check has found who saves it"),
                correlation_id: self.identity.correlation_id.clone(),
                trace_id: self.identity.trace_id,
            });
        }
        Ok(())
    }

    fn save(&mut self, step: &ResolvedStep, status: u16, body: &Bytes) -> Result<(), Failure> {
        if step.save.is_empty() {
            return Ok(());
        }
        let answer = Answer::new(status, &[], body);
        for (name, place) in &step.save {
            let value = answer.find(place).ok_or(Failure::Unsaved)?;
            self.saved.insert(name.clone(), value.into_owned());
        }
        Ok(())
    }

    fn record(
        &mut self,
        context: &Context,
        number: usize,
        failure: Option<Failure>,
        counted: Counted<'_>,
    ) {
        let Exchange { written, finished, faults, dial, body_bytes, .. } = counted.exchange;
        context.recorder.exchanged(context.second_of(*finished), *dial, *body_bytes);
        if let Some(written) = written {
            let wait = written.saturating_duration_since(counted.began);
            context.recorder.waited(context.second_of(*finished), wait);
            self.written = self.written.or(Some(*written));
        }
        self.finished = *finished;
        let hit = faults.is_some();
        self.hit |= hit;
        let timing = Timing {
            response: finished.saturating_duration_since(counted.from),
            service: written.map(|from| finished.saturating_duration_since(from)),
        };
        let outcome = failure.map_or(Outcome::Completed, Failure::outcome);
        let key = Context::key(&self.identity, Some(number), hit, outcome);
        context.recorder.ended(context.second_of(*finished), key, timing);
    }
}

/// The instants between which a step is measured.
struct Counted<'a> {
    /// Dispatched (first step) or real start.
    began: Instant,
    /// Intended start (first step) or real start.
    from: Instant,
    exchange: &'a Exchange,
}

#[cfg(test)]
mod tests;
