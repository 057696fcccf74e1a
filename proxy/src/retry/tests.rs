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

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
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
fn a_method_that_is_not_idempotent_is_repeatable_only_with_a_key() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
        assert!(is_idempotent(method, false), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "get", "GETS", ""] {
        assert!(!is_idempotent(method, false), "{method}");
        assert!(is_idempotent(method, true), "{method}");
    }
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

#[test]
fn a_callee_moves_the_next_attempt_within_the_policy_or_rules_it_out() {
    let after = |after_ms| Advice::After(ms(after_ms));
    for (longest_ms, advice, expected_ms) in [
        (0, Advice::Nothing, Some(30)),
        (0, after(1_000), Some(30)),
        (0, Advice::Stop, None),
        (2_000, Advice::Nothing, Some(30)),
        (2_000, after(0), Some(30)),
        (2_000, after(1_000), Some(1_030)),
        (2_000, after(2_000), Some(2_030)),
        (2_000, after(2_001), None),
        (2_000, Advice::Stop, None),
    ] {
        let policy = RetryPolicy { retry_after_max_ms: longest_ms, ..policy() };
        let wait = wait(&policy, ms(30), advice);
        assert_eq!(wait, expected_ms.map(ms), "{longest_ms} {advice:?}");
    }
}
