use std::time::Duration;

use super::*;

fn after(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_time_is_given_and_leaves_no_wait_behind() {
    let vigil = Vigil::default();
    assert_eq!(vigil.guard(after(5), async { 7 }).await, Ok(7));
    assert!(vigil.0.waits.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_wait_ends_at_its_own_time_and_not_before() {
    let vigil = Vigil::default();
    let begin = Instant::now();
    let wait = |ms: u64| {
        let vigil = vigil.clone();
        async move {
            let end = vigil.guard(begin + Duration::from_millis(ms), std::future::pending::<()>());
            assert_eq!(end.await, Err(GivenUp::Timeout));
            begin.elapsed().as_millis() as u64
        }
    };
    let all = async { tokio::join!(wait(30), wait(10), wait(20)) };
    let (a, b, c) = vigil.attended(all).await;
    assert_eq!((a, b, c), (30, 10, 20));
    assert!(vigil.0.waits.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_earliest_end_is_learned_again_once_it_has_passed() {
    let vigil = Vigil::default();
    let (early, late) = (after(10), after(50));
    assert_eq!(vigil.guard(early, async {}).await, Ok(()));
    let waiting = vigil.guard(late, std::future::pending::<()>());
    let mut waiting = std::pin::pin!(waiting);
    let pending = std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
    assert!(pending.await.is_pending());
    assert_eq!(vigil.earliest(), Some(early));
    vigil.sweep(early);
    assert_eq!(vigil.earliest(), Some(late));
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_waits_that_are_there_and_waits_to_come() {
    let vigil = Vigil::default();
    let stop = async {
        tokio::task::yield_now().await;
        vigil.abort();
    };
    let (slept, ()) = tokio::join!(vigil.sleep_until(after(1_000)), stop);
    assert_eq!(slept, Err(GivenUp::Stopped));
    assert_eq!(vigil.sleep_until(after(1_000)).await, Err(GivenUp::Stopped));
}

#[tokio::test(start_paused = true)]
async fn who_sweeps_is_told_when_a_wait_ends_before_all_others() {
    let vigil = Vigil::default();
    let told = |vigil: &Vigil| {
        let vigil = vigil.clone();
        async move { tokio::time::timeout(Duration::from_millis(1), vigil.sooner()).await.is_ok() }
    };
    assert!(!told(&vigil).await);
    let both = async { tokio::join!(vigil.sooner(), vigil.guard(after(50), async {})) };
    both.await.1.unwrap();
    vigil.guard(after(60), async {}).await.unwrap();
    assert!(!told(&vigil).await, "the bound is not moved by a later end");
    vigil.guard(after(40), async {}).await.unwrap();
    assert!(told(&vigil).await);
    assert!(!told(&vigil).await);
}
