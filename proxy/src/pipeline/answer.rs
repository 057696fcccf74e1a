//! The response as the caller gets it: passed on, or made here with the one to blame.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode, Version};
use model::names::header;
use model::plan::ApiError;

use super::headers::{set, strip};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::pool::Answer;
use crate::relay::{Answered, Relay};

/// The callee's answer; the exchange ends with its body.
pub(super) fn pass_on(exchange: Exchange, answer: Answer) -> Response<Answered> {
    let (mut head, body) = answer.response.into_parts();
    // The version is this hop's own: a callee of 1.0 must not end the caller's connection.
    head.version = Version::HTTP_11;
    strip(&mut head.headers);
    label(&mut head.headers, &exchange);
    let status = head.status.as_u16();
    let relay = Relay::new(body, status, exchange, answer.connection);
    Response::from_parts(head, Answered::Relay(Box::new(relay)))
}

/// The gateway's own answer; the exchange ends here.
pub(super) fn refuse(mut exchange: Exchange, failure: &Failure) -> Response<Answered> {
    let status = failure.status().unwrap_or(StatusCode::BAD_GATEWAY);
    exchange.end(Some(status.as_u16()), Some(failure));
    let (kind, body) = match failure {
        Failure::Injected { body: Some(body), .. } => ("text/plain", body.clone()),
        other => ("application/json", error_body(other)),
    };
    let mut response = Response::new(Answered::Whole(Some(Bytes::from(body))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, CONTENT_TYPE.as_str(), kind);
    set(headers, header::BLAME, failure.blame().as_str());
    if let Failure::Rejected { retry_after, .. } = failure {
        let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
        set(headers, RETRY_AFTER.as_str(), &seconds.to_string());
    }
    label(headers, &exchange);
    response
}

/// What every response carries.
fn label(headers: &mut HeaderMap, exchange: &Exchange) {
    set(headers, header::CORRELATION_ID, exchange.correlation_id.as_str());
    let hits = exchange.hits_to_tell();
    if hits.is_empty() {
        headers.remove(header::FAULT);
    } else {
        set(headers, header::FAULT, &hits.join(","));
    }
}

fn error_body(failure: &Failure) -> String {
    let error = ApiError { error: failure.to_string(), field: None };
    serde_json::to_string(&error).expect("two strings are valid JSON")
}
