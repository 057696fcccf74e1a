//! Where the proxy is, from `--admin` and `--token-file`.

use std::net::{SocketAddr, ToSocketAddrs as _};

use telemetry::client::Client;

use crate::cli::Remote;
use crate::control::{Control, token};
use crate::result::ExitCode;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("{flag} wants a URL like http://127.0.0.1:9900, got {url:?}")]
    Url { flag: &'static str, url: String },
    #[error("{flag} is not served over https; got {url:?}")]
    Https { flag: &'static str, url: String },
    #[error("--token-file: {0}")]
    Token(String),
    #[error("cannot find the host of {url}")]
    Host { url: String, source: std::io::Error },
}

impl RemoteError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Url { .. } | Self::Https { .. } | Self::Token(_) => ExitCode::ScenarioInvalid,
            Self::Host { .. } => ExitCode::HarnessFault,
        }
    }
}

pub(super) fn control(remote: &Remote) -> Result<Control, RemoteError> {
    let token = remote.token_file.as_deref().map(token).transpose().map_err(RemoteError::Token)?;
    Ok(Control::new(Client::new(), address("--admin", &remote.admin)?).with_token(token))
}

/// The address of the base URL that a flag gave; the scheme may be left out.
pub(crate) fn address(flag: &'static str, url: &str) -> Result<SocketAddr, RemoteError> {
    let shown = || url.chars().take(128).collect();
    let wrong = || RemoteError::Url { flag, url: shown() };
    if url.starts_with("https://") {
        return Err(RemoteError::Https { flag, url: shown() });
    }
    let authority = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    if let Ok(address) = authority.parse() {
        return Ok(address);
    }
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_not_a_port| wrong())?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(wrong());
    }
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|source| RemoteError::Host { url: url.to_owned(), source })?;
    found.next().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_an_address() {
        for (url, expected) in [
            ("http://127.0.0.1:9900", "127.0.0.1:9900"),
            ("http://127.0.0.1:9900/", "127.0.0.1:9900"),
            ("127.0.0.1:9900", "127.0.0.1:9900"),
            ("http://[::1]:9900", "[::1]:9900"),
        ] {
            assert_eq!(address("--admin", url).unwrap().to_string(), expected, "{url}");
        }
        assert!(address("--admin", "http://localhost:9900").unwrap().ip().is_loopback());
    }

    #[test]
    fn what_is_no_url_is_an_argument_that_is_wrong_and_a_host_that_is_not_there_is_not() {
        for (url, code) in [
            ("", ExitCode::ScenarioInvalid),
            ("9900", ExitCode::ScenarioInvalid),
            ("https://127.0.0.1:9900", ExitCode::ScenarioInvalid),
            ("http://127.0.0.1:9900/v1", ExitCode::ScenarioInvalid),
            ("http://a b:9900", ExitCode::ScenarioInvalid),
            ("http://no.such.host.invalid:9900", ExitCode::HarnessFault),
        ] {
            assert_eq!(address("--admin", url).unwrap_err().exit_code(), code, "{url}");
        }
    }
}
