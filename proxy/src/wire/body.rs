//! Where a body begins and ends, piece by piece, whatever frames it.

use std::ops::Range;

use crate::http1::{Chunk, ChunkReader, Framing, HeadLimits, Refusal};

/// Reads the framing of one body.
#[derive(Debug)]
pub(crate) enum BodyReader {
    Length {
        left: u64,
    },
    Chunked(ChunkReader),
    /// All bytes until the connection ends.
    UntilClose,
    Over,
    /// Over, with trailer lines that go on.
    OverWith(Vec<u8>),
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Payload at this place of the input; it must be taken whole, and then `consumed` bytes are
    /// used up.
    Data {
        at: Range<usize>,
        consumed: usize,
    },
    /// Framing only; more may follow at once.
    Framing {
        consumed: usize,
    },
    /// Nothing can be said before more bytes come.
    NeedMore,
    End {
        consumed: usize,
    },
}

impl BodyReader {
    pub(crate) fn new(framing: Framing, limits: &HeadLimits) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => Self::Over,
            Framing::Length(left) => Self::Length { left },
            Framing::Chunked => Self::Chunked(ChunkReader::new(limits)),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Over | Self::OverWith(_))
    }

    /// Known length of what is still to come.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Length { left } => Some(*left),
            Self::Over | Self::OverWith(_) => Some(0),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// Looks at the bytes that are there.
    pub(crate) fn next(&mut self, input: &[u8]) -> Result<Piece, Refusal> {
        match self {
            Self::Over | Self::OverWith(_) => Ok(Piece::End { consumed: 0 }),
            _ if input.is_empty() => Ok(Piece::NeedMore),
            Self::Length { left } => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= count as u64;
                if *left == 0 {
                    *self = Self::Over;
                }
                Ok(Piece::Data { at: 0..count, consumed: count })
            },
            Self::UntilClose => Ok(Piece::Data { at: 0..input.len(), consumed: input.len() }),
            Self::Chunked(reader) => {
                let (chunk, consumed) = reader.read(input)?;
                Ok(match chunk {
                    Chunk::Data(at) => Piece::Data { at, consumed },
                    Chunk::More if consumed == 0 => Piece::NeedMore,
                    Chunk::More => Piece::Framing { consumed },
                    Chunk::End => {
                        let trailers = reader.trailers();
                        *self = if trailers.is_empty() {
                            Self::Over
                        } else {
                            Self::OverWith(trailers.to_vec())
                        };
                        Piece::End { consumed }
                    },
                })
            },
        }
    }

    /// The trailers, once the body is over.
    pub(crate) fn take_trailers(&mut self) -> Vec<u8> {
        match std::mem::replace(self, Self::Over) {
            Self::OverWith(trailers) => trailers,
            _ => Vec::new(),
        }
    }

    /// The sender closed its side. True when that is a proper end.
    pub(crate) fn closed(&mut self) -> bool {
        if matches!(self, Self::UntilClose) {
            *self = Self::Over;
        }
        self.is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1_024, fields: 10 };

    #[test]
    fn a_length_ends_exactly_where_it_says() {
        let mut body = BodyReader::new(Framing::Length(5), &LIMITS);
        assert_eq!(body.next(b"abc"), Ok(Piece::Data { at: 0..3, consumed: 3 }));
        assert_eq!(body.next(b""), Ok(Piece::NeedMore));
        assert!(!body.closed(), "it ended early");
        assert_eq!(body.next(b"deGET /"), Ok(Piece::Data { at: 0..2, consumed: 2 }));
        assert_eq!(body.next(b"GET /"), Ok(Piece::End { consumed: 0 }));
    }

    #[test]
    fn a_body_without_a_length_ends_with_its_connection() {
        let mut body = BodyReader::new(Framing::UntilClose, &LIMITS);
        assert_eq!(body.next(b"abc"), Ok(Piece::Data { at: 0..3, consumed: 3 }));
        assert!(body.closed() && body.is_over());
    }
}
