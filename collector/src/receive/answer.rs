//! The few small messages that a receiver sends: export responses and `google.rpc.Status`.
//!
//! All three export responses have the same shape, so they are written by hand in both encodings.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use serde_json::json;

use crate::record::{Rejected, Signal};
use crate::wire::{put_bytes, put_varint};

/// Longest error text in an answer, far below the 4 MiB that a client must accept.
const MESSAGE_CHARS_MAX: usize = 1_024;

/// Canonical codes of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// One piece of data, then perhaps trailers.
#[derive(Debug, Default)]
pub(crate) struct ReplyBody {
    pub(super) data: Option<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// What is wrong, as `google.rpc.Status` says it.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl Status {
    pub(super) fn new(code: Code, message: impl AsRef<str>) -> Self {
        let message = message.as_ref().chars().take(MESSAGE_CHARS_MAX).collect();
        Self { code, message, retry_after: None }
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

/// The export response; empty when everything was taken.
pub(super) fn export_protobuf(rejected: &Rejected) -> Vec<u8> {
    let mut response = Vec::new();
    if rejected.count() > 0 {
        let mut partial = Vec::new();
        put_varint(1 << 3, &mut partial);
        put_varint(rejected.count(), &mut partial);
        put_bytes(2, reasons(rejected).as_bytes(), &mut partial);
        put_bytes(1, &partial, &mut response);
    }
    response
}

/// The export response in JSON: 64-bit numbers are strings, full success is `{}`.
pub(super) fn export_json(signal: Signal, rejected: &Rejected) -> Vec<u8> {
    if rejected.count() == 0 {
        return b"{}".to_vec();
    }
    let count_name = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    let count = rejected.count().to_string();
    json!({ "partialSuccess": { count_name: count, "errorMessage": reasons(rejected) } })
        .to_string()
        .into_bytes()
}

fn reasons(rejected: &Rejected) -> String {
    rejected.to_string().chars().take(MESSAGE_CHARS_MAX).collect()
}
