use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::{Alarm, Timer};

const MS: Duration = Duration::from_millis(1);

fn waiting(timer: &Timer) -> usize {
    timer.0.as_ref().unwrap().waits.lock().waiting.len()
}

async fn once(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) -> Poll<()> {
    std::future::poll_fn(|context| Poll::Ready(poll(context))).await
}

#[tokio::test(start_paused = true)]
async fn the_coarse_timer_stands_still_with_paused_time() {
    let timer = Timer::coarse();
    let before = Instant::now();
    timer.sleep(Duration::from_hours(1)).await;
    assert!(before.elapsed() >= Duration::from_hours(1));
    let mut alarm = Alarm::new(timer);
    let deadline = Instant::now() + 5 * MS;
    assert!(once(|context| alarm.poll_at(context, deadline)).await.is_pending());
    tokio::time::advance(6 * MS).await;
    assert!(once(|context| alarm.poll_at(context, deadline)).await.is_ready());
}

#[tokio::test]
async fn no_wait_ends_early_and_they_end_in_the_order_of_their_deadlines() {
    let timer = Timer::precise().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let begun = Instant::now();
    let tasks: Vec<_> = [9, 3, 6, 1, 6, 12]
        .into_iter()
        .map(|ms| {
            let (timer, order) = (timer.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                let deadline = begun + ms * MS;
                timer.sleep_until(deadline).await;
                assert!(Instant::now() >= deadline);
                order.lock().unwrap().push(ms);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [1, 3, 6, 6, 9, 12]);
    assert_eq!(waiting(&timer), 0);
}

#[tokio::test]
async fn a_deadline_in_the_past_is_no_wait() {
    let timer = Timer::precise().unwrap();
    let mut alarm = Alarm::new(timer.clone());
    let past = Instant::now();
    assert!(once(|context| alarm.poll_at(context, past)).await.is_ready());
    assert_eq!(waiting(&timer), 0);
}

#[tokio::test]
async fn dropped_and_moved_waits_leave_nothing_behind_and_do_not_hold_up_others() {
    let timer = Timer::precise().unwrap();
    let soon = Instant::now() + 60_000 * MS;
    for _ in 0..100 {
        let mut alarm = Alarm::new(timer.clone());
        for ms in 1..20 {
            let deadline = soon + ms * 1_000 * MS;
            assert!(once(|context| alarm.poll_at(context, deadline)).await.is_pending());
            assert_eq!(waiting(&timer), 1);
        }
        assert!(once(|context| alarm.poll_at(context, soon + MS)).await.is_pending());
        drop(alarm);
        assert_eq!(waiting(&timer), 0);
    }
    timer.sleep(2 * MS).await;
}

#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let timer = Timer::precise().unwrap();
    let (first, last) = (Arc::<Counting>::default(), Arc::<Counting>::default());
    let mut alarm = Alarm::new(timer.clone());
    let deadline = Instant::now() + 300 * MS;
    for counting in [&first, &last] {
        let waker = Waker::from(Arc::clone(counting));
        assert!(alarm.poll_at(&mut Context::from_waker(&waker), deadline).is_pending());
    }
    timer.sleep_until(deadline + 2 * MS).await;
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
    assert_eq!(last.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_driver_ends_with_the_last_timer() {
    let timer = Timer::precise().unwrap();
    let waits = Arc::downgrade(&timer.0.as_ref().unwrap().waits);
    timer.sleep(MS).await;
    drop(timer);
    while waits.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_of_several_threads_share_one_timer() {
    let timer = Timer::precise().unwrap();
    let tasks: Vec<_> = (0..64_u32)
        .map(|number| {
            let timer = timer.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    let length = Duration::from_micros(u64::from((number * 7 + turn * 131) % 997));
                    let deadline = Instant::now() + length;
                    timer.sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(waiting(&timer), 0);
}
