//! OTLP/gRPC: unary calls, framed by hand.
//!
//! A message is one byte that says whether it is compressed, four bytes of length, and the bytes.
//! A message that is too large must end as RESOURCE_EXHAUSTED without a hint to retry: any of the
//! codes that OTLP calls retryable would have the sender repeat it forever.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use model::limits::OTLP_REQUEST_BYTES_MAX;

use super::answer::{Code, ReplyBody, Status, export_protobuf};
use super::body::{self, BodyError};
use crate::admission;
use crate::core::Core;
use crate::decode::DecodeError;
use crate::record::Signal;

/// The compressed flag and the length.
const PREFIX_BYTES: usize = 5;
const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip");

/// Is this content type gRPC with protobuf messages?
pub(super) fn is_grpc(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    matches!(media_type, "application/grpc" | "application/grpc+proto")
}

impl From<BodyError> for Status {
    fn from(error: BodyError) -> Self {
        let message = error.to_string();
        match error {
            BodyError::TooLarge { .. } => Self::new(Code::ResourceExhausted, message),
            BodyError::Refused(_) => busy(&message),
            BodyError::Slow => Self::new(Code::DeadlineExceeded, message),
            BodyError::Broken(_) => Self::new(Code::Internal, message),
            BodyError::Gzip(_) => Self::new(Code::InvalidArgument, message),
        }
    }
}

impl From<DecodeError> for Status {
    fn from(error: DecodeError) -> Self {
        Self::new(Code::InvalidArgument, error.to_string())
    }
}

fn busy(message: &str) -> Status {
    let mut status = Status::new(Code::Unavailable, message);
    status.retry_after = Some(admission::RETRY_AFTER);
    status
}

pub(super) async fn answer(core: &Arc<Core>, request: Request<Incoming>) -> Response<ReplyBody> {
    match export(core, request).await {
        Ok(message) => success(&message),
        Err(status) => failure(&status),
    }
}

async fn export(core: &Arc<Core>, request: Request<Incoming>) -> Result<Vec<u8>, Status> {
    let path = request.uri().path();
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.grpc_path() == path && request.method() == Method::POST)
        .ok_or_else(|| Status::new(Code::Unimplemented, format!("no such method: {path}")))?;
    if request.version() != Version::HTTP_2 {
        return Err(Status::new(Code::Internal, "gRPC needs HTTP/2"));
    }
    let gzip = is_gzip(request.headers())?;
    let mut lease = core.admission.enter().map_err(|refused| busy(&refused.to_string()))?;
    let bytes_max = OTLP_REQUEST_BYTES_MAX + PREFIX_BYTES;
    let framed = body::read(request.into_body(), &mut lease, bytes_max, check_prefix).await?;
    let (compressed, mut message) = unframe(&framed)?;
    if compressed {
        if !gzip {
            let text = "a message is compressed, but grpc-encoding does not say how";
            return Err(Status::new(Code::Internal, text));
        }
        (message, lease) = body::inflate(message, lease).await?;
    }
    let rejected = core.take(signal, message, lease).await?;
    Ok(export_protobuf(&rejected))
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Status> {
    match headers.get(ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity" | b"") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            let text = format!("grpc-encoding {other:?} is not known, expected identity or gzip");
            Err(Status::new(Code::Unimplemented, text))
        },
    }
}

/// Refuses a message that is too large as soon as its length is known.
fn check_prefix(so_far: &[u8]) -> Result<(), BodyError> {
    match length_of(so_far) {
        Some(length) if length > OTLP_REQUEST_BYTES_MAX => {
            Err(BodyError::TooLarge { inflated: false })
        },
        _ => Ok(()),
    }
}

fn length_of(framed: &[u8]) -> Option<usize> {
    let length = framed.get(1..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

/// Exactly one message must be there.
fn unframe(framed: &Bytes) -> Result<(bool, Bytes), Status> {
    let invalid = |text: &str| Status::new(Code::Internal, text);
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
fn failure(status: &Status) -> Response<ReplyBody> {
    let mut response = respond(ReplyBody::default());
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(status.code as u16));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&status.message)) {
        headers.insert("grpc-message", message);
    }
    if status.retry_after.is_some() {
        let details = STANDARD_NO_PAD.encode(status.to_protobuf());
        let details = HeaderValue::from_str(&details).expect("base64 is visible ASCII");
        headers.insert("grpc-status-details-bin", details);
    }
    response
}

fn respond(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
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
