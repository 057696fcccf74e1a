//! An answer as its bytes come: the head, then a body whose end the head decides (RFC 9112 §6.3).
//!
//! Pure: whoever owns the socket feeds bytes in pieces of any size. Nothing is copied of an answer
//! that comes in one piece and of which nobody wants more than the status.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};
use model::names::header;

use super::Failure;
use super::chunks::Chunks;

/// Longest head.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// Most interim answers (1xx) before the real one.
const INTERIM_MAX: u8 = 16;
/// Longest body that is kept.
const KEPT_BYTES_MAX: u64 = model::limits::API_BODY_BYTES_MAX as u64;
/// Longest body that is read only to be discarded; the timeout bounds slow ones.
const DISCARDED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What of an answer is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The lines of the head.
    pub(crate) head: bool,
    pub(crate) body: bool,
}

/// Longest body that is read.
pub(super) fn body_bytes_max(wanted: Wanted) -> u64 {
    if wanted.body { KEPT_BYTES_MAX } else { DISCARDED_BYTES_MAX }
}

/// How the end of the body is known.
#[derive(Debug)]
enum Stage {
    Head,
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    Done,
}

#[derive(Debug)]
pub(super) struct Answer {
    /// The request was HEAD, so the answer has no body whatever it says.
    headless: bool,
    wanted: Wanted,
    stage: Stage,
    /// Beginning of a head that came in pieces.
    partial: Vec<u8>,
    interim: u8,
    pub(super) status: Option<u16>,
    /// Names of faults that hit the request.
    pub(super) faults: Option<String>,
    pub(super) body_bytes: u64,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// The connection may carry another request.
    pub(super) reusable: bool,
}

impl Answer {
    pub(super) fn new(to_head_request: bool, wanted: Wanted) -> Self {
        Self {
            headless: to_head_request,
            wanted,
            stage: Stage::Head,
            partial: Vec::new(),
            interim: 0,
            status: None,
            faults: None,
            body_bytes: 0,
            head: Vec::new(),
            body: Vec::new(),
            reusable: false,
        }
    }

    pub(super) fn done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Takes the bytes that belong to the answer and says how many these are: fewer than given
    /// only once the answer is whole.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut taken = 0;
        while taken < bytes.len() {
            let rest = &bytes[taken..];
            taken += match &mut self.stage {
                Stage::Head => self.take_head(rest)?,
                Stage::Done => break,
                Stage::Length(left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= length as u64;
                    if *left == 0 {
                        self.stage = Stage::Done;
                    }
                    self.put(&rest[..length])?;
                    length
                },
                Stage::UntilClose => {
                    self.put(rest)?;
                    rest.len()
                },
                Stage::Chunks(_) => self.take_chunks(rest)?,
            };
        }
        Ok(taken)
    }

    /// The connection has ended in an orderly way.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        match self.stage {
            Stage::UntilClose | Stage::Done => {
                self.stage = Stage::Done;
                Ok(())
            },
            _ => Err(Failure::Closed),
        }
    }

    fn put(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.body_bytes += data.len() as u64;
        if self.body_bytes > body_bytes_max(self.wanted) {
            return Err(Failure::TooLarge);
        }
        if self.wanted.body {
            self.body.extend_from_slice(data);
        }
        Ok(())
    }

    fn take_chunks(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let Stage::Chunks(mut chunks) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return Ok(0);
        };
        let taken = chunks.take(bytes, |data| self.put(data))?;
        if !chunks.done() {
            self.stage = Stage::Chunks(chunks);
        }
        Ok(taken)
    }

    /// Takes a whole head, or all bytes of one that goes on.
    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        if self.partial.is_empty() {
            return Ok(match self.read_head(bytes)? {
                Some(length) => length,
                None => {
                    self.partial.extend_from_slice(bytes);
                    bytes.len()
                },
            });
        }
        let before = self.partial.len();
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(bytes);
        match self.read_head(&whole)? {
            Some(length) => Ok(length - before),
            None => {
                self.partial = whole;
                Ok(bytes.len())
            },
        }
    }

    /// Length of the head that `bytes` begin with, `None` while it is not whole.
    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_MAX];
        let mut response = Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut headers,
        );
        let length = match parsed {
            Ok(Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
            Ok(Status::Complete(_)) => return Err(Failure::TooLarge),
            Ok(Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
            Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(Failure::TooLarge);
            },
            Err(_not_http) => return Err(Failure::Garbage),
        };
        // Three digits are not enough for a status (RFC 9110 §15).
        let status = response.code.filter(|code| *code >= 100).ok_or(Failure::Garbage)?;
        if (100..200).contains(&status) && status != 101 {
            self.interim += 1;
            return if self.interim > INTERIM_MAX {
                Err(Failure::Garbage)
            } else {
                Ok(Some(length))
            };
        }
        let framing = Framing::of(response.headers, response.version == Some(1));
        let bodiless = self.headless || matches!(status, 101 | 204 | 304);
        if framing.unclear && !bodiless {
            return Err(Failure::Garbage);
        }
        self.status = Some(status);
        self.faults = framing.faults.map(|value| String::from_utf8_lossy(value).into_owned());
        self.reusable = framing.keeps && status != 101;
        self.stage = if bodiless { Stage::Done } else { framing.stage() };
        if matches!(self.stage, Stage::UntilClose) {
            self.reusable = false;
        }
        if self.wanted.head {
            self.head.extend_from_slice(&bytes[..length]);
        }
        Ok(Some(length))
    }
}

