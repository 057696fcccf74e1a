//! What a fault changed: its edges, those who call through them, and the journeys, before, while
//! and after it acted.
//!
//! The stretch is the last one up to the cursor in which the fault acted. Up to as many seconds
//! before and after it are held against it, none of them in warm-up or with the same fault. Every
//! number is read from the merged histogram of exactly these seconds.

use model::phase::Phase;

use super::quantile_ms;
use super::sums::counts::Count;
use super::time::Times;
use crate::kept::{FaultFrame, Frame};
use crate::screen::Subject;
use crate::screen::faults::{Effect, EffectRow, Stretch};
use crate::store::Store;
use crate::store::memo::Span;

/// Seconds of a stretch at most: the last of a fault that acts for longer.
const STRETCH_S_MAX: u64 = 300;
/// Seconds before and after it at most, and at least if there are so many.
const BESIDE_S: std::ops::RangeInclusive<u64> = 10..=60;
/// Edges of one kind, or flows.
const SUBJECTS_MAX: usize = 4;

/// `None` for a fault that has not acted up to the cursor.
pub(super) fn build(store: &Store, times: &Times, fault: &FaultFrame) -> Option<Effect> {
    let acts = |frame: &&Frame| {
        frame.faults.iter().any(|other| other.name == fault.name && other.was_active())
    };
    let idle = |frame: &&Frame| !acts(frame) && frame.run.phase != Some(Phase::Warmup);
    let last = store.between(0, times.cursor_s).rev().find(acts)?.unix_s;
    let least = last.saturating_sub(STRETCH_S_MAX - 1);
    let first = store.between(least, last).rev().take_while(acts).last()?.unix_s;
    let beside = (last - first + 1).clamp(*BESIDE_S.start(), *BESIDE_S.end());
    let earlier = first.checked_sub(1).and_then(|end| {
        let frames = store.between(end.saturating_sub(beside - 1), end).rev();
        Some((frames.take_while(idle).last()?.unix_s, end))
    });
    let end = last.saturating_add(beside).min(times.cursor_s);
    let later = store.between(last + 1, end).take_while(idle).last();
    let later = later.map(|frame| (last + 1, frame.unix_s));
    let spans = [earlier, Some((first, last)), later];
    let clock = |second: u64| second.saturating_sub(times.origin_ms / 1_000);
    let row = |subject: Subject| EffectRow {
        stretches: spans
            .map(|span| span.map_or_else(Stretch::default, |span| stretch(store, span, &subject))),
        subject,
    };
    Some(Effect {
        spans_s: spans.map(|span| span.map(|(from, to)| (clock(from), clock(to) + 1))),
        rows: subjects(store, fault).map(row).collect(),
    })
}

/// The edges of the fault, those that lead to their callers, the flows.
fn subjects<'a>(store: &'a Store, fault: &'a FaultFrame) -> impl Iterator<Item = Subject> + 'a {
    let own = fault.edges.iter().cloned().map(Subject::Edge).take(SUBJECTS_MAX);
    let leads = |subject: &&Subject| match subject {
        Subject::Edge(edge) => {
            !fault.edges.contains(edge) && fault.edges.iter().any(|it| it.caller == edge.callee)
        },
        Subject::Flow(_) => false,
    };
    let callers = store.subjects().filter(leads).take(SUBJECTS_MAX).cloned();
    let flows = store.subjects().filter(|subject| matches!(subject, Subject::Flow(_)));
    own.chain(callers).chain(flows.take(SUBJECTS_MAX).cloned())
}

fn stretch(store: &Store, span: Span, subject: &Subject) -> Stretch {
    let seconds = store.between(span.0, span.1).count();
    let count = match subject {
        Subject::Edge(edge) => store.sums.counts.of(store, &(), span).of(edge),
        Subject::Flow(flow) => journeys(store, span, flow),
    };
    let durations = store.sums.durations.of(store, subject, span);
    Stretch {
        per_s: (seconds > 0).then(|| count.requests as f64 / seconds as f64),
        error_percent: count.error_percent(),
        p50_ms: quantile_ms(&durations.0, 0.5),
        p99_ms: quantile_ms(&durations.0, 0.99),
    }
}

fn journeys(store: &Store, (first, last): Span, flow: &str) -> Count {
    let mut count = Count::default();
    for cell in store.between(first, last).flat_map(|frame| &frame.load.cells) {
        if cell.step.is_none() && cell.flow == flow {
            let failed = if cell.outcome.is_error() { cell.count } else { 0 };
            count.add(Count { requests: cell.count, failed });
        }
    }
    count
}
