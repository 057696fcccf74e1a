//! The tables of the page: every value that the picture shows, in figures.

mod checks;
mod totals;

use std::collections::BTreeSet;

use model::fault::Window;
use model::frame::{Event, FaultFrame, Trace};
use model::id::TraceId;

use super::escape::esc;
use super::figures::{count, offset, verdict_role, verdict_sign};
use super::markup::{Markup, put};
use crate::result::{Hits, RunResult};

pub(super) use checks::checks;
pub(super) use totals::{edges, flows, steps};

/// Events beyond this are counted, not listed.
const EVENTS_MAX: usize = 500;
/// Trace ids per row.
const TRACES_MAX: usize = 4;
/// Windows per fault.
const WINDOWS_MAX: usize = 8;

/// The traces that are drawn on the page, and can be linked to.
#[derive(Debug)]
pub(super) struct KnownTraces(BTreeSet<TraceId>);

impl KnownTraces {
    pub(super) fn new(traces: &[&Trace]) -> Self {
        Self(traces.iter().map(|trace| trace.trace_id).collect())
    }

    fn put(&self, page: &mut Markup, id: TraceId) {
        if self.0.contains(&id) {
            put!(page, "<a class=\"trace\" href=\"#t{id}\">{id}</a> ");
        } else {
            put!(page, "<code class=\"trace\">{id}</code> ");
        }
    }

    fn put_some(&self, page: &mut Markup, ids: &[TraceId]) {
        ids.iter().take(TRACES_MAX).for_each(|id| self.put(page, *id));
        if ids.len() > TRACES_MAX {
            put!(page, "<span class=\"dim\">and {} more</span>", ids.len() - TRACES_MAX);
        }
    }
}

pub(super) fn expectations(page: &mut Markup, result: &RunResult, known: &KnownTraces) {
    page.raw("<section><h2>Expectations</h2>\n");
    if result.expectations.is_empty() {
        page.raw("<p>The scenario has none.</p></section>\n");
        return;
    }
    page.raw(
        "<div class=\"scroll\"><table class=\"expectations\"><thead><tr><th>Phase</th>\
         <th>Expectation</th><th>Verdict</th><th>Observed</th><th>Detail and traces</th></tr>\
         </thead><tbody>\n",
    );
    for (number, expectation) in result.expectations.iter().enumerate() {
        put!(
            page,
            "<tr id=\"e{}\"><td>{}</td><td><code>{}</code></td><td class=\"verdict {}\">{} {}</td>\
             <td>{}</td><td>{} ",
            number + 1,
            expectation.phase,
            esc(&expectation.text),
            verdict_role(expectation.verdict),
            verdict_sign(expectation.verdict),
            expectation.verdict.as_str(),
            esc(&expectation.observed),
            esc(&expectation.detail)
        );
        known.put_some(page, &expectation.trace_ids);
        page.raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div></section>\n");
}

pub(super) fn invariants(page: &mut Markup, result: &RunResult, known: &KnownTraces) {
    if result.invariants.is_empty() {
        return;
    }
    page.raw(
        "<section><h2>Invariants</h2>\n<p>Read from the system once it was quiet.</p>\n\
         <div class=\"scroll\"><table><thead><tr><th>Invariant</th><th>Holds</th>\
         <th>What was counted</th><th>Traces</th></tr></thead><tbody>\n",
    );
    for invariant in &result.invariants {
        let (role, text) = match invariant.holds {
            Some(true) => ("ok", "✓ holds"),
            Some(false) => ("error", "✗ broken"),
            None => ("warn", "? cannot tell"),
        };
        put!(
            page,
            "<tr><td>{}</td><td class=\"verdict {role}\">{text}</td><td>{}</td><td>",
            esc(&invariant.name),
            esc(&invariant.detail)
        );
        known.put_some(page, &invariant.trace_ids);
        page.raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div></section>\n");
}

pub(super) fn faults(page: &mut Markup, result: &RunResult) {
    if result.faults.is_empty() {
        return;
    }
    page.raw(
        "<section><h2>Faults and their ledger</h2>\n<div class=\"scroll\"><table><thead><tr>\
         <th>Fault</th><th>What</th><th>Edges</th><th class=\"number\">Share</th>\
         <th>Windows</th><th class=\"number\">Hit</th><th class=\"number\">Skipped</th>\
         <th>Proxy counted</th></tr></thead><tbody>\n",
    );
    for (fault, check) in result.faults.iter().zip(&result.ledger) {
        let edges: Vec<_> = fault.edges.iter().map(ToString::to_string).collect();
        put!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td>{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
            esc(&fault.name),
            esc(&fault.what),
            esc(&edges.join(", ")),
            fault.share,
            windows_of(fault),
            count(fault.hit),
            count(fault.skipped),
            proxy_counted(check.proxy, check.reconciled)
        );
    }
    page.raw("</tbody></table></div></section>\n");
}

/// The first windows of a schedule, a line each.
fn windows_of(fault: &FaultFrame) -> String {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let text = |window: &Window| {
        format!("{} … {}", offset(signed(window.start_ms)), offset(signed(window.end_ms)))
    };
    let mut lines: Vec<String> = fault.schedule.iter().take(WINDOWS_MAX).map(text).collect();
    if fault.schedule.len() > WINDOWS_MAX {
        lines.push(format!("and {} more", fault.schedule.len() - WINDOWS_MAX));
    }
    lines.join("<br>")
}

fn proxy_counted(proxy: Option<Hits>, reconciled: bool) -> String {
    match proxy {
        None => "<span class=\"warn\">? not known</span>".to_owned(),
        Some(_) if reconciled => "<span class=\"ok\">✓ the same</span>".to_owned(),
        Some(hits) => format!(
            "<span class=\"error\">✗ {} hit, {} skipped</span>",
            count(hits.hit),
            count(hits.skipped)
        ),
    }
}

pub(super) fn events(
    page: &mut Markup,
    result: &RunResult,
    events: &[&Event],
    known: &KnownTraces,
) {
    if events.is_empty() {
        return;
    }
    page.raw(
        "<section><h2>Events</h2>\n<div class=\"scroll\"><table><thead><tr>\
         <th class=\"number\">Time</th><th>Kind</th><th>Subject</th><th>What happened</th>\
         <th>Trace</th></tr></thead><tbody>\n",
    );
    let zero_ms = result.started_unix_ms.unwrap_or(0).saturating_add(result.timeline.during_ms);
    for event in events.iter().take(EVENTS_MAX) {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        put!(
            page,
            "<tr><td class=\"number\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>",
            offset(signed(event.unix_ms).saturating_sub(signed(zero_ms))),
            event.kind.as_str(),
            esc(&event.subject),
            esc(&event.text)
        );
        if let Some(id) = event.trace_id {
            known.put(page, id);
        }
        page.raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n");
    if events.len() > EVENTS_MAX {
        put!(page, "<p>{} more are in the run's database.</p>\n", events.len() - EVENTS_MAX);
    }
    page.raw("</section>\n");
}

pub(super) fn losses(page: &mut Markup, result: &RunResult) {
    page.raw("<section><h2>What was lost</h2>\n");
    if result.dropped.is_empty() {
        page.raw("<p>Nothing: no queue was ever full.</p></section>\n");
        return;
    }
    page.raw(
        "<table><thead><tr><th>What</th><th class=\"number\">Count</th></tr></thead><tbody>\n",
    );
    for dropped in &result.dropped {
        put!(
            page,
            "<tr><td>{}</td><td class=\"number\">{}</td></tr>\n",
            esc(&dropped.what),
            count(dropped.count)
        );
    }
    page.raw("</tbody></table></section>\n");
}
