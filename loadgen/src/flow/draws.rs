//! Every random choice of a journey besides its requests: how long the user thinks and the client
//! waits. Each is a pure function of the journey, the step and the turn, so the order in which
//! journeys run, and what else they draw, changes none of them.

use std::time::Duration;

use model::decision::{indexed, numbered};
use model::distribution::Distribution;
use model::policy::RetryPolicy;

/// A turn of a step, as draws tell them apart. The first turn of a step is the step's own number.
pub(crate) fn place(step: usize, turn: u32) -> u64 {
    step as u64 | (u64::from(turn) << 32)
}

pub(crate) fn think(key: u64, place: u64, think: &Distribution) -> Duration {
    think.sample(indexed(key, "think", place))
}

/// Between two turns of a step that is repeated until something holds.
pub(crate) fn pause(key: u64, place: u64, pause: &Distribution) -> Duration {
    pause.sample(indexed(key, "pause", place))
}

/// The wait before attempt `attempt` (from 1): uniform in `[0, min(max, min * 2^(n-1))]`, but not
/// below half of the lower end.
pub(crate) fn backoff(key: u64, place: u64, policy: &RetryPolicy, attempt: u32) -> Duration {
    let min_ms = policy.backoff_min_ms;
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    let top_ms = min_ms.saturating_mul(doubled).min(policy.backoff_max_ms) as f64;
    let of_attempt = format!("backoff {attempt}");
    let drawn_ms = numbered(key, "backoff", &of_attempt, place).as_f64() * top_ms;
    Duration::from_secs_f64(drawn_ms.max(min_ms as f64 / 2.0) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use model::policy::RetryOn;
    use model::units::Share;

    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 5,
            on: vec![RetryOn::Connect],
            backoff_min_ms: 50,
            backoff_max_ms: 300,
            budget: Share::WHOLE,
            budget_reserve_per_s: 1,
            retry_after_max_ms: 0,
        }
    }

    #[test]
    fn waits_double_up_to_their_bound_and_never_fall_below_half_of_the_lower_end() {
        for (attempt, top_ms) in [(1, 50.0), (2, 100.0), (3, 200.0), (4, 300.0), (40, 300.0)] {
            let waits =
                (0..1_000).map(|key| backoff(key, 3, &policy(), attempt).as_secs_f64() * 1e3);
            let (mut least, mut most) = (f64::MAX, 0.0_f64);
            for wait_ms in waits {
                (least, most) = (least.min(wait_ms), most.max(wait_ms));
            }
            assert!((25.0..26.0).contains(&least), "{attempt}: {least}");
            assert!(most <= top_ms && most > top_ms * 0.98, "{attempt}: {most}");
        }
    }

    #[test]
    fn every_step_turn_and_journey_draws_for_itself() {
        let uniform = Distribution::Uniform { min_us: 0, max_us: 1_000_000 };
        let drawn = |key, step, turn| think(key, place(step, turn), &uniform);
        assert_eq!(drawn(7, 0, 0), drawn(7, 0, 0));
        for other in [drawn(8, 0, 0), drawn(7, 1, 0), drawn(7, 0, 1)] {
            assert_ne!(drawn(7, 0, 0), other);
        }
        assert_ne!(drawn(7, 0, 0), pause(7, place(0, 0), &uniform));
        assert_eq!(place(3, 0), 3);
    }
}
