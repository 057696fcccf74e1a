//! The permits of a half-open breaker that are out.
//!
//! Each has a deadline, because a lost outcome would otherwise hold its permit for ever. They are
//! kept in the order in which they were given, which is the order of their deadlines: what is
//! overdue is always at the front.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::By;

#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) by: By,
    number: u64,
    deadline: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Probes(VecDeque<Probe>);

impl Probes {
    pub(super) fn give(&mut self, number: u64, by: By, deadline: Instant) {
        // A caller that read its clock a moment earlier must not end before the last one.
        let deadline = self.0.back().map_or(deadline, |last| last.deadline.max(deadline));
        self.0.push_back(Probe { by, number, deadline });
    }

    /// Takes a permit back; false when it is not out.
    pub(super) fn give_back(&mut self, number: u64) -> bool {
        let found = self.0.binary_search_by_key(&number, |probe| probe.number);
        found.is_ok_and(|place| self.0.remove(place).is_some())
    }

    /// The next one whose deadline is over.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Option<Probe> {
        self.0.pop_front_if(|probe| probe.deadline <= now)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.0.front().map(|probe| probe.deadline)
    }

    pub(super) fn out(&self) -> u32 {
        self.0.len() as u32
    }

    /// No deadline is later than this.
    pub(super) fn shorten(&mut self, latest: Instant) {
        self.0.iter_mut().for_each(|probe| probe.deadline = probe.deadline.min(latest));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
