use super::*;

#[test]
fn it_opens_when_a_rate_is_reached_and_not_before_the_minimum() {
    let failures = "failure rate 2 of 4 calls (limit 50%)";
    let slowness = "slow rate 4 of 4 calls over 100ms (limit 80%)";
    for (outcomes, reason) in [
        (vec![BAD, BAD, BAD], None),
        (vec![BAD, GOOD, BAD, GOOD], Some(failures)),
        (vec![GOOD, GOOD, GOOD, BAD], None),
        (vec![LATE, LATE, LATE, GOOD], None),
        (vec![LATE, LATE, LATE, LATE], Some(slowness)),
        (vec![LEFT_LATE, LEFT_LATE, LEFT_LATE, LEFT_LATE], Some(slowness)),
        (vec![BAD, BAD, BAD, UNKNOWN], None),
        (vec![GOOD, THROTTLED, GOOD, THROTTLED], Some(failures)),
    ] {
        let now = Instant::now();
        let changes = run(&breaker(policy(), now), now, &outcomes);
        assert_eq!(changes.first().map(|change| change.reason.as_str()), reason, "{outcomes:?}");
        if let Some(change) = changes.first() {
            assert_eq!((change.from, change.to), (BreakerState::Closed, BreakerState::Open));
            assert_eq!(change.open_for, Some(seconds(5)));
            let last = by(outcomes.len() as u64);
            assert_eq!(change.by, Some(last), "names another request");
        }
    }
}

#[test]
fn a_row_of_failures_opens_it_before_the_minimum_and_throttling_is_no_part_of_the_row() {
    let ceiling = BreakerPolicy { consecutive: Some(3), minimum_calls: 10, ..policy() };
    for (outcomes, opens) in [
        (vec![BAD, BAD, BAD], true),
        (vec![BAD, BAD, GOOD, BAD, BAD], false),
        (vec![BAD, BAD, LATE, BAD, BAD], false),
        (vec![THROTTLED, THROTTLED, THROTTLED], false),
        (vec![BAD, BAD, THROTTLED, BAD], true),
        (vec![BAD, BAD, UNKNOWN, LEFT_LATE, BAD], true),
    ] {
        let now = Instant::now();
        let changes = run(&breaker(ceiling.clone(), now), now, &outcomes);
        let reasons: Vec<&str> = changes.iter().map(|change| change.reason.as_str()).collect();
        let expected: &[&str] = if opens { &["3 failures in a row (limit 3)"] } else { &[] };
        assert_eq!(reasons, expected, "{outcomes:?}");
    }
}

#[test]
fn it_says_what_tripped_it_and_when() {
    let now = Instant::now();
    let breaker = breaker(policy(), now);
    run(&breaker, now, &[GOOD, BAD]);
    let status = breaker.status(now);
    assert_eq!((status.streak, status.attempt, status.trips), (1, 0, Trips::default()));
    assert_eq!((status.window.as_str(), &*status.reason), ("2 of 10 calls", "no failures yet"));
    let later = now + seconds(7);
    let call = pass(&breaker, later, 77);
    run(&breaker, later, &[GOOD]);
    breaker.record(call, BAD, later);
    let status = breaker.status(later + seconds(1));
    assert_eq!((status.since, status.probe_in), (later, Some(seconds(4))));
    assert_eq!((status.trips.count, status.trips.last), (1, Some(later)));
    assert_eq!((status.trips.by, status.attempt), (Some(by(77)), 1));
}

#[test]
fn open_it_rejects_with_a_countdown_and_counts() {
    let now = Instant::now();
    let breaker = opened(policy(), now);
    let (reason, retry_after) = reject(&breaker, now + seconds(2));
    assert_eq!(reason, "breaker open: failure rate 4 of 4 calls (limit 50%)");
    assert_eq!(retry_after, seconds(3));
    let status = breaker.status(now + seconds(2));
    assert_eq!(status.probe_in, Some(seconds(3)));
    assert_eq!((status.calls, status.failed, status.rejected), (4, 4, 1));
}

#[test]
fn rejected_callers_share_one_reason() {
    let now = Instant::now();
    let breaker = opened(policy(), now);
    let reason = || match breaker.acquire(now, by(0)).0 {
        Admission::Reject { reason, .. } => reason,
        Admission::Pass(_) => panic!("passed"),
    };
    assert!(Arc::ptr_eq(&reason(), &reason()));
}

#[test]
fn an_outcome_that_comes_after_it_opened_is_still_counted_and_changes_nothing() {
    let now = Instant::now();
    let breaker = breaker(policy(), now);
    let straggler = pass(&breaker, now, 99);
    run(&breaker, now, &[BAD; 4]);
    assert_eq!(breaker.record_told(straggler, BAD, Some(seconds(60)), now), None);
    let status = breaker.status(now);
    assert_eq!((status.state, status.calls, status.failed), (BreakerState::Open, 5, 5));
    assert_eq!(status.probe_in, Some(seconds(5)));
}

#[test]
fn outcomes_of_calls_from_before_a_change_do_not_count_after_it() {
    let start = Instant::now();
    let breaker = breaker(policy(), start);
    let stragglers = [pass(&breaker, start, 98), pass(&breaker, start, 99)];
    run(&breaker, start, &[BAD; 4]);
    let now = start + seconds(5);
    let probes: Vec<Call> = (0..3).map(|number| pass(&breaker, now, number)).collect();
    assert_eq!(breaker.record(stragglers[0], BAD, now), None);
    assert_eq!(breaker.status(now).calls, 0, "half-open counts its probes only");
    for probe in &probes {
        breaker.record(*probe, GOOD, now);
    }
    assert_eq!(state(&breaker, now), BreakerState::Closed);
    breaker.record(stragglers[1], BAD, now);
    breaker.record(probes[0], BAD, now);
    assert_eq!(breaker.status(now).calls, 0, "closed counts its own calls only");
}

