//! Every order in which threads can take the lock, tried one by one by a model checker.

use std::sync::Barrier;
use std::thread;

use loom::sync::{Arc as Counted, Mutex as Checked};

use super::*;

type Model = Shared<Checked<Core>>;

/// Open, and its time is over at the second instant.
fn open_until(policy: BreakerPolicy) -> (Counted<Model>, Instant) {
    let start = Instant::now();
    let initial = BreakerState::Open;
    let breaker = Model::seeded(BreakerPolicy { initial, ..policy }, &[], 1, start);
    (Counted::new(breaker), start + seconds(5))
}

/// Runs `act` in two threads and in this one, and returns what each of them found.
fn together<T: 'static>(
    breaker: &Counted<Model>,
    act: impl Fn(&Model) -> T + Copy + 'static,
) -> [T; 3] {
    let spawn = || {
        let breaker = Counted::clone(breaker);
        loom::thread::spawn(move || act(&breaker))
    };
    let (first, second) = (spawn(), spawn());
    let own = act(breaker);
    [own, first.join().unwrap(), second.join().unwrap()]
}

#[test]
fn no_more_than_the_permits_pass_at_the_end_of_the_open_time_in_any_order() {
    for permits in [1, 2] {
        loom::model(move || {
            let (breaker, now) =
                open_until(BreakerPolicy { half_open_permits: permits, ..policy() });
            let found = together(&breaker, move |breaker| breaker.acquire(now, by(1)));
            let passed = found.iter().filter(|it| matches!(it.0, Admission::Pass(_))).count();
            let changes = found.iter().filter(|it| it.1.is_some()).count();
            assert_eq!((passed, changes), (permits as usize, 1));
            let status = breaker.status(now);
            assert_eq!((status.permits_out, status.permits_free), (permits, 0));
            assert_eq!(status.rejected, 3 - u64::from(permits));
        });
    }
}

#[test]
fn permits_that_are_given_back_and_taken_in_any_order_are_never_lost_or_doubled() {
    loom::model(|| {
        let (breaker, now) = open_until(BreakerPolicy { half_open_permits: 2, ..policy() });
        let found = together(&breaker, move |breaker| match breaker.acquire(now, by(1)).0 {
            Admission::Pass(call) => {
                assert_eq!(breaker.record(call, UNKNOWN, now), None);
                1_u64
            },
            Admission::Reject { .. } => 0,
        });
        let status = breaker.status(now);
        assert_eq!((status.permits_out, status.permits_free, status.calls), (0, 2, 0));
        assert_eq!(found.iter().sum::<u64>() + status.rejected, 3);
    });
}

#[test]
fn probes_that_report_in_any_order_make_one_verdict() {
    for outcome in [GOOD, BAD] {
        loom::model(move || {
            let (breaker, now) = open_until(policy());
            let found = together(&breaker, move |breaker| {
                let (admission, began) = breaker.acquire(now, by(1));
                let Admission::Pass(call) = admission else { panic!("three permits, three calls") };
                (began, breaker.record(call, outcome, now))
            });
            let began = found.iter().filter(|it| it.0.is_some()).count();
            let verdicts: Vec<_> = found.iter().filter_map(|it| it.1.as_ref()).collect();
            assert_eq!((began, verdicts.len()), (1, 1));
            assert_eq!(state_of(&breaker, now), verdicts[0].to);
        });
    }
}

#[test]
fn failures_that_come_together_trip_it_once_and_are_all_counted() {
    loom::model(|| {
        let now = Instant::now();
        let tripping = BreakerPolicy { minimum_calls: 2, ..policy() };
        let breaker = Counted::new(Model::seeded(tripping, &[], 1, now));
        let found = together(&breaker, move |breaker| match breaker.acquire(now, by(1)).0 {
            Admission::Pass(call) => (1, breaker.record(call, BAD, now)),
            Admission::Reject { .. } => (0, None),
        });
        let passed: u32 = found.iter().map(|it| it.0).sum();
        let status = breaker.status(now);
        assert_eq!(found.iter().filter(|it| it.1.is_some()).count(), 1);
        assert_eq!((status.state, status.trips.count), (BreakerState::Open, 1));
        assert_eq!((status.calls, status.failed), (passed, passed));
    });
}

#[test]
fn a_change_of_policy_loses_no_outcome_and_a_reset_leaves_no_half_state() {
    loom::model(|| {
        let now = Instant::now();
        let breaker = Counted::new(Model::seeded(policy(), &[], 1, now));
        let other = Counted::clone(&breaker);
        let changer = loom::thread::spawn(move || {
            let time = BreakerPolicy { window_ms: Some(10_000), ..policy() };
            assert_eq!(other.reconfigure(time, now), None);
        });
        for _ in 0..2 {
            let Admission::Pass(call) = breaker.acquire(now, by(1)).0 else { panic!("closed") };
            breaker.record(call, GOOD, now);
        }
        changer.join().unwrap();
        assert_eq!(breaker.status(now).calls, 2);
    });
    loom::model(|| {
        let (breaker, now) = open_until(policy());
        let other = Counted::clone(&breaker);
        let resetter = loom::thread::spawn(move || other.order(BreakerState::Closed, now).unwrap());
        if let (Admission::Pass(call), _) = breaker.acquire(now, by(1)) {
            breaker.record(call, BAD, now);
        }
        resetter.join().unwrap();
        let status = breaker.status(now);
        assert_eq!((status.state, status.permits_out), (BreakerState::Closed, 0));
        assert!(status.calls <= 1);
    });
}

#[test]
fn shadows_count_every_call_once_in_any_order() {
    loom::model(|| {
        let now = Instant::now();
        let nervous = BreakerPolicy { consecutive: Some(1), ..policy() };
        let shadow = ShadowBreaker { name: "nervous".to_owned(), policy: nervous };
        let breaker = Counted::new(Model::seeded(policy(), &[shadow], 1, now));
        together(&breaker, move |breaker| {
            let Admission::Pass(call) = breaker.acquire(now, by(1)).0 else { panic!("closed") };
            breaker.record(call, BAD, now);
        });
        let found = &breaker.status(now).shadows[0];
        assert_eq!((found.trips.count, found.cost), (1, 0));
        assert_eq!(found.saved, found.rejected);
    });
}

#[test]
fn no_more_than_the_permits_pass_when_many_threads_come_at_once() {
    const THREADS: usize = 16;
    let start = Instant::now();
    let breaker = opened(policy(), start);
    let now = start + seconds(5);
    let gate = Barrier::new(THREADS);
    let passed: usize = thread::scope(|scope| {
        let ask = || {
            gate.wait();
            (0..100).filter(|_| matches!(breaker.acquire(now, by(1)).0, Admission::Pass(_))).count()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 3);
}

fn state_of(breaker: &Model, now: Instant) -> BreakerState {
    breaker.status(now).state
}
