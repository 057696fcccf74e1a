//! The requests of one turn: one, or as many as the policy of the client asks for.

use model::load::Attempts;
use model::policy::RetryPolicy;
use tokio::time::Instant;

use super::{At, Context, Journey, request};
use crate::client::{Exchange, Failure, Outgoing};
use crate::flow::answer::Answer;
use crate::flow::policy::Policy;
use crate::flow::{draws, retry};
use crate::identity::Identity;
use crate::spans::{SpanOf, StepSpan};

/// What came of all requests of a turn.
pub(super) struct Tried {
    /// The last one, which decides.
    pub(super) exchange: Exchange,
    /// First byte of the first one.
    pub(super) written: Option<Instant>,
    /// A fault hit one of them.
    pub(super) hit: bool,
    pub(super) attempts: Attempts,
    /// One for each, in the order in which they began; empty when nobody wants spans.
    pub(super) spans: Vec<StepSpan>,
}

/// When an attempt may begin and must be over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) began: Instant,
    pub(super) deadline: Instant,
}

impl Tried {
    pub(super) fn add(&mut self, exchange: Exchange, span: Option<StepSpan>) {
        self.written = self.written.or(exchange.written);
        self.hit |= exchange.faults.is_some();
        self.attempts.sent += u64::from(exchange.written.is_some());
        self.spans.extend(span);
        self.exchange = exchange;
    }
}

impl Journey {
    pub(super) async fn tried(
        &mut self,
        context: &Context,
        at: At<'_>,
        (began, deadline): (Instant, Instant),
        buffer: &mut Outgoing,
    ) -> Tried {
        let times = Times { began, deadline };
        let Identity { load, flow, .. } = self.identity;
        let mut tried = Tried {
            exchange: context.unsent(Failure::Unsendable),
            written: None,
            hit: false,
            attempts: Attempts::default(),
            spans: Vec::new(),
        };
        match context.plan.policies.of(load, flow, at.number) {
            None => self.attempt(context, (at, 0), times, (buffer, &mut tried)).await,
            // Rare and large: it would make every journey as large as itself.
            Some(policy) => {
                Box::pin(self.tried_by(policy, context, (at, times), (buffer, &mut tried))).await;
            },
        }
        tried
    }

    /// One request, written and sent.
    pub(super) async fn attempt(
        &mut self,
        context: &Context,
        (at, resend_count): (At<'_>, u32),
        times: Times,
        (buffer, tried): (&mut Outgoing, &mut Tried),
    ) {
        let exchange = match self.write(context, at, buffer) {
            Ok(()) => {
                let Times { deadline, .. } = times;
                context.client.exchange(buffer, at.step.wanted, deadline, &mut self.held).await
            },
            Err(failure) => context.unsent(failure),
        };
        let span = self.numbered;
        Self::seen(context, (at, span, resend_count), times, (exchange, buffer.path(), tried));
    }

    /// Writes the request with the span id of its own.
    pub(super) fn write(
        &mut self,
        context: &Context,
        at: At<'_>,
        buffer: &mut Outgoing,
    ) -> Result<(), Failure> {
        self.numbered += 1;
        let path = self.fill(at.place).path(&at.step.path).ok_or(Failure::Unsendable)?;
        let cookies = self.cookies(context, at, path.split('?').next().unwrap_or_default());
        let own = request::Own { span: self.numbered, path: &path, cookies };
        request::write(buffer, at.step, self.fill(at.place), own)
    }

    /// Takes an exchange that is over.
    pub(super) fn seen(
        context: &Context,
        (at, span, resend_count): (At<'_>, usize, u32),
        times: Times,
        (exchange, path, tried): (Exchange, &str, &mut Tried),
    ) {
        let second = context.second_of(exchange.finished);
        // What it took not to be connected is the duration of a failure, not of a connection.
        let dial = exchange.ready.map(|_| exchange.dial).unwrap_or_default();
        context.recorder.exchanged(second, dial, exchange.body_bytes);
        if let Some(written) = exchange.written {
            let wait = written.saturating_duration_since(times.began);
            context.recorder.waited(second, wait);
        }
        let span = context.spans.wants_spans().then(|| StepSpan {
            number: at.number,
            span,
            parent: 0,
            what: SpanOf::Request { resend_count },
            start: times.began,
            dial: exchange.dial,
            ready: exchange.ready,
            written: exchange.written,
            end: exchange.finished,
            path: path.to_owned(),
            status: exchange.status,
            failure: failure_of(at, &exchange),
            body_bytes: exchange.body_bytes,
            faults: exchange.faults.clone(),
        });
        tried.add(exchange, span);
    }

    async fn tried_by(
        &mut self,
        policy: &Policy,
        context: &Context,
        (at, times): (At<'_>, Times),
        (buffer, tried): (&mut Outgoing, &mut Tried),
    ) {
        let mut began = times.began;
        for number in 0.. {
            let own_end = policy.attempt_timeout.map(|timeout| began + timeout);
            let deadline = own_end.map_or(times.deadline, |end| end.min(times.deadline));
            let of_attempt = Times { began, deadline };
            context.pay_in(self.identity.load, policy, (began, number == 0));
            match &policy.hedge {
                Some(hedge) if at.step.is_idempotent => {
                    self.hedged(hedge, context, (at, of_attempt), (buffer, &mut *tried)).await;
                },
                _ => self.attempt(context, (at, number), of_attempt, (buffer, tried)).await,
            }
            let Some(again) = self.next_attempt(policy, context, (at, times, number + 1), tried)
            else {
                return;
            };
            if context.vigil.sleep_until(again).await.is_err() {
                tried.exchange.end = Err(Failure::Stopped);
                return;
            }
            tried.attempts.retries += 1;
            began = context.clock.now();
        }
    }

    /// When the client tries again, if it does.
    fn next_attempt(
        &self,
        policy: &Policy,
        context: &Context,
        (at, times, made): (At<'_>, Times, u32),
        tried: &mut Tried,
    ) -> Option<Instant> {
        let failure = failure_of(at, &tried.exchange)?;
        let retry = policy.retry.as_ref()?;
        if made >= retry.attempts || !retry::wants(retry, failure, at.step.is_idempotent) {
            return None;
        }
        let waited = self.wait(retry, context, (at, made), &tried.exchange)?;
        let again = tried.exchange.finished + waited;
        if again >= times.deadline {
            return None;
        }
        if context.may_retry(self.identity.load, retry, tried.exchange.finished) {
            return Some(again);
        }
        tried.attempts.denied += 1;
        None
    }

    fn wait(
        &self,
        policy: &RetryPolicy,
        context: &Context,
        (at, made): (At<'_>, u32),
        exchange: &Exchange,
    ) -> Option<std::time::Duration> {
        let drawn = draws::backoff(self.identity.draw_key(), at.place, policy, made);
        let now_ns = context.clock.unix_ns_of(exchange.finished);
        retry::wait(policy, drawn, &Answer::new(0, &exchange.head, b""), now_ns)
    }
}

/// Of an attempt by itself: checks are asked of the last one alone.
pub(super) fn failure_of(at: At<'_>, exchange: &Exchange) -> Option<Failure> {
    match (&exchange.end, exchange.status) {
        (Err(failure), _) => Some(*failure),
        (Ok(_), Some(status)) if !at.step.accepts(status) => Some(Failure::Status(status)),
        (Ok(_), _) => None,
    }
}
