//! The order of the stages of a request, stated once. Each stands where it stands for a reason:
//!
//! 1. *tunnels* are refused: nothing below could see into one. (What is no sound HTTP/1.1 was
//!    refused by the parser, and the framing upstream is always written anew from what was parsed,
//!    so two hops never read one request differently);
//! 2. *route*: without an edge there is neither policy nor fault;
//! 3. *rate limit*: the cheapest refusal, before anything is held for the request;
//! 4. *deadline*: spent time is not worth a place, and nothing below may outlast it;
//! 5. *bulkhead* and *adaptive limit*: a place among those that are served at once. Before the
//!    breaker, so that a request that waits for a place holds none of its probes;
//! 6. *breaker*: before any work, so that a rejection is cheap, and outside of the retries, so that
//!    it judges requests as their caller sees them;
//! 7. *body*: read here when a retry, a hedge or a match needs it, streamed otherwise;
//! 8. *faults placed at the request*: once, whatever the retries do;
//! 9. *attempts*, each: faults before the callee (so retries and breaker meet them like real ones)
//!    → endpoint → connection → callee → faults on the answer; the next one inside the deadline and
//!    within the budget;
//! 10. *answer*: its head, then its body with the faults placed in it;
//! 11. *end* ([`Exchange::end`]): blame, then the breaker learns, counters, spans.
//!
//! The caller's side is driven beside 5 to 10, see [`crate::caller`], and the deadline spans them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use model::fault::Placement;
use model::limits::REPLAY_BODY_BYTES_MAX;
use tokio::time::Instant;

use crate::caller::{CallerOut, Side, Trouble};
use crate::deadline::Deadline;
use crate::emit::metrics::Count;
use crate::exchange::Exchange;
use crate::failure::{Failure, Waiting};
use crate::fault::act;
use crate::http1::{Known, RequestHead};
use crate::limit::bulkhead::Enter;
use crate::limit::rate::Rate;
use crate::server::door::Door;
use crate::snapshot::Line;
use crate::wire::pump::Broken;
use crate::worker::Worker;

mod answer;
mod attempts;
mod body;
mod headers;
mod tunnel;

pub(crate) use answer::error_body;

pub(crate) use tunnel::Tunnel;

/// What becomes of the caller's connection.
#[derive(Debug)]
pub(crate) enum Next {
    Keep,
    /// In order, after what was written.
    Close,
    /// By reset.
    Sever,
    /// It belongs to another protocol from now on.
    Tunnel(Box<Tunnel>),
}

/// Serves one request, and says when it ended. The head goes back to the connection, to be filled
/// anew.
pub(crate) async fn serve(
    worker: &Arc<Worker>,
    door: &Door,
    head: RequestHead,
    (side, out): (&Side, &mut CallerOut),
) -> (Next, RequestHead, Instant) {
    let mut exchange = Exchange::open(worker, door, head);
    let mut rate = None;
    let served = match admit(&mut exchange, &mut rate) {
        Err(failure) => Err(failure),
        Ok(line) => {
            let work = std::pin::pin!(work(&exchange, &line, side, (out, rate)));
            drive(&exchange, side, work).await
        },
    };
    let next = match served {
        Ok(next) => next,
        Err(failure) => {
            // A body that was not invited may never come, and a long one is not worth reading.
            let awaited = out.continue_wanted && !side.is_read();
            // Who wanted a tunnel may have sent its bytes ahead: they must not be read as requests.
            let doubtful = matches!(failure, Failure::Malformed(_));
            out.close_after |= awaited || doubtful || !side.is_nearly_read();
            answer::refuse(&exchange, out, &failure, rate).await
        },
    };
    let ended = exchange.ended_at();
    (next, std::mem::take(&mut exchange.head), ended)
}

/// The stages that do not wait.
fn admit(exchange: &mut Exchange, rate: &mut Option<Rate>) -> Result<Arc<Line>, Failure> {
    if exchange.head.method() == "CONNECT" {
        return Err(Failure::Malformed("this gateway opens no tunnels"));
    }
    let line = routed(exchange)?;
    let announced = exchange.head.framing().length();
    if let Some(bytes_max) = exchange.worker.limits.body_bytes
        && announced.is_some_and(|length| length > bytes_max)
    {
        return Err(Failure::CallerBodyTooLong { bytes_max });
    }
    if let Some(limiter) = &line.rate_limiter {
        let key = line.rate_key(exchange);
        let asked = limiter.check(&key, exchange.began);
        *rate = Some(asked);
        if let Rate::Limited(quota) = asked {
            exchange.count(Count::RateLimited);
            return Err(Failure::Limited(quota));
        }
    }
    set_deadline(exchange, &line)?;
    Ok(line)
}

