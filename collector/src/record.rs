//! What the collector keeps of each span, log record and metric point.
//!
//! Records are built once, straight from the wire, and shared between the live state and the
//! writer. Attributes stay JSON text: they are written far more often than they are read. What is
//! looked up or counted has a field of its own in [`Known`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use model::edge::Edge;
use model::id::{CorrelationId, SpanId, TraceId};

/// The three signals of OTLP that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// As in `/v1/traces`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// What its items are called.
    pub(crate) fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "data points",
            Self::Logs => "log records",
        }
    }

    pub(crate) fn http_path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    pub(crate) fn grpc_path(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// Who emitted: a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    /// `unknown_service` when it does not say.
    pub(crate) service: String,
    pub(crate) instance: String,
    /// JSON object.
    pub(crate) attributes: String,
}

/// Where an item comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) resource: Arc<Resource>,
    /// Name of the instrumentation scope.
    pub(crate) scope: Arc<str>,
}

/// Attributes that are looked up or counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) correlation_id: Option<CorrelationId>,
    pub(crate) edge: Option<Edge>,
    pub(crate) blame: Option<String>,
    pub(crate) fault: Option<String>,
    pub(crate) attempt: Option<i64>,
    pub(crate) control: Option<bool>,
    pub(crate) http_method: Option<String>,
    pub(crate) http_route: Option<String>,
    pub(crate) http_status: Option<i64>,
    pub(crate) service: Option<String>,
    pub(crate) instance: Option<String>,
}

/// OTLP's numbers.
pub(crate) mod kind {
    pub(crate) const SERVER: i32 = 2;
    pub(crate) const CLIENT: i32 = 3;
    pub(crate) const PRODUCER: i32 = 4;
    pub(crate) const CONSUMER: i32 = 5;

    /// As frames and the store write it.
    pub(crate) fn name(kind: i32) -> &'static str {
        match kind {
            SERVER => "server",
            CLIENT => "client",
            PRODUCER => "producer",
            CONSUMER => "consumer",
            _ => "internal",
        }
    }
}

/// OTLP's status code for an error.
pub(crate) const STATUS_ERROR: i32 = 2;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpanRecord {
    pub(crate) origin: Origin,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) start_unix_ns: u64,
    /// May lie before the start; then the duration counts as zero.
    pub(crate) end_unix_ns: u64,
    pub(crate) status: i32,
    pub(crate) status_message: String,
    pub(crate) trace_state: String,
    pub(crate) flags: u32,
    /// JSON object.
    pub(crate) attributes: String,
    pub(crate) known: Known,
    pub(crate) events: Vec<SpanEventRecord>,
    /// JSON array, empty text without links.
    pub(crate) links: String,
}

impl SpanRecord {
    pub(crate) fn duration_ns(&self) -> u64 {
        self.end_unix_ns.saturating_sub(self.start_unix_ns)
    }

    pub(crate) fn is_error(&self) -> bool {
        self.status == STATUS_ERROR || self.known.blame.is_some()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpanEventRecord {
    pub(crate) unix_ns: u64,
    pub(crate) name: String,
    /// JSON object.
    pub(crate) attributes: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogRecord {
    pub(crate) origin: Origin,
    pub(crate) unix_ns: u64,
    pub(crate) observed_unix_ns: u64,
    pub(crate) severity: i32,
    pub(crate) severity_text: String,
    /// Text, or JSON when the body is no text.
    pub(crate) body: String,
    pub(crate) event: String,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
    pub(crate) flags: u32,
    /// JSON object.
    pub(crate) attributes: String,
    pub(crate) known: Known,
}

/// The name of a severity number's range; empty when the number is none.
pub(crate) fn severity_name(number: i32) -> &'static str {
    match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    }
}

/// What the points of one metric share.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MetricHead {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) description: String,
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`.
    pub(crate) kind: &'static str,
    /// OTLP's number: 1 delta, 2 cumulative, 0 where it does not apply.
    pub(crate) temporality: i32,
    pub(crate) monotonic: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PointRecord {
    pub(crate) origin: Origin,
    pub(crate) metric: Arc<MetricHead>,
    pub(crate) start_unix_ns: u64,
    pub(crate) unix_ns: u64,
    pub(crate) flags: u32,
    /// JSON object.
    pub(crate) attributes: String,
    pub(crate) int_value: Option<i64>,
    pub(crate) double_value: Option<f64>,
    pub(crate) count: Option<u64>,
    pub(crate) sum: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    /// JSON: buckets and bounds, or quantiles; empty text for plain numbers.
    pub(crate) detail: String,
    /// JSON array; empty text without exemplars.
    pub(crate) exemplars: String,
}

/// Items that were refused one by one, while the rest of their request was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rejected {
    reasons: BTreeMap<&'static str, u64>,
}

impl Rejected {
    pub(crate) fn add(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.reasons.values().sum()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (reason, count)) in self.reasons.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{reason} ({count})")?;
        }
        Ok(())
    }
}

/// One decoded request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Batch {
    pub(crate) spans: Vec<Arc<SpanRecord>>,
    pub(crate) logs: Vec<Arc<LogRecord>>,
    pub(crate) points: Vec<PointRecord>,
    pub(crate) rejected: Rejected,
}

impl Batch {
    /// Items taken.
    pub(crate) fn items(&self) -> u64 {
        (self.spans.len() + self.logs.len() + self.points.len()) as u64
    }
}
