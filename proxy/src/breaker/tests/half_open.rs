use super::*;

#[test]
fn half_open_lets_exactly_the_permits_through_and_their_outcomes_decide() {
    for (failures, expected) in [(0, BreakerState::Closed), (1, BreakerState::Closed)]
        .into_iter()
        .chain([(2, BreakerState::Open), (3, BreakerState::Open)])
    {
        let start = Instant::now();
        let breaker = opened(policy(), start);
        let now = start + seconds(5);
        let (first, change) = breaker.acquire(now, by(7));
        let change = change.expect("the open time is over");
        assert_eq!((change.to, change.by), (BreakerState::HalfOpen, Some(by(7))));
        assert_eq!(change.reason, "open for 5s, probing");
        let Admission::Pass(first) = first else { panic!("rejected") };
        let calls = [first, pass(&breaker, now, 8), pass(&breaker, now, 9)];
        let status = breaker.status(now);
        assert_eq!((status.permits_out, status.permits_free), (3, 0));
        reject(&breaker, now);
        for (number, call) in calls.into_iter().enumerate() {
            breaker.record(call, if number < failures { BAD } else { GOOD }, now);
        }
        assert_eq!(state(&breaker, now), expected, "{failures} failures");
    }
}

#[test]
fn it_stays_open_until_the_first_call_after_its_time_and_callers_are_told_the_true_time() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let early = start + seconds(5) - Duration::from_nanos(1);
    let (_, retry_after) = reject(&breaker, early);
    assert_eq!(breaker.poll(start + seconds(50)), None, "not by itself");
    assert_eq!(breaker.next_change(), None);
    assert_eq!(state(&breaker, start + seconds(50)), BreakerState::Open);
    pass(&breaker, early + retry_after, 1);
}

#[test]
fn an_automatic_breaker_goes_half_open_by_itself_and_says_when() {
    let start = Instant::now();
    let breaker = opened(BreakerPolicy { automatic: true, ..policy() }, start);
    let due = start + seconds(5);
    assert_eq!(breaker.next_change(), Some(due));
    assert_eq!(breaker.poll(due - Duration::from_nanos(1)), None);
    let change = breaker.poll(due).unwrap();
    assert_eq!((change.to, change.by), (BreakerState::HalfOpen, None));
    assert_eq!(breaker.status(due).permits_free, 3);
    assert_eq!(breaker.next_change(), None, "without probes there is nothing to wait for");
}

#[test]
fn the_verdict_falls_when_the_smaller_of_minimum_and_permits_have_reported() {
    for (minimum, permits, needed) in [(2, 5, 2), (5, 2, 2), (3, 3, 3)] {
        let start = Instant::now();
        let policy =
            BreakerPolicy { minimum_calls: minimum, half_open_permits: permits, ..policy() };
        let breaker = breaker(policy, start);
        run(&breaker, start, &vec![BAD; minimum as usize]);
        let now = start + seconds(5);
        let calls: Vec<Call> = (0..permits).map(|_| pass(&breaker, now, 1)).collect();
        reject(&breaker, now);
        for call in &calls[..needed - 1] {
            assert_eq!(breaker.record(*call, GOOD, now), None);
        }
        let change = breaker.record(calls[needed - 1], GOOD, now).unwrap();
        assert_eq!(change.to, BreakerState::Closed);
        assert_eq!(change.reason, format!("probes: {needed} of {needed} passed"));
    }
}

#[test]
fn a_probe_that_is_throttled_or_slow_counts_against_the_callee() {
    let single = BreakerPolicy { half_open_permits: 1, ..policy() };
    for (outcome, expected) in [
        (GOOD, BreakerState::Closed),
        (BAD, BreakerState::Open),
        (THROTTLED, BreakerState::Open),
        (LATE, BreakerState::Open),
        (LEFT_LATE, BreakerState::Open),
    ] {
        let start = Instant::now();
        let breaker = opened(single.clone(), start);
        let now = start + seconds(5);
        let probe = pass(&breaker, now, 1);
        assert_eq!(breaker.record(probe, outcome, now).map(|change| change.to), Some(expected));
    }
}

#[test]
fn an_unknown_outcome_gives_the_permit_back() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    let calls: Vec<Call> = (0..3).map(|number| pass(&breaker, now, number)).collect();
    breaker.record(calls[0], UNKNOWN, now);
    pass(&breaker, now, 4);
    reject(&breaker, now);
    assert_eq!(breaker.record(calls[0], GOOD, now), None, "its permit is another's");
    assert_eq!(breaker.status(now).calls, 0);
}

#[test]
fn a_permit_is_given_back_only_once() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    let calls: Vec<Call> = (0..3).map(|number| pass(&breaker, now, number)).collect();
    for _ in 0..3 {
        breaker.record(calls[0], UNKNOWN, now);
    }
    assert_eq!(breaker.status(now).permits_free, 1);
}

