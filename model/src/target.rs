//! Where load goes: an address, how it is spoken to, and how connections are kept.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One server that load is sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub place: Place,
    /// Value of `Host` and `:authority`.
    pub authority: String,
    /// `None` speaks without encryption.
    #[serde(default)]
    pub tls: Option<TargetTls>,
    #[serde(default)]
    pub version: HttpVersion,
    #[serde(default)]
    pub reuse: Reuse,
    /// A connection is closed after that many requests; `None` keeps it for ever.
    #[serde(default)]
    pub requests_per_connection: Option<u32>,
}

/// Where the socket leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A name or an address, and a port. Names are looked up when connections are made.
    Tcp {
        host: String,
        port: u16,
    },
    Unix {
        path: PathBuf,
    },
}

/// Whom to trust and what to show. Files are PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetTls {
    /// Name in the handshake (SNI) and in the certificate; `None` takes the host.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Certificates of authorities; `None` trusts those of the system.
    #[serde(default)]
    pub trust: Option<PathBuf>,
    /// Client certificate and its key.
    #[serde(default)]
    pub show: Option<(PathBuf, PathBuf)>,
    /// Takes any certificate: for test hosts with certificates of their own.
    #[serde(default)]
    pub insecure: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// Without encryption it is spoken from the first byte, as nobody could negotiate it.
    #[serde(rename = "2")]
    Http2,
}

/// Who may use a connection again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// Every journey, the one that was used last first.
    #[default]
    Shared,
    /// The later steps of the same journey.
    Journey,
    /// Nobody: each request makes a connection of its own.
    Never,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("{text:?} is no URL: it must begin with http://, https:// or unix:")]
    Scheme { text: String },
    #[error("{text:?} names no host")]
    Host { text: String },
    #[error("{text:?} has a port that is no number between 1 and 65535")]
    Port { text: String },
    #[error("{text:?} holds a user or a password; send them as an authorization header")]
    User { text: String },
    #[error("{text:?} must name a socket by its absolute path, like unix:/run/app.sock")]
    Socket { text: String },
}

impl Target {
    /// `http://host:port`, `https://host`, or `unix:/path`, and the path and query that follow,
    /// at least `/`.
    pub fn parse_url(text: &str) -> Result<(Self, String), TargetError> {
        let wrong = || text.to_owned();
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::parse_unix(path).ok_or_else(|| TargetError::Socket { text: wrong() });
        }
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (None, rest),
            (None, Some(rest)) => (Some(TargetTls::default()), rest),
            (None, None) => return Err(TargetError::Scheme { text: wrong() }),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _fragment)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            // The text holds a secret, so it is not repeated.
            let text = "the URL".to_owned();
            return Err(TargetError::User { text });
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, port.ok_or_else(|| TargetError::Port { text: wrong() })?)
            },
            _ => (authority, if tls.is_some() { 443 } else { 80 }),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TargetError::Host { text: wrong() });
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let place = Place::Tcp { host: host.to_owned(), port };
        Ok((Self::new(place, authority.to_owned(), tls), path))
    }

    /// `/path/of.sock`, or `/path/of.sock:/path/of/request`.
    fn parse_unix(text: &str) -> Option<(Self, String)> {
        let (socket, path) = text.split_once(':').unwrap_or((text, "/"));
        let fits = socket.starts_with('/') && socket.len() > 1 && path.starts_with('/');
        let place = Place::Unix { path: socket.into() };
        fits.then(|| (Self::new(place, "localhost".into(), None), path.to_owned()))
    }

    fn new(place: Place, authority: String, tls: Option<TargetTls>) -> Self {
        Self {
            place,
            authority,
            tls,
            version: HttpVersion::default(),
            reuse: Reuse::default(),
            requests_per_connection: None,
        }
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        let place = Place::Tcp { host: address.ip().to_string(), port: address.port() };
        Self::new(place, address.to_string(), None)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// The URL of a server; what follows the host is ignored.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::parse_url(text).map(|(target, _path)| target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match &self.place {
            Place::Tcp { .. } => write!(formatter, "{scheme}://{}", self.authority),
            Place::Unix { path } => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp { host: host.into(), port }
    }

    #[test]
    fn a_url_is_read_into_its_parts() {
        let table = [
            ("http://localhost:8080", tcp("localhost", 8080), "localhost:8080", false, "/"),
            ("http://a.example/x?y=1#z", tcp("a.example", 80), "a.example", false, "/x?y=1"),
            ("https://a.example?y", tcp("a.example", 443), "a.example", true, "/?y"),
            ("http://[::1]:81/", tcp("::1", 81), "[::1]:81", false, "/"),
            ("http://[::1]/", tcp("::1", 80), "[::1]", false, "/"),
            (
                "unix:/run/app.sock:/up",
                Place::Unix { path: "/run/app.sock".into() },
                "localhost",
                false,
                "/up",
            ),
        ];
        for (text, place, authority, tls, path) in table {
            let (target, rest) = Target::parse_url(text).unwrap();
            assert_eq!((&target.place, target.authority.as_str()), (&place, authority), "{text}");
            assert_eq!((target.tls.is_some(), rest.as_str()), (tls, path), "{text}");
            assert_eq!(target.to_string().parse(), Ok(target.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_by_its_kind() {
        let of = |text: &str| text.parse::<Target>().unwrap_err();
        assert!(matches!(of("localhost:8080"), TargetError::Scheme { .. }));
        assert!(matches!(of("http://"), TargetError::Host { .. }));
        assert!(matches!(of("http://:80"), TargetError::Host { .. }));
        assert!(matches!(of("http://a:0"), TargetError::Port { .. }));
        assert!(matches!(of("http://a:99999"), TargetError::Port { .. }));
        assert!(matches!(of("unix:run/x"), TargetError::Socket { .. }));
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let error = "http://me:secret@a.example".parse::<Target>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
