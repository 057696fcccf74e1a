use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use model::decision;
use model::fault::Per;
use model::policy::balance::{Algorithm, HealthPolicy, OutlierPolicy};
use model::units::Share;
use proptest::prelude::*;

use super::*;

const OK: Cause = Cause::Success;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn addresses(ports: std::ops::Range<u16>) -> Vec<SocketAddr> {
    ports.map(address).collect()
}

fn by(algorithm: Algorithm) -> BalancePolicy {
    BalancePolicy { algorithm, ..BalancePolicy::default() }
}

/// Ejects for a failure and whoever fails.
fn strict() -> BalancePolicy {
    let outlier = OutlierPolicy {
        consecutive_5xx: 1,
        max_ejection: Share::WHOLE,
        ..OutlierPolicy::default()
    };
    BalancePolicy { outlier: Some(outlier), ..BalancePolicy::default() }
}

fn ended(cause: Cause) -> Outcome {
    Outcome { took: Duration::from_millis(5), cause, retry_after: None }
}

fn failed() -> Outcome {
    ended(Cause::Upstream { status: Some(500) })
}

/// A set of endpoints with a clock and a stream of numbers.
struct Bench {
    endpoints: Endpoints,
    now: Instant,
    draws: u64,
}

impl Bench {
    fn new(ports: std::ops::Range<u16>, policy: &BalancePolicy) -> Self {
        let now = Instant::now();
        Self { endpoints: Endpoints::new(&addresses(ports), policy, now), now, draws: 0 }
    }

    fn pick_not(&mut self, not: &[SocketAddr], key: Option<u64>) -> Option<InFlight> {
        self.draws += 1;
        let draw = decision::indexed(42, "balance", self.draws).bits();
        self.endpoints.pick(&Choice { now: self.now, key, draw, not })
    }

    fn pick(&mut self) -> InFlight {
        self.pick_not(&[], None).expect("there are endpoints")
    }

    /// Makes the endpoint fail once.
    fn fail(&mut self, port: u16) -> Option<Event> {
        loop {
            let attempt = self.pick();
            if attempt.address() == address(port) {
                return attempt.end(failed(), self.now);
            }
            attempt.end(ended(OK), self.now);
        }
    }

    /// How often each endpoint is chosen.
    fn shares(&mut self, picks: usize) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..picks {
            let attempt = self.pick();
            *counts.entry(attempt.address().port()).or_default() += 1;
            attempt.end(ended(OK), self.now);
        }
        counts
    }

    fn state(&self, port: u16) -> EndpointState {
        let states = self.endpoints.states(self.now);
        states.into_iter().find(|state| state.address == address(port)).expect("it is there")
    }
}

#[test]
fn no_endpoint_is_no_choice_and_the_only_one_is_always_chosen() {
    for policy in [strict(), by(Algorithm::LeastRequest), by(Algorithm::peak_ewma())] {
        assert!(Bench::new(0..0, &policy).pick_not(&[], None).is_none());
        let mut bench = Bench::new(1..2, &policy);
        assert_eq!(bench.pick_not(&[address(1)], None).unwrap().address(), address(1));
    }
}

#[test]
fn an_address_that_is_listed_twice_is_one_endpoint() {
    let twice = [address(1), address(2), address(1)];
    let endpoints = Endpoints::new(&twice, &BalancePolicy::default(), Instant::now());
    assert_eq!(endpoints.states(Instant::now()).len(), 2);
}

proptest! {
    #[test]
    fn turns_are_even_among_those_who_are_not_left_out(
        count in 1_u16..20,
        out in prop::collection::btree_set(0_u16..20, 0..6),
        picks in 1_usize..300,
    ) {
        let out: Vec<u16> = out.into_iter().filter(|port| *port < count).collect();
        prop_assume!(out.len() < usize::from(count));
        let mut bench = Bench::new(0..count, &strict());
        for port in &out {
            bench.fail(*port);
        }
        let counts = bench.shares(picks);
        prop_assert!(counts.keys().all(|port| !out.contains(port)));
        let used = usize::from(count) - out.len();
        let (least, most) = (picks / used, picks.div_ceil(used));
        prop_assert!(counts.values().all(|chosen| (least..=most).contains(chosen)), "{counts:?}");
        prop_assert!(least == 0 || counts.len() == used);
    }
}

#[test]
fn repeated_attempts_go_elsewhere_and_take_no_turn() {
    let mut bench = Bench::new(0..2, &BalancePolicy::default());
    let mut first = BTreeMap::<u16, usize>::new();
    for _ in 0..100 {
        let one = bench.pick();
        let other = bench.pick_not(&[one.address()], None).unwrap();
        assert_ne!(one.address(), other.address());
        *first.entry(one.address().port()).or_default() += 1;
    }
    assert_eq!(first, BTreeMap::from([(0, 50), (1, 50)]));
}

