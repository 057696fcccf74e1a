//! One user's way through a flow: its steps one after the other, to the first that fails.
//!
//! The journey and its first request count from the intended start; a later step has no schedule
//! of its own and counts from its real start. What the user thinks between two steps is nobody's
//! response time: it is left out of the journey's. A journey is recorded exactly once, whatever
//! happens to it, also when it never got a connection or the load ends before it.
//!
//! A step is done in turns (`turn`), a turn takes one request or, when its client tries again,
//! several (`attempts`), and what comes of it is judged (`judge`).

mod attempts;
mod context;
mod hedge;
mod judge;
mod request;
mod turn;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use model::flow::Condition;
use model::id::CorrelationId;
use model::load::{Attempts, Outcome};
use tokio::time::Instant;

use crate::client::{Failure, Held, Outgoing};
use crate::fill::Fill;
use crate::flow::draws;
use crate::flow::jar::Jar;
use crate::identity::Identity;
use crate::plan::ResolvedStep;
use crate::queue::Released;
use crate::record::Timing;
use crate::spans::StepSpan;

pub(crate) use context::{Context, Ended};
use judge::holds_before;
use turn::Turned;

/// How long whoever begins again by himself rests after he got no connection: a target that refuses
/// is asked again soon, but not as fast as a processor can ask.
pub(crate) const REST: Duration = Duration::from_millis(10);

/// A journey that has a place among the requests in flight.
pub(crate) struct Journey {
    context: Rc<Context>,
    identity: Identity,
    released: Released,
    saved: BTreeMap<String, String>,
    jar: Jar,
    spans: Vec<StepSpan>,
    /// Spans that have got their number.
    numbered: usize,
    /// A request has been tried.
    begun: bool,
    /// First byte of the first request.
    written: Option<Instant>,
    /// Last byte of the last answer, or when it was given up.
    finished: Instant,
    /// What the user has thought between requests.
    thought: Duration,
    /// What was thought since the last request: it counts when another one follows.
    thinking: Duration,
    hit: bool,
    attempts: Attempts,
    held: Held,
    failed: Option<Failed>,
}

/// Where a journey ended before its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed {
    /// Of the step in its flow.
    pub(crate) step: usize,
    pub(crate) failure: Failure,
}

/// A turn of a step.
#[derive(Debug, Clone, Copy)]
struct At<'p> {
    number: usize,
    step: &'p ResolvedStep,
    /// What draws differ by.
    place: u64,
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
            jar: Jar::default(),
            spans: Vec::new(),
            numbered: 0,
            begun: false,
            written: None,
            thought: Duration::ZERO,
            thinking: Duration::ZERO,
            hit: false,
            attempts: Attempts::default(),
            held: Held::default(),
            failed: None,
        }
    }

    /// Another user does it than the one who follows from its number.
    pub(crate) fn is_of(&mut self, correlation_id: CorrelationId) {
        self.identity.correlation_id = correlation_id;
    }

    /// Gives the instant at which it was over, and how. The buffer is the caller's, so that it can
    /// be used for the next journey too.
    pub(crate) async fn run(mut self, buffer: &mut Outgoing) -> (Instant, Outcome) {
        let context = Rc::clone(&self.context);
        let outcome = self.walk(&context, buffer).await;
        let finished = self.finished;
        self.end(outcome);
        (finished, outcome)
    }

    /// The same for a flow that is walked once: gives what its steps have saved, or where it ended.
    pub(crate) async fn run_once(
        mut self,
        buffer: &mut Outgoing,
    ) -> Result<BTreeMap<String, String>, Failed> {
        let context = Rc::clone(&self.context);
        let outcome = self.walk(&context, buffer).await;
        let (saved, failed) = (std::mem::take(&mut self.saved), self.failed);
        self.end(outcome);
        let stopped = Failed { step: 0, failure: Failure::Stopped };
        if outcome == Outcome::Completed { Ok(saved) } else { Err(failed.unwrap_or(stopped)) }
    }

    fn end(self, outcome: Outcome) {
        let awake = |from: Instant| {
            self.finished.saturating_duration_since(from).saturating_sub(self.thought)
        };
        let timing =
            Timing { response: awake(self.released.intended), service: self.written.map(awake) };
        self.context.journey_ended(Ended {
            outcome,
            timing,
            identity: self.identity,
            intended: self.released.intended,
            finished: self.finished,
            hit: self.hit,
            attempts: self.attempts,
            steps: self.spans,
        });
    }

    async fn walk(&mut self, context: &Context, buffer: &mut Outgoing) -> Outcome {
        let flow = &context.plan.flows[self.identity.flow];
        for (number, step) in flow.steps.iter().enumerate() {
            if self.is_left_out(step) {
                continue;
            }
            let last = number + 1 == flow.steps.len();
            let outcome = self.step(context, (number, step, last), buffer).await;
            if outcome != Outcome::Completed {
                return outcome;
            }
        }
        Outcome::Completed
    }

    /// All turns of a step, and the thinking after each. Nobody thinks after the last step.
    async fn step(
        &mut self,
        context: &Context,
        (number, step, last): (usize, &ResolvedStep, bool),
        buffer: &mut Outgoing,
    ) -> Outcome {
        let turns = &step.turns;
        let until = turns.within_ms.map(|ms| context.clock.now() + Duration::from_millis(ms));
        for turn in 0..turns.max {
            let at = At { number, step, place: draws::place(number, turn) };
            let key = || self.identity.draw_key();
            let pause = turns.pause.as_ref().map(|pause| draws::pause(key(), at.place, pause));
            let pause = pause.unwrap_or_default();
            let final_turn = turn + 1 == turns.max;
            let again_at = |now: Instant| {
                let next = now + pause;
                (!final_turn && until.is_none_or(|until| next <= until)).then_some(next)
            };
            match self.turn(context, at, &again_at, buffer).await {
                Turned::Failed(failure) => {
                    self.failed = Some(Failed { step: number, failure });
                    return failure.outcome();
                },
                Turned::Again { at } => {
                    if context.vigil.sleep_until(at).await.is_err() {
                        return Outcome::Unfinished;
                    }
                },
                Turned::Done => {
                    let over = final_turn || !turns.until.is_empty();
                    if last && over {
                        break;
                    }
                    if !self.think(context, at).await {
                        return Outcome::Unfinished;
                    }
                    if over {
                        break;
                    }
                },
            }
        }
        Outcome::Completed
    }

    /// False when the load was aborted meanwhile.
    async fn think(&mut self, context: &Context, at: At<'_>) -> bool {
        let Some(think) = &at.step.think else { return true };
        let think = draws::think(self.identity.draw_key(), at.place, think);
        let from = context.clock.now();
        let slept = think.is_zero() || context.vigil.sleep_until(from + think).await.is_ok();
        self.thinking += context.clock.now().saturating_duration_since(from);
        slept
    }

    fn is_left_out(&self, step: &ResolvedStep) -> bool {
        let all = |conditions: &[Condition]| {
            conditions.iter().all(|condition| holds_before(condition, self.fill(0)))
        };
        !all(&step.when) || (!step.unless.is_empty() && all(&step.unless))
    }

    fn fill(&self, place: u64) -> Fill<'_> {
        Fill { plan: &self.context.plan, identity: &self.identity, draw: place, saved: &self.saved }
    }
}

#[cfg(test)]
mod tests;
