//! The order of the stages of a request, stated once. Each stands where it stands for a reason:
//!
//! 1. *tunnels* are refused: nothing below could see into one. (What is no sound HTTP/1.1 was
//!    refused by the parser, and the framing upstream is always written anew from what was parsed,
//!    so two hops never read one request differently);
//! 2. *route*: without an edge there is neither policy nor fault;
//! 3. *deadline*: spent time is not worth a look at the breaker, and nothing below may outlast it;
//! 4. *breaker*: before any work, so that a rejection is cheap, and outside of the retries, so that
//!    it judges requests as their caller sees them;
//! 5. *faults placed at the request*: once, whatever the retries do;
//! 6. *attempts*, each: faults before the callee (so retries and breaker meet them like real ones)
//!    → endpoint → connection → callee → faults on the answer;
//! 7. *retry*: inside the deadline and within the budget;
//! 8. *end* ([`Exchange::end`]): blame, then the breaker learns, counters, spans. It runs for
//!    streaming answers when their last byte is through, and for callers that leave when they do.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use model::fault::Placement;
use tokio::time::{Duration, Instant};

use crate::exchange::Exchange;
use crate::failure::{Failure, Waiting};
use crate::fault::act;
use crate::payload::Payload;
use crate::pool::Answer;
use crate::relay::Answered;
use crate::snapshot::Line;
use crate::worker::{Door, Worker};

mod answer;
mod attempts;
mod headers;

/// Tells the connection to end with a reset instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the caller's connection is reset on purpose")]
pub(crate) struct Severed;

/// Serves one request.
pub(crate) async fn serve(
    worker: Arc<Worker>,
    door: Arc<Door>,
    request: Request<Incoming>,
) -> Result<Response<Answered>, Severed> {
    let (head, body) = request.into_parts();
    let mut exchange = Exchange::open(&worker, &door, &head);
    match stages(&mut exchange, head, body).await {
        Ok(answer) => Ok(answer::pass_on(exchange, answer)),
        Err(Failure::InjectedReset) => {
            exchange.end(None, Some(&Failure::InjectedReset));
            Err(Severed)
        },
        Err(failure) => Ok(answer::refuse(exchange, &failure)),
    }
}

async fn stages(exchange: &mut Exchange, head: Parts, body: Incoming) -> Result<Answer, Failure> {
    refuse_tunnels(&head)?;
    let line = routed(exchange)?;
    set_deadline(exchange, &line)?;
    exchange.ask_breaker()?;
    let payload = Payload::new(body);
    let deadline = exchange.deadline;
    let work = Box::pin(work(exchange, &line, head, payload));
    match deadline {
        None => work.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_elapsed) => Err(exchange.timed_out()),
        },
    }
}

async fn work(
    exchange: &mut Exchange,
    line: &Arc<Line>,
    head: Parts,
    mut payload: Payload,
) -> Result<Answer, Failure> {
    act::at(exchange, Placement::Request, 0).await?;
    if line.policy.retry.as_ref().is_some_and(|retry| retry.attempts > 1) {
        let before = std::mem::replace(&mut exchange.waiting, Waiting::Caller);
        payload.keep_if_small().await.map_err(|_broken| Failure::CallerBody)?;
        exchange.waiting = before;
    }
    attempts::run(exchange, line, head, payload).await
}

/// A tunnel has no requests that faults and policies could be about.
fn refuse_tunnels(head: &Parts) -> Result<(), Failure> {
    if head.method == Method::CONNECT {
        return Err(Failure::Malformed("this gateway opens no tunnels"));
    }
    Ok(())
}

fn routed(exchange: &Exchange) -> Result<Arc<Line>, Failure> {
    match exchange.line() {
        Some(line) => Ok(Arc::clone(line)),
        None => match &exchange.edge {
            None => Err(Failure::NoRoute { path: exchange.path.clone() }),
            Some(edge) => Err(Failure::NotPlanned { edge: edge.to_string() }),
        },
    }
}

/// The nearer of the edge's timeout and the time that the caller has left.
fn set_deadline(exchange: &mut Exchange, line: &Line) -> Result<(), Failure> {
    if exchange.incoming.deadline_ms == Some(0) {
        return Err(Failure::DeadlineSpent);
    }
    let limits = [line.policy.timeout_ms, exchange.incoming.deadline_ms];
    let nearest_ms = limits.into_iter().flatten().min();
    let now = exchange.clock().now();
    let at = |ms| now.checked_add(Duration::from_millis(ms));
    exchange.deadline = nearest_ms.and_then(at);
    Ok(())
}

/// Time left until `deadline`, for the next hop.
fn left_ms(deadline: Instant, now: Instant) -> u64 {
    deadline.saturating_duration_since(now).as_millis() as u64
}
