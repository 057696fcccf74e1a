//! Where a collector is: a URL as a person writes it, a token, and the way there.
//!
//! The name is looked up at every attempt, because a collector that comes back may have another
//! address. Of several addresses the first that takes a connection is used.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HOST};
use http::{HeaderValue, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use model::fault::Token;
use model::plan::ApiError;
use telemetry::client::{Client, ClientError};
use telemetry::tls::{Peer, Tls, TlsError};

/// Where a collector listens unless it is told otherwise.
pub const PORT_DEFAULT: u16 = 4319;
/// For one answer, and for the head of the live stream.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Of an answer that says why there is none.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// A text that names no collector.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(
        "{got:?} is no place of a collector; expected a URL like http://127.0.0.1:4319, or \
         HOST:PORT"
    )]
    Url { got: String },
    #[error("{got:?} has scheme {scheme:?}; a collector is asked by http or https")]
    Scheme { got: String, scheme: String },
    #[error("a URL must not hold a password; put the token into a file")]
    Password,
    #[error("cannot encrypt the connections to {host}")]
    Tls { host: String, source: Box<TlsError> },
}

/// Why a collector did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskingError {
    #[error("no answer from the collector within {} s", ANSWER_MAX.as_secs())]
    Slow,
    #[error("cannot find {host}: {source}")]
    Name { host: String, source: io::Error },
    #[error("the collector answered {status} to GET {path}{}", said(text.as_deref()))]
    Status { status: StatusCode, path: String, text: Option<String> },
    #[error("{0}")]
    Other(String),
}

fn said(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}

/// A collector's API. Clones share their idle connections.
#[derive(Clone)]
pub struct Place {
    url: String,
    /// `host:port`, as names are looked up.
    authority: String,
    host: HeaderValue,
    /// In front of every path; empty unless the URL has one.
    prefix: String,
    token: Option<Arc<Token>>,
    client: Client,
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Place").field("url", &self.url).finish_non_exhaustive()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

impl Place {
    /// Of a URL; without a scheme it is `HOST` or `HOST:PORT` of a plain connection, or a port of
    /// the loopback. A path stands in front of those of the API, for a collector behind a gateway.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let got = || text.chars().take(128).collect::<String>();
        let wrong = || PlaceError::Url { got: got() };
        let text = text.trim();
        let bare = !text.contains("://");
        let whole = match text.strip_prefix(':').unwrap_or(text) {
            port if is_number(port) => format!("http://127.0.0.1:{port}"),
            _ if bare => format!("http://{text}"),
            _ => text.to_owned(),
        };
        let uri: Uri = whole.parse().map_err(|_no_uri| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            scheme => {
                let scheme = scheme.unwrap_or_default().to_owned();
                return Err(PlaceError::Scheme { got: got(), scheme });
            },
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err(PlaceError::Password);
        }
        // A number alone reads as a host.
        if authority.host().is_empty() || is_number(authority.host()) || uri.query().is_some() {
            return Err(wrong());
        }
        let (host, prefix) = (authority.host(), uri.path().trim_end_matches('/'));
        let port = match authority.as_str().strip_prefix(host).and_then(|it| it.strip_prefix(':')) {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?,
            None if bare => PORT_DEFAULT,
            None if tls => 443,
            None => 80,
        };
        let client = if tls {
            let failed =
                |source| PlaceError::Tls { host: host.to_owned(), source: Box::new(source) };
            let name = host.trim_matches(['[', ']']);
            Client::encrypted(
                Tls::new(name, "http/1.1", Peer::Trusted(None), None).map_err(failed)?,
            )
        } else {
            Client::new()
        };
        Ok(Self {
            url: format!("{}://{host}:{port}{prefix}", if tls { "https" } else { "http" }),
            authority: format!("{host}:{port}"),
            host: HeaderValue::from_str(&format!("{host}:{port}")).map_err(|_no_text| wrong())?,
            prefix: prefix.to_owned(),
            token: None,
            client,
        })
    }

    /// Of a collector whose address is known.
    pub fn at(api: SocketAddr) -> Self {
        let authority = api.to_string();
        Self {
            url: format!("http://{authority}"),
            host: HeaderValue::from_str(&authority).expect("an address is visible ASCII"),
            authority,
            prefix: String::new(),
            token: None,
            client: Client::new(),
        }
    }

