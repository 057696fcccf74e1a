//! Records that are sent as one request.
//!
//! Export requests of one signal, written one after the other, are one export request: protobuf
//! joins their lists. So small requests leave together, without being decoded.
//!
//! A batch ends at multiples of [`BLOCK_BYTES`] of its segment. So backends that work through the
//! same backlog come to the same batches, and what was compressed for one serves the others.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use telemetry::otlp::Signal;

use super::file::{self, Position};
use super::log::Record;

pub(super) const BLOCK_BYTES: u64 = 1024 * 1024;
const BATCH_BYTES_MAX: u64 = 1024 * 1024;
const BATCH_ITEMS_MAX: u64 = 8_192;
const BATCH_RECORDS_MAX: usize = 256;

/// Records that follow each other in one segment.
#[derive(Debug, Clone)]
pub(in super::super) struct Batch {
    pub(in super::super) from: Position,
    pub(in super::super) to: Position,
    /// Items of the segment up to the end of the batch.
    pub(in super::super) passed: u64,
    pub(in super::super) records: Vec<Record>,
}

impl Batch {
    pub(super) fn empty(at: Position, passed: u64) -> Self {
        Self { from: at, to: at, passed, records: Vec::new() }
    }

    /// Adds a record unless the batch ends before it.
    fn add(&mut self, record: Record) -> bool {
        let bytes = self.to.offset - self.from.offset;
        let fits = self.records.is_empty()
            || (self.to.offset / BLOCK_BYTES == self.from.offset / BLOCK_BYTES
                && bytes + record.payload.len() as u64 <= BATCH_BYTES_MAX
                && self.items() + record.items <= BATCH_ITEMS_MAX
                && self.records.len() < BATCH_RECORDS_MAX);
        if fits {
            self.to = self.to.after(record.payload.len());
            self.passed += record.items;
            self.records.push(record);
        }
        fits
    }

    /// Each record as a batch of its own.
    pub(in super::super) fn singles(&self) -> Vec<Self> {
        let mut at = Self::empty(self.from, self.passed - self.items());
        let single = |record: &Record| {
            at = Self::empty(at.to, at.passed);
            at.add(record.clone());
            at.clone()
        };
        self.records.iter().map(single).collect()
    }

    pub(in super::super) fn items(&self) -> u64 {
        self.records.iter().map(|record| record.items).sum()
    }

    pub(in super::super) fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.payload.len()).sum()
    }

    pub(in super::super) fn pieces(&self) -> Vec<Bytes> {
        self.records.iter().map(|record| record.payload.clone()).collect()
    }
}

/// Where the next records of a reader are.
#[derive(Debug)]
pub(super) enum Plan {
    /// Still in memory.
    Held(Batch),
    InFile {
        file: Arc<File>,
        signal: Signal,
        at: Position,
        passed: u64,
        end: u64,
    },
}

impl Plan {
    pub(super) fn held<'a>(
        at: Position,
        passed: u64,
        records: impl Iterator<Item = &'a Record>,
    ) -> Self {
        let mut batch = Batch::empty(at, passed);
        for record in records {
            if !batch.add(record.clone()) {
                break;
            }
        }
        Self::Held(batch)
    }

    /// The batch, and whether all of it was sound. An unsound one has the records before the fault.
    pub(super) async fn read(self) -> (Batch, bool) {
        match self {
            Self::Held(batch) => (batch, true),
            Self::InFile { file, signal, at, passed, end } => {
                let read = move || read_batch(&file, signal, Batch::empty(at, passed), end);
                tokio::task::spawn_blocking(read)
                    .await
                    .expect("reading never panics, and the runtime outlives its tasks")
            },
        }
    }
}

fn read_batch(file: &File, signal: Signal, mut batch: Batch, end: u64) -> (Batch, bool) {
    while batch.to.offset < end {
        let Some((items, payload)) = file::read(file, signal, batch.to.offset, end) else {
            // What was read before goes out first; the next reading begins with the fault.
            let sound = !batch.records.is_empty();
            return (batch, sound);
        };
        if !batch.add(Record { items, payload }) {
            break;
        }
    }
    (batch, true)
}

/// The records that are still in memory, in order.
#[derive(Debug, Default)]
pub(super) struct Tail {
    records: VecDeque<(Position, Record)>,
    bytes: usize,
}

impl Tail {
    pub(super) fn push(&mut self, at: Position, record: Record) {
        self.bytes += record.payload.len();
        self.records.push_back((at, record));
    }

    /// Records from a position on in its segment; `None` when they are not here.
    pub(super) fn from(&self, at: Position) -> Option<impl Iterator<Item = &Record>> {
        let first = self.records.binary_search_by_key(&at, |(position, _)| *position).ok()?;
        let same = self
            .records
            .range(first..)
            .take_while(move |(position, _)| position.segment == at.segment);
        Some(same.map(|(_, record)| record))
    }

    /// Forgets what lies before a position.
    pub(super) fn forget_before(&mut self, at: Position) {
        while self.records.front().is_some_and(|(position, _)| *position < at) {
            self.forget_first();
        }
    }

    pub(super) fn shrink_to(&mut self, bytes: usize) {
        while self.bytes > bytes && !self.records.is_empty() {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, record)) = self.records.pop_front() {
            self.bytes -= record.payload.len();
        }
    }
}
