//! The attempts of one request, and the choice to make another: after a failure (retry), or beside
//! one that takes long (hedge).

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::edge::Blame;
use model::fault::{Direction, Placement};
use model::policy::{RetryOn, RetryPolicy};
use tokio::time::Instant;

use super::headers::{self, Body};
use crate::balance::{Cause, Choice, InFlight, Outcome};
use crate::call::{Answer, Outgoing, call};
use crate::caller::{CallerOut, Side};
use crate::emit::metrics::Count;
use crate::exchange::{Exchange, has_idempotency_key};
use crate::failure::Failure;
use crate::fault::act::{self, Effects};
use crate::fault::due::Due;
use crate::fault::shaped::{self, Shaped};
use crate::hedge;
use crate::http1::{Framing, Known};
use crate::retry;
use crate::retry::advice::Advice;
use crate::snapshot::Line;
use crate::wire::sink::OutFraming;

/// An answer and what the faults of its attempt want to be done to it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) flight: InFlight,
    pub(super) timed: Timed,
    pub(super) number: u32,
    /// What the faults of this attempt do to its head.
    pub(super) effects: Effects,
}

/// How long an attempt took, and when it was over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    took: Duration,
    at: Instant,
}

impl Timed {
    fn since(began: Instant, at: Instant) -> Self {
        Self { took: at - began, at }
    }
}

/// What the attempts of a request have in common.
struct Attempts<'a> {
    exchange: &'a Exchange,
    line: &'a Arc<Line>,
    side: &'a Side,
    /// Edits of the request that were drawn once for all of its attempts.
    early: Mutex<Vec<Due>>,
    /// May the callee do the work twice?
    idempotent: bool,
}

pub(super) async fn run(
    exchange: &Exchange,
    line: &Arc<Line>,
    (side, early): (&Side, Effects),
    out: &mut CallerOut,
) -> Result<Answered, Failure> {
    let head = &exchange.head;
    let idempotent = retry::is_idempotent(head.method(), has_idempotency_key(head));
    if let Some(budget) = &line.budget {
        budget.deposit(exchange.began);
    }
    if side.can_upload() {
        out.invite_body().await.map_err(|_gone| exchange.left_by_caller())?;
    }
    let early = Mutex::new(early.headers);
    let attempts = Attempts { exchange, line, side, early, idempotent };
    let mut next = 0;
    loop {
        let (number, result) = attempts.round(&mut next, out).await;
        let trigger = match &result {
            Ok(answered) => Some(RetryOn::Status(answered.answer.head.status())),
            Err(failure) => failure.trigger(),
        };
        let wait = trigger
            .filter(|_trigger| attempts.body_is_there())
            .and_then(|trigger| attempts.wait_before(trigger, next, result.as_ref().ok()));
        let Some(wait) = wait else { return result };
        exchange.count(Count::Retries);
        attempts.end_lost((number, result)).await;
        exchange.worker.timer.sleep(wait).await;
    }
}

