//! The verdict of the whole run, with its reasons.
//!
//! The worst expectation counts: fail beats unclear beats not exercised beats pass. Beside the
//! expectations stand the doubts about the run itself (a fault that hit nothing, a generator that
//! was late, a ledger with holes): each of them keeps a run from passing, none hides a failure.

use loadgen::summary::Account;
use model::frame::{DropCount, FaultFrame, Verdict, VerdictFrame};

use super::{Ending, ExitCode, LedgerCheck, LoadAccount};

/// What the doubts are drawn from.
pub(super) struct Grounds<'a> {
    pub(super) ending: &'a Ending,
    pub(super) faults: &'a [FaultFrame],
    pub(super) load: &'a LoadAccount,
    pub(super) workers: u64,
    pub(super) ledger: &'a [LedgerCheck],
    pub(super) dropped: &'a [DropCount],
    pub(super) expectations: &'a [VerdictFrame],
}

/// One reason why the run proves less than it should.
pub(super) struct Doubt {
    pub(super) verdict: Verdict,
    pub(super) sentence: String,
}

fn unclear(sentence: String) -> Doubt {
    Doubt { verdict: Verdict::Unclear, sentence }
}

pub(super) fn doubts(grounds: &Grounds<'_>) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    doubts.extend(doubt_of_ending(grounds.ending));
    if grounds.expectations.is_empty() {
        doubts.push(Doubt {
            verdict: Verdict::NotExercised,
            sentence: "The scenario expects nothing, so the run proves nothing.".into(),
        });
    }
    doubts.extend(grounds.faults.iter().filter(|fault| fault.hit == 0).map(|fault| Doubt {
        verdict: Verdict::NotExercised,
        sentence: format!("The fault \"{}\" hit no request.", fault.name),
    }));
    doubts.extend(grounds.ledger.iter().filter_map(doubt_of_ledger).map(unclear));
    let unasked = grounds.ledger.iter().any(|check| check.proxy.is_none());
    if unasked && *grounds.ending == Ending::Finished {
        doubts.push(unclear("The proxy's own counts of the faults are not known.".into()));
    }
    doubts.extend(doubts_of_load(grounds.load, grounds.workers).into_iter().map(unclear));
    // A run that ends early stops its workers itself, and says why.
    if *grounds.ending == Ending::Finished {
        doubts.extend(grounds.load.stopped.iter().map(|(worker, by)| {
            unclear(format!("Load worker {worker} was stopped by {by} while the run went on."))
        }));
    }
    let lost = grounds.dropped.iter().filter(|dropped| is_evidence(&dropped.what));
    doubts.extend(lost.map(|dropped| {
        unclear(format!("Evidence was lost: {} {} dropped.", dropped.count, dropped.what))
    }));
    doubts
}

fn doubt_of_ending(ending: &Ending) -> Option<Doubt> {
    match ending {
        Ending::Finished => None,
        Ending::StoppedBySafety { reason } => {
            Some(unclear(sentence(&format!("The run was stopped by safety: {reason}"))))
        },
        Ending::HarnessFault { reason } => {
            Some(unclear(sentence(&format!("The harness could not finish the run: {reason}"))))
        },
        Ending::Interrupted => Some(unclear("The run was interrupted.".into())),
    }
}

fn doubt_of_ledger(check: &LedgerCheck) -> Option<String> {
    let proxy = check.proxy.filter(|_| !check.reconciled)?;
    Some(format!(
        "The ledger of \"{}\" has {} hits and {} skipped, the proxy counted {} and {}.",
        check.fault, check.ledger.hit, check.ledger.skipped, proxy.hit, proxy.skipped
    ))
}

fn doubts_of_load(load: &LoadAccount, workers: u64) -> Vec<String> {
    let mut doubts = Vec::new();
    if load.workers < workers {
        doubts
            .push(format!("Only {} of {workers} load workers gave a final account.", load.workers));
    } else if !load.balanced {
        let Account { offered, completed, failed, timed_out, dropped, unfinished } = load.account;
        doubts.push(format!(
            "The account of the load does not add up: {offered} offered, {completed} completed, \
             {failed} failed, {timed_out} timed out, {dropped} dropped, {unfinished} unfinished."
        ));
    }
    if load.invalid_seconds * INVALID_ONE_IN > load.judged_seconds {
        doubts.push(format!(
            "The load generator could not keep its promise in {} of {} judged seconds.",
            load.invalid_seconds, load.judged_seconds
        ));
    }
    doubts
}

/// A run in which more than one in so many judged seconds was invalid had not the load that was
/// asked for. A single one is said and borne: response times run from the intended start, so a late
/// generator can only make them worse.
const INVALID_ONE_IN: u64 = 10;

/// Whether a loss touches what verdicts are drawn from: the gateway's spans and ledger, and what
/// the collector makes of them. Journeys are counted apart from their spans, and log lines of
/// services judge nothing.
fn is_evidence(what: &str) -> bool {
    let kept = NO_EVIDENCE.contains(&what);
    !kept && ["proxy", "gateway", "collector"].iter().any(|part| what.starts_with(part))
}

/// Counts of things that were refused, not lost: a refused sender comes back, a slow viewer can
/// resume, and a caller that the gateway did not let in never became a request. Lines of text judge
/// nothing.
const NO_EVIDENCE: [&str; 8] = [
    "collector requests refused",
    "collector senders cut off",
    "collector viewers too slow",
    "collector log lines cut",
    "collector log lines lost",
    "proxy accepts",
    "proxy connections",
    "proxy malformed heads",
];

/// The worst of the expectations and doubts. The run is over, so what still waits stays unclear.
pub(super) fn overall(doubts: &[Doubt], judged: Verdict) -> Verdict {
    let judged = if judged == Verdict::Waiting { Verdict::Unclear } else { judged };
    doubts.iter().map(|doubt| doubt.verdict).fold(judged, Verdict::max)
}

/// The way a run ended goes before its verdict: an interrupted run has not been failed by the
/// system.
pub(super) fn exit_code(ending: &Ending, verdict: Verdict) -> ExitCode {
    match (ending, verdict) {
        (Ending::Interrupted, _) => ExitCode::Interrupted,
        (Ending::StoppedBySafety { .. }, _) => ExitCode::StoppedBySafety,
        (Ending::HarnessFault { .. }, _) => ExitCode::HarnessFault,
        (Ending::Finished, Verdict::Pass) => ExitCode::Pass,
        (Ending::Finished, Verdict::Fail) => ExitCode::Failed,
        (Ending::Finished, Verdict::Waiting | Verdict::NotExercised | Verdict::Unclear) => {
            ExitCode::Inconclusive
        },
    }
}

/// Why one expectation keeps the run from passing.
pub(super) fn reason_of(expectation: &VerdictFrame) -> Option<String> {
    let verb = match expectation.verdict {
        Verdict::Pass => return None,
        Verdict::Waiting => "was never judged",
        Verdict::NotExercised => "was not exercised",
        Verdict::Unclear => "is unclear",
        Verdict::Fail => "does not hold",
    };
    let observed = match expectation.observed.as_str() {
        "" => String::new(),
        observed => format!(", observed {observed}"),
    };
    let detail = match expectation.detail.as_str() {
        "" => String::new(),
        detail => format!(": {detail}"),
    };
    let VerdictFrame { phase, text, .. } = expectation;
    Some(sentence(&format!("{phase}: \"{text}\" {verb}{observed}{detail}")))
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
