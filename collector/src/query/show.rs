//! Records as viewers get them.

use std::collections::{BTreeMap, BTreeSet};

use model::frame::{LogLine, Span, SpanEvent, SpanLink};
use serde_json::Value;

use crate::decode::read_attributes;
use crate::record::{LogView, SpanView, kind, severity_name};

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
        links: {
            let mut json = String::new();
            span.write_links(&mut json);
            span_links(&json)
        },
    }
}

/// Links as they are written. One whose ids are no ids leads nowhere.
pub(crate) fn span_links(json: &str) -> Vec<SpanLink> {
    if json.is_empty() {
        return Vec::new();
    }
    let links: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let link = |link: Value| serde_json::from_value(link).ok();
    links.into_iter().filter_map(link).collect()
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

/// The names of the faults that hit some spans, each once and in order; `None` without any.
pub(crate) fn fault_names<T: AsRef<str>>(spans: impl IntoIterator<Item = T>) -> Option<String> {
    let mut faults = BTreeSet::new();
    for names in spans {
        faults.extend(names.as_ref().split(',').map(|name| name.trim().to_owned()));
    }
    faults.remove("");
    (!faults.is_empty()).then(|| faults.into_iter().collect::<Vec<_>>().join(","))
}

/// The sender's own text only counts when its number says nothing.
pub(crate) fn severity(number: i32, text: &str) -> String {
    let name = severity_name(number);
    if name.is_empty() { text.to_owned() } else { name.to_owned() }
}
