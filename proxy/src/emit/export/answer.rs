//! What an answer of the receiver means, and how long to wait before the next try.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::StatusCode;
use http::header::RETRY_AFTER;
use model::plan::OtlpProtocol;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::call::{Answer, CallError};

const DELAY_FIRST: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(5);
/// A receiver may ask for a longer pause, up to this.
const ASKED_MAX: Duration = Duration::from_secs(30);
/// Each delay is spread by this part either way, so that senders do not come back together.
const JITTER: f64 = 0.2;

/// What follows from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver took it, except for some items; never sent again.
    Delivered { rejected: u64, message: String },
    /// May succeed later, not before this delay.
    Again { after: Option<Duration>, reason: String },
    /// Will never succeed.
    Lost { reason: String },
}

pub(super) fn outcome(protocol: OtlpProtocol, result: Result<Answer, CallError>) -> Outcome {
    match (protocol, result) {
        (_, Err(error @ CallError::TooLarge)) => Outcome::Lost { reason: error.to_string() },
        (_, Err(error)) => Outcome::Again { after: None, reason: error.to_string() },
        (OtlpProtocol::HttpProtobuf, Ok(answer)) => http_outcome(&answer),
        (OtlpProtocol::Grpc, Ok(answer)) => grpc_outcome(&answer),
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

/// Seconds, or `None` for a date: the receiver's clock is unknown, so the ordinary pause is made.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let seconds = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn grpc_outcome(answer: &Answer) -> Outcome {
    let code = answer.headers.get("grpc-status");
    let code = code.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let Some(code) = code else {
        // Something in between has answered.
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
        // Resource exhausted: too large for ever, unless it says when to come back.
        8 if delay.is_some() => Outcome::Again { after: delay, reason },
        _ => Outcome::Lost { reason },
    }
}

/// Reads an export response; those of all signals have the same shape. An answer that is none took
/// the data all the same.
fn delivered(response: &[u8]) -> Outcome {
    let response = ExportTraceServiceResponse::decode(response).unwrap_or_default();
    let partial = response.partial_success.unwrap_or_default();
    Outcome::Delivered {
        rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
        message: partial.error_message.chars().take(256).collect(),
    }
}

/// `google.rpc.Status`, as far as it matters here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<RpcDetail>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcDetail {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<RetryDelay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct RetryDelay {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

/// `google.rpc.RetryInfo` in the details of a gRPC status.
fn retry_info(answer: &Answer) -> Option<Duration> {
    let details = answer.headers.get("grpc-status-details-bin")?.to_str().ok()?;
    let status = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    let status = RpcStatus::decode(status.as_slice()).ok()?;
    let detail =
        status.details.iter().find(|detail| detail.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(detail.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    let seconds = Duration::from_secs(u64::try_from(delay.seconds).unwrap_or(0));
    Some(seconds.saturating_add(Duration::from_nanos(u64::try_from(delay.nanos).unwrap_or(0))))
}

/// Growing delays between the tries of one request.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: DELAY_FIRST }
    }

    /// The next delay; never shorter than the receiver asked for, and growing from there.
    /// `spread` is a random number in -1..=1.
    pub(super) fn delay(&mut self, asked: Option<Duration>, spread: f64) -> Duration {
        let jittered = self.next.mul_f64(1.0 + JITTER * spread.clamp(-1.0, 1.0));
        let delay = asked.map_or(jittered, |asked| jittered.max(asked.min(ASKED_MAX)));
        self.next = (delay * 2).clamp(DELAY_FIRST, DELAY_MAX);
        delay
    }
}

#[cfg(test)]
mod tests;