#[test]
fn a_lost_probe_fails_at_its_deadline_instead_of_holding_the_breaker_half_open() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    let calls: Vec<Call> = (0..3).map(|number| pass(&breaker, now, number)).collect();
    assert_eq!(breaker.next_change(), Some(now + seconds(1)));
    let (_, retry_after) = reject(&breaker, now);
    assert_eq!(retry_after, seconds(1));
    let late = now + seconds(1);
    let (admission, change) = breaker.acquire(late, by(0));
    assert!(matches!(admission, Admission::Reject { .. }));
    let change = change.expect("all probes were lost");
    assert_eq!(change.reason, "probes: failure rate 3 of 3 calls (limit 50%)");
    assert_eq!(change.by, Some(by(2)), "names the probe that decided");
    assert_eq!(breaker.record(calls[0], GOOD, late), None);
    assert_eq!(state(&breaker, late), BreakerState::Open);
}

#[test]
fn a_probe_past_its_deadline_counts_as_failed_even_when_it_reports_later() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    let late = pass(&breaker, now, 1);
    let after = now + seconds(1);
    let others = [pass(&breaker, after, 2), pass(&breaker, after, 3)];
    assert_eq!(breaker.record(late, GOOD, after), None);
    let status = breaker.status(after);
    assert_eq!((status.calls, status.failed, status.permits_out), (1, 1, 2));
    breaker.record(others[0], GOOD, after);
    let change = breaker.record(others[1], GOOD, after).unwrap();
    assert_eq!(change.reason, "probes: 2 of 3 passed");
}

#[test]
fn deadlines_are_also_met_by_polling() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    (1..=3).for_each(|number| _ = pass(&breaker, now, number));
    assert_eq!(breaker.poll(now), None);
    assert_eq!(breaker.poll(breaker.next_change().unwrap()).unwrap().to, BreakerState::Open);
}

#[test]
fn being_half_open_may_have_an_end_of_its_own_with_either_state_after_it() {
    for (then, expected) in
        [(HalfOpenThen::Open, BreakerState::Open), (HalfOpenThen::Closed, BreakerState::Closed)]
    {
        let limited = BreakerPolicy {
            half_open_max_ms: Some(10_000),
            half_open_deadline_ms: 60_000,
            half_open_then: then,
            ..policy()
        };
        let start = Instant::now();
        let breaker = opened(limited, start);
        let now = start + seconds(5);
        let probe = pass(&breaker, now, 1);
        breaker.record(probe, GOOD, now);
        pass(&breaker, now, 2);
        let end = now + seconds(10);
        assert_eq!(breaker.next_change(), Some(end));
        assert_eq!(breaker.poll(end - Duration::from_nanos(1)), None);
        let change = breaker.poll(end).unwrap();
        assert_eq!((change.to, change.by), (expected, None));
        assert_eq!(change.reason, "half-open for 10s, 1 of 3 probes reported");
        let attempt = u32::from(then == HalfOpenThen::Open) * 2;
        assert_eq!(breaker.status(end).attempt, attempt);
    }
}

#[test]
fn a_verdict_that_was_due_before_the_end_of_being_half_open_comes_first() {
    let limited = BreakerPolicy {
        half_open_max_ms: Some(2_000),
        half_open_then: HalfOpenThen::Closed,
        ..policy()
    };
    let start = Instant::now();
    let breaker = opened(limited, start);
    let now = start + seconds(5);
    (1..=3).for_each(|number| _ = pass(&breaker, now, number));
    assert_eq!(breaker.poll(now + seconds(3)).unwrap().to, BreakerState::Open);
}

#[test]
fn a_probe_that_is_asked_for_a_pause_opens_it_without_waiting_for_the_others() {
    let start = Instant::now();
    let breaker = opened(BreakerPolicy { retry_after_max_ms: 60_000, ..policy() }, start);
    let now = start + seconds(5);
    let probe = pass(&breaker, now, 1);
    let change = breaker.record_told(probe, THROTTLED, Some(seconds(30)), now).unwrap();
    assert_eq!((change.to, change.open_for), (BreakerState::Open, Some(seconds(30))));
    assert_eq!(breaker.status(now).attempt, 1, "what the callee wishes is no step");
}

#[test]
fn a_row_of_failed_probes_opens_it_without_waiting_for_the_others() {
    let start = Instant::now();
    let ceiling = BreakerPolicy { consecutive: Some(2), minimum_calls: 100, ..policy() };
    let breaker = breaker(BreakerPolicy { half_open_permits: 5, ..ceiling }, start);
    run(&breaker, start, &[BAD; 2]);
    let now = start + seconds(5);
    assert!(run(&breaker, now, &[BAD]).is_empty());
    let changes = run(&breaker, now, &[BAD]);
    assert_eq!(changes[0].reason, "probes: 2 failures in a row (limit 2)");
}

#[test]
fn open_after_half_open_shows_the_probes_that_failed() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    run(&breaker, now, &[BAD, BAD, GOOD]);
    let status = breaker.status(now);
    assert_eq!((status.state, status.calls, status.failed), (BreakerState::Open, 3, 2));
    assert_eq!((status.trips.count, status.attempt), (2, 2));
}
