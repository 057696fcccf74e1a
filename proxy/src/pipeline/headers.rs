//! The head of a request on its way to the callee: what ends at this hop, what the gateway adds.

use std::net::SocketAddr;

use model::names::header;

use crate::exchange::Exchange;
use crate::fault::due::Due;
use crate::http1::{self, Framing, Known, KnownSet};
use crate::wire::sink::OutFraming;

/// Fields that the gateway writes itself. `Expect` ends here: the gateway invites the body.
const REPLACED: KnownSet = KnownSet::of(&[
    Known::Traceparent,
    Known::CorrelationId,
    Known::DeadlineMs,
    Known::GrpcTimeout,
    Known::Expect,
    Known::Host,
]);

/// How the body leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    None,
    /// It stands behind the head, so long.
    Kept(usize, OutFraming),
    Streams(OutFraming),
}

impl Body {
    /// Framed by chunks, for a fault that breaks one.
    pub(super) fn in_chunks(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Kept(length, _) => Self::Kept(length, OutFraming::Chunked),
            Self::Streams(_) => Self::Streams(OutFraming::Chunked),
        }
    }

    /// The framing of a body that streams, and that of one that is kept.
    pub(super) fn framings(self) -> (Option<OutFraming>, OutFraming) {
        match self {
            Self::None => (None, OutFraming::Raw),
            Self::Kept(_, framing) => (None, framing),
            Self::Streams(framing) => (Some(framing), OutFraming::Raw),
        }
    }
}

/// Writes the whole head for one attempt.
pub(super) fn write(
    out: &mut Vec<u8>,
    exchange: &Exchange,
    attempt: u32,
    (to, body, edits): (SocketAddr, Body, [&mut [Due]; 2]),
) {
    let head = &exchange.head;
    let upgrade = head.upgrade();
    // Without a parent the state belongs to nothing.
    let replaced = match exchange.incoming.parent {
        Some(_) => REPLACED,
        None => REPLACED.with(Known::Tracestate),
    };
    if edits.iter().all(|edits| edits.is_empty()) {
        http1::forward_request(out, head, replaced);
    } else {
        let mut edited = head.clone();
        for due in edits.into_iter().flatten() {
            due.begin_on(exchange);
            let (set, remove) = due.edits();
            for name in remove {
                edited.remove(name);
            }
            for (name, value) in set {
                edited.set(name, value.as_bytes());
            }
        }
        http1::forward_request(out, &edited, replaced);
    }
    // A request of 1.0 may name no host; the callee's address is one.
    match head.host() {
        Some(host) => http1::field(out, "host", host.as_bytes()),
        None => http1::field(out, "host", to.to_string().as_bytes()),
    }
    out.extend_from_slice(b"traceparent: ");
    exchange.write_traceparent(attempt, out);
    out.extend_from_slice(b"\r\n");
    http1::field(out, header::CORRELATION_ID, exchange.correlation_id.as_str().as_bytes());
    if let Some(deadline) = &exchange.deadline {
        let field = |name, value: &str| http1::field(out, name, value.as_bytes());
        deadline.fields(exchange.clock().now(), field);
    }
    if let Some(protocol) = upgrade {
        http1::field(out, "connection", b"upgrade");
        http1::field(out, "upgrade", protocol.as_bytes());
    }
    match body {
        Body::None => {
            // An explicit zero stays: some callees want a length with every POST.
            if head.framing() == Framing::Length(0) {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
        },
        Body::Kept(length, OutFraming::Raw) => write_length(out, length as u64),
        Body::Kept(_, OutFraming::Chunked) | Body::Streams(OutFraming::Chunked) => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        },
        Body::Streams(OutFraming::Raw) => {
            if let Framing::Length(length) = head.framing() {
                write_length(out, length);
            }
        },
    }
    out.extend_from_slice(b"\r\n");
}

pub(super) fn write_length(out: &mut Vec<u8>, length: u64) {
    http1::framing_field(out, Framing::Length(length));
}
