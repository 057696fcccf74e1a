use proptest::prelude::*;

use super::*;
use crate::breaker::window::{Mark, Span, Window, reached};

const MARKS: [Mark; 4] = [
    Mark { failed: false, slow: false },
    Mark { failed: true, slow: false },
    Mark { failed: false, slow: true },
    Mark { failed: true, slow: true },
];

fn time(window_ms: u64) -> BreakerPolicy {
    BreakerPolicy { window_ms: Some(window_ms), ..policy() }
}

#[test]
fn only_the_last_calls_count() {
    let now = Instant::now();
    let breaker = breaker(policy(), now);
    let mut outcomes = vec![GOOD; 10];
    outcomes.extend([BAD; 4]);
    assert!(run(&breaker, now, &outcomes).is_empty());
    let status = breaker.status(now);
    assert_eq!((status.calls, status.failed), (10, 4));
    let changes = run(&breaker, now, &[BAD]);
    assert_eq!(changes[0].reason, "failure rate 5 of 10 calls (limit 50%)");
}

#[test]
fn a_minimum_above_a_window_of_calls_means_the_whole_window_and_no_other_is_clipped() {
    for (window_ms, opens) in [(None, 1), (Some(10_000), 0)] {
        let now = Instant::now();
        let policy = BreakerPolicy { minimum_calls: 1_000, window_ms, ..policy() };
        assert_eq!(run(&breaker(policy, now), now, &[BAD; 10]).len(), opens);
    }
}

#[test]
fn a_window_of_time_goes_by_the_clock_that_is_handed_in() {
    let now = Instant::now();
    let breaker = breaker(time(10_000), now);
    run(&breaker, now, &[BAD; 3]);
    let status = breaker.status(now + seconds(9));
    assert_eq!((status.calls, status.window.as_str()), (3, "3 calls in 10s"));
    let later = now + seconds(10);
    assert_eq!(breaker.status(later).calls, 0);
    assert!(run(&breaker, later, &[BAD; 3]).is_empty(), "the old ones are gone");
    let changes = run(&breaker, later + seconds(9), &[GOOD]);
    assert_eq!(changes[0].reason, "failure rate 3 of 4 calls in 10s (limit 50%)");
}

#[test]
fn a_window_of_time_holds_any_number_of_calls() {
    let now = Instant::now();
    let breaker = breaker(time(1_000), now);
    run(&breaker, now, &vec![GOOD; 5_000]);
    assert_eq!(breaker.status(now).calls, 5_000);
}

#[test]
fn a_caller_that_read_its_clock_earlier_than_the_last_one_is_counted_all_the_same() {
    let start = Instant::now();
    for policy in [policy(), time(1_000)] {
        let breaker = breaker(policy, start);
        let now = start + seconds(100);
        run(&breaker, now, &[GOOD]);
        run(&breaker, start, &[GOOD]);
        assert_eq!(breaker.status(start).calls, 2);
        assert_eq!(breaker.status(now).calls, 2);
    }
}

#[test]
fn rates_are_exact() {
    let third = Share::from_ppm(333_333);
    for (part, whole, limit, expected) in [
        (1, 3, third, true),
        (333_333, 1_000_000, third, true),
        (333_332, 1_000_000, third, false),
        (0, 0, Share::ZERO, false),
        (u32::MAX, u32::MAX, Share::WHOLE, true),
    ] {
        assert_eq!(reached(part, whole, limit), expected, "{part} of {whole}");
    }
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        (1_u32..30).prop_map(Span::Calls),
        (10_u64..15_000).prop_map(|ms| Span::Time(Duration::from_millis(ms))),
    ]
}

proptest! {
    #[test]
    fn a_window_is_what_counting_all_that_ever_happened_says(
        steps in proptest::collection::vec((0_u64..700, 0_usize..4), 1..200),
        span in span(),
    ) {
        let start = Instant::now();
        let mut window = Window::new(span, start);
        let (mut now, mut all) = (start, Vec::new());
        for (wait_ms, which) in steps {
            now += Duration::from_millis(wait_ms);
            window.push(MARKS[which], now);
            all.push((now, MARKS[which]));
            let inside = inside(&all, span, start, now);
            let tally = window.tally(now);
            let count = |pick: fn(&Mark) -> bool| inside.iter().filter(|it| pick(it)).count();
            prop_assert_eq!(tally.calls as usize, inside.len());
            prop_assert_eq!(tally.failed as usize, count(|mark| mark.failed));
            prop_assert_eq!(tally.slow as usize, count(|mark| mark.slow));
        }
    }

    #[test]
    fn a_window_that_gets_another_span_keeps_what_fits_and_its_rates(
        marks in proptest::collection::vec((0_u64..200, 0_usize..4), 1..100),
        (old, new) in (span(), span()),
    ) {
        let start = Instant::now();
        let (mut window, mut now) = (Window::new(old, start), start);
        for (wait_ms, which) in marks {
            now += Duration::from_millis(wait_ms);
            window.push(MARKS[which], now);
        }
        let before = window.tally(now);
        let mut window = window.refit(new, now);
        prop_assert_eq!(window.span(), new);
        let after = window.tally(now);
        prop_assert!(after.failed <= before.failed && after.slow <= before.slow);
        match (old, new) {
            (Span::Time(old), Span::Time(new)) if new < old => {
                prop_assert!(after.calls <= before.calls);
            },
            (Span::Calls(_), Span::Time(_)) => prop_assert_eq!(after, before),
            (_, Span::Calls(calls)) => {
                prop_assert_eq!(after.calls, before.calls.min(calls));
                if before.calls <= calls {
                    prop_assert_eq!(after, before);
                }
            },
            _ => {},
        }
    }
}

/// Plainly: all marks, and the ones among them that are in the window.
fn inside(all: &[(Instant, Mark)], span: Span, start: Instant, now: Instant) -> Vec<Mark> {
    let length = match span {
        Span::Calls(calls) => {
            let first = all.len().saturating_sub(calls as usize);
            return all[first..].iter().map(|(_, mark)| *mark).collect();
        },
        Span::Time(length) => length,
    };
    let slices = (length.as_millis() as u64).div_ceil(1_000).max(10);
    let slice = |at: Instant| (at - start).as_nanos() / (length.as_nanos() / u128::from(slices));
    let recent = |at: Instant| slice(now) - slice(at) < u128::from(slices);
    all.iter().filter(|(at, _)| recent(*at)).map(|(_, mark)| *mark).collect()
}
