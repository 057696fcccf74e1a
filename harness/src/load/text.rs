//! The result for people, in the shape that users of wrk2 and oha know.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use loadgen::summary::{Distribution, Percentile, Summary};
use model::load::{Attempts, Validity};
use model::units::{format_bytes, format_duration};

use super::judge::{Held, ThresholdResult};
use super::result::LoadResult;
use crate::report::escape::plain;
use crate::report::figures::{held, sent};

/// Percentiles of the table.
const ROWS: [(f64, &str); 8] = [
    (50.0, "p50"),
    (75.0, "p75"),
    (90.0, "p90"),
    (95.0, "p95"),
    (99.0, "p99"),
    (99.9, "p99.9"),
    (99.99, "p99.99"),
    (100.0, "max"),
];
/// Kinds of answers and errors that are listed before the rest is only counted.
const KINDS_MAX: usize = 12;

/// Kinds of failures by what wrk calls them; all others are its errors of reading.
const CONNECT: [&str; 6] = [
    "connection_refused",
    "connection_failed",
    "name_unknown",
    "tls_handshake_failed",
    "client_files_exhausted",
    "client_ports_exhausted",
];
const WRITE: [&str; 1] = ["value_unsendable"];
const TIMEOUT: [&str; 1] = ["timeout"];
/// Ended by the end of the load, or because a copy of the request was faster, or answered.
const NO_ERROR: [&str; 3] = ["load_stopped", "overtaken_by_copy", "answer_lacks_value"];

/// Appends one line of formatted text.
macro_rules! line {
    ($text:expr, $($format:tt)+) => {
        writeln!($text, $($format)+).expect("writing to memory does not fail")
    };
}

/// The whole summary; `spectrum` adds every percentile.
pub(super) fn summary(result: &LoadResult, spectrum: bool) -> String {
    let mut text = String::new();
    head(&mut text, result);
    account(&mut text, &result.summary);
    latency(&mut text, result);
    if spectrum {
        spectrum_of(&mut text, &result.summary);
    }
    phases(&mut text, &result.summary);
    steps(&mut text, &result.summary);
    checks(&mut text, &result.summary);
    answers(&mut text, &result.summary);
    attempts(&mut text, &result.summary);
    own(&mut text, &result.summary);
    thresholds(&mut text, &result.thresholds);
    validity(&mut text, &result.summary);
    totals(&mut text, result);
    text
}

fn head(text: &mut String, result: &LoadResult) {
    let load = &result.load;
    let rate = load.rate_per_s.map_or_else(String::new, |rate| format!(", {}/s", number(rate)));
    let spacing = if load.poisson { " (Poisson)" } else { "" };
    let for_s = seconds(result.summary.judged_s);
    let users = load.users.map_or_else(String::new, |users| format!(", {users} users"));
    // Users have a connection each.
    let connections = match load.users {
        Some(_) => String::new(),
        None => format!("{} connections, ", load.connections),
    };
    let workers = match load.workers {
        1 => String::new(),
        workers => format!("{workers} workers of "),
    };
    let threads = if load.threads == 1 { "thread" } else { "threads" };
    line!(text, "{}", plain(&load.requests));
    line!(
        text,
        "  {} model{rate}{users}{spacing} for {for_s}, {workers}{connections}{} {threads}, seed {}",
        load.model,
        load.threads,
        load.seed
    );
    if load.warmup_s > 0.0 {
        let warmup = seconds(load.warmup_s);
        line!(text, "  after {warmup} of warm-up: in the account, and in no other figure");
    }
    if let Some(error_ms) = result.start_error_ms {
        let error = milliseconds(error_ms);
        line!(text, "  each worker began at the common start, give or take {error} by its clock");
    }
    if let Some(reason) = &result.ended_early {
        line!(text, "  ended early: {}", plain(reason));
    }
}

