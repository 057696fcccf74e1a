//! What is remembered of a fault while plans come and go.
//!
//! Everything here belongs to the name of a fault. A successor of the same name goes on counting;
//! it begins anew only with what would otherwise speak of something else: the counts behind `first`
//! and `every` when its conditions differ, the rate of its draws when its share does too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use model::fault::{Direction, FaultKind, FaultSpec};

use super::fidelity::{Draws, Precision};
use super::keyed::Keyed;
use crate::emit::Verdict;
use crate::shape::Bucket;

/// Keys that one fault counts by at once.
const KEYS_MAX: usize = 16_384;

/// Counters of one fault, as the ledger has its lines.
#[derive(Debug, Default)]
struct Tally {
    matched: AtomicU64,
    hit: AtomicU64,
    skipped: AtomicU64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FaultMemory {
    tally: Arc<Tally>,
    pub(super) precision: Arc<Precision>,
    /// Requests that the fault holds.
    held: Arc<AtomicU32>,
    pub(super) draws: Arc<Draws>,
    /// `None` when nothing is counted by key.
    counts: Option<Arc<Keyed<u64>>>,
    /// What all streams of a shared bandwidth share, upwards and downwards.
    buckets: [Arc<Bucket>; 2],
}

impl FaultMemory {
    pub(super) fn of(spec: &FaultSpec) -> Arc<Self> {
        Arc::new(Self { counts: counts_for(spec), ..Self::default() })
    }

    /// For the successor `spec` of the fault `old`, both of one name.
    pub(super) fn after(memory: &Arc<Self>, old: &FaultSpec, spec: &FaultSpec) -> Arc<Self> {
        let same_conditions = old.when == spec.when;
        if same_conditions && draws_alike(old, spec) {
            return Arc::clone(memory);
        }
        let kept = (**memory).clone();
        let counts = if same_conditions { kept.counts } else { counts_for(spec) };
        Arc::new(Self { counts, draws: Arc::default(), ..kept })
    }

    /// `(matched, hit, skipped)`
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.tally.matched), read(&self.tally.hit), read(&self.tally.skipped))
    }

    pub(super) fn count_match(&self) {
        self.tally.matched.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Hit { .. } => &self.tally.hit,
            Verdict::Skipped { .. } => &self.tally.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Option<&Keyed<u64>> {
        self.counts.as_deref()
    }

    pub(crate) fn bucket(&self, way: Direction) -> Arc<Bucket> {
        Arc::clone(&self.buckets[usize::from(way == Direction::Down)])
    }

    /// Of a shared bandwidth: bytes that passed, and how many were allowed, both ways together;
    /// `None` before there is enough to say.
    pub(super) fn shared_rate(&self, least: Duration) -> Option<(u64, u64)> {
        let kept = self.buckets.iter().filter_map(|bucket| bucket.kept(least));
        kept.reduce(|one, other| (one.0 + other.0, one.1 + other.1))
    }

    /// Keys that were forgotten: those are counted from zero again.
    pub(crate) fn forgotten(&self) -> u64 {
        self.counts.as_ref().map_or(0, |counts| counts.forgotten())
    }

    /// A place among the requests that are held at once; `None` when all are taken.
    pub(super) fn take_place(&self, max: Option<u32>) -> Option<Place> {
        let free = |held: u32| max.is_none_or(|max| held < max).then(|| held.saturating_add(1));
        let taken = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, free);
        taken.ok().map(|_before| Place(Arc::clone(&self.held)))
    }
}

/// Is the chance of a draw the same?
fn draws_alike(old: &FaultSpec, spec: &FaultSpec) -> bool {
    let by_caller = |spec: &FaultSpec| matches!(spec.effect, FaultKind::Caller { .. });
    old.share == spec.share && by_caller(old) == by_caller(spec)
}

fn counts_for(spec: &FaultSpec) -> Option<Arc<Keyed<u64>>> {
    let counted = spec.when.first.is_some() || spec.when.every.is_some();
    counted.then(|| Arc::new(Keyed::with_limit(KEYS_MAX)))
}

/// One request that the fault holds; its end makes room for another.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use model::fault::When;
    use model::units::Share;

    use super::*;

    fn spec(share_ppm: u32, when: When) -> FaultSpec {
        let share = Share::from_ppm(share_ppm);
        FaultSpec { share, when, ..FaultSpec::new("slow", Vec::new(), FaultKind::Blackhole) }
    }

    fn first(count: u64) -> When {
        When { first: Some(count), ..When::default() }
    }

    #[test]
    fn a_successor_keeps_what_still_speaks_of_it() {
        let old = spec(500_000, first(2));
        let memory = FaultMemory::of(&old);
        memory.count_match();
        let key = memory.counts().unwrap().key(&["one"]);
        memory.counts().unwrap().count(key);
        memory.draws.record(true);
        let successor = |new: &FaultSpec| {
            let kept = FaultMemory::after(&memory, &old, new);
            let counted =
                kept.counts().map_or(0, |counts| counts.look(key, |count| *count).unwrap_or(0));
            (kept.read().0, counted, kept.draws.read().0)
        };
        assert_eq!(successor(&old), (1, 1, 1));
        assert_eq!(successor(&spec(400_000, first(2))), (1, 1, 0), "the chance of a draw differs");
        assert_eq!(successor(&spec(500_000, first(3))), (1, 0, 0));
        assert_eq!(successor(&spec(500_000, When::default())), (1, 0, 0));
        let moved = FaultSpec { edges: vec![model::edge::Edge::new("a", "b")], ..old.clone() };
        assert_eq!(successor(&moved), (1, 1, 1), "its edges and its effect may change");
    }

    #[test]
    fn places_are_never_more_than_allowed_and_come_back() {
        let memory = FaultMemory::of(&spec(0, When::default()));
        let held: Vec<Place> = (0..5).filter_map(|_| memory.take_place(Some(2))).collect();
        assert_eq!(held.len(), 2);
        assert!(memory.take_place(None).is_some(), "without a cap there is always a place");
        drop(held);
        assert!(memory.take_place(Some(1)).is_some());
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
    }
}
