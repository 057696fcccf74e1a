use model::policy::{HalfOpenThen, OpenBackoff};
use model::units::Share;
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::*;

mod closed;
mod half_open;
mod interleavings;
mod oracle;
mod orders;
mod reconfigured;
mod shadows;
mod windows;

fn by(number: u64) -> By {
    By {
        trace_id: TraceId::from(u128::from(number)),
        span_id: SpanId::from(number),
        flags: TraceFlags::SAMPLED,
    }
}

fn policy() -> BreakerPolicy {
    BreakerPolicy {
        window_calls: 10,
        minimum_calls: 4,
        failure_rate: Share::from_ppm(500_000),
        slow_call_ms: Some(100),
        slow_rate: Share::from_ppm(800_000),
        open_ms: 5_000,
        half_open_permits: 3,
        half_open_deadline_ms: 1_000,
        ..BreakerPolicy::default()
    }
}

const FAST: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_micros(100_001);
const GOOD: Outcome = Outcome::Ended { failed: false, took: FAST };
const BAD: Outcome = Outcome::Ended { failed: true, took: FAST };
const LATE: Outcome = Outcome::Ended { failed: false, took: SLOW };
const THROTTLED: Outcome = Outcome::Throttled { took: FAST };
const UNKNOWN: Outcome = Outcome::Unknown { took: FAST };
const LEFT_LATE: Outcome = Outcome::Unknown { took: SLOW };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn breaker(policy: BreakerPolicy, now: Instant) -> Breaker {
    Breaker::seeded(policy, &[], 42, now)
}

fn pass(breaker: &Breaker, now: Instant, number: u64) -> Call {
    match breaker.acquire(now, by(number)).0 {
        Admission::Pass(call) => call,
        Admission::Reject { reason, .. } => panic!("rejected: {reason}"),
    }
}

fn reject(breaker: &Breaker, now: Instant) -> (String, Duration) {
    match breaker.acquire(now, by(0)).0 {
        Admission::Pass(_) => panic!("passed"),
        Admission::Reject { reason, retry_after } => (reason.to_string(), retry_after),
    }
}

/// One call after the other; each is named by its place, from 1.
fn run(breaker: &Breaker, now: Instant, outcomes: &[Outcome]) -> Vec<Transition> {
    let mut changes = Vec::new();
    for (number, outcome) in outcomes.iter().enumerate() {
        let call = pass(breaker, now, number as u64 + 1);
        changes.extend(breaker.record(call, *outcome, now));
    }
    changes
}

fn state(breaker: &Breaker, now: Instant) -> BreakerState {
    breaker.status(now).state
}

/// Open since `now`, after four failures.
fn opened(policy: BreakerPolicy, now: Instant) -> Breaker {
    let breaker = breaker(policy, now);
    run(&breaker, now, &[BAD; 4]);
    assert_eq!(state(&breaker, now), BreakerState::Open);
    breaker
}
