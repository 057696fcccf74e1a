//! What the files promise: well-formed whatever the names are, offline, small, readable.

mod hostile;

use model::frame::Verdict;

use super::wellformed::elements;
use super::{html, junit, sample, text};
use crate::result::RunResult;

const FILES: [(&str, &str); 2] = [
    ("report", "runs/20261121-014207-7f3a/report.html"),
    ("data", "runs/20261121-014207-7f3a/run.db"),
];

#[test]
fn the_summary_reads_well() {
    insta::assert_snapshot!(text(&sample::run().result, &FILES, false));
}

#[test]
fn faults_armed_by_hand_are_said_beside_the_verdict_in_every_form() {
    let mut sample = sample::run();
    let finding = "Faults were armed by hand: slow <b> at 00:41 for 1m.";
    sample.result.findings = vec![finding.to_owned()];
    let page = html(&sample.result, &sample.frames, &sample.traces);
    let escaped = finding.replace('<', "&lt;").replace('>', "&gt;");
    assert!(text(&sample.result, &FILES, false).contains(&format!("\nnote {finding}\n")));
    assert!(page.contains(&format!("<li>{escaped}</li>")));
    assert!(junit(&sample.result).contains(&format!("<system-out>{escaped}</system-out>")));
}

#[test]
fn the_summary_is_plain_unless_colour_is_asked_for() {
    let result = sample::run().result;
    assert!(!text(&result, &FILES, false).contains('\x1b'));
    assert!(text(&result, &FILES, true).contains("\x1b[38;5;167mFAIL\x1b[0m"));
}

#[test]
fn no_line_of_the_summary_is_wider_than_80_columns() {
    let mut result = sample::run().result;
    result.title = "long ".repeat(60);
    result.expectations[2].text =
        "p99(a-flow-with-a-name-that-does-not-end-before-the-line-does) < 1s".into();
    result.expectations[2].detail = "x".repeat(300);
    result.faults[0].what = "y".repeat(200);
    result.flows[0].flow = "z".repeat(70);
    for line in text(&result, &FILES, false).lines() {
        assert!(line.chars().count() <= text::COLUMNS, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn junit_says_what_each_verdict_means() {
    let xml = junit(&sample::run().result);
    elements(&xml).unwrap();
    for expected in [
        "<testsuite name=\"slow payments\" tests=\"12\" failures=\"2\" errors=\"2\" skipped=\"0\" \
         time=\"120.000\" timestamp=\"2026-11-21T01:42:07Z\">",
        "<property name=\"seed\" value=\"42\"/>",
        "<property name=\"run_id\" value=\"20261121-014207-7f3a\"/>",
        "<testcase classname=\"slow-payments.before\" name=\"p99(checkout) &lt; 300ms\" \
         time=\"30.000\">\n      <system-out>observed: 121ms (115ms..128ms, n=1800)</system-out>",
        "<failure type=\"expectation\" message=\"fail: observed 1.84s (1.79s..1.92s, n=1920)\">\
         observed: 1.84s (1.79s..1.92s, n=1920)&#10;detail: the whole interval is above the limit; \
         6.1% of the journeys took longer&#10;trace: 01010101010101010101010101010101&#10;\
         trace: 07070707070707070707070707070707</failure>",
        "<error type=\"inconclusive\" message=\"unclear: observed 188ms (131ms..402ms, n=2400)\">",
        "<error type=\"not-exercised\" message=\"not exercised: observed 0 times\">",
    ] {
        assert!(xml.contains(expected), "{expected}\nis missing in\n{xml}");
    }
}

#[test]
fn an_expectation_that_never_came_up_is_skipped_and_the_run_says_why() {
    let mut result = sample::run().result;
    result.expectations.truncate(1);
    result.expectations[0].verdict = Verdict::Waiting;
    result.doubts = vec!["The run was interrupted.".into()];
    let xml = junit(&result);
    assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""), "{xml}");
    assert!(xml.contains("<skipped message=\"waiting: observed"), "{xml}");
    assert!(xml.contains("message=\"The run was interrupted.\">"), "{xml}");
}

#[test]
fn the_sample_page_is_offline_well_formed_and_small() {
    let sample = sample::run();
    let page = html(&sample.result, &sample.frames, &sample.traces);
    if let Ok(path) = std::env::var("SHAKEDOWN_SAMPLE_PAGE") {
        std::fs::write(path, &page).unwrap();
    }
    elements(&page).unwrap();
    for outside in ["http://", "https://", "//cdn", "@import", "url(\"", "src=", "<link", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.len() < 2 * 1024 * 1024, "{} bytes", page.len());
}

#[test]
fn the_page_shows_causes_effects_and_proof() {
    let sample = sample::run();
    let page = html(&sample.result, &sample.frames, &sample.traces);
    for expected in [
        "exit code 1 (an expectation failed)",
        "planned +0.0 s to +40.0 s",
        "894 hits",
        "opened 3 times",
        "7 others stayed closed",
        "open from +2.4 s to +7.4 s: slow calls 12 of 20 (limit 50%)",
        "<title>no data</title>",
        "p99 &lt; 1.5s ✗",
        "href=\"#t01010101010101010101010101010101\"",
        "id=\"t01010101010101010101010101010101\"",
        "<code class=\"trace\">07070707070707070707070707070707</code>",
        "◆ payments slow",
        "ord-000412 (2 x 1250 cents)",
        "charging order 412",
        "load spans",
        "shakedown run scenarios/slow-payments.toml --seed 42",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn every_link_on_the_page_has_a_target() {
    let sample = sample::run();
    let page = html(&sample.result, &sample.frames, &sample.traces);
    let links: Vec<_> = page.split("href=\"#").skip(1).collect();
    assert!(links.len() > 10, "{}", links.len());
    for link in links {
        let target = link.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn a_run_that_never_began_still_has_its_files() {
    let sample = sample::run();
    let result = RunResult { started_unix_ms: None, flows: vec![], edges: vec![], ..sample.result };
    let page = html(&result, &[], &[]);
    assert!(page.contains("Load never began"));
    elements(&page).unwrap();
    elements(&junit(&result)).unwrap();
}

#[test]
fn a_run_of_an_hour_has_a_page_as_small_as_any() {
    let mut sample = sample::run();
    sample.result.timeline.end_ms = 3_600_000;
    let last = sample.frames.last().unwrap().clone();
    for second in 1..3_500 {
        let mut frame = last.clone();
        (frame.seq, frame.unix_s) = (last.seq + second, last.unix_s + second);
        sample.frames.push(frame);
    }
    let page = html(&sample.result, &sample.frames, &sample.traces);
    elements(&page).unwrap();
    assert!(page.len() < 2 * 1024 * 1024, "{} bytes", page.len());
}
