//! Splits an endpoint into where to connect, what to ask for, and whom to expect.

use http::{HeaderValue, Uri};

use super::super::Signal;
use super::{Protocol, SettingsError};

#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) text: String,
    pub(super) tls: bool,
    /// Without brackets; what the certificate must be for.
    pub(super) name: String,
    /// `host:port`, the port of the scheme when none was written.
    pub(super) authority: String,
    /// As it was written.
    pub(super) host: HeaderValue,
    /// What stands in the request.
    pub(super) uri: Uri,
}

impl Endpoint {
    /// `bare` tells whether an endpoint without a scheme is secure; `None` refuses such a one.
    pub(super) fn parse(text: &str, bare: Option<bool>) -> Result<Self, SettingsError> {
        let shown: String = text.chars().take(256).collect();
        let wrong = || SettingsError::Endpoint { got: shown.clone() };
        let whole = match (text.contains("://"), bare) {
            (false, Some(true)) => format!("https://{text}"),
            (false, Some(false)) => format!("http://{text}"),
            _ => text.to_owned(),
        };
        let uri: Uri = whole.parse().map_err(|_no_uri| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err(SettingsError::Credentials { authority: authority.host().to_owned() });
        }
        if authority.host().is_empty() || uri.query().is_some() || authority.port_u16() == Some(0) {
            return Err(wrong());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self {
            text: shown.clone(),
            tls,
            name: authority.host().trim_matches(['[', ']']).to_owned(),
            authority: format!("{}:{port}", authority.host()),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_not_visible| wrong())?,
            uri,
        })
    }

    /// The same for one signal. A `base` gets the signal's path; anything else stays as it is.
    pub(super) fn of(self, protocol: Protocol, signal: Signal, base: bool) -> Self {
        let path = if protocol == Protocol::Grpc {
            let scheme = if self.tls { "https" } else { "http" };
            format!("{scheme}://{}{}", self.authority, signal.grpc_path())
        } else if base {
            format!("{}{}", self.uri.path().trim_end_matches('/'), signal.http_path())
        } else {
            self.uri.path().to_owned()
        };
        Self { uri: path.parse().expect("a part of a URI is a URI"), ..self }
    }
}
