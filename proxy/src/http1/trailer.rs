//! The fields behind the last chunk.
//!
//! They are validated like those of a head and kept as lines to send on. Names that would change
//! how a message is framed, routed or trusted are dropped (RFC 9110 §6.5.1): whoever merges
//! trailers into the head would be deceived by them.

use super::known::Known;
use super::scan::{Line, Progress, Stop, field_line, find};
use super::write::field_bytes;
use super::{HeadLimits, Refusal};

/// Names that may not stand in trailers, besides those that [`Known`] has.
const FORBIDDEN: [&[u8]; 17] = [
    b"age",
    b"content-range",
    b"cookie",
    b"expires",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"location",
    b"max-forwards",
    b"pragma",
    b"range",
    b"set-cookie",
    b"vary",
    b"warning",
    b"www-authenticate",
];

#[derive(Debug)]
pub(super) struct Trailers {
    limits: HeadLimits,
    /// The line that is being read.
    line: Vec<u8>,
    /// What may be sent on.
    kept: Vec<u8>,
    /// Bytes and fields so far, with those that were dropped.
    bytes: usize,
    fields: usize,
}

impl Trailers {
    pub(super) fn new(limits: &HeadLimits) -> Self {
        Self { limits: *limits, line: Vec::new(), kept: Vec::new(), bytes: 0, fields: 0 }
    }

    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Reads up to one line. Says how many bytes it took and whether the empty line was reached.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<(usize, bool), Refusal> {
        let line_end = find(input, b'\n').map(|place| place + 1);
        let taken = line_end.unwrap_or(input.len());
        if self.bytes + taken > self.limits.bytes {
            return Err(Refusal::LongTrailers);
        }
        self.bytes += taken;
        self.line.extend_from_slice(&input[..taken]);
        let is_over = line_end.is_some() && self.end_line()?;
        Ok((taken, is_over))
    }

    fn end_line(&mut self) -> Result<bool, Refusal> {
        let span = match field_line(&self.line, 0, Progress::default()) {
            Ok((Line::End, _)) => return Ok(true),
            Ok((Line::Field(span), _)) => span,
            Err(Stop::Refused(refusal)) => return Err(refusal),
            Err(Stop::More(_)) => return Err(Refusal::BareLf),
        };
        self.fields += 1;
        if self.fields > self.limits.fields {
            return Err(Refusal::ManyTrailers);
        }
        let name = &self.line[..span.colon as usize];
        if may_follow(name, span.known) {
            let value = &self.line[span.value as usize..span.end as usize];
            field_bytes(&mut self.kept, name, value);
        }
        self.line.clear();
        Ok(false)
    }
}

fn may_follow(name: &[u8], known: Known) -> bool {
    match known {
        Known::Other => !FORBIDDEN.iter().any(|other| name.eq_ignore_ascii_case(other)),
        // What the gateway itself looks for is only looked for in heads.
        _ => false,
    }
}