    /// Shows this token with every call.
    #[must_use]
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { token: token.map(Arc::new), ..self }
    }

    /// The whole answer to a `GET`, as the bytes of its JSON.
    pub(super) async fn ask(&self, path: &str) -> Result<Bytes, AskingError> {
        let answer = limited(async {
            let mut failed = None;
            for to in self.addresses().await? {
                let request = self.request(path, "application/json");
                match self.client.send(to, request, ANSWER_MAX).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => failed = Some(unless_there(error)?),
                }
            }
            Err(self.unreached(failed))
        });
        let answer = answer.await?;
        let status = answer.status();
        let body = answer.into_body();
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(AskingError::Status { status, path: path.to_owned(), text: reason(&body) })
    }

    /// The body of a `GET` of server-sent events, as it streams.
    pub(super) async fn stream(&self, path: &str) -> Result<Incoming, AskingError> {
        let answer = limited(async {
            let mut failed = None;
            for to in self.addresses().await? {
                let request = self.request(path, "text/event-stream");
                match self.client.stream(to, request).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => failed = Some(unless_there(error)?),
                }
            }
            Err(self.unreached(failed))
        });
        let answer = answer.await?;
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(answer.into_body());
        }
        let body = Limited::new(answer.into_body(), REFUSAL_BYTES_MAX).collect();
        let body = tokio::time::timeout(ANSWER_MAX, body).await;
        let text = match body {
            Ok(Ok(body)) => reason(&body.to_bytes()),
            // The status alone says enough.
            Ok(Err(_)) | Err(_) => None,
        };
        Err(AskingError::Status { status, path: path.to_owned(), text })
    }

    fn request(&self, path: &str, accept: &'static str) -> http::Request<Bytes> {
        let mut request = http::Request::get(format!("{}{path}", self.prefix))
            .header(HOST, &self.host)
            .header(ACCEPT, accept);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request.body(Bytes::new()).expect("paths of the API are encoded, and a token is visible")
    }

    /// All addresses of the name, as it is known now.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, AskingError> {
        let found = tokio::net::lookup_host(self.authority.clone()).await;
        found
            .map(Iterator::collect)
            .map_err(|source| AskingError::Name { host: self.authority.clone(), source })
    }

    /// No address took a connection; `failed` is what the last one said.
    fn unreached(&self, failed: Option<ClientError>) -> AskingError {
        match failed {
            Some(error) => AskingError::Other(with_sources(&error)),
            None => AskingError::Name {
                host: self.authority.clone(),
                source: io::ErrorKind::NotFound.into(),
            },
        }
    }
}

/// Another address may be tried only when this one took no connection.
fn unless_there(error: ClientError) -> Result<ClientError, AskingError> {
    match error {
        ClientError::Connect { .. } => Ok(error),
        error => Err(AskingError::Other(with_sources(&error))),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

async fn limited<T>(
    asking: impl Future<Output = Result<T, AskingError>>,
) -> Result<T, AskingError> {
    tokio::time::timeout(ANSWER_MAX, asking).await.unwrap_or(Err(AskingError::Slow))
}

/// What the collector says about its refusal.
fn reason(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<ApiError>(body).ok().map(|refusal| refusal.error)
}

pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_people_write_it() {
        for (text, authority, prefix) in [
            ("http://127.0.0.1:4319", "127.0.0.1:4319", ""),
            ("http://127.0.0.1:4319/", "127.0.0.1:4319", ""),
            ("127.0.0.1:9", "127.0.0.1:9", ""),
            ("4319", "127.0.0.1:4319", ""),
            (":4319", "127.0.0.1:4319", ""),
            ("collector", "collector:4319", ""),
            ("localhost:1", "localhost:1", ""),
            ("http://collector", "collector:80", ""),
            ("https://collector.example", "collector.example:443", ""),
            ("https://example.org:8443/lab/collector/", "example.org:8443", "/lab/collector"),
            ("http://[::1]:4319", "[::1]:4319", ""),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!((place.authority.as_str(), place.prefix.as_str()), (authority, prefix));
            assert_eq!(place.host, authority, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_says_what_was_expected() {
        for (text, part) in [
            ("", "expected a URL like"),
            ("http://4319", "expected a URL like"),
            ("70000", "expected a URL like"),
            ("http://", "expected a URL like"),
            ("a b:1", "expected a URL like"),
            ("host:", "expected a URL like"),
            ("host:0", "expected a URL like"),
            ("host:70000", "expected a URL like"),
            ("http://host:1/?a=b", "expected a URL like"),
            ("ftp://host:1", "has scheme \"ftp\""),
            ("http://me:secret@host:1", "must not hold a password"),
        ] {
            let error = Place::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_token_is_not_written_where_a_place_is_shown() {
        let place = Place::parse("host:1").unwrap().with_token(Some(Token::new("s3cret")));
        assert!(!format!("{place:?} {place}").contains("s3cret"));
        let request = place.request("/v1/live", "text/event-stream");
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer s3cret");
    }
}
