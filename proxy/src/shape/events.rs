//! An end after so many whole server-sent events.
//!
//! An event ends with a blank line, and lines end with LF, CRLF or CR. What has only comments, like
//! the usual heartbeats, is no event. A cut stands behind the whole blank line: where lines end
//! with CRLF, the LF still passes.

use super::{End, Limit, Then};

#[derive(Debug)]
pub(crate) struct CutEvents {
    after: u64,
    reader: Reader,
    acted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Reader {
    events: u64,
    /// The line has begun with something.
    in_line: bool,
    /// The event has a line that is no comment.
    has_field: bool,
    /// The last byte was CR, to which a LF may belong.
    after_cr: bool,
    /// A CR was followed by a LF before, so that one is worth waiting for.
    pairs: bool,
}

impl CutEvents {
    pub(super) fn new(after: u64) -> Self {
        Self { after, reader: Reader::default(), acted: false }
    }

    pub(super) fn retune(&mut self, after: u64) {
        self.after = after;
    }

    pub(super) fn touched(&self) -> bool {
        self.acted
    }

    pub(super) fn limit(&mut self, bytes: &[u8]) -> Limit {
        let mut reader = self.reader;
        for (place, byte) in bytes.iter().enumerate() {
            if reader.is_behind(self.after, Some(*byte)) {
                return self.end(place);
            }
            reader.read(*byte);
        }
        if reader.is_behind(self.after, None) { self.end(bytes.len()) } else { Limit::all(bytes) }
    }

    fn end(&mut self, pass: usize) -> Limit {
        self.acted = true;
        Limit { pass, then: Then::End(End::Fin) }
    }

    pub(super) fn commit(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.reader.read(*byte);
        }
    }
}

impl Reader {
    /// Have `after` events ended, with the whole of the last blank line? `next` is what follows, if
    /// that is known.
    fn is_behind(&self, after: u64, next: Option<u8>) -> bool {
        let wants_lf = self.after_cr && next.map_or(self.pairs, |next| next == b'\n');
        self.events >= after && !wants_lf
    }

    fn read(&mut self, byte: u8) {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
        match byte {
            b'\n' if after_cr => self.pairs = true,
            b'\n' | b'\r' => self.end_line(),
            _ if self.in_line => {},
            first => {
                self.in_line = true;
                self.has_field |= first != b':';
            },
        }
    }

    fn end_line(&mut self) {
        if !std::mem::take(&mut self.in_line) && std::mem::take(&mut self.has_field) {
            self.events += 1;
        }
    }
}
