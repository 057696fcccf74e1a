//! Sending OTLP: where to, how a request looks, what an answer means, and when to try again.
//!
//! Whoever sends telemetry that it holds as bytes uses this: the proxy for its own spans, the
//! collector for everything it passes on, and a replay. [`settings`] reads the standard variables
//! and gives one [`Target`] per signal; [`mod@request`] frames and compresses a message;
//! [`courier`] delivers it over a [`connection`] that is kept, reads the [`answer`] and waits by a
//! [`backoff`] before the next try. What has to be kept meanwhile, and for how long, is up to the
//! caller.
//!
//! Nothing here is instrumented, so that sending telemetry never makes telemetry.

pub mod answer;
pub mod backoff;
pub mod connection;
pub mod courier;
#[cfg(feature = "misbehave")]
pub mod misbehave;
pub mod request;
pub mod settings;

pub use crate::tls::TlsError;
pub use backoff::{Backoff, Pace};
pub use courier::{Courier, Delivery};
pub use request::{Compression, Pieces, compress, request};
pub use settings::{Protocol, Settings, SettingsError, Target};

/// The three signals of OTLP that are sent and served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// As in `/v1/traces`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// What its items are called.
    pub fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "data points",
            Self::Logs => "log records",
        }
    }

    pub fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    pub fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}
