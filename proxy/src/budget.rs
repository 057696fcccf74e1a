//! Retries are bounded as a share of traffic, so that a sick callee is not finished off by them.
//!
//! Over the last ten seconds: retries <= share * first attempts + reserve. Counted in millionths of
//! a retry, because counting in whole retries per deposit rounds every share above one half up to
//! everything. Retries leave the account after ten seconds just as deposits do.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::units::Share;
use tokio::time::Instant;

const SLOT: Duration = Duration::from_secs(1);
const SLOTS: u32 = 10;
/// One retry.
const RETRY: i64 = 1_000_000;

#[derive(Debug)]
struct Slot {
    number: u64,
    /// Deposits minus withdrawals, in millionths of a retry.
    balance: i64,
}

#[derive(Debug)]
struct Account {
    slots: VecDeque<Slot>,
    sum: i64,
}

/// The retry budget of one edge.
#[derive(Debug)]
pub(crate) struct Budget {
    deposit: i64,
    reserve: i64,
    origin: Instant,
    account: Mutex<Account>,
}

impl Budget {
    pub(crate) fn new(share: Share, reserve_per_s: u32, now: Instant) -> Self {
        Self {
            deposit: i64::from(share.ppm()),
            reserve: i64::from(reserve_per_s) * i64::from(SLOTS) * RETRY,
            origin: now,
            account: Mutex::new(Account { slots: VecDeque::new(), sum: 0 }),
        }
    }

    /// Every first attempt pays in.
    pub(crate) fn deposit(&self, now: Instant) {
        self.book(now, self.deposit);
    }

    /// Takes one retry out; false when there is none.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.expire(self.slot(now));
        let allowed = self.reserve.saturating_add(account.sum) >= RETRY;
        if allowed {
            account.add(self.slot(now), -RETRY);
        }
        allowed
    }

    fn book(&self, now: Instant, amount: i64) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.expire(self.slot(now));
        account.add(self.slot(now), amount);
    }

    fn slot(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_secs() / SLOT.as_secs()
    }
}

impl Account {
    fn expire(&mut self, current: u64) {
        while let Some(oldest) = self.slots.front() {
            if oldest.number + u64::from(SLOTS) > current {
                break;
            }
            self.sum -= oldest.balance;
            self.slots.pop_front();
        }
    }

    fn add(&mut self, number: u64, amount: i64) {
        self.sum += amount;
        match self.slots.back_mut() {
            // A caller that read its clock a moment earlier than the last one books there too.
            Some(last) if last.number >= number => last.balance += amount,
            _ => self.slots.push_back(Slot { number, balance: amount }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percent(percent: u32) -> Share {
        Share::from_ppm(percent * 10_000)
    }

    fn origin() -> Instant {
        Instant::now()
    }

    fn withdrawals(budget: &Budget, now: Instant) -> u32 {
        (0..100_000).take_while(|_| budget.withdraw(now)).count() as u32
    }

    #[test]
    fn a_thousand_first_attempts_allow_exactly_their_share_of_retries() {
        for (share, retries) in [(20, 200), (30, 300), (40, 400), (60, 600), (90, 900)] {
            let now = origin();
            let budget = Budget::new(percent(share), 0, now);
            (0..1_000).for_each(|_| budget.deposit(now));
            assert_eq!(withdrawals(&budget, now), retries, "{share}%");
        }
    }

    #[test]
    fn the_reserve_lets_a_quiet_edge_retry_and_is_not_refilled_by_spending() {
        let now = origin();
        let budget = Budget::new(Share::ZERO, 2, now);
        assert_eq!(withdrawals(&budget, now), 20);
        assert_eq!(withdrawals(&budget, now + Duration::from_secs(9)), 0);
        assert_eq!(withdrawals(&budget, now + Duration::from_secs(10)), 20);
    }

    #[test]
    fn deposits_leave_after_ten_seconds() {
        let now = origin();
        let budget = Budget::new(percent(50), 0, now);
        (0..10).for_each(|_| budget.deposit(now));
        assert_eq!(withdrawals(&budget, now + Duration::from_secs(10)), 0);
    }

    proptest! {
        #[test]
        fn retries_never_exceed_their_share_of_the_last_ten_seconds(
            steps in proptest::collection::vec((0_u64..3, any::<bool>()), 1..200),
            share in 0_u32..=100,
            reserve in 0_u32..3,
        ) {
            let start = origin();
            let budget = Budget::new(percent(share), reserve, start);
            let (mut second, mut first, mut retried) = (0, Vec::new(), Vec::new());
            for (pause, deposit) in steps {
                second += pause;
                let now = start + Duration::from_secs(second);
                let recent = |times: &[u64]| {
                    times.iter().filter(|at| **at + 10 > second).count() as u64
                };
                if deposit {
                    budget.deposit(now);
                    first.push(second);
                } else {
                    let room = recent(&first) * u64::from(share) + u64::from(reserve) * 1_000;
                    let expected = room >= (recent(&retried) + 1) * 100;
                    prop_assert_eq!(budget.withdraw(now), expected);
                    if expected {
                        retried.push(second);
                    }
                }
            }
        }
    }
}
