//! The head of a request.

use std::ops::Range;

#[cfg(test)]
use super::fields::Field;
use super::fields::{Fields, text};
use super::framing::{self, Framing};
use super::head::{self, Head};
use super::known::Known;
use super::scan::{Progress, Stop, token_length, visible_length};
use super::target::{self, is_host};
use super::{HeadLimits, Refusal};

/// Longest method: every registered one has less than half of it.
const METHOD_BYTES_MAX: usize = 32;
/// Empty lines tolerated before a request: some clients end a body with one (RFC 9112 §2.2).
const EMPTY_LINES_MAX: usize = 2;

/// A place in the bytes of the head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    start: u32,
    end: u32,
}

impl Part {
    fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }
}

/// A parsed request head. One is kept per connection and refilled: the steady state allocates
/// nothing. The bytes of the head are copied into it, so that the read buffer is free for the body.
#[derive(Debug, Clone)]
pub(crate) struct RequestHead {
    fields: Fields,
    method: Part,
    target: Part,
    is_http10: bool,
    authority: Option<Part>,
    path: Part,
    query: Option<Part>,
    path_and_query: Part,
    framing: Framing,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestHead {
    pub(crate) fn new() -> Self {
        Self {
            fields: Fields::new(),
            method: Part::default(),
            target: Part::default(),
            is_http10: false,
            authority: None,
            path: Part::default(),
            query: None,
            path_and_query: Part::default(),
            framing: Framing::None,
        }
    }

    /// Forgets everything, also a head that was read in part.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
    }

    /// Looks for a whole head at the start of `input`. `Ok(None)`: more bytes are needed, and the
    /// next call must begin with the same ones. `Ok(Some(n))`: the head took n bytes.
    pub(crate) fn parse(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Refusal> {
        head::parse(self, input, limits)
    }

    fn read_version(&mut self, input: &[u8], start: usize) -> Result<usize, Stop> {
        let rest = &input[start..];
        let next = start + b"HTTP/1.1\r\n".len();
        self.is_http10 = match rest {
            _ if rest.starts_with(b"HTTP/1.1\r\n") => false,
            _ if rest.starts_with(b"HTTP/1.0\r\n") => true,
            _ => {
                other_version(rest, start - 1)?;
                let slice = |part: Part| &input[part.start as usize..part.end as usize];
                let is_preface = slice(self.method) == b"PRI" && slice(self.target) == b"*";
                let refusal = if is_preface { Refusal::Http2 } else { Refusal::OtherVersion };
                return Err(refusal.into());
            },
        };
        Ok(next)
    }

    fn settle_target(&mut self) -> Result<(), Refusal> {
        let method = self.slice(self.method);
        let is_options = method == b"OPTIONS";
        let found = target::split(method, self.slice(self.target))?;
        let shift = self.target.start as usize;
        let part = |place: Range<usize>| Part::new(shift + place.start, shift + place.end);
        self.authority = found.authority.map(part);
        self.path = part(found.path);
        self.query = found.query.map(part);
        self.path_and_query = part(found.path_and_query);
        let is_absolute = self.authority.is_some() && self.method_bytes() != b"CONNECT";
        if is_absolute && self.path.start == self.path.end {
            self.settle_empty_path(is_options);
        }
        Ok(())
    }

    /// An absolute form without a path means the root, or the server itself (RFC 9112 §3.2.4).
    fn settle_empty_path(&mut self, is_options: bool) {
        let (start, tail) = (self.fields.bytes.len(), self.path_and_query);
        let path: &[u8] = if is_options && self.query.is_none() { b"*" } else { b"/" };
        self.fields.bytes.extend_from_slice(path);
        self.fields.bytes.extend_from_within(tail.start as usize..tail.end as usize);
        self.path = Part::new(start, start + 1);
        self.path_and_query = Part::new(start, self.fields.bytes.len());
    }

    fn settle_host(&self) -> Result<(), Refusal> {
        match self.fields.known(Known::Host) {
            None if self.is_http10 => Ok(()),
            None => Err(Refusal::NoHost),
            Some(_) if self.fields.is_repeated(Known::Host) => Err(Refusal::ManyHosts),
            Some(host) if is_host(host) => Ok(()),
            Some(_) => Err(Refusal::Host),
        }
    }

    pub(super) fn all(&self) -> &Fields {
        &self.fields
    }

    fn slice(&self, part: Part) -> &[u8] {
        self.fields.slice(part.start, part.end)
    }

    pub(super) fn method_bytes(&self) -> &[u8] {
        self.slice(self.method)
    }

    pub(super) fn path_and_query_bytes(&self) -> &[u8] {
        self.slice(self.path_and_query)
    }

    /// The authority that overrules the Host field.
    pub(super) fn authority_bytes(&self) -> Option<&[u8]> {
        self.authority.map(|part| self.slice(part))
    }

    pub(crate) fn method(&self) -> &str {
        text(self.method_bytes())
    }

    /// As it was sent: origin form, absolute form, `*`, or an authority for `CONNECT`.
    #[cfg(test)]
    pub(crate) fn target(&self) -> &str {
        text(self.slice(self.target))
    }

    /// Without the query; `*` for the server itself; empty for `CONNECT`.
    pub(crate) fn path(&self) -> &str {
        text(self.slice(self.path))
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.query.map(|part| text(self.slice(part)))
    }

    /// What goes upstream; the authority for `CONNECT`.
    pub(crate) fn path_and_query(&self) -> &str {
        text(self.path_and_query_bytes())
    }

    /// The authority of the target, or else the Host field (RFC 9112 §3.2.2).
    pub(crate) fn host(&self) -> Option<&str> {
        self.authority_bytes().or_else(|| self.known(Known::Host)).map(text)
    }

    pub(crate) fn is_http10(&self) -> bool {
        self.is_http10
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    pub(crate) fn keep_alive(&self) -> bool {
        let options = self.fields.options;
        !options.close && (options.keep_alive || !self.is_http10)
    }

    pub(crate) fn expects_continue(&self) -> bool {
        let expects = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
        !self.is_http10 && self.known(Known::Expect).is_some_and(expects)
    }

    /// The `Upgrade` value when `Connection` names it.
    pub(crate) fn upgrade(&self) -> Option<&str> {
        let is_asked = self.fields.options.upgrade && !self.is_http10;
        self.known(Known::Upgrade).filter(|_| is_asked).map(text)
    }

    /// The first value of a name; any case.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.fields.header(name)
    }

    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.values(name)
    }

