//! OTLP/HTTP: three paths, protobuf and JSON, gzip and zstd. Beside them a path for lines of text.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Query;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, RETRY_AFTER, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use super::answer::ReplyBody;
use super::body::{self, BodyError, Payload};
use super::compression::{self, Compression};
use super::cors::{self, Page};
use super::refusal::{Code, Refusal};
use super::{Receiver, media_type};
use crate::admission::Lease;
use crate::core::beside;
use crate::decode::json;
use crate::record::Signal;

/// Of a body that is too large, so many times the largest is still read and thrown away.
const DISCARD_FACTOR: usize = 4;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const LINES_PATH: &str = "/v1/lines";
const LINES_TYPES: &str = "application/x-ndjson, application/jsonl, text/plain";
const ACCEPTED_TYPES: &str = "application/x-protobuf, application/json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        match media_type(headers)?.as_str() {
            PROTOBUF => Some(Self::Protobuf),
            JSON => Some(Self::Json),
            _ => None,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        })
    }
}

/// What a path stands for.
#[derive(Debug, Clone, Copy)]
enum Target {
    Export(Signal),
    Lines,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        if path == LINES_PATH {
            return Some(Self::Lines);
        }
        Signal::ALL.into_iter().find(|signal| signal.http_path() == path).map(Self::Export)
    }
}

pub(super) async fn answer(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    request: Request<impl Payload>,
) -> Response<ReplyBody> {
    let (head, mut body) = request.into_parts();
    let page = Page::of(&head.headers, &receiver.settings.origins);
    // Who sent no known encoding gets errors in the one that people can read.
    let encoding = Encoding::of(&head.headers);
    let mut response = match respond(receiver, peer, &head, &page, &mut body).await {
        Ok(response) => response,
        Err(refusal) => {
            if !refusal.is_cut {
                let_it_finish(receiver, peer, &head, body);
            }
            refuse(&refusal, encoding.unwrap_or(Encoding::Json))
        },
    };
    pack(&mut response, &head.headers);
    page.mark(response.headers_mut());
    response
}

async fn respond(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    head: &Parts,
    page: &Page,
    body: &mut impl Payload,
) -> Result<Response<ReplyBody>, Refusal> {
    if let Page::Refused(origin) = page {
        let message = format!("pages of {origin:?} may not send here");
        return Err(Refusal::new(StatusCode::FORBIDDEN, Code::PermissionDenied, message));
    }
    let path = head.uri.path();
    let prefix = receiver.settings.path_prefix.as_str();
    let target = path.strip_prefix(prefix).and_then(Target::of);
    let target = target.ok_or_else(|| no_such_path(path, prefix))?;
    if cors::is_preflight(&head.method, &head.headers) {
        return Ok(cors::preflight(&head.headers));
    }
    if head.method != Method::POST {
        let message = format!("{path} takes POST, not {}", head.method);
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, message);
        return Err(Refusal { hint: Some((ALLOW, "POST")), ..refusal });
    }
    match target {
        Target::Export(signal) => export(receiver, peer, signal, head, body).await,
        Target::Lines => take_lines(receiver, peer, head, body).await,
    }
}

async fn export(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    signal: Signal,
    head: &Parts,
    body: &mut impl Payload,
) -> Result<Response<ReplyBody>, Refusal> {
    let encoding = Encoding::of(&head.headers).ok_or_else(|| {
        let message = format!("the content type must be one of {ACCEPTED_TYPES}");
        Refusal::unsupported((ACCEPT, ACCEPTED_TYPES), message)
    })?;
    let (mut payload, mut lease) = read(receiver, peer, head, body).await?;
    if encoding == Encoding::Json {
        (payload, lease) = to_protobuf(signal, payload, lease).await?;
    }
    let outcome = receiver.take(signal, payload, lease).await?;
    let bytes_max = receiver.settings.response_bytes_max;
    let body = match encoding {
        Encoding::Protobuf => outcome.to_protobuf(bytes_max),
        Encoding::Json => outcome.to_json(signal, bytes_max),
    };
    Ok(reply(StatusCode::OK, encoding, body))
}

