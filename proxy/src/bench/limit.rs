//! One step of each limit, as a request takes it.

use std::fmt;
use std::time::Duration;

use model::fault::Per;
use model::policy::{AdaptiveLimit, Bulkhead as BulkheadPolicy, HedgePolicy, RateLimit};
use model::units::Share;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::hedge::Hedger;
use crate::limit::adaptive::Adaptive;
use crate::limit::bulkhead::{Bulkhead, Enter};
use crate::limit::rate::{Rate, RateLimiter};

pub(super) type Step = Box<dyn FnMut(u64, Instant) -> bool>;

/// A part, and what one request asks of it.
pub struct Case {
    pub name: &'static str,
    /// Called with a rising number and the time; true when the request was let through.
    pub step: Step,
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

pub fn cases(now: Instant) -> Vec<Case> {
    let case = |name, step| Case { name, step };
    vec![
        case("rate check, one limit for the edge", rate(Per::Edge, now)),
        case("rate check, one of 1,000 known keys", rate(Per::User, now)),
        case("rate fields, written", rate_fields(now)),
        case("bulkhead, enter and leave", bulkhead(now)),
        case("adaptive, enter, record and leave", adaptive(now)),
        case("hedger, record", hedger_record(now)),
        case("hedger, delay", hedger_delay(now)),
        case("budget, deposit and withdraw", budget(now)),
    ]
}

fn limiter(per: Per, now: Instant) -> RateLimiter {
    let policy = RateLimit { count: u32::MAX, period_ms: 1, burst: u32::MAX, per };
    RateLimiter::new(&policy, now)
}

fn rate(per: Per, now: Instant) -> Step {
    let limiter = limiter(per, now);
    let keys: Vec<String> = (0..1_000).map(|user| format!("u1-{user:04}")).collect();
    Box::new(move |number, now| {
        let key = &keys[number as usize % keys.len()];
        matches!(limiter.check(key, now), Rate::Pass(_))
    })
}

fn rate_fields(now: Instant) -> Step {
    let rate = limiter(Per::Edge, now).check("", now);
    Box::new(move |_number, _now| {
        let mut bytes = 0;
        std::hint::black_box(rate).fields(|name, value| bytes += name.len() + value.len());
        bytes > 0
    })
}

fn bulkhead(_now: Instant) -> Step {
    let bulkhead = Bulkhead::new(&BulkheadPolicy { concurrent: 100, queue: 10, wait_ms: 100 });
    Box::new(move |_number, now| matches!(bulkhead.enter(now), Enter::Entered(_)))
}

fn adaptive(now: Instant) -> Step {
    let limiter = Adaptive::new(&AdaptiveLimit::default(), now);
    Box::new(move |number, now| {
        let permit = limiter.enter(now);
        limiter.record(Duration::from_nanos(100_000 + number % 1_024), now);
        permit.is_some()
    })
}

fn hedger(now: Instant) -> Hedger {
    let percentile = Share::from_ppm(950_000);
    Hedger::new(&HedgePolicy { percentile, delay_min_ms: 1, minimum_requests: 20 }, now)
}

fn hedger_record(now: Instant) -> Step {
    let hedger = hedger(now);
    Box::new(move |number, now| {
        hedger.record(Duration::from_nanos(100_000 + number % 1_024), now);
        true
    })
}

fn hedger_delay(now: Instant) -> Step {
    let hedger = hedger(now);
    (0..100).for_each(|_| hedger.record(Duration::from_millis(7), now));
    Box::new(move |_number, now| hedger.delay(now).is_some())
}

fn budget(now: Instant) -> Step {
    let budget = Budget::new(Share::WHOLE, 1, now);
    Box::new(move |_number, now| {
        budget.deposit(now);
        budget.withdraw(now)
    })
}