impl Attempts<'_> {
    /// One attempt, or two of which the first good answer wins. Gives the number of the winner.
    async fn round(&self, next: &mut u32, out: &mut CallerOut) -> (u32, Result<Answered, Failure>) {
        let first = *next;
        *next += 1;
        let Some(delay) = self.hedge_delay() else {
            return (first, self.attempt(first, Some(out)).await);
        };
        // Seldom, and two attempts at once would make the future of every request larger.
        Box::pin(self.hedged(first, next, delay, out)).await
    }

    /// An attempt, and a copy of it if it takes longer than `delay`.
    async fn hedged(
        &self,
        first: u32,
        next: &mut u32,
        delay: Duration,
        out: &mut CallerOut,
    ) -> (u32, Result<Answered, Failure>) {
        let mut slow = std::pin::pin!(self.attempt(first, Some(out)));
        let hedged = tokio::select! {
            result = slow.as_mut() => return (first, result),
            () = self.exchange.worker.timer.sleep(delay) => self.may_hedge(),
        };
        if !hedged {
            return (first, slow.await);
        }
        let second = *next;
        *next += 1;
        self.exchange.count(Count::Hedges);
        let mut copy = std::pin::pin!(self.attempt(second, None));
        let (number, result) = tokio::select! {
            biased;
            result = slow.as_mut() => (first, result),
            result = copy.as_mut() => (second, result),
        };
        let other = first + second - number;
        if is_good(&result) {
            self.exchange.end_attempt(other, None, None);
            return self.won((number, result), second);
        }
        // The other one may still do better.
        let later = if number == first { copy.await } else { slow.await };
        let (kept, lost) = if is_good(&later) || result.is_err() {
            ((other, later), (number, result))
        } else {
            ((number, result), (other, later))
        };
        self.end_lost(lost).await;
        self.won(kept, second)
    }

    fn won<T>(&self, winner: (u32, T), copy: u32) -> (u32, T) {
        if winner.0 == copy {
            self.exchange.count(Count::HedgesWon);
        }
        winner
    }

    /// Ends an attempt whose result nobody gets.
    async fn end_lost(&self, (number, result): (u32, Result<Answered, Failure>)) {
        let status = result.as_ref().ok().map(|answered| answered.answer.head.status());
        self.exchange.end_attempt(number, status, result.as_ref().err());
        if let Ok(answered) = result {
            Box::pin(self.put_away(answered)).await;
        }
    }

    async fn attempt(&self, number: u32, out: Option<&mut CallerOut>) -> Result<Answered, Failure> {
        let began = self.exchange.clock().now();
        self.exchange.begin_attempt(number, began);
        let limit = self.line.policy.attempt_timeout_ms.map(Duration::from_millis);
        let end = limit.map(|limit| (began + limit, limit));
        self.try_once((number, began), out, end).await
    }

    /// Ends what belongs to an attempt when the attempt's time is over.
    async fn in_time<T>(
        &self,
        end: Option<(Instant, Duration)>,
        part: Pin<&mut impl Future<Output = Result<T, Failure>>>,
    ) -> Result<T, Failure> {
        let Some((at, after)) = end else { return part.await };
        let late = || Failure::AttemptTimeout { after, waiting: self.exchange.waiting() };
        Box::pin(tokio::time::timeout_at(at, part)).await.unwrap_or_else(|_elapsed| Err(late()))
    }

    async fn try_once(
        &self,
        (number, mut began): (u32, Instant),
        out: Option<&mut CallerOut>,
        end: Option<(Instant, Duration)>,
    ) -> Result<Answered, Failure> {
        let Self { exchange, line, side, .. } = self;
        let before = pin!(act::at(exchange, Placement::Attempt, number));
        let mut effects = self.in_time(end, before).await?;
        if exchange.journal.is_some() {
            // A fault may have held it back, which is not the endpoint's doing.
            began = exchange.clock().now();
        }
        let tried = exchange.tried();
        let Some(flight) = line.endpoints.pick(&self.choice(began, &tried)) else {
            return Err(Failure::NoEndpoint { edge: line.name.clone() });
        };
        let to = flight.address();
        let aloft = Aloft { attempts: self, began, flight: Some(flight) };
        exchange.went_to(number, to);
        let length = exchange.head.framing().length();
        let shaped = shaped::body(exchange, Direction::Up, number, length);
        let breaks_chunks = shaped.as_ref().is_some_and(Shaped::breaks_chunks);
        let body = if breaks_chunks { self.body().in_chunks() } else { self.body() };
        let mut bytes = exchange.worker.scratch.take();
        {
            let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
            let edits = [&mut early[..], &mut effects.headers[..]];
            headers::write(&mut bytes, exchange, number, (to, body, edits));
        }
        let kept = exchange.kept.get().map_or(&[][..], Vec::as_slice);
        let (upload, kept_framing) = body.framings();
        let outgoing = Outgoing {
            to,
            began,
            head: &bytes,
            kept,
            kept_framing,
            method: exchange.head.method(),
            repeatable: retry::is_idempotent(exchange.head.method(), false),
            upload,
        };
        self.duplicate(&mut effects, &outgoing);
        let called = {
            let called = pin!(call(&exchange.worker, side, out, &outgoing, shaped));
            self.in_time(end, called).await
        };
        exchange.worker.scratch.give_back(bytes);
        let flight = aloft.land();
        let timed = Timed::since(began, exchange.clock().now());
        let answer = match called {
            Ok(answer) => answer,
            Err(failure) => {
                self.landed(flight, &Err(&failure), timed);
                return Err(failure);
            },
        };
        exchange.count(if answer.reused { Count::PoolReused } else { Count::PoolOpened });
        let after = pin!(act::at(exchange, Placement::Response, number));
        match self.in_time(end, after).await {
            Ok(effects) => Ok(Answered { answer, flight, timed, number, effects }),
            Err(failure) => {
                self.landed(flight, &Ok(&answer), timed);
                lose(exchange, answer);
                Err(failure)
            },
        }
    }

    /// A body that streams is there once, and one that is broken is not sent twice.
    fn duplicate(&self, effects: &mut Effects, outgoing: &Outgoing<'_>) {
        let is_whole = outgoing.upload.is_none() && outgoing.kept_framing == OutFraming::Raw;
        if let Some(mut due) = effects.duplicate.take().filter(|_| is_whole) {
            due.begin_on(self.exchange);
            copy(self.exchange, outgoing);
        }
    }

    fn choice<'t>(&self, now: Instant, not: &'t [SocketAddr]) -> Choice<'t> {
        let key = self.line.ring_key(self.exchange);
        let draw = self.exchange.worker.draw();
        Choice { now, key, draw, not }
    }

    /// Tells the endpoint's record what came of the attempt.
    fn landed(&self, flight: InFlight, result: &Result<&Answer, &Failure>, timed: Timed) {
        landed(self.exchange, self.line, flight, (result, timed));
    }

    fn body(&self) -> Body {
        match self.exchange.kept.get() {
            Some(kept) if kept.is_empty() => Body::None,
            Some(kept) => Body::Kept(kept.len(), OutFraming::Raw),
            None => match self.exchange.head.framing() {
                Framing::None | Framing::Length(0) => Body::None,
                Framing::Length(_) => Body::Streams(OutFraming::Raw),
                Framing::Chunked | Framing::UntilClose => Body::Streams(OutFraming::Chunked),
            },
        }
    }

    /// Can the body be sent once more?
    fn body_is_there(&self) -> bool {
        !matches!(self.body(), Body::Streams(_)) || self.side.can_upload()
    }

    /// The pause before attempt `next`, or `None` when there is to be none.
    fn wait_before(
        &self,
        trigger: RetryOn,
        next: u32,
        answered: Option<&Answered>,
    ) -> Option<Duration> {
        let (Some(policy), Some(budget)) = (&self.line.policy.retry, &self.line.budget) else {
            return None;
        };
        if next >= policy.attempts || !retry::wants(policy, trigger, self.idempotent) {
            return None;
        }
        let now = self.exchange.clock().now();
        let advice = answered.map_or(Advice::Nothing, |answered| self.advice(&answered.answer));
        let wait = retry::wait(policy, self.backoff(policy, next), advice)?;
        // A pause that outlasts the deadline would hide this result behind a timeout.
        if self.exchange.deadline.is_some_and(|deadline| deadline.left(now) <= wait) {
            return None;
        }
        let granted = budget.withdraw(now);
        if !granted {
            self.exchange.count(Count::RetriesRefused);
        }
        granted.then_some(wait)
    }

    fn advice(&self, answer: &Answer) -> Advice {
        advice(self.exchange, answer)
    }

    fn backoff(&self, policy: &RetryPolicy, number: u32) -> Duration {
        let exchange = self.exchange;
        let occurrence = exchange.journal.as_ref().map_or(0, |journal| journal.occurrence);
        let occurrence = occurrence.to_string();
        let about = [self.line.name.as_str(), exchange.correlation_id.as_str(), &occurrence];
        retry::backoff(policy, exchange.snapshot.plan.seed, &about, number)
    }

    /// When a second copy leaves; `None` when there is to be none.
    fn hedge_delay(&self) -> Option<Duration> {
        let hedger = self.line.hedger.as_ref()?;
        let now = self.exchange.clock().now();
        let delay = hedger.delay(now)?;
        let left = self.exchange.deadline.map(|deadline| deadline.left(now));
        let kept = !matches!(self.body(), Body::Streams(_));
        hedge::may(self.idempotent, kept, delay, left).then_some(delay)
    }

    fn may_hedge(&self) -> bool {
        let now = self.exchange.clock().now();
        self.line.budget.as_ref().is_some_and(|budget| budget.withdraw(now))
    }

    /// An answer that nobody gets: a short one is read so that its connection can be used again.
    async fn put_away(&self, answered: Answered) {
        let Answered { answer, flight, timed, .. } = answered;
        self.landed(flight, &Ok(&answer), timed);
        if answer.body.left().is_some_and(super::is_small) {
            answer.read_away(&self.exchange.worker, self.side).await;
        }
    }
}

