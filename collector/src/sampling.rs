//! Tail sampling: which traces are written to the file, decided when a trace is complete.
//!
//! It stands after aggregation and before the store, so what is counted into frames is always
//! everything. Kept are all traces with an error, all that a fault has hit, the slowest hundredth
//! of the requests of each edge, and a share of the others, drawn by a keyed hash of the trace id
//! with the seed of the run: the same run keeps the same traces. Each kept trace has a weight, its
//! adjusted count: 1 for those that are always kept, 1 / share for the drawn ones. So the sum of
//! the weights of any stored spans estimates how many there were.
//!
//! A trace is complete when its root has ended and nothing has come for a while. Traces that wait
//! are bounded; at the bound the one that would be decided next is decided early, which is
//! counted. What comes after the decision follows it.
//!
//! When the share is 100 %, which is the default, nobody asks.

mod decided;
mod slow;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::decision::named;
use model::id::TraceId;
use model::units::Share;
use serde::{Deserialize, Serialize};

use self::decided::Decided;
use self::slow::Slow;
pub(crate) use self::stage::Stage;

/// How it is decided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// Seed of the run.
    pub(crate) seed: u64,
    /// Of the traces that nothing else speaks for.
    pub(crate) keep_share: Share,
    /// A trace whose root has ended is complete after so much time without a span.
    pub(crate) quiet: Duration,
    /// A trace without a root is given up after so much time without a span.
    pub(crate) quiet_rootless: Duration,
    /// Most traces that wait for their decision.
    pub(crate) traces_max: usize,
    /// Most spans of them.
    pub(crate) spans_max: usize,
    /// Most decisions that are remembered for late spans; the oldest are forgotten.
    pub(crate) decided_max: usize,
}

impl Policy {
    /// Waits for what a healthy run needs: emitters send twice a second or more.
    pub(crate) fn keeping(seed: u64, keep_share: Share) -> Self {
        Self {
            seed,
            keep_share,
            quiet: Duration::from_secs(5),
            quiet_rootless: Duration::from_secs(30),
            traces_max: 50_000,
            spans_max: 500_000,
            decided_max: 200_000,
        }
    }
}

/// Why a trace is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Error,
    Fault,
    Slow,
    Drawn,
}

/// What became of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// With its adjusted count.
    Kept(Reason, f64),
    Left,
}

/// What a span says about its trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen<'a> {
    pub(crate) trace_id: TraceId,
    /// It has no parent.
    pub(crate) root: bool,
    pub(crate) error: bool,
    /// A fault has hit it.
    pub(crate) fault: bool,
    /// Edge and duration, when it is a request of the gateway.
    pub(crate) request: Option<(&'a str, u64)>,
}

/// Totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplingCounts {
    /// Kept for an error in them.
    pub traces_error: u64,
    /// Kept for a fault that has hit them.
    pub traces_fault: u64,
    /// Kept for a request among the slowest of its edge.
    pub traces_slow: u64,
    /// Drawn by the share.
    pub traces_drawn: u64,
    pub traces_left: u64,
    pub spans_kept: u64,
    /// Sampled away.
    pub spans_left: u64,
    /// Decided at a bound, before they were complete.
    pub traces_early: u64,
    /// Spans that came after their trace was decided, and followed it.
    pub spans_late: u64,
    /// Of them, those with an error or a fault of a trace that had been left.
    pub spans_late_missed: u64,
}

/// A span that is to be written, with the weight of its trace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept<T> {
    pub(crate) span: T,
    pub(crate) weight: f64,
}

/// A trace that is not decided yet.
#[derive(Debug)]
struct Waiting<T> {
    spans: Vec<T>,
    /// Slowest request by edge.
    requests: BTreeMap<u32, u64>,
    has_root: bool,
    due_ms: u64,
}

/// Decides about traces. `T` is whatever finds a span again.
#[derive(Debug)]
pub(crate) struct Sampler<T> {
    policy: Policy,
    waiting: BTreeMap<TraceId, Waiting<T>>,
    /// By the time of the decision.
    due: BTreeSet<(u64, TraceId)>,
    spans: usize,
    decided: Decided,
    slow: Slow,
    counts: SamplingCounts,
}

