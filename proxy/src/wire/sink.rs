//! The side that a body is written to.
//!
//! Small pieces are gathered behind the head that waits to be sent, so that a short answer leaves
//! with one system call; long ones are never copied but written in one go with what waits.

use std::io::{self, IoSlice};

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;

use crate::http1;

/// A piece that fits with what waits into so many bytes is copied behind it.
const GATHER_BYTES: usize = 8 * 1024;

/// How the body is framed on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutFraming {
    /// The receiver knows where it ends.
    Raw,
    Chunked,
}

#[derive(Debug)]
pub(crate) struct Sink<'a> {
    write: &'a mut OwnedWriteHalf,
    /// Bytes that leave before anything else; at first the head.
    waiting: &'a mut Vec<u8>,
    framing: OutFraming,
    /// Payload so far.
    pub(crate) payload_bytes: u64,
    /// The receiver may have got something.
    pub(crate) is_out: bool,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(
        write: &'a mut OwnedWriteHalf,
        waiting: &'a mut Vec<u8>,
        framing: OutFraming,
    ) -> Self {
        Self { write, waiting, framing, payload_bytes: 0, is_out: false }
    }

    /// Sends payload, at the latest with the next [`Self::flush`].
    pub(crate) async fn payload(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.payload_bytes += bytes.len() as u64;
        let mut line = [0; 18];
        let (before, after): (&[u8], &[u8]) = match self.framing {
            OutFraming::Raw => (b"", b""),
            OutFraming::Chunked => (http1::chunk_size_line(&mut line, bytes.len() as u64), b"\r\n"),
        };
        if self.waiting.len() + bytes.len() <= GATHER_BYTES {
            for part in [before, bytes, after] {
                self.waiting.extend_from_slice(part);
            }
            return Ok(());
        }
        self.is_out = true;
        let written = write_all(self.write, [self.waiting, before, bytes, after]).await;
        self.waiting.clear();
        written
    }

    /// A chunk whose size is no number, where there are chunks.
    pub(crate) fn break_chunk(&mut self) {
        if self.framing == OutFraming::Chunked {
            self.raw(b"zz\r\n");
        }
    }

    /// Bytes as they are, outside of any framing.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The end of the body. `trailers` are whole lines.
    pub(crate) fn end(&mut self, trailers: &[u8]) {
        if self.framing == OutFraming::Chunked {
            http1::end_of_chunks(self.waiting, trailers);
        }
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.is_out |= !self.waiting.is_empty();
        flush(self.write, self.waiting).await
    }
}

/// Sends all that waits.
pub(crate) async fn flush(write: &mut OwnedWriteHalf, waiting: &mut Vec<u8>) -> io::Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    let written = write.write_all(waiting).await;
    waiting.clear();
    written
}

async fn write_all(write: &mut OwnedWriteHalf, mut parts: [&[u8]; 4]) -> io::Result<()> {
    while parts.iter().any(|part| !part.is_empty()) {
        let slices = parts.map(IoSlice::new);
        let mut written = write.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        for part in &mut parts {
            let count = written.min(part.len());
            *part = &part[count..];
            written -= count;
        }
    }
    Ok(())
}
