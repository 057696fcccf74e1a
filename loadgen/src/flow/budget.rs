//! Retries and hedges are bounded as a share of traffic, as well-behaved clients do it.
//!
//! Over the last ten seconds: retries <= share * first attempts + reserve, as the gateway counts
//! it. Each engine thread has an account of its own, and its part of the reserve: what all of them
//! spend together is what one account would allow.

use std::time::Duration;

use model::units::Share;
use tokio::time::Instant;

const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(1);
/// One retry, in the unit of the account: millionths, so that no share is rounded.
const RETRY: i64 = 1_000_000;

/// The account of one load in one engine.
#[derive(Debug)]
pub(crate) struct Budget {
    origin: Instant,
    /// Deposits minus withdrawals of each second, by its number modulo their count.
    slots: [i64; SLOTS],
    /// The latest second that was booked in.
    latest: u64,
}

impl Budget {
    pub(crate) fn new(origin: Instant) -> Self {
        Self { origin, slots: [0; SLOTS], latest: 0 }
    }

    /// Every first attempt pays in.
    pub(crate) fn deposit(&mut self, now: Instant, share: Share) {
        *self.slot(now) += i64::from(share.ppm());
    }

    /// Takes one retry or one hedge out; false when there is none. The reserve is that of this
    /// engine.
    pub(crate) fn withdraw(&mut self, now: Instant, reserve_per_s: f64) -> bool {
        self.slot(now);
        let reserve = (reserve_per_s * SLOTS as f64 * RETRY as f64) as i64;
        let left = self.slots.iter().sum::<i64>().saturating_add(reserve);
        if left < RETRY {
            return false;
        }
        *self.slot(now) -= RETRY;
        true
    }

    fn slot(&mut self, now: Instant) -> &mut i64 {
        let second = now.saturating_duration_since(self.origin).as_secs() / SLOT.as_secs();
        for passed in (self.latest + 1..=second).take(SLOTS) {
            self.slots[passed as usize % SLOTS] = 0;
        }
        self.latest = self.latest.max(second);
        &mut self.slots[self.latest as usize % SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: u32) -> Share {
        Share::from_percent(percent)
    }

    #[test]
    fn retries_are_a_share_of_the_first_attempts_of_ten_seconds() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 0..100 {
            budget.deposit(start, share(10));
        }
        let taken = (0..100).filter(|_| budget.withdraw(start, 0.0)).count();
        assert_eq!(taken, 10);
        // Both leave the account after ten seconds, and nothing is left.
        assert!(!budget.withdraw(start + Duration::from_secs(9), 0.0));
        assert!(!budget.withdraw(start + Duration::from_secs(10), 0.0));
    }

    #[test]
    fn a_quiet_client_may_spend_its_reserve_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        // Half a retry per second are five in ten seconds.
        let spend = |budget: &mut Budget, s: u64| {
            let now = start + Duration::from_secs(s);
            (0..100).filter(|_| budget.withdraw(now, 0.5)).count()
        };
        assert_eq!(spend(&mut budget, 0), 5);
        assert_eq!(spend(&mut budget, 9), 0);
        assert_eq!(spend(&mut budget, 10), 5);
    }

    proptest::proptest! {
        #[test]
        fn no_run_of_ten_seconds_spends_more_than_its_share_and_reserve(
            attempts in proptest::collection::vec((0_u64..3_000, proptest::bool::ANY), 1..300),
        ) {
            let start = Instant::now();
            let (mut budget, mut now_ms) = (Budget::new(start), 0);
            let (mut firsts, mut retries) = (Vec::new(), Vec::new());
            for (pause_ms, fails) in attempts {
                now_ms += pause_ms;
                let now = start + Duration::from_millis(now_ms);
                budget.deposit(now, share(30));
                firsts.push(now_ms / 1_000);
                if fails && budget.withdraw(now, 0.2) {
                    retries.push(now_ms / 1_000);
                }
            }
            for until in 0..=now_ms / 1_000 {
                let within = |second: &&u64| **second <= until && **second + 10 > until;
                let spent = retries.iter().filter(within).count() as f64;
                // A retry may have been paid by attempts that have left since.
                let within = |second: &&u64| **second + 20 > until && **second <= until;
                let earned = firsts.iter().filter(within);
                proptest::prop_assert!(spent <= earned.count() as f64 * 0.3 + 2.0 * 2.0 + 1.0);
            }
        }
    }
}
