//! Where load goes: URLs as people type them, names looked up, and whether somebody listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::target::{Place, Target};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How long making one connection may take before the load begins.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) target: Target,
    /// Path and query.
    pub(super) path: String,
}

impl Url {
    /// A missing scheme is `http`, a missing host the loopback.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            _ if text.starts_with("unix:") => ("", text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http://", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https://", rest),
            Some((scheme, _)) => {
                return Err(format!("the scheme {scheme:?} is not known; expected http or https"));
            },
            None => ("http://", text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = match &rest[..end] {
            port if port.starts_with(':') => "127.0.0.1",
            port if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                "127.0.0.1:"
            },
            _ => "",
        };
        let host = if scheme.is_empty() { "" } else { host };
        let parsed = Target::parse_url(&format!("{scheme}{host}{rest}"));
        let (target, path) = parsed.map_err(|error| error.to_string())?;
        Ok(Self { target, path })
    }
}

/// Why load cannot even begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("nobody listens at the socket {}", path.display())]
    Socket { path: PathBuf, source: std::io::Error },
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
    #[error(
        "{target} took the connection, and did not answer its handshake within {} s",
        CONNECT_TIMEOUT.as_secs()
    )]
    Mute { target: String },
    #[error(transparent)]
    Handshake(#[from] loadgen::HandshakeError),
}

/// The address, and the name where it says something else.
fn both(authority: &str, address: SocketAddr) -> String {
    let address = address.to_string();
    if authority == address { address } else { format!("{address} ({authority})") }
}

/// Makes one connection to each target, handshake included.
pub(super) async fn reach(targets: &[Target]) -> Result<(), Unreachable> {
    for target in targets {
        reach_one(target).await?;
    }
    Ok(())
}

/// To the first address of the host that takes it.
async fn reach_one(target: &Target) -> Result<(), Unreachable> {
    let (host, port) = match &target.place {
        Place::Tcp { host, port } => (host.as_str(), *port),
        Place::Unix { path } => {
            let wrong = |source| Unreachable::Socket { path: path.clone(), source };
            return shake_hands(target, UnixStream::connect(path).await.map_err(wrong)?).await;
        },
    };
    let unknown = |source| Unreachable::Unknown { host: host.to_owned(), source };
    let found = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(unknown)?.collect();
    let mut refused = None;
    for address in addresses {
        match connect(target, address).await {
            Ok(()) => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let nothing = || std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    Err(refused.unwrap_or_else(|| unknown(nothing())))
}

async fn connect(target: &Target, address: SocketAddr) -> Result<(), Unreachable> {
    let authority = target.authority.clone();
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => shake_hands(target, stream).await,
        Ok(Err(source)) if source.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(Unreachable::Refused { authority, address, source })
        },
        Ok(Err(source)) => Err(Unreachable::Connect { authority, address, source }),
        Err(_elapsed) => Err(Unreachable::Silent { authority, address }),
    }
}

async fn shake_hands<S>(target: &Target, stream: S) -> Result<(), Unreachable>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shaken = loadgen::shake_hands(target, stream);
    let mute = |_elapsed| Unreachable::Mute { target: target.to_string() };
    Ok(tokio::time::timeout(CONNECT_TIMEOUT, shaken).await.map_err(mute)??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_people_type_them() {
        for (text, target, path) in [
            ("http://shop/", "http://shop", "/"),
            ("HTTP://shop/", "http://shop", "/"),
            ("https://shop:8443/a/b?c=d&e=${seq}#x", "https://shop:8443", "/a/b?c=d&e=${seq}"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080", "/"),
            (":8080/x", "http://127.0.0.1:8080", "/x"),
            ("8080?a", "http://127.0.0.1:8080", "/?a"),
            ("http://[::1]:81/", "http://[::1]:81", "/"),
            ("unix:/run/app.sock:/up", "unix:/run/app.sock", "/up"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.target.to_string().as_str(), url.path.as_str()), (target, path));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_and_no_secret_is_repeated() {
        for text in ["", "http://", "http://a b/", "http://host:/", "ftp://a/"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        assert!(Url::parse("ftp://a/").unwrap_err().contains("\"ftp\" is not known"));
        let refused = Url::parse("http://me:secret@a/").unwrap_err();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
