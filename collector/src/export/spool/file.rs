//! The bytes of a segment: a mark, then records one after the other.
//!
//! A record is its length, a checksum (CRC-32 of all that follows it), the number of its items and
//! its signal, each in little endian, then the payload.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use telemetry::otlp::Signal;

/// Begins every segment; the digit is the version of the format.
pub(super) const MARK: &[u8; 8] = b"SHKQUE1\n";
pub(super) const HEAD_BYTES: usize = 16;

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Position {
    pub(in super::super) segment: u64,
    pub(in super::super) offset: u64,
}

impl Position {
    /// Before the first record of a segment.
    pub(super) fn start_of(segment: u64) -> Self {
        Self { segment, offset: MARK.len() as u64 }
    }

    pub(super) fn after(self, payload_bytes: usize) -> Self {
        Self { offset: self.offset + (HEAD_BYTES + payload_bytes) as u64, ..self }
    }
}

pub(super) fn path(folder: &Path, signal: Signal, number: u64) -> PathBuf {
    folder.join(format!("{}-{number:010}.queue", signal.as_str()))
}

/// The number of a segment of this signal, from the name of its file.
pub(super) fn number_of(signal: Signal, name: &str) -> Option<u64> {
    name.strip_prefix(signal.as_str())?.strip_prefix('-')?.strip_suffix(".queue")?.parse().ok()
}

pub(super) fn put_head(signal: Signal, items: u64, payload: &[u8], out: &mut Vec<u8>) {
    let items = u32::try_from(items).unwrap_or(u32::MAX).to_le_bytes();
    let kind = [super::index(signal) as u8, 0, 0, 0];
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(checksum(items, kind, payload).to_le_bytes());
    out.extend(items);
    out.extend(kind);
}

fn checksum(items: [u8; 4], kind: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&items);
    hasher.update(&kind);
    hasher.update(payload);
    hasher.finalize()
}

/// The record at an offset of a file that ends at `end`: its items and its payload. `None` when
/// there is no whole and sound one.
pub(super) fn read(file: &File, signal: Signal, offset: u64, end: u64) -> Option<(u64, Bytes)> {
    let mut head = [0; HEAD_BYTES];
    let body = offset + HEAD_BYTES as u64;
    if body > end {
        return None;
    }
    file.read_exact_at(&mut head, offset).ok()?;
    let [length, sum, items, kind] =
        [0, 4, 8, 12].map(|at| [head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = u64::from(u32::from_le_bytes(length));
    if body + length > end || usize::from(kind[0]) != super::index(signal) {
        return None;
    }
    let mut payload = vec![0; length as usize];
    file.read_exact_at(&mut payload, body).ok()?;
    let sound = checksum(items, kind, &payload) == u32::from_le_bytes(sum);
    sound.then(|| (u64::from(u32::from_le_bytes(items)), payload.into()))
}
