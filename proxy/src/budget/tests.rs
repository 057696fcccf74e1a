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
    for (share, retries) in
        [(20, 200), (30, 300), (40, 400), (60, 600), (70, 700), (90, 900), (100, 1_000)]
    {
        let now = origin();
        let budget = Budget::new(percent(share), 0, now);
        (0..1_000).for_each(|_| budget.deposit(now));
        assert_eq!(budget.left(now), u64::from(retries), "{share}%");
        assert_eq!(withdrawals(&budget, now), retries, "{share}%");
        assert_eq!(budget.left(now), 0, "{share}%");
    }
}

#[test]
fn many_threads_never_spend_a_retry_twice_and_lose_none() {
    let now = origin();
    let budget = Budget::new(percent(30), 0, now);
    let barrier = std::sync::Barrier::new(8);
    let spent: u32 = std::thread::scope(|scope| {
        let run = |_thread| {
            scope.spawn(|| {
                barrier.wait();
                let mut spent = 0;
                for number in 0..1_000_u64 {
                    // Now and then the second changes under the hands of the others.
                    let at = now + Duration::from_millis(number * 9);
                    budget.deposit(at);
                    spent += u32::from(budget.withdraw(at));
                }
                spent
            })
        };
        let threads: Vec<_> = (0..8).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let left = withdrawals(&budget, now + Duration::from_secs(9));
    assert_eq!(spent + left, 2_400);
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
