//! The response as the caller gets it: passed on, or made here with the one to blame.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use model::fault::Direction;
use model::names::header;
use model::plan::ApiError;

use super::attempts::{Answered, landed};
use super::headers::write_length;
use super::{Next, tunnel};
use crate::call::Answer;
use crate::caller::{CallerOut, Side};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::fault::due::Due;
use crate::fault::shaped::{self, Shaped};
use crate::http1::{self, Framing, Known, KnownSet};
use crate::limit::rate::Rate;
use crate::shape::End;
use crate::snapshot::Line;
use crate::wire::pump::{Broken, Source, pump};
use crate::wire::sink::{OutFraming, Sink};

/// How long the body of an answer that nobody gets is read.
pub(super) const LOST_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Fields that the gateway writes itself.
const REPLACED: KnownSet = KnownSet::of(&[Known::CorrelationId, Known::Fault]);

/// How the body goes on.
#[derive(Debug, Clone, Copy)]
struct Plan {
    out: OutFraming,
    /// The connection ends with this answer.
    close: bool,
}

/// The callee's answer, from its head to its last byte.
pub(super) async fn pass_on(
    exchange: &Exchange,
    line: &Arc<Line>,
    answered: Answered,
    (side, out, rate): (&Side, &mut CallerOut, Option<Rate>),
) -> Result<Next, Failure> {
    let Answered { mut answer, flight, timed, number, mut effects } = answered;
    landed(exchange, line, flight, (&Ok(&answer), timed));
    edit(exchange, &mut answer, &mut effects.headers);
    let status = answer.head.status();
    if status == 101 {
        if exchange.head.upgrade().is_none() {
            let cause = "it switches to a protocol that nobody asked for".to_owned();
            return Err(Failure::Garbage { to: answer.to, cause });
        }
        head(exchange, out, &answer, (None, rate));
        return Box::pin(tunnel::begin(exchange, answer, side, out)).await;
    }
    let length = answer.body.left();
    let mut shaped = shaped::body(exchange, Direction::Down, number, length);
    let breaks_chunks = shaped.as_ref().is_some_and(Shaped::breaks_chunks);
    let mut plan = framing(exchange, out, &answer, breaks_chunks);
    let wrong_length = wrong_length(exchange, &answer, plan, effects.wrong_length.as_deref_mut());
    plan.close |= wrong_length.is_some();
    out.close_after |= plan.close;
    head(exchange, out, &answer, (Some((plan, wrong_length)), rate));
    out.begun = true;
    let has_length = answer.head.framing().length().is_some();
    out.ends_by_close = plan.out == OutFraming::Raw && !has_length;
    let limits = &exchange.worker.limits;
    let (body, is_out) = {
        let mut source = Source {
            read: &mut answer.reader,
            inbox: &mut answer.inbox,
            body: &mut answer.body,
            buffers: &exchange.worker.buffers,
            idle_max: Duration::from_millis(limits.body_idle_ms),
            bytes_max: None,
            progress: None,
        };
        let mut sink = Sink::new(&mut out.writer, &mut out.waiting, plan.out);
        let shaped = shaped.as_mut().map(|shaped| (shaped, &*exchange.worker));
        let pumped = pump(&mut source, &mut sink, shaped).await;
        exchange.passed_down(sink.payload_bytes);
        (pumped, sink.is_out)
    };
    match body {
        Ok(()) => {
            exchange.end(Some(status), None);
            answer.put_away(&exchange.worker, side, exchange.ended_at());
            Ok(if out.close_after { Next::Close } else { Next::Keep })
        },
        // The caller has seen nothing yet, so that it can still be told.
        Err(Broken::Malformed(refusal)) if !is_out => {
            out.begun = false;
            Err(Failure::Garbage { to: answer.to, cause: refusal.to_string() })
        },
        Err(broken) => {
            let failure = broken_off(exchange, broken);
            exchange.end(Some(status), Some(&failure));
            Err(failure)
        },
    }
}

/// Header faults on the answer.
fn edit(exchange: &Exchange, answer: &mut Answer, edits: &mut [Due]) {
    for due in edits {
        due.begin_on(exchange);
        let (set, remove) = due.edits();
        for name in remove {
            answer.head.remove(name);
        }
        for (name, value) in set {
            answer.head.set(name, value.as_bytes());
        }
    }
}

/// What the announced length is off by. Only a length can be wrong.
fn wrong_length(
    exchange: &Exchange,
    answer: &Answer,
    plan: Plan,
    wanted: Option<&mut (Due, i64)>,
) -> Option<i64> {
    let has_length = matches!(answer.head.framing(), Framing::Length(_));
    let (due, by) = wanted.filter(|_| has_length && plan.out == OutFraming::Raw)?;
    due.begin_on(exchange);
    Some(*by)
}

fn broken_off(exchange: &Exchange, broken: Broken) -> Failure {
    match broken {
        Broken::Sink(_) => exchange.left_by_caller(),
        Broken::Cut(end) => Failure::InjectedCut { how: end.as_str(), reset: end == End::Reset },
        broken => Failure::BodyBroken { cause: broken.to_string() },
    }
}

