//! JUnit XML of a load: a case for each threshold, and one for the load itself, so that a load that
//! did not take place as asked is never all green.

use super::escape::esc;
use super::figures::utc;
use super::markup::{Markup, put};
use crate::load::{Held, LoadResult, ThresholdResult};
use model::load::Validity;

/// The whole file.
pub fn load_junit(result: &LoadResult) -> String {
    let count = |held| result.thresholds.iter().filter(|it| it.verdict == held).count();
    let invalid = result.summary.trust.verdict == Validity::Invalid;
    let tests = result.thresholds.len() + 1;
    let failures = count(Held::Fail);
    let errors = count(Held::Unclear) + usize::from(invalid);
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{}\" \
         time=\"{:.3}\"",
        count(Held::NotJudged),
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
    xml.raw("    </testcase>\n  </testsuite>\n</testsuites>\n");
    xml.finish()
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
