//! The effects on a request: those that are carried out here, and those that the pipeline is told.
//!
//! Several faults may be drawn at one placement: delays add up, the first one that ends the
//! attempt wins, and the rest are skipped as `overtaken`. Whatever ends the request while faults
//! are still to come (the caller left, its time is over) skips those as `caller-gone`.
//!
//! What is held back goes on when its time is over, when the fault's window ends, and when the
//! lease does: a fault that is no longer active must not be felt.

use std::collections::VecDeque;
use std::sync::Arc;

use super::due::{Due, Ledger, Stand};
use super::judge::{Case, Stage, judge};
use super::sieve::Place;
use super::{Drawn, Fault};
use crate::emit::{Emitter, SpanRef, Verdict};
use crate::exchange::{Exchange, Journal};
use crate::failure::{Failure, InjectedAnswer, Waiting};
use crate::timer::Timer;
use model::fault::{Direction, FaultKind, Placement};

/// What the pipeline has to carry out. Each says for itself when it begins; one that is dropped
/// before is entered as `not-reached`. Seldom there, hence behind pointers: it goes along with
/// every request.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// The callee gets the request a second time.
    pub(crate) duplicate: Option<Box<Due>>,
    /// The announced length is wrong by so many bytes.
    pub(crate) wrong_length: Option<Box<(Due, i64)>>,
    /// Edits of the request, or of the answer at [`Placement::Response`], in order.
    pub(crate) headers: Vec<Due>,
}

impl Effects {
    fn otherwise(&mut self, reason: &'static str) {
        let length = self.wrong_length.as_deref_mut().map(|(due, _)| due);
        let all = self.duplicate.as_deref_mut().into_iter().chain(length).chain(&mut self.headers);
        all.for_each(|due| due.otherwise(reason));
    }
}

impl Due {
    /// [`Due::begin`], noted on the request.
    pub(crate) fn begin_on(&mut self, exchange: &Exchange) {
        exchange.hit_by(self.name(), self.attempt());
        self.begin();
    }

    /// Fields to set, and names to remove before that.
    pub(crate) fn edits(&self) -> (&[(String, String)], &[String]) {
        match self.effect() {
            FaultKind::Headers { set, remove } => (set, remove),
            _ => (&[], &[]),
        }
    }
}

/// Lets the faults of one placement act. `Err` ends the attempt.
pub(crate) async fn at(
    exchange: &Exchange,
    placement: Placement,
    attempt: u32,
) -> Result<Effects, Failure> {
    let Some(journal) = &exchange.journal else { return Ok(Effects::default()) };
    let drawn = draw(exchange, journal.line.faults.at(placement), Stage::Request, attempt);
    if drawn.is_empty() {
        return Ok(Effects::default());
    }
    // Seldom, and its state would make the future of every request larger.
    Box::pin(carry_out(exchange, drawn, attempt)).await
}

/// Draws the faults that act on the body that goes `way`, which is up or down. They are noted on
/// the request here, because the head of an answer tells of them and leaves before its body; their
/// lines are written when they first touch a byte. `Both` is judged for each of the two bodies,
/// with the same draw. A body without a byte is not reached by any.
pub(crate) fn body(exchange: &Exchange, way: Direction, attempt: u32, is_empty: bool) -> Vec<Due> {
    let Some(journal) = &exchange.journal else { return Vec::new() };
    let drawn = draw(exchange, journal.line.faults.body(way), Stage::Body, attempt);
    if drawn.is_empty() {
        return Vec::new();
    }
    let admitted = admitted(exchange, drawn, attempt);
    if is_empty {
        return admitted;
    }
    for due in &admitted {
        exchange.hit_by(due.name(), due.attempt());
    }
    admitted
}

fn admitted(exchange: &Exchange, drawn: Vec<Drawn>, attempt: u32) -> Vec<Due> {
    let Some(book) = exchange.book(attempt) else { return Vec::new() };
    let ledger: Arc<dyn Ledger> = Arc::new(book);
    let due = |drawn: Drawn| {
        let stand = stand(exchange, &drawn.fault, false);
        Due::new(drawn, Arc::clone(&ledger), "not-reached").admit(stand)
    };
    drawn.into_iter().filter_map(due).collect()
}

