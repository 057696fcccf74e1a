//! The chunked coding (RFC 9112 §7.1), decoded as its bytes come. Data is counted, and kept only
//! where somebody wants it.

use crate::client::Failure;

/// Most bytes of chunk extensions and trailers together; nobody reads them.
const IGNORED_BYTES_MAX: u32 = 64 * 1024;

const TRAILERS_MAX: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the first digit of a size.
    SizeBegin,
    Size,
    /// White space after the size.
    SizeEnd,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// Where a line of the trailer may begin.
    Trailer,
    TrailerLine,
    TrailerLf,
    LastLf,
    Done,
}

#[derive(Debug)]
pub(super) struct Chunks {
    stage: Stage,
    left: u64,
    ignored: u32,
    /// Lines of the trailer. Nobody reads them, but what is no header is no HTTP either.
    trailer: Vec<u8>,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { stage: Stage::SizeBegin, left: 0, ignored: 0, trailer: Vec::new() }
    }

    pub(super) fn done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Takes bytes up to the end of the body, gives data to `put`, and says how many it took.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut put: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut at = 0;
        while at < bytes.len() && !self.done() {
            if self.stage == Stage::Data {
                let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                put(&bytes[at..at + length])?;
                at += length;
                self.left -= length as u64;
                if self.left == 0 {
                    self.stage = Stage::DataCr;
                }
            } else {
                self.stage = self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<Stage, Failure> {
        use Stage as S;
        Ok(match (self.stage, byte) {
            (S::SizeBegin | S::Size, _) if byte.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(byte).to_digit(16).unwrap_or_default());
                self.left = self
                    .left
                    .checked_mul(16)
                    .and_then(|left| left.checked_add(digit))
                    .ok_or(Failure::Garbage)?;
                S::Size
            },
            (S::Size | S::SizeEnd, b' ' | b'\t') => S::SizeEnd,
            (S::Size | S::SizeEnd, b';') => S::Extension,
            (S::Size | S::SizeEnd | S::Extension, b'\r') => S::SizeLf,
            // A bare line feed inside an extension is how a smuggled chunk begins.
            (S::Extension, byte) if byte != b'\n' => self.ignore(S::Extension)?,
            (S::SizeLf, b'\n') if self.left == 0 => S::Trailer,
            (S::SizeLf, b'\n') => S::Data,
            (S::DataCr, b'\r') => S::DataLf,
            (S::DataLf, b'\n') => S::SizeBegin,
            (S::Trailer, b'\r') => S::LastLf,
            (S::TrailerLine, b'\r') => S::TrailerLf,
            (S::Trailer | S::TrailerLine, byte) if byte != b'\n' => {
                self.trailer.push(byte);
                self.ignore(S::TrailerLine)?
            },
            (S::TrailerLf, b'\n') => {
                self.trailer.extend_from_slice(b"\r\n");
                S::Trailer
            },
            (S::LastLf, b'\n') if self.trailer_is_sound() => S::Done,
            _ => return Err(Failure::Garbage),
        })
    }

    fn trailer_is_sound(&mut self) -> bool {
        self.trailer.extend_from_slice(b"\r\n");
        let mut headers = [httparse::EMPTY_HEADER; TRAILERS_MAX];
        httparse::parse_headers(&self.trailer, &mut headers).is_ok()
    }

    fn ignore(&mut self, stage: Stage) -> Result<Stage, Failure> {
        self.ignored += 1;
        if self.ignored > IGNORED_BYTES_MAX { Err(Failure::TooLarge) } else { Ok(stage) }
    }
}
