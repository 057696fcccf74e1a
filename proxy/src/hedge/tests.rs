use model::units::Share;
use proptest::prelude::*;

use super::*;

fn policy(percent: u32, delay_min_ms: u64, minimum_requests: u32) -> HedgePolicy {
    HedgePolicy { percentile: Share::from_ppm(percent * 10_000), delay_min_ms, minimum_requests }
}

fn start() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The percentile is read to a thirty-second above.
fn about(read: Option<Duration>, expected: Duration) -> bool {
    read.is_some_and(|read| (expected..=expected + expected / 32).contains(&read))
}

#[test]
fn only_what_is_harmless_to_repeat_and_ends_in_time_gets_a_copy() {
    for (idempotent, body_kept, left_ms, expected) in [
        (true, true, None, true),
        (true, true, Some(51), true),
        (true, true, Some(50), false),
        (false, true, None, false),
        (true, false, None, false),
    ] {
        assert_eq!(may(idempotent, body_kept, ms(50), left_ms.map(ms)), expected);
    }
}

#[test]
fn there_is_no_delay_before_enough_answers_and_one_with_the_last_of_them() {
    let now = start();
    let hedger = Hedger::new(&policy(95, 0, 20), now);
    for number in 1..=19 {
        hedger.record(ms(number), now);
        assert_eq!(hedger.delay(now), None);
    }
    hedger.record(ms(20), now);
    assert!(about(hedger.delay(now), ms(19)), "{:?}", hedger.delay(now));
}

#[test]
fn the_delay_is_never_below_its_minimum() {
    let now = start();
    let hedger = Hedger::new(&policy(50, 30, 1), now);
    hedger.record(ms(2), now);
    assert_eq!(hedger.delay(now), Some(ms(30)));
}

#[test]
fn answers_older_than_twenty_seconds_are_forgotten_and_younger_than_ten_are_not() {
    let now = start();
    let hedger = Hedger::new(&policy(100, 0, 1), now);
    hedger.record(ms(500), now + ms(9_000));
    hedger.record(ms(10), now + ms(15_000));
    assert!(about(hedger.delay(now + ms(18_000)), ms(500)));
    hedger.record(ms(20), now + ms(20_000));
    assert!(about(hedger.delay(now + ms(26_000)), ms(20)));
    hedger.record(ms(30), now + ms(27_000));
    assert_eq!(hedger.delay(now + ms(60_000)), None, "after a pause both halves are old");
    assert_eq!(hedger.seen(), 0);
}

#[test]
fn without_anybody_asking_for_the_delay_the_old_answers_go_all_the_same() {
    let now = start();
    let hedger = Hedger::new(&policy(100, 0, 1), now);
    for second in 0..60 {
        hedger.record(ms(if second < 30 { 900 } else { 10 }), now + ms(second * 1_000));
    }
    assert!(about(hedger.delay(now + ms(60_000)), ms(10)));
}

#[test]
fn a_callee_that_became_slow_as_a_whole_raises_the_delay() {
    let now = start();
    let hedger = Hedger::new(&policy(95, 1, 10), now);
    (0..100).for_each(|_| hedger.record(ms(10), now));
    assert!(about(hedger.delay(now), ms(10)));
    (0..100).for_each(|_| hedger.record(ms(300), now + ms(1_000)));
    assert!(about(hedger.delay(now + ms(1_000)), ms(300)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_delay_is_the_percentile_of_all_recent_answers(
        steps in prop::collection::vec((0_u64..1_500, 1_u64..10_000), 1..50),
        percent in 1_u32..=100,
        minimum_requests in 0_u32..40,
    ) {
        let begin = start();
        let hedger = Hedger::new(&policy(percent, 3, minimum_requests), begin);
        let (mut at_ms, mut turn_ms) = (0, 10_000);
        let (mut older, mut younger) = (Vec::new(), Vec::<u64>::new());
        for (pause_ms, took_ms) in steps {
            at_ms += pause_ms;
            if at_ms >= turn_ms {
                older = std::mem::take(&mut younger);
                turn_ms = at_ms + 10_000;
            }
            hedger.record(ms(took_ms), begin + ms(at_ms));
            younger.push(took_ms);
            let mut all = [older.clone(), younger.clone()].concat();
            all.sort_unstable();
            // Past the time for which the percentile before is believed.
            at_ms += 100;
            if at_ms >= turn_ms {
                continue;
            }
            let delay = hedger.delay(begin + ms(at_ms));
            if all.len() < minimum_requests as usize {
                prop_assert_eq!(delay, None);
            } else {
                let rank = (all.len() * percent as usize).div_ceil(100);
                let exact = ms(all[rank - 1]);
                prop_assert!(about(delay, exact) || delay == Some(ms(3)), "{delay:?} {exact:?}");
                prop_assert!(delay >= Some(ms(3)));
            }
        }
    }
}
