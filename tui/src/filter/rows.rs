//! What the rows of the lists tell the filter.

use model::answer::{CallRow, TraceLine};
use model::frame::LogLine;
use model::id::CorrelationId;
use model::policy::BreakerState;

use super::{Fields, Value};
use crate::kept::{FaultFrame, VerdictFrame};
use crate::screen::{Row, Subject};

type See<'s> = &'s mut dyn FnMut(Value<'_>);

fn number(value: impl Into<Option<f64>>, see: See<'_>) {
    if let Some(value) = value.into() {
        see(Value::Number(value));
    }
}

fn text(value: Option<&str>, see: See<'_>) {
    if let Some(value) = value {
        see(Value::Text(value));
    }
}

/// Names that stand in one text with commas between them.
fn names(list: &str, see: See<'_>) {
    for name in list.split(',') {
        see(Value::Text(name.trim()));
    }
}

impl Fields for Row {
    fn values(&self, field: &str, see: See<'_>) {
        match (field, &self.subject) {
            ("flow", Subject::Flow(flow)) => see(Value::Text(flow)),
            ("edge", Subject::Edge(edge)) => see(Value::Text(&edge.short())),
            ("rps", _) => number(self.per_s, see),
            ("err", _) => number(self.error_percent, see),
            ("p50", _) => number(self.quantiles_ms[0], see),
            ("p90", _) => number(self.quantiles_ms[1], see),
            ("p99", _) => number(self.quantiles_ms[2], see),
            ("p99.9", _) => number(self.quantiles_ms[3], see),
            ("tries", _) => number(self.attempts_per_request, see),
            ("breaker", _) => text(self.breaker.map(BreakerState::as_str), see),
            ("faults", _) => number(self.faults as f64, see),
            _ => {},
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        see(&self.subject.label());
    }
}

impl Fields for CallRow {
    fn values(&self, field: &str, see: See<'_>) {
        match field {
            "edge" => see(Value::Text(&format!("{}>{}", self.caller, self.callee))),
            "caller" => see(Value::Text(&self.caller)),
            "callee" => see(Value::Text(&self.callee)),
            "calls" => number(self.calls as f64, see),
            "err" if self.calls > 0 => {
                number(self.errors as f64 * 100.0 / self.calls as f64, see);
            },
            "p50" => number(self.server.p50_ms, see),
            "p90" => number(self.server.p90_ms, see),
            "p99" => number(self.server.p99_ms, see),
            _ => {},
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        see(&self.caller);
        see(&self.callee);
    }
}

impl Fields for TraceLine {
    fn values(&self, field: &str, see: See<'_>) {
        match field {
            "dur" => number(self.head.duration_ns as f64 / 1e6, see),
            "error" => see(Value::Flag(self.head.error)),
            "err" => number(self.errors as f64, see),
            "spans" => number(self.spans as f64, see),
            "fault" => {
                if let Some(list) = &self.head.fault {
                    names(list, see);
                }
            },
            "trace" => see(Value::Text(&self.head.trace_id.to_string())),
            "corr" => text(self.head.correlation_id.as_ref().map(CorrelationId::as_str), see),
            "root" => text(self.service.as_deref(), see),
            "name" => text(self.name.as_deref(), see),
            _ => {},
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        let id = self.head.correlation_id.as_ref().map(CorrelationId::as_str);
        let texts = [self.service.as_deref(), self.name.as_deref(), self.head.fault.as_deref(), id];
        texts.into_iter().flatten().for_each(see);
    }
}

/// Of this name, or whose names end with it: a line shows the last parts alone.
fn attributes<'a>(line: &'a LogLine, name: &'a str) -> impl Iterator<Item = &'a serde_json::Value> {
    let ends = move |whole: &str| whole.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let fits = move |whole: &str| whole == name || ends(whole);
    line.attributes.iter().filter(move |(whole, _)| fits(whole)).map(|(_, value)| value)
}

fn attribute(value: &serde_json::Value, see: See<'_>) {
    match value {
        serde_json::Value::String(value) => see(Value::Text(value)),
        serde_json::Value::Bool(flag) => see(Value::Flag(*flag)),
        serde_json::Value::Number(value) => number(value.as_f64(), see),
        other => see(Value::Text(&other.to_string())),
    }
}

impl Fields for LogLine {
    fn values(&self, field: &str, see: See<'_>) {
        match field {
            "svc" => see(Value::Text(&self.service)),
            "level" => see(Value::Text(&self.severity)),
            "event" => see(Value::Text(&self.event)),
            "body" => see(Value::Text(&self.body)),
            "trace" => text(self.trace_id.map(|id| id.to_string()).as_deref(), see),
            "spanid" => text(self.span_id.map(|id| id.to_string()).as_deref(), see),
            "corr" => text(self.correlation_id.as_ref().map(CorrelationId::as_str), see),
            name => attributes(self, name).for_each(|value| attribute(value, see)),
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        see(&self.body);
        see(&self.event);
    }
}

impl Fields for FaultFrame {
    fn values(&self, field: &str, see: See<'_>) {
        match field {
            "fault" => see(Value::Text(&self.name)),
            "edge" => self.edges.iter().for_each(|edge| see(Value::Text(&edge.short()))),
            "state" => see(Value::Text(self.state.as_str())),
            "hit" => number(self.hit as f64, see),
            "skipped" => number(self.skipped as f64, see),
            "rate" => number(self.hit_now as f64, see),
            _ => {},
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        see(&self.name);
        see(&self.what);
        self.edges.iter().for_each(|edge| see(&edge.short()));
    }
}

impl Fields for VerdictFrame {
    fn values(&self, field: &str, see: See<'_>) {
        match field {
            "phase" => see(Value::Text(self.phase.as_str())),
            "verdict" => see(Value::Text(self.verdict.as_str())),
            "traces" => number(self.trace_ids.len() as f64, see),
            _ => {},
        }
    }

    fn texts(&self, see: &mut dyn FnMut(&str)) {
        see(&self.text);
        see(&self.observed);
        see(&self.detail);
    }
}
