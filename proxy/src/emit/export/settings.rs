//! Where telemetry goes and in whose name.

use std::time::Duration;

use model::names::attribute;
use model::plan::OtlpProtocol;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use telemetry::otlp::{Compression, Protocol, Signal, Target};
use telemetry::providers::Identity;

use super::super::SCOPE;

const AGENT: &str = concat!("shakedown-proxy/", env!("CARGO_PKG_VERSION"));
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why telemetry cannot be sent to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("telemetry goes to http://HOST:PORT, not to {0:?}")]
pub struct EndpointError(pub String);

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    traces: Target,
    metrics: Target,
    pub(super) resource: Resource,
}

impl Settings {
    pub(crate) fn new(
        endpoint: &str,
        protocol: OtlpProtocol,
        identity: &Identity,
    ) -> Result<Self, EndpointError> {
        let protocol = match protocol {
            OtlpProtocol::Grpc => Protocol::Grpc,
            OtlpProtocol::HttpProtobuf => Protocol::HttpProtobuf,
        };
        let target = |signal| {
            let target = Target::plain(endpoint, protocol, signal, AGENT);
            let mut target = target.map_err(|_wrong| EndpointError(endpoint.to_owned()))?;
            target.timeout = TIMEOUT;
            Ok(target)
        };
        Ok(Self {
            traces: target(Signal::Traces)?,
            metrics: target(Signal::Metrics)?,
            resource: resource(identity),
        })
    }

    /// Compressed or not.
    pub(crate) fn with_gzip(mut self, gzip: bool) -> Self {
        for target in [&mut self.traces, &mut self.metrics] {
            target.compression = gzip.then_some(Compression::Gzip);
        }
        self
    }

    /// Sends through memory to a receiver by script.
    #[cfg(test)]
    pub(super) fn over(self, dial: &telemetry::otlp::misbehave::Dial) -> Self {
        let over = |target: Target| target.over(dial.clone());
        Self { traces: over(self.traces), metrics: over(self.metrics), ..self }
    }

    /// There are no log records here: the SDK sends them.
    pub(super) fn target(&self, signal: Signal) -> &Target {
        match signal {
            Signal::Metrics => &self.metrics,
            Signal::Traces | Signal::Logs => &self.traces,
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
            let target = settings.target(signal);
            (target.authority().to_owned(), target.uri().to_string())
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
