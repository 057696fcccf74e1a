use super::*;

/// A breaker in that state.
fn in_state(initial: BreakerState, now: Instant) -> Breaker {
    breaker(BreakerPolicy { initial, ..policy() }, now)
}

#[test]
fn every_order_is_followed_but_the_three_that_make_no_sense() {
    for from in BreakerState::ALL {
        for to in BreakerState::ALL {
            let now = Instant::now();
            let breaker = in_state(from, now);
            assert_eq!(state(&breaker, now), from);
            match breaker.order(to, now + seconds(1)) {
                Ok(change) => {
                    assert!(from.may_become(to), "{from} -> {to}");
                    assert_eq!((change.from, change.to, change.by), (from, to, None));
                    assert_eq!(state(&breaker, now), to);
                    assert_eq!(change.open_for.is_some(), to == BreakerState::Open);
                },
                Err(refused) => {
                    assert!(!from.may_become(to), "{from} -> {to}: {refused}");
                    assert_eq!(state(&breaker, now), from, "a refusal changes nothing");
                },
            }
        }
    }
}

#[test]
fn a_refusal_says_what_was_tried() {
    let now = Instant::now();
    let refused = in_state(BreakerState::MetricsOnly, now).order(BreakerState::Open, now);
    let text = refused.unwrap_err().to_string();
    assert!(text.starts_with("a breaker that is metrics-only cannot be made open"), "{text}");
}

#[test]
fn a_reset_forgets_the_window_the_row_and_the_attempts_but_no_counter() {
    let start = Instant::now();
    let breaker = opened(policy(), start);
    reject(&breaker, start);
    let change = breaker.order(BreakerState::Closed, start).unwrap();
    assert_eq!(change.reason, "reset by order");
    let status = breaker.status(start);
    assert_eq!((status.calls, status.streak, status.attempt), (0, 0, 0));
    assert_eq!((status.rejected, status.trips.count), (1, 1));
    let straggler = pass(&breaker, start, 1);
    run(&breaker, start, &[BAD, BAD]);
    breaker.order(BreakerState::Closed, start).unwrap();
    assert_eq!(breaker.status(start).calls, 0, "closed begins anew, too");
    breaker.record(straggler, BAD, start);
    assert_eq!(breaker.status(start).calls, 0);
}

#[test]
fn forced_open_rejects_for_ever_and_counts() {
    let now = Instant::now();
    let breaker = in_state(BreakerState::Closed, now);
    let straggler = pass(&breaker, now, 1);
    breaker.order(BreakerState::ForcedOpen, now).unwrap();
    let (reason, retry_after) = reject(&breaker, now + seconds(100_000));
    assert_eq!(reason, "breaker forced-open: forced-open by order");
    assert_eq!(retry_after, seconds(5), "callers come back as after an opening");
    assert_eq!(breaker.record(straggler, BAD, now), None);
    let status = breaker.status(now);
    assert_eq!((status.calls, status.rejected, status.probe_in), (0, 1, None));
    assert_eq!(breaker.next_change(), None);
}

#[test]
fn disabled_lets_everything_through_and_learns_nothing() {
    let now = Instant::now();
    let told = BreakerPolicy { retry_after_max_ms: 60_000, consecutive: Some(1), ..policy() };
    let breaker = breaker(told, now);
    breaker.order(BreakerState::Disabled, now).unwrap();
    for _ in 0..20 {
        let call = pass(&breaker, now, 1);
        assert_eq!(breaker.record_told(call, BAD, Some(seconds(9)), now), None);
    }
    let status = breaker.status(now);
    assert_eq!((status.state, status.calls, status.streak), (BreakerState::Disabled, 0, 0));
}

#[test]
fn metrics_only_lets_everything_through_counts_and_says_once_what_would_have_opened_it() {
    let now = Instant::now();
    let breaker = in_state(BreakerState::MetricsOnly, now);
    let changes = run(&breaker, now, &[BAD; 20]);
    let reasons: Vec<&str> = changes.iter().map(|change| change.reason.as_str()).collect();
    assert_eq!(reasons, ["would open: failure rate 4 of 4 calls (limit 50%)"]);
    let states = (changes[0].from, changes[0].to);
    assert_eq!(states, (BreakerState::MetricsOnly, BreakerState::MetricsOnly));
    let changes = run(&breaker, now, &[LATE; 20]);
    let reasons: Vec<&str> = changes.iter().map(|change| change.reason.as_str()).collect();
    assert_eq!(reasons, ["would open: slow rate 8 of 10 calls over 100ms (limit 80%)"]);
    let status = breaker.status(now);
    assert_eq!((status.calls, status.slow, status.rejected), (10, 10, 0));
    assert_eq!((status.trips.count, status.attempt), (0, 0));
    breaker.order(BreakerState::MetricsOnly, now).unwrap();
    assert_eq!(run(&breaker, now, &[BAD; 20]).len(), 1, "a new stay says it again");
}

#[test]
fn metrics_only_says_two_limits_that_are_reached_together_in_one_breath() {
    let now = Instant::now();
    let metrics = BreakerPolicy { initial: BreakerState::MetricsOnly, ..policy() };
    let breaker = breaker(BreakerPolicy { consecutive: Some(4), ..metrics }, now);
    let changes = run(&breaker, now, &[BAD; 10]);
    assert_eq!(changes.len(), 1);
    let both = "would open: 4 failures in a row (limit 4); failure rate 4 of 4 calls (limit 50%)";
    assert_eq!(changes[0].reason, both);
}

#[test]
fn an_opening_by_hand_is_a_step_of_the_backoff_and_no_trip() {
    let backoff = Some(OpenBackoff::default());
    let now = Instant::now();
    let breaker = breaker(BreakerPolicy { open_backoff: backoff, ..policy() }, now);
    for open_for in [5, 10, 20] {
        let change = breaker.order(BreakerState::Open, now).unwrap();
        assert_eq!(change.open_for, Some(seconds(open_for)));
    }
    breaker.order(BreakerState::ForcedOpen, now).unwrap();
    let change = breaker.order(BreakerState::Open, now).unwrap();
    assert_eq!(change.open_for, Some(seconds(80)), "forced open counts as an opening");
    let status = breaker.status(now);
    assert_eq!((status.attempt, status.trips.count, status.trips.last), (5, 0, None));
}

#[test]
fn states_that_only_an_order_ends_can_be_left_for_probing() {
    for from in [BreakerState::ForcedOpen, BreakerState::Disabled] {
        let now = Instant::now();
        let breaker = in_state(from, now);
        breaker.order(BreakerState::HalfOpen, now).unwrap();
        assert_eq!(breaker.status(now).permits_free, 3);
        run(&breaker, now, &[GOOD; 3]);
        assert_eq!(state(&breaker, now), BreakerState::Closed);
    }
}

#[test]
fn a_breaker_begins_in_the_state_that_it_is_given_and_a_reset_closes_it() {
    for initial in BreakerState::ALL {
        let now = Instant::now();
        let breaker = in_state(initial, now);
        let status = breaker.status(now);
        assert_eq!((status.state, status.trips), (initial, Trips::default()));
        let open = initial == BreakerState::Open;
        assert_eq!(status.probe_in, open.then_some(seconds(5)));
        breaker.order(BreakerState::Closed, now).unwrap();
        assert_eq!(state(&breaker, now), BreakerState::Closed);
    }
}
