//! Is a failed attempt worth another one? The words and rules are those of the gateway's policies.

use std::time::Duration;

use model::policy::{RetryOn, RetryPolicy};

use crate::client::Failure;
use crate::flow::answer::Answer;

/// Says that it did nothing with the request.
const SERVICE_UNAVAILABLE: u16 = 503;

/// May a request be sent again although the first one may have been acted upon? Methods are those
/// of RFC 9110 §9.2.2.
pub(crate) fn is_idempotent(method: &str, has_idempotency_key: bool) -> bool {
    has_idempotency_key || matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// What a failed attempt is to a policy; `None` is never repeated. An attempt whose own time is
/// over counts as broken. What the generator itself lacks, files or ports, is no fault of the
/// target, and asking again would only make it worse.
pub(crate) fn trigger(failure: Failure) -> Option<RetryOn> {
    match failure {
        Failure::Refused | Failure::Unreachable | Failure::NameUnknown | Failure::Tls => {
            Some(RetryOn::Connect)
        },
        Failure::Reset | Failure::Closed | Failure::Timeout => Some(RetryOn::Reset),
        Failure::Status(status) => Some(RetryOn::Status(status)),
        Failure::FilesExhausted
        | Failure::PortsExhausted
        | Failure::Garbage
        | Failure::TooLarge
        | Failure::Stopped
        | Failure::Unsaved
        | Failure::Unsendable
        | Failure::Check
        | Failure::Never
        | Failure::Overtaken => None,
    }
}

/// Does the policy want another attempt after this failure? Budget and number are asked apart.
pub(crate) fn wants(policy: &RetryPolicy, failure: Failure, idempotent: bool) -> bool {
    let Some(trigger) = trigger(failure) else { return false };
    let nothing_done = match trigger {
        RetryOn::Connect => true,
        RetryOn::Reset => false,
        RetryOn::Status(status) => status == SERVICE_UNAVAILABLE,
    };
    policy.on.contains(&trigger) && (nothing_done || idempotent)
}

/// The wait before the next attempt, from the drawn one and what the answer says; `None` when the
/// answer asks for more patience than the client has. Only seconds are read: a date would have to
/// be compared with a clock that is not the target's.
pub(crate) fn wait(policy: &RetryPolicy, drawn: Duration, answer: &Answer<'_>) -> Option<Duration> {
    let longest = Duration::from_millis(policy.retry_after_max_ms);
    if longest.is_zero() {
        return Some(drawn);
    }
    let said = answer.header("retry-after").next().and_then(|text| std::str::from_utf8(text).ok());
    match said.and_then(|text| text.parse().ok()).map(Duration::from_secs) {
        Some(after) => (after <= longest).then(|| after.saturating_add(drawn)),
        None => Some(drawn),
    }
}

#[cfg(test)]
mod tests {
    use model::units::Share;

    use super::*;

    fn policy(retry_after_max_ms: u64) -> RetryPolicy {
        RetryPolicy {
            attempts: 3,
            on: vec![RetryOn::Connect, RetryOn::Reset, RetryOn::Status(503), RetryOn::Status(500)],
            backoff_min_ms: 10,
            backoff_max_ms: 20,
            budget: Share::WHOLE,
            budget_reserve_per_s: 0,
            retry_after_max_ms,
        }
    }

    #[test]
    fn what_may_have_been_done_is_only_repeated_when_that_is_safe() {
        for (failure, safe, unsafe_too) in [
            (Failure::Refused, true, true),
            (Failure::NameUnknown, true, true),
            (Failure::Status(503), true, true),
            (Failure::Status(500), true, false),
            (Failure::Status(502), false, false),
            (Failure::Reset, true, false),
            (Failure::Closed, true, false),
            (Failure::Timeout, true, false),
            (Failure::Garbage, false, false),
            (Failure::PortsExhausted, false, false),
            (Failure::Stopped, false, false),
            (Failure::Check, false, false),
        ] {
            assert_eq!(wants(&policy(0), failure, true), safe, "{failure:?}");
            assert_eq!(wants(&policy(0), failure, false), unsafe_too, "{failure:?}");
        }
        let never = RetryPolicy { on: Vec::new(), ..policy(0) };
        assert!(!wants(&never, Failure::Refused, true));
    }

    #[test]
    fn the_key_makes_a_post_safe() {
        assert!(is_idempotent("GET", false) && is_idempotent("POST", true));
        assert!(!is_idempotent("POST", false) && !is_idempotent("PATCH", false));
    }

    #[test]
    fn an_answer_may_move_the_next_attempt_or_rule_it_out() {
        let drawn = Duration::from_millis(15);
        let after = |text: &str, most_ms| {
            let head = format!("retry-after: {text}\r\n");
            wait(&policy(most_ms), drawn, &Answer::new(503, head.as_bytes(), b""))
        };
        assert_eq!(after("2", 0), Some(drawn));
        assert_eq!(after("2", 5_000), Some(Duration::from_millis(2_015)));
        assert_eq!(after("9", 5_000), None);
        assert_eq!(after("soon", 5_000), Some(drawn));
    }
}
