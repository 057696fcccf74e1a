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

/// For fuzzing: the first byte says after how many events; the cut stands where a plain reader puts
/// it, in whatever pieces the bytes come.
pub(crate) fn fuzz_events(data: &[u8]) {
    let Some((after, stream)) = data.split_first() else { return };
    let after = u64::from(*after % 8);
    for step in [1, 2, 3, 7, usize::MAX] {
        let (mut cut, mut passed, mut ended) = (CutEvents::new(after), 0, false);
        for piece in stream.chunks(step) {
            let limit = cut.limit(piece);
            cut.commit(&piece[..limit.pass]);
            passed += limit.pass;
            ended = limit.then == Then::End(End::Fin);
            if ended {
                break;
            }
            assert_eq!(limit.pass, piece.len(), "what is not cut passes");
        }
        let right = naive_cut(stream, after);
        let behind_cr = passed > 0 && stream[passed - 1] == b'\r';
        // A LF that is not here yet is waited for only where lines have ended with it before.
        let early = behind_cr && stream.get(passed) == Some(&b'\n');
        let right_early = right.is_some_and(|right| passed + 1 == right) && early;
        match right {
            Some(right) => {
                let waits = !ended && behind_cr && passed == right && passed == stream.len();
                assert!(right_early || (passed == right && (ended || waits)), "{step}: {passed}");
            },
            None => assert!(!ended && passed == stream.len(), "{step}: {passed}"),
        }
    }
}

/// Where the last of so many events ends, by whole lines.
fn naive_cut(stream: &[u8], after: u64) -> Option<usize> {
    let (mut place, mut has_field, mut events) = (0, false, 0);
    while events < after {
        let length = stream[place..].iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
        let end = place + length;
        match stream.get(place).filter(|_| length > 0) {
            Some(first) => has_field |= *first != b':',
            None => events += u64::from(std::mem::take(&mut has_field)),
        }
        place = end + if stream[end..].starts_with(b"\r\n") { 2 } else { 1 };
    }
    (!stream.is_empty()).then_some(place)
}
