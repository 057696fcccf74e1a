use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

fn policy(concurrent: u32, queue: u32, wait_ms: u64) -> Policy {
    Policy { concurrent, queue, wait_ms }
}

fn now() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn entered(bulkhead: &Bulkhead) -> Permit {
    match bulkhead.enter(now()) {
        Enter::Entered(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn queued(bulkhead: &Bulkhead) -> Queued {
    match bulkhead.enter(now()) {
        Enter::Wait(queued) => queued,
        other => panic!("{other:?}"),
    }
}

fn state(limit: u32, in_use: u32, waiting: u32, refused: u64) -> State {
    State { limit, in_use, waiting, refused }
}

type Waiting = Pin<Box<dyn Future<Output = Option<Permit>>>>;

/// Polled once, so that it has its place in the order.
fn in_line(queued: Queued) -> Waiting {
    let mut waiting: Waiting = Box::pin(queued.permit(None));
    assert!(poll(&mut waiting).is_pending());
    waiting
}

fn poll(waiting: &mut Waiting) -> Poll<Option<Permit>> {
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn places_are_given_queued_for_and_refused_in_this_order() {
    let bulkhead = Bulkhead::new(&policy(2, 1, 100));
    let places = [entered(&bulkhead), entered(&bulkhead)];
    let waiting = queued(&bulkhead);
    assert!(matches!(bulkhead.enter(now()), Enter::Full));
    assert_eq!(bulkhead.state(), state(2, 2, 1, 1));
    drop(places);
    assert!(waiting.permit(None).await.is_some());
    assert_eq!(bulkhead.state(), state(2, 0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_or_a_wait_nobody_waits() {
    for policy in [policy(1, 0, 100), policy(1, 5, 0)] {
        let bulkhead = Bulkhead::new(&policy);
        let _place = entered(&bulkhead);
        assert!(matches!(bulkhead.enter(now()), Enter::Full));
        assert_eq!(bulkhead.state(), state(1, 1, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_nearer_of_its_limit_and_the_deadline() {
    for (deadline_ms, expected_ms) in [(None, 100), (Some(40), 40), (Some(400), 100)] {
        let bulkhead = Bulkhead::new(&policy(1, 1, 100));
        let _place = entered(&bulkhead);
        let began = now();
        let deadline = deadline_ms.map(|deadline_ms| began + ms(deadline_ms));
        assert!(queued(&bulkhead).permit(deadline).await.is_none());
        assert_eq!(now() - began, ms(expected_ms), "{deadline_ms:?}");
        assert_eq!(bulkhead.state(), state(1, 1, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_first_is_served_first_and_nobody_overtakes() {
    let bulkhead = Bulkhead::new(&policy(1, 3, 1_000));
    let place = entered(&bulkhead);
    let mut first = in_line(queued(&bulkhead));
    let mut second = in_line(queued(&bulkhead));
    drop(place);
    assert!(matches!(bulkhead.enter(now()), Enter::Wait(_)), "the place is the first waiter's");
    assert!(poll(&mut second).is_pending());
    let Poll::Ready(Some(place)) = poll(&mut first) else { panic!("the first was not served") };
    drop(place);
    assert!(matches!(poll(&mut second), Poll::Ready(Some(_))));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_leaves_the_queue_and_leaks_no_place() {
    let bulkhead = Bulkhead::new(&policy(1, 3, 1_000));
    let place = entered(&bulkhead);
    let unpolled = queued(&bulkhead);
    let first = in_line(queued(&bulkhead));
    let second = in_line(queued(&bulkhead));
    drop(unpolled);
    assert_eq!(bulkhead.state().waiting, 2);
    drop(second);
    // The place is the first waiter's before the waiter knows of it, and must come back.
    drop(place);
    drop(first);
    assert_eq!(bulkhead.state(), state(1, 0, 0, 0));
    drop(entered(&bulkhead));
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_holds_as_soon_as_places_come_back_and_a_higher_one_at_once() {
    let wide = Bulkhead::new(&policy(4, 1, 1_000));
    let mut places: Vec<Permit> = (0..3).map(|_| entered(&wide)).collect();
    let narrow = wide.after(&policy(1, 1, 1_000));
    assert_eq!(narrow.state(), state(1, 3, 0, 0));
    let mut waiting = in_line(queued(&narrow));
    places.truncate(1);
    assert_eq!(narrow.state(), state(1, 1, 1, 0));
    assert!(poll(&mut waiting).is_pending());
    let wider = narrow.after(&policy(3, 1, 1_000));
    let Poll::Ready(Some(_second)) = poll(&mut waiting) else {
        panic!("the limit had been raised")
    };
    let _third = entered(&wider);
    assert!(matches!(wider.enter(now()), Enter::Wait(_)));
    assert_eq!(wider.state(), state(3, 3, 0, 0));
}

/// What may happen to a bulkhead.
#[derive(Debug, Clone)]
enum Step {
    Enter,
    /// Give a place back, or leave the queue, by its index.
    Leave(usize),
    Cancel(usize),
    /// The first in the queue looks.
    Poll,
    Resize(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Enter),
        3 => (0_usize..8).prop_map(Step::Leave),
        1 => (0_usize..8).prop_map(Step::Cancel),
        3 => Just(Step::Poll),
        1 => (1_u32..5).prop_map(Step::Resize),
    ]
}

proptest! {
    #[test]
    fn it_agrees_with_a_list_of_places_and_a_line(
        steps in prop::collection::vec(step(), 1..120),
        queue in 0_u32..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async { run_against_lists(steps, queue) })?;
    }
}

/// The naive bulkhead: `used` places, of which those of `line` that are owed one are waiting.
fn run_against_lists(steps: Vec<Step>, queue: u32) -> Result<(), TestCaseError> {
    let mut limit = 3_u32;
    let mut bulkhead = Bulkhead::new(&policy(limit, queue, 1_000));
    let (mut places, mut line) = (Vec::new(), VecDeque::<Waiting>::new());
    let mut refused = 0;
    for step in steps {
        // Those at the head of the line who have been given a place but have not looked.
        let owed = |places: &Vec<Permit>, line: &VecDeque<Waiting>, limit: u32| {
            (limit as usize).saturating_sub(places.len()).min(line.len())
        };
        match step {
            Step::Enter => {
                let free = places.len() + owed(&places, &line, limit) < limit as usize;
                match bulkhead.enter(now()) {
                    Enter::Entered(permit) => {
                        prop_assert!(free);
                        places.push(permit);
                    },
                    Enter::Wait(queued) => {
                        prop_assert!(!free && line.len() < queue as usize);
                        line.push_back(in_line(queued));
                    },
                    Enter::Full => {
                        prop_assert!(!free && line.len() >= queue as usize);
                        refused += 1;
                    },
                }
            },
            Step::Leave(index) if index < places.len() => drop(places.swap_remove(index)),
            Step::Cancel(index) if index < line.len() => drop(line.remove(index)),
            Step::Poll => {
                let expected = owed(&places, &line, limit) > 0;
                let Some(first) = line.front_mut() else { continue };
                match poll(first) {
                    Poll::Ready(permit) => {
                        prop_assert!(expected);
                        places.push(permit.unwrap());
                        line.pop_front();
                    },
                    Poll::Pending => prop_assert!(!expected),
                }
            },
            Step::Resize(concurrent) => {
                // Who was given a place keeps it although the limit falls: let them look first.
                while let Some(Poll::Ready(permit)) = line.front_mut().map(poll) {
                    places.push(permit.unwrap());
                    line.pop_front();
                }
                limit = concurrent;
                bulkhead = bulkhead.after(&policy(limit, queue, 1_000));
            },
            Step::Leave(_) | Step::Cancel(_) => {},
        }
        let in_use = places.len() + owed(&places, &line, limit);
        let expected = state(limit, in_use as u32, line.len() as u32, refused);
        prop_assert_eq!(bulkhead.state(), expected);
    }
    Ok(())
}

#[test]
fn many_threads_never_have_more_places_than_there_are() {
    const LIMIT: u32 = 3;
    let bulkhead = Bulkhead::new(&policy(LIMIT, 0, 0));
    let (inside, barrier) = (AtomicU32::new(0), std::sync::Barrier::new(8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..1_000 {
                    if let Enter::Entered(_place) = bulkhead.enter(now()) {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < LIMIT);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(bulkhead.state().in_use, 0);
}
