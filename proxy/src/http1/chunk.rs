//! Chunked bodies, read without copying them.
//!
//! Every byte of the framing has one right place; the first one elsewhere ends the body. Chunk
//! extensions are discarded and bounded over the whole body, so that nobody can send framing for
//! ever.

use std::ops::Range;

use super::trailer::Trailers;
use super::{HeadLimits, Refusal};

/// Most digits of a size: more would not fit.
const SIZE_DIGITS_MAX: usize = 16;
/// Most bytes of extensions in one body.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Payload, as a place in the input.
    Data(Range<usize>),
    /// All of the input was framing and the body is not over.
    More,
    /// The body is over, with its trailers.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size { digits: usize, size: u64 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    Trailers,
    Over,
    Refused(Refusal),
}

#[derive(Debug)]
pub(crate) struct ChunkReader {
    state: State,
    extension_bytes: usize,
    trailers: Trailers,
}

impl ChunkReader {
    /// The limits are those of the trailers.
    pub(crate) fn new(limits: &HeadLimits) -> Self {
        Self {
            state: State::Size { digits: 0, size: 0 },
            extension_bytes: 0,
            trailers: Trailers::new(limits),
        }
    }

    /// Reads up to the end of one piece of payload; also says how many bytes were consumed. What
    /// lies behind the end of the body is never consumed.
    pub(crate) fn read(&mut self, input: &[u8]) -> Result<(Chunk, usize), Refusal> {
        let mut place = 0;
        loop {
            if self.state == State::Over {
                return Ok((Chunk::End, place));
            }
            if place == input.len() {
                return Ok((Chunk::More, place));
            }
            if let State::Data { left } = self.state {
                let room = (input.len() - place) as u64;
                let end = place + left.min(room) as usize;
                self.state =
                    if left > room { State::Data { left: left - room } } else { State::DataCr };
                return Ok((Chunk::Data(place..end), end));
            }
            let rest = &input[place..];
            let taken = match self.read_plain(rest) {
                0 => self.read_framing(rest),
                taken => Ok(taken),
            };
            match taken {
                Ok(taken) => place += taken,
                Err(refusal) => {
                    self.state = State::Refused(refusal);
                    return Err(refusal);
                },
            }
        }
    }

    /// Reads a step of the framing that lies there whole and plain; nothing otherwise.
    fn read_plain(&mut self, input: &[u8]) -> usize {
        match self.state {
            State::Size { digits: 0, .. } => {
                let Some((size, taken)) = plain_size_line(input) else { return 0 };
                self.state = after_size_line(size);
                taken
            },
            State::DataCr if input.starts_with(b"\r\n") => {
                self.state = State::Size { digits: 0, size: 0 };
                2
            },
            _ => 0,
        }
    }

    /// Reads one step of the framing; says how many bytes it took.
    fn read_framing(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let byte = input[0];
        self.state = match self.state {
            State::Size { digits, size } => after_size_byte(digits, size, byte)?,
            State::Extension { size } => {
                let taken = self.read_extension(input)?;
                if taken > 0 {
                    return Ok(taken);
                }
                State::SizeLf { size }
            },
            State::SizeLf { size } if byte == b'\n' => after_size_line(size),
            State::SizeLf { .. } => return Err(Refusal::BareCr),
            State::DataCr if byte == b'\r' => State::DataLf,
            State::DataLf if byte == b'\n' => State::Size { digits: 0, size: 0 },
            State::DataCr | State::DataLf => return Err(Refusal::ChunkEnd),
            State::Trailers => {
                let (taken, is_over) = self.trailers.read(input)?;
                if is_over {
                    self.state = State::Over;
                }
                return Ok(taken);
            },
            State::Refused(refusal) => return Err(refusal),
            State::Data { .. } | State::Over => self.state,
        };
        Ok(1)
    }

    /// The bytes of an extension at the start of `input`; none if its CR is reached.
    fn read_extension(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let length = input.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t');
        let taken = length.unwrap_or(input.len());
        self.extension_bytes += taken;
        match input.get(taken) {
            _ if self.extension_bytes > EXTENSION_BYTES_MAX => Err(Refusal::ChunkExtension),
            None | Some(b'\r') => Ok(taken),
            Some(b'\n') => Err(Refusal::BareLf),
            Some(_) => Err(Refusal::ChunkExtension),
        }
    }

    /// The trailers that may be sent on, as complete lines.
    pub(crate) fn trailers(&self) -> &[u8] {
        self.trailers.kept()
    }
}

/// A size line without extensions, and how many bytes it takes.
fn plain_size_line(input: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0;
    for (place, &byte) in input.iter().take(SIZE_DIGITS_MAX + 1).enumerate() {
        if let Some(digit) = (byte as char).to_digit(16) {
            size = size << 4 | u64::from(digit);
        } else {
            let is_plain = (1..=SIZE_DIGITS_MAX).contains(&place);
            return (is_plain && input[place..].starts_with(b"\r\n")).then_some((size, place + 2));
        }
    }
    None
}

fn after_size_line(size: u64) -> State {
    if size == 0 { State::Trailers } else { State::Data { left: size } }
}

fn after_size_byte(digits: usize, size: u64, byte: u8) -> Result<State, Refusal> {
    if let Some(digit) = (byte as char).to_digit(16) {
        if digits == SIZE_DIGITS_MAX {
            return Err(Refusal::LongChunkSize);
        }
        return Ok(State::Size { digits: digits + 1, size: size << 4 | u64::from(digit) });
    }
    match byte {
        _ if digits == 0 => Err(Refusal::ChunkSize),
        b'\r' => Ok(State::SizeLf { size }),
        b';' => Ok(State::Extension { size }),
        b'\n' => Err(Refusal::BareLf),
        _ => Err(Refusal::ChunkSize),
    }
}

/// Writes the line before a chunk of this size.
pub(crate) fn chunk_size_line(line: &mut [u8; 18], size: u64) -> &[u8] {
    let digits = (u64::BITS - size.leading_zeros()).div_ceil(4).max(1) as usize;
    for (place, byte) in line[..digits].iter_mut().enumerate() {
        let nibble = size >> (4 * (digits - 1 - place)) & 0xf;
        *byte = b"0123456789abcdef"[nibble as usize];
    }
    line[digits..digits + 2].copy_from_slice(b"\r\n");
    &line[..digits + 2]
}
