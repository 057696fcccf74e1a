//! Things that happen or not: a breaker changes its state, a fault hits.
//!
//! Once an event has been seen its expectation is decided, before its phase has ended.

use super::Evidence;
use super::check::BreakerEvent;
use super::sample::frames_in;
use crate::edge::Edge;
use crate::frame::{BreakerFrame, Event, EventKind, Verdict};
use crate::id::TraceId;
use crate::phase::Phase;
use crate::policy::BreakerState;

/// What was seen, before the phase's end is taken into account.
#[derive(Debug)]
pub(super) struct Sighting {
    /// `None`: not decided by what was seen so far.
    pub(super) decided: Option<Verdict>,
    /// The verdict when the phase ends like this.
    pub(super) at_end: Verdict,
    pub(super) observed: String,
    pub(super) detail: String,
    pub(super) trace_ids: Vec<TraceId>,
}

/// A change of state of one breaker.
struct Change<'a> {
    unix_ms: u64,
    to: BreakerState,
    text: &'a str,
    trace_id: Option<TraceId>,
}

pub(super) fn breaker(
    edge: &Edge,
    event: BreakerEvent,
    phase: Phase,
    evidence: &Evidence<'_>,
) -> Sighting {
    let (start_ms, end_ms) = evidence.timeline.window_ms(phase);
    let inside = |unix_ms: u64| {
        unix_ms
            .checked_sub(evidence.start_unix_ms)
            .is_some_and(|since_ms| (start_ms..end_ms).contains(&since_ms))
    };
    let changes: Vec<Change<'_>> =
        changes(edge, evidence).into_iter().filter(|change| inside(change.unix_ms)).collect();
    let wanted = match event {
        BreakerEvent::Opens => BreakerState::Open,
        BreakerEvent::Closes => BreakerState::Closed,
        BreakerEvent::HalfOpens => BreakerState::HalfOpen,
        BreakerEvent::StaysClosed => return stays_closed(edge, phase, evidence, &changes),
    };
    let seen: Vec<&Change<'_>> = changes.iter().filter(|change| change.to == wanted).collect();
    let times = seen.len();
    Sighting {
        decided: (times > 0).then_some(Verdict::Pass),
        at_end: if times > 0 { Verdict::Pass } else { Verdict::Fail },
        observed: match times {
            0 => "never".to_owned(),
            1 => format!("{} once", event.as_str()),
            _ => format!("{} {times} times", event.as_str()),
        },
        detail: match seen.first() {
            Some(first) => describe(first, evidence, phase),
            None => format!("{} changes of state, none of them to {wanted}", changes.len()),
        },
        trace_ids: seen.iter().filter_map(|change| change.trace_id).take(3).collect(),
    }
}

fn stays_closed(
    edge: &Edge,
    phase: Phase,
    evidence: &Evidence<'_>,
    changes: &[Change<'_>],
) -> Sighting {
    let frames = frames_in(evidence, phase);
    let states: Vec<&BreakerFrame> = frames
        .iter()
        .flat_map(|frame| &frame.breakers)
        .filter(|breaker| breaker.edge == *edge)
        .collect();
    let open = states.iter().filter(|breaker| breaker.state != BreakerState::Closed).count();
    let left = changes.iter().find(|change| change.to != BreakerState::Closed);
    let broken = open > 0 || left.is_some();
    let at_end = match (broken, states.is_empty()) {
        (true, _) => Verdict::Fail,
        (false, true) => Verdict::Unclear,
        (false, false) => Verdict::Pass,
    };
    Sighting {
        decided: broken.then_some(Verdict::Fail),
        at_end,
        observed: format!("not closed in {open} of {} seconds", states.len()),
        detail: match left {
            Some(change) => describe(change, evidence, phase),
            None if states.is_empty() => "the state of this breaker was never reported".to_owned(),
            None => String::new(),
        },
        trace_ids: left.and_then(|change| change.trace_id).into_iter().collect(),
    }
}

fn describe(change: &Change<'_>, evidence: &Evidence<'_>, phase: Phase) -> String {
    let (start_ms, _) = evidence.timeline.window_ms(phase);
    let since_ms = change.unix_ms.saturating_sub(evidence.start_unix_ms + start_ms);
    format!("first {:.1}s into {phase}: {}", since_ms as f64 / 1_000.0, change.text)
}

/// Events say exactly what happened; the state at the end of each second is there even when events
/// were lost at a bound.
fn changes<'a>(edge: &Edge, evidence: &Evidence<'a>) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'a>> = evidence
        .frames
        .iter()
        .flat_map(|frame| &frame.events)
        .filter(|event| event.kind == EventKind::Breaker && is_about(&event.subject, edge))
        .filter_map(|event| {
            let to = state_after(event)?;
            let (unix_ms, text) = (event.unix_ms, event.text.as_str());
            Some(Change { unix_ms, to, text, trace_id: event.trace_id })
        })
        .collect();
    let mut last = BreakerState::Closed;
    let states = evidence.frames.iter().flat_map(|frame| &frame.breakers);
    for breaker in states.filter(|breaker| breaker.edge == *edge) {
        let known = changes.iter().any(|change| {
            change.to == breaker.state && change.unix_ms.abs_diff(breaker.since_unix_ms) <= 1
        });
        if breaker.state != last && !known {
            changes.push(Change {
                unix_ms: breaker.since_unix_ms,
                to: breaker.state,
                text: &breaker.reason,
                trace_id: breaker.trace_id,
            });
        }
        last = breaker.state;
    }
    changes.sort_by_key(|change| change.unix_ms);
    changes
}

fn is_about(subject: &str, edge: &Edge) -> bool {
    subject.parse::<Edge>().is_ok_and(|subject| subject == *edge) || subject == edge.short()
}

/// `closed -> open: failure rate ...` has led to `open`.
fn state_after(event: &Event) -> Option<BreakerState> {
    let (_, rest) = event.text.split_once("->")?;
    let state = rest.split(':').next().unwrap_or(rest).trim();
    BreakerState::parse(state)
}

/// Did the fault touch anything? Counted over the whole run, from the ledger.
pub(super) fn fault_hits(name: &str, evidence: &Evidence<'_>) -> Sighting {
    let last = evidence
        .frames
        .iter()
        .rev()
        .find_map(|frame| frame.faults.iter().find(|fault| fault.name == name));
    let (hit, skipped) = last.map_or((0, 0), |fault| (fault.hit, fault.skipped));
    let edges = evidence.frames.iter().flat_map(|frame| &frame.edges);
    let exemplars = edges.flat_map(|edge| &edge.exemplars);
    let touched = exemplars.filter(|exemplar| {
        exemplar
            .fault
            .as_deref()
            .is_some_and(|faults| faults.split(',').any(|fault| fault.trim() == name))
    });
    Sighting {
        decided: (hit > 0).then_some(Verdict::Pass),
        at_end: if hit > 0 { Verdict::Pass } else { Verdict::NotExercised },
        observed: format!("{hit} hits, {skipped} skipped"),
        detail: if hit > 0 { String::new() } else { "the fault touched no request".to_owned() },
        trace_ids: touched.map(|exemplar| exemplar.trace_id).take(3).collect(),
    }
}
