//! Who may call the API.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use model::fault::Token;

use super::Failure;

/// May be asked by everybody: whoever watches over the process holds no token.
const OPEN: &str = "/v1/health";

pub(super) async fn guard(
    State(token): State<Option<Arc<Token>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let refused = match &token {
        _ if request.uri().path() == OPEN => None,
        Some(token) if !shows(token, request.headers()) => {
            let text = "the API wants `Authorization: Bearer` with its token";
            Some(Failure::new(StatusCode::UNAUTHORIZED, text))
        },
        Some(_) => None,
        None => stranger(peer.ip(), request.headers())
            .map(|text| Failure::new(StatusCode::FORBIDDEN, text)),
    };
    match refused {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

fn shows(token: &Token, headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    value.and_then(|value| value.strip_prefix(b"Bearer ")).is_some_and(|shown| token.is(shown))
}

/// Why a caller without a token is refused. A name in `Host` that is none of this machine's is one
/// that a page of another site made a browser resolve to it.
fn stranger(peer: IpAddr, headers: &HeaderMap) -> Option<String> {
    if !peer.is_loopback() {
        return Some(format!("the API serves this machine only, not {peer}"));
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if matches!(text("sec-fetch-site"), Some("cross-site" | "same-site")) {
        return Some("pages of other sites are refused".to_owned());
    }
    let host = headers.get(HOST)?;
    let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
    let own = host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok()
    });
    (!own).then(|| "the API is called by its address or as localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_may_ask_and_pages_of_other_sites_may_not() {
        let here = IpAddr::from([127, 0, 0, 1]);
        for (peer, name, value, allowed) in [
            (here, "host", "127.0.0.1:4319", true),
            (here, "host", "localhost:4319", true),
            (here, "host", "[::1]:4319", true),
            (here, "host", "evil.example:4319", false),
            (here, "sec-fetch-site", "none", true),
            (here, "sec-fetch-site", "cross-site", false),
            (IpAddr::from([192, 168, 0, 9]), "host", "192.168.0.1:4319", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(stranger(peer, &headers).is_none(), allowed, "{peer} {name}: {value}");
        }
    }
}
