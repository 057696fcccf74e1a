//! Addresses as clients of Toxiproxy write them: `localhost:6379`, `[::]:80`, `:8080`.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};

use super::failure::Failure;

/// Where to listen. Without a host that is everywhere, without a port any that is free.
pub(super) async fn to_listen(text: &str) -> Result<SocketAddr, Failure> {
    let text = if text.is_empty() { ":0" } else { text };
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().map_err(|_no_port| not_an_address(text))?;
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    first(text).await.ok_or_else(|| not_an_address(text))
}

/// Where a proxy leads. `None` while nobody knows the name.
pub(super) async fn upstream(text: &str) -> Option<SocketAddr> {
    first(text).await
}

/// The first address of the older kind, because most servers of tests listen on that one alone.
async fn first(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host(text).await.ok()?.collect();
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
}

fn not_an_address(text: &str) -> Failure {
    Failure::failed(format!("listen tcp: lookup {text}: no such host"))
}

/// In the words of the original, which test suites look for.
pub(super) fn cannot_listen(address: &str, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    Failure::failed(format!("listen tcp {address}: bind: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_read_as_the_original_reads_them() {
        for (text, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            (":80", "[::]:80"),
            ("", "[::]:0"),
        ] {
            assert_eq!(to_listen(text).await.unwrap().to_string(), expected, "{text:?}");
        }
        for text in ["127.0.0.1", "127.0.0.1:x", ":x", "127.0.0.1:70000"] {
            assert_eq!(to_listen(text).await.unwrap_err().status, 500, "{text:?}");
        }
    }
}
