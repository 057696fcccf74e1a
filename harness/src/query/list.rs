//! Lists for people.

use collector::{
    BreakerChange, Durations, EdgeRow, FaultRow, Graph, OperationRow, RunEntry, TraceLine,
};
use model::frame::{Event, LogLine};
use model::units::utc_time;

use super::screen::{Screen, Tone};
use super::table::{Cell, Side, table};
use crate::report::figures::{count, duration};

use Side::{Left, Right};

fn time(unix_ns: u64) -> Cell {
    Cell::toned(utc_time(unix_ns / 1_000_000), Tone::Dim)
}

fn some(text: Option<&str>) -> Cell {
    text.unwrap_or("-").into()
}

/// A list, or a sentence when there is nothing in it.
fn listed<const COLUMNS: usize>(
    nothing: &str,
    head: [(&str, Side); COLUMNS],
    rows: &[[Cell; COLUMNS]],
    screen: &Screen,
) -> String {
    if rows.is_empty() { format!("{nothing}\n") } else { table(head, rows, screen) }
}

pub(super) fn traces(lines: &[TraceLine], screen: &Screen) -> String {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let head = &line.head;
            let took = duration(head.duration_ns as f64 / 1e6);
            let name = match (&line.service, &line.name) {
                (Some(service), Some(name)) => format!("{service}: {name}"),
                _ => "(no root yet)".to_owned(),
            };
            let fault = head.fault.clone().unwrap_or_default();
            let id = head.correlation_id.as_ref().map_or("", |id| id.as_str());
            let errors = if head.error { count(line.errors.max(1)) } else { String::new() };
            [
                time(head.start_unix_ns),
                head.trace_id.to_string().into(),
                took.into(),
                count(line.spans).into(),
                Cell::toned(errors, Tone::Error),
                id.into(),
                Cell::toned(fault, Tone::Fault),
                name.into(),
            ]
        })
        .collect();
    let head = [
        ("START (UTC)", Left),
        ("TRACE", Left),
        ("TOOK", Right),
        ("SPANS", Right),
        ("ERRORS", Right),
        ("CORRELATION", Left),
        ("FAULT", Left),
        ("ROOT", Left),
    ];
    listed("no traces fit", head, &rows, screen)
}

pub(super) fn logs(lines: &[LogLine], screen: &Screen) -> String {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            [
                time(line.unix_ns),
                severity(&line.severity),
                line.service.as_str().into(),
                said(line).into(),
            ]
        })
        .collect();
    let head = [("TIME (UTC)", Left), ("LEVEL", Left), ("SERVICE", Left), ("TEXT", Left)];
    listed("no logs fit", head, &rows, screen)
}

/// The body, or the name of the event where there is none.
pub(super) fn said(line: &LogLine) -> &str {
    if line.body.is_empty() { &line.event } else { &line.body }
}

pub(super) fn severity(text: &str) -> Cell {
    match text {
        _ if text.starts_with("ERROR") || text.starts_with("FATAL") => {
            Cell::toned(text, Tone::Error)
        },
        _ if text.starts_with("WARN") => Cell::toned(text, Tone::Warn),
        _ => text.into(),
    }
}

fn took(durations: &Durations) -> [Cell; 4] {
    let cell = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), duration).into();
    [durations.p50_ms, durations.p90_ms, durations.p99_ms, durations.max_ms].map(cell)
}

const TOOK: [(&str, Side); 4] = [("P50", Right), ("P90", Right), ("P99", Right), ("MAX", Right)];

pub(super) fn edges(rows: &[EdgeRow], screen: &Screen) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let [p50, p90, p99, max] = took(&row.durations);
            let share = row.error_ratio.map(|ratio| format!("{:.2}%", ratio * 100.0));
            let blames: Vec<String> =
                row.blames.iter().map(|(blame, count)| format!("{blame} {count}")).collect();
            [
                Cell::toned(utc_time(row.unix_s * 1_000).trim_end_matches(".000"), Tone::Dim),
                row.edge.to_string().into(),
                count(row.requests).into(),
                format!("{:.1}/s", row.rate_per_s).into(),
                some(share.as_deref()),
                count(row.attempts).into(),
                p50,
                p90,
                p99,
                max,
                Cell::toned(blames.join(", "), Tone::Error),
            ]
        })
        .collect();
    let [p50, p90, p99, max] = TOOK;
    let head = [
        ("FROM (UTC)", Left),
        ("EDGE", Left),
        ("REQUESTS", Right),
        ("RATE", Right),
        ("ERRORS", Right),
        ("ATTEMPTS", Right),
        p50,
        p90,
        p99,
        max,
        ("BLAME", Left),
    ];
    listed("no requests on any edge", head, &rows, screen)
}

pub(super) fn operations(rows: &[OperationRow], screen: &Screen) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let [p50, p90, p99, max] = took(&row.durations);
            [
                row.service.as_str().into(),
                row.kind.as_str().into(),
                count(row.spans).into(),
                Cell::toned(count(row.errors), Tone::Error),
                p50,
                p90,
                p99,
                max,
                row.operation.as_str().into(),
            ]
        })
        .collect();
    let [p50, p90, p99, max] = TOOK;
    let head = [
        ("SERVICE", Left),
        ("KIND", Left),
        ("SPANS", Right),
        ("ERRORS", Right),
        p50,
        p90,
        p99,
        max,
        ("OPERATION", Left),
    ];
    listed("no spans", head, &rows, screen)
}

