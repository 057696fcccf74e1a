//! The file of a run, asked without a collector and in the types of the questions.

use std::path::Path;

use model::answer::TraceLine;
use model::frame::{Frame, LogLine, Trace};
use model::id::TraceId;

use crate::query::{LogQuery, TraceQuery};
use crate::store::StoreError;
use crate::store::read::Reader;

/// Reads one run file. Every question blocks on it.
#[derive(Debug)]
pub struct RunFile {
    reader: Reader,
}

impl RunFile {
    /// An error when it is no run file of a version that this program reads.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let reader = Reader::new(Some(path));
        reader.run()?;
        Ok(Self { reader })
    }

    /// Frames from a sequence number on. A file that was not sealed has none.
    pub fn frames(&self, from_seq: u64, limit: usize) -> Result<Vec<Frame>, StoreError> {
        self.reader.frames(from_seq, limit)
    }

    pub fn traces(&self, query: &TraceQuery) -> Result<Vec<TraceLine>, StoreError> {
        self.reader.traces(query)
    }

    /// `None` when no span of it is in the file.
    pub fn trace(&self, trace_id: TraceId) -> Result<Option<Trace>, StoreError> {
        self.reader.trace(trace_id)
    }

    pub fn logs(&self, query: &LogQuery) -> Result<Vec<LogLine>, StoreError> {
        self.reader.logs(query)
    }
}
