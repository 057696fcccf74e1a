//! Frames, built from the kept seconds whenever they are asked for: late data is included.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::frame::{DropCount, EdgeFrame, FaultFrame, Frame, RunHead, VerdictFrame};

use super::seconds::{EdgeSecond, Second};
use super::{LedgerCount, Live};

/// What stood beside the data of a second when it was emitted. Equal neighbours share one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stamp {
    run: RunHead,
    verdicts: Vec<VerdictFrame>,
    dropped: Vec<DropCount>,
}

/// Frames that became due, and old ones that are no longer kept.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) due: Vec<Arc<Frame>>,
    pub(crate) forgotten: Vec<Arc<Frame>>,
}

impl Live {
    /// Emits every second that is over for a watermark, in order and without holes.
    pub(crate) fn emit_due(&mut self, now_unix_ms: u64, dropped: &[DropCount]) -> Emitted {
        self.emit_while(dropped, |live| live.seconds.is_due(now_unix_ms))
    }

    /// Emits everything up to the current second, over or not: the run has ended.
    pub(crate) fn emit_rest(&mut self, now_unix_ms: u64, dropped: &[DropCount]) -> Emitted {
        self.emit_while(dropped, |live| live.seconds.next_s <= now_unix_ms / 1_000)
    }

    fn emit_while(&mut self, dropped: &[DropCount], more: impl Fn(&Self) -> bool) -> Emitted {
        let mut emitted = Emitted::default();
        while more(self) {
            let stamp = self.stamp(dropped);
            let second = self.seconds.emit(stamp);
            let totals = self.ledger_before(second);
            emitted.due.push(Arc::new(self.frame(second, totals)));
            if self.seconds.is_full() {
                let oldest = self.seconds.oldest_s;
                let totals = self.ledger_before(oldest);
                emitted.forgotten.push(Arc::new(self.frame(oldest, totals)));
                self.seconds.forget_oldest();
            }
        }
        emitted
    }

    fn stamp(&mut self, dropped: &[DropCount]) -> Arc<Stamp> {
        let stamp = Stamp {
            run: self.head.clone(),
            verdicts: self.verdicts.clone(),
            dropped: dropped.iter().filter(|drop| drop.count > 0).cloned().collect(),
        };
        match &self.last_stamp {
            Some(last) if **last == stamp => Arc::clone(last),
            _ => {
                let stamp = Arc::new(stamp);
                self.last_stamp = Some(Arc::clone(&stamp));
                stamp
            },
        }
    }

    /// Emitted frames as they stand now, from a sequence number on.
    pub(crate) fn frames(&self, from_seq: u64, limit: usize) -> Vec<Frame> {
        let first = self.seconds.second_of(from_seq).max(self.seconds.oldest_s);
        let mut totals = self.ledger_before(first);
        let mut frames = Vec::new();
        for second in (first..self.seconds.next_s).take(limit) {
            frames.push(self.frame(second, totals.clone()));
            if let Some(second) = self.seconds.kept.get(&second) {
                add(&mut totals, &second.decisions);
            }
        }
        frames
    }

    /// Totals of the ledger before a second.
    fn ledger_before(&self, second: u64) -> BTreeMap<String, LedgerCount> {
        let mut totals = self.seconds.forgotten.clone();
        for (_, second) in self.seconds.kept.range(..second) {
            add(&mut totals, &second.decisions);
        }
        totals
    }

    fn frame(&self, unix_s: u64, mut totals: BTreeMap<String, LedgerCount>) -> Frame {
        let nothing = Second::default();
        let second = self.seconds.kept.get(&unix_s).unwrap_or(&nothing);
        add(&mut totals, &second.decisions);
        let end_ns = (unix_s + 1).saturating_mul(1_000_000_000);
        let stamp = second.stamp.as_deref().cloned().unwrap_or_default();
        Frame {
            seq: self.seconds.seq_of(unix_s),
            unix_s,
            run: head_at(stamp.run, unix_s),
            edges: self.edge_frames(second),
            breakers: self.lanes.breakers_before(end_ns),
            faults: self.fault_frames(second, &totals, end_ns),
            load: second.load.frame(),
            events: second.events.clone(),
            verdicts: stamp.verdicts,
            dropped: stamp.dropped,
        }
    }

    /// All edges that were ever seen: a quiet edge is a row of zeros, not a missing one.
    fn edge_frames(&self, second: &Second) -> Vec<EdgeFrame> {
        let quiet = EdgeSecond::default();
        self.seconds
            .edges
            .iter()
            .map(|(edge, number)| {
                let counts = second.edges.get(number).unwrap_or(&quiet);
                EdgeFrame {
                    edge: edge.clone(),
                    requests: counts.requests,
                    errors: counts
                        .errors
                        .iter()
                        .map(|(blame, count)| ((*blame).to_owned(), *count))
                        .collect(),
                    attempts: counts.attempts,
                    duration: counts.duration.clone(),
                    exemplars: counts.exemplars(),
                }
            })
            .collect()
    }

    fn fault_frames(
        &self,
        second: &Second,
        totals: &BTreeMap<String, LedgerCount>,
        end_ns: u64,
    ) -> Vec<FaultFrame> {
        let unplanned = self.unplanned_frames(totals, &second.decisions, end_ns);
        self.faults
            .iter()
            .chain(&unplanned)
            .map(|fault| {
                let total = totals.get(&fault.name).copied().unwrap_or_default();
                let now = second.decisions.get(&fault.name).copied().unwrap_or_default();
                FaultFrame {
                    state: self.lanes.fault_before(&fault.name, end_ns).unwrap_or(fault.state),
                    hit: total.hit,
                    skipped: total.skipped,
                    hit_now: now.hit,
                    ..fault.clone()
                }
            })
            .collect()
    }
}

/// The phase of a second follows from the timeline, whatever the clock says by now.
fn head_at(mut head: RunHead, unix_s: u64) -> RunHead {
    if let (Some(start_unix_ms), Some(timeline)) = (head.start_unix_ms, head.timeline) {
        head.phase =
            (unix_s * 1_000 + 999).checked_sub(start_unix_ms).map(|at| timeline.phase_at(at));
    }
    head
}

fn add(totals: &mut BTreeMap<String, LedgerCount>, more: &BTreeMap<String, LedgerCount>) {
    for (fault, count) in more {
        let total = totals.entry(fault.clone()).or_default();
        total.hit += count.hit;
        total.skipped += count.skipped;
    }
}
