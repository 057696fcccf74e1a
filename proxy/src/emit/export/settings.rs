//! Where telemetry goes and in whose name.

use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use model::names::attribute;
use model::plan::OtlpProtocol;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use telemetry::providers::Identity;

use super::super::SCOPE;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Why telemetry cannot be sent to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("telemetry goes to http://HOST:PORT, not to {0:?}")]
pub struct EndpointError(pub String);

/// The kinds of telemetry that are sent from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "metrics",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(super) protocol: OtlpProtocol,
    pub(super) authority: String,
    /// Before the paths of OTLP/HTTP; without a slash at its end.
    pub(super) base: String,
    /// For one try.
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
    pub(super) resource: Resource,
    pub(super) route: Route,
}

/// How the receiver is reached.
#[derive(Debug, Clone)]
pub(super) enum Route {
    Network,
    #[cfg(test)]
    Memory(super::tests::Dial),
}

impl Settings {
    pub(crate) fn new(
        endpoint: &str,
        protocol: OtlpProtocol,
        identity: &Identity,
    ) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_not_a_uri| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTP));
        let authority = authority.ok_or_else(wrong)?;
        let authority = match authority.port() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        Ok(Self {
            protocol,
            authority,
            base: uri.path().trim_end_matches('/').to_owned(),
            timeout: TIMEOUT,
            gzip: false,
            resource: resource(identity),
            route: Route::Network,
        })
    }

    /// Compressed or not.
    pub(crate) fn with_gzip(self, gzip: bool) -> Self {
        Self { gzip, ..self }
    }

    pub(super) fn uri(&self, signal: Signal) -> String {
        let authority = &self.authority;
        match (self.protocol, signal) {
            (OtlpProtocol::Grpc, Signal::Traces) => format!(
                "http://{authority}/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            ),
            (OtlpProtocol::Grpc, Signal::Metrics) => format!(
                "http://{authority}/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
            ),
            (OtlpProtocol::HttpProtobuf, Signal::Traces) => format!("{}/v1/traces", self.base),
            (OtlpProtocol::HttpProtobuf, Signal::Metrics) => format!("{}/v1/metrics", self.base),
        }
    }
}

/// The same names as the SDK's resource of this process has, so that both are one process to a
/// reader.
fn resource(identity: &Identity) -> Resource {
    let attributes = [
        (attribute::SERVICE_NAME, identity.service_name.as_str()),
        (attribute::SERVICE_INSTANCE_ID, &identity.instance),
        (attribute::RUN_ID, &identity.run_id),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "shakedown"),
    ];
    let attributes = attributes.into_iter().map(|(key, value)| text_pair(key, value)).collect();
    Resource { attributes, ..Resource::default() }
}

pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() }
}

pub(in super::super) fn pair(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn text_pair(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            service_name: "gateway".to_owned(),
            instance: "gateway-1".to_owned(),
            run_id: "run".to_owned(),
        }
    }

    fn parse(endpoint: &str, protocol: OtlpProtocol) -> Result<Settings, EndpointError> {
        Settings::new(endpoint, protocol, &identity())
    }

    #[test]
    fn the_paths_of_otlp_stand_below_the_endpoint() {
        let at = |endpoint, signal| {
            let settings = parse(endpoint, OtlpProtocol::HttpProtobuf).unwrap();
            (settings.authority.clone(), settings.uri(signal))
        };
        let host = |name: &str| name.to_owned();
        for (endpoint, signal, expected) in [
            ("http://[::1]:4318", Signal::Traces, (host("[::1]:4318"), "/v1/traces")),
            ("http://a.b:4318/", Signal::Metrics, (host("a.b:4318"), "/v1/metrics")),
            ("http://a.b/otlp/", Signal::Traces, (host("a.b:80"), "/otlp/v1/traces")),
        ] {
            assert_eq!(at(endpoint, signal), (expected.0, expected.1.to_owned()), "{endpoint}");
        }
    }

    #[test]
    fn what_is_no_plain_http_address_is_refused() {
        for endpoint in ["", "127.0.0.1:4317", "https://a.b:4317", "http://", "/v1", "a b"] {
            let refused = parse(endpoint, OtlpProtocol::Grpc).unwrap_err();
            assert_eq!(refused, EndpointError(endpoint.to_owned()));
        }
    }
}