/// The clock is read once for all of them, and not at all where no fault is armed.
fn draw(exchange: &Exchange, place: &Place, stage: Stage, attempt: u32) -> Vec<Drawn> {
    let Some(journal) = &exchange.journal else { return Vec::new() };
    let mut faults = place.candidates(exchange.head.method(), exchange.head.path()).peekable();
    if faults.peek().is_none() {
        return Vec::new();
    }
    let (snapshot, clock) = (&exchange.snapshot, exchange.clock());
    let case = Case {
        seed: snapshot.plan.seed,
        edge: &journal.line.edge,
        subject: &journal.subject,
        correlation_id: exchange.correlation_id.as_str(),
        occurrence: journal.occurrence,
        attempt,
        clock,
        now_unix_ms: clock.unix_ms(),
    };
    let count = |fault: &Fault| exchange.emitter().count_decision(&fault.spec.name, "matched");
    judge(faults, stage, exchange, &case, count)
}

fn stand(exchange: &Exchange, fault: &Fault, overtaken: bool) -> Stand {
    let armed = fault.origin.holds(exchange.clock().unix_ms());
    Stand { control: exchange.control, overtaken, armed }
}

async fn carry_out(
    exchange: &Exchange,
    drawn: Vec<Drawn>,
    attempt: u32,
) -> Result<Effects, Failure> {
    let Some(book) = exchange.book(attempt) else { return Ok(Effects::default()) };
    let ledger: Arc<dyn Ledger> = Arc::new(book);
    let due = |drawn| Due::new(drawn, Arc::clone(&ledger), "caller-gone");
    let mut queue: VecDeque<Due> = drawn.into_iter().map(due).collect();
    let mut effects = Effects::default();
    let mut ended = Ok(());
    while let Some(next) = queue.pop_front() {
        let stand = stand(exchange, next.fault(), ended.is_err());
        if let Some(due) = next.admit(stand) {
            ended = act(exchange, due, &mut effects).await;
        }
    }
    if ended.is_err() {
        effects.otherwise("overtaken");
    }
    ended.map(|()| effects)
}

async fn act(exchange: &Exchange, mut due: Due, effects: &mut Effects) -> Result<(), Failure> {
    let to_pipeline = match due.effect() {
        FaultKind::Duplicate => effects.duplicate.is_none(),
        FaultKind::WrongLength { .. } => effects.wrong_length.is_none(),
        FaultKind::Headers { .. } => true,
        _ => false,
    };
    if to_pipeline {
        due.otherwise("not-reached");
    }
    match due.effect() {
        FaultKind::Latency { .. } | FaultKind::Blackhole => {
            due.begin_on(exchange);
            exchange.waits_for(Waiting::Fault);
            hold_back(&due, &exchange.worker.timer).await;
            Ok(())
        },
        FaultKind::Errors { status, body, headers } => {
            let (status, body, headers) = (*status, body.clone(), headers.clone());
            due.begin_on(exchange);
            Err(Failure::Injected(Box::new(InjectedAnswer { status, body, headers })))
        },
        FaultKind::Reset { .. } | FaultKind::LostReply => {
            due.begin_on(exchange);
            Err(Failure::InjectedReset)
        },
        FaultKind::Headers { .. } => {
            effects.headers.push(due);
            Ok(())
        },
        FaultKind::Duplicate if to_pipeline => {
            effects.duplicate = Some(Box::new(due));
            Ok(())
        },
        FaultKind::WrongLength { by } if to_pipeline => {
            let by = *by;
            effects.wrong_length = Some(Box::new((due, by)));
            Ok(())
        },
        // A second copy or a second wrong length: the first one did it.
        _ => {
            due.spare("overtaken");
            Ok(())
        },
    }
}

/// Waits as long as the fault wants, at most until its window or the lease ends.
async fn hold_back(due: &Due, timer: &Timer) {
    tokio::select! {
        () = timer.sleep_until(due.held_until()) => due.ran_to_its_end(),
        () = due.fault().origin.arming.ended() => {},
    }
}

/// What is needed to write a line of the ledger, even when the request is gone.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) span: SpanRef,
}

impl Ledger for Book {
    fn enter(&self, drawn: &Drawn, verdict: Verdict) {
        self.emitter.decided(&self.journal.decision(drawn, self.span), verdict);
    }
}
