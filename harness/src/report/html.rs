//! The page of a run: one file that opens anywhere, for years, without a network.
//!
//! It holds no link to anything outside and forbids the browser to load anything, so that a page
//! with hostile names in it can be mailed around. It reads without JavaScript, follows the
//! reader's choice of light or dark, and prints.

use model::frame::{Event, Frame, Trace};

use super::chart::chart;
use super::escape::esc;
use super::figures::{count, duration_or_dash, utc, verdict_role, verdict_sign};
use super::markup::{Markup, put};
use super::series::Series;
use super::text::added_up;
use super::{tables, waterfall};
use crate::result::RunResult;

/// The whole page. `traces` are the exemplars to draw; trace ids that are not among them are shown
/// without a link.
pub fn html(result: &RunResult, frames: &[Frame], traces: &[Trace]) -> String {
    let mut page = Markup::default();
    head(&mut page, result);
    headline(&mut page, result);
    facts(&mut page, result);
    picture(&mut page, result, frames);
    let drawn = waterfall::drawn(traces);
    let known = tables::KnownTraces::new(&drawn);
    tables::expectations(&mut page, result, &known);
    tables::flows(&mut page, result);
    tables::steps(&mut page, result);
    tables::checks(&mut page, result);
    tables::edges(&mut page, result);
    tables::invariants(&mut page, result, &known);
    tables::faults(&mut page, result);
    load(&mut page, result);
    let events: Vec<&Event> = frames.iter().flat_map(|frame| &frame.events).collect();
    tables::events(&mut page, result, &events, &known);
    waterfall::traces(&mut page, &drawn);
    tables::losses(&mut page, result);
    repeat(&mut page, result);
    page.raw("</main>\n<script>");
    page.raw(include_str!("hover.js"));
    page.raw("</script>\n</body>\n</html>\n");
    page.finish()
}

fn head(page: &mut Markup, result: &RunResult) {
    put!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}: {}</title>\n<style>",
        result.verdict.as_str(),
        esc(&result.title)
    );
    page.raw(include_str!("style.css"));
    page.raw("</style>\n</head>\n<body>\n<main>\n");
}

fn headline(page: &mut Markup, result: &RunResult) {
    put!(
        page,
        "<header class=\"{role}\"><p class=\"verdict {role}\"><span aria-hidden=\"true\">{}</span> \
         {}</p><div><h1>{}</h1><p class=\"exit\">exit code {}</p></div></header>\n",
        verdict_sign(result.verdict),
        result.verdict.as_str(),
        esc(&result.title),
        esc(&result.exit_code.to_string()),
        role = verdict_role(result.verdict),
    );
    if !result.reasons.is_empty() || !result.findings.is_empty() {
        page.raw("<ul class=\"reasons\">");
        for reason in result.findings.iter().chain(&result.reasons) {
            put!(page, "<li>{}</li>", esc(reason));
        }
        page.raw("</ul>\n");
    }
}

fn facts(page: &mut Markup, result: &RunResult) {
    let started = result.started_unix_ms.map_or_else(|| "never".to_owned(), utc);
    let length_s = result.timeline.end_ms as f64 / 1e3;
    let versions: Vec<_> =
        result.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let mut facts = vec![
        ("run", result.run_id.clone()),
        ("scenario", result.scenario.clone()),
        ("seed", result.seed.to_string()),
        ("load began", started),
        ("length of load", format!("{length_s} s")),
        ("control group", format!("{} of users", result.control)),
        ("scenario hash", result.scenario_hash.clone()),
        ("versions", versions.join(", ")),
    ];
    if (result.time_scale - 1.0).abs() > f64::EPSILON {
        facts.insert(3, ("time scale", format!("{} times faster", result.time_scale)));
    }
    page.raw("<dl class=\"facts\">");
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        put!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", esc(value));
    }
    page.raw("</dl>\n");
}

fn picture(page: &mut Markup, result: &RunResult, frames: &[Frame]) {
    page.raw("<section class=\"wide\"><h2>What happened</h2>\n");
    match Series::new(result, frames) {
        Some(series) => page.raw(&chart(result, &series)),
        None => page.raw("<p>Load never began, so there is nothing to draw.</p>\n"),
    }
    page.raw("</section>\n");
}

fn load(page: &mut Markup, result: &RunResult) {
    let load = &result.load;
    page.raw("<section><h2>Load generator</h2>\n");
    put!(page, "<p class=\"account\">{}</p>\n<dl class=\"facts\">", esc(&added_up(load)));
    let validity = load.validity.map_or("unknown", |validity| validity.as_str());
    for (name, value) in [
        ("validity, worst second", validity.to_owned()),
        ("lateness p99", duration_or_dash(load.lateness_p99_ms)),
        ("wait for a connection p99", duration_or_dash(load.connection_wait_p99_ms)),
        ("in flight, most", count(load.in_flight_max)),
        ("CPU, most", format!("{:.2} cores", load.cpu_cores_max)),
        ("promises to keep", count(load.acknowledged)),
        ("judged journeys offered", count(load.judged.offered)),
        ("judged journeys completed", count(load.judged.completed)),
        ("requests sent for them", count(load.attempts.sent)),
        ("repeats of failed requests", count(load.attempts.retries)),
        ("second copies of slow requests", count(load.attempts.hedges)),
        ("refused by the client's budget", count(load.attempts.denied)),
    ] {
        put!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", esc(&value));
    }
    page.raw("</dl></section>\n");
}

fn repeat(page: &mut Markup, result: &RunResult) {
    put!(
        page,
        "<section><h2>Run it again</h2>\n<pre>{}</pre>\n<p>The same seed hits the same requests \
         of the same users.</p></section>\n",
        esc(&result.repeat_command())
    );
}
