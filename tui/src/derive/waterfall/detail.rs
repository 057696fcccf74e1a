//! One span, line by line.

use std::collections::BTreeMap;

use model::frame::{LogLine, Span, SpanLink, Trace};
use model::names::attribute;
use model::trace::attribute_text;
use serde_json::Value;

use super::WaterfallRow;
use crate::derive::words;

/// More attributes, events or log lines of one span than this are counted, not listed.
const LISTED_MAX: usize = 200;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Dim,
    Warn,
    Error,
    Fault,
}

/// A line of details; the label is empty where it is that of the line before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    pub label: String,
    pub value: String,
    pub tone: Tone,
}

#[derive(Debug, Default)]
struct Lines(Vec<Detail>);

impl Lines {
    fn add(&mut self, label: &str, value: String, tone: Tone) {
        if !value.is_empty() {
            self.0.push(Detail { label: label.to_owned(), value, tone });
        }
    }

    /// All under one label, which stands at the first.
    fn list(&mut self, label: &str, all: impl ExactSizeIterator<Item = (String, Tone)>) {
        let more = all.len().saturating_sub(LISTED_MAX);
        for (at, (value, tone)) in all.take(LISTED_MAX).enumerate() {
            self.add(if at == 0 { label } else { "" }, value, tone);
        }
        if more > 0 {
            self.add("", format!("{more} more"), Tone::Dim);
        }
    }
}

pub(super) fn lines(trace: &Trace, row: &WaterfallRow) -> Vec<Detail> {
    let mut lines = Lines::default();
    let span = row.span.and_then(|at| trace.spans.get(at));
    if let Some(span) = span {
        identity(&mut lines, trace, span);
    }
    let times = format!("+{}, {}", words::duration(row.start_ns), words::duration(row.length_ns));
    lines.add("start, length", times, Tone::Plain);
    if row.shift_ns != 0 {
        let shift = words::signed_duration(row.shift_ns);
        lines.add("clock", format!("corrected by {shift}"), Tone::Dim);
    }
    if row.path_ns > 0 {
        let own = format!("{} of it on the critical path", words::duration(row.path_ns));
        lines.add("waited for", own, Tone::Plain);
    }
    let Some(span) = span else { return lines.0 };
    if span.error {
        let kind = attribute_text(span, attribute::ERROR_TYPE).unwrap_or("error");
        let message = match span.status_message.as_str() {
            "" => kind.to_owned(),
            message => format!("{kind}: {message}"),
        };
        lines.add("error", words::safe(&message), Tone::Error);
    }
    let own_logs: Vec<&LogLine> =
        trace.logs.iter().filter(|line| line.span_id == Some(span.span_id)).collect();
    faults(&mut lines, row, span, &own_logs);
    lines.add("breaker", row.breaker.clone().unwrap_or_default(), Tone::Warn);
    if row.is_loose {
        lines.add(
            "missing",
            "its parent has not come in, or stands below it".to_owned(),
            Tone::Warn,
        );
    }
    attributes(&mut lines, span);
    let start = span.start_unix_ns;
    lines.list(
        "events",
        span.events.iter().map(|event| {
            let at = since(event.unix_ns, start);
            let text = format!("{at} {} {}", event.name, words::pairs(&event.attributes));
            (words::safe(text.trim_end()), Tone::Plain)
        }),
    );
    lines.list("links", links(span).into_iter());
    lines.list("logs", own_logs.iter().map(|line| log(line, start)));
    lines.0
}

