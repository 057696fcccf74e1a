//! Where to send and how: an endpoint and the standard `OTEL_EXPORTER_OTLP_*` variables.
//!
//! A backend is written as one text: a URL, then settings as `name=value`, with blanks between
//! them. Every setting is also a variable: `client-key` is `OTEL_EXPORTER_OTLP_CLIENT_KEY`, and for
//! one signal `traces-client-key` is `OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY`. What is written wins
//! over what is in a variable, and what is for one signal over what is for all. `name=tempo` reads
//! the variables of this backend from `OTEL_EXPORTER_OTLP_TEMPO_*` instead, so that several
//! backends can have secrets of their own that stand on no command line. `env` in place of a URL
//! takes the endpoint from the variables, too.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri};
use model::limits::OTLP_REQUEST_BYTES_MAX;

use super::Signal;
use super::request::Compression;
use crate::tls::{Peer, Tls, TlsError};

mod endpoint;
mod variables;

use endpoint::Endpoint;
use variables::Variables;

/// Beginning of all variables.
pub const PREFIX: &str = "OTEL_EXPORTER_OTLP";
/// In place of a URL: the endpoint comes from the variables.
pub const FROM_ENVIRONMENT: &str = "env";
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// As OTLP recommends it to clients.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const IN_FLIGHT_DEFAULT: usize = 4;
const IN_FLIGHT_MAX: usize = 64;

/// Why nothing can be sent to a backend.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("an OTLP endpoint must look like http://host:4318 or https://host:4318, got {got:?}")]
    Endpoint { got: String },
    #[error(
        "the OTLP endpoint of {authority} holds a user or password; send it as a header instead, \
         like headers=authorization=Basic%20..."
    )]
    Credentials { authority: String },
    #[error("the OTLP endpoint shall come from the environment, but {variable} is not set")]
    NoEndpoint { variable: String },
    #[error("{name} must be {expected}, got {got:?}")]
    Variable { name: String, expected: &'static str, got: String },
    #[error("{setting:?} is no setting of an OTLP backend; known: {known}")]
    Unknown { setting: String, known: String },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Grpc,
    HttpProtobuf,
    HttpJson,
}

/// How a receiver is reached.
#[derive(Debug, Clone, Default)]
pub(super) enum Route {
    #[default]
    Network,
    #[cfg(feature = "misbehave")]
    Memory(super::misbehave::Dial),
}

/// Where the messages of one signal go.
#[derive(Debug, Clone)]
pub struct Target {
    pub protocol: Protocol,
    pub compression: Option<Compression>,
    /// Of one try.
    pub timeout: Duration,
    /// Largest message before it is compressed; a larger one is not sent.
    pub request_bytes_max: usize,
    /// Largest answer that is read.
    pub answer_bytes_max: usize,
    /// Requests sent at once.
    pub in_flight: usize,
    pub(super) headers: HeaderMap,
    /// `host:port` to connect to.
    pub(super) authority: String,
    pub(super) host: HeaderValue,
    pub(super) uri: Uri,
    pub(super) agent: HeaderValue,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) route: Route,
}

impl Target {
    /// A receiver at a plain `http://` endpoint, which gets the customary paths.
    pub fn plain(
        endpoint: &str,
        protocol: Protocol,
        signal: Signal,
        agent: &str,
    ) -> Result<Self, SettingsError> {
        let endpoint = Endpoint::parse(endpoint, None)?;
        if endpoint.tls {
            return Err(SettingsError::Endpoint { got: endpoint.text });
        }
        Ok(Self::at(&endpoint.of(protocol, signal, true), protocol, agent))
    }

    fn at(endpoint: &Endpoint, protocol: Protocol, agent: &str) -> Self {
        Self {
            protocol,
            compression: None,
            timeout: TIMEOUT_DEFAULT,
            request_bytes_max: OTLP_REQUEST_BYTES_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            in_flight: IN_FLIGHT_DEFAULT,
            headers: HeaderMap::new(),
            authority: endpoint.authority.clone(),
            host: endpoint.host.clone(),
            uri: endpoint.uri.clone(),
            agent: HeaderValue::from_str(agent).expect("names of programs are plain"),
            tls: None,
            route: Route::Network,
        }
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Sends through memory to a receiver by script.
    #[cfg(feature = "misbehave")]
    #[must_use]
    pub fn over(self, dial: super::misbehave::Dial) -> Self {
        Self { route: Route::Memory(dial), ..self }
    }
}

/// One backend.
#[derive(Debug, Clone)]
pub struct Settings {
    name: String,
    has_secrets: bool,
    targets: [Target; 3],
}

impl Settings {
    /// `agent` is the product token of the sender, like `shakedown/1.2`.
    pub fn parse(
        text: &str,
        env: &BTreeMap<String, String>,
        agent: &str,
    ) -> Result<Self, SettingsError> {
        let variables = Variables::read(text, env)?;
        let agent = format!("{agent} OTel-OTLP-Exporter-Rust/{}", env!("CARGO_PKG_VERSION"));
        let [traces, metrics, logs] = Signal::ALL.map(|signal| target(&variables, signal, &agent));
        let targets = [traces?, metrics?, logs?];
        let name = match variables.name() {
            Some(name) => name.to_owned(),
            None => targets[0].authority.clone(),
        };
        let has_secrets = targets.iter().any(|target| !target.headers.is_empty())
            || Signal::ALL.iter().any(|signal| variables.get(*signal, "client-key").is_some());
        Ok(Self { name, has_secrets: has_secrets && variables.name().is_none(), targets })
    }

