//! What an engine has seen, by the second in which it ended, and the account of all journeys.
//!
//! Owned by one engine thread: recording takes no lock and waits for nobody. A second leaves as a
//! whole once it has passed; several seconds can be joined when nobody takes them.

mod second;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use model::limits::ACKNOWLEDGED_MAX;
use model::load::{Acknowledged, Attempts, LoadExemplar};

use crate::account::Account;
use crate::client::DialTimes;

pub(crate) use second::{Came, Cell, CellKey, Dials, Rank, Second, Timing};

impl Inner {
    /// What belongs to a second that has left already is not lost: it enters the next one.
    fn second(&mut self, unix_s: u64) -> &mut Second {
        let unix_s = unix_s.max(self.open_from);
        if self.at_hand.0 != unix_s {
            let next = self.seconds.remove(&unix_s).unwrap_or_default();
            let (before, second) = std::mem::replace(&mut self.at_hand, (unix_s, next));
            if !second.is_empty() {
                self.seconds.insert(before, second);
            }
        }
        &mut self.at_hand.1
    }
}

/// What the client did for a journey or a step.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done<'a> {
    pub(crate) attempts: Attempts,
    /// Whether each check of a step held.
    pub(crate) checked: &'a [bool],
    /// What came of the last request of a step, and how long the body of its answer was.
    pub(crate) came: Option<(Came, u64)>,
}

/// Everything that one engine records.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The second that was recorded into last, nearly always the one of the next record.
    at_hand: (u64, Second),
    /// All others.
    seconds: BTreeMap<u64, Second>,
    /// First second that has not been taken.
    open_from: u64,
    account: Account,
    acknowledged: Vec<Acknowledged>,
    acknowledged_dropped: u64,
}

impl Recorder {
    /// An arrival was released, `lateness` after its intended start in second `unix_s`.
    pub(crate) fn offered(&self, unix_s: u64, lateness: Duration) {
        let mut inner = self.inner.borrow_mut();
        inner.account.offered += 1;
        inner.second(unix_s).offer(lateness);
    }

    /// A journey started that no schedule had promised, in second `unix_s`.
    pub(crate) fn started(&self, unix_s: u64) {
        let mut inner = self.inner.borrow_mut();
        inner.account.offered += 1;
        inner.second(unix_s).start();
    }

    /// The first byte of a request that ended in second `unix_s` was written after a wait.
    pub(crate) fn waited(&self, unix_s: u64, wait: Duration) {
        let mut inner = self.inner.borrow_mut();
        inner.second(unix_s).connection_wait.record(wait);
    }

    /// A request ended in second `unix_s`: what it took to connect, and what came.
    pub(crate) fn exchanged(&self, unix_s: u64, dial: DialTimes, body_bytes: u64) {
        let mut inner = self.inner.borrow_mut();
        let second = inner.second(unix_s);
        second.body_bytes += body_bytes;
        if dial != DialTimes::default() {
            second.dials.record(dial);
        }
    }

    /// A journey or a step ended in second `unix_s`. Journeys enter the account.
    pub(crate) fn ended(&self, unix_s: u64, key: CellKey, timing: Timing) {
        self.ended_by(unix_s, key, timing, Done::default());
    }

    /// The same, with what the client did for it.
    pub(crate) fn ended_by(&self, unix_s: u64, key: CellKey, timing: Timing, done: Done<'_>) {
        let mut inner = self.inner.borrow_mut();
        if key.step.is_none() {
            inner.account.ended_by(key.outcome, 1);
        }
        let cell = inner.second(unix_s).ended(key, timing);
        cell.attempts += done.attempts;
        if !done.checked.is_empty() {
            cell.checked(done.checked);
        }
        if let Some((came, body_bytes)) = done.came {
            cell.came(came, body_bytes);
        }
    }

    /// A journey that may be worth looking at: most are not, and are not even written down.
    pub(crate) fn exemplar(
        &self,
        unix_s: u64,
        rank: Rank,
        exemplar: impl FnOnce() -> LoadExemplar,
    ) {
        let mut inner = self.inner.borrow_mut();
        let exemplars = &mut inner.second(unix_s).exemplars;
        if exemplars.wants(rank) {
            exemplars.offer(exemplar());
        }
    }

    pub(crate) fn acknowledged(&self, acknowledged: Acknowledged) {
        let mut inner = self.inner.borrow_mut();
        if inner.acknowledged.len() < ACKNOWLEDGED_MAX {
            inner.acknowledged.push(acknowledged);
        } else {
            inner.acknowledged_dropped += 1;
        }
    }

    /// Takes what was recorded for one second.
    pub(crate) fn take(&self, unix_s: u64) -> Second {
        let mut inner = self.inner.borrow_mut();
        inner.open_from = inner.open_from.max(unix_s + 1);
        if inner.at_hand.0 == unix_s {
            return std::mem::take(&mut inner.at_hand.1);
        }
        inner.seconds.remove(&unix_s).unwrap_or_default()
    }

