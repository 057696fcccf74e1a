//! What an answer of a receiver means.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use prost::Message;

use super::Protocol;
use super::connection::CallError;

/// Letters kept of a receiver's own words.
const WORDS_MAX: usize = 256;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Headers, and trailers where there are any.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What follows from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it, except for some items; never sent again.
    Delivered { rejected: u64, message: String },
    /// May succeed later, not before this delay.
    Again { after: Option<Duration>, reason: Reason },
    /// Will never succeed.
    Lost { reason: Reason },
}

/// Why a try did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{label}{}{words}", if words.is_empty() { "" } else { ": " })]
pub struct Reason {
    /// Few different ones, so that losses can be counted by it: `HTTP 400`, `gRPC status 3`.
    pub label: String,
    /// What else is known.
    pub words: String,
}

impl Reason {
    pub fn new(label: impl Into<String>, words: impl Into<String>) -> Self {
        let words: String = words.into();
        Self { label: label.into(), words: words.chars().take(WORDS_MAX).collect() }
    }
}

/// `now_unix_ns` is compared with a `Retry-After` that is a date.
pub fn outcome(protocol: Protocol, result: Result<Answer, CallError>, now_unix_ns: u64) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(error @ CallError::TooLarge(_)) => return Outcome::Lost { reason: error.reason() },
        Err(error) => return Outcome::Again { after: None, reason: error.reason() },
    };
    match protocol {
        Protocol::Grpc => grpc_outcome(&answer, now_unix_ns),
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            http_outcome(&answer, protocol == Protocol::HttpJson, now_unix_ns)
        },
    }
}

fn http_outcome(answer: &Answer, json: bool, now_unix_ns: u64) -> Outcome {
    if answer.status.is_success() {
        return if json { delivered_json(&answer.body) } else { delivered(&answer.body) };
    }
    let words = if json {
        serde_json::from_slice::<serde_json::Value>(&answer.body)
            .ok()
            .and_then(|status| Some(status.get("message")?.as_str()?.to_owned()))
    } else {
        RpcStatus::decode(&*answer.body).ok().map(|status| status.message)
    };
    let label = format!("HTTP {}", answer.status.as_u16());
    let reason = Reason::new(label, words.unwrap_or_default());
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            Outcome::Again { after: retry_after(answer, now_unix_ns), reason }
        },
        _ => Outcome::Lost { reason },
    }
}

/// Seconds from now, or until a date.
fn retry_after(answer: &Answer, now_unix_ns: u64) -> Option<Duration> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_nanos(now_unix_ns)))
}

fn grpc_outcome(answer: &Answer, now_unix_ns: u64) -> Outcome {
    let code = answer.headers.get("grpc-status");
    let code = code.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let Some(code) = code else {
        // Something in between has answered.
        return match http_outcome(answer, false, now_unix_ns) {
            Outcome::Delivered { .. } => {
                Outcome::Lost { reason: Reason::new("an answer without grpc-status", "") }
            },
            other => other,
        };
    };
    let delay = retry_info(answer);
    let words = answer.headers.get("grpc-message").and_then(|words| words.to_str().ok());
    let reason = Reason::new(format!("gRPC status {code}"), words.unwrap_or_default());
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
    let partial = ExportResponse::decode(response).unwrap_or_default().partial_success;
    let partial = partial.unwrap_or_default();
    Outcome::Delivered {
        rejected: u64::try_from(partial.rejected).unwrap_or(0),
        message: partial.error_message.chars().take(WORDS_MAX).collect(),
    }
}

fn delivered_json(response: &[u8]) -> Outcome {
    let response: serde_json::Value = serde_json::from_slice(response).unwrap_or_default();
    let partial = &response["partialSuccess"];
    let rejected = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"]
        .into_iter()
        .find_map(|name| match &partial[name] {
            serde_json::Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        });
    let message = partial["errorMessage"].as_str().unwrap_or_default();
    Outcome::Delivered {
        rejected: rejected.unwrap_or(0),
        message: message.chars().take(WORDS_MAX).collect(),
    }
}

/// `Export<Signal>ServiceResponse` of every signal.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
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

#[cfg(test)]
mod tests;
