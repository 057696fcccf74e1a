//! The counters of one edge, in a cell for each worker.
//!
//! Recording touches memory of the worker's own cell only, with additions that need no order. A
//! cell holds a histogram for each kind of end, which is a status with a cause, made when it is
//! first seen; the count of a kind is that of its histogram, so the two can never differ. An edge
//! with more kinds than [`KINDS_MAX`] has the rest counted together.

use std::array;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use model::edge::{Blame, Edge};
use model::policy::BreakerState;

use super::histogram::{Durations, Histogram};

/// Kinds of end of one edge that are told apart.
const KINDS_MAX: usize = 32;
/// Nobody to blame, or one of [`Blame::ALL`].
const CAUSES: usize = 1 + Blame::ALL.len();
/// Statuses have three digits; 0 stands for no answer.
const STATUS_CODES: usize = 1_000;
/// No breaker has told its state.
const NO_BREAKER: i64 = -1;

/// What an edge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Begun, not ended: what has ended is in the histograms.
    Requests,
    Attempts,
    Retries,
    /// The budget had nothing left.
    RetriesRefused,
    Hedges,
    HedgesWon,
    RateLimited,
    BulkheadLimited,
    AdaptiveLimited,
    BreakerRejected,
    BytesUp,
    BytesDown,
    ConnectionsAccepted,
    ConnectionsRefused,
    PoolOpened,
    PoolReused,
}

impl Count {
    pub(crate) const ALL: [Self; 16] = [
        Self::Requests,
        Self::Attempts,
        Self::Retries,
        Self::RetriesRefused,
        Self::Hedges,
        Self::HedgesWon,
        Self::RateLimited,
        Self::BulkheadLimited,
        Self::AdaptiveLimited,
        Self::BreakerRejected,
        Self::BytesUp,
        Self::BytesDown,
        Self::ConnectionsAccepted,
        Self::ConnectionsRefused,
        Self::PoolOpened,
        Self::PoolReused,
    ];
}

/// What an edge has at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    InFlight,
    ConnectionsOpen,
}

impl Level {
    pub(crate) const ALL: [Self; 2] = [Self::InFlight, Self::ConnectionsOpen];
}

/// How a request ended: its status and who was to blame.
pub(super) type End = (u16, Option<Blame>);

fn cause_of(blame: Option<Blame>) -> usize {
    blame.map_or(0, |blame| 1 + blame as usize)
}

/// Begins on a cache line of its own: another worker's cell must not slow this one down.
#[derive(Debug)]
#[repr(align(128))]
struct Cell {
    requests: [OnceLock<Box<Histogram>>; KINDS_MAX],
    attempts: [OnceLock<Box<Histogram>>; CAUSES],
    counts: [AtomicU64; Count::ALL.len()],
    levels: [AtomicI64; Level::ALL.len()],
}

