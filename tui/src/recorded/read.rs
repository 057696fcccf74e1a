//! Reads a recording into memory.
//!
//! A file that ends in the middle of an item is read up to there: its writer was killed, or still
//! writes. Anything else that does not fit is an error with the place in the file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::format::{End, HEAD_BYTES, Kind, MAGIC, PACKED_BYTES_MAX, VERSION, unpack};
use super::{Bounds, Cut, Header, Recording, Second};

#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is no recording of shakedown")]
    Foreign { path: PathBuf },
    #[error("{path} is a recording of version {version}; this program reads version {VERSION}")]
    Version { path: PathBuf, version: u8 },
    #[error("{path} ends before its first second")]
    Empty { path: PathBuf },
    #[error("{path} is damaged at byte {at_byte}: {what}")]
    Damaged { path: PathBuf, at_byte: u64, what: String },
}

/// Reads a file within the usual bounds.
pub fn open(path: &Path) -> Result<Recording, RecordedError> {
    let failed = |source| RecordedError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // A folder can be opened, and fails at the first byte.
    read(BufReader::new(file), path, Bounds::default())
}

/// Reads a recording from anywhere; `path` is for messages.
pub fn read(from: impl BufRead, path: &Path, bounds: Bounds) -> Result<Recording, RecordedError> {
    let mut items = Items { from, path, at_byte: 0 };
    items.start()?;
    let (header, mut cut) = match items.next()? {
        Next::Item(Kind::Header, body, at) => (items.understood::<Header>(&body, at)?, None),
        Next::Item(kind, _, at) => {
            return Err(items.damaged(at, format!("{kind:?} stands where the header should be")));
        },
        Next::Closed | Next::Cut(_) => {
            return Err(RecordedError::Empty { path: path.to_owned() });
        },
    };
    let mut recording = Recording::new(header, bounds);
    let mut seconds = 0;
    loop {
        match items.next()? {
            Next::Item(Kind::Second, body, at) => {
                recording.insert(items.understood::<Second>(&body, at)?);
                seconds += 1;
            },
            Next::Item(Kind::End, body, at) => {
                let end: End = items.understood(&body, at)?;
                if end.seconds != seconds {
                    let what = format!("{seconds} of {} seconds are there", end.seconds);
                    return Err(items.damaged(at, what));
                }
                items.nothing_follows()?;
                break;
            },
            Next::Item(Kind::Header, _, at) => {
                return Err(items.damaged(at, "a second header".to_owned()));
            },
            Next::Closed => {
                cut = Some(Cut { at_byte: items.at_byte });
                break;
            },
            Next::Cut(at_byte) => {
                cut = Some(Cut { at_byte });
                break;
            },
        }
    }
    if seconds == 0 {
        return Err(RecordedError::Empty { path: path.to_owned() });
    }
    recording.cut = cut;
    recording.close();
    Ok(recording)
}

enum Next {
    /// With the place where it begins.
    Item(Kind, Vec<u8>, u64),
    /// The file ends between two items.
    Closed,
    /// The file ends within an item, which begins here.
    Cut(u64),
}

struct Items<'a, R> {
    from: R,
    path: &'a Path,
    at_byte: u64,
}

impl<R: BufRead> Items<'_, R> {
    fn start(&mut self) -> Result<(), RecordedError> {
        let mut start = Vec::new();
        self.fill(MAGIC.len() + 1, &mut start)?;
        match start.split_last() {
            Some((version, magic)) if magic == MAGIC => match *version {
                VERSION => Ok(()),
                version => Err(RecordedError::Version { path: self.path.to_owned(), version }),
            },
            _ => Err(RecordedError::Foreign { path: self.path.to_owned() }),
        }
    }

    fn next(&mut self) -> Result<Next, RecordedError> {
        let at = self.at_byte;
        let mut head = Vec::new();
        self.fill(HEAD_BYTES, &mut head)?;
        if head.is_empty() {
            return Ok(Next::Closed);
        }
        let Ok([kind, l0, l1, l2, l3, c0, c1, c2, c3]) = <[u8; HEAD_BYTES]>::try_from(head) else {
            return Ok(Next::Cut(at));
        };
        let Some(kind) = Kind::of(kind) else {
            return Err(self.damaged(at, format!("no item begins with byte {kind}")));
        };
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > PACKED_BYTES_MAX {
            let what = format!("an item of {length} bytes is longer than {PACKED_BYTES_MAX}");
            return Err(self.damaged(at, what));
        }
        let mut body = Vec::new();
        self.fill(length, &mut body)?;
        if body.len() < length {
            return Ok(Next::Cut(at));
        }
        if crc32fast::hash(&body) != u32::from_le_bytes([c0, c1, c2, c3]) {
            // The last item may have been on its way to the disk when the machine stopped.
            return if self.is_at_end()? {
                Ok(Next::Cut(at))
            } else {
                Err(self.damaged(at, "the checksum of the item does not fit".to_owned()))
            };
        }
        Ok(Next::Item(kind, body, at))
    }

    /// Up to `length` bytes, fewer at the end of the file.
    fn fill(&mut self, length: usize, into: &mut Vec<u8>) -> Result<(), RecordedError> {
        let read = self.from.by_ref().take(length as u64).read_to_end(into);
        let read = read.map_err(|source| self.failed(source))?;
        self.at_byte += read as u64;
        Ok(())
    }

    fn is_at_end(&mut self) -> Result<bool, RecordedError> {
        match self.from.fill_buf() {
            Ok(rest) => Ok(rest.is_empty()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn nothing_follows(&mut self) -> Result<(), RecordedError> {
        if self.is_at_end()? {
            return Ok(());
        }
        Err(self.damaged(self.at_byte, "something follows the end".to_owned()))
    }

    fn understood<T: serde::de::DeserializeOwned>(
        &self,
        body: &[u8],
        at: u64,
    ) -> Result<T, RecordedError> {
        unpack(body).map_err(|what| self.damaged(at, what))
    }

    fn damaged(&self, at_byte: u64, what: String) -> RecordedError {
        RecordedError::Damaged { path: self.path.to_owned(), at_byte, what }
    }

    fn failed(&self, source: io::Error) -> RecordedError {
        RecordedError::Read { path: self.path.to_owned(), source }
    }
}
