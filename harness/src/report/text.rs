//! The summary that stays on the screen when a run is over: at most 80 columns, no colour unless
//! asked for, no character that could act on the terminal.

use std::path::Path;

use loadgen::summary::Account;
use model::frame::{DropCount, Verdict, VerdictFrame};
use model::load::{Group, Validity};
use model::phase::Phase;

use super::escape::plain;
use super::figures::{
    count, counted, duration_or_dash, held, percent, sent, verdict_role, verdict_sign,
};
use crate::result::{ByHandFault, CheckTotals, FlowTotals, LoadAccount, RunResult};

/// Widest line.
pub(super) const COLUMNS: usize = 80;

/// The whole summary, with a line break at its end. `files` says what the run left where.
pub fn text<P: AsRef<Path>>(result: &RunResult, files: &[(&str, P)], colour: bool) -> String {
    let mut page = Lines { text: String::new(), colour };
    page.headline(result);
    page.findings(&result.findings);
    page.expectations(&result.expectations);
    page.flows(&result.flows);
    page.checks(&result.checks());
    page.faults(result);
    page.load(&result.load);
    page.losses(&result.dropped);
    page.reasons(&result.doubts);
    page.heading("files");
    for (what, path) in files {
        // A path is for copying, so it is never broken, however long it is.
        page.push(&format!("  {:<10} {}", plain(what), plain(&path.as_ref().to_string_lossy())));
    }
    page.heading("repeat");
    page.push(&format!("  {}", plain(&result.repeat_command())));
    page.text
}