#[test]
fn what_was_tried_is_avoided_before_what_is_left_out_is_used() {
    let mut bench = Bench::new(0..3, &strict());
    bench.fail(2);
    let mut next = |tried: &[u16]| {
        let tried: Vec<SocketAddr> = tried.iter().copied().map(address).collect();
        bench.pick_not(&tried, None).unwrap().address().port()
    };
    assert_eq!(next(&[0]), 1);
    assert_eq!(next(&[1]), 0);
    // Better one that works a second time than one that does not.
    assert!([0, 1].contains(&next(&[0, 1])));
    assert_eq!(bench.endpoints.panics(), 0);
    bench.fail(0);
    bench.fail(1);
    let tried = [address(0), address(2)];
    assert_eq!(bench.pick_not(&tried, None).unwrap().address(), address(1));
    assert_eq!(bench.endpoints.panics(), 1);
}

#[test]
fn when_all_are_left_out_all_are_used_and_that_is_counted() {
    for algorithm in [
        Algorithm::RoundRobin,
        Algorithm::LeastRequest,
        Algorithm::peak_ewma(),
        Algorithm::RingHash { by: Per::User },
    ] {
        let mut bench = Bench::new(0..3, &BalancePolicy { algorithm, ..strict() });
        for port in 0..3 {
            bench.fail(port);
        }
        assert_eq!(bench.endpoints.panics(), 0);
        let counts = bench.shares(300);
        assert_eq!(counts.len(), 3, "{counts:?}");
        assert_eq!(bench.endpoints.panics(), 300);
    }
    let mut alone = Bench::new(0..1, &strict());
    alone.fail(0);
    assert_eq!(alone.pick().address(), address(0));
    assert_eq!(alone.endpoints.panics(), 1);
}

#[test]
fn two_random_choices_keep_the_load_close_to_even() {
    const REQUESTS: usize = 10_000;
    let mut bench = Bench::new(0..10, &by(Algorithm::LeastRequest));
    // Nothing ends: every choice sees the load of all before it.
    let held: Vec<InFlight> = (0..REQUESTS).map(|_| bench.pick()).collect();
    let loads: Vec<u64> =
        bench.endpoints.states(bench.now).iter().map(|state| state.in_flight).collect();
    // One random choice would spread by about three standard deviations, 95 either side of 1,000.
    assert!(loads.iter().all(|load| (990..=1_010).contains(load)), "{loads:?}");
    drop(held);
    assert!(bench.endpoints.states(bench.now).iter().all(|state| state.in_flight == 0));
}

/// Requests at 5 ms intervals for 60 s; each endpoint says how long it takes and how it ends.
/// How many of the last 50 s each gets.
fn simulate(policy: &BalancePolicy, answers: &dyn Fn(u16) -> (u64, Cause)) -> BTreeMap<u16, u64> {
    let mut bench = Bench::new(0..5, policy);
    let zero = bench.now;
    let at = |ms: u64| zero + Duration::from_millis(ms);
    let mut running: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut attempts: BTreeMap<u64, (InFlight, Outcome)> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for number in 0..12_000 {
        let now_ms = number * 5;
        while running.peek().is_some_and(|Reverse((end_ms, _))| *end_ms <= now_ms) {
            let Reverse((end_ms, which)) = running.pop().unwrap();
            let (attempt, outcome) = attempts.remove(&which).unwrap();
            attempt.end(outcome, at(end_ms));
        }
        bench.now = at(now_ms);
        let attempt = bench.pick();
        let port = attempt.address().port();
        if now_ms >= 10_000 {
            *counts.entry(port).or_default() += 1;
        }
        let (took_ms, cause) = answers(port);
        let took = Duration::from_millis(took_ms);
        attempts.insert(number, (attempt, Outcome { took, cause, retry_after: None }));
        running.push(Reverse((now_ms + took_ms, number)));
    }
    counts
}

#[test]
fn an_endpoint_that_fails_fast_attracts_no_traffic() {
    let policy = by(Algorithm::peak_ewma());
    let one_is = |cause| move |port| if port == 0 { (1, cause) } else { (50, OK) };
    let share = |cause| simulate(&policy, &one_is(cause)).get(&0).copied().unwrap_or_default();
    // Were it as good as it is fast, it would get most of what it is compared for, 40 %.
    assert!(share(OK) > 3_500, "{}", share(OK));
    for status in [Some(503), None] {
        let got = share(Cause::Upstream { status });
        assert!(got < 10, "{got} of 10,000");
    }
}

