//! Did the load that was asked for take place?
//!
//! A second is doubtful by its worker's own word. A run is INVALID when more than one in ten of its
//! judged seconds is, when a worker or a report was lost, or when the account does not balance; it
//! is SUSPECT when anything is doubtful at all. A late generator can only make response times
//! worse, because they count from the intended start.

use model::load::{AtLimit, Validity};

use super::book::{Book, judged};
use super::decoded::Decoded;
use super::figures::Trust;
use crate::account::Account;
use crate::client::Failure;
use crate::queue::WAITING_MAX;

/// An arrival released later than this was not dispatched in time, in microseconds.
const IN_TIME_US: u64 = 100_000;
/// Lateness below this never makes a second doubtful, in microseconds.
const LATENESS_US: u64 = 5_000;
/// One in so many of a second's arrivals.
const LATE_ONE_IN: u64 = 100;
/// One in so many of a run's seconds.
const INVALID_ONE_IN: u64 = 10;

/// What is wrong with a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// Lateness that matters beside the response times.
    Lateness,
    /// The generator's threads had too little CPU.
    Busy,
    /// More than one in a hundred arrivals was not released in time.
    Late,
    /// Requests that were not sent, because the generator itself had no more connections.
    Exhausted,
}

impl Doubt {
    fn sentence(self, seconds: u64, of: u64) -> String {
        let what = match self {
            Self::Lateness => "arrivals were sent so late that it shows in the percentiles",
            Self::Busy => "the load generator used nearly all of its CPU",
            Self::Late => "more than 1 % of the arrivals were sent over 100 ms late",
            Self::Exhausted => "the load generator itself had no files or ports left for requests",
        };
        format!("in {seconds} of {of} judged seconds {what}")
    }
}

pub(super) fn doubt(report: &Decoded) -> Doubt {
    let late = report.lateness.count_above(IN_TIME_US);
    if report.cells.iter().any(|(_, cell)| cell.results.keys().any(|kind| is_own(kind))) {
        return Doubt::Exhausted;
    }
    match report.validity {
        Validity::Invalid if late * LATE_ONE_IN > report.offered => Doubt::Late,
        Validity::Invalid => Doubt::Busy,
        // As fast as it goes: nothing is late, and the generator may be what was measured.
        _ if report.lateness.quantile(0.99).is_none_or(|us| us < LATENESS_US) => Doubt::Busy,
        Validity::Valid | Validity::Suspect => Doubt::Lateness,
    }
}

/// A kind of failure that is the generator's own.
fn is_own(kind: &str) -> bool {
    Failure::OWN.iter().any(|own| own.as_str() == kind)
}

pub(super) fn judge(book: &Book, account: &Account, reached_ms: u64, over: bool) -> Trust {
    let judged_seconds = judged_seconds(book, reached_ms);
    let of = |wanted: Validity| {
        book.doubts.values().filter(|(validity, _)| *validity == wanted).count() as u64
    };
    let (suspect_seconds, invalid_seconds) = (of(Validity::Suspect), of(Validity::Invalid));
    let mut reasons = lost(book, account, over);
    let mut verdict = Validity::Valid;
    if !reasons.is_empty() || invalid_seconds * INVALID_ONE_IN > judged_seconds {
        verdict = Validity::Invalid;
    } else if suspect_seconds + invalid_seconds > 0 {
        verdict = Validity::Suspect;
    }
    if book.setting.at_limit == AtLimit::Queue && account.dropped > 0 {
        verdict = verdict.max(Validity::Suspect);
        reasons.push(format!(
            "{} arrivals were dropped, because {WAITING_MAX} of their thread waited already",
            account.dropped
        ));
    }
    for kind in [Doubt::Exhausted, Doubt::Late, Doubt::Busy, Doubt::Lateness] {
        let seconds = book.doubts.values().filter(|(_, doubt)| *doubt == kind).count() as u64;
        if seconds > 0 {
            reasons.push(kind.sentence(seconds, judged_seconds));
        }
    }
    Trust { verdict, judged_seconds, suspect_seconds, invalid_seconds, reasons }
}

fn judged_seconds(book: &Book, reached_ms: u64) -> u64 {
    let timeline = &book.setting.timeline;
    let judged_ms = reached_ms.min(timeline.end_ms).saturating_sub(timeline.before_ms);
    // A load that was interrupted may have reported a second of which it judged nothing.
    judged_ms.div_ceil(1_000).max(book.doubts.len() as u64)
}

/// What the result lacks. Before the end nothing can be said to be lost.
fn lost(book: &Book, account: &Account, over: bool) -> Vec<String> {
    if !over {
        return Vec::new();
    }
    let mut reasons = book.lost.clone();
    if account.offered == 0 {
        reasons.push("nothing was offered".to_owned());
    } else if !book.cells().any(|(key, _)| judged(key.phase)) {
        reasons.push("the load ended before anything was judged".to_owned());
    }
    let silent = u64::from(book.setting.workers).saturating_sub(book.done.len() as u64);
    if silent > 0 {
        let workers = book.setting.workers;
        reasons.push(format!("{silent} of {workers} workers gave no final account"));
    }
    if book.missing() > 0 {
        reasons.push(format!("{} reports were lost", book.missing()));
    }
    let promised: u64 = book.done.values().map(|done| done.offered).sum();
    if !account.balances() {
        reasons.push(format!(
            "{} arrivals were offered, and {} are accounted for",
            account.offered,
            account.ended()
        ));
    } else if silent == 0 && promised != account.offered {
        reasons.push(format!(
            "the reports hold {} arrivals, and the workers have released {promised}",
            account.offered
        ));
    }
    reasons
}
