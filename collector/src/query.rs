//! What can be asked about traces and logs. The live state and the file answer the same questions.

use std::collections::BTreeMap;
use std::time::Duration;

use model::edge::Edge;
use model::frame::{LogLine, Span, SpanEvent, TraceHead};
use model::id::{CorrelationId, TraceId};
use serde::Deserialize;
use serde_json::Value;

use crate::decode::read_attributes;
use crate::record::{LogView, SpanView, kind, severity_name};

/// Most lines of one answer.
pub(crate) const LIMIT_MAX: usize = 10_000;
/// Lines of an answer when the question does not say.
pub(crate) const LIMIT_DEFAULT: usize = 100;

/// Which traces; what is not given does not matter. The newest come first.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// Traces with a request on this edge. Start, duration and error are then those of the
    /// request, not of the whole trace.
    pub edge: Option<Edge>,
    pub correlation_id: Option<CorrelationId>,
    pub min_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub error: Option<bool>,
    pub limit: Option<usize>,
}

impl TraceQuery {
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX)
    }

    /// Does this line of the list answer the question?
    pub(crate) fn accepts(&self, head: &TraceHead) -> bool {
        let ms = Duration::from_nanos(head.duration_ns).as_secs_f64() * 1e3;
        self.min_ms.is_none_or(|min| ms >= min)
            && self.max_ms.is_none_or(|max| ms <= max)
            && self.error.is_none_or(|error| head.error == error)
    }
}

/// Which logs; what is not given does not matter. The oldest come first, the newest are kept when
/// there are more than the limit.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    pub trace_id: Option<TraceId>,
    pub correlation_id: Option<CorrelationId>,
    pub service: Option<String>,
    /// OTLP's severity number: 9 is INFO, 13 WARN, 17 ERROR.
    pub severity_min: Option<i32>,
    pub limit: Option<usize>,
}

impl LogQuery {
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX)
    }

    pub(crate) fn accepts(&self, log: LogView<'_>) -> bool {
        self.trace_id.is_none_or(|wanted| log.trace_id == Some(wanted))
            && self
                .correlation_id
                .as_ref()
                .is_none_or(|wanted| log.correlation().as_deref() == Some(wanted.as_str()))
            && self.service.as_ref().is_none_or(|wanted| log.origin().resource.service == *wanted)
            && self.severity_min.is_none_or(|least| log.severity >= least)
    }
}

/// A span as viewers get it.
pub(crate) fn span(span: SpanView<'_>) -> Span {
    Span {
        span_id: span.span_id,
        parent: span.parent,
        service: span.origin().resource.service.clone(),
        name: span.name().to_owned(),
        kind: kind::name(span.kind).to_owned(),
        start_unix_ns: span.start_unix_ns,
        duration_ns: span.duration_ns(),
        error: span.is_error(),
        status_message: span.status_message().to_owned(),
        attributes: attributes(|out| span.write_attributes(out)),
        events: span
            .events()
            .map(|event| SpanEvent {
                unix_ns: event.unix_ns,
                name: event.name.to_owned(),
                attributes: attributes(|out| event.write_attributes(out)),
            })
            .collect(),
    }
}

/// A log record as viewers get it.
pub(crate) fn log_line(log: LogView<'_>) -> LogLine {
    LogLine {
        unix_ns: log.unix_ns,
        service: log.origin().resource.service.clone(),
        severity: severity(log.severity, log.severity_text()),
        body: log.body().into_owned(),
        event: log.event().to_owned(),
        trace_id: log.trace_id,
        span_id: log.span_id,
        correlation_id: log.correlation_id(),
        attributes: attributes(|out| log.write_attributes(out)),
    }
}

fn attributes(write: impl FnOnce(&mut String)) -> BTreeMap<String, Value> {
    let mut json = String::new();
    write(&mut json);
    read_attributes(&json)
}

/// The sender's own text only counts when its number says nothing.
pub(crate) fn severity(number: i32, text: &str) -> String {
    let name = severity_name(number);
    if name.is_empty() { text.to_owned() } else { name.to_owned() }
}