pub(super) fn graph(graph: &Graph, screen: &Screen) -> String {
    let rows: Vec<_> = graph
        .nodes
        .iter()
        .map(|node| {
            let [p50, _, p99, _] = took(&node.durations);
            let calls = if node.calls.is_empty() { "-".into() } else { node.calls.join(", ") };
            [
                node.service.as_str().into(),
                count(node.requests).into(),
                Cell::toned(count(node.errors), Tone::Error),
                p50,
                p99,
                calls.into(),
            ]
        })
        .collect();
    let head =
        [("SERVICE", Left), ("ASKED", Right), ("ERRORS", Right), TOOK[0], TOOK[2], ("CALLS", Left)];
    listed("no calls between services", head, &rows, screen)
}

pub(super) fn faults(rows: &[FaultRow], screen: &Screen) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let last = row.transitions.last();
            let state = last.map(|change| {
                format!("{} since {}", change.state, utc_time(change.unix_ns / 1_000_000))
            });
            [
                Cell::toned(row.fault.as_str(), Tone::Fault),
                count(row.hits).into(),
                count(row.skipped).into(),
                row.edges.join(", ").into(),
                some(state.as_deref()),
            ]
        })
        .collect();
    let head =
        [("FAULT", Left), ("HIT", Right), ("SPARED", Right), ("EDGES", Left), ("STATE", Left)];
    listed("no fault has done anything", head, &rows, screen)
}

pub(super) fn breakers(rows: &[BreakerChange], screen: &Screen) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            [
                time(row.unix_ns),
                row.edge.to_string().into(),
                format!("{} -> {}", row.from, row.to).into(),
                row.reason.as_str().into(),
            ]
        })
        .collect();
    let head = [("TIME (UTC)", Left), ("EDGE", Left), ("CHANGE", Left), ("REASON", Left)];
    listed("no breaker has changed", head, &rows, screen)
}

pub(super) fn events(rows: &[Event], screen: &Screen) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|event| {
            [
                time(event.unix_ms.saturating_mul(1_000_000)),
                event.kind.as_str().into(),
                event.subject.as_str().into(),
                event.text.as_str().into(),
            ]
        })
        .collect();
    let head = [("TIME (UTC)", Left), ("KIND", Left), ("SUBJECT", Left), ("WHAT", Left)];
    listed("nothing has happened", head, &rows, screen)
}

/// `401.1 KiB`: a size for people, not for reading back.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let place = (bytes.max(1).ilog2() / 10).min(4);
    let size = bytes as f64 / 1024_f64.powi(place.cast_signed());
    let digits = usize::from(place > 0);
    format!("{size:.digits$} {}", units[place as usize])
}

pub(super) fn runs(rows: &[RunEntry], screen: &Screen) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|run| {
            let counted = |number: Option<u64>| number.map_or("-".to_owned(), count).into();
            let state = match run {
                RunEntry { error: Some(error), path, .. } => {
                    // Its name stands in the first column.
                    let path = path.to_string_lossy();
                    let why = error.strip_prefix(&*path).unwrap_or(error).trim_start();
                    Cell::toned(why, Tone::Error)
                },
                RunEntry { live: true, .. } => "live".into(),
                RunEntry { sealed_unix_ns: None, .. } => {
                    Cell::toned("not sealed: shakedown query --seal", Tone::Warn)
                },
                RunEntry { clean: true, .. } => "sealed".into(),
                _ => Cell::toned("sealed after a crash", Tone::Warn),
            };
            [
                run.run_id.as_str().into(),
                if run.started_unix_ns == 0 { "-".into() } else { time(run.started_unix_ns) },
                counted(run.spans),
                counted(run.logs),
                counted(run.points),
                size(run.bytes).into(),
                if run.pinned { "pinned" } else { "" }.into(),
                run.title.as_str().into(),
                state,
            ]
        })
        .collect();
    let head = [
        ("RUN", Left),
        ("STARTED (UTC)", Left),
        ("SPANS", Right),
        ("LOGS", Right),
        ("POINTS", Right),
        ("SIZE", Right),
        ("", Left),
        ("TITLE", Left),
        ("STATE", Left),
    ];
    listed("no runs", head, &rows, screen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_fits_it() {
        for (bytes, text) in
            [(0, "0 B"), (1_023, "1023 B"), (410_753, "401.1 KiB"), (3 << 30, "3.0 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn an_empty_list_is_a_sentence_and_a_long_line_is_cut() {
        let screen = Screen { width: 60, color: false, ascii: true };
        assert_eq!(traces(&[], &screen), "no traces fit\n");
        let run = RunEntry { run_id: "run-1".to_owned(), ..RunEntry::default() };
        let failed = RunEntry { error: Some("e".repeat(500)), ..run.clone() };
        let text = runs(&[run, failed], &screen);
        assert!(text.contains("not sealed") || text.contains("not sea~"), "{text}");
        assert!(text.lines().all(|line| line.len() < 120), "{text}");
    }
}
