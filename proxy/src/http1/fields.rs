//! What requests and responses have in common: the bytes of a head and the places of its fields.
//!
//! One is kept per connection and refilled, so that the steady state allocates nothing.

use super::head::Cursor;
use super::known::{KNOWN_COUNT, Known, KnownSet, recognise};
use super::scan::{self, Line, Progress, Span, Stop};
use super::{HeadLimits, Refusal};

/// One field of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(test)]
pub(crate) struct Field<'a> {
    /// As it was sent.
    pub(crate) name: &'a str,
    pub(crate) value: &'a [u8],
    pub(crate) known: Known,
}

/// What `Connection` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    /// It names fields that end at this hop.
    pub(super) names_fields: bool,
}

/// Room for the bytes of a head that is kept between heads: one that needed more gives it back.
const KEPT_BYTES_MAX: usize = 8 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) cursor: Cursor,
    /// The head as it was sent, then what was set since.
    pub(super) bytes: Vec<u8>,
    pub(super) spans: Vec<Span>,
    /// Place in `spans` of the first field of each known name; meaningful if `seen` has it.
    first: [u32; KNOWN_COUNT],
    seen: KnownSet,
    repeated: KnownSet,
    pub(super) options: Options,
}

impl Fields {
    /// Without room: what takes the place of a head that is lent out costs nothing.
    pub(super) fn new() -> Self {
        Self {
            cursor: Cursor::default(),
            bytes: Vec::new(),
            spans: Vec::new(),
            first: [0; KNOWN_COUNT],
            seen: KnownSet::EMPTY,
            repeated: KnownSet::EMPTY,
            options: Options::default(),
        }
    }

    /// Forgets everything, also a head that was read in part.
    pub(super) fn clear(&mut self) {
        self.cursor = Cursor::default();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.spans.clear();
        self.seen = KnownSet::EMPTY;
        self.repeated = KnownSet::EMPTY;
        self.options = Options::default();
    }

    /// Reads field lines up to the empty one; says where the head ends.
    pub(super) fn read(&mut self, input: &[u8], limits: &HeadLimits) -> Result<usize, Stop> {
        let mut progress = std::mem::take(&mut self.cursor.progress);
        let mut line = self.cursor.line;
        loop {
            match scan::field_line(input, line, progress) {
                Ok((Line::Field(span), next)) => {
                    if self.spans.len() >= limits.fields {
                        return Err(Refusal::ManyFields.into());
                    }
                    self.push(span);
                    line = next;
                    progress = Progress::default();
                },
                Ok((Line::End, next)) => return Ok(next),
                Err(stop) => {
                    self.cursor.line = line;
                    return Err(stop);
                },
            }
        }
    }

    /// Keeps the bytes of a whole head and learns what `Connection` says.
    pub(super) fn keep(&mut self, head: &[u8]) {
        self.bytes.extend_from_slice(head);
        if self.seen.contains(Known::Connection) {
            self.options = self.read_options();
        }
    }

    fn read_options(&self) -> Options {
        let mut options = Options::default();
        for option in self.known_values(Known::Connection).flat_map(list) {
            match option {
                b"" => {},
                _ if option.eq_ignore_ascii_case(b"close") => options.close = true,
                _ if option.eq_ignore_ascii_case(b"keep-alive") => options.keep_alive = true,
                _ if option.eq_ignore_ascii_case(b"upgrade") => options.upgrade = true,
                _ => options.names_fields = true,
            }
        }
        options
    }

    fn push(&mut self, span: Span) {
        let known = span.known;
        if self.seen.contains(known) {
            self.repeated.insert(known);
        } else {
            self.seen.insert(known);
            self.first[known as usize] = self.spans.len() as u32;
        }
        self.spans.push(span);
    }

    pub(super) fn known(&self, known: Known) -> Option<&[u8]> {
        let is_there = known != Known::Other && self.seen.contains(known);
        is_there.then(|| self.value(&self.spans[self.first[known as usize] as usize]))
    }

    pub(super) fn is_repeated(&self, known: Known) -> bool {
        self.repeated.contains(known)
    }

    pub(super) fn count(&self, known: Known) -> usize {
        if self.is_repeated(known) || known == Known::Other {
            self.spans.iter().filter(|span| span.known == known).count()
        } else {
            usize::from(self.seen.contains(known))
        }
    }

    pub(super) fn known_values(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().filter(move |span| span.known == known).map(|span| self.value(span))
    }

    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        match recognise(name.as_bytes()) {
            Known::Other => {
                let is_asked = |span: &&Span| self.name(span).eq_ignore_ascii_case(name.as_bytes());
                self.spans.iter().find(is_asked).map(|span| self.value(span))
            },
            known => self.known(known),
        }
    }

    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.spans
            .iter()
            .filter(move |span| self.name(span).eq_ignore_ascii_case(name.as_bytes()))
            .map(|span| self.value(span))
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.spans.iter().map(|span| Field {
            name: text(self.name(span)),
            value: self.value(span),
            known: span.known,
        })
    }

    pub(super) fn name(&self, span: &Span) -> &[u8] {
        self.slice(span.start, span.colon)
    }

    pub(super) fn value(&self, span: &Span) -> &[u8] {
        self.slice(span.value, span.end)
    }

    /// Nothing while the head is incomplete: its bytes are only kept as a whole.
    pub(super) fn slice(&self, start: u32, end: u32) -> &[u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Does `Connection` say that this field ends here? `Host` never does: without it the request
    /// would be another one.
    pub(super) fn ends_here(&self, span: &Span) -> bool {
        self.options.names_fields
            && span.known != Known::Host
            && self
                .known_values(Known::Connection)
                .flat_map(list)
                .any(|option| option.eq_ignore_ascii_case(self.name(span)))
    }

    /// Sets one field, replacing all of that name. `false`: no such field can be written.
    pub(super) fn set(&mut self, name: &str, value: &[u8]) -> bool {
        let is_sound = is_field(name, value);
        if is_sound {
            self.remove(name);
            self.add(name, value);
        }
        is_sound
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        let start = self.bytes.len();
        super::write::field(&mut self.bytes, name, value);
        let colon = start + name.len();
        let end = self.bytes.len() - 2;
        self.push(Span {
            start: start as u32,
            colon: colon as u32,
            value: colon as u32 + 2,
            end: end as u32,
            known: recognise(name.as_bytes()),
            plain: true,
        });
    }

    /// Removes all fields of that name; says whether there were any.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let before = self.spans.len();
        let spans = std::mem::take(&mut self.spans);
        self.seen = KnownSet::EMPTY;
        self.repeated = KnownSet::EMPTY;
        for span in spans {
            if !self.name(&span).eq_ignore_ascii_case(name.as_bytes()) {
                self.push(span);
            }
        }
        self.spans.len() < before
    }
}

/// Can it be written as one field without changing the meaning of the head?
fn is_field(name: &str, value: &[u8]) -> bool {
    scan::is_token(name.as_bytes())
        && value.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
        && value.trim_ascii().len() == value.len()
}

/// The elements of a comma-separated list.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// Text that was found to be ASCII when it was read.
pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