fn account(text: &mut String, summary: &Summary) {
    let account = &summary.account;
    line!(
        text,
        "\nAccount    {} offered = {} completed + {} failed + {} timed out + {} dropped + {} \
         unfinished",
        account.offered,
        account.completed,
        account.failed,
        account.timed_out,
        account.dropped,
        account.unfinished
    );
    let rates = &summary.rates;
    let share = if rates.offered_per_s > 0.0 {
        100.0 * rates.completed_per_s / rates.offered_per_s
    } else {
        0.0
    };
    line!(
        text,
        "Rate       {}/s offered, {}/s completed ({share:.2}%)",
        number(rates.offered_per_s),
        number(rates.completed_per_s)
    );
}

fn latency(text: &mut String, result: &LoadResult) {
    let summary = &result.summary;
    if summary.response.count == 0 {
        line!(text, "\nNothing was measured.");
        return;
    }
    // Failures are often fast, and would hide behind the percentiles of everything.
    let apart = summary.judged.errors() > 0 && summary.completed.count > 0;
    let mut columns = vec![("response", &summary.response), ("service", &summary.service)];
    if apart {
        columns.push(("completed", &summary.completed));
    }
    let heads = columns.iter().map(|(head, _)| format!("{head:>18}")).collect::<Vec<_>>().concat();
    line!(text, "\nLatency  {heads}");
    for (percent, name) in ROWS {
        let cell =
            |(_, of): &(&str, &Distribution)| format!("{:>18}", shown(of.percentile(percent)));
        line!(text, "  {name:<7}{}", columns.iter().map(cell).collect::<Vec<_>>().concat());
    }
    for (name, value) in [
        ("mean", (|of| of.mean_ms) as fn(&Distribution) -> Option<f64>),
        ("stdev", |of| of.stdev_ms),
    ] {
        let cell = |(_, of): &(&str, &Distribution)| {
            format!("{:>18}", value(of).map_or_else(|| "--".into(), milliseconds))
        };
        line!(text, "  {name:<7}{}", columns.iter().map(cell).collect::<Vec<_>>().concat());
    }
    let from = match result.load.model.as_str() {
        "open" => "the instant at which the request was due".to_owned(),
        model => format!("the send: {model} model, not to be compared with an open one"),
    };
    line!(text, "  response: from {from}; service: from the first byte sent");
    if apart {
        line!(text, "  completed: response of those requests alone that completed");
    }
    if summary.response.censored > 0 {
        let count = summary.response.censored;
        line!(
            text,
            "  {count} were given up: where they could move a percentile it is an interval, or a \
             lower bound (>)"
        );
    }
}

/// The columns of wrk2 and of HdrHistogram's own tables.
fn spectrum_of(text: &mut String, summary: &Summary) {
    line!(text, "\n  Detailed Percentile spectrum:");
    line!(text, "       Value   Percentile   TotalCount 1/(1-Percentile)\n");
    let count = summary.response.count;
    for at in &summary.spectrum {
        let fraction = at.percent / 100.0;
        let rank = model::hdr::nearest_rank(count, fraction).min(count);
        let left = 1.0 / (1.0 - fraction);
        let left =
            if left.is_finite() { format!("{left:>12.2}") } else { format!("{:>12}", "inf") };
        line!(text, "{:>12.3}     {fraction:.6} {rank:>12} {left}", at.ms);
    }
    let (mean, stdev) = (summary.response.mean_ms, summary.response.stdev_ms);
    let max = summary.response.percentile(100.0).map_or(0.0, |max| max.ms);
    line!(
        text,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]",
        mean.unwrap_or_default(),
        stdev.unwrap_or_default()
    );
    line!(text, "#[Max     = {max:>12.3}, Total count    = {count:>12}]");
    line!(text, "#[Buckets = {:>12}, SubBuckets     = {:>12}]", 20, 2_048);
}

