//! Is a failed attempt worth another one, and when? Pure, except for the budget's account.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use model::decision::named;
use model::names::header;
use model::policy::{RetryOn, RetryPolicy};

/// May the request be repeated although the callee may have done the work?
pub(crate) fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    method.is_idempotent() || headers.contains_key(header::IDEMPOTENCY_KEY)
}

/// Does the policy want another attempt after this failure? Budget and number are asked apart.
pub(crate) fn wants(policy: &RetryPolicy, trigger: RetryOn, idempotent: bool) -> bool {
    let nothing_done = match trigger {
        RetryOn::Connect => true,
        RetryOn::Reset => false,
        RetryOn::Status(status) => status == StatusCode::SERVICE_UNAVAILABLE.as_u16(),
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

#[cfg(test)]
mod tests {
    use model::units::Share;

    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 3,
            on: vec![RetryOn::Connect, RetryOn::Reset, RetryOn::Status(503), RetryOn::Status(500)],
            backoff_min_ms: 20,
            backoff_max_ms: 50,
            budget: Share::WHOLE,
            budget_reserve_per_s: 0,
            retry_after_max_ms: 0,
        }
    }

    #[test]
    fn what_may_have_been_done_is_repeated_only_when_that_is_harmless() {
        for (trigger, harmful, harmless) in [
            (RetryOn::Connect, true, true),
            (RetryOn::Reset, false, true),
            (RetryOn::Status(503), true, true),
            (RetryOn::Status(500), false, true),
            (RetryOn::Status(502), false, false),
        ] {
            assert_eq!(wants(&policy(), trigger, false), harmful, "{trigger:?}");
            assert_eq!(wants(&policy(), trigger, true), harmless, "{trigger:?}");
        }
    }

    #[test]
    fn a_post_is_repeatable_only_with_a_key() {
        let mut headers = HeaderMap::new();
        assert!(is_idempotent(&Method::GET, &headers));
        assert!(is_idempotent(&Method::DELETE, &headers));
        assert!(!is_idempotent(&Method::POST, &headers));
        headers.insert(header::IDEMPOTENCY_KEY, "k1".parse().unwrap());
        assert!(is_idempotent(&Method::POST, &headers));
    }

    #[test]
    fn waits_grow_within_their_bounds_and_repeat() {
        for (attempt, most_ms) in [(1, 20.0), (2, 40.0), (3, 50.0), (9, 50.0), (200, 50.0)] {
            for id in ["a", "b", "c", "d"] {
                let wait = backoff(&policy(), 7, &[id], attempt);
                assert_eq!(wait, backoff(&policy(), 7, &[id], attempt));
                let ms = wait.as_secs_f64() * 1_000.0;
                assert!((10.0..=most_ms).contains(&ms), "{attempt} {id}: {ms}");
            }
        }
        assert_ne!(backoff(&policy(), 7, &["a"], 2), backoff(&policy(), 7, &["b"], 2));
    }
}
