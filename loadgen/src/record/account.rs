//! The account of a load: every arrival ends in exactly one of its columns.

use model::load::Outcome;

/// Journeys by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) offered: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) dropped: u64,
    pub(crate) unfinished: u64,
}

impl Account {
    pub(crate) fn ended(&mut self, outcome: Outcome) {
        let column = match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::Status | Outcome::Connection | Outcome::Answer | Outcome::Check => {
                &mut self.failed
            },
            Outcome::Timeout => &mut self.timed_out,
            Outcome::Dropped => &mut self.dropped,
            Outcome::Unfinished => &mut self.unfinished,
        };
        *column += 1;
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.offered += other.offered;
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.dropped += other.dropped;
        self.unfinished += other.unfinished;
    }

    /// A vanished arrival would make every percentile better than the truth.
    pub(crate) fn assert_balanced(&self) {
        let ended = self.completed + self.failed + self.timed_out + self.dropped + self.unfinished;
        assert_eq!(ended, self.offered, "{ended} of {} arrivals are accounted for", self.offered);
    }
}
