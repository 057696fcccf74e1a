//! Is the telemetry of a run complete enough to judge by?
//!
//! What the load generator sent, what the gateway served, what came in and what was lost are
//! counted in different places. Here the accounts are laid side by side: every cause of a loss with
//! its count and a sentence, and a bound above which percentiles of this run prove nothing.
//!
//! Two things are told apart: *known* losses, which somebody counted, and *missing* spans, which
//! nobody counted: parents that never came, and answered calls without the server span that calls
//! of their sort have otherwise. Missing ones are counted in the traces that were read.

mod learned;

use model::expect::share_interval;
use model::frame::{DropCount, Frame};
use model::hdr::LoadTotals;
use model::load::Outcome;
use model::trace::Findings;
use serde::{Deserialize, Serialize};

use self::learned::Learned;
use super::sample::{Gathered, Prepared, SampleSize, findings};
use crate::sampling::SamplingCounts;

/// Largest part of the spans that may be lost. One request in a hundred decides a p99, so a loss
/// that strikes slow requests alone must be far below that.
pub const LOSS_SHARE_MAX: f64 = 0.001;

/// What the parts of a run have counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests of the load generator that were answered.
    pub answered: u64,
    /// Requests of the load generator that may or may not have reached the gateway: timed out,
    /// broken, or unfinished.
    pub uncertain: u64,
    /// Every worker has given its final account.
    pub load_ended: bool,
    /// Requests on edges from the outside, by spans of the gateway.
    pub entered: u64,
    /// Requests on all edges.
    pub requests: u64,
    pub attempts: u64,
    /// In the file.
    pub spans_written: u64,
    pub rejected: u64,
    pub late: u64,
    pub duplicates: u64,
    /// What sampling has kept and left out on purpose.
    pub sampling: SamplingCounts,
    pub dropped: Vec<DropCount>,
}

impl Counts {
    /// Takes what load workers reported.
    pub fn add_load(&mut self, load: &LoadTotals) {
        let steps = |outcomes: &[Outcome]| {
            load.count(|key| key.step.is_some() && outcomes.contains(&key.outcome))
        };
        let answered = [Outcome::Completed, Outcome::Status, Outcome::Answer, Outcome::Check];
        let certain = steps(&answered);
        self.answered += certain;
        self.uncertain += steps(&[Outcome::Timeout, Outcome::Connection, Outcome::Unfinished]);
        // Of a step that was tried several times, one answer is certain; the others may have come.
        let tries = load.attempts(|key| key.step.is_some());
        self.uncertain += tries.retries + tries.hedges;
    }

    /// Takes what the gateway's spans of one second say.
    pub fn add_frame(&mut self, frame: &Frame) {
        for edge in &frame.edges {
            self.requests += edge.requests;
            self.attempts += edge.attempts;
            if edge.edge.caller == model::edge::CLIENT {
                self.entered += edge.requests;
            }
        }
    }
}

/// May verdicts be drawn from this telemetry?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// At most [`LOSS_SHARE_MAX`] is lost, by the whole interval.
    Complete,
    /// Too few traces to tell.
    Unclear,
    /// More is lost.
    Untrustworthy,
}

impl Trust {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unclear => "unclear",
            Self::Untrustworthy => "untrustworthy",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    pub trust: Trust,
    /// Why.
    pub text: String,
    pub counts: Counts,
    pub traces: SampleSize,
    /// Of the traces that were read and have settled.
    pub findings: Findings,
    /// Spans that the settled traces should have: those that came and those that are missing.
    pub spans_expected: u64,
    pub spans_missing: u64,
    /// Part of everything that is lost, known, unseen and missing, with its 95 % interval.
    pub loss_share: f64,
    pub loss_share_low: f64,
    pub loss_share_high: f64,
    /// Every count that is not as it should be.
    pub causes: Vec<Cause>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub what: String,
    pub count: u64,
    /// False for what is odd, but lost to nobody.
    pub is_loss: bool,
    pub text: String,
}

/// Traces with a span that ends at or after `settled_unix_ns` are left out: the rest of them may
/// still be on its way.
pub fn completeness(gathered: &Gathered, counts: Counts, settled_unix_ns: u64) -> Completeness {
    let mut prepared = gathered.prepared();
    prepared
        .retain(|sample| sample.tree.nodes.iter().all(|node| node.end_unix_ns < settled_unix_ns));
    let findings = findings(&prepared);
    let missing = Missing::of(&prepared);
    let expected = findings.spans + missing.count();
    let causes = causes(&counts, &findings, &missing);
    // Each kind of loss is a part of something else: of the spans that came, of the requests that
    // were sent, of the traces that were looked at.
    let counted = |what: fn(&Cause) -> bool| -> u64 {
        causes.iter().filter(|cause| what(cause)).map(|cause| cause.count).sum()
    };
    let unseen = counted(|cause| cause.what == UNSEEN);
    let known = counted(|cause| cause.is_loss) - missing.count() - unseen;
    let written = counts.spans_written.max(findings.spans);
    let kept = (1.0 - part(known, written + known)) * (1.0 - part(unseen, counts.answered));
    let (low, high) = share_interval(missing.count(), expected);
    let loss = |share: f64| 1.0 - kept * (1.0 - share);
    let loss_share = loss(part(missing.count(), expected));
    let (loss_share_low, loss_share_high) = (loss(low), loss(high));
    let (trust, text) = judged(loss_share, loss_share_low, loss_share_high, expected);
    Completeness {
        trust,
        text,
        counts,
        traces: gathered.size(),
        findings,
        spans_expected: expected,
        spans_missing: missing.count(),
        loss_share,
        loss_share_low,
        loss_share_high,
        causes,
    }
}