#[test]
fn an_endpoint_whose_callers_all_give_up_attracts_no_traffic() {
    let policy = by(Algorithm::peak_ewma());
    let answers = |port| if port == 0 { (2_000, Cause::Unknown) } else { (50, OK) };
    let got = simulate(&policy, &answers).get(&0).copied().unwrap_or_default();
    assert!(got < 100, "{got} of 10,000");
}

#[test]
fn a_slow_endpoint_gets_less_and_is_tried_again() {
    let policy = by(Algorithm::peak_ewma());
    let answers = |port| if port == 0 { (500, OK) } else { (50, OK) };
    let counts = simulate(&policy, &answers);
    assert!((1..500).contains(&counts[&0]), "{counts:?}");
}

#[test]
fn faults_and_refusals_of_the_gateway_say_nothing_about_the_time_of_an_endpoint() {
    let mut bench = Bench::new(0..1, &by(Algorithm::peak_ewma()));
    for cause in [Cause::Local, Cause::Injected { status: Some(503) }] {
        let took = Duration::from_secs(100);
        bench.pick().end(Outcome { took, cause, retry_after: None }, bench.now);
    }
    assert_eq!(bench.state(0).ewma_us, Some(1_000_000));
}

#[test]
fn a_key_stays_with_its_endpoint_and_comes_back_to_it() {
    let policy = BalancePolicy { algorithm: Algorithm::RingHash { by: Per::User }, ..strict() };
    let mut bench = Bench::new(0..5, &policy);
    let owners = |bench: &mut Bench| -> Vec<u16> {
        let owner = |key| bench.pick_not(&[], Some(key)).unwrap().address().port();
        (0..200).map(owner).collect()
    };
    let before = owners(&mut bench);
    assert_eq!(owners(&mut bench), before);
    bench.fail(3);
    let during = owners(&mut bench);
    for (before, during) in before.iter().zip(&during) {
        assert!(if *before == 3 { *during != 3 } else { before == during });
    }
    bench.now += Duration::from_secs(30);
    assert_eq!(owners(&mut bench), before);
    // A repeated attempt leaves the endpoint of its key.
    let key = Some(7);
    let first = bench.pick_not(&[], key).unwrap().address();
    assert_ne!(bench.pick_not(&[first], key).unwrap().address(), first);
}

#[test]
fn an_ejection_is_told_by_the_attempt_that_caused_it_and_ends_on_time() {
    let mut bench = Bench::new(0..3, &strict());
    let reason = "1 failures in a row".to_owned();
    let for_ = Duration::from_secs(30);
    assert_eq!(bench.fail(1), Some(Event::Ejected { address: address(1), reason, for_ }));
    let state = bench.state(1);
    assert_eq!(state.ejected_for_ms, Some(30_000));
    assert_eq!(state.reason.as_deref(), Some("ejected: 1 failures in a row"));
    assert!(state.healthy && state.ejections == 1);
    bench.now += Duration::from_millis(29_999);
    assert!(!bench.shares(30).contains_key(&1));
    bench.now += Duration::from_millis(1);
    // The first attempt after its time may meet it, and its end tells that it is back.
    let events: Vec<Event> = (0..3)
        .filter_map(|_| {
            let now = bench.now;
            bench.pick().end(ended(OK), now)
        })
        .collect();
    assert_eq!(events, [Event::Returned { address: address(1) }]);
    assert_eq!(bench.shares(30)[&1], 10);
    assert_eq!(bench.state(1).ejected_for_ms, None);
}

#[test]
fn without_traffic_the_owners_timer_tells_what_changed() {
    let mut bench = Bench::new(0..2, &strict());
    bench.fail(0);
    assert!(bench.endpoints.tick(bench.now).is_empty(), "its own attempt has told it");
    let late = bench.now + Duration::from_hours(1);
    assert_eq!(bench.endpoints.tick(late), [Event::Returned { address: address(0) }]);
}

#[test]
fn what_the_gateway_or_a_fault_did_never_ejects_and_is_counted_apart() {
    let mut bench = Bench::new(0..1, &strict());
    for (cause, times) in [
        (OK, 1),
        (Cause::Local, 7),
        (Cause::Injected { status: Some(503) }, 5),
        (Cause::Unknown, 2),
    ] {
        for _ in 0..times {
            assert_eq!(bench.pick().end(ended(cause), bench.now), None);
        }
    }
    drop(bench.pick());
    assert!(bench.pick().end(failed(), bench.now).is_some());
    let gone = ended(Cause::Upstream { status: None });
    bench.pick().end(gone, bench.now);
    let held = bench.pick();
    let state = bench.state(0);
    let expected = model::plan::EndpointOutcomes {
        succeeded: 1,
        failed: 1,
        unanswered: 1,
        local: 7,
        injected: 5,
        unknown: 3,
    };
    assert_eq!((state.ended, state.attempts, state.in_flight), (expected, 19, 1));
    drop(held);
}

