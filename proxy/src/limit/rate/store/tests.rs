use std::sync::Barrier;

use super::*;

fn pass_until(limit: u64) -> impl Fn(u64) -> Taken {
    move |due| {
        if due < limit { Taken::Passed { due: due + 1 } } else { Taken::Refused { due } }
    }
}

#[test]
fn an_idle_key_makes_room_uncounted_and_one_in_debt_is_counted() {
    let store = Store::default();
    // All in one set, and each with a debt of its own.
    let key = |number: u64| (number + 1) << 40;
    for number in 0..PLACES as u64 {
        store.take(key(number), 0, |_due| Taken::Passed { due: 10 + number });
    }
    store.take(key(100), 10, |_due| Taken::Passed { due: 50 });
    assert_eq!(store.evicted(), 0, "the key that was due at 10 is idle at 10");
    store.take(key(101), 10, |_due| Taken::Passed { due: 50 });
    assert_eq!(store.evicted(), 1, "the key that is due at 11 is in debt at 10");
    let seen = |number| store.take(key(number), 10, |due| Taken::Refused { due });
    assert_eq!(seen(0), Taken::Refused { due: 0 });
    assert_eq!(seen(1), Taken::Refused { due: 0 });
    assert_eq!(seen(2), Taken::Refused { due: 12 });
}

#[test]
fn a_key_that_loses_its_place_while_it_takes_starts_afresh_and_touches_no_foreign_word() {
    const DUE: u64 = 1_000;
    let store = Store::default();
    let key = |number: u64| (number + 1) << 40;
    let bring_in = |number: u64| store.take(key(number), 0, |_due| Taken::Passed { due: DUE });
    store.take(key(0), 0, |_due| Taken::Passed { due: 1 });
    for number in 1..PLACES as u64 {
        bring_in(number);
    }
    let seen = std::cell::RefCell::new(Vec::new());
    let taken = store.take(key(0), 0, |due| {
        if seen.borrow().is_empty() {
            // As another thread would, right between the look at the word and its exchange.
            bring_in(100);
        }
        seen.borrow_mut().push(due);
        Taken::Passed { due: due + DUE }
    });
    assert_eq!((seen.into_inner(), taken), (vec![1, 0], Taken::Passed { due: DUE }));
}

#[test]
fn a_refused_key_takes_no_place() {
    let store = Store::default();
    assert_eq!(store.take(7, 0, |due| Taken::Refused { due }), Taken::Refused { due: 0 });
    assert!(store.find(7).1.place_of(7).is_none());
}

#[test]
fn a_move_keeps_the_keys_in_debt_and_their_count() {
    let store = Store::default();
    store.take(7, 0, |_due| Taken::Passed { due: 20 });
    store.take(8, 0, |_due| Taken::Passed { due: 10 });
    store.evicted.store(3, Ordering::Relaxed);
    let moved = store.moved(10, |due| due * 2);
    assert_eq!(moved.take(7, 10, |due| Taken::Refused { due }), Taken::Refused { due: 40 });
    assert_eq!(moved.take(8, 10, |due| Taken::Refused { due }), Taken::Refused { due: 0 });
    assert_eq!(moved.evicted(), 3);
}

#[test]
fn threads_that_bring_in_the_same_keys_never_take_more_than_each_key_has() {
    const THREADS: u64 = 4;
    const KEYS: u64 = 64;
    const EACH: u64 = 50;
    let (store, barrier) = (Store::default(), Barrier::new(THREADS as usize));
    let passed: u64 = std::thread::scope(|scope| {
        let run = |_thread| {
            scope.spawn(|| {
                barrier.wait();
                let passes = |step: &u64| {
                    let taken = store.take(step % KEYS + 1, 0, pass_until(EACH));
                    matches!(taken, Taken::Passed { .. })
                };
                (0..KEYS * EACH).filter(passes).count()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap() as u64).sum()
    });
    assert_eq!(passed, KEYS * EACH);
    assert_eq!(store.evicted(), 0);
}

#[test]
fn keys_that_push_each_other_out_never_take_from_a_foreign_word() {
    // More keys than places in one set. A word carries its key, so that a mix-up shows.
    const KEYS: u64 = 24;
    let (store, barrier) = (Store::default(), Barrier::new(4));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for step in 0..20_000_u64 {
                    let number = (step * 7 + thread * 5) % KEYS + 1;
                    let take = |due: u64| {
                        assert!(due == 0 || due % 100 == number, "{due} of {number}");
                        Taken::Passed { due: due.max(100) / 100 * 100 + 100 + number }
                    };
                    store.take(number << 40, 0, take);
                }
            });
        }
    });
    assert!(store.evicted() > 0);
}
