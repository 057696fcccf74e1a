//! The bytes of a recording.
//!
//! ```text
//! "SHAKEREC" version
//! item item ... item
//!
//! item: kind (1 byte)  length (4, little endian)  CRC-32 (4, little endian)  body
//! kind: H header, first and once   S second   E end, last and once
//! body: zstd over JSON
//! ```
//!
//! Each item is compressed by itself and written in one piece, so a file whose writer was killed is
//! whole up to the last item. The end item tells such a file from one that was closed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::LeftOut;

pub(super) const MAGIC: [u8; 8] = *b"SHAKEREC";
pub(super) const VERSION: u8 = 1;
/// Kind, length and checksum.
pub(super) const HEAD_BYTES: usize = 9;
/// Of one item in the file, and unpacked.
pub(super) const PACKED_BYTES_MAX: usize = 16 * 1024 * 1024;
pub(super) const UNPACKED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Beyond this the time rises faster than the size falls.
const LEVEL: i32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Second,
    End,
}

impl Kind {
    const ALL: [(Self, u8); 3] = [(Self::Header, b'H'), (Self::Second, b'S'), (Self::End, b'E')];

    fn byte(self) -> u8 {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or(0, |(_, byte)| *byte)
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == byte).map(|(kind, _)| *kind)
    }
}

/// What the last item says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) seconds: u64,
    pub(super) left_out: LeftOut,
}

/// An item as it is in the file; an error says what is too large.
pub(super) fn pack(kind: Kind, value: &impl Serialize) -> Result<Vec<u8>, String> {
    let json = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    if json.len() > UNPACKED_BYTES_MAX {
        return Err(format!("{} bytes are more than {UNPACKED_BYTES_MAX}", json.len()));
    }
    let body = zstd::bulk::compress(&json, LEVEL).map_err(|error| error.to_string())?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= PACKED_BYTES_MAX);
    let length =
        length.ok_or_else(|| format!("{} bytes are more than {PACKED_BYTES_MAX}", body.len()))?;
    let mut item = Vec::with_capacity(HEAD_BYTES + body.len());
    item.push(kind.byte());
    item.extend(length.to_le_bytes());
    item.extend(crc32fast::hash(&body).to_le_bytes());
    item.extend(body);
    Ok(item)
}

/// What a body says; an error says why it says nothing.
pub(super) fn unpack<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let json = zstd::bulk::decompress(body, UNPACKED_BYTES_MAX).map_err(|error| {
        format!("it does not unpack to at most {UNPACKED_BYTES_MAX} bytes: {error}")
    })?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
