//! Whole lines out of pieces of a stream, in bounded memory.

use super::LINE_BYTES_MAX;

/// What came after the last end of a line.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    pending: Vec<u8>,
}

impl LineBuffer {
    /// Adds a piece; returns the lines that are whole now, each with its end.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = piece.split_at(end + 1);
            self.keep(&line[..end]);
            whole.append(&mut self.pending);
            whole.push(b'\n');
            piece = rest;
        }
        self.keep(piece);
        whole
    }

    /// The last line, which has no end.
    pub(super) fn end(self) -> Vec<u8> {
        self.pending
    }

    /// One byte more than is kept says that the line was longer.
    fn keep(&mut self, part: &[u8]) {
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.pending.len());
        self.pending.extend_from_slice(&part[..part.len().min(room)]);
    }
}
