//! JUnit XML of a load: a case for each threshold, and one for the load itself, so that a load that
//! did not take place as asked is never all green.

use super::escape::esc;
use super::figures::{count, held, sent, utc};
use super::markup::{Markup, put};
use crate::load::{Held, LoadResult, ThresholdResult};
use model::load::Validity;

/// The whole file.
pub fn load_junit(result: &LoadResult) -> String {
    let with = |held| result.thresholds.iter().filter(|it| it.verdict == held).count();
    let invalid = result.summary.trust.verdict == Validity::Invalid;
    let tests = result.thresholds.len() + 1;
    let failures = with(Held::Fail);
    let errors = with(Held::Unclear) + usize::from(invalid);
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{}\" \
         time=\"{:.3}\"",
        with(Held::NotJudged),
        result.summary.elapsed_s
    );
    let mut xml = Markup::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put!(xml, "<testsuites name=\"shakedown load\" {counts}>\n");
    put!(
        xml,
        "  <testsuite name=\"{}\" {counts} timestamp=\"{}\">\n",
        esc(&result.load.requests),
        utc(result.summary.started_unix_ms)
    );
    result.thresholds.iter().for_each(|threshold| case(&mut xml, threshold));
    put!(
        xml,
        "    <testcase classname=\"load\" name=\"the load took place as asked\" time=\"{:.3}\">\n",
        result.summary.elapsed_s
    );
    let reasons = result.summary.trust.reasons.join("\n");
    if invalid {
        put!(xml, "      <error type=\"invalid\" message=\"{}\"/>\n", esc(&reasons));
    } else if !reasons.is_empty() {
        put!(xml, "      <system-out>{}</system-out>\n", esc(&reasons));
    }
    xml.raw("    </testcase>\n");
    put!(xml, "    <system-out>{}</system-out>\n", esc(&said(result)));
    xml.raw("  </testsuite>\n</testsuites>\n");
    xml.finish()
}

/// What was offered, attempted and completed, and which checks held, a line each.
fn said(result: &LoadResult) -> String {
    let summary = &result.summary;
    let mut lines = vec![format!("model: {}", result.load.model)];
    lines.push(format!(
        "judged: {} offered, {} completed; {}",
        count(summary.judged.offered),
        count(summary.judged.completed),
        sent(summary.attempts)
    ));
    for group in &summary.groups {
        let step = group.step.as_deref().unwrap_or_default();
        for (check, count) in &group.checks {
            lines.push(format!("check {}/{step}: {check}: {}", group.flow, held(*count)));
        }
    }
    lines.join("\n")
}

fn case(xml: &mut Markup, threshold: &ThresholdResult) {
    put!(xml, "    <testcase classname=\"load.threshold\" name=\"{}\">\n", esc(&threshold.text));
    let message = format!("{}: observed {}", threshold.verdict.as_str(), threshold.observed);
    let (message, detail) = (esc(&message), esc(&threshold.detail));
    match threshold.verdict {
        Held::Pass => {
            put!(xml, "      <system-out>{message}</system-out>\n");
        },
        Held::Fail => {
            put!(
                xml,
                "      <failure type=\"threshold\" message=\"{message}\">{detail}</failure>\n"
            );
        },
        Held::Unclear => {
            put!(
                xml,
                "      <error type=\"inconclusive\" message=\"{message}\">{detail}</error>\n"
            );
        },
        Held::NotJudged => {
            put!(xml, "      <skipped message=\"{message}\"/>\n");
        },
    }
    xml.raw("    </testcase>\n");
}
