//! The effects themselves.
//!
//! Several faults may be drawn at one placement: delays add up, the first one that ends the
//! attempt wins, and the rest are skipped as `overtaken`. Whatever ends the request while faults
//! are still to come (the caller left, its time is over) skips those as `caller-gone`.
//!
//! What is held back goes on when its time is over, when the fault's window ends, and when the
//! lease does: a fault that is no longer active must not be felt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::fault::{FaultKind, Placement};
use tokio::time::Instant;

use super::{Drawn, draw};
use crate::emit::{Emitter, SpanRef, Verdict};
use crate::exchange::{Exchange, Journal};
use crate::failure::{Failure, Waiting};

/// Lets the faults of one placement act. `Err` ends the attempt.
pub(crate) async fn at(
    exchange: &mut Exchange,
    placement: Placement,
    attempt: u32,
) -> Result<(), Failure> {
    let drawn = draw(exchange, placement, attempt);
    if drawn.is_empty() {
        return Ok(());
    }
    let Some(book) = exchange.book() else { return Ok(()) };
    let mut queue = Queue { drawn: drawn.into(), book };
    let mut ended = Ok(());
    while let Some(next) = queue.drawn.pop_front() {
        let spared = if exchange.control {
            Some("control")
        } else if ended.is_err() {
            Some("overtaken")
        } else if !exchange.snapshot.arming.holds(exchange.clock().unix_ms()) {
            Some("lease")
        } else {
            None
        };
        match spared {
            Some(reason) => queue.book.enter(&next, Verdict::Skipped { reason }),
            None => {
                exchange.hit_by(&next.fault.spec.name);
                ended = act(exchange, &queue.book, next).await;
            },
        }
    }
    ended
}

async fn act(exchange: &mut Exchange, book: &Book, drawn: Drawn) -> Result<(), Failure> {
    let arming = Arc::clone(&exchange.snapshot.arming);
    let fault = Arc::clone(&drawn.fault);
    match &fault.spec.effect {
        FaultKind::Latency { delay } => {
            exchange.waiting = Waiting::Fault;
            let planned = delay.sample(drawn.size);
            let acting = Acting::begin(book, drawn, Some(planned));
            let until = (acting.began + planned).min(acting.drawn.window_end);
            tokio::select! {
                () = tokio::time::sleep_until(until) => {},
                () = arming.ended() => {},
            }
            Ok(())
        },
        FaultKind::Blackhole => {
            exchange.waiting = Waiting::Fault;
            let acting = Acting::begin(book, drawn, None);
            tokio::select! {
                () = tokio::time::sleep_until(acting.drawn.window_end) => {},
                () = arming.ended() => {},
            }
            Ok(())
        },
        FaultKind::Errors { status, body, .. } => {
            book.enter(&drawn, Verdict::Hit { planned: None, achieved: None });
            Err(Failure::Injected { status: *status, body: body.clone() })
        },
        FaultKind::Reset { .. } | FaultKind::LostReply => {
            book.enter(&drawn, Verdict::Hit { planned: None, achieved: None });
            Err(Failure::InjectedReset)
        },
        _ => Ok(()),
    }
}

/// What is needed to write a line of the ledger, even when the request is gone.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) span: SpanRef,
}

impl Book {
    fn enter(&self, drawn: &Drawn, verdict: Verdict) {
        let decision = self.journal.decision(drawn, self.span);
        drawn.fault.count(verdict);
        self.emitter.decided(&decision, verdict);
    }
}

/// Drawn faults whose turn has not come.
#[derive(Debug)]
struct Queue {
    drawn: VecDeque<Drawn>,
    book: Book,
}

impl Drop for Queue {
    fn drop(&mut self) {
        for left in &self.drawn {
            self.book.enter(left, Verdict::Skipped { reason: "caller-gone" });
        }
    }
}

/// An effect that takes time. Its line is written when it ends, however it ends.
#[derive(Debug)]
struct Acting<'a> {
    book: &'a Book,
    drawn: Drawn,
    began: Instant,
    planned: Option<Duration>,
}

impl<'a> Acting<'a> {
    fn begin(book: &'a Book, drawn: Drawn, planned: Option<Duration>) -> Self {
        Self { book, drawn, began: Instant::now(), planned }
    }
}

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        let achieved = Some(self.began.elapsed());
        self.book.enter(&self.drawn, Verdict::Hit { planned: self.planned, achieved });
    }
}
