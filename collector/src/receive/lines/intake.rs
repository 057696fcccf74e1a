//! Lines from within the process: a stream of a child, for example.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::buffer::LineBuffer;
use super::{LineSource, convert};
use crate::core::Core;
use crate::record::Signal;

const PIECE_BYTES: usize = 64 * 1024;

/// What became of the lines of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCount {
    /// Kept as log records.
    pub kept: u64,
    /// Of those kept, the ones that were too long and lost their end.
    pub cut: u64,
    /// Lost, because the collector had no room for them.
    pub lost: u64,
}

/// Takes the lines of one stream.
#[derive(Debug)]
pub struct LineIntake {
    core: Arc<Core>,
    source: LineSource,
    buffer: LineBuffer,
    count: LineCount,
}

impl LineIntake {
    pub(crate) fn new(core: Arc<Core>, source: LineSource) -> Self {
        Self { core, source, buffer: LineBuffer::default(), count: LineCount::default() }
    }

    /// Takes the next bytes of the stream, which may end anywhere in a line. Lines that are whole
    /// now can be found when this returns.
    pub async fn push(&mut self, piece: &[u8]) {
        let lines = self.buffer.push(piece);
        self.take(lines).await;
    }

    /// Takes what is left when the stream has ended.
    pub async fn end(mut self) -> LineCount {
        let last = std::mem::take(&mut self.buffer).end();
        self.take(last).await;
        self.count
    }

    /// Reads a stream to its end. Nobody waits for lines that the collector has no room for: a
    /// service must not stand still for its logs.
    pub async fn read(mut self, mut stream: impl AsyncRead + Unpin) -> std::io::Result<LineCount> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match stream.read(&mut piece).await? {
                0 => return Ok(self.end().await),
                bytes => self.push(&piece[..bytes]).await,
            }
        }
    }

    async fn take(&mut self, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let received = &self.core.received;
        match self.send(&lines).await {
            Some((kept, cut)) => {
                self.count.kept += kept;
                self.count.cut += cut;
                received.lines_cut.fetch_add(cut, Ordering::Relaxed);
            },
            None => {
                let lost = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                let lost = lost.count() as u64;
                self.count.lost += lost;
                received.lines_lost.fetch_add(lost, Ordering::Relaxed);
            },
        }
    }

    /// How many lines were kept, and how many of them were cut.
    async fn send(&self, lines: &[u8]) -> Option<(u64, u64)> {
        let mut lease = self.core.admission.enter().ok()?;
        let now = self.core.clock.unix_ns();
        let converted = convert(&self.source, lines, now, |bytes| lease.grow(bytes)).ok()?;
        if converted.records > 0 {
            lease.wait_to_be_written().ok()?;
            let payload = converted.payload.into();
            let rejected = self.core.take(Signal::Logs, payload, lease).await.ok()?;
            debug_assert_eq!(rejected.count(), 0, "records of lines are always sound");
        }
        Some((converted.records, converted.cut))
    }
}
