//! Tables as CSV after RFC 4180: CRLF, quotes where they are needed, one head line.
//!
//! A text that a spreadsheet would take for a formula gets an apostrophe in front: names and log
//! lines come from services, and must stay texts.

use model::policy::BreakerState;
use model::units::utc_time;

use crate::derive::budget::{Budget, Limit};
use crate::screen::faults::FaultRow;
use crate::screen::load::LoadRow;
use crate::screen::logs::LogRow;
use crate::screen::topology::EdgeNumbers;
use crate::screen::traces::TraceRow;
use crate::screen::verdicts::VerdictRow;
use crate::screen::{FRACTION_NAMES, Snapshot};

/// One field.
enum Field {
    Text(String),
    Number(Option<f64>),
    Count(u64),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<f64>> for Field {
    fn from(number: Option<f64>) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Field {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<Option<u64>> for Field {
    fn from(count: Option<u64>) -> Self {
        count.map_or(Self::Number(None), Self::Count)
    }
}

impl Field {
    fn write(&self, to: &mut String) {
        match self {
            Self::Number(Some(number)) if number.is_finite() => {
                to.push_str(&super::rounded(*number).to_string());
            },
            Self::Number(_) => {},
            Self::Count(count) => to.push_str(&count.to_string()),
            Self::Text(text) => {
                let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
                let needs_quotes = text.contains(['"', ',', '\n', '\r']);
                let text = text.replace('"', "\"\"");
                let mark = if is_formula { "'" } else { "" };
                let quote = if needs_quotes { "\"" } else { "" };
                to.push_str(&[quote, mark, &text, quote].concat());
            },
        }
    }
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<Field>>) -> String {
    let mut text = head.join(",");
    text.push_str("\r\n");
    for row in rows {
        for (place, field) in row.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            field.write(&mut text);
        }
        text.push_str("\r\n");
    }
    text
}

/// RED of flows and edges over the window of the tables.
pub fn rows_csv(snapshot: &Snapshot) -> String {
    let quantiles = FRACTION_NAMES.map(|name| format!("{}_ms", name.replace('.', "_")));
    let mut head = vec!["subject", "requests_per_s", "error_percent"];
    head.extend(quantiles.iter().map(String::as_str));
    head.extend(["attempts_per_request", "breaker", "active_faults"]);
    let rows = snapshot.rows.iter().map(|row| {
        let breaker = row.breaker.map_or("", |state| state.as_str());
        let mut fields: Vec<Field> =
            vec![row.subject.label().into(), Some(row.per_s).into(), row.error_percent.into()];
        fields.extend(row.quantiles_ms.map(Field::from));
        fields.extend([
            row.attempts_per_request.into(),
            breaker.into(),
            (row.faults as u64).into(),
        ]);
        fields
    });
    table(&head, rows)
}

/// Journeys and their steps over the time that is plotted.
pub fn load_csv(rows: &[LoadRow]) -> String {
    let quantiles = FRACTION_NAMES.map(|name| format!("{}_ms", name.replace('.', "_")));
    let mut head = vec!["flow", "step", "count", "per_s", "error_percent"];
    head.extend(quantiles.iter().map(String::as_str));
    head.push("failed");
    let rows = rows.iter().map(|row| {
        let failed: Vec<String> = row
            .outcomes
            .iter()
            .map(|(outcome, count)| format!("{} {count}", outcome.as_str()))
            .collect();
        let mut fields: Vec<Field> = vec![
            row.item.flow.as_str().into(),
            row.item.step.as_deref().unwrap_or_default().into(),
            row.count.into(),
            Some(row.per_s).into(),
            row.error_percent.into(),
        ];
        fields.extend(row.quantiles_ms.map(Field::from));
        fields.push(failed.join("; ").into());
        fields
    });
    table(&head, rows)
}

/// Every expectation as it stands: over which part of the run, against what, since when.
pub fn verdicts_csv(rows: &[VerdictRow]) -> String {
    let head = [
        "phase",
        "from_s",
        "to_s",
        "expectation",
        "verdict",
        "observed",
        "limit",
        "used_percent",
        "since_clock_s",
        "faults_then",
        "detail",
        "traces",
    ];
    let rows = rows.iter().map(|row| {
        let (frame, decided) = (&row.frame, row.decided.as_ref());
        let traces: Vec<String> = frame.trace_ids.iter().map(ToString::to_string).collect();
        let limit = Limit::of(&frame.text).map(|limit| limit.written(limit.value));
        vec![
            frame.phase.as_str().into(),
            row.window_s.map(|(from, _)| from).into(),
            row.window_s.map(|(_, to)| to).into(),
            frame.text.as_str().into(),
            frame.verdict.as_str().into(),
            frame.observed.as_str().into(),
            limit.unwrap_or_default().into(),
            row.budget.map(Budget::used).map(|used| used * 100.0).into(),
            decided.map(|decided| decided.clock_s).into(),
            decided.map(|decided| decided.faults.join(" ")).unwrap_or_default().into(),
            frame.detail.as_str().into(),
            traces.join(" ").into(),
        ]
    });
    table(&head, rows)
}

/// The list of traces.
pub fn traces_csv(rows: &[TraceRow]) -> String {
    let head = [
        "start_utc",
        "trace_id",
        "duration_ms",
        "spans",
        "errors",
        "failed",
        "correlation_id",
        "fault",
        "first_span",
    ];
    let rows = rows.iter().map(|row| {
        vec![
            utc_time(row.id.start_unix_ns / 1_000_000).into(),
            row.id.trace_id.to_string().into(),
            Some(row.duration_ns as f64 / 1e6).into(),
            row.spans.into(),
            row.errors.into(),
            if row.error { "yes" } else { "no" }.into(),
            row.correlation_id.as_deref().unwrap_or_default().into(),
            row.fault.as_deref().unwrap_or_default().into(),
            row.root.as_str().into(),
        ]
    });
    table(&head, rows)
}

/// The lines that are shown; the message is the body with its attributes.
pub fn logs_csv(lines: &[LogRow]) -> String {
    let head = [
        "time_utc",
        "severity",
        "service",
        "event",
        "body",
        "message",
        "trace_id",
        "span_id",
        "correlation_id",
    ];
    let rows = lines.iter().map(|line| {
        vec![
            utc_time(line.id.unix_ns / 1_000_000).into(),
            line.severity.as_str().into(),
            line.service.as_str().into(),
            line.event.as_str().into(),
            line.said.as_str().into(),
            line.message.as_str().into(),
            line.trace_id.map(|id| id.to_string()).unwrap_or_default().into(),
            line.span_id.map(|id| id.to_string()).unwrap_or_default().into(),
            line.correlation_id.as_deref().unwrap_or_default().into(),
        ]
    });
    table(&head, rows)
}

/// Edges: over the window of the tables, or since the start where no gateway stands between.
pub fn edges_csv(edges: &[EdgeNumbers]) -> String {
    let head = [
        "caller",
        "callee",
        "requests_per_s",
        "calls",
        "error_percent",
        "p50_ms",
        "p90_ms",
        "p99_ms",
        "breaker",
        "active_faults",
    ];
    let rows = edges.iter().map(|edge| {
        let [p50, p90, p99] = edge.quantiles_ms();
        vec![
            edge.edge.caller.as_str().into(),
            edge.edge.callee.as_str().into(),
            edge.row.as_ref().map(|row| row.per_s).into(),
            edge.call.as_ref().map(|call| call.calls).into(),
            edge.error_percent().into(),
            p50.into(),
            p90.into(),
            p99.into(),
            edge.breaker().map_or("", BreakerState::as_str).into(),
            (edge.faults() as u64).into(),
        ]
    });
    table(&head, rows)
}

/// What every fault did; its reach is about the window of the tables.
pub fn faults_csv(rows: &[FaultRow]) -> String {
    let head = [
        "fault",
        "effect",
        "share",
        "edges",
        "state",
        "hit",
        "skipped",
        "hit_per_s",
        "reach_percent",
        "starts_in_s",
        "ends_in_s",
    ];
    let rows = rows.iter().map(|row| {
        let fault = &row.lane;
        vec![
            fault.name.as_str().into(),
            fault.what.as_str().into(),
            fault.share.as_str().into(),
            fault.edges.as_str().into(),
            fault.state.as_str().into(),
            fault.hit.into(),
            fault.skipped.into(),
            Some(fault.hit_per_s).into(),
            row.reach.percent().into(),
            fault.starts_in_s.into(),
            fault.ends_in_s.into(),
        ]
    });
    table(&head, rows)
}

#[cfg(test)]
mod tests {
    use model::answer::{CallRow, Durations};
    use model::edge::Edge;
    use proptest::prelude::*;

    use super::*;
    use crate::derive::severity::Severity;
    use crate::screen::logs::LineId;

    fn line(body: &str) -> LogRow {
        LogRow {
            id: LineId { unix_ns: 0, nth: 0 },
            at_ms: 0,
            service: "payments".to_owned(),
            severity: Severity::Info,
            event: String::new(),
            message: body.to_owned(),
            said: body.to_owned(),
            trace_id: None,
            span_id: None,
            correlation_id: None,
            of_fault: false,
            telling: false,
        }
    }

    #[test]
    fn an_edge_is_a_line_and_what_is_unknown_is_empty() {
        let edge = Edge::new("orders", "payments");
        let call = CallRow {
            caller: edge.caller.clone(),
            callee: edge.callee.clone(),
            calls: 4,
            errors: 1,
            server: Durations { p50_ms: Some(1.5), ..Durations::default() },
            client: Durations::default(),
        };
        let text = edges_csv(&[EdgeNumbers { edge, row: None, call: Some(call) }]);
        let (head, row) = text.split_once("\r\n").unwrap();
        assert!(head.starts_with("caller,callee,requests_per_s,calls,error_percent,p50_ms"));
        assert_eq!(row, "orders,payments,,4,25,1.5,,,,0\r\n");
    }

    #[test]
    fn a_text_that_looks_like_a_formula_stays_a_text() {
        let text = logs_csv(&[line("=HYPERLINK(\"http://evil\", \"x\")")]);
        assert!(text.contains(",\"'=HYPERLINK(\"\"http://evil\"\", \"\"x\"\")\","), "{text}");
    }

    proptest! {
        #[test]
        fn every_line_has_as_many_fields_as_the_head(body in any::<String>()) {
            let text = logs_csv(&[line(&body)]);
            // Outside of quotes, commas and line ends are counted.
            let (mut quoted, mut commas, mut ends) = (false, 0, 0);
            for letter in text.chars() {
                match letter {
                    '"' => quoted = !quoted,
                    ',' if !quoted => commas += 1,
                    '\n' if !quoted => ends += 1,
                    _ => {},
                }
            }
            prop_assert_eq!((quoted, commas, ends), (false, 16, 2));
        }
    }
}
