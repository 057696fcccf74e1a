//! Is a failed attempt worth another one, and when? Pure; the number of attempts is bounded by the
//! policy, their share of the traffic by the budget, and both are asked apart.
//!
//! A callee may have a say in it ([`Advice`]): `retry-after` and `grpc-retry-pushback-ms` move the
//! next attempt or rule it out.

use std::time::Duration;

use model::decision::named;
use model::policy::{RetryOn, RetryPolicy};

pub(crate) mod advice;
mod date;

use advice::Advice;

/// Says that it did nothing with the request.
const SERVICE_UNAVAILABLE: u16 = 503;

/// May the request be repeated although the callee may have done the work? Methods are those of
/// RFC 9110 §9.2.2, as they are written: a `get` is another method.
pub(crate) fn is_idempotent(method: &str, has_idempotency_key: bool) -> bool {
    has_idempotency_key || matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// Does the policy want another attempt after this failure? Budget and number are asked apart.
pub(crate) fn wants(policy: &RetryPolicy, trigger: RetryOn, idempotent: bool) -> bool {
    let nothing_done = match trigger {
        RetryOn::Connect => true,
        RetryOn::Reset => false,
        RetryOn::Status(status) => status == SERVICE_UNAVAILABLE,
    };
    policy.on.contains(&trigger) && (nothing_done || idempotent)
}

/// The wait before attempt `attempt` (from 1), drawn from the seed so that it repeats.
pub(crate) fn backoff(policy: &RetryPolicy, seed: u64, about: &[&str], attempt: u32) -> Duration {
    let min_ms = policy.backoff_min_ms;
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    let top_ms = min_ms.saturating_mul(doubled).min(policy.backoff_max_ms) as f64;
    let number = attempt.to_string();
    let names: Vec<&str> = about.iter().copied().chain([number.as_str()]).collect();
    let drawn_ms = named(seed, "backoff", &names).as_f64() * top_ms;
    Duration::from_secs_f64(drawn_ms.max(min_ms as f64 / 2.0) / 1_000.0)
}

/// The wait before the next attempt, from the drawn one and what the callee said; `None` when there
/// is to be no next attempt. Never before the time that the callee named, and with the drawn wait
/// on top, so that not all whom it told the same come back at once.
pub(crate) fn wait(policy: &RetryPolicy, drawn: Duration, advice: Advice) -> Option<Duration> {
    let longest = Duration::from_millis(policy.retry_after_max_ms);
    match advice {
        Advice::Stop => None,
        Advice::After(after) if !longest.is_zero() => {
            (after <= longest).then(|| after.saturating_add(drawn))
        },
        Advice::After(_) | Advice::Nothing => Some(drawn),
    }
}

#[cfg(test)]
mod tests;
