//! One request from its first byte to its last: everything that is known about it, and the one
//! place where it ends.
//!
//! However a request ends (answered, refused, broken off, the caller gone, which drops the future
//! that serves it), [`Exchange::end`] runs exactly once: the breaker learns, the counters move, the
//! spans close. A streaming answer carries its exchange along, so a request ends with the last byte
//! of its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use http::request::Parts;
use model::decision::{Subject, in_control_group};
use model::edge::{Blame, Edge};
use model::id::CorrelationId;
use model::names::attribute;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use telemetry::clock::Clock;
use telemetry::context::{self, Incoming};
use tokio::time::Instant;

use crate::breaker::{Admission, Call, Outcome};
use crate::emit::{Decision, Emitter, OpenSpan, SpanRef, SpanStart};
use crate::failure::{Failure, Waiting};
use crate::fault::Drawn;
use crate::fault::act::Book;
use crate::snapshot::{Line, Snapshot};
use crate::worker::{Door, Worker};

mod attempt;

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
    /// `None` when no edge of the plan takes this request.
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) incoming: Incoming,
    pub(crate) control: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) waiting: Waiting,
    /// The edge of the listener; `None` on the public one.
    pub(crate) edge: Option<Edge>,
    hits: Vec<String>,
    call: Option<Call>,
    attempt: Option<attempt::Attempt>,
    /// Taken at the end.
    server: Option<OpenSpan>,
    reference: SpanRef,
    began: Instant,
}

