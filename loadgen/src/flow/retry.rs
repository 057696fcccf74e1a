//! Is a failed attempt worth another one? The words and rules are those of the gateway's policies.

use std::time::Duration;

use model::policy::{RetryOn, RetryPolicy};

use crate::client::Failure;
use crate::flow::answer::Answer;
use crate::flow::date;

const NS_PER_S: u64 = 1_000_000_000;
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
/// answer asks for more patience than the client has. `now_ns` is when the answer came, since the
/// Unix epoch.
pub(crate) fn wait(
    policy: &RetryPolicy,
    drawn: Duration,
    answer: &Answer<'_>,
    now_ns: u64,
) -> Option<Duration> {
    let longest = Duration::from_millis(policy.retry_after_max_ms);
    if longest.is_zero() {
        return Some(drawn);
    }
    match after(answer, now_ns) {
        Some(after) => (after <= longest).then(|| after.saturating_add(drawn)),
        None => Some(drawn),
    }
}

/// What `retry-after` asks for (RFC 9110 §10.2.3), in seconds or as a date; a date that has passed
/// asks for no wait. The `date` of the same answer, when it has one, is the clock that the date is
/// read by: it is the target's own, and ours may differ from it.
fn after(answer: &Answer<'_>, now_ns: u64) -> Option<Duration> {
    let said = |name| {
        let text = answer.header(name).next().and_then(|text| std::str::from_utf8(text).ok());
        text.map(str::trim)
    };
    let text = said("retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let ns_of = |unix_s: i64| u64::try_from(unix_s).unwrap_or(0).saturating_mul(NS_PER_S);
    let at_ns = ns_of(date::parse(text)?);
    let now_ns = said("date").and_then(date::parse).map_or(now_ns, ns_of);
    Some(Duration::from_nanos(at_ns.saturating_sub(now_ns)))
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
        // 1994-11-15, 08:12:31.25 on our clock.
        let now_ns = 784_887_151 * NS_PER_S + NS_PER_S / 4;
        let waits = |head: &str, most_ms| {
            let answer = Answer::new(503, head.as_bytes(), b"");
            wait(&policy(most_ms), drawn, &answer, now_ns)
        };
        let ms = |ms| Some(Duration::from_millis(ms));
        for (head, most_ms, expected) in [
            ("retry-after: 2\r\n", 0, ms(15)),
            ("retry-after: 2\r\n", 5_000, ms(2_015)),
            ("retry-after: 9\r\n", 5_000, None),
            ("retry-after: soon\r\n", 5_000, ms(15)),
            ("", 5_000, ms(15)),
            ("retry-after: Tue, 15 Nov 1994 08:12:33 GMT\r\n", 5_000, ms(1_765)),
            ("retry-after: Tuesday, 15-Nov-94 08:12:33 GMT\r\n", 5_000, ms(1_765)),
            ("retry-after: Tue Nov 15 08:12:33 1994\r\n", 5_000, ms(1_765)),
            ("retry-after: Tue, 15 Nov 1994 08:12:33 GMT\r\n", 1_000, None),
            ("retry-after: Tue, 15 Nov 1994 08:12:30 GMT\r\n", 5_000, ms(15)),
            ("retry-after: Tue, 15 Nov 1994 07:00:00 GMT\r\n", 5_000, ms(15)),
            // The target's clock is an hour ahead of ours, and knows what it means.
            (
                "date: Tue, 15 Nov 1994 09:12:31 GMT\r\n\
                 retry-after: Tue, 15 Nov 1994 09:12:34 GMT\r\n",
                5_000,
                ms(3_015),
            ),
        ] {
            assert_eq!(waits(head, most_ms), expected, "{head:?} at most {most_ms} ms");
        }
    }
}
