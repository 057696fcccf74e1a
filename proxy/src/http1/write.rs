//! Heads on their way out, appended to a buffer.
//!
//! Field lines that stand as we would write them are copied in runs, so a head that is passed on
//! unchanged costs a few copies. Nothing written here can break a head: a control character in a
//! value becomes a space. Broken framing is written by the faults themselves.

use super::fields::Fields;
use super::known::{Known, KnownSet};
use super::scan;
use super::{Framing, RequestHead, ResponseHead};
use crate::digits::Digits;

/// Fields that are about one connection (RFC 9110 §7.6.1), besides those that `Connection` names,
/// and those by which a proxy and its caller identify each other.
pub(crate) const HOP_BY_HOP: KnownSet = KnownSet::of(&[
    Known::Connection,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::ProxyAuthenticate,
    Known::ProxyAuthorization,
    Known::Te,
    Known::TransferEncoding,
    Known::Upgrade,
]);

/// What a head never takes along: the next message may be framed in another way.
const LEFT_OUT: KnownSet = HOP_BY_HOP.with(Known::ContentLength);

/// Writes the request line and every end-to-end field, without framing and without `skip`. The
/// empty line at the end is for the caller, who may add fields.
pub(crate) fn forward_request(out: &mut Vec<u8>, head: &RequestHead, skip: KnownSet) {
    let fields = head.all();
    out.reserve(fields.bytes.len() + 64);
    out.extend_from_slice(head.method_bytes());
    out.push(b' ');
    out.extend_from_slice(head.path_and_query_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut skip = skip.union(LEFT_OUT);
    if let Some(authority) = head.authority_bytes() {
        if !skip.contains(Known::Host) {
            field_bytes(out, b"host", authority);
        }
        skip.insert(Known::Host);
    }
    forward_fields(out, fields, skip);
}

/// Writes the status line and every end-to-end field, without framing and without `skip`. The
/// empty line at the end is for the caller. Only the Content-Length of an answer that has no body
/// although it speaks of one (to `HEAD`, 304) goes along.
pub(crate) fn forward_response(out: &mut Vec<u8>, head: &ResponseHead, skip: KnownSet) {
    let fields = head.all();
    out.reserve(fields.bytes.len() + 64);
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(head.status()));
    out.push(b' ');
    out.extend_from_slice(head.reason());
    out.extend_from_slice(b"\r\n");
    if let Some(length) = head.length_to_forward() {
        field_bytes(out, b"content-length", length);
    }
    forward_fields(out, fields, skip.union(LEFT_OUT));
}

fn forward_fields(out: &mut Vec<u8>, fields: &Fields, skip: KnownSet) {
    let mut run = 0..0;
    for span in &fields.spans {
        if skip.contains(span.known) || fields.ends_here(span) {
            continue;
        }
        let start = span.start as usize;
        if start != run.end || !span.plain {
            out.extend_from_slice(&fields.bytes[run]);
            run = start..start;
        }
        if span.plain {
            run.end = span.end as usize + 2;
        } else {
            field_bytes(out, fields.name(span), fields.value(span));
            run = 0..0;
        }
    }
    out.extend_from_slice(&fields.bytes[run]);
}

/// Writes one field line.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(scan::is_token(name.as_bytes()), "{name:?} is no name of a field");
    field_bytes(out, name.as_bytes(), value);
}

pub(super) fn field_bytes(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    let start = out.len();
    out.extend_from_slice(value);
    if scan::text_length(value) < value.len() {
        for byte in &mut out[start..] {
            if byte.is_ascii_control() && *byte != b'\t' {
                *byte = b' ';
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the line that says how the body is framed, if there is one to write.
pub(crate) fn framing_field(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None | Framing::UntilClose => {},
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        },
    }
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(Digits::of(number).as_bytes());
}

/// Writes a status line with its registered reason.
pub(crate) fn status_line(out: &mut Vec<u8>, status: u16) {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Ends a chunked body. The trailers are whole lines.
pub(crate) fn end_of_chunks(out: &mut Vec<u8>, trailers: &[u8]) {
    out.extend_from_slice(b"0\r\n");
    out.extend_from_slice(trailers);
    out.extend_from_slice(b"\r\n");
}
