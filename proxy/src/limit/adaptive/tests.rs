use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::units::Share;
use proptest::prelude::*;

use super::*;

fn start() -> Instant {
    Instant::now()
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

fn limiter(policy: &AdaptiveLimit, now: Instant) -> Adaptive {
    Adaptive::with_seed(policy, now, 7)
}

/// A callee with so many workers, each busy with one request for a fixed time, and a line in front
/// of them, under requests that come at fixed intervals.
struct Simulation {
    limiter: Adaptive,
    origin: Instant,
    now_us: u64,
    free_at_us: BinaryHeap<Reverse<u64>>,
    service_us: u64,
    /// Requests inside, by their end, with their begin.
    inside: BinaryHeap<Reverse<(u64, u64)>>,
    permits: Vec<Permit>,
    lowest: u32,
    completed: u64,
}

impl Simulation {
    fn new(policy: &AdaptiveLimit, workers: usize, service_us: u64) -> Self {
        let origin = start();
        Self {
            limiter: limiter(policy, origin),
            origin,
            now_us: 0,
            free_at_us: std::iter::repeat_n(Reverse(0), workers).collect(),
            service_us,
            inside: BinaryHeap::new(),
            permits: Vec::new(),
            lowest: u32::MAX,
            completed: 0,
        }
    }

    fn set_workers(&mut self, workers: usize) {
        let now = Reverse(self.now_us);
        self.free_at_us = std::iter::repeat_n(now, workers).collect();
    }

    /// Requests every `gap_us` for `for_us`; answers how many came back.
    fn run(&mut self, for_us: u64, gap_us: u64) -> u64 {
        let (end, before) = (self.now_us + for_us, self.completed);
        while self.now_us < end {
            self.complete_until(self.now_us);
            let state = self.limiter.state();
            if !state.measuring {
                self.lowest = self.lowest.min(state.limit);
            }
            if let Some(permit) = self.limiter.enter(self.at(self.now_us)) {
                self.permits.push(permit);
                let Reverse(free) = self.free_at_us.pop().unwrap();
                let done = free.max(self.now_us) + self.service_us;
                self.free_at_us.push(Reverse(done));
                self.inside.push(Reverse((done, self.now_us)));
            }
            self.now_us += gap_us;
        }
        self.completed - before
    }

    fn complete_until(&mut self, until_us: u64) {
        while let Some(Reverse((done, began))) = self.inside.peek().copied() {
            if done > until_us {
                break;
            }
            self.inside.pop();
            self.permits.pop();
            self.limiter.record(us(done - began), self.at(done));
            self.completed += 1;
        }
    }

    fn at(&self, us_since: u64) -> Instant {
        self.origin + us(us_since)
    }

    fn limit(&self) -> u32 {
        self.limiter.state().limit
    }
}

const SECOND: u64 = 1_000_000;

#[test]
fn the_limit_begins_low_and_grows_to_its_upper_end_while_the_callee_is_at_ease() {
    let policy = AdaptiveLimit { concurrent_max: 200, ..AdaptiveLimit::default() };
    let mut run = Simulation::new(&policy, 20, 10_000);
    assert_eq!(run.limit(), 3);
    // 500 per second of the 2,000 that it can do.
    run.run(5 * SECOND, 2_000);
    assert_eq!(run.limit(), 200);
}

#[test]
fn under_twice_the_load_that_the_callee_can_bear_the_limit_keeps_it_busy_but_not_swamped() {
    let policy = AdaptiveLimit::default();
    let mut run = Simulation::new(&policy, 20, 10_000);
    run.run(5 * SECOND, 250);
    let completed = run.run(5 * SECOND, 250);
    // Not below the 20 workers, and above them a headroom of a quarter and its root.
    assert!((20..=31).contains(&run.limit()), "{}", run.limit());
    assert!(completed >= 9_900, "{completed} of the 10,000 that it can do");
    let sample = run.limiter.state().sample_rtt.unwrap();
    assert!(sample < us(20_000), "{sample:?}");
}

#[test]
fn a_callee_that_loses_workers_is_given_fewer_requests_and_more_when_they_are_back() {
    let policy = AdaptiveLimit::default();
    let mut run = Simulation::new(&policy, 20, 10_000);
    run.run(5 * SECOND, 250);
    run.set_workers(5);
    run.run(5 * SECOND, 250);
    assert!((5..=10).contains(&run.limit()), "{}", run.limit());
    run.set_workers(20);
    run.run(5 * SECOND, 250);
    assert!((20..=31).contains(&run.limit()), "{}", run.limit());
}

#[test]
fn the_limit_never_falls_below_its_lower_end() {
    let policy = AdaptiveLimit { concurrent_min: 4, ..AdaptiveLimit::default() };
    let mut run = Simulation::new(&policy, 20, 10_000);
    run.run(3 * SECOND, 250);
    run.set_workers(1);
    run.run(10 * SECOND, 250);
    assert_eq!(run.lowest, 4);
}

#[test]
fn the_minimum_is_measured_again_at_low_concurrency_and_the_limit_comes_back() {
    let policy = AdaptiveLimit {
        min_rtt_interval_ms: 4_000,
        concurrent_max: 100,
        ..AdaptiveLimit::default()
    };
    let mut run = Simulation::new(&policy, 20, 10_000);
    run.run(3 * SECOND, 2_000);
    assert_eq!((run.limit(), run.limiter.state().measuring), (100, false));
    // Due at the latest when the interval and all of its jitter are over.
    let measured_at = (0..40).find(|_| {
        run.run(SECOND / 20, 2_000);
        run.limiter.state().measuring
    });
    assert!(measured_at.is_some());
    assert_eq!(run.limit(), 3);
    run.run(SECOND, 2_000);
    assert_eq!((run.limit(), run.limiter.state().measuring), (100, false));
}

#[test]
fn a_callee_that_stays_slower_is_measured_anew_and_the_limit_grows_again() {
    let policy = AdaptiveLimit { concurrent_max: 100, ..AdaptiveLimit::default() };
    let mut run = Simulation::new(&policy, 100, 10_000);
    run.run(3 * SECOND, 1_000);
    run.service_us = 40_000;
    run.run(SECOND, 1_000);
    assert_eq!(run.lowest, 3, "four times the minimum looks like an overload");
    run.run(5 * SECOND, 1_000);
    let state = run.limiter.state();
    assert!(state.min_rtt.unwrap() >= us(40_000));
    assert_eq!(state.limit, 100);
}

#[test]
fn responses_of_requests_from_before_a_measurement_do_not_count_for_it() {
    let now = start();
    let policy = AdaptiveLimit { min_rtt_requests: 2, ..AdaptiveLimit::default() };
    let limiter = limiter(&policy, now);
    let later = now + us(1_000);
    limiter.record(us(2_000), later);
    limiter.record(us(1_000), later);
    assert!(limiter.state().measuring);
    limiter.record(us(500), later);
    let min_rtt = limiter.state().min_rtt.unwrap();
    assert!((us(1_000)..us(1_040)).contains(&min_rtt), "{min_rtt:?}");
}

#[test]
fn a_window_with_too_few_responses_goes_on_until_it_has_enough() {
    let now = start();
    let policy = AdaptiveLimit {
        min_rtt_requests: 1,
        window_requests: 3,
        concurrent_min: 10,
        ..AdaptiveLimit::default()
    };
    let limiter = limiter(&policy, now);
    limiter.record(us(1_000), now + us(1_000));
    let at = |windows: u64| now + us(1_000) + Duration::from_millis(100 * windows);
    for windows in 1..=2 {
        limiter.record(us(1_000), at(windows));
        assert_eq!(limiter.state().sample_rtt, None);
    }
    limiter.record(us(1_000), at(3));
    // 10 * 1.25 and its root.
    assert_eq!(limiter.state().limit, 16);
    assert_eq!(limiter.state().gradient, Some(1.25));
}

#[test]
fn a_gradient_is_cut_so_that_one_window_at_most_halves_or_doubles() {
    for (took_us, expected) in [(100_000, 100 / 2 + 7), (1_000, 125 + 11), (1, 200 + 14)] {
        let now = start();
        let policy = AdaptiveLimit {
            min_rtt_requests: 1,
            window_requests: 1,
            concurrent_min: 100,
            ..AdaptiveLimit::default()
        };
        let wide = limiter(&policy, now);
        wide.record(us(1_000), now + us(1_000));
        let narrow = AdaptiveLimit { concurrent_min: 1, ..policy };
        let limiter = wide.after(&narrow, now + us(1_000));
        limiter.record(us(took_us), now + us(102_000));
        assert_eq!(limiter.state().limit, expected, "{took_us}");
    }
}

#[test]
fn another_policy_keeps_the_requests_in_flight_and_what_was_learned() {
    let policy = AdaptiveLimit { concurrent_max: 100, ..AdaptiveLimit::default() };
    let mut run = Simulation::new(&policy, 20, 10_000);
    run.run(3 * SECOND, 2_000);
    let now = run.at(run.now_us);
    let before = run.limiter.state();
    assert!(before.in_flight > 0);
    let policy = AdaptiveLimit { concurrent_max: 50, ..policy };
    let lower = run.limiter.after(&policy, now);
    let state = lower.state();
    assert_eq!((state.limit, state.in_flight), (50, before.in_flight));
    assert_eq!((state.min_rtt, state.measuring), (before.min_rtt, false));
    let median = AdaptiveLimit { percentile: Share::from_ppm(500_000), ..policy };
    assert!(run.limiter.after(&median, now).state().measuring, "another percentile, other minimum");
    run.permits.clear();
    assert_eq!(lower.state().in_flight, 0);
}

#[test]
fn a_refused_request_is_counted_and_not_in_flight() {
    let now = start();
    let limiter = limiter(&AdaptiveLimit::default(), now);
    let permits: Vec<Permit> = std::iter::from_fn(|| limiter.enter(now)).collect();
    let state = limiter.state();
    assert_eq!((permits.len(), state.in_flight, state.refused), (3, 3, 1));
    drop(permits);
    assert_eq!(limiter.state().in_flight, 0);
}

#[test]
fn a_policy_of_zeros_still_lets_one_request_through() {
    let now = start();
    let policy = AdaptiveLimit {
        percentile: Share::ZERO,
        window_ms: 0,
        window_requests: 0,
        min_rtt_interval_ms: 0,
        min_rtt_requests: 0,
        min_rtt_concurrent: 0,
        buffer: Share::ZERO,
        concurrent_min: 0,
        concurrent_max: 0,
    };
    let limiter = limiter(&policy, now);
    for step in 0..100 {
        let at = now + us(step);
        assert!(limiter.enter(at).is_some());
        limiter.record(Duration::ZERO, at);
        assert_eq!(limiter.state().limit, 1);
    }
}

proptest! {
    #[test]
    fn whatever_comes_the_limit_is_within_its_bounds_or_that_of_a_measurement(
        steps in prop::collection::vec((0_u64..200_000, 0_u64..500_000), 1..120),
        concurrent_min in 1_u32..20,
        more in 0_u32..100,
        min_rtt_concurrent in 1_u32..5,
    ) {
        let policy = AdaptiveLimit {
            min_rtt_interval_ms: 1_000,
            min_rtt_requests: 3,
            min_rtt_concurrent,
            concurrent_min,
            concurrent_max: concurrent_min + more,
            ..AdaptiveLimit::default()
        };
        let mut now = start();
        let limiter = limiter(&policy, now);
        for (pause_us, took_us) in steps {
            now += us(pause_us);
            limiter.record(us(took_us), now);
            let State { limit, measuring, .. } = limiter.state();
            if measuring {
                prop_assert!((1..=min_rtt_concurrent).contains(&limit), "{limit}");
            } else {
                prop_assert!((concurrent_min..=concurrent_min + more).contains(&limit), "{limit}");
            }
        }
    }
}

#[test]
fn many_threads_never_have_more_requests_in_flight_than_the_limit() {
    let now = start();
    let policy = AdaptiveLimit { min_rtt_requests: u32::MAX, ..AdaptiveLimit::default() };
    let limiter = limiter(&policy, now);
    let (inside, barrier) = (AtomicU32::new(0), std::sync::Barrier::new(8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..1_000 {
                    let Some(_permit) = limiter.enter(now) else { continue };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    limiter.record(us(1), now + us(1));
                }
            });
        }
    });
    assert_eq!(limiter.state().in_flight, 0);
}