impl<T> Sampler<T> {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            decided: Decided::bounded(policy.decided_max),
            policy,
            waiting: BTreeMap::new(),
            due: BTreeSet::new(),
            spans: 0,
            slow: Slow::default(),
            counts: SamplingCounts::default(),
        }
    }

    /// Decisions from now on are drawn with it.
    pub(crate) fn set_seed(&mut self, seed: u64) {
        self.policy.seed = seed;
    }

    pub(crate) fn counts(&self) -> SamplingCounts {
        self.counts
    }

    /// Takes a span. What is to be written by now, of this trace or of one that was decided early,
    /// goes to `kept`.
    pub(crate) fn offer(&mut self, seen: Seen<'_>, span: T, now_ms: u64, kept: &mut Vec<Kept<T>>) {
        let edge = seen.request.map(|(edge, ns)| (self.slow.count(edge, ns), ns));
        if let Some(fate) = self.decided.of(seen.trace_id) {
            self.counts.spans_late += 1;
            let missed = fate == Fate::Left && (seen.error || seen.fault);
            self.counts.spans_late_missed += u64::from(missed);
            self.release([span], fate, kept);
            return;
        }
        let wait = self.policy.quiet_of(seen.root);
        let trace = self.waiting.entry(seen.trace_id).or_insert_with(|| Waiting {
            spans: Vec::new(),
            requests: BTreeMap::new(),
            has_root: false,
            due_ms: now_ms,
        });
        trace.has_root |= seen.root;
        trace.spans.push(span);
        if let Some((edge, ns)) = edge {
            let slowest = trace.requests.entry(edge).or_default();
            *slowest = ns.max(*slowest);
        }
        let wait = if trace.has_root { self.policy.quiet_of(true) } else { wait };
        self.due.remove(&(trace.due_ms, seen.trace_id));
        trace.due_ms = now_ms.saturating_add(wait);
        self.due.insert((trace.due_ms, seen.trace_id));
        self.spans += 1;
        // Nothing that may still come can change these.
        if seen.error {
            self.decide(seen.trace_id, Some(Reason::Error), kept);
        } else if seen.fault {
            self.decide(seen.trace_id, Some(Reason::Fault), kept);
        }
        while self.spans > self.policy.spans_max || self.waiting.len() > self.policy.traces_max {
            self.decide_next(kept);
        }
    }

    /// The ledger says that a fault has hit this trace, whether or not a span of it has come.
    pub(crate) fn hit(&mut self, trace_id: TraceId, kept: &mut Vec<Kept<T>>) {
        if self.decided.of(trace_id).is_none() {
            self.decide(trace_id, Some(Reason::Fault), kept);
        }
    }

    /// Decides what is complete.
    pub(crate) fn tick(&mut self, now_ms: u64, kept: &mut Vec<Kept<T>>) {
        while let Some((due_ms, trace_id)) = self.due.first().copied() {
            if due_ms > now_ms {
                break;
            }
            self.decide(trace_id, None, kept);
        }
    }

    /// Decides the trace that would be decided next: it is at a bound. False when none waits.
    pub(crate) fn decide_next(&mut self, kept: &mut Vec<Kept<T>>) -> bool {
        let Some((_, trace_id)) = self.due.first().copied() else { return false };
        self.counts.traces_early += 1;
        self.decide(trace_id, None, kept);
        true
    }

    /// Decides everything that waits: nothing more will come.
    pub(crate) fn finish(&mut self, kept: &mut Vec<Kept<T>>) {
        self.tick(u64::MAX, kept);
    }

    fn decide(&mut self, trace_id: TraceId, reason: Option<Reason>, kept: &mut Vec<Kept<T>>) {
        let waiting = self.waiting.remove(&trace_id);
        let reason = reason.or_else(|| {
            let requests = waiting.iter().flat_map(|trace| &trace.requests);
            self.slow.is_slow(requests).then_some(Reason::Slow)
        });
        let fate = self.policy.fate(trace_id, reason);
        match fate {
            Fate::Kept(Reason::Error, _) => self.counts.traces_error += 1,
            Fate::Kept(Reason::Fault, _) => self.counts.traces_fault += 1,
            Fate::Kept(Reason::Slow, _) => self.counts.traces_slow += 1,
            Fate::Kept(Reason::Drawn, _) => self.counts.traces_drawn += 1,
            Fate::Left => self.counts.traces_left += 1,
        }
        self.decided.add(trace_id, fate);
        if let Some(trace) = waiting {
            self.due.remove(&(trace.due_ms, trace_id));
            self.spans -= trace.spans.len();
            self.release(trace.spans, fate, kept);
        }
    }

    fn release(&mut self, spans: impl IntoIterator<Item = T>, fate: Fate, kept: &mut Vec<Kept<T>>) {
        let before = kept.len();
        match fate {
            Fate::Kept(_, weight) => {
                kept.extend(spans.into_iter().map(|span| Kept { span, weight }));
                self.counts.spans_kept += (kept.len() - before) as u64;
            },
            Fate::Left => self.counts.spans_left += spans.into_iter().count() as u64,
        }
    }
}

impl Policy {
    fn quiet_of(&self, has_root: bool) -> u64 {
        let quiet = if has_root { self.quiet } else { self.quiet_rootless };
        u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX)
    }

    /// Without another reason the share decides.
    fn fate(&self, trace_id: TraceId, reason: Option<Reason>) -> Fate {
        if let Some(reason) = reason {
            return Fate::Kept(reason, 1.0);
        }
        let draw = named(self.seed, "trace sampling", &[&trace_id.to_string()]);
        if !draw.below(self.keep_share) {
            return Fate::Left;
        }
        let share = f64::from(self.keep_share.ppm()) / f64::from(Share::WHOLE_PPM);
        Fate::Kept(Reason::Drawn, 1.0 / share)
    }
}
