//! What a screen shows, as JSON for programs. Names carry their units; what is unknown is null.
//!
//! A part is the same on all screens; what a screen has of its own is beside it.

mod detail;

use model::frame::{Verdict, VerdictFrame};
use model::phase::Phase;
use model::policy::BreakerState;
use serde_json::{Value, json};

use crate::screen::logs::LogRow;
use crate::screen::topology::EdgeNumbers;
use crate::screen::traces::TraceRow;
use crate::screen::{
    BreakerLane, DetailView, EventRow, FRACTION_NAMES, FaultLane, Link, LoadSummary, Row, Snapshot,
    Subject,
};

/// The numbers of the screen, without its plots of single requests.
pub fn snapshot_json(snapshot: &Snapshot) -> Value {
    let mut value = shared(snapshot);
    value["screen"] = snapshot.detail.screen().name().into();
    if let Some(detail) = detail::detail(snapshot) {
        value[format!("{}_screen", snapshot.detail.screen().name())] = detail;
    }
    round(&mut value);
    value
}

/// Numbers as people write them: a sum of floats ends in digits that mean nothing.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            *value = json!(number.as_f64().map(super::rounded));
        },
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {},
    }
}

fn shared(snapshot: &Snapshot) -> Value {
    let (head, axis) = (&snapshot.head, &snapshot.axis);
    json!({
        "link": link(&snapshot.link),
        "run": {
            "run_id": head.run_id,
            "title": head.title,
            "seed": head.seed,
            "elapsed_s": head.elapsed_s,
            "total_s": head.total_s,
            "phase": head.phase.map(Phase::as_str),
            "verdict": head.verdict.map(Verdict::as_str),
            "dropped": head.dropped,
            "dropped_most": head.dropped_most,
        },
        "cursor": {
            "unix_s": axis.newest_s.map(|_| axis.cursor_s),
            "clock_s": axis.cursor_clock_s,
            "live": axis.live,
            "paused": axis.paused,
            "window_s": axis.window_s,
        },
        "rows": snapshot.rows.iter().map(row).collect::<Vec<_>>(),
        "breakers": snapshot.breakers.iter().map(breaker).collect::<Vec<_>>(),
        "faults": snapshot.faults.iter().map(fault).collect::<Vec<_>>(),
        "verdicts": snapshot.verdicts.iter().map(verdict).collect::<Vec<_>>(),
        "events": snapshot.events.iter().map(event).collect::<Vec<_>>(),
        "load": load(&snapshot.load),
        "log_lines": match &snapshot.detail {
            DetailView::Logs(view) => view.rows.iter().map(log_line).collect::<Vec<_>>().into(),
            _ => Value::Null,
        },
        "traces": match &snapshot.detail {
            DetailView::Traces(view) => view.rows.iter().map(trace).collect::<Vec<_>>().into(),
            _ => Value::Null,
        },
        "edges": match &snapshot.detail {
            DetailView::Topology(view) => view.edges.iter().map(edge).collect::<Vec<_>>().into(),
            _ => Value::Null,
        },
        "insights": snapshot.insights,
    })
}

fn trace(row: &TraceRow) -> Value {
    json!({
        "trace_id": row.id.trace_id,
        "start_unix_ns": row.id.start_unix_ns,
        "duration_ns": row.duration_ns,
        "spans": row.spans,
        "errors": row.errors,
        "failed": row.error,
        "correlation_id": row.correlation_id,
        "fault": row.fault,
        "first_span": row.root,
    })
}

fn edge(edge: &EdgeNumbers) -> Value {
    let [p50, p90, p99] = edge.quantiles_ms();
    json!({
        "caller": edge.edge.caller,
        "callee": edge.edge.callee,
        "requests_per_s": edge.row.as_ref().map(|row| row.per_s),
        "calls_since_start": edge.call.as_ref().map(|call| call.calls),
        "error_percent": edge.error_percent(),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "breaker": edge.breaker().map(BreakerState::as_str),
        "active_faults": edge.faults(),
    })
}

fn log_line(line: &LogRow) -> Value {
    json!({
        "unix_ns": line.id.unix_ns,
        "service": line.service,
        "severity": line.severity.as_str(),
        "event": line.event,
        "body": line.said,
        "message": line.message,
        "trace_id": line.trace_id,
        "span_id": line.span_id,
        "correlation_id": line.correlation_id,
    })
}

