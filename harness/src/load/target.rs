//! Where load goes: URLs as people type them, names looked up, and whether somebody listens.

use std::net::SocketAddr;
use std::time::Duration;

use http::uri::Authority;
use tokio::net::TcpStream;

/// How long making one connection may take before the load begins.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HTTP_PORT: u16 = 80;

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// As it stands in the `Host` header.
    pub(super) authority: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Url {
    /// A missing scheme is `http`, a missing host the loopback.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err("https is not spoken by this load engine yet; put `shakedown proxy` \
                            with TLS upstream between, or use http"
                    .to_owned());
            },
            Some((scheme, _)) => {
                return Err(format!("the scheme {scheme:?} is not known; expected http"));
            },
            None => text,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let with_host = match authority {
            port if port.starts_with(':') => format!("127.0.0.1{port}"),
            port if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("127.0.0.1:{port}")
            },
            authority => authority.to_owned(),
        };
        if with_host.contains('@') {
            return Err("a URL with a user or password is not taken; send it as a header, like \
                        -H 'authorization: Basic ...'"
                .to_owned());
        }
        let wrong = || "expected a URL like http://127.0.0.1:8080/items".to_owned();
        let parsed: Authority = with_host.parse().map_err(|_no_authority| wrong())?;
        if parsed.host().is_empty() || with_host.ends_with(':') {
            return Err(wrong());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self {
            host: parsed.host().trim_matches(['[', ']']).to_owned(),
            port: parsed.port_u16().unwrap_or(HTTP_PORT),
            authority: with_host,
            path,
        })
    }
}

/// Why load cannot even begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("the host {host:?} is not known; is it spelled right?")]
    Unknown { host: String, source: std::io::Error },
    #[error("nobody listens at {}; is the server running?", both(authority, *address))]
    Refused { authority: String, address: SocketAddr, source: std::io::Error },
    #[error("{} cannot be reached", both(authority, *address))]
    Connect { authority: String, address: SocketAddr, source: std::io::Error },
    #[error(
        "{} made no connection within {} s",
        both(authority, *address),
        CONNECT_TIMEOUT.as_secs()
    )]
    Silent { authority: String, address: SocketAddr },
}

/// The address, and the name where it says something else.
fn both(authority: &str, address: SocketAddr) -> String {
    let address = address.to_string();
    if authority == address { address } else { format!("{address} ({authority})") }
}

/// The first address of the host that takes a connection.
pub(super) async fn reach(url: &Url) -> Result<SocketAddr, Unreachable> {
    let unknown = |source| Unreachable::Unknown { host: url.host.clone(), source };
    let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(unknown)?.collect();
    let mut refused = None;
    for address in addresses {
        match connect(url, address).await {
            Ok(()) => return Ok(address),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let nothing = || std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    Err(refused.unwrap_or_else(|| unknown(nothing())))
}

async fn connect(url: &Url, address: SocketAddr) -> Result<(), Unreachable> {
    let authority = url.authority.clone();
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_stream)) => Ok(()),
        Ok(Err(source)) if source.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(Unreachable::Refused { authority, address, source })
        },
        Ok(Err(source)) => Err(Unreachable::Connect { authority, address, source }),
        Err(_elapsed) => Err(Unreachable::Silent { authority, address }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_people_type_them() {
        for (text, authority, host, port, path) in [
            ("http://shop/", "shop", "shop", 80, "/"),
            ("http://shop:8080/a/b?c=d&e=${seq}#x", "shop:8080", "shop", 8080, "/a/b?c=d&e=${seq}"),
            ("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080, "/"),
            (":8080/x", "127.0.0.1:8080", "127.0.0.1", 8080, "/x"),
            ("8080?a", "127.0.0.1:8080", "127.0.0.1", 8080, "/?a"),
            ("http://[::1]:81/", "[::1]:81", "::1", 81, "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.authority.as_str(), url.host.as_str()), (authority, host), "{text}");
            assert_eq!((url.port, url.path.as_str()), (port, path), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_what_would_be_one() {
        for (text, told) in [
            ("", "expected a URL"),
            ("http://", "expected a URL"),
            ("http://a b/", "expected a URL"),
            ("http://host:/", "expected a URL"),
            ("ftp://a/", "\"ftp\" is not known"),
            ("https://a/", "https is not spoken"),
            ("http://me:secret@a/", "-H 'authorization"),
        ] {
            let refused = Url::parse(text).expect_err(text);
            assert!(refused.contains(told), "{text}: {refused}");
            assert!(!refused.contains("secret"));
        }
    }
}
