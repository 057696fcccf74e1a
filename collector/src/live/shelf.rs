//! The newest batches of one signal, with a way from a trace or a correlation id to its items.
//!
//! Bounded by items and by bytes; the oldest batch goes first, as a whole, so that an item costs
//! nothing when it goes. Every item has a sequence number and a [`Slot`] in a ring, which says
//! where it is and which item of the same trace came before it.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;
use model::id::TraceId;

use super::keys::{Keys, Newest};
use crate::record::Batch;

/// What an item costs beside its batch: its slot, and its share of the tables.
const INDEX_BYTES: usize = size_of::<Slot>() + 4 * size_of::<Newest>();

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// Where an item is, and what else belongs to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Low bits of the number of its batch.
    batch: u32,
    /// Number of the item in its batch.
    index: u32,
    /// How many items ago the one before it of the same trace came; 0 when there is none.
    trace_back: u32,
    correlation_back: u32,
    /// For spans: parts of the hashes of its own id and of its parent's, to find spans without
    /// looking at them. 0 for none.
    pub(super) own: u32,
    pub(super) parent: u32,
}

/// What an item is found by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) trace: Option<u64>,
    pub(super) correlation: Option<u64>,
    pub(super) own: u32,
    pub(super) parent: u32,
}

#[derive(Debug)]
struct Kept {
    batch: Arc<Batch>,
    items: usize,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Shelf {
    room: Room,
    seed: DefaultHashBuilder,
    batches: VecDeque<Kept>,
    /// Number of the oldest batch.
    first_batch: u64,
    slots: VecDeque<Slot>,
    /// Sequence number of the oldest item.
    oldest: u64,
    traces: Keys,
    correlations: Keys,
    bytes: usize,
}

impl Shelf {
    pub(super) fn bounded(room: Room) -> Self {
        Self {
            room,
            seed: DefaultHashBuilder::default(),
            batches: VecDeque::new(),
            first_batch: 0,
            slots: VecDeque::new(),
            oldest: 0,
            traces: Keys::default(),
            correlations: Keys::default(),
            bytes: 0,
        }
    }

    /// Ids are chosen by senders, so their hashes are keyed.
    pub(super) fn hash_trace(&self, id: TraceId) -> u64 {
        self.seed.hash_one(u128::from_ne_bytes(*id.as_bytes()))
    }

    pub(super) fn hash_text(&self, text: &str) -> u64 {
        self.seed.hash_one(text)
    }

    pub(super) fn hash_number(&self, number: u64) -> u64 {
        self.seed.hash_one(number)
    }

    fn next(&self) -> u64 {
        self.oldest + self.slots.len() as u64
    }

    /// Sequence numbers of the oldest item and of the next.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.oldest, self.next())
    }

    /// Puts a batch on the shelf; its items follow by [`Self::add`].
    pub(super) fn begin(&mut self, batch: &Arc<Batch>) {
        let kept = Kept { batch: Arc::clone(batch), items: 0, bytes: batch.size_bytes() };
        self.bytes += kept.bytes;
        self.batches.push_back(kept);
    }

    /// Adds an item of the newest batch; returns how many items of its trace came before it.
    pub(super) fn add(&mut self, index: u32, entry: Entry) -> u32 {
        let Some(kept) = self.batches.back_mut() else { return 0 };
        kept.items += 1;
        kept.bytes += INDEX_BYTES;
        self.bytes += INDEX_BYTES;
        let (next, oldest) = (self.next(), self.oldest);
        let batch = (self.first_batch + self.batches.len() as u64 - 1) as u32;
        let (trace_back, before) = link(&mut self.traces, entry.trace, next, oldest);
        let (correlation_back, _) = link(&mut self.correlations, entry.correlation, next, oldest);
        let (own, parent) = (entry.own, entry.parent);
        self.slots.push_back(Slot { batch, index, trace_back, correlation_back, own, parent });
        before
    }

    /// Ends the newest batch, and forgets the oldest until the rest is within its bounds; true when
    /// there were some.
    pub(super) fn end(&mut self) -> bool {
        // A batch of repetitions alone is not worth its memory.
        if let Some(kept) = self.batches.pop_back_if(|kept| kept.items == 0) {
            self.bytes -= kept.bytes;
        }
        let mut forgot = false;
        while self.slots.len() > self.room.items || self.bytes > self.room.bytes {
            let Some(kept) = self.batches.pop_front() else { break };
            self.first_batch += 1;
            self.bytes -= kept.bytes;
            self.slots.drain(..kept.items);
            self.oldest += kept.items as u64;
            forgot = true;
        }
        if forgot {
            let next = self.next();
            self.traces.forget_before(self.oldest, next);
            self.correlations.forget_before(self.oldest, next);
        }
        forgot
    }

    /// How many items a trace has had, and the newest of them.
    pub(super) fn trace(&self, hash: u64) -> Option<Newest> {
        self.traces.find(hash, self.oldest)
    }

    /// The slots of a trace, the newest first, with their sequence numbers. Other traces whose hash
    /// is the same may be among them.
    pub(super) fn of_trace(&self, hash: u64) -> impl Iterator<Item = (u64, Slot)> + '_ {
        self.chain(self.trace(hash), |slot| slot.trace_back)
    }

    /// Like [`Self::of_trace`].
    pub(super) fn of_correlation(&self, hash: u64) -> impl Iterator<Item = (u64, Slot)> + '_ {
        let newest = self.correlations.find(hash, self.oldest);
        self.chain(newest, |slot| slot.correlation_back)
    }

    fn chain(
        &self,
        newest: Option<Newest>,
        back: fn(&Slot) -> u32,
    ) -> impl Iterator<Item = (u64, Slot)> + '_ {
        let first = newest.and_then(|newest| self.slot(newest.sequence));
        std::iter::successors(first, move |(sequence, slot)| match back(slot) {
            0 => None,
            back => self.slot(sequence.checked_sub(u64::from(back))?),
        })
    }

    /// `None` when the item is gone.
    pub(super) fn slot(&self, sequence: u64) -> Option<(u64, Slot)> {
        let at = usize::try_from(sequence.checked_sub(self.oldest)?).ok()?;
        self.slots.get(at).map(|slot| (sequence, *slot))
    }

    /// Everything that is kept, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Slot> + '_ {
        self.slots.iter().rev().copied()
    }

    /// The batch of an item, and its number in it.
    pub(super) fn item(&self, slot: Slot) -> Option<(&Arc<Batch>, usize)> {
        let at = slot.batch.wrapping_sub(self.first_batch as u32) as usize;
        self.batches.get(at).map(|kept| (&kept.batch, slot.index as usize))
    }
}

/// Makes an item the newest of a key: how far back the one before it is, and how many there were.
fn link(keys: &mut Keys, hash: Option<u64>, next: u64, oldest: u64) -> (u32, u32) {
    let Some(hash) = hash else { return (0, 0) };
    match keys.replace(hash, next, oldest) {
        // An item that is further away than 32 bits tell is gone by any bound.
        Some(before) => (u32::try_from(next - before.sequence).unwrap_or(0), before.count),
        None => (0, 0),
    }
}