    pub(crate) fn known(&self, known: Known) -> Option<&[u8]> {
        self.fields.known(known)
    }

    pub(crate) fn count(&self, known: Known) -> usize {
        self.fields.count(known)
    }

    #[cfg(test)]
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter()
    }

    /// Replaces all fields of a name by one; `false` if no such field can be written. It changes
    /// what is passed on, never how this message itself was understood.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) -> bool {
        if name.eq_ignore_ascii_case(Known::Host.name()) && self.method_bytes() != b"CONNECT" {
            self.authority = None;
        }
        self.fields.set(name, value)
    }

    /// Removes all fields of a name; says whether there were any.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.fields.remove(name)
    }
}

impl Head for RequestHead {
    const LONG_START: Refusal = Refusal::LongTarget;

    fn inner(&mut self) -> &mut Fields {
        &mut self.fields
    }

    fn read_start(&mut self, input: &[u8], progress: Progress) -> Result<usize, Stop> {
        let start = skip_empty_lines(input)?;
        let method_end = method_end(input, start)?;
        let target_start = method_end + 1;
        let from = progress.from(target_start);
        let target_end = from + visible_length(input.get(from..).unwrap_or_default());
        let refusal = match input.get(target_end) {
            None => return Err(Progress::more(target_end)),
            Some(b' ') if target_end > target_start => {
                self.method = Part::new(start, method_end);
                self.target = Part::new(target_start, target_end);
                return self.read_version(input, target_end + 1);
            },
            Some(b'\n') => Refusal::BareLf,
            Some(b'\r') => Refusal::Version,
            Some(_) => Refusal::Target,
        };
        Err(refusal.into())
    }

    fn settle(&mut self) -> Result<(), Refusal> {
        self.settle_target()?;
        self.settle_host()?;
        self.framing = framing::stated(&self.fields, self.is_http10)?.unwrap_or(Framing::None);
        Ok(())
    }
}

fn skip_empty_lines(input: &[u8]) -> Result<usize, Stop> {
    let mut start = 0;
    while input.get(start) == Some(&b'\r') {
        match input.get(start + 1) {
            None => return Err(Progress::more(0)),
            Some(b'\n') if start < EMPTY_LINES_MAX * 2 => start += 2,
            Some(b'\n') => return Err(Refusal::EmptyLines.into()),
            Some(_) => return Err(Refusal::BareCr.into()),
        }
    }
    Ok(start)
}

fn method_end(input: &[u8], start: usize) -> Result<usize, Stop> {
    let longest = (start + METHOD_BYTES_MAX + 1).min(input.len());
    let length = token_length(&input[start..longest]);
    let refusal = match input.get(start + length) {
        _ if length > METHOD_BYTES_MAX => Refusal::LongMethod,
        None => return Err(Progress::more(0)),
        Some(b' ') if length > 0 => return Ok(start + length),
        Some(0x16) if length == 0 => Refusal::Tls,
        Some(b'\n') => Refusal::BareLf,
        Some(_) => Refusal::Method,
    };
    Err(refusal.into())
}

/// A version that is none of ours: is it one at all? `judged` is where the target ends.
fn other_version(rest: &[u8], judged: usize) -> Result<(), Stop> {
    for (place, &wanted) in b"HTTP/0.0\r\n".iter().enumerate() {
        let refusal = match (rest.get(place), wanted) {
            (None, _) => return Err(Progress::more(judged)),
            (Some(byte), b'0') if byte.is_ascii_digit() => continue,
            (Some(&byte), _) if byte == wanted => continue,
            (Some(_), b'\n') => Refusal::BareCr,
            (Some(b'\n'), b'\r') => Refusal::BareLf,
            _ => Refusal::Version,
        };
        return Err(refusal.into());
    }
    Ok(())
}