fn part(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

fn judged(share: f64, low: f64, high: f64, expected: u64) -> (Trust, String) {
    let percent = |share: f64| share * 100.0;
    let bound = percent(LOSS_SHARE_MAX);
    let seen = format!(
        "{:.3}% of the spans are lost ({:.3}%..{:.3}%, n={expected})",
        percent(share),
        percent(low),
        percent(high)
    );
    if high <= LOSS_SHARE_MAX {
        (Trust::Complete, format!("{seen}, at most {bound}% may be"))
    } else if low > LOSS_SHARE_MAX {
        (Trust::Untrustworthy, format!("{seen}, more than the {bound}% that verdicts can bear"))
    } else {
        (Trust::Unclear, format!("{seen}, too few to tell whether it is at most {bound}%"))
    }
}

/// Spans that nobody counted as lost.
#[derive(Debug, Clone, Copy, Default)]
struct Missing {
    parents: u64,
    servers: u64,
}

impl Missing {
    fn of(prepared: &[Prepared<'_>]) -> Self {
        let learned = Learned::of(prepared);
        let mut missing = Self::default();
        for sample in prepared {
            let orphans = sample.tree.nodes.iter().filter(|node| node.orphan);
            let parents: std::collections::BTreeSet<_> =
                orphans.map(|node| node.span.parent).collect();
            missing.parents += parents.len() as u64;
            missing.servers += learned.servers_missing(&sample.tree);
        }
        missing
    }

    fn count(self) -> u64 {
        self.parents + self.servers
    }
}

/// Name, whether it is a loss, and what it means.
type Meaning = (&'static str, bool, &'static str);

const UNSEEN: &str = "requests unseen";

/// In the order of [`causes`].
const MEANINGS: [Meaning; 11] = [
    (UNSEEN, true, "they were answered, and the gateway sent no span of them"),
    ("parents missing", true, "spans name parents that never came: lost, or never ended"),
    ("servers missing", true, "answered calls lack the server span that others of their sort have"),
    ("items rejected", true, "they were not sound; a partial success told their senders"),
    ("requests of others", false, "the gateway served requests that no load worker sent"),
    ("items late", false, "they came after their second was shown, and are counted in it"),
    ("items repeated", false, "their senders saw no answer the first time; counted once"),
    ("spans sampled away", false, "left out of the file after they were counted; see weights"),
    ("traces decided early", false, "sampling was at its bound and decided before all had come"),
    ("errors sampled away", false, "errors or fault hits came after their trace was left out"),
    ("spans shifted", false, "clocks disagree; they were moved into the calls they belong to"),
];
const LOST: &str = "lost at a bound, by the count of who lost them";
const REFUSED: &str = "refused, not lost: senders come again, viewers can resume";

fn causes(counts: &Counts, findings: &Findings, missing: &Missing) -> Vec<Cause> {
    // Only the final account of the load says that nothing is under way.
    let at_the_end = |count: u64| if counts.load_ended { count } else { 0 };
    let unseen = counts.answered.saturating_sub(counts.entered);
    let foreign = counts.entered.saturating_sub(counts.answered + counts.uncertain);
    let found = [
        at_the_end(unseen),
        missing.parents,
        missing.servers,
        counts.rejected,
        at_the_end(foreign),
        counts.late,
        counts.duplicates,
        counts.sampling.spans_left,
        counts.sampling.traces_early,
        counts.sampling.spans_late_missed,
        findings.shifted,
    ];
    let own = MEANINGS.iter().zip(found).map(|(meaning, count)| (*meaning, count));
    let dropped = counts.dropped.iter().map(|drop| {
        let refused = ["collector requests refused", "collector viewers"];
        let is_loss = !refused.iter().any(|what| drop.what.starts_with(what));
        ((drop.what.as_str(), is_loss, if is_loss { LOST } else { REFUSED }), drop.count)
    });
    own.chain(dropped)
        .filter(|(_, count)| *count > 0)
        .map(|((what, is_loss, text), count)| Cause {
            what: what.to_owned(),
            count,
            is_loss,
            text: text.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
