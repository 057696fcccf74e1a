//! One log line: what it says in a line, and all that it holds.

use model::frame::LogLine;
use model::names::{attribute, event};
use serde_json::Value;

use super::severity::Severity;
use super::waterfall::{Detail, Tone};
use super::words;

/// More attributes than this are counted, not listed.
const LISTED_MAX: usize = 200;

/// The body; the name of the event where there is none.
pub fn said(line: &LogLine) -> String {
    words::safe(if line.body.is_empty() { &line.event } else { &line.body })
}

/// What it says with its attributes, each by the last part of its name. The correlation id has a
/// place of its own.
pub fn message(line: &LogLine) -> String {
    let mut text = said(line);
    let shown = line
        .attributes
        .iter()
        .filter(|(name, _)| !attribute::CORRELATION_IDS.contains(&name.as_str()))
        .take(LISTED_MAX);
    for (name, value) in shown {
        let value = words::value(value);
        let quoted = value.is_empty() || value.contains(char::is_whitespace);
        let value = if quoted { format!("{value:?}") } else { value };
        let short = name.rsplit('.').next().unwrap_or(name);
        text.push_str(&words::safe(&format!(" {short}={value}")));
    }
    words::safe(&text)
}

/// Does it tell of a fault that acted, or that changed its state?
pub fn is_of_fault(line: &LogLine) -> bool {
    let outcome = line.attributes.get(attribute::FAULT_OUTCOME).and_then(Value::as_str);
    line.event == event::FAULT_TRANSITION
        || (line.event == event::FAULT_DECISION && outcome == Some("hit"))
}

/// Is it one that explains a failure: a warning, an error, a fault, a breaker?
pub fn is_telling(line: &LogLine) -> bool {
    Severity::of(&line.severity) >= Severity::Warn
        || line.event == event::BREAKER_TRANSITION
        || is_of_fault(line)
}

/// Every field, by name.
pub fn record(line: &LogLine) -> Vec<Detail> {
    let mut lines = Vec::new();
    let mut add = |label: &str, value: String, tone: Tone| {
        if !value.is_empty() {
            lines.push(Detail { label: words::safe(label), value, tone });
        }
    };
    let tone = match Severity::of(&line.severity) {
        Severity::Error | Severity::Fatal => Tone::Error,
        Severity::Warn => Tone::Warn,
        _ => Tone::Plain,
    };
    let time = model::units::utc_time(line.unix_ns / 1_000_000);
    let us = line.unix_ns / 1_000 % 1_000;
    add("body", words::safe(&line.body), if is_of_fault(line) { Tone::Fault } else { tone });
    add("time", format!("{time}{us:03}"), Tone::Plain);
    add("level", words::safe(&line.severity), tone);
    add("service", words::safe(&line.service), Tone::Plain);
    add("event", words::safe(&line.event), Tone::Plain);
    let correlation = line.correlation_id.as_ref().map(|id| words::safe(id.as_str()));
    add("corr", correlation.unwrap_or_default(), Tone::Plain);
    add("trace", line.trace_id.map(|id| id.to_string()).unwrap_or_default(), Tone::Plain);
    add("spanid", line.span_id.map(|id| id.to_string()).unwrap_or_default(), Tone::Plain);
    for (name, value) in line.attributes.iter().take(LISTED_MAX) {
        let tone = if name.starts_with("shakedown.fault.") { Tone::Fault } else { Tone::Dim };
        add(name, words::value(value), tone);
    }
    let more = line.attributes.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        add("", format!("{more} more attributes"), Tone::Dim);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn line(severity: &str, event: &str, attributes: &[(&str, Value)]) -> LogLine {
        let attributes: BTreeMap<String, Value> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        LogLine {
            unix_ns: 1_800_000_000_123_456_789,
            service: "orders".to_owned(),
            severity: severity.to_owned(),
            body: "charge failed".to_owned(),
            event: event.to_owned(),
            trace_id: None,
            span_id: None,
            correlation_id: Some("u1-2".parse().unwrap()),
            attributes,
        }
    }

    #[test]
    fn a_message_has_its_attributes_by_their_last_names() {
        let attributes = [
            ("http.response.status_code", json!(503)),
            ("reason", json!("no answer")),
            (attribute::CORRELATION_ID, json!("u1-2")),
        ];
        let line = line("WARN", "", &attributes);
        assert_eq!(message(&line), "charge failed status_code=503 reason=\"no answer\"");
    }

    #[test]
    fn a_line_without_a_body_says_the_name_of_its_event() {
        let line = LogLine { body: String::new(), ..line("INFO", "job.done", &[]) };
        assert_eq!(message(&line), "job.done");
    }

    #[test]
    fn what_explains_a_failure_is_telling() {
        let outcome = |word| [(attribute::FAULT_OUTCOME, json!(word))];
        for (line, telling, of_fault) in [
            (line("INFO", "", &[]), false, false),
            (line("WARN", "", &[]), true, false),
            (line("FATAL", "", &[]), true, false),
            (line("INFO", event::BREAKER_TRANSITION, &[]), true, false),
            (line("INFO", event::FAULT_TRANSITION, &[]), true, true),
            (line("INFO", event::FAULT_DECISION, &outcome("hit")), true, true),
            (line("INFO", event::FAULT_DECISION, &outcome("skipped")), false, false),
        ] {
            assert_eq!((is_telling(&line), is_of_fault(&line)), (telling, of_fault), "{line:?}");
        }
    }

    #[test]
    fn a_record_holds_every_field_and_is_bounded() {
        let many: Vec<(String, Value)> =
            (0..LISTED_MAX + 3).map(|at| (format!("a{at:03}"), json!(at))).collect();
        let many: Vec<(&str, Value)> =
            many.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let record = record(&line("ERROR", "x", &many));
        let labels: Vec<&str> = record.iter().take(6).map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["body", "time", "level", "service", "event", "corr"]);
        assert_eq!(record[1].value, "2027-01-15 08:00:00.123456");
        assert_eq!(record.last().unwrap().value, "3 more attributes");
        assert_eq!(record[2].tone, Tone::Error);
    }
}
