//! How far one backend has come in one log, in a file of two slots that are written by turns.
//!
//! Each slot has a sequence number and a checksum; the sound one with the higher number counts. So
//! a slot that was torn in the middle leaves the one before it. One write of 40 bytes per answer.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use telemetry::otlp::Signal;

use super::SpoolError;
use super::file::Position;

const SLOT_BYTES: usize = 40;
const SUFFIX: &str = ".progress";

#[derive(Debug)]
pub(super) struct ProgressFile {
    file: File,
    path: PathBuf,
    sequence: u64,
    /// Said once.
    troubled: bool,
}

/// What was in the file: everything before this place was answered, and so many items of its
/// segment lie before it.
pub(super) type Progress = (Position, u64);

pub(super) fn name(signal: Signal, backend: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let readable: String = backend.chars().map(plain).take(64).collect();
    format!("{}-{readable}-{:08x}{SUFFIX}", signal.as_str(), crc32fast::hash(backend.as_bytes()))
}

pub(super) fn is_one(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

impl ProgressFile {
    /// Opens or makes the file; what was in it.
    pub(super) fn open(
        folder: &Path,
        signal: Signal,
        backend: &str,
    ) -> Result<(Self, Option<Progress>), SpoolError> {
        let path = folder.join(name(signal, backend));
        let failed = |source| SpoolError::Write { path: path.clone(), source };
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let newest = [0, 1].into_iter().filter_map(|slot| read_slot(&file, slot)).max();
        let (sequence, found) = newest.map_or((0, None), |(sequence, segment, offset, passed)| {
            (sequence, Some((Position { segment, offset }, passed)))
        });
        Ok((Self { file, path, sequence, troubled: false }, found))
    }

    /// A failure costs repetitions after a crash, and nothing else.
    pub(super) fn write(&mut self, at: Position, passed: u64) {
        self.sequence += 1;
        let numbers = [self.sequence, at.segment, at.offset, passed].map(u64::to_le_bytes);
        let mut slot = numbers.concat();
        slot.extend(crc32fast::hash(&slot).to_le_bytes());
        slot.resize(SLOT_BYTES, 0);
        let offset = self.sequence % 2 * SLOT_BYTES as u64;
        if let Err(error) = self.file.write_all_at(&slot, offset)
            && !std::mem::replace(&mut self.troubled, true)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "the progress of a backend cannot be written");
        }
    }
}

fn read_slot(file: &File, slot: u64) -> Option<(u64, u64, u64, u64)> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64).ok()?;
    let (numbers, rest) = bytes.split_at(32);
    let sum = u32::from_le_bytes(rest.first_chunk().copied()?);
    let (numbers, _) = numbers.as_chunks::<8>();
    let [sequence, segment, offset, passed] = numbers else { return None };
    let sound = crc32fast::hash(numbers.as_flattened()) == sum;
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    sound.then(|| (number(sequence), number(segment), number(offset), number(passed)))
}
