//! The account of a load: every arrival ends in exactly one of its columns.
//!
//! Engines keep one each, and the result of a load has one that is added up from all reports: the
//! columns and what belongs into them stand here alone, because two of them that differ would make
//! an arrival vanish.

use model::load::{LoadDone, Outcome};
use serde::{Deserialize, Serialize};

/// Journeys by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub offered: u64,
    pub completed: u64,
    /// Status, connection and answer errors, and checks that did not hold.
    pub failed: u64,
    pub timed_out: u64,
    pub dropped: u64,
    pub unfinished: u64,
}

impl From<&LoadDone> for Account {
    fn from(done: &LoadDone) -> Self {
        Self {
            offered: done.offered,
            completed: done.completed,
            failed: done.failed,
            timed_out: done.timed_out,
            dropped: done.dropped,
            unfinished: done.unfinished,
        }
    }
}

impl Account {
    pub fn ended_by(&mut self, outcome: Outcome, count: u64) {
        let column = match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::Status | Outcome::Connection | Outcome::Answer | Outcome::Check => {
                &mut self.failed
            },
            Outcome::Timeout => &mut self.timed_out,
            Outcome::Dropped => &mut self.dropped,
            Outcome::Unfinished => &mut self.unfinished,
        };
        *column += count;
    }

    pub fn absorb(&mut self, other: Self) {
        self.offered += other.offered;
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.dropped += other.dropped;
        self.unfinished += other.unfinished;
    }

    pub fn ended(&self) -> u64 {
        self.completed + self.failed + self.timed_out + self.dropped + self.unfinished
    }

    pub fn balances(&self) -> bool {
        self.offered == self.ended()
    }

    /// Everything that did not complete.
    pub fn errors(&self) -> u64 {
        self.ended() - self.completed
    }

    /// A vanished arrival would make every percentile better than the truth.
    pub(crate) fn assert_balanced(&self) {
        let (ended, offered) = (self.ended(), self.offered);
        assert!(self.balances(), "{ended} of {offered} arrivals are accounted for");
    }
}
