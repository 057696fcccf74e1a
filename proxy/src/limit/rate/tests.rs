use proptest::prelude::*;

use super::*;

fn policy(count: u32, period_ms: u64, burst: u32, per: Per) -> RateLimit {
    RateLimit { count, period_ms, burst, per }
}

fn start() -> Instant {
    Instant::now()
}

fn passes(limiter: &RateLimiter, key: &str, now: Instant) -> u32 {
    (0..1_000_000).take_while(|_| matches!(limiter.check(key, now), Rate::Pass(_))).count() as u32
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_burst_passes_at_once_and_then_one_request_each_interval() {
    let now = start();
    let limiter = RateLimiter::new(&policy(10, 1_000, 5, Per::Edge), now);
    assert_eq!(passes(&limiter, "", now), 5);
    assert_eq!(passes(&limiter, "", now + ms(99)), 0);
    assert_eq!(passes(&limiter, "", now + ms(100)), 1);
    assert_eq!(passes(&limiter, "", now + ms(400)), 3);
    assert_eq!(passes(&limiter, "", now + ms(60_000)), 5, "a pause earns no more than a burst");
}

#[test]
fn the_quota_counts_down_and_says_when_to_come_back() {
    let now = start();
    let limiter = RateLimiter::new(&policy(10, 1_000, 3, Per::Edge), now);
    let quota = |remaining, reset_ms, retry_ms| Quota {
        limit: 3,
        remaining,
        reset_after: ms(reset_ms),
        retry_after: ms(retry_ms),
    };
    assert_eq!(limiter.check("", now), Rate::Pass(quota(2, 100, 0)));
    assert_eq!(limiter.check("", now), Rate::Pass(quota(1, 200, 0)));
    assert_eq!(limiter.check("", now), Rate::Pass(quota(0, 300, 100)));
    assert_eq!(limiter.check("", now), Rate::Limited(quota(0, 300, 100)));
    assert_eq!(limiter.check("", now + ms(40)), Rate::Limited(quota(0, 260, 60)));
    assert_eq!(limiter.check("", now + ms(100)), Rate::Pass(quota(0, 300, 100)));
}

#[test]
fn every_key_has_a_limit_of_its_own_and_without_keys_all_share_one() {
    let now = start();
    let each = RateLimiter::new(&policy(1, 1_000, 2, Per::User), now);
    assert_eq!([passes(&each, "u1", now), passes(&each, "u2", now)], [2, 2]);
    let one = RateLimiter::new(&policy(1, 1_000, 2, Per::Edge), now);
    assert_eq!([passes(&one, "u1", now), passes(&one, "u2", now)], [2, 0]);
}

#[test]
fn a_clock_that_another_thread_read_earlier_passes_nothing_extra() {
    let now = start() + ms(10_000);
    let limiter = RateLimiter::new(&policy(10, 1_000, 1, Per::Edge), now);
    assert_eq!(passes(&limiter, "", now + ms(500)), 1);
    assert_eq!(passes(&limiter, "", now + ms(450)), 0);
    assert_eq!(passes(&limiter, "", now - ms(5_000)), 0);
}

#[test]
fn a_policy_at_its_ends_neither_panics_nor_lets_more_through() {
    let now = start();
    for (count, period_ms, burst, expected) in
        [(0, 0, 0, 1), (1, u64::MAX, 1, 1), (1, u64::MAX, u32::MAX, 2), (u32::MAX, 1, 3, 3)]
    {
        let limiter = RateLimiter::new(&policy(count, period_ms, burst, Per::Edge), now);
        assert_eq!(passes(&limiter, "", now), expected, "{count} {period_ms} {burst}");
    }
}

#[test]
fn the_fields_are_those_of_the_draft_in_whole_seconds_rounded_up() {
    let quota =
        Quota { limit: 20, remaining: 0, reset_after: ms(1_001), retry_after: Duration::ZERO };
    let fields = |rate: Rate| {
        let mut text = String::new();
        rate.fields(|name, value| text.extend([name, ": ", value, "\n"]));
        text
    };
    let three = "ratelimit-limit: 20\nratelimit-remaining: 0\nratelimit-reset: 2\n";
    assert_eq!(fields(Rate::Pass(quota)), three);
    for (retry_ms, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (61_000, 61)] {
        let limited = Rate::Limited(Quota { retry_after: ms(retry_ms), ..quota });
        assert_eq!(fields(limited), format!("{three}retry-after: {seconds}\n"));
    }
}

#[test]
fn the_same_policy_keeps_the_state_and_other_keys_start_afresh() {
    let now = start();
    let before = policy(1, 3_600_000, 2, Per::User);
    let limiter = RateLimiter::new(&before, now);
    assert_eq!(passes(&limiter, "u1", now), 2);
    assert_eq!(passes(&limiter.after(&before, now), "u1", now), 0);
    let other = RateLimit { per: Per::Path, ..before };
    assert_eq!(passes(&limiter.after(&other, now), "u1", now), 2);
}

#[test]
fn another_rate_keeps_what_was_used_up_and_no_old_wait_outlasts_its_burst() {
    let now = start();
    for per in [Per::Edge, Per::User] {
        let slow = RateLimiter::new(&policy(1, 3_600_000, 4, per.clone()), now);
        for _ in 0..3 {
            slow.check("u1", now);
        }
        let larger = slow.after(&policy(100, 1_000, 10, per.clone()), now);
        assert_eq!(passes(&larger, "u1", now), 7);
        let smaller = slow.after(&policy(100, 1_000, 2, per.clone()), now);
        assert_eq!(passes(&smaller, "u1", now), 0);
        assert_eq!(passes(&smaller, "u1", now + ms(10)), 1);
        let untouched = slow.after(&policy(100, 1_000, 2, per), now + ms(4 * 3_600_000));
        assert_eq!(passes(&untouched, "u1", now + ms(4 * 3_600_000)), 2);
    }
}

#[test]
fn more_keys_than_the_store_holds_are_evicted_and_counted() {
    let now = start();
    let limiter = RateLimiter::new(&policy(1, 60_000, 1, Per::User), now);
    let keys = store::KEYS_MAX as u64 + 1_000;
    for number in 0..keys {
        assert!(matches!(limiter.check(&number.to_string(), now), Rate::Pass(_)));
    }
    assert!(limiter.evicted() >= 1_000, "{}", limiter.evicted());
    // A minute later all are idle, and an idle key is no loss.
    let (before, later) = (limiter.evicted(), now + ms(60_000));
    for number in 0..1_000 {
        limiter.check(&number.to_string(), later);
    }
    assert_eq!(limiter.evicted(), before);
}

/// The definition, kept as a list: a request passes when the bucket, which held one unit for each
/// earlier request and lost one each interval, has room for it.
struct Bucket {
    interval_ns: u64,
    burst: u64,
    passed_ns: Vec<u64>,
}

impl Bucket {
    /// When the bucket would be empty, by replaying every request that passed.
    fn empty_at(&self) -> u64 {
        self.passed_ns.iter().fold(0, |empty, at| empty.max(*at) + self.interval_ns)
    }

    fn check(&mut self, now_ns: u64) -> (bool, u64) {
        let debt = self.empty_at().saturating_sub(now_ns);
        let fits = debt + self.interval_ns <= self.burst * self.interval_ns;
        if fits {
            self.passed_ns.push(now_ns);
        }
        let debt = self.empty_at().saturating_sub(now_ns);
        (fits, (self.burst * self.interval_ns).saturating_sub(debt) / self.interval_ns)
    }
}

proptest! {
    #[test]
    fn the_word_agrees_with_a_list_of_all_requests(
        steps in prop::collection::vec((0_u64..40_000_000, 0_usize..3), 1..300),
        count in prop::sample::select(vec![1_u32, 10, 25, 100]),
        burst in 1_u32..6,
    ) {
        let begin = start();
        let limiter = RateLimiter::new(&policy(count, 1_000, burst, Per::User), begin);
        let interval_ns = 1_000_000_000 / u64::from(count);
        let mut buckets = [0, 1, 2]
            .map(|_| Bucket { interval_ns, burst: u64::from(burst), passed_ns: Vec::new() });
        let mut now_ns = 0;
        for (pause_ns, client) in steps {
            now_ns += pause_ns;
            let now = begin + Duration::from_nanos(now_ns);
            let rate = limiter.check(&client.to_string(), now);
            let (fits, left) = buckets[client].check(now_ns);
            prop_assert_eq!(matches!(rate, Rate::Pass(_)), fits);
            prop_assert_eq!(u64::from(rate.quota().remaining), left);
            let again = now + rate.quota().retry_after;
            if let Rate::Limited(quota) = rate {
                let gcra = &limiter.gcra;
                let due = limiter.ticks(now) + gcra_debt(&quota);
                let passes =
                    |ticks| matches!(gcra.take(due, ticks, 1), Taken::Passed { .. });
                prop_assert!(!passes(limiter.ticks(again) - TICKS_PER_NS));
                prop_assert!(passes(limiter.ticks(again)));
            }
        }
    }

    #[test]
    fn no_period_sees_more_than_the_rate_and_one_burst(
        pauses_us in prop::collection::vec(0_u64..2_000, 1..400),
        count in 1_u32..5_000,
        burst in 1_u32..20,
    ) {
        let begin = start();
        let limiter = RateLimiter::new(&policy(count, 1_000, burst, Per::Edge), begin);
        let (mut now_us, mut passed) = (0, 0_u64);
        for pause_us in pauses_us {
            now_us += pause_us;
            let rate = limiter.check("", begin + Duration::from_micros(now_us));
            passed += u64::from(matches!(rate, Rate::Pass(_)));
            let allowed = u64::from(burst) + now_us * u64::from(count) / 1_000_000;
            prop_assert!(passed <= allowed, "{passed} of {allowed} after {now_us} us");
        }
    }

    #[test]
    fn several_cells_are_all_or_none(cells in 0_u32..12, burst in 1_u32..8, used in 0_u32..8) {
        let gcra = Gcra::of(&policy(10, 1_000, burst, Per::Edge));
        let one = |due, _| match gcra.take(due, 0, 1) {
            Taken::Passed { due } | Taken::Refused { due } => due,
        };
        let due = (0..used).fold(0, one);
        let fits = cells > 0 && used.min(burst) + cells <= burst;
        let expected = if fits {
            Taken::Passed { due: (0..cells).fold(due, one) }
        } else {
            Taken::Refused { due }
        };
        prop_assert_eq!(gcra.take(due, 0, cells), expected);
    }
}

fn gcra_debt(quota: &Quota) -> u64 {
    quota.reset_after.as_nanos() as u64 * TICKS_PER_NS
}

#[test]
fn many_threads_pass_exactly_one_burst() {
    const BURST: u32 = 10_000;
    let now = start();
    for per in [Per::Edge, Per::User] {
        let limiter = RateLimiter::new(&policy(1, 3_600_000, BURST, per), now);
        let barrier = std::sync::Barrier::new(8);
        let passed: u32 = std::thread::scope(|scope| {
            let run = |_thread| {
                scope.spawn(|| {
                    barrier.wait();
                    passes(&limiter, "u1", now)
                })
            };
            let threads: Vec<_> = (0..8).map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, BURST);
    }
}
