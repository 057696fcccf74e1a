//! Addresses as people type them: `127.0.0.1:8080`, `:8080`, `8080`, `[::1]:8080`.
//!
//! Without a host it is the loopback: what listens for other machines is asked for by name.

use std::net::{Ipv4Addr, SocketAddr};

/// Reads an address to listen on.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    shorthand(text).ok_or_else(|| {
        "expected an address like 127.0.0.1:8080, or a port of the loopback like 8080".to_owned()
    })
}

/// An endpoint in the form that a gateway file has: a name of a host is looked up later.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    if let Some(address) = shorthand(text) {
        return Ok(address.to_string());
    }
    let host = text.rsplit_once(':').filter(|(host, port)| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok()
    });
    match host {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected HOST:PORT like 127.0.0.1:7001 or orders:7001, without a scheme or \
                     path, or a port of the loopback like 7001"
            .to_owned()),
    }
}

fn shorthand(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    let plain = port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = port.parse().ok().filter(|_| plain)?;
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_host_is_on_the_loopback() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8080", "[::1]:8080"),
            ("0", "127.0.0.1:0"),
        ] {
            assert_eq!(listen(text).unwrap().to_string(), expected, "{text}");
            assert_eq!(endpoint(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":", "70000", "127.0.0.1", "http://a:1", "a b:1", "+80", "host:", "host"] {
            assert!(listen(text).is_err(), "{text} was accepted");
            assert!(endpoint(text).is_err(), "{text} was accepted");
        }
        assert!(listen("orders:7001").is_err());
        assert_eq!(endpoint("orders:7001").unwrap(), "orders:7001");
    }
}