impl Exchange {
    /// Stamps a request with the plan that it meets, finds its edge and opens its span.
    pub(crate) fn open(worker: &Arc<Worker>, door: &Door, head: &Parts) -> Self {
        let began = worker.clock.now();
        let snapshot = worker.control.snapshot();
        let incoming = context::read(&head.headers);
        let path = head.uri.path().to_owned();
        let line = match door {
            Door::Public => snapshot.route(&path),
            Door::Edge(edge) => snapshot.lines.get(edge),
        };
        let made_here = incoming.correlation_id.is_none();
        let correlation_id = incoming.correlation_id.clone().unwrap_or_else(random_id);
        let plan = &snapshot.plan;
        let control = in_control_group(plan.seed, plan.control, &correlation_id);
        let journal = line.map(|line| {
            Arc::new(enter_journal(worker, line, &correlation_id, made_here, (head, plan.epoch)))
        });
        let start = server_start(head, journal.as_deref(), began);
        let mut server = worker.emitter.open_root(start, incoming.parent.as_ref());
        server.set(KeyValue::new(attribute::CORRELATION_ID, correlation_id.to_string()));
        server.set(KeyValue::new(attribute::EPOCH, plan.epoch.cast_signed()));
        server.set(KeyValue::new(attribute::CONTROL, control));
        Self {
            worker: Arc::clone(worker),
            journal,
            method: head.method.clone(),
            path,
            correlation_id,
            incoming,
            control,
            deadline: None,
            waiting: Waiting::Callee,
            edge: door.edge().cloned(),
            hits: Vec::new(),
            call: None,
            attempt: None,
            reference: server.reference(),
            server: Some(server),
            began,
            snapshot,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.worker.clock
    }

    pub(crate) fn emitter(&self) -> &Emitter {
        &self.worker.emitter
    }

    pub(crate) fn line(&self) -> Option<&Arc<Line>> {
        self.journal.as_ref().map(|journal| &journal.line)
    }

    /// For lines of the ledger: they name the attempt, or the request before the first one.
    pub(crate) fn book(&self) -> Option<Book> {
        let span = self.attempt.as_ref().map_or(self.reference, attempt::Attempt::reference);
        let journal = Arc::clone(self.journal.as_ref()?);
        Some(Book { emitter: Arc::clone(&self.worker.emitter), journal, span })
    }

    /// Notes that a fault begins to act on this request.
    pub(crate) fn hit_by(&mut self, fault: &str) {
        self.worker.journeys.add_hit(&self.correlation_id, fault);
        note(&mut self.hits, fault);
        if let Some(attempt) = &mut self.attempt {
            note(&mut attempt.hits, fault);
        }
    }

    /// For the response: own hits on an edge; all hits of the user action towards the outside.
    pub(crate) fn hits_to_tell(&self) -> Vec<String> {
        if self.edge.is_none() {
            self.worker.journeys.hits(&self.correlation_id)
        } else {
            self.hits.clone()
        }
    }

    pub(crate) fn ask_breaker(&mut self) -> Result<(), Failure> {
        let Some(line) = self.line().cloned() else { return Ok(()) };
        let Some(breaker) = &line.breaker else { return Ok(()) };
        let (admission, changed) = breaker.acquire(self.clock().now(), self.reference);
        if let Some(changed) = changed {
            self.emitter().breaker_changed(&line.edge, &changed);
        }
        match admission {
            Admission::Pass(call) => {
                self.call = Some(call);
                Ok(())
            },
            Admission::Reject { reason, retry_after } => {
                Err(Failure::Rejected { reason, retry_after })
            },
        }
    }

    pub(crate) fn timed_out(&self) -> Failure {
        Failure::Timeout { after: self.began.elapsed(), waiting: self.waiting }
    }

    pub(crate) fn left_by_caller(&self) -> Failure {
        Failure::CallerGone { waiting: self.waiting }
    }

    /// The end, once. `status` is what the caller was told; `failure` is why it is no success.
    pub(crate) fn end(&mut self, status: Option<u16>, failure: Option<&Failure>) {
        let Some(mut server) = self.server.take() else { return };
        let now = self.clock().now();
        self.end_attempt(status.filter(|_| failure.is_none()), failure);
        let verdict = Verdict::of(status, failure);
        if let Some(status) = status {
            server.set(KeyValue::new(attribute::HTTP_STATUS, i64::from(status)));
        }
        if !self.hits.is_empty() {
            server.set(KeyValue::new(attribute::FAULT, self.hits.join(",")));
        }
        verdict.write(&mut server);
        let took = now - self.began;
        if let Some(line) = self.line().cloned() {
            self.tell_breaker(&line, &verdict, failure, took);
            line.traffic.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.emitter().request_ended(&line.edge, status, took);
        }
        self.emitter().close(server, verdict.message, now);
    }

    fn tell_breaker(
        &mut self,
        line: &Line,
        verdict: &Verdict,
        failure: Option<&Failure>,
        took: Duration,
    ) {
        let (Some(call), Some(breaker)) = (self.call.take(), &line.breaker) else { return };
        // Time that the caller took to send its body says nothing about the callee.
        let waited_for_caller = failure.is_some_and(Failure::waited_for_caller);
        let took = if waited_for_caller { Duration::ZERO } else { took };
        let known = failure.is_none_or(Failure::counts_for_breaker);
        let outcome = if known {
            Outcome::Ended { failed: verdict.blame.is_some(), took }
        } else {
            Outcome::Unknown { took }
        };
        if let Some(changed) = breaker.record(call, outcome, self.clock().now()) {
            self.emitter().breaker_changed(&line.edge, &changed);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let failure = self.left_by_caller();
        self.end(None, Some(&failure));
    }
}

/// Was it a failure, and whose?
#[derive(Debug)]
struct Verdict {
    blame: Option<Blame>,
    kind: Option<String>,
    message: Option<String>,
}

impl Verdict {
    fn of(status: Option<u16>, failure: Option<&Failure>) -> Self {
        match (failure, status) {
            (Some(failure), _) => Self {
                blame: Some(failure.blame()),
                kind: Some(failure.kind().to_owned()),
                message: Some(failure.to_string()),
            },
            (None, Some(status)) if status >= 500 => Self {
                blame: Some(Blame::Upstream),
                kind: Some(status.to_string()),
                message: Some(format!("the callee answered {status}")),
            },
            (None, _) => Self { blame: None, kind: None, message: None },
        }
    }

    fn write(&self, span: &mut OpenSpan) {
        if let Some(blame) = self.blame {
            span.set(KeyValue::new(attribute::BLAME, blame.as_str()));
        }
        if let Some(kind) = &self.kind {
            span.set(KeyValue::new(attribute::ERROR_TYPE, kind.clone()));
        }
    }
}

fn enter_journal(
    worker: &Worker,
    line: &Arc<Line>,
    id: &CorrelationId,
    made_here: bool,
    (head, epoch): (&Parts, u64),
) -> Journal {
    line.traffic.requests.fetch_add(1, Ordering::Relaxed);
    line.traffic.in_flight.fetch_add(1, Ordering::Relaxed);
    let call = [line.name.as_str(), head.method.as_str(), head.uri.path()];
    let visit = worker.journeys.visit(id, made_here, &call);
    let subject = if visit.made_here {
        Subject::Counter(line.traffic.next_anonymous())
    } else {
        Subject::CorrelationId(id.clone())
    };
    Journal {
        line: Arc::clone(line),
        subject,
        occurrence: visit.occurrence,
        correlation_id: id.clone(),
        epoch,
    }
}

fn server_start(head: &Parts, journal: Option<&Journal>, at: Instant) -> SpanStart {
    let mut attributes = vec![
        KeyValue::new(attribute::HTTP_METHOD, head.method.to_string()),
        KeyValue::new(attribute::URL_PATH, head.uri.path().to_owned()),
    ];
    if let Some(journal) = journal {
        attributes.push(KeyValue::new(attribute::EDGE, journal.line.name.clone()));
    }
    let name = head.method.to_string().into();
    SpanStart { name, kind: SpanKind::Server, attributes, at }
}

fn note(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn random_id() -> CorrelationId {
    format!("{:032x}", rand::random::<u128>()).parse().expect("hex digits are visible ASCII")
}
