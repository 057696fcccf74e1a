//! Names that try to be more than names.

use model::frame::{Event, EventKind};
use model::load::CheckCount;
use serde_json::json;

use crate::report::sample::{self, Sample};
use crate::report::wellformed::elements;
use crate::report::{html, junit, text};

const NAMES: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "]]></failure>&bogus;<!--",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{0}\u{fffe}",
    "</script><script>alert(2)</script>",
    "safe\u{202e}lmth.evil\u{2066}",
    "",
];

/// The sample with every name in it replaced.
fn with(sample: &Sample, name: &str) -> Sample {
    let mut sample = sample.clone();
    let result = &mut sample.result;
    for text in [&mut result.title, &mut result.scenario, &mut result.run_id] {
        *text = name.to_owned();
    }
    result.reasons.push(name.to_owned());
    result.doubts.push(name.to_owned());
    result.versions.insert("shakedown".into(), name.to_owned());
    for expectation in &mut result.expectations {
        expectation.text = format!("p99({name}) < 1s {name}");
        expectation.observed = name.to_owned();
        expectation.detail = name.to_owned();
    }
    result.faults[0].name = name.to_owned();
    result.faults[0].what = name.to_owned();
    result.invariants[0].detail = name.to_owned();
    result.flows[0].flow = name.to_owned();
    for step in &mut result.steps {
        (step.flow, step.step) = (name.to_owned(), name.to_owned());
        step.errors.insert(name.to_owned(), 1);
        step.checks.insert(name.to_owned(), CheckCount { passed: 1, failed: 2 });
    }
    result.dropped[0].what = name.to_owned();
    for frame in &mut sample.frames {
        frame.load.cells.iter_mut().for_each(|cell| cell.flow = name.to_owned());
        frame.faults[0].name = name.to_owned();
        frame.breakers.iter_mut().for_each(|breaker| breaker.reason = name.to_owned());
    }
    sample.frames[0].events.push(Event {
        unix_ms: u64::MAX,
        kind: EventKind::Warning,
        subject: name.to_owned(),
        text: name.to_owned(),
        trace_id: None,
    });
    for span in sample.traces.iter_mut().flat_map(|trace| &mut trace.spans) {
        (span.service, span.name) = (name.to_owned(), name.to_owned());
        span.status_message = name.to_owned();
        span.attributes.insert(name.to_owned(), json!(name));
        span.attributes.insert("shakedown.fault.name".to_owned(), json!(name));
        (span.start_unix_ns, span.duration_ns) = (u64::MAX - 5, u64::MAX);
    }
    for log in sample.traces.iter_mut().flat_map(|trace| &mut trace.logs) {
        (log.service, log.severity, log.body) = (name.into(), name.into(), name.into());
    }
    sample
}

#[test]
fn hostile_names_leave_every_file_well_formed() {
    let sample = sample::run();
    for name in NAMES {
        let sample = with(&sample, name);
        let page = html(&sample.result, &sample.frames, &sample.traces);
        elements(&page).unwrap_or_else(|wrong| panic!("page with {name:?}: {wrong}"));
        elements(&junit(&sample.result)).unwrap_or_else(|wrong| panic!("junit {name:?}: {wrong}"));
    }
}

#[test]
fn hostile_names_add_no_element_and_no_script() {
    let sample = sample::run();
    let page = |name| {
        let sample = with(&sample, name);
        html(&sample.result, &sample.frames, &sample.traces)
    };
    let harmless = elements(&page("name")).unwrap().len();
    for name in NAMES.into_iter().filter(|name| !name.is_empty()) {
        let page = page(name);
        assert_eq!(elements(&page).unwrap().len(), harmless, "{name:?}");
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{name:?}");
    }
}

#[test]
fn nothing_in_a_name_reaches_the_terminal_as_a_control_character() {
    let sample = sample::run();
    for name in NAMES {
        let summary = text(&with(&sample, name).result, &[("report", name)], false);
        let acts = |character: char| character.is_control() && character != '\n';
        assert!(!summary.contains(acts), "{name:?}");
        assert!(!summary.contains('\u{202e}'), "{name:?}");
    }
}