/// What the head says about the body and the connection.
#[derive(Debug, Default)]
struct Framing<'a> {
    length: Option<u64>,
    /// There is a transfer coding, and the last one is chunked.
    coding: Option<bool>,
    /// The lengths are no numbers, or not the same.
    unclear: bool,
    keeps: bool,
    faults: Option<&'a [u8]>,
}

impl<'a> Framing<'a> {
    fn of(headers: &[Header<'a>], version_1_1: bool) -> Self {
        let mut framing = Self { keeps: version_1_1, ..Self::default() };
        for Header { name, value } in headers {
            // A look at the length spares the comparison for nearly all of them.
            match name.len() {
                10 if name.eq_ignore_ascii_case("connection") => framing.connection(value),
                14 if name.eq_ignore_ascii_case("content-length") => framing.add_length(value),
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    framing.coding = Some(last_of(value).eq_ignore_ascii_case(b"chunked"));
                },
                17 if name.eq_ignore_ascii_case(header::FAULT) => framing.faults = Some(value),
                _ => {},
            }
        }
        if framing.coding.is_some() && (framing.length.is_some() || !version_1_1) {
            // Somebody on the way may read it in another way, so nothing more is sent here.
            framing.keeps = false;
        }
        framing.keeps &= !framing.unclear;
        framing
    }

    fn connection(&mut self, value: &[u8]) {
        for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.keeps = false;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keeps = true;
            }
        }
    }

    /// Repeated lengths must agree (RFC 9112 §6.3).
    fn add_length(&mut self, value: &[u8]) {
        for text in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(text).ok().filter(|_| digits);
            let length: Option<u64> = text.and_then(|text| text.parse().ok());
            self.unclear |=
                length.is_none() || self.length.is_some_and(|other| length != Some(other));
            self.length = self.length.or(length);
        }
    }

    fn stage(&self) -> Stage {
        match (self.coding, self.length) {
            (Some(true), _) => Stage::Chunks(Chunks::new()),
            (Some(false), _) | (None, None) => Stage::UntilClose,
            (None, Some(0)) => Stage::Done,
            (None, Some(length)) => Stage::Length(length),
        }
    }
}

/// The last entry of a list.
fn last_of(value: &[u8]) -> &[u8] {
    value.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii()
}

#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
#[cfg(test)]
mod tests;
