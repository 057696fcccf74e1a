//! The attempts of one request, and the choice to make another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use model::fault::Placement;
use model::limits::REPLAY_BODY_BYTES_MAX;
use model::policy::{RetryOn, RetryPolicy};

use super::headers;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::fault::act;
use crate::payload::Payload;
use crate::pool::Answer;
use crate::retry;
use crate::snapshot::Line;
use crate::worker::Worker;

/// How long the body of a lost answer is read.
const LOST_BODY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run(
    exchange: &mut Exchange,
    line: &Arc<Line>,
    mut head: Parts,
    mut payload: Payload,
) -> Result<Answer, Failure> {
    let idempotent = retry::is_idempotent(&head.method, &head.headers);
    headers::prepare(&mut head, exchange, &payload);
    if let Some(budget) = &line.budget {
        budget.deposit(exchange.clock().now());
    }
    let mut number = 0;
    loop {
        exchange.begin_attempt(number);
        let result = attempt(exchange, line, &mut head, &mut payload, number).await;
        let trigger = match &result {
            Ok(answer) => Some(RetryOn::Status(answer.response.status().as_u16())),
            Err(failure) => failure.trigger(),
        };
        let next = number + 1;
        let wait = trigger
            .filter(|_trigger| payload.is_there())
            .and_then(|trigger| wait_before(exchange, line, (trigger, idempotent), next));
        let Some(wait) = wait else { return result };
        number = next;
        let status = match &result {
            Ok(answer) => Some(answer.response.status().as_u16()),
            Err(_no_answer) => None,
        };
        exchange.end_attempt(status, result.as_ref().err());
        if let Ok(answer) = result {
            put_away(exchange, answer).await;
        }
        tokio::time::sleep(wait).await;
    }
}

async fn attempt(
    exchange: &mut Exchange,
    line: &Line,
    head: &mut Parts,
    payload: &mut Payload,
    number: u32,
) -> Result<Answer, Failure> {
    act::at(exchange, Placement::Attempt, number).await?;
    let Some(to) = line.endpoint() else {
        return Err(Failure::NoEndpoint { edge: line.name.clone() });
    };
    headers::address(head, to, exchange);
    let worker = Arc::clone(&exchange.worker);
    let answer = worker.pool.exchange(to, head, payload).await?;
    let verdict = act::at(exchange, Placement::Response, number).await;
    match verdict {
        Ok(()) => Ok(answer),
        Err(failure) => {
            lose(exchange, answer);
            Err(failure)
        },
    }
}

/// The pause before attempt `next`, or `None` when there is to be none.
fn wait_before(
    exchange: &Exchange,
    line: &Line,
    (trigger, idempotent): (RetryOn, bool),
    next: u32,
) -> Option<Duration> {
    let (Some(policy), Some(budget)) = (&line.policy.retry, &line.budget) else { return None };
    if next >= policy.attempts || !retry::wants(policy, trigger, idempotent) {
        return None;
    }
    let now = exchange.clock().now();
    let wait = backoff(exchange, line, policy, next);
    // A pause that outlasts the deadline would hide this result behind a timeout.
    if exchange.deadline.is_some_and(|deadline| deadline.saturating_duration_since(now) <= wait) {
        return None;
    }
    let granted = budget.withdraw(now);
    if !granted {
        line.traffic.retries_refused.fetch_add(1, Ordering::Relaxed);
    }
    granted.then_some(wait)
}

fn backoff(exchange: &Exchange, line: &Line, policy: &RetryPolicy, number: u32) -> Duration {
    let occurrence = exchange.journal.as_ref().map_or(0, |journal| journal.occurrence).to_string();
    let about = [line.name.as_str(), exchange.correlation_id.as_str(), occurrence.as_str()];
    retry::backoff(policy, exchange.snapshot.plan.seed, &about, number)
}

/// An answer that nobody gets: a short one is read so that its connection can be used again.
async fn put_away(exchange: &Exchange, answer: Answer) {
    let short = answer.response.body().size_hint().upper();
    if short.is_some_and(|bytes| bytes <= REPLAY_BODY_BYTES_MAX as u64) {
        read_away(&exchange.worker, answer).await;
    }
}

/// The callee did its work and must not notice that its answer is lost: it may send all of it, but
/// the caller is cut off at once and not after the last byte.
fn lose(exchange: &Exchange, answer: Answer) {
    let worker = Arc::clone(&exchange.worker);
    tokio::spawn(async move {
        let reading = read_away(&worker, answer);
        // What takes longer is cut off: dropped, its connection closes.
        let _in_time = tokio::time::timeout(LOST_BODY_TIMEOUT, reading).await;
    });
}

async fn read_away(worker: &Worker, answer: Answer) {
    let Answer { response, connection } = answer;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return;
        }
    }
    worker.pool.give_back(connection, worker.clock.now());
}
