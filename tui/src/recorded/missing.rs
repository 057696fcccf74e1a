//! What a recording is without, counted as a loss of the run.
//!
//! It stands in the frames beside what the run lost, under names of its own. So it is on every
//! screen that shows losses, and goes with the frames into a recording of the recording.

use std::sync::Arc;

use model::frame::DropCount;

use super::LeftOut;
use crate::kept;

pub(super) const TRACES: &str = "traces left out";
pub(super) const LINES: &str = "lines left out";
/// Too old for memory.
pub const SECONDS_NOT_HELD: &str = "seconds not held";
pub(super) const TRACES_NOT_HELD: &str = "traces not held";
pub(super) const LINES_NOT_HELD: &str = "lines not held";

const ALL: [&str; 5] = [TRACES, LINES, SECONDS_NOT_HELD, TRACES_NOT_HELD, LINES_NOT_HELD];

/// Those losses that are of a recording, not of the run.
pub fn missing(dropped: &[DropCount]) -> impl Iterator<Item = &DropCount> {
    dropped.iter().filter(|loss| is_missing(&loss.what))
}

pub(crate) fn is_missing(what: &str) -> bool {
    ALL.contains(&what)
}

/// Adds to what is counted under this name already.
pub fn add_missing(dropped: &mut Vec<DropCount>, what: &str, count: u64) {
    match dropped.iter_mut().find(|loss| loss.what == what) {
        _ if count == 0 => {},
        Some(loss) => loss.count = loss.count.saturating_add(count),
        None => dropped.push(DropCount { what: what.to_owned(), count }),
    }
}

/// Tells all frames what of the recording did not fit into memory.
pub(super) fn add_to_all<'a>(
    frames: impl Iterator<Item = &'a mut Arc<kept::Frame>>,
    counts: &[(&str, u64)],
) {
    if counts.iter().all(|(_, count)| *count == 0) {
        return;
    }
    // Frames share their lists, and shall go on to do so.
    let mut last: Option<[Arc<[DropCount]>; 2]> = None;
    for frame in frames.filter_map(Arc::get_mut) {
        let after = match &last {
            Some([before, after]) if Arc::ptr_eq(before, &frame.dropped) => Arc::clone(after),
            _ => with(&frame.dropped, counts),
        };
        let before = std::mem::replace(&mut frame.dropped, Arc::clone(&after));
        last = Some([before, after]);
    }
}

fn with(dropped: &[DropCount], counts: &[(&str, u64)]) -> Arc<[DropCount]> {
    let mut dropped = dropped.to_vec();
    for (what, count) in counts {
        add_missing(&mut dropped, what, *count);
    }
    dropped.into()
}

impl LeftOut {
    pub(super) fn add(&mut self, more: Self) {
        self.traces = self.traces.saturating_add(more.traces);
        self.lines = self.lines.saturating_add(more.lines);
    }

    /// Tells a list of losses.
    pub(super) fn add_to(self, dropped: &mut Vec<DropCount>) {
        add_missing(dropped, TRACES, self.traces);
        add_missing(dropped, LINES, self.lines);
    }
}
