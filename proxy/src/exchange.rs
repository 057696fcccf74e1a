//! One request from its first byte to its last: everything that is known about it, and the one
//! place where it ends.
//!
//! However a request ends (answered, refused, broken off, the caller gone, or dropped with the
//! task that serves it), [`Exchange::end`] runs exactly once: the breaker learns, the counters
//! move, the spans are written. A request ends with the last byte of its answer.
//!
//! Attempts of one request may run at the same time, so all of them share it by reference; what
//! changes lies behind one lock that nobody waits for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use model::decision::{Subject, in_control_group};
use model::edge::Edge;
use model::id::CorrelationId;
use model::units::Share;
use telemetry::clock::Clock;
use tokio::time::Instant;

use crate::breaker::{Admission, Call, Outcome};
use crate::deadline::Deadline;
use crate::emit::metrics::{Count, Level};
use crate::emit::{Decision, Emitter, SpanIds, SpanRef};
use crate::failure::{Failure, Waiting};
use crate::fault::Drawn;
use crate::fault::act::Book;
use crate::http1::{Known, RequestHead};
use crate::journeys;
use crate::server::door::Door;
use crate::snapshot::{Line, Snapshot};
use crate::worker::Worker;

mod attempt;
pub(crate) mod incoming;
mod report;

use attempt::Attempt;
pub(crate) use incoming::{Incoming, text};
use report::Verdict;

/// Asks for less traffic, and says nothing else about the callee.
const TOO_MANY_REQUESTS: u16 = 429;

/// What the ledger says about a request, kept apart so that a line can be written when the request
/// itself is gone.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) line: Arc<Line>,
    pub(crate) subject: Subject,
    pub(crate) occurrence: u32,
    correlation_id: CorrelationId,
    epoch: u64,
}

impl Journal {
    pub(crate) fn decision<'a>(&'a self, drawn: &'a Drawn, span: SpanRef) -> Decision<'a> {
        Decision {
            fault: &drawn.fault.spec,
            edge: &self.line.edge,
            subject: &self.subject,
            correlation_id: &self.correlation_id,
            occurrence: self.occurrence,
            attempt: drawn.attempt,
            draw: drawn.draw,
            epoch: self.epoch,
            span,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) worker: Arc<Worker>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) head: RequestHead,
    /// `None` when no edge of the plan takes this request.
    pub(crate) line: Option<Arc<Line>>,
    /// Only when a fault of the plan may look at it.
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) incoming: Incoming,
    pub(crate) control: bool,
    pub(crate) deadline: Option<Deadline>,
    /// The edge of the listener; `None` on the public one.
    pub(crate) edge: Option<Edge>,
    /// A small body that was read to be looked at or sent again.
    pub(crate) kept: OnceLock<Vec<u8>>,
    pub(crate) began: Instant,
    ids: SpanIds,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    waiting: Waiting,
    hits: Vec<String>,
    attempts: Vec<Attempt>,
    /// Endpoints of attempts that are over.
    tried: Vec<SocketAddr>,
    call: Option<Call>,
    /// How long the callee asked to be left alone.
    told: Option<Duration>,
    /// Whose silence it was when the time ran out.
    late: Option<Waiting>,
    /// Attempts so far.
    begun: u32,
    bytes_up: u64,
    bytes_down: u64,
    ended: Option<Instant>,
}

/// What is known at the end.
#[derive(Debug)]
struct Ended {
    hits: Vec<String>,
    attempts: u32,
    /// The last one.
    endpoint: Option<SocketAddr>,
    bytes_up: u64,
    bytes_down: u64,
}

