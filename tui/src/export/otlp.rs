//! A trace in the JSON encoding of OTLP, as every tracing tool imports it.

use std::collections::BTreeMap;

use model::frame::{Span, SpanEvent, SpanLink, Trace};
use serde_json::{Map, Value, json};

/// `resourceSpans`, one resource for each service. What the collector does not keep for viewers,
/// such as scopes, is not in it.
pub fn trace_otlp(trace: &Trace) -> String {
    let mut services: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let trace_id = trace.trace_id.to_string();
    for span in &trace.spans {
        services.entry(&span.service).or_default().push(of_span(&trace_id, span));
    }
    let resource = |(service, spans): (&str, Vec<Value>)| {
        let named = json!({ "key": "service.name", "value": { "stringValue": service } });
        json!({
            "resource": { "attributes": [named] },
            "scopeSpans": [{ "scope": {}, "spans": spans }],
        })
    };
    let resources: Vec<Value> = services.into_iter().map(resource).collect();
    let mut text = format!("{:#}", json!({ "resourceSpans": resources }));
    text.push('\n');
    text
}

fn of_span(trace_id: &str, span: &Span) -> Value {
    let end = span.start_unix_ns.saturating_add(span.duration_ns);
    let mut fields = json!({
        "traceId": trace_id,
        "spanId": span.span_id.to_string(),
        "name": span.name,
        "kind": kind(&span.kind),
        "startTimeUnixNano": span.start_unix_ns.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes(&span.attributes),
        "events": span.events.iter().map(of_event).collect::<Vec<_>>(),
    });
    if let Some(parent) = span.parent {
        fields["parentSpanId"] = json!(parent.to_string());
    }
    if !span.links.is_empty() {
        fields["links"] = span.links.iter().map(of_link).collect();
    }
    if span.error || !span.status_message.is_empty() {
        let code = if span.error { 2 } else { 0 };
        fields["status"] = json!({ "code": code, "message": span.status_message });
    }
    fields
}

fn of_event(event: &SpanEvent) -> Value {
    json!({
        "timeUnixNano": event.unix_ns.to_string(),
        "name": event.name,
        "attributes": attributes(&event.attributes),
    })
}

fn of_link(link: &SpanLink) -> Value {
    json!({
        "traceId": link.trace_id.to_string(),
        "spanId": link.span_id.to_string(),
        "attributes": attributes(&link.attributes),
    })
}

/// The number of a kind; 0 is that of none.
fn kind(name: &str) -> u8 {
    let known = ["internal", "server", "client", "producer", "consumer"];
    known.iter().position(|kind| *kind == name).map_or(0, |place| place as u8 + 1)
}

fn attributes(attributes: &BTreeMap<String, Value>) -> Vec<Value> {
    attributes.iter().map(|(key, value)| pair(key, value)).collect()
}

fn pair(key: &str, value: &Value) -> Value {
    json!({ "key": key, "value": any(value) })
}

/// Whole numbers are texts, because JSON's own lose digits beyond 2^53.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => Value::Object(Map::new()),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => json!({ "intValue": whole.to_string() }),
            None => json!({ "doubleValue": number }),
        },
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(items) => {
            let values: Vec<Value> = items.iter().map(any).collect();
            json!({ "arrayValue": { "values": values } })
        },
        Value::Object(fields) => {
            let values: Vec<Value> = fields.iter().map(|(key, value)| pair(key, value)).collect();
            json!({ "kvlistValue": { "values": values } })
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::testing::trace;

    #[test]
    fn a_trace_is_what_a_receiver_of_otlp_reads() {
        let mut trace = trace(3, 1_000);
        let values = json!({ "n": 9_007_199_254_740_993_i64, "f": 0.5, "b": true, "l": ["a", 1],
            "m": { "k": null } });
        trace.spans[3].attributes = serde_json::from_value(values).unwrap();
        trace.spans[3].status_message = "declined".to_owned();
        let (trace_id, span_id) = (trace.trace_id, trace.spans[0].span_id);
        let attributes = trace.spans[3].attributes.clone();
        trace.spans[3].links = vec![SpanLink { trace_id, span_id, attributes }];
        let read: Value = serde_json::from_str(&trace_otlp(&trace)).unwrap();
        let resources = read["resourceSpans"].as_array().unwrap();
        let services: Vec<&Value> = resources
            .iter()
            .map(|it| &it["resource"]["attributes"][0]["value"]["stringValue"])
            .collect();
        assert_eq!(services, ["gateway", "orders", "payments"]);
        let spans = |at: usize| resources[at]["scopeSpans"][0]["spans"].as_array().unwrap();
        assert_eq!(spans(0).len(), 2);
        assert_eq!(spans(1)[0].get("parentSpanId"), None);
        let failed = &spans(2)[0];
        assert_eq!(failed["parentSpanId"], spans(0)[1]["spanId"]);
        assert_eq!(failed["status"], json!({ "code": 2, "message": "declined" }));
        assert_eq!((&failed["kind"], &spans(0)[1]["kind"]), (&json!(2), &json!(3)));
        assert_eq!(failed["startTimeUnixNano"], "1000003000");
        assert_eq!(failed["links"][0]["traceId"], failed["traceId"]);
        assert_eq!(failed["links"][0]["attributes"], failed["attributes"]);
        assert_eq!(spans(1)[0].get("links"), None);
        let value = |key: &str| {
            let all = failed["attributes"].as_array().unwrap();
            all.iter().find(|it| it["key"] == key).unwrap()["value"].clone()
        };
        assert_eq!(value("n"), json!({ "intValue": "9007199254740993" }));
        assert_eq!(value("f"), json!({ "doubleValue": 0.5 }));
        assert_eq!(value("b"), json!({ "boolValue": true }));
        let list = json!({ "values": [{ "stringValue": "a" }, { "intValue": "1" }] });
        assert_eq!(value("l"), json!({ "arrayValue": list }));
        let map = json!({ "values": [{ "key": "k", "value": {} }] });
        assert_eq!(value("m"), json!({ "kvlistValue": map }));
    }
}
