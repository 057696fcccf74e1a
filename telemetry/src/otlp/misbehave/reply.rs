//! What the receiver reads and writes: messages out of requests, answers of every kind.

use std::convert::Infallible;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, TE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;

use super::super::answer::{
    ExportResponse, PartialSuccess, RetryDelay, RetryInfo, RpcDetail, RpcStatus,
};
use super::super::{Protocol, Signal};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

pub(super) type Reply = UnsyncBoxBody<Bytes, std::io::Error>;

/// Which signal a path is for.
pub(super) fn signal(protocol: Protocol, path: &str) -> Option<Signal> {
    let path_of = |signal: &Signal| match protocol {
        Protocol::Grpc => signal.grpc_path(),
        Protocol::HttpProtobuf | Protocol::HttpJson => signal.http_path(),
    };
    Signal::ALL.into_iter().find(|signal| path_of(signal) == path)
}

/// The message without its frame and its compression; `None` when the request is not in order.
pub fn message(protocol: Protocol, headers: &HeaderMap, body: &[u8]) -> Option<Bytes> {
    let (expected, encoding) = match protocol {
        Protocol::Grpc => ("application/grpc", headers.get("grpc-encoding")),
        Protocol::HttpProtobuf => ("application/x-protobuf", headers.get(CONTENT_ENCODING)),
        Protocol::HttpJson => ("application/json", headers.get(CONTENT_ENCODING)),
    };
    if headers.get(CONTENT_TYPE)? != expected {
        return None;
    }
    if protocol != Protocol::Grpc {
        return inflated(encoding, body);
    }
    let (prefix, message) = body.split_first_chunk::<5>()?;
    let [compressed, length @ ..] = *prefix;
    let sound = headers.get(TE)? == "trailers"
        && u32::from_be_bytes(length) as usize == message.len()
        && compressed == u8::from(encoding.is_some());
    if sound { inflated(encoding, message) } else { None }
}

fn inflated(encoding: Option<&HeaderValue>, bytes: &[u8]) -> Option<Bytes> {
    match encoding.map(HeaderValue::as_bytes) {
        None => Some(Bytes::copy_from_slice(bytes)),
        Some(b"gzip") => {
            let mut message = Vec::new();
            GzDecoder::new(bytes).read_to_end(&mut message).ok()?;
            Some(message.into())
        },
        Some(b"zstd") => Some(zstd::stream::decode_all(bytes).ok()?.into()),
        Some(_) => None,
    }
}

fn whole(body: impl Into<Bytes>, trailers: Option<HeaderMap>) -> Reply {
    let trailers = async move { trailers.map(Ok) };
    let never = |never: Infallible| match never {};
    Full::new(body.into()).with_trailers(trailers).map_err(never).boxed_unsync()
}

pub(super) fn status(status: u16) -> Response<Reply> {
    let mut answer = Response::new(whole(Bytes::new(), None));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    answer
}

pub(super) fn retry_after(code: u16, text: &str) -> Response<Reply> {
    let mut answer = status(code);
    if let Ok(value) = HeaderValue::from_str(text) {
        answer.headers_mut().insert(RETRY_AFTER, value);
    }
    answer
}

/// Success, all but so many items.
pub(super) fn taken(protocol: Protocol, rejected: u64) -> Response<Reply> {
    if protocol == Protocol::HttpJson {
        let body = match rejected {
            0 => "{}".to_owned(),
            _ => format!(
                r#"{{"partialSuccess":{{"rejectedSpans":"{rejected}","errorMessage":"too many"}}}}"#
            ),
        };
        return Response::new(whole(body, None));
    }
    let partial =
        PartialSuccess { rejected: rejected.cast_signed(), error_message: "too many".to_owned() };
    let partial_success = (rejected > 0).then_some(partial);
    success(protocol, &ExportResponse { partial_success }.encode_to_vec())
}

/// Success, with so many bytes of words.
pub(super) fn oversized(protocol: Protocol, bytes: usize) -> Response<Reply> {
    success(protocol, &vec![b' '; bytes])
}

fn success(protocol: Protocol, response: &[u8]) -> Response<Reply> {
    if protocol != Protocol::Grpc {
        return Response::new(whole(response.to_vec(), None));
    }
    let length = u32::try_from(response.len()).unwrap_or(u32::MAX).to_be_bytes();
    let framed = [&[0][..], &length, response].concat();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut answer = Response::new(whole(framed, Some(trailers)));
    answer.headers_mut().insert(CONTENT_TYPE, GRPC);
    answer
}

/// The beginning of an answer, then the end of the connection.
pub(super) fn broken_off(protocol: Protocol) -> Response<Reply> {
    let mut answer = Response::new(BrokenOff { begun: false }.boxed_unsync());
    if protocol == Protocol::Grpc {
        answer.headers_mut().insert(CONTENT_TYPE, GRPC);
    }
    answer
}

struct BrokenOff {
    begun: bool,
}

impl Body for BrokenOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0, 0, 0])))))
    }
}

pub(super) fn refused(protocol: Protocol, code: u16, pause: Option<Duration>) -> Response<Reply> {
    if protocol != Protocol::Grpc {
        let retryable = [1, 4, 10, 11, 14, 15].contains(&code);
        let code = if retryable { 503 } else { 400 };
        return match pause {
            Some(pause) => retry_after(code, &pause.as_secs().to_string()),
            None => status(code),
        };
    }
    let mut answer = status(200);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert("grpc-status", code.into());
    if let Some(pause) = pause {
        let retry_delay = RetryDelay { seconds: pause.as_secs().cast_signed(), nanos: 0 };
        let detail = RpcDetail {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: RetryInfo { retry_delay: Some(retry_delay) }.encode_to_vec(),
        };
        let status = RpcStatus { code: code.into(), details: vec![detail], ..RpcStatus::default() };
        let details = STANDARD_NO_PAD.encode(status.encode_to_vec());
        let details = HeaderValue::from_str(&details).expect("base64 is visible ASCII");
        headers.insert("grpc-status-details-bin", details);
    }
    answer
}
