//! The traces that an answer is made of, and the time of the run that they belong to.

use std::collections::BTreeMap;

use model::fault::FaultState;
use model::frame::{Event, EventKind, RunHead, Trace};
use model::id::TraceId;
use model::phase::Phase;
use model::trace::{Findings, LedgerEntry, Tree};
use serde::{Deserialize, Serialize};

/// Whole traces, as many as were read.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    pub traces: Vec<Trace>,
    /// Traces that could have been read; more than there are when a limit was reached.
    pub found: u64,
}

/// How many traces an answer is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleSize {
    pub read: u64,
    /// More than `read` when a limit was reached: then the answer is about a part of them.
    pub found: u64,
}

/// A trace with its tree and its decisions of the ledger.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) trace_id: TraceId,
    pub(super) tree: Tree<'a>,
    pub(super) ledger: Vec<LedgerEntry>,
}

impl Gathered {
    pub fn size(&self) -> SampleSize {
        let read = self.traces.len() as u64;
        SampleSize { read, found: self.found.max(read) }
    }

    pub(super) fn prepared(&self) -> Vec<Prepared<'_>> {
        self.traces.iter().map(prepared).collect()
    }
}

pub(super) fn prepared(trace: &Trace) -> Prepared<'_> {
    Prepared {
        trace_id: trace.trace_id,
        tree: Tree::of(&trace.spans),
        ledger: LedgerEntry::read_all(&trace.logs),
    }
}

pub(super) fn findings(prepared: &[Prepared<'_>]) -> Findings {
    let mut all = Findings::default();
    for sample in prepared {
        all.merge(&sample.tree.findings);
    }
    all
}

/// When a fault acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultWindow {
    pub from_unix_ns: u64,
    /// Not in it any more; the end of time while it still acts.
    pub to_unix_ns: u64,
}

/// Phases of the run and windows of its faults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunTime {
    head: RunHead,
    windows: BTreeMap<String, Vec<FaultWindow>>,
}

impl RunTime {
    /// The windows are read from the transitions among the events, which may be in any order.
    pub fn of(head: RunHead, events: &[Event]) -> Self {
        let mut transitions: Vec<(u64, &str, FaultState)> = events
            .iter()
            .filter(|event| event.kind == EventKind::Fault)
            .filter_map(|event| {
                let state = event.text.split(':').next().unwrap_or_default();
                Some((event.unix_ms, event.subject.as_str(), FaultState::parse(state)?))
            })
            .collect();
        transitions.sort_by_key(|(unix_ms, _, _)| *unix_ms);
        let mut windows: BTreeMap<String, Vec<FaultWindow>> = BTreeMap::new();
        for (unix_ms, fault, state) in transitions {
            let at_ns = unix_ms.saturating_mul(1_000_000);
            let lane = windows.entry(fault.to_owned()).or_default();
            let open = lane.last_mut().filter(|window| window.to_unix_ns == u64::MAX);
            match (open, state) {
                (None, FaultState::Active) => {
                    lane.push(FaultWindow { from_unix_ns: at_ns, to_unix_ns: u64::MAX });
                },
                (Some(window), FaultState::Planned | FaultState::Done) => {
                    window.to_unix_ns = at_ns;
                },
                _ => {},
            }
        }
        Self { head, windows }
    }

    /// `None` when the run has no timeline, or had not begun.
    pub fn phase_at(&self, unix_ns: u64) -> Option<Phase> {
        let since_ms = (unix_ns / 1_000_000).checked_sub(self.head.start_unix_ms?)?;
        Some(self.head.timeline?.phase_at(since_ms))
    }

    /// Empty when no transition of the fault is known.
    pub fn windows(&self, fault: &str) -> &[FaultWindow] {
        self.windows.get(fault).map_or(&[], Vec::as_slice)
    }

    /// Did any fault act at this time?
    pub fn is_faulted(&self, unix_ns: u64) -> bool {
        self.windows.values().flatten().any(|window| window.holds(unix_ns))
    }
}

impl FaultWindow {
    pub fn holds(&self, unix_ns: u64) -> bool {
        (self.from_unix_ns..self.to_unix_ns).contains(&unix_ns)
    }
}