/// Only where there is something to compare.
fn phases(text: &mut String, summary: &Summary) {
    if summary.phases.len() < 2 {
        return;
    }
    line!(text, "\nBy phase and fault     count   errors         p50         p90         p99");
    for phase in &summary.phases {
        let who = match phase.hit {
            None => "all",
            Some(true) => "hit",
            Some(false) => "not hit",
        };
        let cells = percentiles(&phase.response);
        line!(text, "  {:<8}{who:<10}{:>8} {:>8}{cells}", phase.phase, phase.count, phase.errors);
    }
}

fn steps(text: &mut String, summary: &Summary) {
    let steps: Vec<_> = summary.groups.iter().filter(|group| group.step.is_some()).collect();
    if steps.len() < 2 {
        return;
    }
    line!(
        text,
        "\nBy step                           count   errors         p50         p90         p99"
    );
    for group in &summary.groups {
        let name = match &group.step {
            None => plain(&group.flow),
            Some(step) => format!("  {}", plain(step)),
        };
        let name: String = name.chars().take(28).collect();
        let errors: u64 = group.errors.values().sum();
        let cells = percentiles(&group.response);
        line!(text, "  {name:<28}{:>9} {errors:>8}{cells}", group.count);
    }
}

/// How often each check of each step held.
fn checks(text: &mut String, summary: &Summary) {
    if summary.groups.iter().all(|group| group.checks.is_empty()) {
        return;
    }
    line!(text, "\nChecks");
    for group in &summary.groups {
        let step = plain(group.step.as_deref().unwrap_or_default());
        for (check, count) in &group.checks {
            let flow = plain(&group.flow);
            line!(text, "  {flow}/{step}: {}: {}", plain(check), held(*count));
        }
    }
}

fn percentiles(of: &Distribution) -> String {
    let cell = |percent| format!("{:>12}", shown(of.percentile(percent)));
    [50.0, 90.0, 99.0].map(cell).concat()
}

fn answers(text: &mut String, summary: &Summary) {
    let kinds = |wanted: bool| {
        let of = |(kind, _): &(&String, &u64)| is_status(kind) == wanted;
        let found: Vec<_> = summary.results.iter().filter(of).collect();
        let listed = found.iter().take(KINDS_MAX).map(|(kind, count)| format!("{kind}: {count}"));
        let more = found.len().saturating_sub(KINDS_MAX);
        let more = (more > 0).then(|| format!("{more} more"));
        listed.chain(more).collect::<Vec<_>>().join("   ")
    };
    line!(text, "");
    for (name, listed) in [("Statuses", kinds(true)), ("Failures", kinds(false))] {
        if !listed.is_empty() {
            line!(text, "{name:<11}{}", plain(&listed));
        }
    }
    if !summary.errors.is_empty() {
        let errors: Vec<_> =
            summary.errors.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        line!(text, "{:<11}{}", "Errors", errors.join("   "));
    }
}

/// What the client did beyond one request for each step.
fn attempts(text: &mut String, summary: &Summary) {
    let Attempts { retries, hedges, denied, .. } = summary.attempts;
    if retries + hedges + denied > 0 {
        line!(text, "Attempts   {}", sent(summary.attempts));
    }
    for (name, of) in [
        ("DNS", &summary.dials.dns),
        ("Connect", &summary.dials.connect),
        ("TLS", &summary.dials.tls),
    ] {
        if of.count > 0 {
            let at = |percent| shown(of.percentile(percent));
            let count = of.count;
            line!(
                text,
                "{name:<11}p50 {}  p99 {}  max {}  ({count} times)",
                at(50.0),
                at(99.0),
                at(100.0)
            );
        }
    }
}

/// What the generator has to say of itself.
fn own(text: &mut String, summary: &Summary) {
    for (name, of, what) in [
        ("Lateness", &summary.lateness, "sent after due; the generator's own fault"),
        ("Conn. wait", &summary.connection_wait, "for a connection; part of the response time"),
    ] {
        let at = |percent| shown(of.percentile(percent));
        line!(text, "{name:<11}p50 {}  p99 {}  max {}  ({what})", at(50.0), at(99.0), at(100.0));
    }
}