fn framing(exchange: &Exchange, out: &CallerOut, answer: &Answer, breaks_chunks: bool) -> Plan {
    let chunks = if out.is_http10 {
        Plan { out: OutFraming::Raw, close: true }
    } else {
        Plan { out: OutFraming::Chunked, close: false }
    };
    let has_body = exchange.head.method() != "HEAD";
    match answer.head.framing() {
        Framing::None => Plan { out: OutFraming::Raw, close: false },
        Framing::Length(_) if breaks_chunks && has_body => chunks,
        Framing::Length(_) => Plan { out: OutFraming::Raw, close: false },
        Framing::Chunked | Framing::UntilClose => chunks,
    }
}

/// Writes the head of the answer behind what waits.
fn head(
    exchange: &Exchange,
    out: &mut CallerOut,
    answer: &Answer,
    (plan, rate): (Option<(Plan, Option<i64>)>, Option<Rate>),
) {
    let waiting = &mut out.waiting;
    http1::forward_response(waiting, &answer.head, REPLACED);
    match (answer.head.framing(), plan) {
        (_, None) => {
            waiting.extend_from_slice(b"connection: upgrade\r\n");
            if let Some(protocol) = answer.head.upgrade() {
                http1::field(waiting, "upgrade", protocol);
            }
        },
        (Framing::Length(length), Some((Plan { out: OutFraming::Raw, .. }, off))) => {
            write_length(waiting, length.saturating_add_signed(off.unwrap_or(0)));
        },
        (Framing::None, Some(_)) => {
            // What GET would have: it belongs to the answer to HEAD, and to 304.
            if let Some(length) = answer.head.known(Known::ContentLength) {
                http1::field(waiting, "content-length", length);
            }
        },
        (_, Some((Plan { out: OutFraming::Chunked, .. }, _))) => {
            waiting.extend_from_slice(b"transfer-encoding: chunked\r\n");
        },
        (_, Some((Plan { out: OutFraming::Raw, .. }, _))) => {},
    }
    if let Some(rate) = rate {
        rate.fields(|name, value| http1::field(waiting, name, value.as_bytes()));
    }
    if plan.is_some() {
        connection(out);
    }
    label(exchange, &mut out.waiting);
    out.waiting.extend_from_slice(b"\r\n");
}

fn connection(out: &mut CallerOut) {
    if out.close_after {
        out.waiting.extend_from_slice(b"connection: close\r\n");
    } else if out.is_http10 {
        out.waiting.extend_from_slice(b"connection: keep-alive\r\n");
    }
}

/// What every response carries.
fn label(exchange: &Exchange, waiting: &mut Vec<u8>) {
    http1::field(waiting, header::CORRELATION_ID, exchange.correlation_id.as_str().as_bytes());
    let hits = exchange.hits_to_tell();
    if !hits.is_empty() {
        http1::field(waiting, header::FAULT, hits.join(",").as_bytes());
    }
}

/// The gateway's own answer, or the end of the connection where none can be given.
pub(super) async fn refuse(
    exchange: &Exchange,
    out: &mut CallerOut,
    failure: &Failure,
    rate: Option<Rate>,
) -> Next {
    let status = failure.status().filter(|_status| !out.begun);
    exchange.end(status, Some(failure));
    let Some(status) = status else {
        out.waiting.clear();
        return match failure {
            Failure::InjectedReset | Failure::InjectedCut { reset: true, .. } => Next::Sever,
            // An end in order would look like the whole answer.
            Failure::InjectedCut { .. } => Next::Close,
            _ if out.ends_by_close => Next::Sever,
            _ => Next::Close,
        };
    };
    out.begun = true;
    own_head(exchange, out, failure, (status, rate));
    // A caller that is gone is found out by the connection.
    match out.flush().await {
        Ok(()) if !out.close_after => Next::Keep,
        _ => Next::Close,
    }
}

fn own_head(
    exchange: &Exchange,
    out: &mut CallerOut,
    failure: &Failure,
    (status, rate): (u16, Option<Rate>),
) {
    out.waiting.clear();
    http1::status_line(&mut out.waiting, status);
    let waiting = &mut out.waiting;
    let mut own_type = None;
    let body = match failure {
        Failure::Injected(answer) => {
            for (name, value) in &answer.headers {
                http1::field(waiting, name, value.as_bytes());
                if name.eq_ignore_ascii_case("content-type") {
                    own_type = Some(());
                }
            }
            answer.body.clone()
        },
        _ => None,
    };
    if own_type.is_none() {
        let kind: &[u8] = if body.is_some() { b"text/plain" } else { b"application/json" };
        http1::field(waiting, "content-type", kind);
    }
    http1::field(waiting, header::BLAME, failure.blame().as_str().as_bytes());
    if let Failure::Rejected { retry_after, .. } = failure {
        let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
        // Writing into a vector cannot fail.
        let _written = write!(waiting, "retry-after: {seconds}\r\n");
    }
    if let Some(rate) = rate {
        rate.fields(|name, value| http1::field(waiting, name, value.as_bytes()));
    }
    let body = body.unwrap_or_else(|| error_body(failure));
    let may_have_body = status >= 200 && status != 204 && status != 304;
    if may_have_body {
        write_length(waiting, body.len() as u64);
    }
    connection(out);
    label(exchange, &mut out.waiting);
    out.waiting.extend_from_slice(b"\r\n");
    if may_have_body && exchange.head.method() != "HEAD" {
        out.waiting.extend_from_slice(body.as_bytes());
    }
}

pub(crate) fn error_body(failure: &impl std::fmt::Display) -> String {
    let error = ApiError { error: failure.to_string(), field: None };
    serde_json::to_string(&error).expect("two strings are valid JSON")
}
