//! OTLP/HTTP: three paths, protobuf and JSON, gzip.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use model::limits::OTLP_REQUEST_BYTES_MAX;

use super::answer::{Code, ReplyBody, Status, export_json, export_protobuf};
use super::body::{self, BodyError};
use crate::admission::{self, Lease};
use crate::core::{Core, beside};
use crate::decode::{DecodeError, json};
use crate::record::Signal;

/// Memory of the parsed document for each byte of its text.
const JSON_TREE_FACTOR: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// Parameters such as `; charset=utf-8` do not matter.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next()?.trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// A refusal on its way to the sender.
#[derive(Debug)]
pub(super) struct Refusal {
    http: StatusCode,
    status: Status,
}

impl Refusal {
    fn new(http: StatusCode, code: Code, message: impl AsRef<str>) -> Self {
        Self { http, status: Status::new(code, message) }
    }

    fn reply(&self, encoding: Encoding) -> Response<ReplyBody> {
        let body = match encoding {
            Encoding::Protobuf => self.status.to_protobuf(),
            Encoding::Json => self.status.to_json(),
        };
        let mut response = reply(self.http, encoding, body);
        if let Some(delay) = self.status.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(delay.as_secs()));
        }
        if self.http == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let message = error.to_string();
        match error {
            BodyError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, message)
            },
            // OTLP clients do not retry a 408: their batch would be lost.
            BodyError::Refused(_) | BodyError::Slow => busy(message),
            BodyError::Broken(_) | BodyError::Gzip(_) => {
                Self::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, message)
            },
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let message = format!("{error}{}", cause.unwrap_or_default());
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, message)
    }
}

fn busy(message: String) -> Refusal {
    let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, message);
    refusal.status.retry_after = Some(admission::RETRY_AFTER);
    refusal
}

pub(super) async fn answer(core: &Arc<Core>, request: Request<Incoming>) -> Response<ReplyBody> {
    // Who sent no known encoding gets errors in the one that people can read.
    let encoding = Encoding::of(request.headers());
    match export(core, request, encoding).await {
        Ok(response) => response,
        Err(refusal) => refusal.reply(encoding.unwrap_or(Encoding::Json)),
    }
}

async fn export(
    core: &Arc<Core>,
    request: Request<Incoming>,
    encoding: Option<Encoding>,
) -> Result<Response<ReplyBody>, Refusal> {
    let path = request.uri().path();
    let signal = Signal::ALL.into_iter().find(|signal| signal.http_path() == path);
    let signal = signal.ok_or_else(|| {
        let message = format!("no such path: {path}; expected /v1/traces, /v1/metrics or /v1/logs");
        Refusal::new(StatusCode::NOT_FOUND, Code::NotFound, message)
    })?;
    if request.method() != Method::POST {
        let message = format!("{path} takes POST, not {}", request.method());
        let http = StatusCode::METHOD_NOT_ALLOWED;
        return Err(Refusal::new(http, Code::Unimplemented, message));
    }
    let encoding = encoding.ok_or_else(|| {
        unsupported("the content type must be application/x-protobuf or application/json")
    })?;
    let gzip = is_gzip(request.headers())?;
    let mut lease = core.admission.enter().map_err(|refused| busy(refused.to_string()))?;
    let mut payload =
        body::read(request.into_body(), &mut lease, OTLP_REQUEST_BYTES_MAX, |_| Ok(())).await?;
    if gzip {
        (payload, lease) = body::inflate(payload, lease).await?;
    }
    if encoding == Encoding::Json {
        (payload, lease) = to_protobuf(signal, payload, lease).await?;
    }
    let rejected = core.take(signal, payload, lease).await?;
    let body = match encoding {
        Encoding::Protobuf => export_protobuf(&rejected),
        Encoding::Json => export_json(signal, &rejected),
    };
    Ok(reply(StatusCode::OK, encoding, body))
}

/// Turns JSON into protobuf; beside the runtime's workers when there is much of it.
pub(super) async fn to_protobuf(
    signal: Signal,
    text: Bytes,
    mut lease: Lease,
) -> Result<(Bytes, Lease), Refusal> {
    let text_bytes = text.len();
    let work = move || to_protobuf_now(signal, &text, &mut lease).map(|payload| (payload, lease));
    beside(text_bytes, work).await
}

fn to_protobuf_now(signal: Signal, text: &[u8], lease: &mut Lease) -> Result<Bytes, Refusal> {
    let tree_bytes = text.len() * JSON_TREE_FACTOR;
    if !lease.could_borrow(tree_bytes) {
        let message = format!(
            "{} bytes of JSON need more memory than there is; send less at once, or protobuf",
            text.len()
        );
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, message));
    }
    let tree = lease.borrow(tree_bytes).map_err(BodyError::from)?;
    let payload = json::to_protobuf(signal, text)?;
    drop(tree);
    lease.grow(payload.len()).map_err(BodyError::from)?;
    Ok(payload.into())
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(false) };
    match value.to_str().map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        Ok("gzip") => Ok(true),
        Ok("" | "identity") => Ok(false),
        _ => Err(unsupported("the content encoding must be gzip or identity")),
    }
}

fn unsupported(message: &str) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message)
}

fn reply(http: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody { data: Some(body.into()), trailers: None });
    *response.status_mut() = http;
    response.headers_mut().insert(CONTENT_TYPE, encoding.content_type());
    response
}
