use super::*;

#[test]
fn another_limit_keeps_the_window_and_the_state() {
    let now = Instant::now();
    let breaker = breaker(policy(), now);
    run(&breaker, now, &[BAD, BAD, BAD]);
    let stricter = BreakerPolicy { failure_rate: Share::WHOLE, ..policy() };
    assert_eq!(breaker.reconfigure(stricter, now), None);
    assert_eq!(breaker.status(now).calls, 3);
    let changes = run(&breaker, now, &[BAD]);
    assert_eq!(changes[0].reason, "failure rate 4 of 4 calls (limit 100%)");
}

#[test]
fn calls_that_are_out_during_a_change_of_policy_are_counted() {
    let now = Instant::now();
    let breaker = breaker(policy(), now);
    let call = pass(&breaker, now, 1);
    breaker.reconfigure(BreakerPolicy { window_calls: 5, ..policy() }, now);
    breaker.record(call, BAD, now);
    assert_eq!(breaker.status(now).failed, 1);
}

#[test]
fn a_smaller_window_keeps_the_last_calls_and_a_larger_one_all() {
    let now = Instant::now();
    let breaker = breaker(BreakerPolicy { minimum_calls: 100, window_calls: 100, ..policy() }, now);
    run(&breaker, now, &[BAD, BAD, GOOD, BAD, GOOD, GOOD]);
    let fits = |window_calls, window_ms| {
        breaker.reconfigure(
            BreakerPolicy { minimum_calls: 100, window_calls, window_ms, ..policy() },
            now,
        );
        let status = breaker.status(now);
        (status.calls, status.failed, status.window)
    };
    assert_eq!(fits(200, None), (6, 3, "6 of 200 calls".to_owned()));
    assert_eq!(fits(4, None), (4, 1, "4 of 4 calls".to_owned()));
    assert_eq!(fits(4, Some(10_000)), (4, 1, "4 calls in 10s".to_owned()));
    assert_eq!(fits(4, Some(1_000)), (4, 1, "4 calls in 1s".to_owned()));
    assert_eq!(fits(8, None), (4, 1, "4 of 8 calls".to_owned()));
}

#[test]
fn a_shorter_window_of_time_leaves_the_older_calls_out() {
    let start = Instant::now();
    let time = |window_ms| BreakerPolicy { window_ms: Some(window_ms), ..policy() };
    let breaker = breaker(BreakerPolicy { minimum_calls: 100, ..time(60_000) }, start);
    run(&breaker, start, &[BAD, BAD]);
    run(&breaker, start + seconds(30), &[GOOD]);
    let now = start + seconds(31);
    breaker.reconfigure(BreakerPolicy { minimum_calls: 100, ..time(20_000) }, now);
    let status = breaker.status(now);
    assert_eq!((status.calls, status.failed), (1, 0));
}

#[test]
fn another_open_time_begins_where_the_breaker_opened_unless_the_callee_set_it() {
    let start = Instant::now();
    let tripped = opened(policy(), start);
    let now = start + seconds(2);
    let shorter = BreakerPolicy { open_ms: 3_000, ..policy() };
    assert_eq!(tripped.reconfigure(shorter.clone(), now), None);
    let status = tripped.status(now);
    assert_eq!((status.state, status.probe_in), (BreakerState::Open, Some(seconds(1))));
    assert_eq!((status.calls, status.failed), (4, 4));

    let told = breaker(BreakerPolicy { retry_after_max_ms: 60_000, ..policy() }, start);
    let call = pass(&told, start, 1);
    told.record_told(call, BAD, Some(seconds(50)), start);
    told.reconfigure(shorter, now);
    assert_eq!(told.status(now).probe_in, Some(seconds(48)));
}

#[test]
fn fewer_permits_than_probes_that_have_reported_decide_at_once_instead_of_never() {
    let start = Instant::now();
    let many = BreakerPolicy { half_open_permits: 10, minimum_calls: 10, ..policy() };
    let breaker = breaker(many.clone(), start);
    run(&breaker, start, &[BAD; 10]);
    let now = start + seconds(5);
    run(&breaker, now, &[BAD, GOOD, GOOD, GOOD]);
    let few = BreakerPolicy { half_open_permits: 3, ..many };
    let change = breaker.reconfigure(few, now).expect("three have reported");
    assert_eq!((change.to, change.by), (BreakerState::Closed, None));
    assert_eq!(change.reason, "probes: 3 of 3 passed");
}

#[test]
fn probes_that_are_out_stay_out_and_get_the_shorter_deadline() {
    let start = Instant::now();
    let patient = BreakerPolicy { half_open_deadline_ms: 600_000, ..policy() };
    let breaker = opened(patient, start);
    let now = start + seconds(5);
    let probe = pass(&breaker, now, 1);
    assert_eq!(breaker.reconfigure(policy(), now + seconds(1)), None);
    assert_eq!(breaker.status(now).permits_out, 1);
    assert_eq!(breaker.next_change(), Some(now + seconds(2)));
    breaker.record(probe, GOOD, now);
    assert_eq!(breaker.status(now).calls, 1);
}

#[test]
fn states_by_order_and_the_same_policy_are_left_alone() {
    let now = Instant::now();
    for state in [BreakerState::ForcedOpen, BreakerState::Disabled, BreakerState::MetricsOnly] {
        let breaker = breaker(policy(), now);
        breaker.order(state, now).unwrap();
        assert_eq!(breaker.reconfigure(BreakerPolicy::default(), now), None);
        let status = breaker.status(now);
        assert_eq!((status.state, &*status.reason), (state, &*format!("{state} by order")));
    }
    let breaker = opened(policy(), now);
    let before = breaker.status(now);
    assert_eq!(breaker.reconfigure(policy(), now + seconds(1)), None);
    assert_eq!(breaker.status(now), before);
}