async fn work(
    exchange: &Exchange,
    line: &Arc<Line>,
    side: &Side,
    (out, rate): (&mut CallerOut, Option<Rate>),
) -> Result<Next, Failure> {
    let _place = enter(exchange, line).await?;
    exchange.ask_breaker(line)?;
    if line.keeps_bodies
        && let Some(kept) = Box::pin(body::keep(exchange, side, out)).await?
    {
        exchange.kept.get_or_init(|| kept);
    }
    let early = act::at(exchange, Placement::Request, 0).await?;
    let answer = attempts::run(exchange, line, (side, early), out).await?;
    answer::pass_on(exchange, line, answer, (side, out, rate)).await
}

/// Drives the work, the caller's side and the deadline together.
async fn drive(
    exchange: &Exchange,
    side: &Side,
    mut work: Pin<&mut impl Future<Output = Result<Next, Failure>>>,
) -> Result<Next, Failure> {
    let deadline = exchange.deadline.map(|deadline| deadline.at());
    let mut deadline = deadline.map(|at| Box::pin(tokio::time::sleep_until(at)));
    let mut passed_up = 0;
    std::future::poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        let polled = side.poll(context, &exchange.worker.buffers);
        let bytes = side.streamed_bytes();
        exchange.passed_up(bytes - passed_up);
        passed_up = bytes;
        if let Poll::Ready(trouble) = polled {
            return Poll::Ready(Err(blamed(exchange, trouble)));
        }
        let Some(sleep) = &mut deadline else { return Poll::Pending };
        sleep.as_mut().poll(context).map(|()| {
            // A fault that held the request back outranks everything else.
            let starved = side.starves() && exchange.waiting() == Waiting::Callee;
            let waiting = if starved { Waiting::Caller } else { exchange.waiting() };
            Err(exchange.time_out(waiting))
        })
    })
    .await
}

fn blamed(exchange: &Exchange, trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Left => exchange.left_by_caller(),
        Trouble::Body(broken) => body_failure(exchange, &broken),
    }
}

/// What a broken body of the caller means.
fn body_failure(exchange: &Exchange, broken: &Broken) -> Failure {
    match broken {
        Broken::TooLong(bytes_max) => Failure::CallerBodyTooLong { bytes_max: *bytes_max },
        Broken::Idle(_) => {
            Failure::Timeout { after: exchange.began.elapsed(), waiting: Waiting::Caller }
        },
        Broken::Cut(end) => Failure::InjectedCut { how: end.as_str(), reset: true },
        broken => Failure::CallerBody { cause: broken.to_string() },
    }
}

fn routed(exchange: &Exchange) -> Result<Arc<Line>, Failure> {
    match &exchange.line {
        Some(line) => Ok(Arc::clone(line)),
        None => match &exchange.edge {
            None => Err(Failure::NoRoute { path: exchange.head.path().to_owned() }),
            Some(edge) => Err(Failure::NotPlanned { edge: edge.to_string() }),
        },
    }
}

/// The nearer of the edge's timeout and the time that the caller has left.
fn set_deadline(exchange: &mut Exchange, line: &Line) -> Result<(), Failure> {
    let timeout = line.policy.timeout_ms.map(std::time::Duration::from_millis);
    let text = |known| crate::exchange::text(&exchange.head, known);
    let (grpc, own) = (text(Known::GrpcTimeout), text(Known::DeadlineMs));
    exchange.deadline = Deadline::read(grpc, own, timeout, exchange.began);
    match exchange.deadline {
        Some(deadline) if deadline.is_spent(exchange.began) => Err(Failure::DeadlineSpent),
        _ => Ok(()),
    }
}

/// Places that the request holds until it ends.
#[derive(Debug)]
struct Places {
    _bulkhead: Option<crate::limit::bulkhead::Permit>,
    _adaptive: Option<crate::limit::adaptive::Permit>,
}

async fn enter(exchange: &Exchange, line: &Line) -> Result<Places, Failure> {
    let mut inside = None;
    if let Some(bulkhead) = &line.bulkhead {
        let full = || {
            exchange.count(Count::BulkheadLimited);
            Failure::Full { limit: bulkhead.state().limit }
        };
        inside = Some(match bulkhead.enter(exchange.clock().now()) {
            Enter::Entered(permit) => permit,
            Enter::Full => return Err(full()),
            Enter::Wait(place) => {
                let before = exchange.waiting();
                exchange.waits_for(Waiting::Gateway);
                let deadline = exchange.deadline.map(|deadline| deadline.at());
                let permit = Box::pin(place.permit(deadline)).await.ok_or_else(full)?;
                exchange.waits_for(before);
                permit
            },
        });
    }
    let mut borne = None;
    if let Some(adaptive) = &line.adaptive {
        let now = exchange.clock().now();
        let permit = adaptive.enter(now);
        let full = || {
            exchange.count(Count::AdaptiveLimited);
            Failure::Full { limit: adaptive.state().limit }
        };
        borne = Some(permit.ok_or_else(full)?);
    }
    Ok(Places { _bulkhead: inside, _adaptive: borne })
}

/// A body of a known length that may be kept.
pub(crate) fn is_small(length: u64) -> bool {
    length <= REPLAY_BODY_BYTES_MAX as u64
}