impl Exchange {
    /// Stamps a request with the plan that it meets and finds its edge.
    pub(crate) fn open(worker: &Arc<Worker>, door: &Door, head: RequestHead) -> Self {
        let began = worker.clock.now();
        let snapshot = worker.control.snapshot();
        let incoming = Incoming::read(&head);
        let correlation_id = incoming::correlation_id(&head)
            .unwrap_or_else(|| journeys::make([worker.draw(), worker.draw()]));
        let line = match door.edge() {
            None => snapshot.route(&head, &correlation_id),
            Some(edge) => snapshot.lines.get(edge),
        };
        let plan = &snapshot.plan;
        let control = plan.control != Share::ZERO
            && in_control_group(plan.seed, plan.control, &correlation_id);
        let line = line.cloned();
        let mut journal = None;
        if let Some(line) = &line {
            line.traffic.metrics.add(worker.index, Count::Requests, 1);
            line.traffic.metrics.raise(worker.index, Level::InFlight, 1);
            if !line.faults.is_empty() {
                let entered = enter_journal(worker, line, &correlation_id, (&head, snapshot.epoch));
                journal = Some(Arc::new(entered));
            }
        }
        let inner = Inner {
            waiting: Waiting::Callee,
            hits: Vec::new(),
            attempts: Vec::new(),
            tried: Vec::new(),
            call: None,
            told: None,
            late: None,
            begun: 0,
            bytes_up: 0,
            bytes_down: 0,
            ended: None,
        };
        Self {
            worker: Arc::clone(worker),
            line,
            journal,
            correlation_id,
            control,
            deadline: None,
            edge: door.edge().cloned(),
            kept: OnceLock::new(),
            began,
            ids: worker.shard.ids(incoming.parent.as_ref()),
            inner: Mutex::new(inner),
            incoming,
            head,
            snapshot,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.worker.clock
    }

    pub(crate) fn emitter(&self) -> &Emitter {
        &self.worker.emitter
    }

    /// Names the request's own span.
    pub(crate) fn reference(&self) -> SpanRef {
        self.ids.reference()
    }

    /// Counts something of this request's edge.
    pub(crate) fn count(&self, what: Count) {
        if let Some(line) = &self.line {
            line.traffic.metrics.add(self.worker.index, what, 1);
        }
    }

    pub(crate) fn waits_for(&self, waiting: Waiting) {
        self.inner().waiting = waiting;
    }

    pub(crate) fn waiting(&self) -> Waiting {
        self.inner().waiting
    }

    pub(crate) fn passed_down(&self, bytes: u64) {
        self.inner().bytes_down += bytes;
        if let Some(line) = &self.line {
            line.traffic.metrics.add(self.worker.index, Count::BytesDown, bytes);
        }
    }

    /// Payload of the caller that went on to the callee.
    pub(crate) fn passed_up(&self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        self.inner().bytes_up += bytes;
        if let Some(line) = &self.line {
            line.traffic.metrics.add(self.worker.index, Count::BytesUp, bytes);
        }
    }

    /// For lines of the ledger: they name the attempt, or the request before the first one.
    pub(crate) fn book(&self, attempt: u32) -> Option<Book> {
        let span = {
            let inner = self.inner();
            inner.attempt(attempt).map_or_else(|| self.reference(), Attempt::reference)
        };
        let journal = Arc::clone(self.journal.as_ref()?);
        Some(Book { emitter: Arc::clone(&self.worker.emitter), journal, span })
    }

    /// Notes that a fault begins to act on this request, or on one of its attempts.
    pub(crate) fn hit_by(&self, fault: &str, attempt: u32) {
        self.worker.journeys.add_hit(&self.correlation_id, fault);
        let mut inner = self.inner();
        note(&mut inner.hits, fault);
        if let Some(attempt) = inner.attempt_mut(attempt) {
            note(&mut attempt.hits, fault);
        }
    }

    /// For the response: own hits on an edge; all hits of the user action towards the outside.
    pub(crate) fn hits_to_tell(&self) -> Vec<String> {
        if self.edge.is_none() {
            self.worker.journeys.hits(&self.correlation_id)
        } else {
            self.inner().hits.clone()
        }
    }

    pub(crate) fn ask_breaker(&self, line: &Line) -> Result<(), Failure> {
        let Some(breaker) = &line.breaker else { return Ok(()) };
        // Only who waited for a place comes later than the request began.
        let now = if line.bulkhead.is_some() { self.clock().now() } else { self.began };
        let (admission, changed) = breaker.acquire(now, self.reference());
        if let Some(changed) = changed {
            self.emitter().breaker_changed(&line.edge, &changed);
        }
        match admission {
            Admission::Pass(call) => {
                self.inner().call = Some(call);
                Ok(())
            },
            Admission::Reject { reason, retry_after } => {
                self.count(Count::BreakerRejected);
                Err(Failure::Rejected { reason, retry_after })
            },
        }
    }

    /// The callee asked to be left alone for so long.
    pub(crate) fn told_to_wait(&self, after: Duration) {
        self.inner().told = Some(after);
    }

    /// Its time is over: what is in flight is dropped, and learns why by [`Self::late`].
    pub(crate) fn time_out(&self, waiting: Waiting) -> Failure {
        self.inner().late = Some(waiting);
        Failure::Timeout { after: self.began.elapsed(), waiting }
    }

    /// Whose silence it was, once the time of the request is over.
    pub(crate) fn late(&self) -> Option<Failure> {
        let waiting = self.inner().late?;
        Some(Failure::Timeout { after: self.began.elapsed(), waiting })
    }

    pub(crate) fn left_by_caller(&self) -> Failure {
        Failure::CallerGone { waiting: self.waiting() }
    }

    /// The end, once. `status` is what the caller was told; `failure` is why it is no success.
    pub(crate) fn end(&self, status: Option<u16>, failure: Option<&Failure>) {
        let now = self.clock().now();
        let (call, told, attempts, ended) = {
            let mut inner = self.inner();
            if inner.ended.is_some() {
                return;
            }
            inner.ended = Some(now);
            let last = inner.attempts.last().and_then(|attempt| attempt.to);
            let ended = Ended {
                hits: inner.hits.clone(),
                attempts: inner.begun,
                endpoint: last.or_else(|| inner.tried.last().copied()),
                bytes_up: inner.bytes_up,
                bytes_down: inner.bytes_down,
            };
            (inner.call.take(), inner.told, std::mem::take(&mut inner.attempts), ended)
        };
        let verdict = Verdict::of(status, failure);
        for attempt in &attempts {
            self.close_attempt(attempt, status.filter(|_| failure.is_none()), failure, now);
        }
        let took = now - self.began;
        if let Some(line) = &self.line {
            line.traffic.metrics.raise(self.worker.index, Level::InFlight, -1);
            self.tell_breaker(line, (call, told), &verdict, (failure, took, now));
            let blame = verdict.blame;
            line.traffic.metrics.request_ended(self.worker.index, status, blame, took);
        }
        self.report(&verdict, status, &ended, now);
    }

    /// When it ended; now, if it goes on.
    pub(crate) fn ended_at(&self) -> Instant {
        let ended = self.inner().ended;
        ended.unwrap_or_else(|| self.clock().now())
    }

    fn tell_breaker(
        &self,
        line: &Line,
        (call, told): (Option<Call>, Option<Duration>),
        verdict: &Verdict<'_>,
        (failure, took, now): (Option<&Failure>, Duration, Instant),
    ) {
        let (Some(call), Some(breaker)) = (call, &line.breaker) else { return };
        let status = verdict.status;
        // Time that the caller took to send its body says nothing about the callee.
        let waited_for_caller = failure.is_some_and(Failure::waited_for_caller);
        let took = if waited_for_caller { Duration::ZERO } else { took };
        let known = failure.is_none_or(Failure::counts_for_breaker);
        let outcome = if !known {
            Outcome::Unknown { took }
        } else if status == Some(TOO_MANY_REQUESTS) {
            Outcome::Throttled { took }
        } else {
            Outcome::Ended { failed: verdict.blame.is_some(), took }
        };
        if let Some(changed) = breaker.record_told(call, outcome, told, now) {
            self.emitter().breaker_changed(&line.edge, &changed);
            if breaker.next_change().is_some() {
                self.worker.control.look_again();
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint that an attempt went to, for the log.
    pub(crate) fn went_to(&self, number: u32, to: SocketAddr) {
        if let Some(attempt) = self.inner().attempt_mut(number) {
            attempt.to = Some(to);
        }
    }

    /// Endpoints that attempts of this request are at or were at.
    pub(crate) fn tried(&self) -> Vec<SocketAddr> {
        let inner = self.inner();
        let at = inner.attempts.iter().filter_map(|attempt| attempt.to);
        inner.tried.iter().copied().chain(at).collect()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let ended = self.inner().ended.is_some();
        if !ended {
            let failure = self.left_by_caller();
            self.end(None, Some(&failure));
        }
    }
}

impl model::fault::Subject for Exchange {
    fn method(&self) -> &str {
        self.head.method()
    }

    fn path(&self) -> &str {
        self.head.path()
    }

    fn query(&self) -> Option<&str> {
        self.head.query()
    }

    fn any_header(&self, name: &str, fits: &mut dyn FnMut(&str) -> bool) -> bool {
        let text = |value| std::str::from_utf8(value).ok();
        self.head.values(name).filter_map(text).any(fits)
    }

    fn body(&self) -> Option<&[u8]> {
        self.kept.get().map(Vec::as_slice)
    }

    fn caller(&self) -> &str {
        self.line.as_ref().map_or(model::edge::CLIENT, |line| &line.edge.caller)
    }
}

fn enter_journal(
    worker: &Worker,
    line: &Arc<Line>,
    id: &CorrelationId,
    (head, epoch): (&RequestHead, u64),
) -> Journal {
    let (subject, occurrence) = if journeys::is_made_here(id) {
        (Subject::Counter(line.traffic.next_anonymous()), 0)
    } else {
        let call = [line.name.as_str(), head.method(), head.path()];
        (Subject::CorrelationId(id.clone()), worker.journeys.visit(id, call))
    };
    let (line, correlation_id) = (Arc::clone(line), id.clone());
    Journal { line, subject, occurrence, correlation_id, epoch }
}

fn note(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// Is it a retry that the callee was promised to be harmless?
pub(crate) fn has_idempotency_key(head: &RequestHead) -> bool {
    head.known(Known::IdempotencyKey).is_some()
}
