//! JUnit XML for CI: a suite per scenario, a case per expectation and phase, and one case for the
//! run itself, so that a run with a doubtful load generator is never all green.
//!
//! | Verdict | Element |
//! |---|---|
//! | pass | none |
//! | fail | `failure` |
//! | unclear | `error` of type `inconclusive` |
//! | not exercised | `error` of type `not-exercised` |
//! | waiting (the run ended before its phase) | `skipped` |

use model::frame::{Verdict, VerdictFrame};

use super::escape::esc;
use super::figures::{count, held, phase_length_ms, sent, utc};
use super::markup::{Markup, put};
use super::text::added_up;
use crate::result::RunResult;

/// The whole file.
pub fn junit(result: &RunResult) -> String {
    let verdicts = || result.expectations.iter().map(|expectation| expectation.verdict);
    let doubtful = !result.doubts.is_empty();
    let tests = result.expectations.len() + 1;
    let failures = verdicts().filter(|verdict| *verdict == Verdict::Fail).count();
    let errors = verdicts().filter(|verdict| error_type(*verdict).is_some()).count();
    let errors = errors + usize::from(doubtful);
    let skipped = verdicts().filter(|verdict| *verdict == Verdict::Waiting).count();
    let time = seconds(result.timeline.end_ms);
    let mut xml = Markup::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put!(
        xml,
        "<testsuites name=\"shakedown\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time}\">\n"
    );
    put!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"{time}\"",
        esc(&result.title)
    );
    if let Some(started) = result.started_unix_ms {
        put!(xml, " timestamp=\"{}\"", utc(started));
    }
    xml.raw(">\n");
    properties(&mut xml, result);
    for expectation in &result.expectations {
        expectation_case(&mut xml, result, expectation);
    }
    run_case(&mut xml, result);
    put!(xml, "    <system-out>{}</system-out>\n", esc(&load_of(result)));
    xml.raw("  </testsuite>\n</testsuites>\n");
    xml.finish()
}

fn properties(xml: &mut Markup, result: &RunResult) {
    let known = [
        ("run_id", result.run_id.clone()),
        ("seed", result.seed.to_string()),
        ("scenario", result.scenario.clone()),
        ("scenario_hash", result.scenario_hash.clone()),
        ("time_scale", result.time_scale.to_string()),
        ("verdict", result.verdict.as_str().to_owned()),
        ("exit_code", result.exit_code.code().to_string()),
        ("repeat", result.repeat_command()),
    ];
    xml.raw("    <properties>\n");
    for (name, value) in &known {
        put!(xml, "      <property name=\"{name}\" value=\"{}\"/>\n", esc(value));
    }
    xml.raw("    </properties>\n");
}

/// What the load was and what of it held, a line each: no expectation, so no case of its own.
fn load_of(result: &RunResult) -> String {
    let load = &result.load;
    let mut lines = vec![format!("load: {}", added_up(load))];
    lines.push(format!(
        "judged: {} offered, {} completed; {}",
        count(load.judged.offered),
        count(load.judged.completed),
        sent(load.attempts)
    ));
    lines.extend(result.checks().iter().map(|check| {
        format!("check {}/{}: {}: {}", check.flow, check.step, check.check, held(check.count))
    }));
    lines.join("\n")
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Class names are paths in most viewers: the scenario file without its folder and ending.
fn class_name(result: &RunResult) -> String {
    let file = result.scenario.rsplit(['/', '\\']).next().unwrap_or_default();
    file.strip_suffix(".toml").unwrap_or(file).replace('.', "-")
}

fn error_type(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Unclear => Some("inconclusive"),
        Verdict::NotExercised => Some("not-exercised"),
        Verdict::Pass | Verdict::Waiting | Verdict::Fail => None,
    }
}

fn expectation_case(xml: &mut Markup, result: &RunResult, expectation: &VerdictFrame) {
    put!(
        xml,
        "    <testcase classname=\"{}.{}\" name=\"{}\" time=\"{}\">\n",
        esc(&class_name(result)),
        expectation.phase,
        esc(&expectation.text),
        seconds(phase_length_ms(&result.timeline, expectation.phase))
    );
    let message = message_of(expectation);
    match (expectation.verdict, error_type(expectation.verdict)) {
        (Verdict::Fail, _) => outcome(xml, ("failure", "expectation"), &message, expectation),
        (_, Some(kind)) => outcome(xml, ("error", kind), &message, expectation),
        (Verdict::Waiting, _) => {
            put!(xml, "      <skipped message=\"{}\"/>\n", esc(&message));
        },
        _ => put!(xml, "      <system-out>{}</system-out>\n", esc(&body_of(expectation))),
    }
    xml.raw("    </testcase>\n");
}

fn outcome(
    xml: &mut Markup,
    (element, kind): (&str, &str),
    message: &str,
    expectation: &VerdictFrame,
) {
    put!(
        xml,
        "      <{element} type=\"{kind}\" message=\"{}\">{}</{element}>\n",
        esc(message),
        esc(&body_of(expectation))
    );
}

/// One line: the verdict and the observed value with its interval.
fn message_of(expectation: &VerdictFrame) -> String {
    match expectation.observed.as_str() {
        "" => expectation.verdict.as_str().to_owned(),
        observed => format!("{}: observed {observed}", expectation.verdict.as_str()),
    }
}

fn body_of(expectation: &VerdictFrame) -> String {
    let mut lines = vec![format!("observed: {}", expectation.observed)];
    if !expectation.detail.is_empty() {
        lines.push(format!("detail: {}", expectation.detail));
    }
    lines.extend(expectation.trace_ids.iter().map(|id| format!("trace: {id}")));
    lines.join("\n")
}

fn run_case(xml: &mut Markup, result: &RunResult) {
    put!(
        xml,
        "    <testcase classname=\"{}.run\" name=\"the run proves what it claims\" \
         time=\"{}\">\n",
        esc(&class_name(result)),
        seconds(result.timeline.end_ms)
    );
    if let Some(first) = result.doubts.first() {
        put!(
            xml,
            "      <error type=\"{}\" message=\"{}\">{}</error>\n",
            esc(result.exit_code.meaning()),
            esc(first),
            esc(&result.doubts.join("\n"))
        );
    }
    if !result.findings.is_empty() {
        put!(xml, "      <system-out>{}</system-out>\n", esc(&result.findings.join("\n")));
    }
    xml.raw("    </testcase>\n");
}
