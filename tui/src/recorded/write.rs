//! Writes a recording, item by item.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::format::{End, Kind, MAGIC, VERSION, pack};
use super::{Header, Second};

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{path} is there already; a recording does not replace a file")]
    Exists { path: PathBuf },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path}: a second is too large for a recording: {what}")]
    TooLarge { path: PathBuf, what: String },
}

/// An open recording. Dropped without [`Self::finish`] it is a file that was cut off.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    bytes: u64,
    end: End,
}

impl Writer {
    /// Makes the file, which only its owner may read.
    pub fn create(path: &Path, header: &Header) -> Result<Self, WriteError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let path = path.to_owned();
        let file = match made {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(WriteError::Exists { path });
            },
            Err(source) => return Err(WriteError::Write { path, source }),
        };
        let mut writer = Self { file, path, bytes: 0, end: End::default() };
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend(writer.packed(Kind::Header, header)?);
        writer.write(&bytes)?;
        Ok(writer)
    }

    pub fn second(&mut self, second: &Second) -> Result<(), WriteError> {
        let item = self.packed(Kind::Second, second)?;
        self.write(&item)?;
        self.end.seconds += 1;
        self.end.left_out.traces += second.left_out.traces;
        self.end.left_out.lines += second.left_out.lines;
        Ok(())
    }

    /// Closes the recording.
    pub fn finish(mut self) -> Result<u64, WriteError> {
        let item = self.packed(Kind::End, &self.end)?;
        self.write(&item)?;
        let synced = self.file.sync_all();
        synced.map_err(|source| WriteError::Write { path: self.path, source })?;
        Ok(self.bytes)
    }

    /// Length of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn packed(&self, kind: Kind, value: &impl serde::Serialize) -> Result<Vec<u8>, WriteError> {
        pack(kind, value).map_err(|what| WriteError::TooLarge { path: self.path.clone(), what })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| WriteError::Write { path: self.path.clone(), source })?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
