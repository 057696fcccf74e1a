//! Bytes in flight: a queue whose parts become due one after the other.
//!
//! Like on a long cable, many chunks are on their way at once, each due at its own time and never
//! before the one in front of it. The queue is bounded. What is due and not taken counts against a
//! much smaller bound, so that a slow receiver is felt by the sender and not hidden in memory.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::store::{BLOCK_BYTES, give_back_block, lend_block};

/// Most bytes in flight: a second at 128 Mbit/s.
pub(super) const FLIGHT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most bytes that are due before the sender has to wait.
pub(super) const DUE_BYTES_MAX: u64 = 64 * 1024;
/// First block of a queue: most queues hold one small message.
const SMALL_BYTES: usize = 4 * 1024;
/// A block with less room is not worth another read.
const ROOM_MIN: usize = 512;

/// One chunk on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) read_at: Instant,
    pub(super) due: Instant,
    /// Number of the chunk, by which its delays are drawn.
    pub(super) chunk: u64,
    /// How much of its delay is retransmission.
    pub(super) lost_for: Duration,
    pub(super) bytes: u64,
}

#[derive(Debug)]
struct Block {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    blocks: VecDeque<Block>,
    marks: VecDeque<Mark>,
    /// Bytes that are due.
    due: u64,
    /// Bytes that are not.
    flying: u64,
    /// The last block was filled to its end, so more is to be expected than a small one holds.
    filled: bool,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.due == 0 && self.flying == 0
    }

    pub(super) fn takes_more(&self) -> bool {
        self.due < DUE_BYTES_MAX && self.flying < FLIGHT_BYTES_MAX
    }

    /// When the next bytes become due; `None` when nothing is in flight.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.marks.front().map(|mark| mark.due)
    }

    /// Room to read into. [`Self::filled`] says how much of it was used.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let free = |block: &Block| block.bytes.len() - block.end;
        if self.blocks.back().is_none_or(|last| free(last) < ROOM_MIN) {
            let large = self.filled || self.blocks.len() > 1;
            let bytes = if large { lend_block() } else { vec![0; SMALL_BYTES].into() };
            self.blocks.push_back(Block { bytes, start: 0, end: 0 });
        }
        let last = self.blocks.back_mut().expect("a block was pushed when there was none");
        &mut last.bytes[last.end..]
    }

    /// `count` bytes were read into [`Self::room`]. They need marks.
    pub(super) fn filled(&mut self, count: usize) {
        if let Some(last) = self.blocks.back_mut() {
            last.end += count;
            self.filled = last.end == last.bytes.len();
        }
    }

    /// A chunk of what was read, behind all that was marked before.
    pub(super) fn mark(&mut self, mark: Mark) {
        let due = self.marks.back().map_or(mark.due, |last| last.due.max(mark.due));
        self.flying += mark.bytes;
        self.marks.push_back(Mark { due, ..mark });
    }

    /// Bytes without any delay. Only for an empty flight.
    pub(super) fn mark_due(&mut self, bytes: u64) {
        debug_assert!(self.marks.is_empty(), "these would overtake what is in flight");
        self.due += bytes;
    }

    /// Takes the next chunk that is due from flight.
    pub(super) fn land(&mut self, now: Instant) -> Option<Mark> {
        let mark = self.marks.pop_front_if(|mark| mark.due <= now)?;
        self.flying -= mark.bytes;
        self.due += mark.bytes;
        Some(mark)
    }

    /// Decides anew when everything in flight is due.
    pub(super) fn reschedule(&mut self, delay: impl Fn(&Mark) -> Duration) {
        let mut not_before = None;
        for mark in &mut self.marks {
            let due = mark.read_at + delay(mark);
            mark.due = not_before.map_or(due, |before: Instant| before.max(due));
            not_before = Some(mark.due);
        }
    }

    /// The first bytes that are due, as far as they lie together.
    pub(super) fn front(&mut self) -> &mut [u8] {
        let due = usize::try_from(self.due).unwrap_or(usize::MAX);
        match self.blocks.front_mut() {
            Some(first) => {
                let end = first.end.min(first.start.saturating_add(due));
                &mut first.bytes[first.start..end]
            },
            None => &mut [],
        }
    }

    /// The first `count` bytes of [`Self::front`] are gone.
    pub(super) fn consume(&mut self, count: usize) {
        self.due -= count as u64;
        let alone = self.blocks.len() == 1;
        let Some(first) = self.blocks.front_mut() else { return };
        first.start += count;
        if first.start < first.end {
            return;
        }
        if alone {
            // Read into again while bytes come; `release` gives it back when they do not.
            (first.start, first.end) = (0, 0);
            if self.filled && first.bytes.len() < BLOCK_BYTES {
                self.blocks.clear();
            }
        } else if let Some(done) = self.blocks.pop_front() {
            give_back_block(done.bytes);
        }
    }

    /// Nothing is kept while nothing is in hand.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.blocks.drain(..).for_each(|block| give_back_block(block.bytes));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.blocks.drain(..).for_each(|block| give_back_block(block.bytes));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn mark(read_at: Instant, delay: Duration, bytes: usize) -> Mark {
        let bytes = bytes as u64;
        Mark { read_at, due: read_at + delay, chunk: 0, lost_for: Duration::ZERO, bytes }
    }

    fn write(line: &mut Line, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = line.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            line.filled(count);
            rest = &rest[count..];
        }
    }

    fn land_all(line: &mut Line, now: Instant) -> Vec<u8> {
        while line.land(now).is_some() {}
        let mut out = Vec::new();
        loop {
            let front = line.front();
            if front.is_empty() {
                return out;
            }
            out.extend_from_slice(front);
            let count = front.len();
            line.consume(count);
        }
    }

    #[test]
    fn a_chunk_lands_at_its_time_but_never_before_the_one_in_front_of_it() {
        let (mut line, start) = (Line::default(), Instant::now());
        for (bytes, delay) in [("a", 5), ("b", 2), ("c", 9)] {
            write(&mut line, bytes.as_bytes());
            line.mark(mark(start, delay * MS, 1));
        }
        assert_eq!(land_all(&mut line, start + 4 * MS), b"");
        assert_eq!(line.next_due(), Some(start + 5 * MS));
        assert_eq!(land_all(&mut line, start + 5 * MS), b"ab");
        assert_eq!(land_all(&mut line, start + 9 * MS), b"c");
        assert!(line.is_empty() && line.next_due().is_none());
    }

    #[test]
    fn a_delay_that_is_gone_is_not_felt_by_what_is_in_flight() {
        let (mut line, start) = (Line::default(), Instant::now());
        for delay in [500, 400] {
            write(&mut line, b"xy");
            line.mark(mark(start, delay * MS, 2));
        }
        line.reschedule(|_mark| 3 * MS);
        assert_eq!(land_all(&mut line, start + 3 * MS), b"xyxy");
    }

    #[test]
    fn it_takes_no_more_than_its_bounds() {
        let (mut line, start) = (Line::default(), Instant::now());
        let chunk = vec![1; BLOCK_BYTES];
        let mut held = 0;
        while line.takes_more() {
            write(&mut line, &chunk);
            line.mark(mark(start, MS, chunk.len()));
            held += chunk.len() as u64;
        }
        assert_eq!(held, FLIGHT_BYTES_MAX);
        while line.land(start + MS).is_some() {}
        assert!(!line.takes_more(), "what is due and not taken stops the sender");
        assert_eq!(land_all(&mut line, start).len() as u64, held);
        assert!(line.takes_more());
        line.release();
        assert!(line.blocks.is_empty());
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(
            chunks in proptest::collection::vec((1_usize..9_000, 0_u32..20), 1..40),
            looks in proptest::collection::vec(0_u32..30, 1..10),
        ) {
            let (mut line, start) = (Line::default(), Instant::now());
            let (mut sent, mut got) = (Vec::new(), Vec::new());
            for (number, (length, delay)) in chunks.iter().enumerate() {
                let bytes: Vec<u8> = (0..*length).map(|at| (at * 7 + number) as u8).collect();
                write(&mut line, &bytes);
                sent.extend_from_slice(&bytes);
                line.mark(mark(start, *delay * MS, *length));
                let now = start + looks[number % looks.len()] * MS;
                got.extend(land_all(&mut line, now));
            }
            got.extend(land_all(&mut line, start + 100 * MS));
            prop_assert_eq!(sent, got);
            prop_assert!(line.is_empty());
        }
    }
}