#[test]
fn the_open_time_grows_with_every_opening_in_a_row_up_to_its_limit() {
    let backoff =
        OpenBackoff { factor_thousandths: 1_500, open_max_ms: 12_000, jitter: Share::ZERO };
    let growing = BreakerPolicy { open_backoff: Some(backoff), ..policy() };
    let mut now = Instant::now();
    let breaker = breaker(growing, now);
    run(&breaker, now, &[BAD; 4]);
    for open_ms in [5_000, 7_500, 11_250, 12_000, 12_000] {
        let open_for = Duration::from_millis(open_ms);
        assert_eq!(breaker.status(now).probe_in, Some(open_for));
        now += open_for;
        run(&breaker, now, &[BAD; 3]);
    }
    now += seconds(12);
    run(&breaker, now, &[GOOD; 3]);
    assert_eq!(breaker.status(now).attempt, 0);
    run(&breaker, now, &[BAD; 4]);
    assert_eq!(breaker.status(now).probe_in, Some(seconds(5)), "closing begins anew");
}

#[test]
fn jitter_only_lengthens_the_open_time_and_differs_by_seed() {
    let backoff = OpenBackoff { jitter: Share::from_ppm(500_000), ..OpenBackoff::default() };
    let jittered = BreakerPolicy { open_backoff: Some(backoff), ..policy() };
    let now = Instant::now();
    let open_for = |seed| {
        let breaker = Breaker::seeded(jittered.clone(), &[], seed, now);
        run(&breaker, now, &[BAD; 4]).remove(0).open_for.unwrap()
    };
    let times: Vec<Duration> = (0..50).map(open_for).collect();
    assert!(times.iter().all(|time| (5_000..7_500).contains(&time.as_millis())), "{times:?}");
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*most > *least + seconds(2), "{times:?}");
    assert_eq!(open_for(7), open_for(7));
}

#[test]
fn a_callee_that_asks_for_a_pause_gets_it_up_to_the_limit_and_without_a_step_of_the_backoff() {
    let limit = |retry_after_max_ms| BreakerPolicy { retry_after_max_ms, ..policy() };
    for (max_ms, outcome, told, open_for) in [
        (0, BAD, 3, None),
        (10_000, BAD, 3, Some(3)),
        (10_000, THROTTLED, 3, Some(3)),
        (10_000, BAD, 60, Some(10)),
        (10_000, BAD, 0, None),
        (10_000, GOOD, 3, None),
        (10_000, UNKNOWN, 3, None),
    ] {
        let now = Instant::now();
        let breaker = breaker(limit(max_ms), now);
        let call = pass(&breaker, now, 7);
        let change = breaker.record_told(call, outcome, Some(seconds(told)), now);
        let found = change.as_ref().and_then(|change| change.open_for);
        assert_eq!(found, open_for.map(seconds), "{max_ms} ms {outcome:?} {told} s");
        let Some(change) = change else { continue };
        let asked = format!("the callee asked for no calls for {}s", open_for.unwrap());
        assert_eq!((change.reason, change.by), (asked, Some(by(7))));
        let status = breaker.status(now);
        assert_eq!((status.attempt, status.trips.count), (0, 1));
    }
}

#[test]
fn a_pause_that_the_callee_asks_for_is_the_least_when_a_limit_is_reached_at_the_same_time() {
    let told = BreakerPolicy { retry_after_max_ms: 60_000, consecutive: Some(1), ..policy() };
    for (asked, open_for) in [(2, 5), (20, 20)] {
        let now = Instant::now();
        let breaker = breaker(told.clone(), now);
        let call = pass(&breaker, now, 1);
        let change = breaker.record_told(call, BAD, Some(seconds(asked)), now).unwrap();
        assert_eq!(change.reason, "1 failures in a row (limit 1)");
        assert_eq!(change.open_for, Some(seconds(open_for)));
        assert_eq!(breaker.status(now).attempt, 1);
    }
}

#[test]
fn no_number_of_a_policy_can_make_it_panic_or_hang() {
    let extreme = |pick: fn(u32) -> u32, wide: u64| BreakerPolicy {
        window_calls: pick(u32::MAX),
        window_ms: None,
        minimum_calls: pick(0),
        failure_rate: Share::ZERO,
        slow_call_ms: Some(wide),
        slow_rate: Share::ZERO,
        consecutive: Some(pick(0)),
        open_ms: wide,
        open_backoff: Some(OpenBackoff {
            factor_thousandths: pick(u32::MAX),
            open_max_ms: wide,
            jitter: Share::WHOLE,
        }),
        retry_after_max_ms: wide,
        automatic: true,
        half_open_permits: pick(0),
        half_open_deadline_ms: wide,
        half_open_max_ms: Some(wide),
        half_open_then: HalfOpenThen::Open,
        initial: BreakerState::Closed,
    };
    for base in [extreme(|_| 0, 0), extreme(|most| most, u64::MAX)] {
        for window_ms in [None, Some(0), Some(u64::MAX)] {
            let mut now = Instant::now();
            let breaker = breaker(BreakerPolicy { window_ms, ..base.clone() }, now);
            for outcome in [BAD, GOOD, LATE, THROTTLED, UNKNOWN, BAD, BAD] {
                if let (Admission::Pass(call), _) = breaker.acquire(now, by(1)) {
                    breaker.record_told(call, outcome, Some(Duration::MAX), now);
                }
                breaker.status(now);
                now += seconds(1);
            }
        }
    }
}