fn thresholds(text: &mut String, thresholds: &[ThresholdResult]) {
    if thresholds.is_empty() {
        return;
    }
    line!(text, "\nThresholds");
    for threshold in thresholds {
        let verdict = match threshold.verdict {
            Held::Fail => "FAIL",
            held => held.as_str(),
        };
        let windows = match (threshold.windows, threshold.failed_windows) {
            (Some(windows), Some(failed)) => format!("; {failed} of {windows} windows failed"),
            _ => String::new(),
        };
        let detail = match threshold.detail.as_str() {
            "" => String::new(),
            detail => format!("; {detail}"),
        };
        line!(
            text,
            "  {verdict:<11}{}: {}{detail}{windows}",
            plain(&threshold.text),
            threshold.observed
        );
    }
}

fn validity(text: &mut String, summary: &Summary) {
    let trust = &summary.trust;
    let word = match trust.verdict {
        Validity::Valid => "VALID: the load took place as asked",
        Validity::Suspect => "SUSPECT",
        Validity::Invalid => "INVALID: this is not the load that was asked for",
    };
    line!(text, "\nValidity   {word}");
    trust.reasons.iter().for_each(|reason| line!(text, "           {reason}"));
}

fn is_status(kind: &str) -> bool {
    kind.bytes().all(|byte| byte.is_ascii_digit())
}

/// Requests without an answer, and answers by their status alone, as wrk counts them.
fn troubles(text: &mut String, results: &BTreeMap<String, u64>) {
    let sum = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        results.iter().filter(|(kind, _)| wanted(kind)).map(|(_, count)| count).sum()
    };
    let of = |kinds: &[&str]| sum(&|kind| kinds.contains(&kind));
    let (connect, write, timeout) = (of(&CONNECT), of(&WRITE), of(&TIMEOUT));
    let all = sum(&|kind| !is_status(kind)) - of(&NO_ERROR);
    let read = all - connect - write - timeout;
    if all > 0 {
        line!(
            text,
            "  Socket errors: connect {connect}, read {read}, write {write}, timeout {timeout}"
        );
    }
    let others = sum(&|kind| is_status(kind) && !kind.starts_with(['2', '3']));
    if others > 0 {
        line!(text, "  Non-2xx or 3xx responses: {others}");
    }
}

/// The lines that scripts look for in the output of wrk and wrk2.
fn totals(text: &mut String, result: &LoadResult) {
    let summary = &result.summary;
    let requests: u64 = summary.results.values().sum();
    line!(
        text,
        "\n  {requests} requests in {}, {} of bodies read",
        seconds(summary.judged_s),
        format_bytes(summary.body_bytes)
    );
    troubles(text, &summary.results);
    line!(text, "Requests/sec: {:>12.2}", summary.rates.requests_per_s);
    line!(text, "Transfer/sec: {:>12}", format_bytes(summary.rates.body_bytes_per_s as u64));
}

fn shown(percentile: Option<Percentile>) -> String {
    let Some(percentile) = percentile else { return "--".to_owned() };
    let low = milliseconds(percentile.ms);
    match percentile.at_most_ms {
        None => format!(">{low}"),
        Some(most) if milliseconds(most) != low => format!("{low}..{}", milliseconds(most)),
        Some(_) => low,
    }
}

/// Three digits and a unit: `870us`, `1.23ms`, `12.3s`.
pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 0.9995 => format!("{:.0}us", ms * 1_000.0),
        ms if ms < 9.995 => format!("{ms:.2}ms"),
        ms if ms < 99.95 => format!("{ms:.1}ms"),
        ms if ms < 999.5 => format!("{ms:.0}ms"),
        ms if ms < 9_995.0 => format!("{:.2}s", ms / 1_000.0),
        ms => format!("{:.1}s", ms / 1_000.0),
    }
}

fn seconds(seconds: f64) -> String {
    format_duration(std::time::Duration::from_millis((seconds * 1_000.0).round() as u64))
}

/// Without needless decimals.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests;
