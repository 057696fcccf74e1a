//! One function for each answer.

use std::fmt::Write as _;

use model::trace::{BlameShare, Findings};

use super::table::{Side, ms, ms_of, percent, table};
use crate::analysis::blame::{BlameGroup, BlameReport};
use crate::analysis::completeness::Completeness;
use crate::analysis::correlation::RequestView;
use crate::analysis::faults::{Added, FaultImpact, FaultReport};
use crate::analysis::path::CriticalPath;
use crate::analysis::retries::RetryReport;
use crate::analysis::sample::SampleSize;

use Side::{Left, Right};

/// Lines of blame that are shown of one group.
const LINES_SHOWN: usize = 12;

/// Writing to a text never fails.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        let _never_fails = writeln!($text, $($arguments)*);
    };
}

fn traces(count: u64) -> String {
    if count == 1 { "1 trace".to_owned() } else { format!("{count} traces") }
}

fn of_traces(size: &SampleSize) -> String {
    if size.found > size.read {
        format!("{} of {} traces", size.read, size.found)
    } else {
        traces(size.read)
    }
}

/// Only what is odd.
fn odd(findings: &Findings) -> String {
    let odd = [
        (findings.orphans, "spans without their parent"),
        (findings.duplicates, "spans twice"),
        (findings.cycles, "circles of parents"),
        (findings.shifted, "spans moved because of clocks"),
    ];
    let some = odd.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = some.map(|(count, what)| format!("; {count} {what}")).collect();
    texts.concat()
}

fn shares(shares: &[BlameShare]) -> String {
    let some = shares.iter().filter(|it| it.share >= 0.005);
    some.map(|it| format!("{} {}", percent(it.share), it.name)).collect::<Vec<_>>().join(", ")
}

pub fn critical_path(path: &CriticalPath) -> String {
    let mut text = String::new();
    put!(text, "trace {}: {} ms{}", path.trace_id, ms(path.duration_ns), odd(&path.findings));
    put!(text, "services  {}", shares(&path.services));
    put!(text, "work      {}", shares(&path.work));
    if path.background_spans > 0 {
        put!(text, "{} spans went on in the background afterwards", path.background_spans);
    }
    let rows: Vec<Vec<String>> = path
        .pieces
        .iter()
        .map(|piece| {
            vec![
                format!("{:.3}", piece.at_ns as f64 / 1e6),
                format!("{:.3}", piece.duration_ns as f64 / 1e6),
                piece.service.clone(),
                piece.work.as_str().to_owned(),
                piece.edge.clone().unwrap_or_default(),
                piece.fault.clone().unwrap_or_else(|| piece.name.clone()),
            ]
        })
        .collect();
    let head = [
        ("at ms", Right),
        ("ms", Right),
        ("service", Left),
        ("work", Left),
        ("edge", Left),
        ("span or fault", Left),
    ];
    text + &table(&head, &rows)
}

pub fn blame(report: &BlameReport) -> String {
    let mut text = String::new();
    let what =
        report.query.edge.as_ref().map_or("traces".to_owned(), |edge| format!("requests {edge}"));
    let at = report.query.quantile.map(|it| format!(" at p{}", it * 100.0)).unwrap_or_default();
    put!(text, "{what}{at}, from {}{}", of_traces(&report.traces), odd(&report.findings));
    for group in &report.groups {
        text.push_str(&blame_group(group));
    }
    text
}

