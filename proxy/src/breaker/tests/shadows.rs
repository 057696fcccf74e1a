use model::policy::SHADOWS_MAX;

use super::*;

fn shadow(name: &str, policy: BreakerPolicy) -> ShadowBreaker {
    ShadowBreaker { name: name.to_owned(), policy }
}

/// Opens with the first failure.
fn nervous() -> BreakerPolicy {
    BreakerPolicy { consecutive: Some(1), ..policy() }
}

fn watched(real: BreakerPolicy, shadows: &[ShadowBreaker], now: Instant) -> Breaker {
    Breaker::seeded(real, shadows, 42, now)
}

fn report(breaker: &Breaker, now: Instant, name: &str) -> ShadowReport {
    let all = breaker.status(now).shadows;
    all.into_iter().find(|shadow| shadow.name == name).expect("there is such a shadow")
}

#[test]
fn a_shadow_says_when_it_would_have_opened_what_it_would_have_saved_and_cost() {
    let start = Instant::now();
    let calm = BreakerPolicy { minimum_calls: 10, ..policy() };
    let breaker = watched(calm, &[shadow("nervous", nervous())], start);
    run(&breaker, start, &[GOOD, BAD]);
    let now = start + seconds(1);
    assert!(run(&breaker, now, &[BAD, GOOD, GOOD, THROTTLED, UNKNOWN]).is_empty());
    let found = report(&breaker, now, "nervous");
    assert_eq!(found.state, BreakerState::Open);
    assert_eq!(&*found.reason, "1 failures in a row (limit 1)");
    assert_eq!((found.trips.count, found.trips.by), (1, Some(by(2))));
    assert_eq!((found.trips.first, found.trips.last), (Some(start), Some(start)));
    assert_eq!((found.rejected, found.saved, found.cost), (5, 2, 2));
    assert_eq!(state(&breaker, now), BreakerState::Closed, "real traffic goes on");
}

#[test]
fn a_shadow_probes_with_the_calls_that_it_would_have_let_through() {
    let start = Instant::now();
    let breaker = watched(policy(), &[shadow("nervous", nervous())], start);
    run(&breaker, start, &[BAD]);
    let now = start + seconds(5);
    let calls: Vec<Call> = (0..5).map(|number| pass(&breaker, now, number)).collect();
    assert_eq!(report(&breaker, now, "nervous").state, BreakerState::HalfOpen);
    assert_eq!(report(&breaker, now, "nervous").rejected, 2, "three permits of five calls");
    // The two that had no permit report first, and decide nothing.
    for call in [calls[3], calls[4], calls[0], calls[1]] {
        breaker.record(call, GOOD, now);
        assert_eq!(report(&breaker, now, "nervous").state, BreakerState::HalfOpen);
    }
    breaker.record(calls[2], GOOD, now);
    let found = report(&breaker, now, "nervous");
    assert_eq!((found.state, found.saved, found.cost), (BreakerState::Closed, 0, 2));
    run(&breaker, now + seconds(1), &[BAD]);
    let found = report(&breaker, now, "nervous");
    assert_eq!((found.trips.first, found.trips.last), (Some(start), Some(now + seconds(1))));
    assert_eq!(found.trips.count, 2);
}

#[test]
fn a_shadow_does_not_see_what_the_real_breaker_rejects() {
    let now = Instant::now();
    let twin = shadow("twin", policy());
    let never = shadow("never", BreakerPolicy { failure_rate: Share::WHOLE, ..policy() });
    let breaker = watched(policy(), &[twin, never], now);
    run(&breaker, now, &[GOOD, BAD, GOOD, BAD]);
    reject(&breaker, now);
    let twin = report(&breaker, now, "twin");
    assert_eq!((twin.state, twin.rejected, twin.trips.count), (BreakerState::Open, 0, 1));
    assert_eq!(report(&breaker, now, "never").state, BreakerState::Closed);
}

#[test]
fn a_shadow_with_the_real_policy_does_what_the_real_breaker_does() {
    let start = Instant::now();
    let breaker = watched(policy(), &[shadow("twin", policy())], start);
    let outcomes = [GOOD, BAD, LATE, BAD, UNKNOWN, GOOD, BAD, BAD, GOOD, LATE];
    let mut now = start;
    for round in 0..200_usize {
        if let (Admission::Pass(call), _) = breaker.acquire(now, by(1)) {
            breaker.record(call, outcomes[(round * 7 + round / 10) % outcomes.len()], now);
        }
        let twin = report(&breaker, now, "twin");
        let status = breaker.status(now);
        assert_eq!((twin.state, twin.trips), (status.state, status.trips), "round {round}");
        assert_eq!((twin.saved, twin.cost), (0, 0));
        now += Duration::from_millis(600);
    }
    assert!(breaker.status(now).trips.count > 5, "too calm to show anything");
}

#[test]
fn shadows_come_and_go_without_taking_each_others_calls() {
    let now = Instant::now();
    let calm = BreakerPolicy { minimum_calls: 100, window_calls: 100, ..policy() };
    let shadows = [shadow("a", nervous()), shadow("b", calm.clone())];
    let breaker = watched(calm.clone(), &shadows, now);
    run(&breaker, now, &[BAD]);
    let straggler = pass(&breaker, now, 1);
    breaker.reconfigure_shadows(&[shadow("b", calm), shadow("c", nervous())], now);
    let names: Vec<String> =
        breaker.status(now).shadows.into_iter().map(|shadow| shadow.name).collect();
    assert_eq!(names, ["b", "c"]);
    breaker.record(straggler, BAD, now);
    let newcomer = report(&breaker, now, "c");
    assert_eq!((newcomer.state, newcomer.trips.count), (BreakerState::Closed, 0));
    assert_eq!((newcomer.saved, newcomer.cost), (0, 0));
    run(&breaker, now, &[BAD, BAD]);
    let newcomer = report(&breaker, now, "c");
    assert_eq!((newcomer.trips.count, newcomer.saved), (1, 1));
}

#[test]
fn a_shadow_that_gets_another_policy_keeps_what_it_knows() {
    let now = Instant::now();
    let calm = BreakerPolicy { minimum_calls: 100, window_calls: 100, ..policy() };
    let breaker = watched(calm, &[shadow("a", policy())], now);
    run(&breaker, now, &[BAD, BAD, BAD]);
    let looser = BreakerPolicy { failure_rate: Share::WHOLE, ..policy() };
    breaker.reconfigure_shadows(&[shadow("a", looser)], now);
    run(&breaker, now, &[BAD]);
    let found = report(&breaker, now, "a");
    assert_eq!(&*found.reason, "failure rate 4 of 4 calls (limit 100%)");
}

#[test]
fn there_are_never_more_shadows_than_a_call_has_bits_for() {
    let now = Instant::now();
    let many: Vec<ShadowBreaker> =
        (0..100).map(|number| shadow(&format!("{number}"), policy())).collect();
    let breaker = watched(policy(), &many, now);
    assert_eq!(breaker.status(now).shadows.len(), SHADOWS_MAX);
}
