//! What detectors need of the frames of a window, gathered in one walk.

use std::collections::BTreeMap;

use model::edge::Edge;
use model::fault::FaultState;
use model::frame::EventKind;
use model::hist::Histogram;
use model::load::Validity;

use crate::kept::{FaultFrame, Frame};
use crate::recorded::is_missing;

/// Requests and calls of one edge.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    pub requests: u64,
    pub attempts: u64,
}

/// The present stretch of an active fault.
#[derive(Debug)]
pub(super) struct ActiveFault<'a> {
    pub fault: &'a FaultFrame,
    pub seconds: u64,
    /// In these seconds.
    pub hits: u64,
    pub skipped: u64,
    /// Requests on its edges in these seconds.
    pub requests: u64,
    skipped_before: u64,
}

#[derive(Debug, Default)]
pub(super) struct Window<'a> {
    pub seconds: u64,
    pub calls: BTreeMap<&'a Edge, Calls>,
    /// Times of changes in milliseconds, by breaker.
    pub changes: BTreeMap<&'a str, Vec<u64>>,
    pub lateness: Histogram,
    pub validity: Option<Validity>,
    /// Seconds that were not valid.
    pub invalid_seconds: u64,
    /// What was lost inside the window, by place.
    pub dropped: BTreeMap<&'a str, u64>,
    pub active: BTreeMap<&'a str, ActiveFault<'a>>,
    totals: BTreeMap<&'a str, u64>,
}

impl<'a> Window<'a> {
    pub(super) fn of(frames: impl IntoIterator<Item = &'a Frame>) -> Self {
        let mut window = Self::default();
        for frame in frames {
            window.add(frame);
        }
        for times in window.changes.values_mut() {
            times.sort_unstable();
        }
        window
    }

    fn add(&mut self, frame: &'a Frame) {
        for edge in &frame.edges {
            let calls = self.calls.entry(&edge.edge).or_default();
            calls.requests = calls.requests.saturating_add(edge.requests);
            calls.attempts = calls.attempts.saturating_add(edge.attempts);
        }
        for event in frame.events.iter().filter(|event| event.kind == EventKind::Breaker) {
            self.changes.entry(&event.subject).or_default().push(event.unix_ms);
        }
        self.lateness.merge_packed(&frame.load.lateness);
        self.validity = self.validity.max(frame.load.validity);
        let is_valid = frame.load.validity.is_none_or(|validity| validity == Validity::Valid);
        self.invalid_seconds += u64::from(!is_valid);
        self.drops(frame);
        self.faults(frame);
        self.seconds += 1;
    }

    /// Counters are totals since the start. One that falls began anew; the first frame says what
    /// was lost before the window, and a counter that it lacks stood at 0. What a recording is
    /// without is not being lost.
    fn drops(&mut self, frame: &'a Frame) {
        for loss in frame.dropped.iter().filter(|loss| !is_missing(&loss.what)) {
            let unseen = if self.seconds == 0 { loss.count } else { 0 };
            let before = self.totals.insert(&loss.what, loss.count).unwrap_or(unseen);
            let rise = if loss.count < before { loss.count } else { loss.count - before };
            if rise > 0 {
                let sum = self.dropped.entry(&loss.what).or_default();
                *sum = sum.saturating_add(rise);
            }
        }
    }

    fn faults(&mut self, frame: &'a Frame) {
        for fault in &frame.faults {
            let name = fault.name.as_str();
            if fault.state != FaultState::Active {
                self.active.remove(name);
                continue;
            }
            let on_edges = frame.edges.iter().filter(|edge| fault.edges.contains(&edge.edge));
            let requests = on_edges.fold(0_u64, |sum, edge| sum.saturating_add(edge.requests));
            let active = self.active.entry(name).or_insert(ActiveFault {
                fault,
                seconds: 0,
                hits: 0,
                skipped: 0,
                requests: 0,
                skipped_before: fault.skipped,
            });
            active.fault = fault;
            active.seconds += 1;
            active.hits = active.hits.saturating_add(fault.hit_now);
            active.skipped = fault.skipped.saturating_sub(active.skipped_before);
            active.requests = active.requests.saturating_add(requests);
        }
    }
}