fn link(link: &Link) -> Value {
    match link {
        Link::Connecting => json!({ "state": "connecting" }),
        Link::Connected => json!({ "state": "connected" }),
        Link::Lost { reason, retry_ms } => {
            json!({ "state": "lost", "reason": reason, "retry_ms": retry_ms })
        },
        Link::Ended => json!({ "state": "ended" }),
    }
}

fn row(row: &Row) -> Value {
    let mut value = json!({
        "requests_per_s": row.per_s,
        "error_percent": row.error_percent,
        "attempts_per_request": row.attempts_per_request,
        "breaker": row.breaker.map(BreakerState::as_str),
        "active_faults": row.faults,
    });
    of_subject(&mut value, &row.subject);
    quantiles(&mut value, row.quantiles_ms);
    value
}

fn of_subject(value: &mut Value, subject: &Subject) {
    let (kind, name) = match subject {
        Subject::Flow(flow) => ("flow", flow.clone()),
        Subject::Edge(edge) => ("edge", edge.to_string()),
    };
    value["kind"] = kind.into();
    value["name"] = name.into();
}

fn quantiles(value: &mut Value, quantiles_ms: [Option<f64>; 4]) {
    for (name, ms) in FRACTION_NAMES.iter().zip(quantiles_ms) {
        value[format!("{}_ms", name.replace('.', "_"))] = json!(ms);
    }
}

fn breaker(lane: &BreakerLane) -> Value {
    json!({
        "edge": lane.edge.to_string(),
        "state": lane.state.as_str(),
        "reason": lane.reason,
        "age_s": lane.age_s,
        "probe_in_s": lane.probe_in_s,
    })
}

fn fault(lane: &FaultLane) -> Value {
    json!({
        "name": lane.name,
        "what": lane.what,
        "share": lane.share,
        "edges": lane.edges,
        "state": lane.state.as_str(),
        "hit": lane.hit,
        "skipped": lane.skipped,
        "hit_per_s": lane.hit_per_s,
        "starts_in_s": lane.starts_in_s,
        "ends_in_s": lane.ends_in_s,
    })
}

fn verdict(verdict: &VerdictFrame) -> Value {
    json!({
        "phase": verdict.phase.as_str(),
        "expectation": verdict.text,
        "verdict": verdict.verdict.as_str(),
        "observed": verdict.observed,
        "detail": verdict.detail,
        "trace_ids": verdict.trace_ids,
    })
}

fn event(event: &EventRow) -> Value {
    json!({
        "at_ms": event.at_ms,
        "kind": event.kind.as_str(),
        "subject": event.subject,
        "text": event.text,
        "trace": event.trace,
    })
}

fn load(load: &LoadSummary) -> Value {
    json!({
        "offered_per_s": load.offered_per_s,
        "completed_per_s": load.completed_per_s,
        "failed_per_s": load.failed_per_s,
        "in_flight": load.in_flight,
        "lateness_p50_ms": load.lateness_ms[0],
        "lateness_p99_ms": load.lateness_ms[1],
        "connection_wait_p99_ms": load.connection_wait_p99_ms,
        "cpu_cores": load.cpu_cores,
        "validity": load.validity,
        "control_p99_ms": load.control_p99_ms,
        "exposed_p99_ms": load.exposed_p99_ms,
        "hit_p99_ms": load.hit_p99_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::ViewQuery;
    use crate::store::answers::Answers;
    use crate::store::{Store, query};

    #[test]
    fn the_numbers_of_the_screen_are_those_of_the_snapshot() {
        let mut store = Store::default();
        for frame in crate::recording::run() {
            store.insert(frame.into());
        }
        let snapshot = query::build(
            &store,
            &Answers::default(),
            &ViewQuery { columns: 10, ..ViewQuery::default() },
        );
        let value = snapshot_json(&snapshot);
        assert_eq!(value["run"]["verdict"], "fail");
        assert_eq!(value["rows"].as_array().unwrap().len(), snapshot.rows.len());
        let p99_9 = snapshot.rows[0].quantiles_ms[3].unwrap();
        assert_eq!(value["rows"][0]["p99_9_ms"], json!(crate::export::rounded(p99_9)));
        assert_eq!(value["verdicts"][3]["expectation"], snapshot.verdicts[3].text);
        assert_eq!(snapshot_json(&Snapshot::default())["cursor"]["unix_s"], Value::Null);
    }
}
