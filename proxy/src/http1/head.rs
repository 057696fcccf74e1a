//! How a head is read, request or response: start line, fields, then a judgement of the whole.
//!
//! A head that has not fully arrived is gone on with where it stopped. What lies beyond the limit
//! is never looked at, so that a message is judged alike however it was cut into pieces.

use super::fields::Fields;
use super::scan::{Progress, Stop};
use super::{HeadLimits, Refusal};

/// How far a head was read that has not fully arrived.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    /// Where the first line begins that was not read to its end.
    pub(super) line: usize,
    pub(super) progress: Progress,
    /// The start line was read.
    in_fields: bool,
    /// Nothing is waited for: the next bytes begin another head.
    is_whole: bool,
}

impl Cursor {
    /// Does `input` begin another head, instead of continuing the one that is being read?
    fn starts_over(&self, input: &[u8]) -> bool {
        self.is_whole || input.len() < self.line.max(self.progress.judged)
    }
}

pub(super) trait Head {
    /// Why a start line is refused that does not fit into the limit.
    const LONG_START: Refusal;

    fn inner(&mut self) -> &mut Fields;

    /// Reads the start line; says where the first field begins.
    fn read_start(&mut self, input: &[u8], progress: Progress) -> Result<usize, Stop>;

    /// Judges the head as a whole.
    fn settle(&mut self) -> Result<(), Refusal>;
}

pub(super) fn parse<H: Head>(
    head: &mut H,
    input: &[u8],
    limits: &HeadLimits,
) -> Result<Option<usize>, Refusal> {
    if head.inner().cursor.starts_over(input) {
        head.inner().clear();
    }
    let view = &input[..input.len().min(limits.bytes)];
    let refusal = match read(head, view, limits) {
        Ok(end) => {
            head.inner().cursor.is_whole = true;
            head.inner().keep(&view[..end]);
            match head.settle() {
                Ok(()) => return Ok(Some(end)),
                Err(refusal) => refusal,
            }
        },
        Err(Stop::More(progress)) if view.len() < limits.bytes => {
            head.inner().cursor.progress = progress;
            return Ok(None);
        },
        Err(Stop::More(_)) if head.inner().cursor.in_fields => Refusal::LongHead,
        Err(Stop::More(_)) => H::LONG_START,
        Err(Stop::Refused(refusal)) => refusal,
    };
    head.inner().clear();
    Err(refusal)
}

fn read<H: Head>(head: &mut H, input: &[u8], limits: &HeadLimits) -> Result<usize, Stop> {
    if !head.inner().cursor.in_fields {
        let progress = std::mem::take(&mut head.inner().cursor.progress);
        let line = head.read_start(input, progress)?;
        let cursor = &mut head.inner().cursor;
        cursor.line = line;
        cursor.in_fields = true;
    }
    head.inner().read(input, limits)
}