/// Lines of text, answered like an export of logs in JSON.
async fn take_lines(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    head: &Parts,
    body: &mut impl Payload,
) -> Result<Response<ReplyBody>, Refusal> {
    let media_type = media_type(&head.headers).unwrap_or_default();
    if !LINES_TYPES.split(", ").any(|accepted| accepted == media_type) {
        let message = format!("the content type must be one of {LINES_TYPES}");
        return Err(Refusal::unsupported((ACCEPT, LINES_TYPES), message));
    }
    let Query(source) = Query::try_from_uri(&head.uri)
        .map_err(|error| Refusal::invalid(format!("{}: {error}", head.uri)))?;
    let (text, lease) = read(receiver, peer, head, body).await?;
    let outcome = receiver.take_lines(source, text, lease).await?;
    let body = outcome.to_json(Signal::Logs, receiver.settings.response_bytes_max);
    Ok(reply(StatusCode::OK, Encoding::Json, body))
}

/// Reads a body and inflates it if it is packed.
async fn read(
    receiver: &Arc<Receiver>,
    peer: IpAddr,
    head: &Parts,
    body: &mut impl Payload,
) -> Result<(Bytes, Lease), Refusal> {
    let name = CONTENT_ENCODING.as_str();
    let compression = Compression::of(&head.headers, name).map_err(|unknown| {
        let known = compression::ACCEPTED;
        let message = format!("the content encoding {:?} is not one of {known}", unknown.0);
        Refusal::unsupported((ACCEPT_ENCODING, known), message)
    })?;
    let bytes_max = receiver.settings.request_bytes_max;
    let (payload, lease) = receiver.read(peer, body, bytes_max, |_| Ok(())).await?;
    match compression {
        Some(compression) => receiver.inflate(compression, payload, lease).await,
        None => Ok((payload, lease)),
    }
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
    let payload = json::to_protobuf_within(signal, text, |bytes| lease.grow(text.len() + bytes));
    Ok(body::tight(payload?.map_err(BodyError::from)?))
}

fn no_such_path(path: &str, prefix: &str) -> Refusal {
    let message = format!(
        "no such path: {path}; expected {prefix}/v1/traces, {prefix}/v1/metrics, \
         {prefix}/v1/logs or {prefix}{LINES_PATH}"
    );
    Refusal::new(StatusCode::NOT_FOUND, Code::NotFound, message)
}

/// A client of HTTP/1.1 that is still sending may never read an answer whose connection is closed
/// under it, so the rest of its body is read and thrown away. One that waits for a word before it
/// sends needs no such care, nor do clients of HTTP/2.
fn let_it_finish(receiver: &Receiver, peer: IpAddr, head: &Parts, body: impl Payload) {
    let is_sending = head.version == Version::HTTP_11 && !head.headers.contains_key(EXPECT);
    if is_sending
        && !body.is_end_stream()
        && let Some(place) = receiver.bodies.enter(peer)
    {
        let bytes_max = DISCARD_FACTOR * receiver.settings.request_bytes_max;
        tokio::spawn(body::discard(body, place, bytes_max));
    }
}

fn refuse(refusal: &Refusal, encoding: Encoding) -> Response<ReplyBody> {
    let body = match encoding {
        Encoding::Protobuf => refusal.to_protobuf(),
        Encoding::Json => refusal.to_json(),
    };
    let mut response = reply(refusal.http, encoding, body);
    let headers = response.headers_mut();
    if let Some(delay) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(delay.as_secs()));
    }
    if let Some((name, value)) = &refusal.hint {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn reply(http: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody { data: Some(body.into()), trailers: None });
    *response.status_mut() = http;
    response.headers_mut().insert(CONTENT_TYPE, encoding.content_type());
    response
}

/// Packs a response of some length if the client asks for it.
fn pack(response: &mut Response<ReplyBody>, asked: &HeaderMap) {
    let Some(data) = &response.body().data else { return };
    if !compression::is_gzip_asked(asked, data.len()) {
        return;
    }
    let packed = compression::gzip(data);
    response.body_mut().data = Some(packed);
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
}
