//! The log of one signal: which segments there are, what of them is in memory, and who has read
//! how far. Nothing here touches a disk.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use telemetry::otlp::Signal;

use super::batch::{Batch, Plan, Tail};
use super::file::Position;

/// Payloads kept in memory beside the file, so that a reader that keeps up never reads it.
const TAIL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One accepted request.
#[derive(Debug, Clone)]
pub(in super::super) struct Record {
    pub(in super::super) items: u64,
    pub(in super::super) payload: Bytes,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// Mark and records.
    pub(super) end: u64,
    pub(super) items: u64,
    /// `None` in memory.
    pub(super) file: Option<Arc<File>>,
}

/// Items of one backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct ReaderCounts {
    /// Not settled yet.
    pub(in super::super) waiting: u64,
    /// Gone before they were read, because there was no room.
    pub(in super::super) overflowed: u64,
    /// Could not be written, or could not be read again.
    pub(in super::super) unreadable: u64,
}

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) next: Position,
    /// Items of the segment before `next`.
    pub(super) passed: u64,
    /// Everything before this was answered.
    pub(super) committed: Position,
    pub(super) counts: ReaderCounts,
}

#[derive(Debug)]
pub(super) struct Log {
    signal: Signal,
    /// Never empty; the last one is being written.
    segments: VecDeque<Segment>,
    tail: Tail,
    readers: Vec<Reader>,
}

impl Log {
    /// After `segments`, the next one begins.
    pub(super) fn new(signal: Signal, segments: Vec<Segment>, readers: Vec<Reader>) -> Self {
        Self { signal, segments: segments.into(), tail: Tail::default(), readers }
    }

    fn active(&self) -> &Segment {
        self.segments.back().expect("a log always has a segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("a log always has a segment")
    }

    pub(super) fn front(&self) -> u64 {
        self.segments.front().map_or(0, |segment| segment.number)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end).sum()
    }

    pub(super) fn active_number(&self) -> u64 {
        self.active().number
    }

    pub(super) fn is_full(&self, segment_bytes: u64) -> bool {
        self.active().end >= segment_bytes
    }

    /// Begins a new segment.
    pub(super) fn rotate(&mut self, file: Option<Arc<File>>) {
        let number = self.active().number + 1;
        let end = Position::start_of(number).offset;
        self.segments.push_back(Segment { number, end, items: 0, file });
    }

    /// Adds a record to the last segment. Without a file memory is its only place.
    pub(super) fn push(&mut self, record: Record, only_here: bool) {
        let active = self.active_mut();
        let at = Position { segment: active.number, offset: active.end };
        active.end = at.after(record.payload.len()).offset;
        active.items += record.items;
        for reader in &mut self.readers {
            reader.counts.waiting += record.items;
        }
        self.tail.push(at, record);
        if !only_here {
            self.tail.shrink_to(TAIL_BYTES_MAX);
        }
    }

    pub(super) fn unwritten(&mut self, items: u64) {
        for reader in &mut self.readers {
            reader.counts.unreadable += items;
        }
    }

    /// Drops the first segment if it is not the last; its number.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        if self.segments.len() < 2 {
            return None;
        }
        let gone = self.segments.pop_front()?;
        let next = Position::start_of(self.front());
        for reader in &mut self.readers {
            if reader.next.segment == gone.number {
                let lost = gone.items.saturating_sub(reader.passed);
                reader.counts.overflowed += lost;
                reader.counts.waiting = reader.counts.waiting.saturating_sub(lost);
                (reader.next, reader.passed) = (next, 0);
            }
            reader.committed = reader.committed.max(next);
        }
        self.tail.forget_before(next);
        Some(gone.number)
    }

    /// Where the next records of a reader are; `None` when there are none.
    pub(super) fn plan(&mut self, reader: usize) -> Option<Plan> {
        let reader = self.readers.get_mut(reader)?;
        loop {
            let first = self.segments.front()?.number;
            let index = reader.next.segment.checked_sub(first)?;
            let segment = self.segments.get(usize::try_from(index).ok()?)?;
            if reader.next.offset < segment.end {
                let (at, passed) = (reader.next, reader.passed);
                if let Some(records) = self.tail.from(at) {
                    return Some(Plan::held(at, passed, records));
                }
                let file = segment.file.clone()?;
                let (signal, end) = (self.signal, segment.end);
                return Some(Plan::InFile { file, signal, at, passed, end });
            }
            if segment.number == self.segments.back()?.number {
                return None;
            }
            (reader.next, reader.passed) = (Position::start_of(segment.number + 1), 0);
        }
    }

    /// A reader has read a batch. `false` when its segment was dropped meanwhile.
    pub(super) fn advance(&mut self, reader: usize, batch: &Batch) -> bool {
        let reader = &mut self.readers[reader];
        if reader.next != batch.from {
            return false;
        }
        (reader.next, reader.passed) = (batch.to, batch.passed);
        true
    }

    /// The rest of a reader's segment cannot be read.
    pub(super) fn skip_segment(&mut self, reader: usize, batch: &Batch) {
        let found = self.segments.iter_mut().find(|segment| segment.number == batch.from.segment);
        let reader = &mut self.readers[reader];
        if let Some(segment) = found
            && reader.next == batch.from
        {
            let lost = segment.items.saturating_sub(reader.passed);
            reader.counts.unreadable += lost;
            reader.counts.waiting = reader.counts.waiting.saturating_sub(lost);
            (reader.next.offset, reader.passed) = (segment.end, segment.items);
        }
    }

    pub(super) fn is_drained(&self, reader: usize) -> bool {
        let next = self.readers[reader].next;
        let mut ahead = self.segments.iter().filter(|segment| segment.number >= next.segment);
        ahead.all(|segment| {
            let from = if segment.number == next.segment {
                next.offset
            } else {
                Position::start_of(segment.number).offset
            };
            from >= segment.end
        })
    }

    pub(super) fn commit(&mut self, reader: usize, to: Position, items: u64) {
        let reader = &mut self.readers[reader];
        reader.committed = reader.committed.max(to);
        reader.counts.waiting = reader.counts.waiting.saturating_sub(items);
        let slowest = self.readers.iter().map(|reader| reader.next).min();
        if let Some(slowest) = slowest {
            self.tail.forget_before(slowest);
        }
    }

    /// Removes the segments that every reader has behind it; their numbers.
    pub(super) fn remove_passed(&mut self) -> Vec<u64> {
        let mut removed = Vec::new();
        while self.segments.len() > 1 {
            let Some(segment) = self.segments.front() else { break };
            let end = Position { segment: segment.number, offset: segment.end };
            if self.readers.iter().any(|reader| reader.committed < end) {
                break;
            }
            removed.push(segment.number);
            self.segments.pop_front();
        }
        let start = Position::start_of(self.front());
        for reader in &mut self.readers {
            reader.committed = reader.committed.max(start);
            if reader.next < start {
                (reader.next, reader.passed) = (start, 0);
            }
        }
        removed
    }

    pub(super) fn counts(&self, reader: usize) -> ReaderCounts {
        self.readers[reader].counts
    }

    /// Nobody waits for anything.
    pub(super) fn is_settled(&self) -> bool {
        self.readers.iter().all(|reader| reader.counts.waiting == 0)
    }
}
