//! One call's share of a breaker: asking for it and recording how it ended.

use std::hint::black_box;
use std::time::Duration;

use model::policy::{BreakerPolicy, BreakerState, ShadowBreaker};
use tokio::time::Instant;

use crate::breaker::{Admission, Breaker, By, Outcome};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// A window of this time instead of a hundred calls.
    pub window_ms: Option<u64>,
    pub shadows: usize,
    /// Every call is rejected.
    pub open: bool,
}

/// Mean time in nanoseconds of `(acquire, record)` over that many calls. The time that calls come
/// at is made up, because reading a clock is no part of the breaker.
pub fn nanoseconds(case: Case, calls: u32) -> (f64, f64) {
    let start = Instant::now();
    let breaker = breaker(case, start);
    let by = By::NONE;
    let (mut asking, mut telling) = (Duration::ZERO, Duration::ZERO);
    let mut admitted = Vec::with_capacity(BATCH as usize);
    let mut now = start;
    for batch in 0..calls / BATCH {
        let began = Instant::now();
        for _ in 0..BATCH {
            now += Duration::from_micros(50);
            if let (Admission::Pass(call), _) = black_box(breaker.acquire(black_box(now), by)) {
                admitted.push(call);
            }
        }
        let asked = Instant::now();
        for (number, call) in admitted.drain(..).enumerate() {
            let failed = (number as u32 + batch).is_multiple_of(10);
            let outcome = Outcome::Ended { failed, took: Duration::from_millis(5) };
            black_box(breaker.record(black_box(call), outcome, black_box(now)));
        }
        telling += asked.elapsed();
        asking += asked - began;
    }
    let each = |sum: Duration| sum.as_nanos() as f64 / f64::from(calls);
    (each(asking), each(telling))
}

/// Calls between two looks at the clock.
const BATCH: u32 = 1_000;

fn breaker(case: Case, now: Instant) -> Breaker {
    let policy = BreakerPolicy {
        window_ms: case.window_ms,
        slow_call_ms: Some(100),
        consecutive: Some(50),
        open_ms: 1_000_000_000,
        initial: if case.open { BreakerState::Open } else { BreakerState::Closed },
        ..BreakerPolicy::default()
    };
    let shadow = |number| ShadowBreaker { name: format!("{number}"), policy: policy.clone() };
    let shadows: Vec<ShadowBreaker> = (0..case.shadows).map(shadow).collect();
    Breaker::seeded(policy, &shadows, 0, now)
}
