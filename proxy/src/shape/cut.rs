//! An end after so many bytes.

use super::{End, Limit, Then};

#[derive(Debug)]
pub(crate) struct Cut {
    after: u64,
    passed: u64,
    end: End,
    acted: bool,
}

impl Cut {
    pub(super) fn new(after: u64, end: End) -> Self {
        Self { after, passed: 0, end, acted: false }
    }

    /// What has passed still counts, so a lower limit may be over already.
    pub(super) fn retune(&mut self, after: u64, end: End) -> bool {
        self.after = after;
        self.end == end
    }

    pub(super) fn touched(&self) -> bool {
        self.acted
    }

    pub(super) fn limit(&mut self, bytes: &[u8]) -> Limit {
        let left = self.after.saturating_sub(self.passed);
        if (bytes.len() as u64) < left {
            return Limit::all(bytes);
        }
        self.acted = true;
        Limit { pass: left as usize, then: Then::End(self.end) }
    }

    pub(super) fn commit(&mut self, passed: usize) {
        self.passed += passed as u64;
    }
}
