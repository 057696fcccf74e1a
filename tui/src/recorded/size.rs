//! About how much memory a trace or a line takes: its structures and its texts.

use std::collections::BTreeMap;

use model::frame::{LogLine, Span, Trace};
use serde_json::Value;

/// Of a map's entry beside key and value, and of an allocation.
const OVERHEAD_BYTES: usize = 32;

pub(super) fn trace_bytes(trace: &Trace) -> usize {
    let spans: usize = trace.spans.iter().map(span_bytes).sum();
    let lines: usize = trace.logs.iter().map(line_bytes).sum();
    size_of::<Trace>() + spans + lines
}

fn span_bytes(span: &Span) -> usize {
    let texts = [&span.service, &span.name, &span.kind, &span.status_message];
    let events = span
        .events
        .iter()
        .map(|event| size_of_val(event) + event.name.len() + attribute_bytes(&event.attributes));
    let links = span.links.iter().map(|link| size_of_val(link) + attribute_bytes(&link.attributes));
    size_of::<Span>()
        + texts.iter().map(|text| text.len() + OVERHEAD_BYTES).sum::<usize>()
        + attribute_bytes(&span.attributes)
        + events.sum::<usize>()
        + links.sum::<usize>()
}

pub(super) fn line_bytes(line: &LogLine) -> usize {
    let texts = [&line.service, &line.severity, &line.body, &line.event];
    size_of::<LogLine>()
        + texts.iter().map(|text| text.len() + OVERHEAD_BYTES).sum::<usize>()
        + attribute_bytes(&line.attributes)
}

fn attribute_bytes(attributes: &BTreeMap<String, Value>) -> usize {
    let one = |(key, value): (&String, &Value)| {
        size_of::<(String, Value)>() + OVERHEAD_BYTES + key.len() + value_bytes(value)
    };
    attributes.iter().map(one).sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => {
            items.iter().map(|item| size_of::<Value>() + value_bytes(item)).sum()
        },
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                size_of::<(String, Value)>() + OVERHEAD_BYTES + key.len() + value_bytes(value)
            })
            .sum(),
    }
}
