//! What an answer of the backend means, and how long to wait before the next try.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::call::{Answer, CallError};
use super::settings::Protocol;
use crate::wire::{Fields, Value};

const DELAY_FIRST: Duration = Duration::from_millis(500);
const DELAY_MAX: Duration = Duration::from_secs(30);
/// Each delay is spread by this part either way, so that senders do not come back together.
const JITTER: f64 = 0.2;

/// What follows from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The backend took it, except for some items; never sent again.
    Delivered { rejected: u64, message: String },
    /// May succeed later, not before this delay.
    Again { after: Option<Duration>, reason: String },
    /// Will never succeed.
    Lost { reason: String },
}

pub(super) fn outcome(protocol: Protocol, result: Result<Answer, CallError>) -> Outcome {
    match (protocol, result) {
        (_, Err(error @ CallError::TooLarge)) => Outcome::Lost { reason: error.to_string() },
        (_, Err(error)) => Outcome::Again { after: None, reason: error.to_string() },
        (Protocol::Http, Ok(answer)) => http_outcome(&answer),
        (Protocol::Grpc, Ok(answer)) => grpc_outcome(&answer),
    }
}

fn http_outcome(answer: &Answer) -> Outcome {
    if answer.status.is_success() {
        return delivered(&answer.body);
    }
    let reason = format!("HTTP {}", answer.status.as_u16());
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Again { after: retry_after(answer), reason },
        _ => Outcome::Lost { reason },
    }
}

/// Seconds, or `None` for a date: without a wall clock of the backend its delay is unknown, and
/// the ordinary backoff is used.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let seconds = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn grpc_outcome(answer: &Answer) -> Outcome {
    let code = answer
        .headers
        .get("grpc-status")
        .and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let Some(code) = code else {
        // A proxy in between has answered.
        return match http_outcome(answer) {
            Outcome::Delivered { .. } => {
                Outcome::Lost { reason: "an answer without grpc-status".to_owned() }
            },
            other => other,
        };
    };
    let delay = retry_info(answer);
    let reason = format!("gRPC status {code}");
    match code {
        0 => delivered(answer.body.get(5..).unwrap_or_default()),
        // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
        1 | 4 | 10 | 11 | 14 | 15 => Outcome::Again { after: delay, reason },
        8 if delay.is_some() => Outcome::Again { after: delay, reason },
        _ => Outcome::Lost { reason },
    }
}

/// Reads an export response: the partial success of all three signals has the same shape.
fn delivered(response: &[u8]) -> Outcome {
    let (mut rejected, mut message) = (0, String::new());
    for field in Fields::of(response).flatten() {
        if let (1, Value::Bytes(partial)) = field {
            for field in Fields::of(partial).flatten() {
                match field {
                    (1, Value::Varint(count)) => rejected = count,
                    (2, Value::Bytes(text)) => {
                        message = String::from_utf8_lossy(text).chars().take(256).collect();
                    },
                    _ => {},
                }
            }
        }
    }
    Outcome::Delivered { rejected, message }
}

/// `google.rpc.RetryInfo` in the details of a gRPC status.
fn retry_info(answer: &Answer) -> Option<Duration> {
    let details = answer.headers.get("grpc-status-details-bin")?.to_str().ok()?;
    let status = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    Fields::of(&status).flatten().find_map(|field| match field {
        (3, Value::Bytes(any)) => retry_delay(any),
        _ => None,
    })
}

fn retry_delay(any: &[u8]) -> Option<Duration> {
    let is_retry_info = Fields::of(any).flatten().any(
        |field| matches!(field, (1, Value::Bytes(url)) if url.ends_with(b"google.rpc.RetryInfo")),
    );
    let inner = |message: &[u8], number: u32| -> Option<Vec<u8>> {
        Fields::of(message).flatten().find_map(|field| match field {
            (found, Value::Bytes(bytes)) if found == number => Some(bytes.to_vec()),
            _ => None,
        })
    };
    let duration = inner(&inner(any, 2).filter(|_| is_retry_info)?, 1)?;
    let mut delay = Duration::ZERO;
    for field in Fields::of(&duration).flatten() {
        match field {
            (1, Value::Varint(seconds)) => delay += Duration::from_secs(seconds.min(3_600)),
            (2, Value::Varint(ns)) => delay += Duration::from_nanos(ns.min(999_999_999)),
            _ => {},
        }
    }
    Some(delay)
}

/// Growing delays between the tries of one payload.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: DELAY_FIRST }
    }

    /// The next delay; never shorter than the backend asked for, and growing from there.
    /// `spread` is a random number in -1..=1.
    pub(super) fn delay(&mut self, asked: Option<Duration>, spread: f64) -> Duration {
        let jittered = self.next.mul_f64(1.0 + JITTER * spread.clamp(-1.0, 1.0));
        let delay = asked.map_or(jittered, |asked| jittered.max(asked.min(10 * DELAY_MAX)));
        self.next = (delay * 2).min(DELAY_MAX).max(DELAY_FIRST);
        delay
    }
}

#[cfg(test)]
mod tests;