struct Lines {
    text: String,
    colour: bool,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.text.push('\n');
        self.push(heading);
    }

    /// Breaks text at spaces; the first line begins with `first`, the others are indented alike.
    fn wrapped(&mut self, first: &str, text: &str) {
        let indent = " ".repeat(first.chars().count());
        for (number, line) in wrap(&plain(text), COLUMNS - indent.len()).iter().enumerate() {
            let lead = if number == 0 { first } else { &indent };
            self.push(&format!("{lead}{line}"));
        }
    }

    fn painted(&self, text: &str, role: &str) -> String {
        let code = match role {
            "ok" => "38;5;80",
            "warn" => "38;5;226",
            "error" => "38;5;167",
            _ => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn headline(&mut self, result: &RunResult) {
        let verdict = result.verdict.as_str().to_uppercase();
        let verdict = self.painted(&verdict, verdict_role(result.verdict));
        let title = cut(&plain(&result.title), COLUMNS - 20);
        self.push(&format!("{verdict}  {title}"));
        self.wrapped("exit code ", &result.exit_code.to_string());
        self.wrapped("run ", &format!("{}, seed {}", result.run_id, result.seed));
    }

    /// Beside the verdict, which does not say it.
    fn findings(&mut self, findings: &[String]) {
        for finding in findings {
            self.wrapped("note ", finding);
        }
    }

    fn expectations(&mut self, expectations: &[VerdictFrame]) {
        for phase in Phase::ALL {
            let of_phase: Vec<_> = expectations.iter().filter(|one| one.phase == phase).collect();
            if !of_phase.is_empty() {
                self.heading(phase.as_str());
            }
            for expectation in of_phase {
                self.expectation(expectation);
            }
        }
    }

    fn expectation(&mut self, expectation: &VerdictFrame) {
        let verdict = expectation.verdict;
        let head = format!("{} {:<13}", verdict_sign(verdict), verdict.as_str());
        let head = self.painted(&head, verdict_role(verdict));
        let (text, observed) = (plain(&expectation.text), plain(&expectation.observed));
        let indent = " ".repeat(18);
        if 18 + text.chars().count() + 2 + observed.chars().count() <= COLUMNS {
            let room = COLUMNS - 18 - observed.chars().count();
            self.push(&format!("  {head} {text:<room$}{observed}"));
        } else {
            let mut lines = wrap(&text, COLUMNS - 18).into_iter();
            self.push(&format!("  {head} {}", lines.next().unwrap_or_default()));
            lines.for_each(|line| self.push(&format!("{indent}{line}")));
            self.wrapped(&indent, &observed);
        }
        if verdict != Verdict::Pass {
            self.wrapped(&indent, &expectation.detail);
            for id in expectation.trace_ids.iter().take(3) {
                self.push(&format!("{indent}trace {id}"));
            }
        }
    }

    fn flows(&mut self, flows: &[FlowTotals]) {
        let judged: Vec<_> = flows.iter().filter(|flow| flow.phase != Phase::Warmup).collect();
        if judged.is_empty() {
            return;
        }
        self.text.push('\n');
        self.push("journeys          phase   group       count  errors       p50       p99");
        for flow in judged {
            self.push(&format!(
                "  {:<15} {:<7} {:<8} {:>8} {:>7} {:>9} {:>9}",
                cut(&plain(&flow.flow), 15),
                flow.phase.as_str(),
                group_name(flow.group),
                count(flow.count),
                percent(flow.error_count(), flow.count),
                duration_or_dash(flow.response.p50_ms),
                duration_or_dash(flow.response.p99_ms),
            ));
        }
    }

    fn checks(&mut self, checks: &[CheckTotals]) {
        if !checks.is_empty() {
            self.heading("checks");
        }
        for check in checks {
            let in_phase = |(phase, failed): &(Phase, u64)| format!("{} {phase}", count(*failed));
            let phases: Vec<_> = check.failed_in.iter().map(in_phase).collect();
            let phases = match phases.as_slice() {
                [] => String::new(),
                phases => format!(" ({})", phases.join(", ")),
            };
            let CheckTotals { flow, step, check, count, .. } = check;
            self.wrapped("  ", &format!("{flow}/{step}: {check}: {}{phases}", held(*count)));
        }
    }

    fn faults(&mut self, result: &RunResult) {
        if !result.faults.is_empty() || !result.by_hand.is_empty() {
            self.heading("faults");
        }
        for fault in &result.faults {
            let edges: Vec<_> = fault.edges.iter().map(ToString::to_string).collect();
            let line = format!(
                "{}: {} on {}, share {}: {}, {} skipped",
                fault.name,
                fault.what,
                edges.join(", "),
                fault.share,
                counted(fault.hit, "hit"),
                count(fault.skipped)
            );
            self.wrapped("  ", &line);
        }
        // The ledger has one count for all times that one was armed.
        let mut by_hand: Vec<_> = result.by_hand.iter().collect();
        by_hand.dedup_by_key(|fault| fault.name.as_str());
        for ByHandFault { name, what, edges, ledger, .. } in by_hand {
            let edges: Vec<_> = edges.iter().map(ToString::to_string).collect();
            let (hits, skipped) = (counted(ledger.hit, "hit"), count(ledger.skipped));
            let edges = edges.join(", ");
            let line = format!(
                "{name}, not in the scenario: {what} on {edges}: {hits}, {skipped} skipped"
            );
            self.wrapped("  ", &line);
        }
    }

    fn load(&mut self, load: &LoadAccount) {
        self.heading("load");
        self.wrapped("  ", &added_up(load));
        if load.attempts.sent > 0 {
            let (came, good) = (count(load.judged.offered), count(load.judged.completed));
            let sent = sent(load.attempts);
            self.wrapped("  ", &format!("for {came} judged journeys {sent}; {good} completed"));
        }
        let validity = load.validity.map_or("unknown", Validity::as_str);
        let lateness = duration_or_dash(load.lateness_p99_ms);
        self.push(&format!("  generator {validity}, lateness p99 {lateness}"));
    }

    fn losses(&mut self, dropped: &[DropCount]) {
        if !dropped.is_empty() {
            self.heading("lost");
        }
        for lost in dropped {
            self.wrapped("  ", &format!("{}: {}", lost.what, count(lost.count)));
        }
    }

    fn reasons(&mut self, doubts: &[String]) {
        if !doubts.is_empty() {
            self.heading("the run itself");
        }
        for doubt in doubts {
            self.wrapped("  - ", doubt);
        }
    }
}

/// The account of the load in one line.
pub(super) fn added_up(load: &LoadAccount) -> String {
    let Account { offered, completed, failed, timed_out, dropped, unfinished } = load.account;
    let sum = if load.balanced { "=" } else { "≠" };
    format!(
        "{} offered {sum} {} completed + {} failed + {} timed out + {} dropped + {} unfinished",
        count(offered),
        count(completed),
        count(failed),
        count(timed_out),
        count(dropped),
        count(unfinished)
    )
}

pub(super) fn group_name(group: Group) -> &'static str {
    match group {
        Group::Control => "control",
        Group::Exposed => "exposed",
    }
}

/// At most `width` characters, with an ellipsis when something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Lines of at most `width` characters; a longer word is broken.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let characters: Vec<char> = word.chars().collect();
        for (part, chunk) in characters.chunks(width).enumerate() {
            let needed = line.chars().count() + chunk.len() + 1;
            if !line.is_empty() && (part > 0 || needed > width) {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(chunk);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
