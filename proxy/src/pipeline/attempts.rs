//! The attempts of one request, and the choice to make another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use model::fault::Placement;
use model::limits::REPLAY_BODY_BYTES_MAX;
use model::policy::RetryOn;

use super::headers;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::fault::act;
use crate::payload::Payload;
use crate::pool::Answer;
use crate::retry;
use crate::snapshot::Line;

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
        let result = attempt(exchange, line, &mut head, (&mut payload, idempotent), number).await;
        let trigger = match &result {
            Ok(answer) => Some(RetryOn::Status(answer.response.status().as_u16())),
            Err(failure) => failure.trigger(),
        };
        let next = number + 1;
        let again = trigger.is_some_and(|trigger| {
            payload.is_there() && may_repeat(exchange, line, trigger, idempotent, next)
        });
        if !again {
            return result;
        }
        number = next;
        let status = match &result {
            Ok(answer) => Some(answer.response.status().as_u16()),
            Err(_no_answer) => None,
        };
        exchange.end_attempt(status, result.as_ref().err());
        if let Ok(answer) = result {
            put_away(exchange, answer).await;
        }
        pause(exchange, line, number).await;
    }
}

async fn attempt(
    exchange: &mut Exchange,
    line: &Line,
    head: &mut Parts,
    (payload, idempotent): (&mut Payload, bool),
    number: u32,
) -> Result<Answer, Failure> {
    act::at(exchange, Placement::Attempt, number).await?;
    let Some(to) = line.endpoint() else {
        return Err(Failure::NoEndpoint { edge: line.name.clone() });
    };
    headers::address(head, to, exchange);
    let worker = Arc::clone(&exchange.worker);
    let answer = worker.pool.exchange(to, head, payload, idempotent).await?;
    let verdict = act::at(exchange, Placement::Response, number).await;
    match verdict {
        Ok(()) => Ok(answer),
        Err(failure) => {
            // The callee did its work and must not notice that its answer is lost.
            read_away(exchange, answer).await;
            Err(failure)
        },
    }
}

fn may_repeat(
    exchange: &Exchange,
    line: &Line,
    trigger: RetryOn,
    idempotent: bool,
    next: u32,
) -> bool {
    let (Some(policy), Some(budget)) = (&line.policy.retry, &line.budget) else { return false };
    if next >= policy.attempts || !retry::wants(policy, trigger, idempotent) {
        return false;
    }
    let granted = budget.withdraw(exchange.clock().now());
    if !granted {
        line.traffic.retries_refused.fetch_add(1, Ordering::Relaxed);
    }
    granted
}

async fn pause(exchange: &Exchange, line: &Line, number: u32) {
    let Some(policy) = &line.policy.retry else { return };
    let occurrence = exchange.journal.as_ref().map_or(0, |journal| journal.occurrence).to_string();
    let about = [line.name.as_str(), exchange.correlation_id.as_str(), occurrence.as_str()];
    let wait = retry::backoff(policy, exchange.snapshot.plan.seed, &about, number);
    tokio::time::sleep(wait).await;
}

/// An answer that nobody gets: a short one is read so that its connection can be used again.
async fn put_away(exchange: &Exchange, answer: Answer) {
    let short = answer.response.body().size_hint().upper();
    if short.is_some_and(|bytes| bytes <= REPLAY_BODY_BYTES_MAX as u64) {
        read_away(exchange, answer).await;
    }
}

async fn read_away(exchange: &Exchange, answer: Answer) {
    let Answer { response, connection } = answer;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return;
        }
    }
    exchange.worker.pool.give_back(connection, exchange.clock().now());
}