impl Cell {
    fn new() -> Self {
        Self {
            requests: array::from_fn(|_| OnceLock::new()),
            attempts: array::from_fn(|_| OnceLock::new()),
            counts: array::from_fn(|_| AtomicU64::new(0)),
            levels: array::from_fn(|_| AtomicI64::new(0)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct EdgeMetrics {
    pub(super) name: String,
    /// Place of each kind of end in the cells, counted from 1; 0 is not seen yet.
    places: Box<[AtomicU8]>,
    /// The kinds in the order of their places; the last place is for all further ones.
    kinds: Mutex<Vec<End>>,
    cells: Vec<Cell>,
    breaker: AtomicI64,
    changes: [AtomicU64; BreakerState::ALL.len()],
}

impl EdgeMetrics {
    pub(super) fn new(edge: &Edge, shards: usize) -> Self {
        Self {
            name: edge.to_string(),
            places: (0..STATUS_CODES * CAUSES).map(|_| AtomicU8::new(0)).collect(),
            kinds: Mutex::default(),
            cells: std::iter::repeat_with(Cell::new).take(shards.max(1)).collect(),
            breaker: AtomicI64::new(NO_BREAKER),
            changes: array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// A request has ended; `status` is what the caller was told, if anything.
    pub(crate) fn request_ended(
        &self,
        shard: usize,
        status: Option<u16>,
        blame: Option<Blame>,
        took: Duration,
    ) {
        let place = self.place(status.unwrap_or(0), blame);
        self.cell(shard).requests[place].get_or_init(Box::default).record(took);
    }

    pub(crate) fn attempt_ended(&self, shard: usize, blame: Option<Blame>, took: Duration) {
        self.cell(shard).attempts[cause_of(blame)].get_or_init(Box::default).record(took);
    }

    pub(crate) fn add(&self, shard: usize, what: Count, more: u64) {
        self.cell(shard).counts[what as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// The level may be raised in one cell and lowered in another.
    pub(crate) fn raise(&self, shard: usize, what: Level, by: i64) {
        self.cell(shard).levels[what as usize].fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn breaker_is(&self, state: BreakerState) {
        self.breaker.store(state.code(), Ordering::Relaxed);
    }

    pub(crate) fn breaker_changed(&self, to: BreakerState) {
        let place = BreakerState::ALL.iter().position(|state| *state == to);
        if let Some(count) = place.and_then(|place| self.changes.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `None` while no breaker has told its state.
    pub(super) fn breaker(&self) -> Option<i64> {
        Some(self.breaker.load(Ordering::Relaxed)).filter(|code| *code != NO_BREAKER)
    }

    /// How often the breaker came into each state, as far as it ever did.
    pub(super) fn breaker_changes(&self) -> impl Iterator<Item = (BreakerState, u64)> + '_ {
        let counts = self.changes.iter().map(|count| count.load(Ordering::Relaxed));
        BreakerState::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn count(&self, what: Count) -> u64 {
        self.cells.iter().map(|cell| cell.counts[what as usize].load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn level(&self, what: Level) -> i64 {
        self.cells.iter().map(|cell| cell.levels[what as usize].load(Ordering::Relaxed)).sum()
    }

    /// Requests by how they ended; `None` are those of kinds that had no place.
    pub(super) fn requests(&self) -> Vec<(Option<End>, Durations)> {
        let kinds = self.kinds().clone();
        let others = (kinds.len() >= KINDS_MAX).then_some(None);
        let named = kinds.into_iter().take(KINDS_MAX - 1).map(Some);
        let all = named.chain(others).enumerate();
        all.map(|(place, end)| (end, self.sum(|cell| &cell.requests[place]))).collect()
    }

    /// Attempts by who was to blame.
    pub(super) fn attempts(&self) -> Vec<(Option<Blame>, Durations)> {
        let causes = std::iter::once(None).chain(Blame::ALL.map(Some));
        causes
            .map(|blame| (blame, self.sum(|cell| &cell.attempts[cause_of(blame)])))
            .filter(|(_, durations)| durations.count() > 0)
            .collect()
    }

    fn sum(&self, of: impl Fn(&Cell) -> &OnceLock<Box<Histogram>>) -> Durations {
        let mut sum = Durations::default();
        for histogram in self.cells.iter().filter_map(|cell| of(cell).get()) {
            sum.add(histogram);
        }
        sum
    }

    fn cell(&self, shard: usize) -> &Cell {
        &self.cells[shard % self.cells.len()]
    }

    fn place(&self, status: u16, blame: Option<Blame>) -> usize {
        let status = status.min(STATUS_CODES as u16 - 1);
        let known = &self.places[usize::from(status) * CAUSES + cause_of(blame)];
        match known.load(Ordering::Relaxed) {
            0 => self.make_place((status, blame), known),
            place => usize::from(place) - 1,
        }
    }

    #[cold]
    fn make_place(&self, end: End, known: &AtomicU8) -> usize {
        let mut kinds = self.kinds();
        let place = kinds.iter().position(|kind| *kind == end).unwrap_or_else(|| {
            if kinds.len() < KINDS_MAX {
                kinds.push(end);
            }
            kinds.len() - 1
        });
        known.store(place as u8 + 1, Ordering::Relaxed);
        place
    }

    fn kinds(&self) -> std::sync::MutexGuard<'_, Vec<End>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(3);

    fn metrics(shards: usize) -> EdgeMetrics {
        EdgeMetrics::new(&Edge::new("orders", "payments"), shards)
    }

    #[test]
    fn threads_that_share_cells_lose_no_request() {
        let metrics = metrics(2);
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                let metrics = &metrics;
                scope.spawn(move || {
                    for number in 0..1_000_u16 {
                        let blame = (number % 4 == 0).then_some(Blame::Injected);
                        metrics.request_ended(thread, Some(200 + number % 5), blame, TOOK);
                        metrics.attempt_ended(thread, blame, TOOK);
                        metrics.add(thread, Count::Retries, 2);
                        metrics.raise(thread, Level::InFlight, 1);
                        metrics.raise(thread + 1, Level::InFlight, -1);
                    }
                });
            }
        });
        let mut ends: Vec<(End, u64)> = metrics
            .requests()
            .iter()
            .map(|(end, durations)| (end.unwrap(), durations.count()))
            .collect();
        ends.sort_unstable();
        let (injected, nobody) = (Some(Blame::Injected), None);
        let expected =
            (200..205).flat_map(|status| [((status, nobody), 600), ((status, injected), 200)]);
        assert!(ends.iter().copied().eq(expected), "{ends:?}");
        let attempts = metrics.attempts();
        let attempts: Vec<_> =
            attempts.iter().map(|(blame, durations)| (*blame, durations.count())).collect();
        assert_eq!(attempts, [(nobody, 3_000), (injected, 1_000)]);
        assert_eq!((metrics.count(Count::Retries), metrics.level(Level::InFlight)), (8_000, 0));
    }

    #[test]
    fn kinds_beyond_the_limit_are_counted_together() {
        let metrics = metrics(1);
        for status in (0..100).chain(600..2_000) {
            metrics.request_ended(0, Some(status), None, TOOK);
        }
        metrics.request_ended(0, None, None, TOOK);
        let requests = metrics.requests();
        assert_eq!(requests.len(), KINDS_MAX);
        let (others, told_apart) = requests.split_last().unwrap();
        assert!(told_apart.iter().all(|(end, _)| end.is_some()));
        assert_eq!(told_apart[0].1.count(), 2, "no answer is status 0");
        assert_eq!((others.0, others.1.count()), (None, 1_500 - told_apart.len() as u64));
    }

    #[test]
    fn every_count_and_level_has_a_place_of_its_own() {
        let metrics = metrics(1);
        for (number, what) in Count::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, number);
            metrics.add(0, what, number as u64);
        }
        for (number, what) in (0..).zip(Level::ALL) {
            assert_eq!(what as i64, number);
            metrics.raise(0, what, number);
        }
        assert!(Count::ALL.iter().all(|what| metrics.count(*what) == *what as u64));
        assert!(Level::ALL.iter().all(|what| metrics.level(*what) == *what as i64));
        assert!(Blame::ALL.iter().enumerate().all(|(number, blame)| *blame as usize == number));
    }
}