#[test]
fn an_endpoint_that_stays_keeps_its_state_whatever_else_changes() {
    let mut bench = Bench::new(0..3, &strict());
    bench.fail(1);
    let held = bench.pick();
    let held_at = held.address().port();
    let before = (bench.state(1), bench.state(held_at));
    let (old, now) = (bench.endpoints.clone(), bench.now);
    bench.endpoints = old.after(&addresses(0..9), &strict(), now);
    assert_eq!((bench.state(1), bench.state(held_at)), before);
    assert!(!bench.shares(80).contains_key(&1));
    // The attempt began under the old list and ends in the state that the two share.
    held.end(failed(), now);
    assert_eq!(bench.state(held_at).in_flight, 0);
    assert!(bench.state(held_at).ejected_for_ms.is_some());
}

#[test]
fn an_endpoint_that_left_and_came_back_is_a_fresh_one() {
    let mut bench = Bench::new(0..3, &strict());
    bench.fail(1);
    let mut held = Vec::new();
    while held.len() < 4 {
        held.push(bench.pick());
    }
    let now = bench.now;
    let without = bench.endpoints.after(&[address(0)], &strict(), now);
    bench.endpoints = without.after(&addresses(0..3), &strict(), now);
    assert_eq!(bench.state(1).ejected_for_ms, None);
    assert_eq!((bench.state(2).attempts, bench.state(1).attempts), (0, 0));
    // Attempts at its former self are its former self's affair.
    for attempt in held {
        attempt.end(failed(), now);
    }
    assert_eq!(bench.state(2).ejected_for_ms, None);
    assert!(bench.state(0).ejected_for_ms.is_some(), "it stayed all the time");
}

#[test]
fn without_a_policy_nobody_stays_left_out() {
    let health = HealthPolicy { unhealthy_after: 1, ..HealthPolicy::default() };
    let policy = BalancePolicy { health: Some(health), ..strict() };
    let mut bench = Bench::new(0..3, &policy);
    bench.fail(0);
    let sick = Arc::clone(&bench.endpoints.0.list[1]);
    let events = bench.endpoints.checked(&sick, Err("status 503".into()), bench.now);
    assert!(matches!(events.as_slice(), [Event::Unhealthy { .. }]));
    assert_eq!(bench.shares(10), BTreeMap::from([(2, 10)]));
    let now = bench.now;
    bench.endpoints = bench.endpoints.after(&addresses(0..3), &BalancePolicy::default(), now);
    assert_eq!(bench.shares(9), BTreeMap::from([(0, 3), (1, 3), (2, 3)]));
    let told = bench.endpoints.tick(now);
    assert!(told.is_empty(), "the attempts have told: {told:?}");
}

#[test]
fn what_began_under_a_policy_leaves_nobody_out_once_the_policy_is_gone() {
    let health = HealthPolicy { unhealthy_after: 1, ..HealthPolicy::default() };
    let mut bench = Bench::new(0..2, &BalancePolicy { health: Some(health), ..strict() });
    let (attempt, now) = (bench.pick(), bench.now);
    let old = bench.endpoints.clone();
    bench.endpoints = old.after(&addresses(0..2), &BalancePolicy::default(), now);
    assert_eq!(attempt.end(failed(), now), None);
    assert!(old.checked(&old.0.list[0], Err("status 503".into()), now).is_empty());
    assert_eq!(bench.shares(10), BTreeMap::from([(0, 5), (1, 5)]));
}

#[test]
fn attempts_on_many_threads_are_all_counted_and_eject_once() {
    const THREADS: usize = 4;
    const EACH: usize = 2_000;
    let outlier = OutlierPolicy { consecutive_5xx: 5, ..OutlierPolicy::default() };
    let policy = BalancePolicy { outlier: Some(outlier), ..BalancePolicy::default() };
    let bench = Bench::new(0..2, &policy);
    let (endpoints, now) = (&bench.endpoints, bench.now);
    let told: Vec<Event> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(move || {
                    let choice = Choice { now, key: None, draw: 0, not: &[] };
                    let once = |_| {
                        let attempt = endpoints.pick(&choice).unwrap();
                        let bad = attempt.address() == address(1);
                        attempt.end(if bad { failed() } else { ended(OK) }, now)
                    };
                    (0..EACH).filter_map(once).collect::<Vec<Event>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(matches!(told.as_slice(), [Event::Ejected { .. }]), "{told:?}");
    let states = endpoints.states(now);
    let attempts: u64 = states.iter().map(|state| state.attempts).sum();
    assert_eq!(attempts as usize, THREADS * EACH);
    assert!(states.iter().all(|state| state.in_flight == 0));
}
