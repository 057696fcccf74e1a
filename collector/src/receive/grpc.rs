//! OTLP/gRPC: unary calls, framed by hand.
//!
//! A message is one byte that says whether it is compressed, four bytes of length, and the bytes.
//! A message that is too large must end as RESOURCE_EXHAUSTED without a hint to retry: any of the
//! codes that OTLP calls retryable would have the sender repeat it forever.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use super::answer::ReplyBody;
use super::body::{BodyError, Payload};
use super::compression::{self, Compression};
use super::refusal::{Code, Refusal};
use super::{Receiver, media_type};
use crate::record::Signal;

/// The compressed flag and the length.
const PREFIX_BYTES: usize = 5;
const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

const MEDIA_TYPE: &str = "application/grpc";

/// Is this media type gRPC, with whichever messages?
pub(super) fn is_grpc(media_type: &str) -> bool {
    media_type.strip_prefix(MEDIA_TYPE).is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}

pub(super) async fn answer(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    request: Request<impl Payload>,
) -> Response<ReplyBody> {
    match export(receiver, peer, request).await {
        Ok(message) => success(&message),
        Err(refusal) => failure(&refusal),
    }
}

async fn export(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    request: Request<impl Payload>,
) -> Result<Vec<u8>, Refusal> {
    let (head, mut body) = request.into_parts();
    let (path, bytes_max) = (head.uri.path(), receiver.settings.request_bytes_max);
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.grpc_path() == path && head.method == Method::POST)
        .ok_or_else(|| refusal(Code::Unimplemented, format!("no such method: {path}")))?;
    let media_type = media_type(&head.headers).unwrap_or_default();
    if ![MEDIA_TYPE, "application/grpc+proto"].contains(&media_type.as_str()) {
        let message = format!("messages must be protobuf, not {media_type}");
        return Err(refusal(Code::Unimplemented, message));
    }
    if head.version != Version::HTTP_2 {
        return Err(refusal(Code::Internal, "gRPC needs HTTP/2"));
    }
    let compression = Compression::of(&head.headers, ENCODING).map_err(|unknown| {
        let known = compression::ACCEPTED;
        let message = format!("{ENCODING} {:?} is not one of {known}", unknown.0);
        refusal(Code::Unimplemented, message)
    })?;
    let peek = |so_far: &[u8]| check_prefix(so_far, bytes_max);
    let (framed, lease) = receiver.read(peer, &mut body, bytes_max + PREFIX_BYTES, peek).await?;
    let (is_packed, message) = unframe(&framed)?;
    let (message, lease) = match (is_packed, compression) {
        (false, _) => (message, lease),
        (true, Some(compression)) => receiver.inflate(compression, message, lease).await?,
        (true, None) => {
            let text = "a message is compressed, but grpc-encoding does not say how";
            return Err(refusal(Code::Internal, text));
        },
    };
    let outcome = receiver.take(signal, message, lease).await?;
    Ok(outcome.to_protobuf(receiver.settings.response_bytes_max))
}

/// gRPC speaks of errors in its own headers, not by the status of HTTP.
fn refusal(code: Code, message: impl AsRef<str>) -> Refusal {
    Refusal::new(StatusCode::OK, code, message)
}

/// Refuses a message that is too large as soon as its length is known.
fn check_prefix(so_far: &[u8], bytes_max: usize) -> Result<(), BodyError> {
    match length_of(so_far) {
        Some(length) if length > bytes_max => {
            Err(BodyError::TooLarge { bytes_max, inflated: false })
        },
        _ => Ok(()),
    }
}

fn length_of(framed: &[u8]) -> Option<usize> {
    let length = framed.get(1..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

/// Exactly one message must be there.
fn unframe(framed: &Bytes) -> Result<(bool, Bytes), Refusal> {
    let invalid = |text: &str| refusal(Code::Internal, text);
    let length = length_of(framed).ok_or_else(|| invalid("the call has no message"))?;
    let compressed = match framed.first() {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(invalid("the compressed flag is neither 0 nor 1")),
    };
    if framed.len() != PREFIX_BYTES + length {
        return Err(invalid("a unary call must have exactly one complete message"));
    }
    Ok((compressed, framed.slice(PREFIX_BYTES..)))
}

fn success(message: &[u8]) -> Response<ReplyBody> {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(Code::Ok as u16));
    respond(ReplyBody { data: Some(framed.freeze()), trailers: Some(trailers) })
}

/// Errors are told in the headers alone.
fn failure(refusal: &Refusal) -> Response<ReplyBody> {
    let mut response = respond(ReplyBody::default());
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(refusal.code as u16));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&refusal.message)) {
        headers.insert("grpc-message", message);
    }
    if refusal.retry_after.is_some() {
        let details = STANDARD_NO_PAD.encode(refusal.to_protobuf());
        let details = HeaderValue::from_str(&details).expect("base64 is visible ASCII");
        headers.insert("grpc-status-details-bin", details);
    }
    response
}

fn respond(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(ACCEPT_ENCODING, ACCEPTED);
    response
}

/// gRPC's own percent encoding: everything but visible ASCII and the percent sign itself.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
