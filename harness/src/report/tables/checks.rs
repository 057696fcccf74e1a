//! What was checked of the answers, and how often it held.

use crate::report::escape::esc;
use crate::report::figures::{count, percent};
use crate::report::markup::{Markup, put};
use crate::result::RunResult;

pub(in super::super) fn checks(page: &mut Markup, result: &RunResult) {
    let checks = result.checks();
    if checks.is_empty() {
        return;
    }
    page.raw(
        "<section><h2>Checks of answers</h2>\n<div class=\"scroll\"><table><thead><tr>\
         <th>Flow</th><th>Step</th><th>Check</th><th class=\"number\">Held</th>\
         <th class=\"number\">Failed</th><th class=\"number\">Share failed</th>\
         <th>Failed in</th></tr></thead><tbody>\n",
    );
    for check in &checks {
        let (passed, failed) = (check.count.passed, check.count.failed);
        let in_phase = |(phase, failed): &(_, u64)| format!("{} {phase}", count(*failed));
        let phases: Vec<_> = check.failed_in.iter().map(in_phase).collect();
        put!(
            page,
            "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td class=\"number\">{}</td>\
             <td class=\"number {}\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
            esc(&check.flow),
            esc(&check.step),
            esc(&check.check),
            count(passed),
            if failed > 0 { "error" } else { "" },
            count(failed),
            esc(&percent(failed, passed + failed)),
            phases.join(", ")
        );
    }
    page.raw("</tbody></table></div></section>\n");
}
