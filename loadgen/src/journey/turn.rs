//! One turn of a step: its request, and what is recorded of it.

use std::time::Duration;

use model::load::Outcome;
use tokio::time::Instant;

use super::attempts::Tried;
use super::{At, Context, Journey};
use crate::client::{DialTimes, Failure, Outgoing};
use crate::flow::answer::Answer;
use crate::flow::jar::Place;
use crate::record::{Came, Done, Timing};
use crate::spans::{SpanOf, StepSpan};

/// What came of a turn.
pub(super) enum Turned {
    /// The step is done, or one of its turns is.
    Done,
    /// What the step waits for is not there yet: it is asked for again.
    Again {
        at: Instant,
    },
    Failed(Failure),
}

impl Journey {
    /// `again_at` says when a next turn would begin, if there may be one.
    pub(super) async fn turn(
        &mut self,
        context: &Context,
        at: At<'_>,
        again_at: &dyn Fn(Instant) -> Option<Instant>,
        buffer: &mut Outgoing,
    ) -> Turned {
        let first = !std::mem::replace(&mut self.begun, true);
        self.thought += std::mem::take(&mut self.thinking);
        // The user's patience begins when the arrival was released, so the wait for a free place
        // is part of it.
        let began = if first { self.released.dispatched } else { context.clock.now() };
        let from = if first { self.released.intended } else { began };
        let load = &context.plan.loads[self.identity.load];
        let deadline = began + at.step.timeout.unwrap_or(load.timeout);
        let tried = self.tried(context, at, (began, deadline), buffer).await;
        self.keep_cookies(context, at, &tried, buffer.path());
        let finished = tried.exchange.finished;
        let next = again_at(finished);
        let mut checked = Vec::new();
        let latency = finished.saturating_duration_since(from);
        let judged = self.judged(at, &tried.exchange, (latency, next.is_some()), &mut checked);
        let failure = judged.err();
        let timing = Timing {
            response: latency,
            service: tried.written.map(|written| finished.saturating_duration_since(written)),
        };
        self.record(context, at, (failure, timing), (&tried, &checked));
        self.keep_spans(context, at, began, (failure, tried));
        match (failure, judged.unwrap_or_default(), next) {
            (Some(failure), ..) => Turned::Failed(failure),
            (None, true, Some(at)) => Turned::Again { at },
            (None, ..) => Turned::Done,
        }
    }

    fn record(
        &mut self,
        context: &Context,
        at: At<'_>,
        (failure, timing): (Option<Failure>, Timing),
        (tried, checked): (&Tried, &[bool]),
    ) {
        self.written = self.written.or(tried.written);
        self.finished = tried.exchange.finished;
        self.hit |= tried.hit;
        self.attempts += tried.attempts;
        let outcome = failure.map_or(Outcome::Completed, Failure::outcome);
        let key = Context::key(&self.identity, Some(at.number), tried.hit, outcome);
        let came = match (failure, tried.exchange.status) {
            // A person's own conditions do not take the status from an answer.
            (None | Some(Failure::Status(_) | Failure::Check | Failure::Never), Some(status)) => {
                Came::Status(status)
            },
            (failure, _) => Came::Failure(failure.map_or("", Failure::as_str)),
        };
        let came = Some((came, tried.exchange.body_bytes));
        let done = Done { attempts: tried.attempts, checked, came };
        context.recorder.ended_by(context.second_of(self.finished), key, timing, done);
    }

    /// Several requests get a span around them; the failure is that of the step.
    fn keep_spans(
        &mut self,
        context: &Context,
        at: At<'_>,
        began: Instant,
        (failure, tried): (Option<Failure>, Tried),
    ) {
        if !context.spans.wants_spans() {
            return;
        }
        let mut spans = tried.spans;
        if let [only] = spans.as_mut_slice() {
            only.start = began;
            only.failure = failure;
        } else {
            self.numbered += 1;
            for span in &mut spans {
                span.parent = self.numbered;
            }
            self.spans.push(StepSpan {
                number: at.number,
                span: self.numbered,
                parent: 0,
                what: SpanOf::Step,
                start: began,
                dial: DialTimes::default(),
                ready: None,
                written: None,
                end: tried.exchange.finished,
                path: String::new(),
                status: None,
                failure,
                body_bytes: 0,
                faults: None,
            });
        }
        self.spans.append(&mut spans);
    }

    fn keep_cookies(&mut self, context: &Context, at: At<'_>, tried: &Tried, path: &str) {
        if !context.plan.flows[self.identity.flow].cookies {
            return;
        }
        let answer = Answer::new(0, &tried.exchange.head, b"");
        let place = cookie_place(context, at, path);
        answer.header("set-cookie").for_each(|cookie| self.jar.set(cookie, place));
    }

    /// Value of the `Cookie` header.
    pub(super) fn cookies(&self, context: &Context, at: At<'_>, path: &str) -> Option<String> {
        if !context.plan.flows[self.identity.flow].cookies {
            return None;
        }
        self.jar.header(cookie_place(context, at, path))
    }
}

fn cookie_place<'c>(context: &'c Context, at: At<'_>, path: &'c str) -> Place<'c> {
    let target = &context.plan.targets[at.step.target];
    let authority = target.authority.as_str();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let now = Duration::from_nanos(context.clock.unix_ns_of(context.clock.now()));
    Place { host, path, secure: target.tls.is_some(), now_unix_s: now.as_secs().cast_signed() }
}
