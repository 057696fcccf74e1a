//! Arrivals that wait because as many requests are in flight as the plan allows.
//!
//! An arrival waits as a few words, not as a task, and first come is first served over all loads.
//! Who waits longer than a user of its load would is given up as timed out. The queue has a bound;
//! what arrives above it is dropped and counted. The wait is part of the response time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::arrival::Arrival;

/// Most arrivals that wait at once.
pub(crate) const WAITING_MAX: usize = 100_000;

/// An arrival that was released by the pacer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Released {
    pub(crate) load: usize,
    pub(crate) arrival: Arrival,
    pub(crate) intended: Instant,
    pub(crate) dispatched: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    ticket: u64,
    gives_up: Instant,
    released: Released,
}

#[derive(Debug)]
pub(crate) struct Queue {
    /// One line per load: within it, patience ends in the order of arrival.
    lines: Vec<VecDeque<Waiting>>,
    length: usize,
    tickets: u64,
    length_max: usize,
}

impl Queue {
    pub(crate) fn new(loads: usize, length_max: usize) -> Self {
        Self { lines: vec![VecDeque::new(); loads], length: 0, tickets: 0, length_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Gives the arrival back when the queue is full.
    pub(crate) fn push(&mut self, released: Released, patience: Duration) -> Result<(), Released> {
        if self.length >= self.length_max {
            return Err(released);
        }
        let waiting =
            Waiting { ticket: self.tickets, gives_up: released.dispatched + patience, released };
        self.lines[released.load].push_back(waiting);
        self.tickets += 1;
        self.length += 1;
        Ok(())
    }

    /// Who came first.
    pub(crate) fn pop(&mut self) -> Option<Released> {
        let fronts = self.lines.iter().enumerate();
        let (_, line) =
            fronts.filter_map(|(at, line)| line.front().map(|first| (first.ticket, at))).min()?;
        self.take_front(line)
    }

    /// Someone whose patience has ended.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Released> {
        let expired = |line: &VecDeque<Waiting>| line.front().is_some_and(|w| w.gives_up <= now);
        let line = self.lines.iter().position(expired)?;
        self.take_front(line)
    }

    /// When the next one gives up.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.lines.iter().filter_map(|line| line.front()).map(|first| first.gives_up).min()
    }

    fn take_front(&mut self, line: usize) -> Option<Released> {
        let first = self.lines[line].pop_front()?;
        self.length -= 1;
        Some(first.released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn released(load: usize, index: u64) -> Released {
        let at = Instant::now();
        Released { load, arrival: Arrival { index, at_ns: 0 }, intended: at, dispatched: at }
    }

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn first_come_is_first_served_over_all_loads() {
        let mut queue = Queue::new(2, 10);
        for (load, index) in [(1, 0), (0, 0), (0, 1), (1, 1)] {
            queue.push(released(load, index), LONG).unwrap();
        }
        let order: Vec<_> =
            std::iter::from_fn(|| queue.pop()).map(|r| (r.load, r.arrival.index)).collect();
        assert_eq!(order, [(1, 0), (0, 0), (0, 1), (1, 1)]);
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_gives_the_arrival_back() {
        let mut queue = Queue::new(1, 2);
        queue.push(released(0, 0), LONG).unwrap();
        queue.push(released(0, 1), LONG).unwrap();
        assert_eq!(queue.push(released(0, 2), LONG).unwrap_err().arrival.index, 2);
        assert_eq!(queue.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_by_load_even_behind_a_more_patient_one() {
        let mut queue = Queue::new(2, 10);
        queue.push(released(0, 0), LONG).unwrap();
        queue.push(released(1, 0), SHORT).unwrap();
        let start = Instant::now();
        assert_eq!(queue.next_expiry(), Some(start + SHORT));
        assert_eq!(queue.pop_expired(start), None);
        assert_eq!(queue.pop_expired(start + SHORT).unwrap().load, 1);
        assert_eq!(queue.pop_expired(start + SHORT), None);
        assert_eq!(queue.next_expiry(), Some(start + LONG));
    }
}