fn blame_group(group: &BlameGroup) -> String {
    let phase = group.phase.map_or("all phases", |phase| phase.as_str());
    let hit = match group.hit {
        None => "",
        Some(true) => ", hit by a fault",
        Some(false) => ", not hit",
    };
    let mut text = String::new();
    put!(
        text,
        "\n{phase}{hit}: {} of {} requests, {}..{} ms, together {} ms",
        group.counted,
        group.requests,
        ms(group.min_ns),
        ms(group.max_ns),
        ms(group.total_ns)
    );
    put!(text, "services  {}", shares(&group.services));
    put!(text, "edges     {}", shares(&group.edges));
    put!(text, "work      {}", shares(&group.work));
    let rows: Vec<Vec<String>> = group
        .lines
        .iter()
        .take(LINES_SHOWN)
        .map(|line| {
            let each = line.total_ns as f64 / group.counted.max(1) as f64;
            vec![
                percent(line.share),
                ms_of(each),
                line.key.service.clone(),
                line.key.work.as_str().to_owned(),
                line.key.edge.clone().unwrap_or_default(),
                line.key.fault.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let head = [
        ("share", Right),
        ("ms each", Right),
        ("service", Left),
        ("work", Left),
        ("edge", Left),
        ("fault", Left),
    ];
    text + &table(&head, &rows)
}

pub fn faults(report: &FaultReport) -> String {
    let mut text = String::new();
    put!(text, "faults, from {}", of_traces(&report.traces));
    if report.faults.is_empty() {
        put!(text, "no fault has touched any of them");
    }
    for impact in &report.faults {
        text.push_str(&fault(impact));
    }
    text
}

fn fault(impact: &FaultImpact) -> String {
    let mut text = String::new();
    let skipped: u64 = impact.skipped.values().sum();
    let edges: Vec<&str> = impact.edges.iter().map(String::as_str).collect();
    put!(
        text,
        "\n{} ({}) on {}: {} hits, {skipped} spared, {} requests",
        impact.fault,
        impact.kind,
        edges.join(", "),
        impact.hits,
        impact.requests
    );
    for (fate, count) in impact.fates.iter().rev() {
        let example = impact.examples.get(fate).and_then(|ids| ids.first());
        let example = example.map(|id| format!("  like {id}")).unwrap_or_default();
        put!(text, "  {count:>6} {}{example}", fate.as_str());
    }
    for (where_to, count) in &impact.absorbed_by {
        put!(text, "  absorbed {count} times: {where_to}");
    }
    for (other, count) in &impact.failed_with {
        put!(text, "  {count} of the failed ones failed because of {other} as well");
    }
    let reached = impact
        .reached
        .iter()
        .map(|it| format!("{} {} ({} failed)", it.service, it.requests, it.failed));
    put!(text, "  reached {}", reached.collect::<Vec<_>>().join(", "));
    put!(text, "  delay made {} ms, felt by users {} ms", ms(impact.made_ns), ms(impact.felt_ns));
    let unknown = [
        (impact.hits_without_span, "hits have no span yet: what they did is unknown"),
        (impact.control_touched, "requests of the control group were touched, which must not be"),
    ];
    for (count, what) in unknown.iter().filter(|(count, _)| *count > 0) {
        put!(text, "  {count} {what}");
    }
    let rows: Vec<Vec<String>> = impact.added.iter().map(added).collect();
    let head = [
        ("  requests", Left),
        ("touched", Right),
        ("ms", Right),
        ("others", Right),
        ("ms", Right),
        ("added ms", Left),
        ("compared with", Left),
    ];
    text + &table(&head, &rows)
}

fn added(added: &Added) -> Vec<String> {
    let difference = added.difference.map_or("too few".to_owned(), |it| {
        format!("{} ({}..{})", ms_of(it.value), ms_of(it.low), ms_of(it.high))
    });
    let with = serde_json::to_value(added.compared_with).unwrap_or_default();
    vec![
        format!("  {}", added.sort),
        added.touched.to_string(),
        ms_of(added.touched_mean_ns),
        added.others.to_string(),
        ms_of(added.others_mean_ns),
        difference,
        with.as_str().unwrap_or_default().to_owned(),
    ]
}

pub fn retries(report: &RetryReport) -> String {
    let mut text = String::new();
    put!(text, "retries, from {}", of_traces(&report.traces));
    let rows: Vec<Vec<String>> = report
        .edges
        .iter()
        .map(|edge| {
            let reasons = edge.reasons.iter().map(|(reason, count)| format!("{reason} {count}"));
            vec![
                edge.edge.clone(),
                edge.calls.to_string(),
                edge.resends.to_string(),
                edge.attempts.to_string(),
                format!("{:.3}", edge.amplification),
                edge.attempts_max.to_string(),
                edge.rescued.to_string(),
                edge.outlived.to_string(),
                ms(edge.wasted_ns),
                reasons.collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    let head = [
        ("edge", Left),
        ("calls", Right),
        ("resent", Right),
        ("attempts", Right),
        ("x", Right),
        ("max", Right),
        ("rescued", Right),
        ("outlived", Right),
        ("wasted ms", Right),
        ("failed with", Left),
    ];
    text += &table(&head, &rows);
    for edge in report.edges.iter().filter(|edge| !edge.wasted_in.is_empty()) {
        let ids: Vec<String> = edge.wasted_in.iter().map(ToString::to_string).collect();
        put!(text, "wasted on {}: {}", edge.edge, ids.join(" "));
    }
    text
}

pub fn completeness(report: &Completeness) -> String {
    let mut text = String::new();
    put!(text, "telemetry is {}: {}", report.trust.as_str(), report.text);
    let counts = &report.counts;
    put!(
        text,
        "load: {} requests answered, {} uncertain; gateway: {} came in, {} on all edges, {} attempts",
        counts.answered,
        counts.uncertain,
        counts.entered,
        counts.requests,
        counts.attempts
    );
    put!(
        text,
        "spans: {} written; in {} {} are expected and {} missing",
        counts.spans_written,
        of_traces(&report.traces),
        report.spans_expected,
        report.spans_missing
    );
    let rows: Vec<Vec<String>> = report
        .causes
        .iter()
        .map(|cause| {
            let loss = if cause.is_loss { "lost" } else { "" };
            vec![cause.count.to_string(), loss.to_owned(), cause.what.clone(), cause.text.clone()]
        })
        .collect();
    let head = [("count", Right), ("", Left), ("what", Left), ("why", Left)];
    text + &table(&head, &rows)
}

pub fn request(view: &RequestView) -> String {
    let mut text = String::new();
    put!(
        text,
        "request {}: {}{}",
        view.correlation_id,
        traces(view.traces.len() as u64),
        odd(&view.findings)
    );
    for hop in &view.lost {
        put!(text, "lost {}: {}", hop.loss.as_str(), hop.text);
    }
    let start = view.lines.first().map_or(0, |line| line.unix_ns);
    let rows: Vec<Vec<String>> = view
        .lines
        .iter()
        .map(|line| {
            let indent = "  ".repeat(line.depth.min(20) as usize);
            let mark = if line.error { "! " } else { "" };
            let place = view.traces.iter().position(|part| Some(part.trace_id) == line.trace_id);
            vec![
                ms(line.unix_ns - start),
                line.duration_ns.map(ms).unwrap_or_default(),
                place.map(|place| (place + 1).to_string()).unwrap_or_default(),
                line.kind.as_str().to_owned(),
                line.service.clone(),
                format!("{indent}{mark}{}", line.text),
            ]
        })
        .collect();
    let head = [
        ("at ms", Right),
        ("ms", Right),
        ("trace", Right),
        ("kind", Left),
        ("service", Left),
        ("what", Left),
    ];
    text += &table(&head, &rows);
    if view.left_out > 0 {
        put!(text, "{} later lines are left out", view.left_out);
    }
    text
}