/// An attempt that waits for its answer. If the time of the request runs out meanwhile, the
/// endpoint that kept it waiting is told.
struct Aloft<'a> {
    attempts: &'a Attempts<'a>,
    began: Instant,
    flight: Option<InFlight>,
}

impl Aloft<'_> {
    fn land(mut self) -> InFlight {
        self.flight.take().expect("it is taken once")
    }
}

impl Drop for Aloft<'_> {
    fn drop(&mut self) {
        let exchange = self.attempts.exchange;
        if let Some(late) = exchange.late()
            && let Some(flight) = self.flight.take()
        {
            let timed = Timed::since(self.began, exchange.clock().now());
            self.attempts.landed(flight, &Err(&late), timed);
        }
    }
}

/// Tells the endpoint's record, the hedger and the adaptive limit what came of an attempt.
pub(super) fn landed(
    exchange: &Exchange,
    line: &Line,
    flight: InFlight,
    (result, timed): (&Result<&Answer, &Failure>, Timed),
) {
    let Timed { took, at: now } = timed;
    let mut retry_after = None;
    let cause = match result {
        Ok(answer) => {
            let status = answer.head.status();
            if let Some(hedger) = &line.hedger {
                hedger.record(took, now);
            }
            if let Some(adaptive) = &line.adaptive {
                adaptive.record(took, now);
            }
            if status >= 500 {
                if let Advice::After(after) = advice(exchange, answer) {
                    exchange.told_to_wait(after);
                    retry_after = Some(after);
                }
                Cause::Upstream { status: Some(status) }
            } else {
                Cause::Success
            }
        },
        Err(failure) => match failure.blame() {
            Blame::Upstream => Cause::Upstream { status: None },
            Blame::Injected => Cause::Injected { status: failure.status() },
            Blame::Internal => Cause::Local,
            Blame::Downstream => Cause::Unknown,
        },
    };
    if let Some(event) = flight.end(Outcome { took, cause, retry_after }, now) {
        exchange.emitter().endpoint_changed(&line.edge, &event);
    }
}

