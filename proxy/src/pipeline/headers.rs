//! Headers on their way through: what ends at this hop, what the gateway adds.

use std::net::SocketAddr;

use http::header::{self as standard, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Uri, Version};
use model::names::header;

use super::left_ms;
use crate::exchange::Exchange;
use crate::payload::Payload;

/// Fields that are about one connection (RFC 9110 §7.6.1), besides those that `connection` names.
const HOP_BY_HOP: [HeaderName; 8] = [
    standard::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    standard::PROXY_AUTHENTICATE,
    standard::PROXY_AUTHORIZATION,
    standard::TE,
    standard::TRANSFER_ENCODING,
    standard::UPGRADE,
];

/// Removes what ends at this hop.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(standard::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // Two framings contradict each other: the body was read by this one (RFC 9112 §6.3).
    if headers.contains_key(standard::TRANSFER_ENCODING) {
        headers.remove(standard::CONTENT_LENGTH);
    }
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Makes the head of a request ready for all attempts.
pub(super) fn prepare(head: &mut Parts, exchange: &Exchange, payload: &Payload) {
    strip(&mut head.headers);
    if payload.has_unknown_length() {
        set(&mut head.headers, standard::TRANSFER_ENCODING.as_str(), "chunked");
    }
    // The gateway answers it by reading the body.
    head.headers.remove(standard::EXPECT);
    head.version = Version::HTTP_11;
    if let Some(authority) = head.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(standard::HOST, host);
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().unwrap_or_else(|_impossible| Uri::from_static("/"));
    set(&mut head.headers, header::CORRELATION_ID, exchange.correlation_id.as_str());
    for (name, value) in [
        (header::TRACESTATE, &exchange.incoming.tracestate),
        (header::BAGGAGE, &exchange.incoming.baggage),
    ] {
        match value {
            Some(value) => set(&mut head.headers, name, value),
            None => drop(head.headers.remove(name)),
        }
    }
}

/// What differs from attempt to attempt.
pub(super) fn address(head: &mut Parts, to: SocketAddr, exchange: &Exchange) {
    if !head.headers.contains_key(standard::HOST) {
        set(&mut head.headers, standard::HOST.as_str(), &to.to_string());
    }
    match exchange.traceparent() {
        Some(parent) => set(&mut head.headers, header::TRACEPARENT, &parent.to_string()),
        None => drop(head.headers.remove(header::TRACEPARENT)),
    }
    if let Some(deadline) = exchange.deadline {
        let left = left_ms(deadline, exchange.clock().now());
        set(&mut head.headers, header::DEADLINE_MS, &left.to_string());
    }
}

/// Sets one field, replacing what was there.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) else {
        return;
    };
    headers.insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_connection_ends_at_this_hop() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Own"),
            ("x-own", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "secret"),
            ("x-other", "2"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        strip(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-other"]);
    }

    #[test]
    fn a_length_beside_chunks_does_not_go_on_but_a_length_alone_does() {
        let mut headers = HeaderMap::new();
        headers.insert(standard::CONTENT_LENGTH, HeaderValue::from_static("3"));
        strip(&mut headers);
        assert!(headers.contains_key(standard::CONTENT_LENGTH));
        headers.insert(standard::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        strip(&mut headers);
        assert!(headers.is_empty(), "{headers:?}");
    }
}