    /// Tells it from other backends: the name that was given, or `host:port`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends headers or a client certificate from variables that every unnamed backend reads.
    pub fn shares_secrets(&self) -> bool {
        self.has_secrets
    }

    pub fn target(&self, signal: Signal) -> &Target {
        match signal {
            Signal::Traces => &self.targets[0],
            Signal::Metrics => &self.targets[1],
            Signal::Logs => &self.targets[2],
        }
    }

    /// Sends through memory to a receiver by script.
    #[cfg(feature = "misbehave")]
    #[must_use]
    pub fn over(self, dial: &super::misbehave::Dial) -> Self {
        Self { targets: self.targets.map(|target| target.over(dial.clone())), ..self }
    }
}

fn target(variables: &Variables<'_>, signal: Signal, agent: &str) -> Result<Target, SettingsError> {
    let protocol = variables.one_of(
        signal,
        "protocol",
        "\"grpc\", \"http/protobuf\" or \"http/json\"",
        |text| match text {
            "grpc" => Some(Protocol::Grpc),
            "http/protobuf" => Some(Protocol::HttpProtobuf),
            "http/json" => Some(Protocol::HttpJson),
            _ => None,
        },
    )?;
    let protocol = protocol.unwrap_or(Protocol::HttpProtobuf);
    let compression = variables.one_of(
        signal,
        "compression",
        "\"gzip\", \"zstd\" or \"none\"",
        |text| match text {
            "gzip" => Some(Some(Compression::Gzip)),
            "zstd" => Some(Some(Compression::Zstd)),
            "none" => Some(None),
            _ => None,
        },
    )?;
    let timeout =
        variables.one_of(signal, "timeout", "a number of milliseconds above 0", |text| {
            text.parse().ok().filter(|ms| *ms > 0).map(Duration::from_millis)
        })?;
    let insecure =
        variables.one_of(signal, "insecure", "\"true\" or \"false\"", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            }
        })?;
    let size = |text: &str| text.parse().ok().filter(|bytes| *bytes > 0);
    let size_of = |setting| variables.one_of(signal, setting, "a number of bytes above 0", size);
    let (request_bytes, answer_bytes) =
        (size_of("max-request-bytes")?, size_of("max-response-bytes")?);
    let in_flight = variables.one_of(signal, "in-flight", "a number from 1 to 64", |text| {
        text.parse().ok().filter(|count| (1..=IN_FLIGHT_MAX).contains(count))
    })?;
    // Without a scheme a gRPC endpoint is secure unless it is said to be insecure.
    let bare = (protocol == Protocol::Grpc).then_some(!insecure.unwrap_or(false));
    let (text, base) = variables.endpoint(signal)?;
    let endpoint = Endpoint::parse(text, bare)?.of(protocol, signal, base);
    let mut target = Target::at(&endpoint, protocol, agent);
    target.compression = compression.unwrap_or(None);
    target.timeout = timeout.unwrap_or(target.timeout);
    target.request_bytes_max = request_bytes.unwrap_or(target.request_bytes_max);
    target.answer_bytes_max = answer_bytes.unwrap_or(target.answer_bytes_max);
    target.in_flight = in_flight.unwrap_or(target.in_flight);
    target.headers = variables.headers(signal)?;
    if endpoint.tls {
        let file = |setting| variables.get(signal, setting).map(|(_, path)| Path::new(path));
        let (key, certificate) = (file("client-key"), file("client-certificate"));
        let spoken = if protocol == Protocol::Grpc { "h2" } else { "http/1.1" };
        let trusted = Peer::Trusted(file("certificate"));
        let tls = Tls::new(&endpoint.name, spoken, trusted, key.zip(certificate))?;
        target.tls = Some(Arc::new(tls));
    }
    if variables.get(signal, "client-key").is_some()
        != variables.get(signal, "client-certificate").is_some()
    {
        return Err(TlsError::Half.into());
    }
    Ok(target)
}

/// For people: the settings of a backend, one in a line.
pub fn help() -> String {
    let line = |(name, what): (&str, &str)| format!("  {name:<20} {what}\n");
    variables::SETTINGS.map(line).concat()
}

#[cfg(test)]
mod tests;
