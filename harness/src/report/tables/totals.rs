//! Totals by phase: journeys with their control group, and edges.

use std::collections::BTreeMap;

use crate::report::escape::esc;
use crate::report::figures::{count, duration, percent};
use crate::report::markup::{Markup, put};
use crate::report::text::group_name;
use crate::result::{Percentiles, RunResult};

const PERCENTILES: &str = "<th class=\"number\">p50</th><th class=\"number\">p90</th>\
     <th class=\"number\">p95</th><th class=\"number\">p99</th><th class=\"number\">p99.9</th>\
     <th class=\"number\">max</th>";
const FOOTNOTE: &str = "<p class=\"dim\">Percentiles are of all that ended, failed ones included. \
     Those in brackets rest on fewer than ten values beyond them.</p>\n";

/// Values beyond a percentile that make it worth quoting.
const BEYOND_MIN: f64 = 10.0;

pub(in super::super) fn flows(page: &mut Markup, result: &RunResult) {
    if result.flows.is_empty() {
        return;
    }
    put!(
        page,
        "<section><h2>Journeys by phase</h2>\n<div class=\"scroll\"><table class=\"grouped\">\
         <thead><tr><th>Flow</th><th>Phase</th><th>Group</th><th class=\"number\">Journeys</th>\
         <th class=\"number\">Errors</th>{PERCENTILES}<th>Failed by</th></tr></thead><tbody>\n"
    );
    let mut last = String::new();
    for flow in &result.flows {
        let title = flow.title();
        let name = if title == last { "" } else { &title };
        put!(
            page,
            "<tr{}><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td>",
            if name.is_empty() { "" } else { " class=\"first\"" },
            esc(name),
            flow.phase,
            group_name(flow.group),
            count(flow.count),
            esc(&percent(flow.error_count(), flow.count))
        );
        percentiles(page, &flow.response);
        put!(page, "<td>{}</td></tr>\n", esc(&listed(&flow.errors)));
        last = title;
    }
    put!(page, "</tbody></table></div>{FOOTNOTE}</section>\n");
}

/// One row for each step and phase.
pub(in super::super) fn steps(page: &mut Markup, result: &RunResult) {
    if result.steps.is_empty() {
        return;
    }
    put!(
        page,
        "<section><h2>Steps by phase</h2>\n<div class=\"scroll\"><table class=\"grouped\">\
         <thead><tr><th>Flow</th><th>Step</th><th>Phase</th><th class=\"number\">Done</th>\
         <th class=\"number\">Errors</th><th class=\"number\">Requests sent</th>\
         <th class=\"number\">Repeats</th><th class=\"number\">Copies</th>\
         <th class=\"number\">Refused</th>{PERCENTILES}<th>Failed by</th></tr></thead><tbody>\n"
    );
    let mut last = (String::new(), String::new());
    for step in &result.steps {
        let this = (step.title(), step.step.clone());
        let (first, new_flow) = (this != last, this.0 != last.0);
        put!(
            page,
            "<tr{}><td>{}</td><td>{}</td><td>{}</td>",
            if first { " class=\"first\"" } else { "" },
            esc(if new_flow { &this.0 } else { "" }),
            esc(if first { &this.1 } else { "" }),
            step.phase
        );
        for number in [
            count(step.count),
            percent(step.error_count(), step.count),
            count(step.attempts.sent),
            count(step.attempts.retries),
            count(step.attempts.hedges),
            count(step.attempts.denied),
        ] {
            put!(page, "<td class=\"number\">{}</td>", esc(&number));
        }
        percentiles(page, &step.response);
        put!(page, "<td>{}</td></tr>\n", esc(&listed(&step.errors)));
        last = this;
    }
    put!(page, "</tbody></table></div>{FOOTNOTE}</section>\n");
}

pub(in super::super) fn edges(page: &mut Markup, result: &RunResult) {
    if result.edges.is_empty() {
        return;
    }
    put!(
        page,
        "<section><h2>Edges by phase</h2>\n<div class=\"scroll\"><table class=\"grouped\">\
         <thead><tr><th>Edge</th><th>Phase</th><th class=\"number\">Requests</th>\
         <th class=\"number\">Errors</th><th class=\"number\">Attempts per request</th>\
         {PERCENTILES}<th>Failed, by blame</th></tr></thead><tbody>\n"
    );
    let mut last = None;
    for edge in &result.edges {
        let first = last != Some(&edge.edge);
        last = Some(&edge.edge);
        let name = if first { edge.edge.to_string() } else { String::new() };
        let per_request = match edge.requests {
            0 => "–".to_owned(),
            requests => format!("{:.2}", edge.attempts as f64 / requests as f64),
        };
        put!(
            page,
            "<tr{}><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{per_request}</td>",
            if first { " class=\"first\"" } else { "" },
            esc(&name),
            edge.phase,
            count(edge.requests),
            esc(&percent(edge.error_count(), edge.requests))
        );
        percentiles(page, &edge.duration);
        put!(page, "<td>{}</td></tr>\n", esc(&listed(&edge.errors)));
    }
    put!(page, "</tbody></table></div>{FOOTNOTE}</section>\n");
}

fn percentiles(page: &mut Markup, of: &Percentiles) {
    let columns = [
        (of.p50_ms, 0.5),
        (of.p90_ms, 0.9),
        (of.p95_ms, 0.95),
        (of.p99_ms, 0.99),
        (of.p999_ms, 0.999),
    ];
    for (value, fraction) in columns {
        let enough = of.count as f64 * (1.0 - fraction) >= BEYOND_MIN * 0.999;
        match value {
            None => page.raw("<td class=\"number\">–</td>"),
            Some(ms) if enough => put!(page, "<td class=\"number\">{}</td>", duration(ms)),
            Some(ms) => put!(page, "<td class=\"number dim\">({})</td>", duration(ms)),
        }
    }
    let max = of.max_ms.map_or_else(|| "–".to_owned(), duration);
    put!(page, "<td class=\"number\">{max}</td>");
}

/// `12 upstream, 3 injected`.
fn listed(errors: &BTreeMap<String, u64>) -> String {
    let parts: Vec<_> =
        errors.iter().map(|(name, number)| format!("{} {name}", count(*number))).collect();
    parts.join(", ")
}
