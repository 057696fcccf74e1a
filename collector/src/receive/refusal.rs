//! Refusals on their way to a sender: `google.rpc.Status` in both encodings, and its HTTP status.
//!
//! What a sender may repeat and what it must not is decided here for both transports. A refusal
//! that could come to an end by itself is UNAVAILABLE with a time to wait; everything else has a
//! code that OTLP does not list as retryable, because its sender would repeat it forever.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use serde_json::json;

use super::answer::shortened;
use super::body::BodyError;
use super::lines::LinesError;
use crate::admission;
use crate::decode::DecodeError;
use crate::wire::{put_bytes, put_varint};

/// Longest text of a refusal.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// Canonical codes of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) http: StatusCode,
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
    /// A header that says what would be right.
    pub(super) hint: Option<(HeaderName, &'static str)>,
    /// The sender was cut off in the middle of its body: the rest is not waited for.
    pub(super) is_cut: bool,
}

impl Refusal {
    pub(super) fn new(http: StatusCode, code: Code, message: impl AsRef<str>) -> Self {
        let message = shortened(message.as_ref(), MESSAGE_BYTES_MAX).to_owned();
        Self { http, code, message, retry_after: None, hint: None, is_cut: false }
    }

    pub(super) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, message)
    }

    pub(super) fn too_large(message: impl AsRef<str>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, message)
    }

    pub(super) fn unsupported(hint: (HeaderName, &'static str), message: impl AsRef<str>) -> Self {
        let refusal = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message);
        Self { hint: Some(hint), ..refusal }
    }

    pub(super) fn busy(message: impl AsRef<str>) -> Self {
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, message);
        Self { retry_after: Some(admission::RETRY_AFTER), ..refusal }
    }

    pub(super) fn to_protobuf(&self) -> Vec<u8> {
        let mut status = Vec::new();
        put_varint(1 << 3, &mut status);
        put_varint(self.code as u64, &mut status);
        put_bytes(2, self.message.as_bytes(), &mut status);
        if self.code == Code::InvalidArgument {
            // BadRequest { field_violations: [{ description }] }
            let (mut violation, mut detail) = (Vec::new(), Vec::new());
            put_bytes(2, self.message.as_bytes(), &mut violation);
            put_bytes(1, &violation, &mut detail);
            put_detail("BadRequest", &detail, &mut status);
        }
        if let Some(delay) = self.retry_after {
            // RetryInfo { retry_delay: { seconds } }
            let (mut duration, mut detail) = (Vec::new(), Vec::new());
            put_varint(1 << 3, &mut duration);
            put_varint(delay.as_secs(), &mut duration);
            put_bytes(1, &duration, &mut detail);
            put_detail("RetryInfo", &detail, &mut status);
        }
        status
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut details = Vec::new();
        if self.code == Code::InvalidArgument {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "description": self.message }],
            }));
        }
        if let Some(delay) = self.retry_after {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", delay.as_secs()),
            }));
        }
        json!({ "code": self.code as u64, "message": self.message, "details": details })
            .to_string()
            .into_bytes()
    }
}

fn put_detail(name: &str, detail: &[u8], status: &mut Vec<u8>) {
    let mut any = Vec::new();
    put_bytes(1, format!("type.googleapis.com/google.rpc.{name}").as_bytes(), &mut any);
    put_bytes(2, detail, &mut any);
    put_bytes(3, &any, status);
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let message = error.to_string();
        match error {
            BodyError::TooLarge { .. } => Self::too_large(message),
            BodyError::Refused(_) => Self::busy(message),
            // OTLP clients do not retry a 408: their batch would be lost.
            BodyError::Slow | BodyError::Displaced => Self { is_cut: true, ..Self::busy(message) },
            BodyError::Broken(_) => Self { is_cut: true, ..Self::invalid(message) },
            BodyError::Packed { .. } => Self::invalid(message),
        }
    }
}

impl From<LinesError> for Refusal {
    fn from(error: LinesError) -> Self {
        match error {
            LinesError::TooMany => Self::too_large(error.to_string()),
            LinesError::Refused(refused) => Self::busy(refused.to_string()),
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::invalid(format!("{error}{}", cause.unwrap_or_default()))
    }
}