/// What the answer says about another attempt.
fn advice(exchange: &Exchange, answer: &Answer) -> Advice {
    if let Some(pushback) = answer.head.header("grpc-retry-pushback-ms") {
        return Advice::of_pushback(std::str::from_utf8(pushback).unwrap_or_default());
    }
    let value = answer.head.known(Known::RetryAfter);
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    text.map_or(Advice::Nothing, |text| Advice::of_retry_after(text, exchange.clock().unix_ms()))
}

/// An answer that no other attempt has to better.
fn is_good(result: &Result<Answered, Failure>) -> bool {
    result.as_ref().is_ok_and(|answered| answered.answer.head.status() < 500)
}

/// Sends the request once more, for a callee that must bear that. Its answer is thrown away.
fn copy(exchange: &Exchange, outgoing: &Outgoing<'_>) {
    let worker = Arc::clone(&exchange.worker);
    let (to, began, method) = (outgoing.to, outgoing.began, outgoing.method.to_owned());
    let bytes = [outgoing.head, outgoing.kept].concat();
    let caller = Side::nobody();
    tokio::spawn(async move {
        let method = method.as_str();
        let copy = Outgoing {
            to,
            began,
            head: &bytes,
            kept: &[],
            kept_framing: OutFraming::Raw,
            method,
            repeatable: false,
            upload: None,
        };
        let copied = async {
            if let Ok(answer) = call(&worker, &caller, None, &copy, None).await {
                answer.read_away(&worker, &caller).await;
            }
        };
        let _in_time = tokio::time::timeout(super::answer::LOST_BODY_TIMEOUT, copied).await;
    });
}

/// The callee did its work and must not notice that its answer is lost: it may send all of it, but
/// the caller is cut off at once and not after the last byte.
fn lose(exchange: &Exchange, answer: Answer) {
    let worker = Arc::clone(&exchange.worker);
    tokio::spawn(async move {
        let caller = Side::nobody();
        let reading = answer.read_away(&worker, &caller);
        // What takes longer is cut off: dropped, its connection closes.
        let _in_time = tokio::time::timeout(super::answer::LOST_BODY_TIMEOUT, reading).await;
    });
}
