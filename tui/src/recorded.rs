//! A run that was watched, kept to be looked at again.
//!
//! A recording is one file: a header and one item per second, with the frame, the log lines of the
//! second, and those traces that explain it. It is written while a run is watched ([`Recorder`])
//! and read back as a whole ([`Recording`]): the frames are then a [`Feed`](crate::feed::Feed) that
//! pours them all at once, and traces and logs are answered by an [`Asker`](crate::ask::Asker) with
//! the collector's meaning.
//!
//! Frames are kept as they came. Traces and lines are a choice, in the file and in memory: what was
//! left out or had to go is counted: [`Counts`] says so, and so do the frames ([`missing`]).

mod answer;
mod calls;
mod feed;
mod format;
mod lines;
mod missing;
mod read;
mod recorder;
mod size;
#[cfg(test)]
pub(crate) mod testing;
mod traces;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;

use model::answer::CallRow;
use model::frame::{Frame, LogLine, Trace};
use model::limits::FRAMES_MAX;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use answer::RecordedAsker;
pub use calls::calls_of;
pub use feed::RecordedFeed;
pub(crate) use missing::is_missing;
use missing::{LINES_NOT_HELD, TRACES_NOT_HELD};
pub use missing::{SECONDS_NOT_HELD, add_missing, missing};
pub use read::{RecordedError, open, read};
pub use recorder::{RecordStatus, Recorder, Tap, record_all};
pub use write::{WriteError, Writer};

use crate::kept::{self, Keep};
use lines::Lines;
use traces::Traces;

/// What a recording is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub run_id: String,
    pub title: String,
    pub seed: u64,
    /// When the recording was begun.
    pub made_unix_ms: u64,
    /// Version of the program that wrote it.
    pub made_by: String,
}

impl Header {
    /// For the run of this frame.
    pub fn of(frame: &Frame, made_unix_ms: u64) -> Self {
        Self {
            run_id: frame.run.run_id.clone(),
            title: frame.run.title.clone(),
            seed: frame.run.seed,
            made_unix_ms,
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// One second of a recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    #[serde(serialize_with = "write_frame", deserialize_with = "read_frame")]
    pub frame: Arc<Frame>,
    pub traces: Vec<Trace>,
    /// In order of time.
    pub lines: Vec<LogLine>,
    /// Calls between services since the start of the run, when they were asked for.
    pub calls: Option<Vec<CallRow>>,
    pub left_out: LeftOut,
}

/// What was there and is not in the recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Traces that were wanted.
    pub traces: u64,
    /// At least so many log lines.
    pub lines: u64,
}

fn write_frame<S: Serializer>(frame: &Arc<Frame>, to: S) -> Result<S::Ok, S::Error> {
    frame.as_ref().serialize(to)
}

fn read_frame<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Frame>, D::Error> {
    Frame::deserialize(from).map(Arc::new)
}

/// How much of a recording is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub frames: usize,
    pub traces: usize,
    pub lines: usize,
    /// For traces, and as much for lines, by estimate.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { frames: FRAMES_MAX, traces: 2_000, lines: 50_000, bytes: 16 * 1024 * 1024 }
    }
}

/// What a recording holds, and what it does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub frames: u64,
    pub traces: u64,
    pub spans: u64,
    pub lines: u64,
    /// When it was written.
    pub left_out: LeftOut,
    /// Did not fit into memory; the oldest frames go, of traces and lines the least telling.
    pub evicted_frames: u64,
    pub evicted_traces: u64,
    pub evicted_lines: u64,
}

/// Where a file ends in the middle: its writer was killed, or is still at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Up to here the file is whole.
    pub at_byte: u64,
}

/// A recording in memory.
#[derive(Debug, Default)]
pub struct Recording {
    pub header: Header,
    /// `None` when its writer has closed it.
    pub cut: Option<Cut>,
    frames: VecDeque<Arc<kept::Frame>>,
    keep: Keep,
    traces: Traces,
    lines: Lines,
    calls: Option<Vec<CallRow>>,
    left_out: LeftOut,
    evicted_frames: u64,
    bounds: Bounds,
}

impl Recording {
    pub fn new(header: Header, bounds: Bounds) -> Self {
        Self {
            header,
            traces: Traces::bounded(bounds),
            lines: Lines::bounded(bounds),
            bounds,
            ..Self::default()
        }
    }

    /// Takes the next second.
    pub fn insert(&mut self, mut second: Second) {
        self.left_out.add(second.left_out);
        if self.left_out != LeftOut::default() {
            self.left_out.add_to(&mut Arc::make_mut(&mut second.frame).dropped);
        }
        let told = second.frame.events.iter().filter_map(|event| event.trace_id);
        let proved = second.frame.verdicts.iter().flat_map(|verdict| verdict.trace_ids.clone());
        self.traces.cherish(told.chain(proved));
        for mut trace in second.traces {
            for line in std::mem::take(&mut trace.logs) {
                self.lines.insert(line);
            }
            self.traces.insert(trace);
        }
        for line in second.lines {
            self.lines.insert(line);
        }
        if second.calls.is_some() {
            self.calls = second.calls;
        }
        let kept = self.keep.frame(&second.frame, self.frames.back().map(AsRef::as_ref));
        self.frames.push_back(Arc::new(kept));
        if self.frames.len() > self.bounds.frames {
            self.frames.pop_front();
            self.evicted_frames += 1;
        }
    }

    /// After the last second: what went from memory is missing from all of them.
    fn close(&mut self) {
        let counts = [
            (SECONDS_NOT_HELD, self.evicted_frames),
            (TRACES_NOT_HELD, self.traces.evicted()),
            (LINES_NOT_HELD, self.lines.evicted()),
        ];
        missing::add_to_all(self.frames.iter_mut(), &counts);
    }

    /// In the order in which they came.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &Arc<kept::Frame>> {
        self.frames.iter()
    }

    pub fn counts(&self) -> Counts {
        Counts {
            frames: self.frames.len() as u64,
            traces: self.traces.len() as u64,
            spans: self.traces.spans(),
            lines: self.lines.len() as u64,
            left_out: self.left_out,
            evicted_frames: self.evicted_frames,
            evicted_traces: self.traces.evicted(),
            evicted_lines: self.lines.evicted(),
        }
    }

    /// As they were asked for when it was recorded; else as the frames tell them.
    fn calls(&self) -> Vec<CallRow> {
        match &self.calls {
            Some(calls) => calls.clone(),
            None => calls_of(self.frames.iter().map(|frame| frame.told())),
        }
    }
}

#[cfg(test)]
mod tests;
