//! Bytes that arrive with other values.
//!
//! The stream is divided into as many strips as bytes shall be hit, and each strip has one place
//! that is drawn. So places rise, never coincide and need no memory. A stream of unknown length has
//! strips of [`STRIP_BYTES`], because a place further on might never be reached.

use model::decision::indexed;

const STRIP_BYTES: u64 = 64;

#[derive(Debug)]
pub(crate) struct Corrupt {
    wanted: u64,
    /// Length of all strips together.
    span: u64,
    seed: u64,
    /// Number of the strip whose place comes next.
    next: u64,
    passed: u64,
}

impl Corrupt {
    pub(super) fn new(bytes: u32, length: Option<u64>, seed: u64) -> Self {
        let bytes = u64::from(bytes);
        let wanted = length.map_or(bytes, |length| bytes.min(length));
        Self { wanted, span: length.unwrap_or(wanted * STRIP_BYTES), seed, next: 0, passed: 0 }
    }

    pub(super) fn is_of(&self, bytes: u32) -> bool {
        self.wanted == u64::from(bytes)
    }

    pub(super) fn touched(&self) -> bool {
        self.next > 0
    }

    pub(super) fn commit(&mut self, bytes: &mut [u8]) {
        let end = self.passed + bytes.len() as u64;
        while self.next < self.wanted {
            let place = self.place();
            if place >= end {
                break;
            }
            let mask = indexed(self.seed, "corrupt value", self.next).index(255) + 1;
            bytes[(place - self.passed) as usize] ^= mask as u8;
            self.next += 1;
        }
        self.passed = end;
    }

    fn place(&self) -> u64 {
        let border = |strip: u64| {
            (u128::from(strip) * u128::from(self.span) / u128::from(self.wanted)) as u64
        };
        let (start, end) = (border(self.next), border(self.next + 1));
        let unit = indexed(self.seed, "corrupt place", self.next);
        start + unit.index((end - start) as usize) as u64
    }
}