fn identity(lines: &mut Lines, trace: &Trace, span: &Span) {
    lines.add(
        "span",
        format!("{} ({})", words::safe(&span.name), words::safe(&span.kind)),
        Tone::Plain,
    );
    lines.add("trace / span", format!("{} / {}", trace.trace_id, span.span_id), Tone::Plain);
    let parent = span.parent.map(|id| id.to_string());
    lines.add("parent", parent.unwrap_or_else(|| "none".to_owned()), Tone::Dim);
    let correlation = model::trace::correlation_id(span)
        .or_else(|| trace.spans.iter().find_map(model::trace::correlation_id));
    lines.add("correlation", correlation.map(words::safe).unwrap_or_default(), Tone::Plain);
    let text = |name: &str| span.attributes.get(name).map(words::value);
    let path = text(attribute::URL_PATH).or_else(|| text(attribute::HTTP_ROUTE));
    let asked: Vec<String> = text(attribute::HTTP_METHOD).into_iter().chain(path).collect();
    let status =
        text(attribute::HTTP_STATUS).map_or_else(String::new, |code| format!(" -> {code}"));
    lines.add("http", format!("{}{status}", asked.join(" ")), Tone::Plain);
}

/// What the ledger says of each decision on this span, hits and those that were spared.
fn faults(lines: &mut Lines, row: &WaterfallRow, span: &Span, logs: &[&LogLine]) {
    lines.add("fault", row.fault.clone().unwrap_or_default(), Tone::Fault);
    let is_decision = |line: &&&LogLine| line.event == model::names::event::FAULT_DECISION;
    let decisions: Vec<&&LogLine> = logs.iter().filter(is_decision).collect();
    let names = [
        ("kind", attribute::FAULT_KIND),
        ("placement", attribute::FAULT_PLACEMENT),
        ("outcome", attribute::FAULT_OUTCOME),
        ("because", attribute::FAULT_SKIP_REASON),
        ("draw", attribute::FAULT_DRAW),
        ("subject", attribute::FAULT_SUBJECT),
        ("occurrence", attribute::FAULT_OCCURRENCE),
        ("epoch", attribute::EPOCH),
        ("planned us", attribute::FAULT_PLANNED_US),
        ("achieved us", attribute::FAULT_ACHIEVED_US),
    ];
    let told = |of: &BTreeMap<String, Value>| {
        let known = names
            .iter()
            .filter_map(|(word, name)| Some(format!("{word} {}", words::value(of.get(*name)?))));
        known.collect::<Vec<String>>().join("  ")
    };
    if decisions.is_empty() && row.fault.is_some() {
        lines.add("", told(&span.attributes), Tone::Fault);
    }
    let label = if row.fault.is_some() { "" } else { "fault" };
    lines.list(
        label,
        decisions.iter().map(|line| {
            let name = line.attributes.get(attribute::FAULT).map(words::value);
            (format!("{}: {}", name.unwrap_or_default(), told(&line.attributes)), Tone::Fault)
        }),
    );
}

/// By name, one line each.
fn attributes(lines: &mut Lines, span: &Span) {
    for (name, value) in span.attributes.iter().take(LISTED_MAX) {
        lines.add(&words::safe(name), words::value(value), Tone::Dim);
    }
    let more = span.attributes.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        lines.add("", format!("{more} more attributes"), Tone::Dim);
    }
}

/// Where each link leads, and below it what is said of it.
fn links(span: &Span) -> Vec<(String, Tone)> {
    let link = |link: &SpanLink| {
        let ids = (format!("{} / {}", link.trace_id, link.span_id), Tone::Plain);
        let pairs = words::pairs(&link.attributes);
        let pairs = (!pairs.is_empty()).then(|| (words::safe(&pairs), Tone::Dim));
        std::iter::once(ids).chain(pairs)
    };
    span.links.iter().flat_map(link).collect()
}

fn log(line: &LogLine, start_unix_ns: u64) -> (String, Tone) {
    let tone = match line.severity.as_str() {
        severity if severity.starts_with("ERROR") || severity.starts_with("FATAL") => Tone::Error,
        severity if severity.starts_with("WARN") => Tone::Warn,
        _ => Tone::Plain,
    };
    let said = if line.body.is_empty() { &line.event } else { &line.body };
    let text = format!("{} {:<5} {said}", since(line.unix_ns, start_unix_ns), line.severity);
    (words::safe(&text), tone)
}

fn since(unix_ns: u64, start_unix_ns: u64) -> String {
    let ns = i128::from(unix_ns) - i128::from(start_unix_ns);
    words::signed_duration(i64::try_from(ns).unwrap_or(i64::MAX))
}
