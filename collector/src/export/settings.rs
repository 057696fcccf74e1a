//! Where and how to export: the endpoint and the standard `OTEL_EXPORTER_OTLP_*` variables.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Why an export cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the export endpoint must look like http://host:4318, got {got:?}")]
    Endpoint { got: String },
    #[error("the export endpoint {got:?} asks for TLS, which is not supported; use http://")]
    Tls { got: String },
    #[error("{name} must be {expected}, got {got:?}")]
    Variable { name: &'static str, expected: &'static str, got: String },
}

const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const COMPRESSION: &str = "OTEL_EXPORTER_OTLP_COMPRESSION";
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(super) protocol: Protocol,
    /// `host:port`.
    pub(super) authority: String,
    /// Path before `/v1/<signal>`, without a slash at its end.
    pub(super) base: String,
    pub(super) headers: HeaderMap,
    pub(super) gzip: bool,
    /// Of one try.
    pub(super) timeout: Duration,
}

impl Settings {
    pub(crate) fn parse(
        endpoint: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, ExportError> {
        let got = || endpoint.chars().take(256).collect::<String>();
        let uri: Uri = endpoint.parse().map_err(|_no_uri| ExportError::Endpoint { got: got() })?;
        match uri.scheme_str() {
            Some("http") => {},
            Some("https") => return Err(ExportError::Tls { got: got() }),
            _ => return Err(ExportError::Endpoint { got: got() }),
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| ExportError::Endpoint { got: got() })?;
        if uri.query().is_some() {
            return Err(ExportError::Endpoint { got: got() });
        }
        Ok(Self {
            protocol: protocol(env)?,
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(80)),
            base: uri.path().trim_end_matches('/').to_owned(),
            headers: headers(env)?,
            gzip: gzip(env)?,
            timeout: timeout(env)?,
        })
    }
}

fn variable<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn wrong(name: &'static str, expected: &'static str, got: &str) -> ExportError {
    ExportError::Variable { name, expected, got: got.chars().take(64).collect() }
}

fn protocol(env: &BTreeMap<String, String>) -> Result<Protocol, ExportError> {
    match variable(env, PROTOCOL) {
        None | Some("http/protobuf") => Ok(Protocol::Http),
        Some("grpc") => Ok(Protocol::Grpc),
        Some(other) => Err(wrong(PROTOCOL, "\"grpc\" or \"http/protobuf\"", other)),
    }
}

fn gzip(env: &BTreeMap<String, String>) -> Result<bool, ExportError> {
    match variable(env, COMPRESSION) {
        None | Some("none") => Ok(false),
        Some("gzip") => Ok(true),
        Some(other) => Err(wrong(COMPRESSION, "\"gzip\" or \"none\"", other)),
    }
}

fn timeout(env: &BTreeMap<String, String>) -> Result<Duration, ExportError> {
    let Some(text) = variable(env, TIMEOUT) else { return Ok(TIMEOUT_DEFAULT) };
    match text.parse() {
        Ok(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err(wrong(TIMEOUT, "a number of milliseconds above 0", text)),
    }
}

/// `name=value` pairs with commas between them; values are percent-encoded.
fn headers(env: &BTreeMap<String, String>) -> Result<HeaderMap, ExportError> {
    let mut headers = HeaderMap::new();
    for pair in variable(env, HEADERS).unwrap_or_default().split(',') {
        if pair.trim().is_empty() {
            continue;
        }
        // The value may be a secret: only the name is shown.
        let name = pair.split('=').next().unwrap_or_default().trim();
        let parsed = pair.split_once('=').and_then(|(name, value)| {
            let value = HeaderValue::from_bytes(&percent_decoded(value.trim())?).ok()?;
            Some((HeaderName::try_from(name.trim()).ok()?, value))
        });
        let Some((parsed_name, mut value)) = parsed else {
            return Err(wrong(HEADERS, "a list of name=value, percent-encoded", name));
        };
        value.set_sensitive(true);
        headers.append(parsed_name, value);
    }
    Ok(headers)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = str::from_utf8(&digits).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_endpoint_is_split_and_variables_are_read() {
        let env = env(&[
            (PROTOCOL, "grpc"),
            (HEADERS, "x-api-key=a%20b, x-tenant = t=1"),
            (COMPRESSION, "gzip"),
            (TIMEOUT, "2500"),
        ]);
        let settings = Settings::parse("http://localhost:4317/base/", &env).unwrap();
        assert_eq!(settings.protocol, Protocol::Grpc);
        assert_eq!((&*settings.authority, &*settings.base), ("localhost:4317", "/base"));
        assert_eq!(settings.headers["x-api-key"], "a b");
        assert_eq!(settings.headers["x-tenant"], "t=1");
        assert!(settings.gzip);
        assert_eq!(settings.timeout, Duration::from_millis(2_500));
    }

    #[test]
    fn the_defaults_are_http_protobuf_on_port_80_without_compression() {
        let settings = Settings::parse("http://backend", &BTreeMap::new()).unwrap();
        assert_eq!((settings.protocol, settings.gzip), (Protocol::Http, false));
        assert_eq!((&*settings.authority, &*settings.base), ("backend:80", ""));
        assert_eq!(settings.timeout, TIMEOUT_DEFAULT);
    }

    #[test]
    fn wrong_endpoints_and_variables_are_refused_with_their_name() {
        for endpoint in ["", "backend:4318", "ftp://backend", "http://", "http://backend/?x=1"] {
            let refused = Settings::parse(endpoint, &BTreeMap::new());
            assert!(matches!(refused, Err(ExportError::Endpoint { .. })), "{endpoint}");
        }
        let tls = Settings::parse("https://backend:4318", &BTreeMap::new());
        assert!(matches!(tls, Err(ExportError::Tls { .. })));
        for (name, value) in
            [(PROTOCOL, "http/json"), (COMPRESSION, "br"), (TIMEOUT, "0"), (HEADERS, "novalue")]
        {
            let refused = Settings::parse("http://backend", &env(&[(name, value)]));
            let text = refused.unwrap_err().to_string();
            assert!(text.starts_with(name), "{text}");
        }
    }
}