    /// Takes the account, which must balance by now, and the promises of the system.
    pub(crate) fn close(&self) -> Closed {
        let inner = self.inner.take();
        inner.account.assert_balanced();
        Closed {
            account: inner.account,
            acknowledged: inner.acknowledged,
            acknowledged_dropped: inner.acknowledged_dropped,
        }
    }
}

impl Closed {
    /// Adds what another engine has left. All of them together keep no more than one may.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.account.absorb(other.account);
        self.acknowledged_dropped += other.acknowledged_dropped;
        let room = ACKNOWLEDGED_MAX.saturating_sub(self.acknowledged.len());
        let over = other.acknowledged.len().saturating_sub(room);
        self.acknowledged_dropped += over as u64;
        self.acknowledged.extend(other.acknowledged.into_iter().take(room));
    }
}

/// What is left of an engine when it has ended.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub(crate) account: Account,
    pub(crate) acknowledged: Vec<Acknowledged>,
    pub(crate) acknowledged_dropped: u64,
}

#[cfg(test)]
mod tests {
    use model::load::{Group, LoadModel, Outcome};
    use model::phase::Phase;

    use super::*;

    fn key(step: Option<usize>, outcome: Outcome) -> CellKey {
        CellKey {
            model: LoadModel::Open,
            flow: 0,
            step,
            phase: Phase::Before,
            group: Group::Exposed,
            hit: false,
            outcome,
        }
    }

    fn timing(ms: u64) -> Timing {
        Timing { response: Duration::from_millis(ms), service: Some(Duration::from_millis(ms)) }
    }

    #[test]
    fn what_ended_in_a_second_leaves_with_that_second_and_only_once() {
        let recorder = Recorder::default();
        for second in [7, 8] {
            recorder.offered(second, Duration::from_micros(60));
            recorder.ended(second, key(Some(0), Outcome::Completed), timing(5));
            recorder.ended(second, key(None, Outcome::Completed), timing(6));
        }
        recorder.waited(7, Duration::from_micros(9));
        let second = recorder.take(7);
        assert_eq!((second.offered, second.cells.len()), (1, 2));
        assert_eq!(second.connection_wait.to_histogram().len(), 1);
        assert_eq!(recorder.take(7).offered, 0);
        assert_eq!(recorder.take(8).offered, 1);
        recorder.waited(7, Duration::from_micros(9));
        assert_eq!(recorder.take(9).connection_wait.to_histogram().len(), 1);
    }

    #[test]
    fn every_outcome_of_a_journey_enters_the_account_and_steps_do_not() {
        let recorder = Recorder::default();
        for outcome in Outcome::ALL {
            recorder.offered(7, Duration::ZERO);
            recorder.ended(7, key(Some(0), outcome), timing(1));
            recorder.ended(7, key(None, outcome), timing(1));
        }
        let account = recorder.close().account;
        let expected = Account {
            offered: 8,
            completed: 1,
            failed: 4,
            timed_out: 1,
            dropped: 1,
            unfinished: 1,
        };
        assert_eq!(account, expected);
    }

    #[test]
    #[should_panic(expected = "1 of 2 arrivals")]
    fn a_vanished_arrival_is_found() {
        let recorder = Recorder::default();
        recorder.offered(7, Duration::ZERO);
        recorder.offered(7, Duration::ZERO);
        recorder.ended(7, key(None, Outcome::Completed), timing(1));
        recorder.close();
    }

    /// What all records of one request cost together:
    /// `cargo test --release -p loadgen --lib record::tests::cost -- --ignored --nocapture`.
    #[tokio::test]
    #[ignore = "a measurement"]
    async fn cost_of_a_request() {
        const REQUESTS: u64 = 10_000_000;
        let recorder = Recorder::default();
        let start = tokio::time::Instant::now();
        let mut meter = crate::cpu::CpuMeter::new(start);
        for number in 0..REQUESTS {
            // As many as 150,000 a second, of durations as they come on a loopback.
            let unix_s = number / 150_000;
            let took = Duration::from_micros(80 + (number * 7_919) % 4_000);
            let timing = Timing { response: took, service: Some(took) };
            recorder.offered(unix_s, Duration::from_micros(number % 50));
            recorder.waited(unix_s, Duration::from_micros(1));
            recorder.exchanged(unix_s, DialTimes::default(), 13);
            recorder.ended(unix_s, key(Some(0), Outcome::Completed), timing);
            recorder.ended(unix_s, key(None, Outcome::Completed), timing);
            if number % 150_000 == 149_999 {
                assert_eq!(recorder.take(unix_s).offered, 150_000);
            }
        }
        let end = tokio::time::Instant::now();
        let used_s = meter.read(end).thread * (end - start).as_secs_f64();
        println!("{:.1} ns per request", used_s * 1e9 / REQUESTS as f64);
    }
}
